// Unions, intersections and differences of sorted sets and sets.

import { ReplyError, replyErrors } from '../core/errors.ts';
import { valueKinds } from '../engine/addon.ts';
import { aggregates, type DataCommands, setOperations } from '../engine/data-commands.ts';
import type { Request } from '../resp/request.ts';
import type { Call, Command } from './command.ts';
import { integer, numberedKeys, readonly, row, rows, writeDenyoom } from './rows.ts';
import { atLeast, integerOf } from './words.ts';

const shape = { group: 'sorted-set', categories: ['@sortedset'] };

interface Combination {
  keyCount: number;
  aggregate: number;
  firstWeight: number;
  withScores: boolean;
  limit: number;
}

interface Allowed {
  weights: boolean;
  scores: boolean;
  limit: boolean;
}

/** The number of keys is word `at`. Redis looks at the keys before it reads the options. @throws {ReplyError} */
function read(call: Call, at: number, name: string, allowed: Allowed): Combination {
  const { client, keyspace, request } = call;
  const keyCount = integerOf(request, at);
  if (keyCount < 1) throw replyErrors.noInputKey(name);
  if (keyCount > request.count - at - 1) throw replyErrors.syntax();
  try {
    return readOptions(keyspace.values, request, at, keyCount, allowed);
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error;
    for (let word = at + 1; word <= at + keyCount; word++) {
      if (!combined.includes(keyspace.kind(client.db, word))) throw replyErrors.wrongType();
    }
    throw error;
  }
}

/** What keys may hold. */
const combined: readonly number[] = [valueKinds.none, valueKinds.set, valueKinds.sortedSet];

function readOptions(
  values: DataCommands,
  request: Request,
  at: number,
  keyCount: number,
  allowed: Allowed,
): Combination {
  const found: Combination = {
    keyCount,
    aggregate: aggregates.sum,
    firstWeight: -1,
    withScores: false,
    limit: 0,
  };
  for (let i = at + 1 + keyCount; i < request.count; i++) {
    const left = request.count - i - 1;
    if (allowed.weights && request.is(i, 'WEIGHTS') && left >= keyCount) {
      found.firstWeight = i + 1;
      if (values.areFloats(i + 1, keyCount) === 0) throw replyErrors.weightNotFloat();
      i += keyCount;
    } else if (allowed.weights && request.is(i, 'AGGREGATE') && left >= 1) {
      found.aggregate = aggregateOf(request, ++i);
    } else if (allowed.scores && request.is(i, 'WITHSCORES')) {
      found.withScores = true;
    } else if (allowed.limit && request.is(i, 'LIMIT') && left >= 1) {
      found.limit = atLeast(request, ++i, 0, replyErrors.limitNegative);
    } else {
      throw replyErrors.syntax();
    }
  }
  return found;
}

function aggregateOf(request: Request, i: number): number {
  if (request.is(i, 'SUM')) return aggregates.sum;
  if (request.is(i, 'MIN')) return aggregates.min;
  if (request.is(i, 'MAX')) return aggregates.max;
  throw replyErrors.syntax();
}

function combinationRow(
  name: string,
  summary: string,
  operation: number,
  hasWeights: boolean,
): Command {
  const allowed = { weights: hasWeights, scores: true, limit: false };
  return row(
    {
      ...shape,
      since: '6.2.0',
      flags: [...readonly, 'movablekeys'],
      keys: numberedKeys(1),
    },
    name,
    -3,
    summary,
    rows((values, db, call) => {
      const { keyCount, aggregate, firstWeight, withScores } = read(call, 1, name, allowed);
      return values.sortedSetCombine(
        db,
        2,
        keyCount,
        operation,
        aggregate,
        firstWeight,
        keyCount,
        withScores ? 1 : 0,
      );
    }),
  );
}

function storingRow(
  name: string,
  since: string,
  summary: string,
  operation: number,
  hasWeights: boolean,
): Command {
  const allowed = { weights: hasWeights, scores: false, limit: false };
  return row(
    {
      ...shape,
      since,
      flags: [...writeDenyoom, 'movablekeys'],
      keys: numberedKeys(2, true),
    },
    name,
    -4,
    summary,
    integer((values, db, call) => {
      const { keyCount, aggregate, firstWeight } = read(call, 2, name, allowed);
      return values.sortedSetCombineStore(
        db,
        1,
        3,
        keyCount,
        operation,
        aggregate,
        firstWeight,
        keyCount,
      );
    }),
  );
}

const { union, intersection, difference } = setOperations;

export const sortedSetAlgebra: readonly Command[] = [
  combinationRow('zunion', 'Returns the members that any key has.', union, true),
  combinationRow('zinter', 'Returns the members that all keys have.', intersection, true),
  combinationRow(
    'zdiff',
    'Returns the members of the first key that no other has.',
    difference,
    false,
  ),
  storingRow('zunionstore', '2.0.0', 'Stores the members that any key has.', union, true),
  storingRow('zinterstore', '2.0.0', 'Stores the members that all keys have.', intersection, true),
  storingRow(
    'zdiffstore',
    '6.2.0',
    'Stores the members of the first key that no other has.',
    difference,
    false,
  ),
  row(
    {
      ...shape,
      since: '7.0.0',
      flags: [...readonly, 'movablekeys'],
      keys: numberedKeys(1),
    },
    'zintercard',
    -3,
    'Returns how many members all keys have.',
    integer((values, db, call) => {
      const allowed = { weights: false, scores: false, limit: true };
      const { keyCount, limit } = read(call, 1, 'zintercard', allowed);
      return values.sortedSetIntersectionLength(db, 2, keyCount, limit);
    }),
  ),
];
