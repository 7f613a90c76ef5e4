import { replyErrors } from '../core/errors.ts';
import { setOperations } from '../engine/data-commands.ts';
import { checked } from '../keyspace/keyspace.ts';
import type { Call, Command } from './command.ts';
import {
  allArgsAreKeys,
  integer,
  numberedKeys,
  readonly,
  readonlyFast,
  row,
  rows,
  twoKeys,
  writeDenyoom,
  writeDenyoomFast,
  writeFast,
} from './rows.ts';
import { atLeast, countOf, randomCountOf } from './words.ts';

const shape = { group: 'set', categories: ['@set'], since: '1.0.0' };

export const setCommands: readonly Command[] = [
  row(
    { ...shape, flags: writeDenyoomFast },
    'sadd',
    -3,
    'Adds members to a set, and returns how many are new.',
    integer((values, db, { request }) => values.setAdd(db, 1, 2, request.count - 2)),
  ),
  row(
    { ...shape, flags: writeFast },
    'srem',
    -3,
    'Removes members from a set, and returns how many there were.',
    integer((values, db, { request }) => values.setRemove(db, 1, 2, request.count - 2)),
  ),
  row(
    { ...shape, flags: writeFast, keys: twoKeys },
    'smove',
    4,
    'Moves a member from one set to another.',
    integer((values, db) => values.setMove(db, 1, 2, 3)),
  ),
  row(
    { ...shape, flags: readonlyFast },
    'scard',
    2,
    'Returns how many members a set has.',
    integer((values, db) => values.setLength(db, 1)),
  ),
  row(
    { ...shape, flags: readonlyFast },
    'sismember',
    3,
    'Tells whether a set has a member.',
    integer((values, db) => values.setContains(db, 1, 2)),
  ),
  row(
    { ...shape, flags: readonlyFast, since: '6.2.0' },
    'smismember',
    -3,
    'Tells of each member whether a set has it.',
    rows((values, db, { request }) => values.setContainsEach(db, 1, 2, request.count - 2)),
  ),
  row({ ...shape, flags: readonly }, 'smembers', 2, 'Returns all members of a set.', (call) => {
    const { keyspace, reply } = call;
    const first = checked(keyspace.values.setMembers(call.client.db, 1));
    reply.set(keyspace.numbers[0] ?? 0);
    reply.rows(first);
  }),
  row(
    { ...shape, flags: writeFast },
    'spop',
    -2,
    'Removes members of a set at random, and returns them.',
    rows((values, db, { request }) => {
      if (request.count > 3) throw replyErrors.syntax();
      return values.setPop(db, 1, request.count === 3 ? countOf(request, 2) : -1);
    }),
  ),
  row(
    { ...shape, flags: readonly },
    'srandmember',
    -2,
    'Returns members of a set at random; a negative count may repeat them.',
    rows((values, db, { request }) => {
      if (request.count > 3) throw replyErrors.syntax();
      const count = request.count === 3 ? randomCountOf(request, 2) : 0;
      return values.setRandom(db, 1, request.count === 3 ? 1 : 0, count);
    }),
  ),
  combination('sinter', 'Returns the members that all sets have.', setOperations.intersection),
  combination('sunion', 'Returns the members that any set has.', setOperations.union),
  combination(
    'sdiff',
    'Returns the members of the first set that no other has.',
    setOperations.difference,
  ),
  storing('sinterstore', 'Stores the members that all sets have.', setOperations.intersection),
  storing('sunionstore', 'Stores the members that any set has.', setOperations.union),
  storing(
    'sdiffstore',
    'Stores the members of the first set that no other has.',
    setOperations.difference,
  ),
  row(
    {
      ...shape,
      since: '7.0.0',
      flags: [...readonly, 'movablekeys'],
      keys: numberedKeys(1),
    },
    'sintercard',
    -3,
    'Returns how many members all sets have.',
    integer(intersectionLength),
  ),
];

function combination(name: string, summary: string, operation: number): Command {
  return row(
    { ...shape, flags: readonly, keys: allArgsAreKeys },
    name,
    -2,
    summary,
    rows((values, db, { request }) => values.setCombine(db, operation, 1, request.count - 1)),
  );
}

function storing(name: string, summary: string, operation: number): Command {
  return row(
    { ...shape, flags: writeDenyoom, keys: allArgsAreKeys },
    name,
    -3,
    summary,
    integer((values, db, { request }) =>
      values.setCombineStore(db, operation, 1, request.count - 1),
    ),
  );
}

function intersectionLength(values: Call['keyspace']['values'], db: number, call: Call): number {
  const { request } = call;
  const keyCount = atLeast(request, 1, 1, replyErrors.keyCountNotPositive);
  if (keyCount > request.count - 2) throw replyErrors.tooManyKeys();
  let limit = 0;
  for (let i = 2 + keyCount; i < request.count; i += 2) {
    if (!request.is(i, 'LIMIT') || i + 1 === request.count) throw replyErrors.syntax();
    limit = atLeast(request, i + 1, 0, replyErrors.limitNegative);
  }
  return values.setIntersectionLength(db, 2, keyCount, limit);
}
