// What many rows of the command table have in common.

import { ReplyError, replyErrors } from '../core/errors.ts';
import { codes, valueKinds } from '../engine/addon.ts';
import type { DataCommands } from '../engine/data-commands.ts';
import { checked } from '../keyspace/keyspace.ts';
import { type Call, type Command, firstArgIsKey, type KeySpec, type Words } from './command.ts';

export const allArgsAreKeys: KeySpec = { first: 1, last: -1, step: 1 };
export const keysAndValues: KeySpec = { first: 1, last: -1, step: 2 };
export const twoKeys: KeySpec = { first: 1, last: 2, step: 1 };

/** Flags as COMMAND answers them. */
export const write = ['write'] as const;
export const writeFast = ['write', 'fast'] as const;
export const writeDenyoom = ['write', 'denyoom'] as const;
export const writeDenyoomFast = ['write', 'denyoom', 'fast'] as const;
export const readonly = ['readonly'] as const;
export const readonlyFast = ['readonly', 'fast'] as const;
export const movableWrite = ['write', 'denyoom', 'movablekeys'] as const;

/** Keys behind their number, which is word `at`; with `hasTarget` the first argument is one too. */
export function numberedKeys(at: number, hasTarget = false): KeySpec {
  const first = hasTarget ? 1 : 0;
  return {
    first,
    last: first,
    step: first,
    numberAt: at,
    find(words: Words) {
      const count = words.integer(at);
      if (count === undefined || count < 1 || at + count >= words.count) return undefined;
      const keys = Array.from({ length: count }, (_, i) => at + 1 + i);
      return hasTarget ? [1, ...keys] : keys;
    },
  };
}

/** A native call about plain values. */
type Ask = (values: DataCommands, db: number, call: Call) => number;

/** Replies with the number that the call answers. */
export function integer(ask: Ask): Command['run'] {
  return (call) => call.reply.integer(checked(ask(call.keyspace.values, call.client.db, call)));
}

/** Replies with the bulk that the call holds, or nil. */
export function held(ask: Ask): Command['run'] {
  return (call) => {
    const byteCount = ask(call.keyspace.values, call.client.db, call);
    if (byteCount === -codes.notFound) call.reply.nil();
    else call.reply.held(checked(byteCount));
  };
}

/**
 * For what Redis looks at the key before it looks at other words: what is wrong with those is told
 * only where the key holds `kind`.
 */
export function keyFirst(
  kind: number,
  ifAbsent: (call: Call) => void,
  run: Command['run'],
): Command['run'] {
  return (call) => {
    try {
      run(call);
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      const found = call.keyspace.kind(call.client.db, 1);
      if (found === valueKinds.none) ifAbsent(call);
      else throw found === kind ? error : replyErrors.wrongType();
    }
  };
}

/** Replies with OK. */
export function ok(ask: Ask): Command['run'] {
  return (call) => {
    checked(ask(call.keyspace.values, call.client.db, call));
    call.reply.ok();
  };
}

/** Replies with an array of the rows that the call answers, which have no header. */
export function array(ask: Ask): Command['run'] {
  return (call) => {
    const first = checked(ask(call.keyspace.values, call.client.db, call));
    call.reply.array(call.keyspace.numbers[0] ?? 0);
    call.reply.rows(first);
  };
}

/** Replies with the rows that the call answers, which begin with what they are. */
export function rows(ask: Ask): Command['run'] {
  return (call) => call.reply.rows(checked(ask(call.keyspace.values, call.client.db, call)));
}

type Shape = Partial<Omit<Command, 'name' | 'summary' | 'arity' | 'run'>>;

/** A row about one key, the first argument. */
export function row(
  shape: Shape & Pick<Command, 'flags'>,
  name: string,
  arity: number,
  summary: string,
  run: Command['run'],
): Command {
  return { keys: firstArgIsKey, ...shape, name, arity, summary, run };
}

/** ACL categories that follow from the flags, as Redis derives them; a row adds its own. */
export function categoriesOf(command: Command): string[] {
  const has = (flag: string) => command.flags.includes(flag);
  const categories = [...(command.categories ?? [])];
  if (has('write')) categories.push('@write');
  if (has('readonly')) categories.push('@read');
  if (has('admin')) categories.push('@admin', '@dangerous');
  if (has('blocking')) categories.push('@blocking');
  categories.push(has('fast') ? '@fast' : '@slow');
  return [...new Set(categories)];
}
