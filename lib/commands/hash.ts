import { replyErrors } from '../core/errors.ts';
import { hashHalves } from '../engine/data-commands.ts';
import { checked } from '../keyspace/keyspace.ts';
import type { Call, Command } from './command.ts';
import {
  array,
  held,
  integer,
  readonly,
  readonlyFast,
  row,
  rows,
  writeDenyoomFast,
  writeFast,
} from './rows.ts';
import { checkPairCount, randomCountOf } from './words.ts';

const shape = { group: 'hash', categories: ['@hash'], since: '2.0.0' };

export const hashCommands: readonly Command[] = [
  row(
    { ...shape, flags: writeDenyoomFast },
    'hset',
    -4,
    'Sets fields of a hash, and returns how many are new.',
    (call) => call.reply.integer(setFields(call)),
  ),
  row({ ...shape, flags: writeDenyoomFast }, 'hmset', -4, 'Sets fields of a hash.', (call) => {
    setFields(call);
    call.reply.ok();
  }),
  row(
    { ...shape, flags: writeDenyoomFast },
    'hsetnx',
    4,
    'Sets a field unless the hash has it.',
    integer((values, db) => values.hashSet(db, 1, 2, 2, 1)),
  ),
  row(
    { ...shape, flags: readonlyFast },
    'hget',
    3,
    'Returns the value of a field.',
    held((values, db) => values.hashFind(db, 1, 2)),
  ),
  row(
    { ...shape, flags: readonlyFast },
    'hmget',
    -3,
    'Returns the values of fields.',
    rows((values, db, { request }) => values.hashValues(db, 1, 2, request.count - 2)),
  ),
  row(
    { ...shape, flags: readonly },
    'hgetall',
    2,
    'Returns all fields and values of a hash.',
    ({ client, keyspace, reply }) => {
      const first = checked(keyspace.values.hashGetAll(client.db, 1));
      reply.map((keyspace.numbers[0] ?? 0) / 2);
      reply.rows(first);
    },
  ),
  row(
    { ...shape, flags: readonly },
    'hkeys',
    2,
    'Returns all fields of a hash.',
    array((values, db) => values.hashGetAll(db, 1, hashHalves.fields)),
  ),
  row(
    { ...shape, flags: readonly },
    'hvals',
    2,
    'Returns all values of a hash.',
    array((values, db) => values.hashGetAll(db, 1, hashHalves.values)),
  ),
  row(
    { ...shape, flags: writeFast },
    'hdel',
    -3,
    'Removes fields, and returns how many there were.',
    integer((values, db, { request }) => values.hashRemove(db, 1, 2, request.count - 2)),
  ),
  row(
    { ...shape, flags: readonlyFast },
    'hexists',
    3,
    'Tells whether a hash has a field.',
    integer((values, db) => values.hashExists(db, 1, 2)),
  ),
  row(
    { ...shape, flags: readonlyFast },
    'hlen',
    2,
    'Returns how many fields a hash has.',
    integer((values, db) => values.hashLength(db, 1)),
  ),
  row(
    { ...shape, since: '3.2.0', flags: readonlyFast },
    'hstrlen',
    3,
    'Returns the length of the value of a field.',
    integer((values, db) => values.hashValueLength(db, 1, 2)),
  ),
  row(
    { ...shape, flags: writeDenyoomFast },
    'hincrby',
    4,
    'Adds an integer to the value of a field.',
    rows((values, db) => values.hashIncrement(db, 1, 2, 3)),
  ),
  row(
    { ...shape, since: '2.6.0', flags: writeDenyoomFast },
    'hincrbyfloat',
    4,
    'Adds a number to the value of a field.',
    rows((values, db) => values.hashIncrementFloat(db, 1, 2, 3)),
  ),
  row(
    { ...shape, since: '6.2.0', flags: readonly },
    'hrandfield',
    -2,
    'Returns fields at random; a negative count may repeat them.',
    rows((values, db, { request }) => {
      if (request.count === 2) return values.hashRandom(db, 1, 0, 0, 0);
      const count = randomCountOf(request, 2);
      const withValues = request.count > 3;
      if (request.count > 4 || (withValues && !request.is(3, 'WITHVALUES')))
        throw replyErrors.syntax();
      if (withValues) checkPairCount(request, 2);
      return values.hashRandom(db, 1, 1, count, withValues ? 1 : 0);
    }),
  ),
];

function setFields({ client, command, keyspace, request }: Call): number {
  const words = request.count - 2;
  if (words % 2 !== 0) throw replyErrors.wrongArity(command.name);
  return checked(keyspace.values.hashSet(client.db, 1, 2, words));
}
