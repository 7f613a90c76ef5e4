// Where the keys of a command stand and what it does to them, as COMMAND INFO and GETKEYSANDFLAGS say and
// access lists ask (the key specifications of redis:src/commands/*.json, version 7.2): whether it reads
// (RO), changes (RW), overwrites (OW) or removes (RM) the value, and what it does to the data in it.

import type { Command, Words } from './command.ts';

export type KeyFlags = readonly string[];

/** Keys that are found in the same way and used in the same way. */
export interface KeySpecification {
  readonly flags: KeyFlags;
  readonly note?: string;
  /** The word where the search begins: its index, or the one behind a keyword. Undefined: anywhere. */
  readonly begin?: number | { readonly keyword: string; readonly from: number };
  /** How it goes on from there. Undefined: it cannot be told. */
  readonly keys?: KeyRange | KeyCount;
}

/** Up to the `last` word behind the first, or from the end; `limit` 2 is the first half of them. */
export interface KeyRange {
  readonly last: number;
  readonly step: number;
  readonly limit: number;
}

/** So many as the first word says, from the next one on. */
export type KeyCount = 'counted';

const overwrites: KeyFlags = ['OW', 'update'];
const creates: KeyFlags = ['OW', 'insert'];
const removes: KeyFlags = ['RM', 'delete'];
const reads: KeyFlags = ['RO', 'access'];
const looks: KeyFlags = ['RO'];
const inserts: KeyFlags = ['RW', 'insert'];
const updates: KeyFlags = ['RW', 'update'];
const deletes: KeyFlags = ['RW', 'delete'];
const takes: KeyFlags = ['RW', 'access', 'delete'];
const changes: KeyFlags = ['RW', 'access', 'update'];
const variable = 'variable_flags';
const channels: KeyFlags = ['not_key'];

function named(names: string, ...flags: KeyFlags[]): Record<string, readonly KeyFlags[]> {
  return Object.fromEntries(names.split(' ').map((name) => [name, flags]));
}

/** By key, in order; the last one stands for all that follow. Others read, or change. */
const flagsByKey: Readonly<Record<string, readonly KeyFlags[]>> = {
  ...named('setex psetex mset restore', overwrites),
  ...named('setnx msetnx', creates),
  ...named('del unlink', removes),
  ...named('exists touch type strlen llen scard zcard hlen hstrlen xlen watch', looks),
  ...named('sismember hexists memory|usage', looks),
  ...named('object|encoding object|freq object|idletime object|refcount', looks),
  ...named('append rpush lpush rpushx lpushx linsert sadd hsetnx', inserts),
  ...named('hset hmset setrange lset zadd xadd xsetid persist', updates),
  ...named('expire pexpire expireat pexpireat', updates),
  ...named('hdel lrem ltrim srem zrem xdel xtrim', deletes),
  ...named('zremrangebyrank zremrangebyscore zremrangebylex', deletes),
  ...named('lpop rpop lmpop spop zpopmin zpopmax zmpop getdel blpop brpop blmpop', takes),
  ...named('bzpopmin bzpopmax bzmpop migrate', takes),
  ...named('lmove rpoplpush blmove brpoplpush smove', takes, inserts),
  ...named('rename', takes, overwrites),
  ...named('renamenx', takes, creates),
  ...named('copy sort', reads, overwrites),
  ...named('sinterstore', updates, reads),
  ...named('bitop sunionstore sdiffstore', overwrites, reads),
  ...named('zrangestore zunionstore zinterstore zdiffstore', overwrites, reads),
  ...named('spublish ssubscribe sunsubscribe', channels),
};

const oneKey: KeyRange = { last: 0, step: 1, limit: 0 };

const pattern: KeySpecification = {
  flags: reads,
  note: 'The patterns of BY and GET make names of keys out of the elements.',
};

/** Those that do not follow from where the row says its keys are. */
const written: Readonly<Record<string, readonly KeySpecification[]>> = {
  migrate: [
    { flags: takes, begin: 3, keys: oneKey },
    {
      flags: [...takes, 'incomplete'],
      begin: { keyword: 'KEYS', from: -2 },
      keys: { last: -1, step: 1, limit: 0 },
    },
  ],
  sort: [
    { flags: reads, begin: 1, keys: oneKey },
    pattern,
    { flags: overwrites, note: 'STORE may stand at any place among the options.' },
  ],
  sort_ro: [{ flags: reads, begin: 1, keys: oneKey }, pattern],
  xread: [
    {
      flags: reads,
      begin: { keyword: 'STREAMS', from: 1 },
      keys: { last: -1, step: 1, limit: 2 },
    },
  ],
  set: [{ flags: [...changes, variable], note: 'It reads with GET only.', begin: 1, keys: oneKey }],
  bitfield: [
    {
      flags: [...changes, variable],
      note: 'It changes nothing with GET only.',
      begin: 1,
      keys: oneKey,
    },
  ],
  getex: [{ flags: changes, note: 'It may change the expiry.', begin: 1, keys: oneKey }],
  xadd: [{ flags: updates, note: 'It may trim what is there.', begin: 1, keys: oneKey }],
};

/** @param name In full: `object|freq`. */
export function keySpecifications(name: string, command: Command): readonly KeySpecification[] {
  const known = written[name];
  if (known !== undefined) return known;
  const { first, last, step, numberAt, find } = command.keys;
  const flags = flagsByKey[name] ?? [flagsOf(command)];
  const final = flags.at(-1) ?? reads;
  if (numberAt !== undefined) {
    const counted = { flags: final, begin: numberAt, keys: 'counted' as const };
    return first === 0
      ? [counted]
      : [{ flags: flags[0] ?? final, begin: first, keys: oneKey }, counted];
  }
  if (first === 0) return [];
  if (command.group === 'ai') {
    // Of a module's commands, Redis knows a range and no more.
    const used = find === undefined ? changes : [...changes, variable];
    return [{ flags: used, begin: first, keys: { ...oneKey, last: last - first } }];
  }
  return flags.map((own, index) => {
    const begin = first + index * step;
    const rest = { last: last < 0 ? last : last - begin, step, limit: 0 };
    const keys = index < flags.length - 1 ? oneKey : rest;
    return { flags: own, begin, keys };
  });
}

function flagsOf(command: Command): KeyFlags {
  return command.flags.includes('readonly') && command.group !== 'ai' ? reads : changes;
}

/** Whether it may name keys, which channels are not. */
export function hasKeys(name: string, command: Command): boolean {
  return keySpecifications(name, command).some(({ flags }) => !flags.includes('not_key'));
}

/** What a request does to the key with this number among the command's keys. */
export function keyFlags(name: string, command: Command, words: Words, index: number): KeyFlags {
  if (name === 'set') return hasWord(words, 3, 'GET') ? changes : overwrites;
  if (name === 'bitfield') return changesBits(words) ? changes : reads;
  const flags = flagsByKey[name];
  return flags?.[index] ?? flags?.at(-1) ?? flagsOf(command);
}

/** What is no operation may be one that changes them. */
function changesBits(words: Words): boolean {
  for (let i = 2; i < words.count; ) {
    const left = words.count - i - 1;
    if (words.is(i, 'GET') && left >= 2) i += 3;
    else if (words.is(i, 'OVERFLOW') && left >= 1) i += 2;
    else return true;
  }
  return false;
}

function hasWord(words: Words, from: number, name: string): boolean {
  for (let i = from; i < words.count; i++) if (words.is(i, name)) return true;
  return false;
}
