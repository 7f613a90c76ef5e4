// What COMMAND and COMMAND INFO answer of one command (redis:src/server.c `addReplyCommandInfo`).

import { categoryNames } from '../auth/catalog.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Command } from './command.ts';
import { docOf } from './docs/table.ts';
import {
  type KeyCount,
  type KeyRange,
  type KeySpecification,
  keySpecifications,
} from './key-specs.ts';
import { categoriesOf } from './rows.ts';

/** In the order in which they are told. */
const flagNames = [
  'write',
  'readonly',
  'denyoom',
  'module',
  'admin',
  'pubsub',
  'noscript',
  'blocking',
  'loading',
  'stale',
  'skip_slowlog',
  'fast',
  'no_auth',
  'no_async_loading',
  'no_multi',
  'movablekeys',
  'allow_busy',
] as const;

/** @param name In full: `config|get`. */
export function replyInfo(reply: ReplyEncoder, command: Command, name: string): void {
  reply.array(10);
  reply.bulk(name);
  reply.integer(command.arity);
  const flags = new Set(command.flags).add(isOfModule(command) ? 'module' : '');
  replyNames(
    reply,
    flagNames.filter((flag) => flags.has(flag)),
  );
  reply.integer(command.keys.first);
  reply.integer(command.keys.last);
  reply.integer(command.keys.step);
  const categories = new Set(categoriesOf(command));
  replyNames(
    reply,
    categoryNames.map((category) => `@${category}`).filter((category) => categories.has(category)),
  );
  const { tips } = docOf(name);
  reply.set(tips.length);
  for (const tip of tips) reply.bulk(tip);
  const specifications = keySpecifications(name, command);
  reply.set(specifications.length);
  for (const specification of specifications) replyKeySpecification(reply, specification);
  const subcommands = command.subcommands ?? [];
  reply.array(subcommands.length);
  for (const sub of subcommands) replyInfo(reply, sub, `${command.name}|${sub.name}`);
}

/** RedisAI's are those of a module, `ai`. */
export function isOfModule(command: Command): boolean {
  return command.group === 'ai';
}

export function replyNames(reply: ReplyEncoder, names: readonly string[]): void {
  reply.set(names.length);
  for (const name of names) reply.simple(name);
}

function replyKeySpecification(reply: ReplyEncoder, specification: KeySpecification): void {
  const { flags, note, begin, keys } = specification;
  reply.map(note === undefined ? 3 : 4);
  if (note !== undefined) {
    reply.bulk('notes');
    reply.bulk(note);
  }
  reply.bulk('flags');
  replyNames(reply, flags);
  reply.bulk('begin_search');
  replyBegin(reply, begin);
  reply.bulk('find_keys');
  replyFind(reply, keys);
}

function replyBegin(reply: ReplyEncoder, begin: KeySpecification['begin']): void {
  if (begin === undefined) replySpec(reply, 'unknown', []);
  else if (typeof begin === 'number') replySpec(reply, 'index', [['index', begin]]);
  else {
    replySpec(reply, 'keyword', [
      ['keyword', begin.keyword],
      ['startfrom', begin.from],
    ]);
  }
}

function replyFind(reply: ReplyEncoder, keys: KeyRange | KeyCount | undefined): void {
  if (keys === undefined) replySpec(reply, 'unknown', []);
  else if (keys === 'counted') {
    replySpec(reply, 'keynum', [
      ['keynumidx', 0],
      ['firstkey', 1],
      ['keystep', 1],
    ]);
  } else {
    replySpec(reply, 'range', [
      ['lastkey', keys.last],
      ['keystep', keys.step],
      ['limit', keys.limit],
    ]);
  }
}

function replySpec(
  reply: ReplyEncoder,
  type: string,
  fields: readonly (readonly [string, number | string])[],
): void {
  reply.map(2);
  reply.bulk('type');
  reply.bulk(type);
  reply.bulk('spec');
  reply.map(fields.length);
  for (const [name, value] of fields) {
    reply.bulk(name);
    if (typeof value === 'number') reply.integer(value);
    else reply.bulk(value);
  }
}
