// MULTI, EXEC, DISCARD, WATCH and UNWATCH. The dispatcher queues; EXEC carries the queue out under
// the locks of all keys it names, which is the one place where JavaScript runs under a lock.

import { ReplyError, replyErrors } from '../core/errors.ts';
import type { Request } from '../resp/request.ts';
import {
  type Call,
  type Client,
  type Command,
  firstArgIsKey,
  noKeys,
  type Prepared,
} from './command.ts';

/** The words of `request` that are keys of `command`. Undefined if it touches data but names no keys. */
function keyWords(command: Command, request: Request): readonly number[] | undefined {
  const { first, last, step, find } = command.keys;
  if (find !== undefined) return find(request);
  if (first === 0) {
    const touchesData =
      command.readsAllKeys === true ||
      command.flags.includes('write') ||
      command.flags.includes('readonly');
    return touchesData ? undefined : [];
  }
  const words: number[] = [];
  // RedisAI's commands take any number of words, and count them themselves.
  const end = Math.min(last < 0 ? request.count + last : last, request.count - 1);
  for (let word = first; word <= end; word += step) words.push(word);
  return words;
}

/** What EXEC must lock: all slots (`[]`), some, or nothing at all (undefined). */
function slotsToLock(call: Call): readonly number[] | undefined {
  const slots = new Set<number>(call.client.watchedSlots);
  for (const { command, request } of call.client.transaction?.queued ?? []) {
    if (command.isPrepared) continue;
    const words = keyWords(command, request);
    if (words === undefined) return [];
    request.select();
    for (const word of words) slots.add(call.keyspace.slot(word));
  }
  if (slots.size === 0) return undefined;
  return [...slots].sort((a, b) => a - b);
}

function commitPrepared({ client, reply }: Call, request: Request, prepared: Prepared): void {
  request.select();
  try {
    prepared.commit(client.db);
    reply.ok();
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error;
    reply.error(error);
  }
}

function endTransaction(client: Client): void {
  client.transaction = undefined;
  client.unwatch();
}

function exec(call: Call): void {
  const { client, reply } = call;
  const { transaction } = client;
  if (transaction === undefined) throw replyErrors.execWithoutMulti();
  if (transaction.isDirty) {
    endTransaction(client);
    throw replyErrors.execAborted();
  }
  const { queued } = transaction;
  /** Replies of what ended before the locks were taken. */
  const replies = new Map<number, Buffer>();

  const runQueued = () => {
    if (client.watchedHaveChanged()) {
      reply.nilArray();
      return;
    }
    reply.array(queued.length);
    for (const [index, { command, request, prepared }] of queued.entries()) {
      const bytes = replies.get(index);
      if (bytes !== undefined) reply.raw(bytes);
      else if (command.refusedInTransaction) reply.error(command.refusedInTransaction());
      else if (prepared !== undefined) commitPrepared(call, request, prepared);
      else call.execute(command, request);
    }
  };

  const commit = () => {
    const slots = slotsToLock(call);
    if (slots === undefined) runQueued();
    else call.keyspace.locked(slots, runQueued);
    endTransaction(client);
  };

  const prepareFrom = (start: number) => {
    const index = queued.findIndex(
      ({ command }, at) => at >= start && (command.isPrepared === true || command.prepare),
    );
    const next = queued[index];
    if (next === undefined) {
      commit();
      return;
    }
    const { prepare } = next.command;
    const run =
      prepare &&
      ((part: Call) => {
        next.prepared = prepare(part);
      });
    const then = () => {
      const bytes = reply.takeBytes();
      if (!prepare || bytes.length > 0) replies.set(index, bytes);
      prepareFrom(index + 1);
    };
    reply.flush();
    call.execute(next.command, next.request, then, run);
  };

  // What has changed already need not be prepared. It is looked at again under the locks.
  if (client.watchedHaveChanged()) commit();
  else prepareFrom(0);
}

export const transactionCommands: readonly Command[] = [
  {
    name: 'multi',
    summary: 'Starts a transaction.',
    since: '1.2.0',
    group: 'transactions',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    categories: ['@fast', '@transaction'],
    keys: noKeys,
    run({ client, reply }) {
      if (client.transaction !== undefined) throw replyErrors.nestedMulti();
      client.transaction = { queued: [], isDirty: false };
      reply.ok();
    },
  },
  {
    name: 'exec',
    summary: 'Executes all commands in a transaction.',
    since: '1.2.0',
    group: 'transactions',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'skip_slowlog'],
    categories: ['@slow', '@transaction'],
    keys: noKeys,
    run: exec,
  },
  {
    name: 'discard',
    summary: 'Discards a transaction.',
    since: '2.0.0',
    group: 'transactions',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    categories: ['@fast', '@transaction'],
    keys: noKeys,
    run({ client, reply }) {
      if (client.transaction === undefined) throw replyErrors.discardWithoutMulti();
      endTransaction(client);
      reply.ok();
    },
  },
  {
    name: 'watch',
    summary: 'Monitors changes to keys to determine the execution of a transaction.',
    since: '2.2.0',
    group: 'transactions',
    arity: -2,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    categories: ['@fast', '@transaction'],
    keys: { ...firstArgIsKey, last: -1 },
    run({ client, reply, request }) {
      if (client.transaction !== undefined) throw replyErrors.watchInsideMulti();
      client.watch(1, request.count - 1);
      reply.ok();
    },
  },
  {
    name: 'unwatch',
    summary: 'Forgets about watched keys of a transaction.',
    since: '2.2.0',
    group: 'transactions',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    categories: ['@fast', '@transaction'],
    keys: noKeys,
    run({ client, reply }) {
      client.unwatch();
      reply.ok();
    },
  },
];
