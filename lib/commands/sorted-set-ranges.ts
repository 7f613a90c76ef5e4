// Commands about members from one score, place or name to another.

import { replyErrors } from '../core/errors.ts';
import { type DataCommands, rangesBy } from '../engine/data-commands.ts';
import type { Request } from '../resp/request.ts';
import type { Command } from './command.ts';
import {
  integer,
  readonly,
  readonlyFast,
  row,
  rows,
  twoKeys,
  write,
  writeDenyoom,
} from './rows.ts';
import { clampedOf } from './words.ts';

const shape = { group: 'sorted-set', categories: ['@sortedset'] };

interface RangeOptions {
  by: number;
  isReversed: boolean;
  withScores: boolean;
  offset: number;
  count: number;
}

/** What a command's name says already. */
type Fixed = Partial<Pick<RangeOptions, 'by' | 'isReversed'>>;

/** Options from word `at` on, as ZRANGE takes them, or those that an older command has. @throws {ReplyError} */
function readOptions(request: Request, at: number, fixed: Fixed, isStored: boolean): RangeOptions {
  const isOpen = fixed.by === undefined;
  let by = fixed.by ?? -1;
  let isReversed = fixed.isReversed ?? false;
  let withScores = false;
  let offset = 0;
  let count = -1;
  let hasLimit = false;
  for (let i = at; i < request.count; i++) {
    if (!isStored && request.is(i, 'WITHSCORES')) withScores = true;
    else if (request.is(i, 'LIMIT') && i + 2 < request.count) {
      offset = clampedOf(request, i + 1);
      count = clampedOf(request, i + 2);
      hasLimit = true;
      i += 2;
    } else if (isOpen && fixed.isReversed === undefined && request.is(i, 'REV')) isReversed = true;
    else if (isOpen && by === -1 && request.is(i, 'BYLEX')) by = rangesBy.lex;
    else if (isOpen && by === -1 && request.is(i, 'BYSCORE')) by = rangesBy.score;
    else throw replyErrors.syntax();
  }
  if (by === -1) by = rangesBy.rank;
  if (hasLimit && count !== -1 && by === rangesBy.rank) throw replyErrors.limitWithoutRange();
  if (withScores && by === rangesBy.lex) throw replyErrors.scoresOfLex();
  if (by === rangesBy.rank) {
    offset = 0;
    count = -1;
  }
  return { by, isReversed, withScores, offset, count };
}

/** Reversed ranges of scores and names are written from the highest down. */
function bounds(at: number, { by, isReversed }: RangeOptions): [number, number] {
  return isReversed && by !== rangesBy.rank ? [at + 1, at] : [at, at + 1];
}

function rangeRow(name: string, since: string, summary: string, fixed: Fixed): Command {
  return row(
    { ...shape, since, flags: readonly },
    name,
    -4,
    summary,
    rows((values, db, { request }) => {
      const options = readOptions(request, 4, fixed, false);
      const [min, max] = bounds(2, options);
      const { by, isReversed, offset, count, withScores } = options;
      return values.sortedSetRange(
        db,
        1,
        by,
        min,
        max,
        isReversed ? 1 : 0,
        offset,
        count,
        withScores ? 1 : 0,
      );
    }),
  );
}

type OfRange = 'sortedSetRangeRemove' | 'sortedSetRangeCount';

function ofRange(ask: OfRange, by: number) {
  return integer((values: DataCommands, db) => values[ask](db, 1, by, 2, 3, 0, 0, -1));
}

const { rank, score, lex } = rangesBy;

export const sortedSetRanges: readonly Command[] = [
  rangeRow('zrange', '1.2.0', 'Returns members by place, score or name.', {}),
  rangeRow('zrevrange', '1.2.0', 'Returns members by place, the highest score first.', {
    by: rank,
    isReversed: true,
  }),
  rangeRow('zrangebyscore', '1.0.5', 'Returns members from one score to another.', {
    by: score,
    isReversed: false,
  }),
  rangeRow(
    'zrevrangebyscore',
    '2.2.0',
    'Returns members from one score to another, the highest first.',
    { by: score, isReversed: true },
  ),
  rangeRow('zrangebylex', '2.8.9', 'Returns members of one score from one name to another.', {
    by: lex,
    isReversed: false,
  }),
  rangeRow(
    'zrevrangebylex',
    '2.8.9',
    'Returns members of one score from one name to another, the last first.',
    { by: lex, isReversed: true },
  ),
  row(
    { ...shape, since: '6.2.0', flags: writeDenyoom, keys: twoKeys },
    'zrangestore',
    -5,
    'Stores members by place, score or name.',
    integer((values, db, { request }) => {
      const options = readOptions(request, 5, {}, true);
      const [min, max] = bounds(3, options);
      const { by, isReversed, offset, count } = options;
      return values.sortedSetRangeStore(db, 1, 2, by, min, max, isReversed ? 1 : 0, offset, count);
    }),
  ),
  row(
    { ...shape, since: '2.0.0', flags: write },
    'zremrangebyrank',
    4,
    'Removes members by place.',
    ofRange('sortedSetRangeRemove', rank),
  ),
  row(
    { ...shape, since: '1.2.0', flags: write },
    'zremrangebyscore',
    4,
    'Removes members from one score to another.',
    ofRange('sortedSetRangeRemove', score),
  ),
  row(
    { ...shape, since: '2.8.9', flags: write },
    'zremrangebylex',
    4,
    'Removes members of one score from one name to another.',
    ofRange('sortedSetRangeRemove', lex),
  ),
  row(
    { ...shape, since: '2.0.0', flags: readonlyFast },
    'zcount',
    4,
    'Counts members from one score to another.',
    ofRange('sortedSetRangeCount', score),
  ),
  row(
    { ...shape, since: '2.8.9', flags: readonlyFast },
    'zlexcount',
    4,
    'Counts members of one score from one name to another.',
    ofRange('sortedSetRangeCount', lex),
  ),
];
