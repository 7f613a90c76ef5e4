// SORT without patterns of other keys.

import { replyErrors } from '../core/errors.ts';
import { sortFlags } from '../engine/data-commands.ts';
import { checked } from '../keyspace/keyspace.ts';
import type { Request } from '../resp/request.ts';
import type { Call, Command, Words } from './command.ts';
import { readonly, row, writeDenyoom } from './rows.ts';
import { clampedOf } from './words.ts';

const shape = { group: 'generic', categories: ['@set', '@sortedset', '@list', '@dangerous'] };

export const sortCommands: readonly Command[] = [
  row(
    {
      ...shape,
      since: '1.0.0',
      flags: [...writeDenyoom, 'movablekeys'],
      keys: { first: 1, last: 1, step: 1, find: keysOf },
    },
    'sort',
    -2,
    'Returns or stores the elements of a list, set or sorted set, sorted.',
    (call) => sort(call, true),
  ),
  row(
    {
      ...shape,
      since: '7.0.0',
      flags: [...readonly, 'movablekeys'],
      keys: { first: 1, last: 1, step: 1, find: () => [1] },
    },
    'sort_ro',
    -2,
    'Returns the elements of a list, set or sorted set, sorted.',
    (call) => sort(call, false),
  ),
];

/** The last STORE counts. */
function keysOf(words: Words): number[] {
  let target = -1;
  for (let i = 2; i + 1 < words.count; i++) {
    if (words.is(i, 'STORE')) target = ++i;
    else if (words.is(i, 'LIMIT')) i += 2;
    else if (words.is(i, 'BY') || words.is(i, 'GET')) i++;
  }
  return target === -1 ? [1] : [1, target];
}

interface SortOptions {
  flags: number;
  offset: number;
  count: number;
  /** A word, or -1. */
  target: number;
}

/** @throws {ReplyError} Also for patterns, which name other keys. */
function readOptions(request: Request, canStore: boolean): SortOptions {
  const options: SortOptions = { flags: 0, offset: 0, count: -1, target: -1 };
  for (let i = 2; i < request.count; i++) {
    const left = request.count - i - 1;
    if (request.is(i, 'ASC')) options.flags &= ~sortFlags.descending;
    else if (request.is(i, 'DESC')) options.flags |= sortFlags.descending;
    else if (request.is(i, 'ALPHA')) options.flags |= sortFlags.byText;
    else if (request.is(i, 'LIMIT') && left >= 2) {
      options.offset = clampedOf(request, i + 1);
      options.count = clampedOf(request, i + 2);
      i += 2;
    } else if (canStore && request.is(i, 'STORE') && left >= 1) {
      options.target = ++i;
    } else if (request.is(i, 'BY') && left >= 1) {
      // A pattern without `*` names no key: the elements stay as they are.
      if (request.bytes(++i).includes('*')) throw replyErrors.optionNotSupported('BY');
      options.flags |= sortFlags.unsorted;
    } else if (request.is(i, 'GET') && left >= 1) {
      throw replyErrors.optionNotSupported('GET');
    } else throw replyErrors.syntax();
  }
  return options;
}

function sort({ client, keyspace, reply, request }: Call, canStore: boolean): void {
  const { values } = keyspace;
  const { flags, offset, count, target } = readOptions(request, canStore);
  if (target === -1) {
    reply.rows(checked(values.keySort(client.db, 1, flags, offset, count)));
  } else {
    reply.integer(checked(values.keySortStore(client.db, 1, target, flags, offset, count)));
  }
}
