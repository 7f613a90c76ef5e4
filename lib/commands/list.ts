import { replyErrors } from '../core/errors.ts';
import { valueKinds } from '../engine/addon.ts';
import type { DataCommands } from '../engine/data-commands.ts';
import type { Request } from '../resp/request.ts';
import type { Call, Command } from './command.ts';
import {
  array,
  integer,
  keyFirst,
  numberedKeys,
  ok,
  readonly,
  readonlyFast,
  row,
  rows,
  twoKeys,
  write,
  writeDenyoom,
  writeDenyoomFast,
  writeFast,
} from './rows.ts';
import { atLeast, countOf, negatableOf } from './words.ts';

const shape = { group: 'list', categories: ['@list'], since: '1.0.0' };

export const listCommands: readonly Command[] = [
  pushRow('rpush', '1.0.0', 'Appends elements to a list, and returns its length.', true, false),
  pushRow(
    'lpush',
    '1.0.0',
    'Puts elements before a list, one after the other, and returns its length.',
    false,
    false,
  ),
  pushRow('rpushx', '2.2.0', 'Appends elements to a list if there is one.', true, true),
  pushRow('lpushx', '2.2.0', 'Puts elements before a list if there is one.', false, true),
  popRow('lpop', 'Removes the first elements of a list, and returns them.', false),
  popRow('rpop', 'Removes the last elements of a list, and returns them.', true),
  row(
    { ...shape, flags: readonly },
    'lrange',
    4,
    'Returns the elements of a list from one index to another.',
    array((values, db) => values.listRange(db, 1, 2, 3)),
  ),
  row(
    { ...shape, flags: readonlyFast },
    'llen',
    2,
    'Returns the length of a list.',
    integer((values, db) => values.listLength(db, 1)),
  ),
  row(
    { ...shape, flags: readonly },
    'lindex',
    3,
    'Returns the element at an index, negative from the end.',
    keyFirst(
      valueKinds.list,
      ({ reply }) => reply.nil(),
      rows((values, db) => values.listIndex(db, 1, 2)),
    ),
  ),
  row(
    { ...shape, flags: writeDenyoom },
    'lset',
    4,
    'Sets the element at an index.',
    keyFirst(
      valueKinds.list,
      () => {
        throw replyErrors.noSuchKey();
      },
      ok((values, db) => values.listSet(db, 1, 2, 3)),
    ),
  ),
  row(
    { ...shape, since: '2.2.0', flags: writeDenyoom },
    'linsert',
    5,
    'Inserts an element before or behind another.',
    rows((values, db, { request }) => {
      const isAfter = request.is(2, 'AFTER');
      if (!isAfter && !request.is(2, 'BEFORE')) throw replyErrors.syntax();
      return values.listInsert(db, 1, isAfter ? 1 : 0, 3, 4);
    }),
  ),
  row(
    { ...shape, flags: write },
    'lrem',
    4,
    'Removes elements equal to one, and returns how many.',
    integer((values, db) => values.listRemove(db, 1, 2, 3)),
  ),
  row(
    { ...shape, flags: write },
    'ltrim',
    4,
    'Removes all elements but those from one index to another.',
    ok((values, db) => values.listTrim(db, 1, 2, 3)),
  ),
  row(
    { ...shape, since: '6.0.6', flags: readonly },
    'lpos',
    -3,
    'Returns the indices of elements equal to one.',
    rows(position),
  ),
  row(
    { ...shape, since: '6.2.0', flags: writeDenyoom, keys: twoKeys },
    'lmove',
    5,
    'Moves an element from an end of a list to an end of another.',
    rows((values, db, { request }) =>
      values.listMove(db, 1, 2, isTail(request, 3) ? 1 : 0, isTail(request, 4) ? 1 : 0),
    ),
  ),
  row(
    { ...shape, since: '1.2.0', flags: writeDenyoom, keys: twoKeys },
    'rpoplpush',
    3,
    'Moves the last element of a list before another list.',
    rows((values, db) => values.listMove(db, 1, 2, 1, 0)),
  ),
  row(
    { ...shape, since: '7.0.0', flags: [...write, 'movablekeys'], keys: numberedKeys(1) },
    'lmpop',
    -4,
    'Removes elements from an end of the first list that has some.',
    rows(popFirst),
  ),
];

function pushRow(
  name: string,
  since: string,
  summary: string,
  atTail: boolean,
  onlyIfPresent: boolean,
): Command {
  return row(
    { ...shape, since, flags: writeDenyoomFast },
    name,
    -3,
    summary,
    integer((values, db, { request }) =>
      values.listPush(db, 1, 2, request.count - 2, atTail ? 1 : 0, onlyIfPresent ? 1 : 0),
    ),
  );
}

function popRow(name: string, summary: string, fromTail: boolean): Command {
  return row(
    { ...shape, flags: writeFast },
    name,
    -2,
    summary,
    rows((values, db, { command, request }) => {
      if (request.count > 3) throw replyErrors.wrongArity(command.name);
      const hasCount = request.count === 3;
      const count = hasCount ? countOf(request, 2) : 1;
      return values.listPop(db, 1, fromTail ? 1 : 0, hasCount ? 1 : 0, count);
    }),
  );
}

/** @throws {ReplyError} Neither LEFT nor RIGHT. */
export function isTail(request: Request, i: number): boolean {
  if (request.is(i, 'RIGHT')) return true;
  if (request.is(i, 'LEFT')) return false;
  throw replyErrors.syntax();
}

function position(values: DataCommands, db: number, { request }: Call): number {
  let rank = 1;
  let count = -1;
  let comparedMax = 0;
  for (let i = 3; i < request.count; i += 2) {
    if (i + 1 === request.count) throw replyErrors.syntax();
    if (request.is(i, 'RANK')) {
      rank = negatableOf(request, i + 1);
      if (rank === 0) throw replyErrors.rankZero();
    } else if (request.is(i, 'COUNT')) {
      count = atLeast(request, i + 1, 0, replyErrors.positionCountNegative);
    } else if (request.is(i, 'MAXLEN')) {
      comparedMax = atLeast(request, i + 1, 0, replyErrors.positionMaxNegative);
    } else {
      throw replyErrors.syntax();
    }
  }
  return values.listPosition(db, 1, 2, rank, count, comparedMax);
}

function popFirst(values: DataCommands, db: number, { request }: Call): number {
  const { first, keyCount, fromTail, count } = readManyPop(request, 1);
  return values.listPopFirst(db, first, keyCount, fromTail ? 1 : 0, count);
}

/** numkeys key [key ...] LEFT|RIGHT [COUNT count], from word `at` on. @throws {ReplyError} */
export function readManyPop(
  request: Request,
  at: number,
): { first: number; keyCount: number; fromTail: boolean; count: number } {
  const keyCount = atLeast(request, at, 1, replyErrors.keyCountNotPositive);
  const end = at + 1 + keyCount;
  if (end >= request.count) throw replyErrors.syntax();
  const fromTail = isTail(request, end);
  let count = -1;
  for (let i = end + 1; i < request.count; i += 2) {
    if (count !== -1 || !request.is(i, 'COUNT') || i + 1 === request.count)
      throw replyErrors.syntax();
    count = atLeast(request, i + 1, 1, replyErrors.popCountNotPositive);
  }
  return { first: at + 1, keyCount, fromTail, count: Math.max(count, 1) };
}
