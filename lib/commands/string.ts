import { replyErrors } from '../core/errors.ts';
import {
  codes,
  KEEP_EXPIRY,
  NO_EXPIRY,
  setConditions,
  type UnixMs,
  valueKinds,
} from '../engine/addon.ts';
import { afterGet, type DataCommands, lcsWanted } from '../engine/data-commands.ts';
import { ABSENT, checked } from '../keyspace/keyspace.ts';
import type { Request } from '../resp/request.ts';
import type { Call, Command } from './command.ts';
import { expiryOf } from './expiry.ts';
import {
  allArgsAreKeys,
  held,
  integer,
  keysAndValues,
  readonly,
  readonlyFast,
  row,
  rows,
  twoKeys,
  writeDenyoom,
  writeDenyoomFast,
  writeFast,
} from './rows.ts';
import { clampedOf } from './words.ts';

const shape = { group: 'string', categories: ['@string'] };

export const stringCommands: readonly Command[] = [
  row(
    { ...shape, since: '1.0.0', flags: readonlyFast },
    'get',
    2,
    'Returns the string value of a key.',
    ({ client, keyspace, reply }) => {
      const bytes = keyspace.findString(client.db, 1);
      if (bytes === ABSENT) reply.nil();
      else reply.held(bytes);
    },
  ),
  row(
    { ...shape, since: '1.0.0', flags: writeDenyoom },
    'set',
    -3,
    'Sets the string value of a key, whatever it held.',
    (call) => {
      if (call.request.count === 3) {
        call.keyspace.setString(call.client.db, 1, 2);
        call.reply.ok();
      } else {
        setWithOptions(call);
      }
    },
  ),
  row(
    { ...shape, since: '1.0.0', flags: writeDenyoomFast },
    'setnx',
    3,
    'Sets the string value of a key unless it exists.',
    ({ client, keyspace, reply }) => {
      const isSet = keyspace.setStringIf(client.db, 1, 2, NO_EXPIRY, setConditions.ifAbsent);
      reply.integer(isSet ? 1 : 0);
    },
  ),
  expiringRow('setex', '2.0.0', 'Sets a string that expires in seconds.', 1000),
  expiringRow('psetex', '2.6.0', 'Sets a string that expires in milliseconds.', 1),
  row(
    { ...shape, since: '1.0.0', flags: writeDenyoomFast },
    'getset',
    3,
    'Sets a string, and returns the one before.',
    ({ client, keyspace, reply }) => {
      keyspace.setStringIf(client.db, 1, 2, NO_EXPIRY, setConditions.wantPrevious);
      const bytes = keyspace.numbers[0] ?? ABSENT;
      if (bytes === ABSENT) reply.nil();
      else reply.held(bytes);
    },
  ),
  row(
    { ...shape, since: '6.2.0', flags: writeFast },
    'getdel',
    2,
    'Returns a string, and deletes its key.',
    held((values, db) => values.stringGetAnd(db, 1, afterGet.delete, 0)),
  ),
  row(
    { ...shape, since: '6.2.0', flags: writeFast },
    'getex',
    -2,
    'Returns a string, and sets when it expires.',
    getAndExpire,
  ),
  row(
    { ...shape, since: '1.0.0', flags: readonlyFast, keys: allArgsAreKeys },
    'mget',
    -2,
    'Returns the strings of keys, nil for what is none.',
    rows((values, db, { request }) => values.stringsGet(db, 1, request.count - 1)),
  ),
  row(
    { ...shape, since: '1.0.1', flags: writeDenyoom, keys: keysAndValues },
    'mset',
    -3,
    'Sets the strings of keys, all at once.',
    (call) => {
      setAll(call, false);
      call.reply.ok();
    },
  ),
  row(
    { ...shape, since: '1.0.1', flags: writeDenyoom, keys: keysAndValues },
    'msetnx',
    -3,
    'Sets the strings of keys unless any of them exists.',
    (call) => call.reply.integer(setAll(call, true)),
  ),
  row(
    { ...shape, since: '2.2.0', flags: readonlyFast },
    'strlen',
    2,
    'Returns the length of a string value.',
    ({ client, keyspace, reply }) => {
      const bytes = keyspace.findString(client.db, 1);
      if (bytes !== ABSENT) keyspace.drop();
      reply.integer(bytes === ABSENT ? 0 : bytes);
    },
  ),
  row(
    { ...shape, since: '2.0.0', flags: writeDenyoomFast },
    'append',
    3,
    'Appends to a string, and returns its length.',
    integer((values, db, { server }) =>
      values.stringAppend(db, 1, 2, server.settings.bulkBytesMax),
    ),
  ),
  rangeRow('getrange', '2.4.0', 'Returns a part of a string.'),
  rangeRow('substr', '1.0.0', 'Returns a part of a string; deprecated, as GETRANGE.'),
  row(
    { ...shape, since: '2.2.0', flags: writeDenyoom },
    'setrange',
    4,
    'Overwrites a part of a string, and returns its length.',
    integer((values, db, { server }) =>
      values.stringSetRange(db, 1, 2, 3, server.settings.bulkBytesMax),
    ),
  ),
  countRow('incr', 'Adds 1 to an integer.', 1),
  countRow('decr', 'Subtracts 1 from an integer.', -1),
  countByRow('incrby', 'Adds to an integer.', 1),
  countByRow('decrby', 'Subtracts from an integer.', -1),
  row(
    { ...shape, since: '2.6.0', flags: writeDenyoomFast },
    'incrbyfloat',
    3,
    'Adds to a number.',
    rows((values, db) => values.stringIncrementFloat(db, 1, 2)),
  ),
  row(
    { ...shape, since: '7.0.0', flags: readonly, keys: twoKeys },
    'lcs',
    -3,
    'Returns the longest common subsequence of two strings.',
    rows(longestCommon),
  ),
];

function expiringRow(name: string, since: string, summary: string, unitMs: number): Command {
  return row(
    { ...shape, since, flags: writeDenyoom },
    name,
    4,
    summary,
    ({ client, keyspace, reply, request }) => {
      const baseMs = Date.now();
      const atMs = expiryOf(request, 2, { unitMs, baseMs, command: name, isPositive: true });
      keyspace.setStringIf(client.db, 1, 3, atMs, 0);
      reply.ok();
    },
  );
}

function rangeRow(name: string, since: string, summary: string): Command {
  return row({ ...shape, since, flags: readonly }, name, 4, summary, (call) => {
    const { client, keyspace, reply } = call;
    const bytes = keyspace.values.stringGetRange(client.db, 1, 2, 3);
    if (bytes === -codes.notFound) reply.bulk('');
    else reply.held(checked(bytes));
  });
}

function countRow(name: string, summary: string, by: number): Command {
  return row(
    { ...shape, since: '1.0.0', flags: writeDenyoomFast },
    name,
    2,
    summary,
    rows((values, db) => values.stringIncrement(db, 1, -1, by)),
  );
}

function countByRow(name: string, summary: string, sign: number): Command {
  return row(
    { ...shape, since: '1.0.0', flags: writeDenyoomFast },
    name,
    3,
    summary,
    rows((values, db) => values.stringIncrement(db, 1, 2, sign)),
  );
}

/** @returns 1, or 0 if a key exists and none may. */
function setAll({ client, command, keyspace, request }: Call, onlyIfNone: boolean): number {
  const words = request.count - 1;
  if (words % 2 !== 0) throw replyErrors.wrongArity(command.name);
  return checked(keyspace.values.stringsSet(client.db, 1, words, onlyIfNone ? 1 : 0));
}

/** What GETEX does with the expiry. An invalid time is not complained of where there is no string. */
function getAndExpire(call: Call): void {
  const { client, keyspace, reply, request } = call;
  const { after, word, unitMs, isRelative } = readExpiry(request);
  let atMs: UnixMs = 0;
  if (word !== -1) {
    if (keyspace.findString(client.db, 1) === ABSENT) {
      reply.nil();
      return;
    }
    keyspace.drop();
    const baseMs = isRelative ? Date.now() : 0;
    atMs = expiryOf(request, word, { unitMs, baseMs, command: 'getex', isPositive: true });
  }
  const bytes = keyspace.values.stringGetAnd(client.db, 1, after, atMs);
  if (bytes === -codes.notFound) reply.nil();
  else reply.held(checked(bytes));
}

function readExpiry(request: Request) {
  const found = { after: afterGet.nothing as number, word: -1, unitMs: 0, isRelative: false };
  for (let i = 2; i < request.count; i++) {
    const name = expiryOptions.find((option) => request.is(i, option));
    if (found.after !== afterGet.nothing) throw replyErrors.syntax();
    if (name !== undefined && i + 1 < request.count) {
      found.after = afterGet.expire;
      found.unitMs = name.startsWith('EX') ? 1000 : 1;
      found.isRelative = !name.endsWith('AT');
      found.word = ++i;
    } else if (request.is(i, 'PERSIST')) {
      found.after = afterGet.persist;
    } else {
      throw replyErrors.syntax();
    }
  }
  return found;
}

function longestCommon(
  values: DataCommands,
  db: number,
  { keyspace, request, server }: Call,
): number {
  let wantsLength = false;
  let wantsMatches = false;
  let withLengths = false;
  let matchMin = 0;
  for (let i = 3; i < request.count; i++) {
    if (request.is(i, 'LEN')) wantsLength = true;
    else if (request.is(i, 'IDX')) wantsMatches = true;
    else if (request.is(i, 'WITHMATCHLEN')) withLengths = true;
    else if (request.is(i, 'MINMATCHLEN') && i + 1 < request.count)
      matchMin = Math.max(clampedOf(request, ++i), 0);
    else throw replyErrors.syntax();
  }
  if (wantsLength && wantsMatches) {
    // As Redis has it: the keys are looked at first.
    for (const key of [1, 2]) {
      const kind = keyspace.kind(db, key);
      if (kind !== valueKinds.none && kind !== valueKinds.string) throw replyErrors.lcsNotStrings();
    }
    throw replyErrors.lcsBothWanted();
  }
  let wanted: number = lcsWanted.text;
  if (wantsMatches) wanted = lcsWanted.matches;
  else if (wantsLength) wanted = lcsWanted.length;
  const bytesMax = server.settings.bulkBytesMax;
  const answer = values.stringsLongestCommon(
    db,
    1,
    2,
    wanted,
    matchMin,
    withLengths ? 1 : 0,
    bytesMax,
  );
  if (answer === -codes.wrongType) throw replyErrors.lcsNotStrings();
  if (answer === -codes.stringTooLong) throw replyErrors.lcsTooLarge();
  return answer;
}

interface SetOptions {
  conditions: number;
  atMs: UnixMs;
}

function setWithOptions({ client, keyspace, reply, request }: Call): void {
  const { conditions, atMs } = readSetOptions(request);
  const isSet = keyspace.setStringIf(client.db, 1, 2, atMs, conditions);
  if ((conditions & setConditions.wantPrevious) !== 0) {
    const previousBytes = keyspace.numbers[0] ?? ABSENT;
    if (previousBytes === ABSENT) reply.nil();
    else reply.held(previousBytes);
  } else if (isSet) reply.ok();
  else reply.nil();
}

/** [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL], in any order. @throws {ReplyError} */
function readSetOptions(request: Request): SetOptions {
  const { ifAbsent, ifPresent, wantPrevious } = setConditions;
  let conditions = 0;
  let keepsExpiry = false;
  let unitMs = 0;
  let isRelative = false;
  let expiryWord = -1;
  let expiryName = '';
  for (let i = 3; i < request.count; i++) {
    if (request.is(i, 'NX') && (conditions & ifPresent) === 0) conditions |= ifAbsent;
    else if (request.is(i, 'XX') && (conditions & ifAbsent) === 0) conditions |= ifPresent;
    else if (request.is(i, 'GET')) conditions |= wantPrevious;
    else if (request.is(i, 'KEEPTTL') && expiryWord === -1) keepsExpiry = true;
    else {
      const name = expiryOptions.find((option) => request.is(i, option));
      const isRepeated = expiryName !== '' && name !== expiryName;
      if (name === undefined || keepsExpiry || isRepeated || i + 1 >= request.count)
        throw replyErrors.syntax();
      expiryName = name;
      unitMs = name.startsWith('EX') ? 1000 : 1;
      isRelative = !name.endsWith('AT');
      expiryWord = ++i;
    }
  }
  let atMs: UnixMs = keepsExpiry ? KEEP_EXPIRY : NO_EXPIRY;
  if (expiryWord !== -1) {
    const baseMs = isRelative ? Date.now() : 0;
    atMs = expiryOf(request, expiryWord, { unitMs, baseMs, command: 'set', isPositive: true });
  }
  return { conditions, atMs };
}

const expiryOptions = ['EX', 'PX', 'EXAT', 'PXAT'] as const;
