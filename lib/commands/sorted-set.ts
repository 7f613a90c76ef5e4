import { replyErrors } from '../core/errors.ts';
import { addFlags, type DataCommands } from '../engine/data-commands.ts';
import { checked } from '../keyspace/keyspace.ts';
import type { Request } from '../resp/request.ts';
import type { Call, Command } from './command.ts';
import {
  integer,
  numberedKeys,
  readonly,
  readonlyFast,
  row,
  rows,
  write,
  writeDenyoomFast,
  writeFast,
} from './rows.ts';
import { sortedSetAlgebra } from './sorted-set-algebra.ts';
import { sortedSetRanges } from './sorted-set-ranges.ts';
import { atLeast, checkPairCount, countOf, randomCountOf } from './words.ts';

const shape = { group: 'sorted-set', categories: ['@sortedset'], since: '1.2.0' };

export const sortedSetCommands: readonly Command[] = [
  row(
    { ...shape, flags: writeDenyoomFast },
    'zadd',
    -4,
    'Sets the scores of members, and returns how many are new.',
    (call) => add(call, false),
  ),
  row({ ...shape, flags: writeDenyoomFast }, 'zincrby', 4, "Adds to a member's score.", (call) =>
    add(call, true),
  ),
  row(
    { ...shape, flags: writeFast },
    'zrem',
    -3,
    'Removes members, and returns how many there were.',
    integer((values, db, { request }) => values.sortedSetRemove(db, 1, 2, request.count - 2)),
  ),
  row(
    { ...shape, flags: readonlyFast },
    'zcard',
    2,
    'Returns how many members a sorted set has.',
    integer((values, db) => values.sortedSetLength(db, 1)),
  ),
  row(
    { ...shape, flags: readonlyFast },
    'zscore',
    3,
    "Returns a member's score.",
    rows((values, db) => values.sortedSetScores(db, 1, 2, 1)),
  ),
  row(
    { ...shape, flags: readonlyFast, since: '6.2.0' },
    'zmscore',
    -3,
    'Returns the scores of members.',
    ({ client, keyspace, reply, request }) => {
      const count = request.count - 2;
      const found = checked(keyspace.values.sortedSetScores(client.db, 1, 2, count));
      reply.array(count);
      reply.rows(found);
    },
  ),
  rankRow('zrank', "Returns a member's place from the lowest score on, from 0.", false),
  rankRow('zrevrank', "Returns a member's place from the highest score on, from 0.", true),
  popRow('zpopmin', 'Removes the members with the lowest scores, and returns them.', false),
  popRow('zpopmax', 'Removes the members with the highest scores, and returns them.', true),
  row(
    { ...shape, since: '7.0.0', flags: [...write, 'movablekeys'], keys: numberedKeys(1) },
    'zmpop',
    -4,
    'Removes members with the lowest or highest scores of the first key that has some.',
    rows(popFirst),
  ),
  row(
    { ...shape, since: '6.2.0', flags: readonly },
    'zrandmember',
    -2,
    'Returns members at random; a negative count may repeat them.',
    rows((values, db, { request }) => {
      if (request.count === 2) return values.sortedSetRandom(db, 1, 0, 0, 0);
      const count = randomCountOf(request, 2);
      const withScores = request.count > 3;
      if (request.count > 4 || (withScores && !request.is(3, 'WITHSCORES')))
        throw replyErrors.syntax();
      if (withScores) checkPairCount(request, 2);
      return values.sortedSetRandom(db, 1, 1, count, withScores ? 1 : 0);
    }),
  ),
  ...sortedSetRanges,
  ...sortedSetAlgebra,
];

/** Reads options from word 2 on; ZINCRBY takes them too. @returns The first word behind them, and their bits. */
function readAddOptions(
  request: Request,
  isIncrementAlways: boolean,
): { at: number; flags: number; isIncrement: boolean } {
  const { ifAbsent, ifPresent, ifGreater, ifLess, countChanged } = addFlags;
  let flags = 0;
  let isIncrement = isIncrementAlways;
  let at = 2;
  for (; at < request.count; at++) {
    if (request.is(at, 'NX')) flags |= ifAbsent;
    else if (request.is(at, 'XX')) flags |= ifPresent;
    else if (request.is(at, 'GT')) flags |= ifGreater;
    else if (request.is(at, 'LT')) flags |= ifLess;
    else if (request.is(at, 'CH')) flags |= countChanged;
    else if (request.is(at, 'INCR')) isIncrement = true;
    else break;
  }
  const words = request.count - at;
  if (words === 0 || words % 2 === 1) throw replyErrors.syntax();
  const has = (bits: number) => (flags & bits) === bits;
  if (has(ifAbsent | ifPresent)) throw replyErrors.addIfAbsentAndPresent();
  if (has(ifGreater | ifAbsent) || has(ifLess | ifAbsent) || has(ifGreater | ifLess))
    throw replyErrors.addFlagsIncompatible();
  if (isIncrement && words > 2) throw replyErrors.incrementOfOne();
  return { at, flags, isIncrement };
}

function add({ client, keyspace, reply, request }: Call, isIncrementAlways: boolean): void {
  const { values } = keyspace;
  const { at, flags, isIncrement } = readAddOptions(request, isIncrementAlways);
  if (isIncrement) {
    reply.rows(checked(values.sortedSetIncrement(client.db, 1, flags, at, at + 1)));
  } else {
    reply.integer(checked(values.sortedSetAdd(client.db, 1, flags, at, request.count - at)));
  }
}

function rankRow(name: string, summary: string, isReversed: boolean): Command {
  return row(
    { ...shape, since: '2.0.0', flags: readonlyFast },
    name,
    -3,
    summary,
    rows((values, db, { request }) => {
      const withScore = request.count > 3;
      if (request.count > 4 || (withScore && !request.is(3, 'WITHSCORE')))
        throw replyErrors.syntax();
      return values.sortedSetRank(db, 1, 2, isReversed ? 1 : 0, withScore ? 1 : 0);
    }),
  );
}

function popRow(name: string, summary: string, fromMax: boolean): Command {
  return row(
    { ...shape, since: '5.0.0', flags: writeFast },
    name,
    -2,
    summary,
    rows((values, db, { request }) => {
      if (request.count > 3) throw replyErrors.syntax();
      const hasCount = request.count === 3;
      const count = hasCount ? countOf(request, 2) : 1;
      return values.sortedSetPop(db, 1, fromMax ? 1 : 0, hasCount ? 1 : 0, count);
    }),
  );
}

function popFirst(values: DataCommands, db: number, { request }: Call): number {
  const { first, keyCount, fromMax, count } = readManySortedPop(request, 1);
  return values.sortedSetPopFirst(db, first, keyCount, fromMax ? 1 : 0, count);
}

/** numkeys key [key ...] MIN|MAX [COUNT count], from word `at` on. @throws {ReplyError} */
export function readManySortedPop(
  request: Request,
  at: number,
): { first: number; keyCount: number; fromMax: boolean; count: number } {
  const keyCount = atLeast(request, at, 1, replyErrors.keyCountNotPositive);
  const end = at + 1 + keyCount;
  if (end >= request.count) throw replyErrors.syntax();
  const fromMax = request.is(end, 'MAX');
  if (!fromMax && !request.is(end, 'MIN')) throw replyErrors.syntax();
  let count = -1;
  for (let i = end + 1; i < request.count; i += 2) {
    if (count !== -1 || !request.is(i, 'COUNT') || i + 1 === request.count)
      throw replyErrors.syntax();
    count = atLeast(request, i + 1, 1, replyErrors.popCountNotPositive);
  }
  return { first: at + 1, keyCount, fromMax, count: Math.max(count, 1) };
}
