// Commands about the bits of strings.

import { replyErrors } from '../core/errors.ts';
import { valueKinds } from '../engine/addon.ts';
import { bitOperations, type DataCommands } from '../engine/data-commands.ts';
import type { Request } from '../resp/request.ts';
import type { Call, Command } from './command.ts';
import { integer, keyFirst, readonly, readonlyFast, row, rows, writeDenyoom } from './rows.ts';

const shape = { group: 'bitmap', categories: ['@bitmap'] };

export const bitCommands: readonly Command[] = [
  row(
    { ...shape, since: '2.2.0', flags: writeDenyoom },
    'setbit',
    4,
    'Sets a bit of a string, and returns the one before.',
    integer((values, db, { server }) => values.bitSet(db, 1, 2, 3, server.settings.bulkBytesMax)),
  ),
  row(
    { ...shape, since: '2.2.0', flags: readonlyFast },
    'getbit',
    3,
    'Returns a bit of a string.',
    integer((values, db, { server }) => values.bitGet(db, 1, 2, server.settings.bulkBytesMax)),
  ),
  row(
    { ...shape, since: '2.6.0', flags: readonly },
    'bitcount',
    -2,
    'Counts the bits that are 1.',
    keyFirst(
      valueKinds.string,
      ({ reply }) => reply.integer(0),
      integer((values, db, { request }) => {
        if (request.count === 2) return values.bitCount(db, 1, -1, -1, 0);
        if (request.count !== 4 && request.count !== 5) throw replyErrors.syntax();
        return values.bitCount(db, 1, 2, 3, isInBits(request, 4) ? 1 : 0);
      }),
    ),
  ),
  row(
    { ...shape, since: '2.8.7', flags: readonly },
    'bitpos',
    -3,
    'Returns the place of the first bit that is 0, or 1.',
    (call) => {
      const bit = bitOf(call.request);
      const ifAbsent = () => call.reply.integer(bit === 0 ? 0 : -1);
      keyFirst(valueKinds.string, ifAbsent, rows(position))(call);
    },
  ),
  row(
    { ...shape, since: '2.6.0', flags: writeDenyoom, keys: { first: 2, last: -1, step: 1 } },
    'bitop',
    -4,
    'Combines the bits of strings, stores them, and returns their bytes.',
    integer((values, db, { request }) => {
      const operation = operationOf(request);
      if (operation === bitOperations.not && request.count !== 4)
        throw replyErrors.notWithOneSource();
      return values.bitCombine(db, operation, 2, request.count - 2);
    }),
  ),
  fieldRow('bitfield', '3.2.0', 'Reads and changes integers within a string.', false),
  fieldRow('bitfield_ro', '6.0.0', 'Reads integers within a string.', true),
];

/** Whether word `i`, if there is one, says BIT and not BYTE. @throws {ReplyError} */
function isInBits(request: Request, i: number): boolean {
  if (i >= request.count || request.is(i, 'BYTE')) return false;
  if (request.is(i, 'BIT')) return true;
  throw replyErrors.syntax();
}

/** @throws {ReplyError} Neither 0 nor 1. */
function bitOf(request: Request): number {
  const bit = request.integer(2) ?? request.bigint(2);
  if (bit === undefined) throw replyErrors.notInteger();
  if (bit !== 0 && bit !== 1) throw replyErrors.bitNeither();
  return bit;
}

function position(values: DataCommands, db: number, { request }: Call): number {
  const bit = bitOf(request);
  if (request.count > 6) throw replyErrors.syntax();
  const start = request.count > 3 ? 3 : -1;
  const end = request.count > 4 ? 4 : -1;
  return values.bitPosition(db, 1, bit, start, end, isInBits(request, 5) ? 1 : 0);
}

function operationOf(request: Request): number {
  if (request.is(1, 'AND')) return bitOperations.and;
  if (request.is(1, 'OR')) return bitOperations.or;
  if (request.is(1, 'XOR')) return bitOperations.xor;
  if (request.is(1, 'NOT')) return bitOperations.not;
  throw replyErrors.syntax();
}

function fieldRow(name: string, since: string, summary: string, isReadonly: boolean): Command {
  return row(
    { ...shape, since, flags: isReadonly ? readonlyFast : writeDenyoom },
    name,
    -2,
    summary,
    rows((values, db, { request, server }) => {
      const { bulkBytesMax } = server.settings;
      return values.bitFields(db, 1, 2, request.count - 2, isReadonly ? 1 : 0, bulkBytesMax);
    }),
  );
}
