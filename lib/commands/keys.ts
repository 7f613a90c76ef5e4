import { replyErrors } from '../core/errors.ts';
import { expireConditions, NO_EXPIRY, type UnixMs } from '../engine/addon.ts';
import type { Request } from '../resp/request.ts';
import { type Call, type Command, firstArgIsKey } from './command.ts';
import { expiryOf } from './expiry.ts';
import { allArgsAreKeys, readonlyFast, twoKeys, write, writeFast } from './rows.ts';
import { shown } from './words.ts';

const shape = { group: 'generic', categories: ['@keyspace'], keys: firstArgIsKey };

/** By `valueKinds`: what TYPE answers. */
export const typeNames = [
  'none',
  'string',
  'list',
  'set',
  'zset',
  'hash',
  'stream',
  'AI_TENSOR',
  'AI__MODEL',
  'AI_SCRIPT',
] as const;

/** `keyExpireTime` of no key at all. */
const NO_KEY = -2;

export const keyCommands: readonly Command[] = [
  {
    ...shape,
    name: 'del',
    summary: 'Deletes keys, and returns how many there were.',
    since: '1.0.0',
    arity: -2,
    flags: write,
    keys: allArgsAreKeys,
    run: deleteKeys,
  },
  {
    ...shape,
    name: 'unlink',
    summary: 'Deletes keys as DEL does; memory is freed on a thread of its own in both.',
    since: '4.0.0',
    arity: -2,
    flags: writeFast,
    keys: allArgsAreKeys,
    run: deleteKeys,
  },
  {
    ...shape,
    name: 'exists',
    summary: 'Counts how many of the keys exist; a key named twice counts twice.',
    since: '1.0.0',
    arity: -2,
    flags: readonlyFast,
    keys: allArgsAreKeys,
    run: (call) => countKeys(call, false),
  },
  {
    ...shape,
    name: 'touch',
    summary: 'Counts how many of the keys exist, and counts as a use of them.',
    since: '3.2.1',
    arity: -2,
    flags: readonlyFast,
    keys: allArgsAreKeys,
    run: (call) => countKeys(call, true),
  },
  {
    ...shape,
    name: 'type',
    summary: 'Returns what a key holds, or none.',
    since: '1.0.0',
    arity: 2,
    flags: readonlyFast,
    run({ client, keyspace, reply }) {
      reply.simple(typeNames[keyspace.kind(client.db, 1)] ?? 'none');
    },
  },
  {
    ...shape,
    name: 'rename',
    summary: 'Renames a key; what the new name held is lost.',
    since: '1.0.0',
    arity: 3,
    flags: write,
    keys: twoKeys,
    run({ client, keyspace, reply }) {
      keyspace.rename(client.db, 1, 2, false);
      reply.ok();
    },
  },
  {
    ...shape,
    name: 'renamenx',
    summary: 'Renames a key unless the new name exists.',
    since: '1.0.0',
    arity: 3,
    flags: writeFast,
    keys: twoKeys,
    run({ client, keyspace, reply }) {
      reply.integer(keyspace.rename(client.db, 1, 2, true) ? 1 : 0);
    },
  },
  expireRow('expire', 'Lets a key expire in seconds.', '1.0.0', 1000, true),
  expireRow('pexpire', 'Lets a key expire in milliseconds.', '2.6.0', 1, true),
  expireRow('expireat', 'Lets a key expire at a Unix time in seconds.', '1.2.0', 1000, false),
  expireRow('pexpireat', 'Lets a key expire at a Unix time in milliseconds.', '2.6.0', 1, false),
  remainingRow('ttl', 'Returns the seconds until a key expires.', '1.0.0', (ms) => seconds(ms)),
  remainingRow('pttl', 'Returns the milliseconds until a key expires.', '2.6.0', (ms) => ms),
  expireTimeRow('expiretime', 'Returns the Unix time at which a key expires.', seconds),
  expireTimeRow('pexpiretime', 'The same in milliseconds.', (ms) => ms),
  {
    ...shape,
    name: 'persist',
    summary: 'Lets a key never expire.',
    since: '2.2.0',
    arity: 2,
    flags: writeFast,
    run({ client, keyspace, reply }) {
      reply.integer(keyspace.persist(client.db, 1) ? 1 : 0);
    },
  },
];

function deleteKeys({ client, keyspace, reply, request }: Call): void {
  reply.integer(keyspace.delete(client.db, 1, request.count - 1));
}

function countKeys({ client, keyspace, reply, request }: Call, isUse: boolean): void {
  reply.integer(keyspace.countExisting(client.db, 1, request.count - 1, isUse));
}

function seconds(ms: UnixMs): UnixMs {
  return typeof ms === 'bigint' ? (ms + 500n) / 1000n : Math.floor((ms + 500) / 1000);
}

/** Milliseconds from now on, 0 if it has passed. */
function remainingMs(atMs: UnixMs): UnixMs {
  const now = Date.now();
  return typeof atMs === 'bigint' ? atMs - BigInt(now) : Math.max(atMs - now, 0);
}

function expireRow(
  name: string,
  summary: string,
  since: string,
  unitMs: number,
  isRelative: boolean,
): Command {
  return {
    ...shape,
    name,
    summary,
    since,
    arity: -3,
    flags: writeFast,
    run({ client, keyspace, reply, request }) {
      const conditions = readConditions(request);
      const baseMs = isRelative ? Date.now() : 0;
      const atMs = expiryOf(request, 2, { unitMs, baseMs, command: name, isPositive: false });
      // -1 and -2 have a meaning of their own to the core; all of them lie in the past.
      reply.integer(keyspace.expire(client.db, 1, atMs < 0 ? 0 : atMs, conditions) ? 1 : 0);
    },
  };
}

function readConditions(request: Request): number {
  const { nx, xx, gt, lt } = expireConditions;
  let conditions = 0;
  for (let i = 3; i < request.count; i++) {
    if (request.is(i, 'NX')) conditions |= nx;
    else if (request.is(i, 'XX')) conditions |= xx;
    else if (request.is(i, 'GT')) conditions |= gt;
    else if (request.is(i, 'LT')) conditions |= lt;
    else throw replyErrors.unsupportedOption(shown(request, i));
  }
  if ((conditions & nx) !== 0 && conditions !== nx) throw replyErrors.nxWithOthers();
  if ((conditions & gt) !== 0 && (conditions & lt) !== 0) throw replyErrors.gtWithLt();
  return conditions;
}

function remainingRow(
  name: string,
  summary: string,
  since: string,
  inUnit: (ms: UnixMs) => UnixMs,
): Command {
  return {
    ...shape,
    name,
    summary,
    since,
    arity: 2,
    flags: readonlyFast,
    run({ client, keyspace, reply }) {
      const atMs = keyspace.expireTimeMs(client.db, 1);
      if (atMs === NO_KEY || atMs === NO_EXPIRY) reply.integer(atMs);
      else reply.integer(inUnit(remainingMs(atMs)));
    },
  };
}

function expireTimeRow(name: string, summary: string, inUnit: (ms: UnixMs) => UnixMs): Command {
  return {
    ...shape,
    name,
    summary,
    since: '7.0.0',
    arity: 2,
    flags: readonlyFast,
    run({ client, keyspace, reply }) {
      const atMs = keyspace.expireTimeMs(client.db, 1);
      reply.integer(atMs < 0 ? atMs : inUnit(atMs));
    },
  };
}
