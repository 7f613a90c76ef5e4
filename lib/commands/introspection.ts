// COMMAND: the table as clients are told of it (redis:src/server.c `addReplyCommandInfo`).

import { replyErrors } from '../core/errors.ts';
import { matchesGlob } from '../core/glob.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { withHelp } from './container.ts';
import { keyFlags } from './key-flags.ts';
import { categoriesOf } from './rows.ts';
import { type Argument, argumentsOf } from './syntax.ts';
import { syntaxes } from './syntaxes.ts';
import { replyWord, shown, WordsFrom } from './words.ts';

type Table = ReadonlyMap<string, Command>;

const shape = {
  group: 'server',
  categories: ['@connection'],
  flags: ['loading', 'stale'],
  keys: noKeys,
};

/** @param table Called when a command runs: the table holds these rows too. */
export function introspectionCommands(table: () => Table): readonly Command[] {
  return [
    {
      ...shape,
      name: 'command',
      summary: 'Returns facts about all commands.',
      since: '2.8.13',
      arity: -1,
      run: ({ reply }) => replyAll(reply, table()),
      subcommands: withHelp('command', [
        {
          ...shape,
          name: 'count',
          summary: 'Returns how many commands there are.',
          since: '2.8.13',
          arity: 2,
          run: ({ reply }) => reply.integer(table().size),
        },
        {
          ...shape,
          name: 'info',
          summary: 'Returns facts about some commands.',
          since: '2.8.13',
          arity: -2,
          run: (call) => info(call, table()),
        },
        {
          ...shape,
          name: 'list',
          summary: 'Returns the names of commands.',
          since: '7.0.0',
          arity: -2,
          run: (call) => list(call, table()),
        },
        {
          ...shape,
          name: 'getkeys',
          summary: 'Returns the keys of a whole command.',
          since: '2.8.13',
          arity: -4,
          run: (call) => getKeys(call, table()),
        },
        {
          ...shape,
          name: 'getkeysandflags',
          summary: 'Returns the keys of a whole command, and what it does to them.',
          since: '7.0.0',
          arity: -4,
          run: (call) => getKeysAndFlags(call, table()),
        },
        {
          ...shape,
          name: 'docs',
          summary: 'Returns what commands do, in words.',
          since: '7.0.0',
          arity: -2,
          run: (call) => docs(call, table()),
        },
      ]),
    },
  ];
}

function replyAll(reply: ReplyEncoder, table: Table): void {
  reply.array(table.size);
  for (const command of table.values()) replyEntry(reply, command, command.name);
}

function info({ reply, request }: Call, table: Table): void {
  if (request.count === 2) {
    replyAll(reply, table);
    return;
  }
  reply.array(request.count - 2);
  for (let i = 2; i < request.count; i++) {
    const name = shown(request, i).toLowerCase();
    const command = find(table, name);
    if (command) replyEntry(reply, command, name);
    else reply.nil();
  }
}

/** @param name Lower case; `config|get` for a subcommand. */
function find(table: Table, name: string): Command | undefined {
  const [containerName = '', subName] = name.split('|');
  const command = table.get(containerName);
  return subName === undefined ? command : subcommand(command, subName);
}

function subcommand(container: Command | undefined, name: string): Command | undefined {
  return container?.subcommands?.find((sub) => sub.name === name);
}

function replyEntry(reply: ReplyEncoder, command: Command, fullName: string): void {
  reply.array(10);
  reply.bulk(fullName);
  reply.integer(command.arity);
  replyNames(reply, command.flags);
  reply.integer(command.keys.first);
  reply.integer(command.keys.last);
  reply.integer(command.keys.step);
  replyNames(reply, categoriesOf(command));
  reply.set(0); // tips
  replyKeySpecs(reply, command);
  const subcommands = command.subcommands ?? [];
  reply.array(subcommands.length);
  for (const sub of subcommands) replyEntry(reply, sub, `${command.name}|${sub.name}`);
}

function replyNames(reply: ReplyEncoder, names: readonly string[]): void {
  reply.set(names.length);
  for (const name of names) reply.simple(name);
}

/** One specification, by index and range. That of movable keys says that it is not all. */
function replyKeySpecs(reply: ReplyEncoder, command: Command): void {
  const { first, last, step, find } = command.keys;
  if (first === 0) {
    reply.set(0);
    return;
  }
  const flags = [command.flags.includes('readonly') ? 'RO' : 'RW'];
  if (find) flags.push('incomplete');
  reply.set(1);
  reply.map(3);
  reply.bulk('flags');
  replyNames(reply, flags);
  reply.bulk('begin_search');
  replySpec(reply, 'index', [['index', first]]);
  reply.bulk('find_keys');
  replySpec(reply, 'range', [
    ['lastkey', last < 0 ? last : last - first],
    ['keystep', step],
    ['limit', 0],
  ]);
}

function replySpec(
  reply: ReplyEncoder,
  type: string,
  fields: readonly (readonly [string, number])[],
): void {
  reply.map(2);
  reply.bulk('type');
  reply.bulk(type);
  reply.bulk('spec');
  reply.map(fields.length);
  for (const [name, value] of fields) {
    reply.bulk(name);
    reply.integer(value);
  }
}

/** All rows with their full names, subcommands after their container. */
function* everyCommand(table: Table): Generator<readonly [string, Command]> {
  for (const command of table.values()) {
    yield [command.name, command];
    for (const sub of command.subcommands ?? []) yield [`${command.name}|${sub.name}`, sub];
  }
}

function list({ reply, request }: Call, table: Table): void {
  let names = [...table.keys()];
  if (request.count > 2) {
    if (request.count !== 5 || !request.is(2, 'FILTERBY')) throw replyErrors.syntax();
    const value = shown(request, 4);
    const every = [...everyCommand(table)];
    if (request.is(3, 'MODULE')) names = value === 'ai' ? names.filter(isOfModule) : [];
    else if (request.is(3, 'ACLCAT')) {
      const category = `@${value.toLowerCase()}`;
      names = every.filter(([, row]) => categoriesOf(row).includes(category)).map(([name]) => name);
    } else if (request.is(3, 'PATTERN')) {
      names = every.map(([name]) => name).filter((name) => matchesGlob(value, name, true));
    } else throw replyErrors.syntax();
  }
  reply.array(names.length);
  for (const name of names) reply.bulk(name);
}

function isOfModule(name: string): boolean {
  return name.startsWith('ai.');
}

interface FoundKeys {
  readonly command: Command;
  /** In full: `object|freq`. */
  readonly name: string;
  /** Words of the request. */
  readonly words: readonly number[];
}

/** The keys of the command that word 2 begins. @throws {ReplyError} */
function findKeys({ request }: Call, table: Table): FoundKeys {
  const container = table.get(shown(request, 2).toLowerCase());
  if (container === undefined) throw replyErrors.invalidCommand();
  const name = request.count > 3 ? shown(request, 3).toLowerCase() : '';
  const command = subcommand(container, name) ?? container;
  if (command === container && container.subcommands !== undefined && name !== '')
    throw replyErrors.invalidCommand();
  const { keys: spec } = command;
  if (spec.first === 0 && spec.find === undefined) throw replyErrors.noKeyArguments();
  const words = new WordsFrom(request, 2);
  const { arity } = command;
  if (arity > 0 ? words.count !== arity : words.count < -arity)
    throw replyErrors.invalidArgumentCount();
  const keys = keysOf(command, words);
  if (keys === undefined || keys.length === 0) throw replyErrors.invalidArguments();
  const isSubcommand = command !== container;
  return {
    command,
    name: isSubcommand ? `${container.name}|${command.name}` : command.name,
    words: keys.map((key) => 2 + key),
  };
}

function getKeys(call: Call, table: Table): void {
  const { words } = findKeys(call, table);
  call.reply.array(words.length);
  for (const word of words) replyWord(call.reply, call.request, word);
}

function getKeysAndFlags(call: Call, table: Table): void {
  const { command, name, words } = findKeys(call, table);
  call.reply.array(words.length);
  for (const [index, word] of words.entries()) {
    call.reply.array(2);
    replyWord(call.reply, call.request, word);
    replyNames(call.reply, keyFlags(name, command, index));
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

function docs({ reply, request }: Call, table: Table): void {
  const found = new Map<string, Command>();
  if (request.count === 2) for (const [name, command] of table) found.set(name, command);
  for (let i = 2; i < request.count; i++) {
    const name = shown(request, i).toLowerCase();
    const command = find(table, name);
    if (command) found.set(name, command);
  }
  reply.map(found.size);
  for (const [name, command] of found) replyDocs(reply, command, name);
}

/** RedisAI's are those of a module. */
function groupOf({ group = 'generic' }: Command): string {
  return group === 'ai' ? 'module' : group;
}

function replyDocs(reply: ReplyEncoder, command: Command, fullName: string): void {
  const subcommands = command.subcommands ?? [];
  const syntax = syntaxes[fullName];
  reply.bulk(fullName);
  reply.map(3 + (syntax === undefined ? 0 : 1) + (subcommands.length > 0 ? 1 : 0));
  reply.bulk('summary');
  reply.bulk(command.summary);
  reply.bulk('since');
  reply.bulk(command.since ?? '1.0.0');
  reply.bulk('group');
  reply.bulk(groupOf(command));
  if (syntax !== undefined) {
    reply.bulk('arguments');
    replyArguments(reply, argumentsOf(syntax));
  }
  if (subcommands.length === 0) return;
  reply.bulk('subcommands');
  reply.map(subcommands.length);
  for (const sub of subcommands) replyDocs(reply, sub, `${command.name}|${sub.name}`);
}

function replyArguments(reply: ReplyEncoder, list: readonly Argument[]): void {
  reply.array(list.length);
  for (const argument of list) replyArgument(reply, argument);
}

function replyArgument(reply: ReplyEncoder, argument: Argument): void {
  const { name, type, token, isOptional, isMultiple, parts } = argument;
  const flags = [...(isOptional ? ['optional'] : []), ...(isMultiple ? ['multiple'] : [])];
  const isFlagged = flags.length > 0;
  reply.map(2 + (token === undefined ? 0 : 1) + (isFlagged ? 1 : 0) + (parts.length > 0 ? 1 : 0));
  reply.bulk('name');
  reply.bulk(name);
  reply.bulk('type');
  reply.bulk(type);
  if (token !== undefined) {
    reply.bulk('token');
    reply.bulk(token);
  }
  if (isFlagged) {
    reply.bulk('flags');
    replyNames(reply, flags);
  }
  if (parts.length === 0) return;
  reply.bulk('arguments');
  replyArguments(reply, parts);
}
