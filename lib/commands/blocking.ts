// The commands that wait until lists or sorted sets hold something.

import { addon } from '../engine/addon.ts';
import { type Call, type Command, firstArgIsKey } from './command.ts';
import { isTail, readManyPop } from './list.ts';
import { numberedKeys, row, twoKeys } from './rows.ts';
import { readManySortedPop } from './sorted-set.ts';
import { awaitRows, secondsOf } from './waiting.ts';

const list = { group: 'list', categories: ['@list', '@blocking'] };
const sortedSet = { group: 'sorted-set', categories: ['@sortedset', '@blocking'] };
const keysBeforeTimeout = { ...firstArgIsKey, last: -2 };

export const blockingCommands: readonly Command[] = [
  popRow('blpop', 'Removes the first element of a list, or waits for one.', false),
  popRow('brpop', 'Removes the last element of a list, or waits for one.', true),
  row(
    {
      ...list,
      since: '6.2.0',
      flags: ['write', 'denyoom', 'blocking'],
      keys: twoKeys,
    },
    'blmove',
    6,
    'Moves an element from an end of a list to an end of another, or waits for one.',
    (call) => {
      const { request } = call;
      const fromTail = isTail(request, 3);
      const toTail = isTail(request, 4);
      move(call, fromTail, toTail, secondsOf(request, 5));
    },
  ),
  row(
    {
      ...list,
      since: '2.2.0',
      flags: ['write', 'denyoom', 'blocking'],
      keys: twoKeys,
    },
    'brpoplpush',
    4,
    'Moves the last element of a list before another list, or waits for one.',
    (call) => move(call, true, false, secondsOf(call.request, 3)),
  ),
  row(
    {
      ...list,
      since: '7.0.0',
      flags: ['write', 'blocking', 'movablekeys'],
      keys: numberedKeys(2),
    },
    'blmpop',
    -5,
    'Removes elements from an end of the first list that has some, or waits for one.',
    (call) => {
      const { first, keyCount, fromTail, count } = readManyPop(call.request, 2);
      popFirst(call, 'listsAwait', secondsOf(call.request, 1), first, keyCount, fromTail, count);
    },
  ),
  sortedPopRow('bzpopmin', 'Removes the member with the lowest score, or waits for one.', false),
  sortedPopRow('bzpopmax', 'Removes the member with the highest score, or waits for one.', true),
  row(
    {
      ...sortedSet,
      since: '7.0.0',
      flags: ['write', 'blocking', 'movablekeys'],
      keys: numberedKeys(2),
    },
    'bzmpop',
    -5,
    'Removes members from an end of the first sorted set that has some, or waits for one.',
    (call) => {
      const { first, keyCount, fromMax, count } = readManySortedPop(call.request, 2);
      popFirst(
        call,
        'sortedSetsAwait',
        secondsOf(call.request, 1),
        first,
        keyCount,
        fromMax,
        count,
      );
    },
  ),
];

function popRow(name: string, summary: string, fromTail: boolean): Command {
  const shape = { ...list, since: '2.0.0', flags: ['write', 'blocking'], keys: keysBeforeTimeout };
  return row(shape, name, -3, summary, (call) => {
    const last = call.request.count - 1;
    popFirst(call, 'listsAwait', secondsOf(call.request, last), 1, last - 1, fromTail, 0);
  });
}

function sortedPopRow(name: string, summary: string, fromMax: boolean): Command {
  const flags = ['write', 'fast', 'blocking'];
  const shape = { ...sortedSet, since: '5.0.0', flags, keys: keysBeforeTimeout };
  return row(shape, name, -3, summary, (call) => {
    const last = call.request.count - 1;
    popFirst(call, 'sortedSetsAwait', secondsOf(call.request, last), 1, last - 1, fromMax, 0);
  });
}

/** @param count How many at most, answered as an array; 0: one, answered by itself. */
function popFirst(
  call: Call,
  from: 'listsAwait' | 'sortedSetsAwait',
  timeoutMs: number,
  first: number,
  keyCount: number,
  fromEnd: boolean,
  count: number,
): void {
  const { db } = call.client;
  const end = fromEnd ? 1 : 0;
  const isCounted = count > 0 ? 1 : 0;
  awaitRows(
    call,
    timeoutMs,
    ({ client, connection, sequence }) =>
      addon()[from](
        ...([db, first, keyCount, end, isCounted, Math.max(count, 1)] as const),
        client,
        connection,
        sequence,
      ),
    (reply) => reply.nilArray(),
  );
}

function move(call: Call, fromTail: boolean, toTail: boolean, timeoutMs: number): void {
  const { db } = call.client;
  awaitRows(
    call,
    timeoutMs,
    ({ client, connection, sequence }) =>
      addon().listAwaitMove(
        db,
        1,
        2,
        fromTail ? 1 : 0,
        toTail ? 1 : 0,
        client,
        connection,
        sequence,
      ),
    (reply) => reply.nil(),
  );
}
