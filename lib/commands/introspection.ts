// COMMAND: the table as clients are told of it (redis:src/server.c `addReplyCommandInfo`).

import { replyErrors } from '../core/errors.ts';
import { matchesGlob } from '../core/glob.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { replyDocs } from './command-docs.ts';
import { isOfModule, replyInfo, replyNames } from './command-info.ts';
import { withHelp } from './container.ts';
import { hasKeys, keyFlags } from './key-specs.ts';
import { categoriesOf } from './rows.ts';
import { replyWord, shown, WordsFrom } from './words.ts';

type Table = ReadonlyMap<string, Command>;

const shape = {
  group: 'server',
  categories: ['@connection'],
  flags: ['loading', 'stale'],
  keys: noKeys,
};

export const introspectionCommands: readonly Command[] = [
  {
    ...shape,
    name: 'command',
    summary: 'Returns facts about all commands.',
    since: '2.8.13',
    arity: -1,
    run: ({ reply, server }) => replyAll(reply, server.commands),
    subcommands: withHelp('command', [
      {
        ...shape,
        name: 'count',
        summary: 'Returns how many commands there are.',
        since: '2.8.13',
        arity: 2,
        run: ({ reply, server }) => reply.integer(server.commands.size),
      },
      {
        ...shape,
        name: 'info',
        summary: 'Returns facts about some commands.',
        since: '2.8.13',
        arity: -2,
        run: info,
      },
      {
        ...shape,
        name: 'list',
        summary: 'Returns the names of commands.',
        since: '7.0.0',
        arity: -2,
        run: list,
      },
      {
        ...shape,
        name: 'getkeys',
        summary: 'Returns the keys of a whole command.',
        since: '2.8.13',
        arity: -4,
        run: getKeys,
      },
      {
        ...shape,
        name: 'getkeysandflags',
        summary: 'Returns the keys of a whole command, and what it does to them.',
        since: '7.0.0',
        arity: -4,
        run: getKeysAndFlags,
      },
      {
        ...shape,
        name: 'docs',
        summary: 'Returns what commands do, in words.',
        since: '7.0.0',
        arity: -2,
        run: docs,
      },
    ]),
  },
];

function replyAll(reply: ReplyEncoder, table: Table): void {
  reply.array(table.size);
  for (const command of table.values()) replyInfo(reply, command, command.name);
}

function info({ reply, request, server }: Call): void {
  const table = server.commands;
  if (request.count === 2) {
    replyAll(reply, table);
    return;
  }
  reply.array(request.count - 2);
  for (const found of askedFor(request, table)) {
    if (found === undefined) reply.nil();
    else replyInfo(reply, found.command, found.name);
  }
}

/** A row, with its full name: `config|get`. */
interface Named {
  readonly name: string;
  readonly command: Command;
}

/** What the words from the second on name. */
function askedFor(request: Request, table: Table): (Named | undefined)[] {
  const words = Array.from({ length: request.count - 2 }, (_, i) => shown(request, 2 + i));
  return words.map((word) => {
    const [containerName = '', subName, ...rest] = word.toLowerCase().split('|');
    const container = table.get(containerName);
    if (container === undefined || rest.length > 0) return undefined;
    if (subName === undefined) return { name: container.name, command: container };
    const command = subcommand(container, subName);
    return command && { name: `${container.name}|${subName}`, command };
  });
}

function subcommand(container: Command, name: string): Command | undefined {
  return container.subcommands?.find((sub) => sub.name === name);
}

/** All rows, subcommands after their container. */
function everyCommand(table: Table): Named[] {
  return [...table.values()].flatMap((command) => [
    { name: command.name, command },
    ...(command.subcommands ?? []).map((sub) => ({
      name: `${command.name}|${sub.name}`,
      command: sub,
    })),
  ]);
}

function list({ reply, request, server }: Call): void {
  const passes = filterOf(request);
  const found = everyCommand(server.commands).filter(passes);
  reply.array(found.length);
  for (const { name } of found) reply.bulk(name);
}

function filterOf(request: Request): (named: Named) => boolean {
  if (request.count === 2) return () => true;
  if (request.count !== 5 || !request.is(2, 'FILTERBY')) throw replyErrors.syntax();
  const value = shown(request, 4);
  if (request.is(3, 'MODULE')) return ({ command }) => value === 'ai' && isOfModule(command);
  if (request.is(3, 'PATTERN')) return ({ name }) => matchesGlob(value, name, true);
  if (!request.is(3, 'ACLCAT')) throw replyErrors.syntax();
  const category = `@${value.toLowerCase()}`;
  return ({ command }) => categoriesOf(command).includes(category);
}

interface FoundKeys {
  readonly command: Command;
  /** In full: `object|freq`. */
  readonly name: string;
  /** Words of the request. */
  readonly words: readonly number[];
}

/** The keys of the command that word 2 begins. @throws {ReplyError} */
function findKeys({ request, server }: Call): FoundKeys {
  const container = server.commands.get(shown(request, 2).toLowerCase());
  if (container === undefined) throw replyErrors.invalidCommand();
  const name = request.count > 3 ? shown(request, 3).toLowerCase() : '';
  const command = subcommand(container, name) ?? container;
  if (command === container && container.subcommands !== undefined && name !== '')
    throw replyErrors.invalidCommand();
  const isSubcommand = command !== container;
  const fullName = isSubcommand ? `${container.name}|${command.name}` : command.name;
  if (!hasKeys(fullName, command)) throw replyErrors.noKeyArguments();
  const words = new WordsFrom(request, 2);
  const { arity } = command;
  if (arity > 0 ? words.count !== arity : words.count < -arity)
    throw replyErrors.invalidArgumentCount();
  const keys = keysOf(command, words);
  if (keys === undefined || keys.length === 0) throw replyErrors.invalidArguments();
  return { command, name: fullName, words: keys.map((key) => 2 + key) };
}

function getKeys(call: Call): void {
  const { words } = findKeys(call);
  call.reply.array(words.length);
  for (const word of words) replyWord(call.reply, call.request, word);
}

function getKeysAndFlags(call: Call): void {
  const { command, name, words } = findKeys(call);
  const asked = new WordsFrom(call.request, 2);
  call.reply.array(words.length);
  for (const [index, word] of words.entries()) {
    call.reply.array(2);
    replyWord(call.reply, call.request, word);
    replyNames(call.reply, keyFlags(name, command, asked, index));
  }
}

/** @returns Word indices, or undefined if the words do not parse. */
export function keysOf(command: Command, words: WordsFrom | Request): number[] | undefined {
  const { first, last, step, find } = command.keys;
  if (find) return find(words);
  const end = last < 0 ? words.count + last : last;
  if (end >= words.count) return undefined;
  const keys: number[] = [];
  for (let i = first; i <= end; i += step) keys.push(i);
  return keys;
}

function docs({ reply, request, server }: Call): void {
  const table = server.commands;
  const found =
    request.count === 2
      ? [...table.values()].map((command) => ({ name: command.name, command }))
      : askedFor(request, table).filter((named) => named !== undefined);
  reply.map(found.length);
  for (const { name, command } of found) {
    reply.bulk(name);
    replyDocs(reply, command, name);
  }
}
