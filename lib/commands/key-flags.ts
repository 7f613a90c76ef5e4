// What COMMAND GETKEYSANDFLAGS says that a command does to its keys (the key specifications of
// redis:src/commands/*.json, version 7.2): whether it reads (RO), changes (RW), overwrites (OW) or
// removes (RM) the value, and what it does to the data in it.

import type { Command } from './command.ts';

type Flags = readonly string[];

const overwrites: Flags = ['OW', 'update'];
const creates: Flags = ['OW', 'insert'];
const removes: Flags = ['RM', 'delete'];
const reads: Flags = ['RO', 'access'];
const looks: Flags = ['RO'];
const inserts: Flags = ['RW', 'insert'];
const updates: Flags = ['RW', 'update'];
const deletes: Flags = ['RW', 'delete'];
const takes: Flags = ['RW', 'access', 'delete'];
const changes: Flags = ['RW', 'access', 'update'];

function named(names: string, ...flags: Flags[]): Record<string, readonly Flags[]> {
  return Object.fromEntries(names.split(' ').map((name) => [name, flags]));
}

/** By key, in order; the last one stands for all that follow. */
const flagsByKey: Readonly<Record<string, readonly Flags[]>> = {
  ...named('setex psetex mset restore', overwrites),
  ...named('setnx msetnx', creates),
  ...named('del unlink', removes),
  ...named('exists touch type strlen llen scard zcard hlen hstrlen xlen watch', looks),
  ...named('sismember smismember hexists expiretime pexpiretime ttl pttl', looks),
  ...named('append rpush lpush rpushx lpushx linsert sadd hsetnx', inserts),
  ...named('hset hmset setrange lset zadd xadd xsetid persist', updates),
  ...named('expire pexpire expireat pexpireat', updates),
  ...named('hdel lrem ltrim srem zrem xdel xtrim', deletes),
  ...named('zremrangebyrank zremrangebyscore zremrangebylex', deletes),
  ...named('lpop rpop lmpop spop zpopmin zpopmax zmpop getdel blpop brpop blmpop', takes),
  ...named('lmove rpoplpush blmove brpoplpush smove', takes, inserts),
  ...named('rename', takes, overwrites),
  ...named('renamenx', takes, creates),
  ...named('copy', reads, overwrites),
  ...named('bitop sinterstore sunionstore sdiffstore', overwrites, reads),
  ...named('zrangestore zunionstore zinterstore zdiffstore', overwrites, reads),
};

/** Of the key with this number among the command's keys. @param name In full: `object|freq`. */
export function keyFlags(name: string, command: Command, index: number): Flags {
  const known = flagsByKey[name];
  const flags = known?.[index] ?? known?.at(-1);
  if (flags !== undefined) return flags;
  return command.flags.includes('readonly') ? reads : changes;
}
