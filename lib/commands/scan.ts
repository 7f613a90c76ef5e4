// KEYS and the SCAN family.

import { replyErrors } from '../core/errors.ts';
import { valueKinds } from '../engine/addon.ts';
import type { DataCommands } from '../engine/data-commands.ts';
import type { Request } from '../resp/request.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { typeNames } from './keys.ts';
import { keyFirst, readonly, row, rows } from './rows.ts';
import { clampedOf } from './words.ts';

/** Behind all that there are. */
const CURSOR_END = Number.MAX_SAFE_INTEGER;
/** Most elements that one call visits, whatever COUNT says: the loop goes on in between. */
const COUNT_MAX = 2 ** 20;

export const scanCommands: readonly Command[] = [
  row(
    {
      group: 'generic',
      categories: ['@keyspace', '@dangerous'],
      since: '1.0.0',
      flags: readonly,
      keys: noKeys,
    },
    'keys',
    2,
    'Returns all keys that match a pattern.',
    rows((values, db) => values.keysMatching(db, 1)),
  ),
  row(
    {
      group: 'generic',
      categories: ['@keyspace'],
      since: '2.8.0',
      flags: readonly,
      keys: noKeys,
    },
    'scan',
    -2,
    'Returns keys, as many as COUNT says, and where to go on.',
    rows((values, db, { request }) => {
      const cursor = cursorOf(request, 1);
      const { pattern, count, kind } = readOptions(request, 2, true);
      return values.keysScan(db, cursor, pattern, count, kind);
    }),
  ),
  scanRow(
    'hscan',
    'hash',
    valueKinds.hash,
    'Returns fields and values of a hash, and where to go on.',
    'hashScan',
  ),
  scanRow(
    'sscan',
    'set',
    valueKinds.set,
    'Returns members of a set, and where to go on.',
    'setScan',
  ),
  scanRow(
    'zscan',
    'sorted-set',
    valueKinds.sortedSet,
    'Returns members and scores of a sorted set, and where to go on.',
    'sortedSetScan',
  ),
];

function scanRow(
  name: string,
  group: string,
  kind: number,
  summary: string,
  ask: keyof Pick<DataCommands, 'hashScan' | 'setScan' | 'sortedSetScan'>,
): Command {
  const scan = rows((values, db, { request }) => {
    const cursor = cursorOf(request, 2);
    const { pattern, count } = readOptions(request, 3, false);
    return values[ask](db, 1, cursor, pattern, count, valueKinds.none);
  });
  return row(
    { group, categories: [`@${group.replace('-', '')}`], since: '2.8.0', flags: readonly },
    name,
    -3,
    summary,
    (call) => {
      cursorOf(call.request, 2);
      keyFirst(kind, emptyScan, scan)(call);
    },
  );
}

function emptyScan({ reply }: Call): void {
  reply.array(2);
  reply.bulk('0');
  reply.array(0);
}

/** As `strtoul` reads it: nothing is 0, and a negative one is far beyond the end. @throws {ReplyError} */
function cursorOf(request: Request, i: number): number {
  const [, sign, digits] =
    /^([+-]?)(\d+)$/.exec(request.isBlob(i) ? 'x' : request.text(i) || '0') ?? [];
  if (digits === undefined || BigInt(digits) >= 2n ** 64n) throw replyErrors.invalidCursor();
  const cursor = Number(digits);
  return sign === '-' && cursor > 0 ? CURSOR_END : Math.min(cursor, CURSOR_END);
}

interface ScanOptions {
  /** A word, or -1. */
  pattern: number;
  count: number;
  kind: number;
}

function readOptions(request: Request, at: number, hasType: boolean): ScanOptions {
  const options: ScanOptions = { pattern: -1, count: 10, kind: valueKinds.none };
  for (let i = at; i < request.count; i += 2) {
    if (i + 1 === request.count) throw replyErrors.syntax();
    if (request.is(i, 'COUNT')) {
      const count = clampedOf(request, i + 1);
      if (count < 1) throw replyErrors.syntax();
      options.count = Math.min(count, COUNT_MAX);
    } else if (request.is(i, 'MATCH')) {
      options.pattern = i + 1;
    } else if (hasType && request.is(i, 'TYPE')) {
      const name = request.isBlob(i + 1) ? '' : request.text(i + 1).toLowerCase();
      options.kind = typeNames.findIndex((known, kind) => kind > 0 && known.toLowerCase() === name);
    } else throw replyErrors.syntax();
  }
  return options;
}
