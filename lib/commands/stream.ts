import { replyErrors } from '../core/errors.ts';
import { addon, codes, valueKinds } from '../engine/addon.ts';
import { type DataCommands, trimBy } from '../engine/data-commands.ts';
import { checked } from '../keyspace/keyspace.ts';
import type { Request } from '../resp/request.ts';
import { type Call, type Command, firstArgIsKey, type Words } from './command.ts';
import { container } from './container.ts';
import {
  integer,
  keyFirst,
  ok,
  readonly,
  readonlyFast,
  row,
  rows,
  write,
  writeDenyoomFast,
  writeFast,
} from './rows.ts';
import { awaitRows, millisecondsOf } from './waiting.ts';
import { clampedOf, shown } from './words.ts';

const shape = { group: 'stream', categories: ['@stream'], since: '5.0.0' };

export const streamCommands: readonly Command[] = [
  row(
    { ...shape, flags: writeDenyoomFast },
    'xadd',
    -5,
    'Appends an entry to a stream, and returns its id.',
    rows(add),
  ),
  row(
    { ...shape, flags: readonlyFast },
    'xlen',
    2,
    'Returns how many entries a stream has.',
    integer((values, db) => values.streamLength(db, 1)),
  ),
  rangeRow('xrange', 'Returns entries from one id to another.', false),
  rangeRow('xrevrange', 'Returns entries from one id down to another.', true),
  row(
    {
      ...shape,
      flags: [...readonly, 'blocking', 'movablekeys'],
      keys: { first: 0, last: 0, step: 0, find: keysRead },
    },
    'xread',
    -4,
    'Returns the entries of streams behind an id each, or waits for some.',
    read,
  ),
  row(
    { ...shape, flags: writeFast },
    'xdel',
    -3,
    'Removes entries, and returns how many there were.',
    keyFirst(
      valueKinds.stream,
      ({ reply }) => reply.integer(0),
      integer((values, db, { request }) => values.streamRemove(db, 1, 2, request.count - 2)),
    ),
  ),
  row(
    { ...shape, flags: write },
    'xtrim',
    -4,
    'Removes the first entries, and returns how many.',
    integer((values, db, { request }) => {
      const { trim } = readTrim(request, false);
      if (trim.by === trimBy.nothing) throw replyErrors.trimMissing();
      const { by, isApproximate, lengthMax, id, limit } = trim;
      return values.streamTrim(db, 1, by, isApproximate ? 1 : 0, lengthMax, id, limit);
    }),
  ),
  row(
    { ...shape, flags: writeDenyoomFast },
    'xsetid',
    -3,
    'Sets the last id of a stream.',
    ok(setId),
  ),
  container(
    {
      name: 'xinfo',
      summary: 'A container for commands about streams.',
      since: '5.0.0',
      group: 'stream',
    },
    [
      row(
        { ...shape, flags: readonly, keys: { ...firstArgIsKey, first: 2, last: 2 } },
        'stream',
        -3,
        'Returns facts about a stream.',
        rows((values, db, { request }) => {
          if (request.count === 3) return values.streamDescribe(db, 2, 0, 0);
          const hasCount = request.count === 6 && request.is(4, 'COUNT');
          if (!request.is(3, 'FULL') || !(request.count === 4 || hasCount))
            throw replyErrors.syntax();
          const count = hasCount ? Math.max(clampedOf(request, 5), 0) : 10;
          return values.streamDescribe(db, 2, 1, count);
        }),
      ),
      row(
        { ...shape, flags: readonly, keys: { ...firstArgIsKey, first: 2, last: 2 } },
        'groups',
        3,
        'Returns the groups of consumers that a stream was loaded with.',
        rows((values, db) => values.streamGroups(db, 2)),
      ),
      row(
        { ...shape, flags: readonly, keys: { ...firstArgIsKey, first: 2, last: 2 } },
        'consumers',
        4,
        'Returns the consumers of a group that a stream was loaded with.',
        rows((values, db, { request }) => {
          const result = values.streamConsumers(db, 2, 3);
          if (result !== -codes.noSuchGroup) return result;
          throw replyErrors.noSuchGroup(shown(request, 3), shown(request, 2));
        }),
      ),
    ],
  ),
];

interface Trim {
  by: number;
  isApproximate: boolean;
  lengthMax: number;
  /** The word of MINID's id, or -1. */
  id: number;
  /** -1: none given. */
  limit: number;
}

/**
 * Options from word 2 on: of XADD up to the id, of XTRIM all.
 * @returns `at`: the first word behind them.
 */
function readTrim(
  request: Request,
  isAdd: boolean,
): { trim: Trim; at: number; makesStream: boolean } {
  const trim: Trim = { by: trimBy.nothing, isApproximate: false, lengthMax: 0, id: -1, limit: -1 };
  let makesStream = true;
  let at = 2;
  for (; at < request.count; at++) {
    const left = request.count - at - 1;
    const isLength = request.is(at, 'MAXLEN');
    if ((isLength || request.is(at, 'MINID')) && left >= 1) {
      const by = isLength ? trimBy.length : trimBy.id;
      if (trim.by !== trimBy.nothing) {
        if (trim.by !== by) throw replyErrors.trimBothWays();
        throw replyErrors.syntax();
      }
      trim.by = by;
      const hasSign = left >= 2 && (request.is(at + 1, '~') || request.is(at + 1, '='));
      trim.isApproximate = hasSign && request.is(at + 1, '~');
      if (hasSign) at++;
      at++;
      if (isLength) {
        trim.lengthMax = clampedOf(request, at);
        if (trim.lengthMax < 0) throw replyErrors.trimNegative('MAXLEN');
      } else trim.id = at;
    } else if (request.is(at, 'LIMIT') && left >= 1) {
      trim.limit = clampedOf(request, ++at);
      if (trim.limit < 0) throw replyErrors.trimNegative('LIMIT');
    } else if (isAdd && request.is(at, 'NOMKSTREAM')) makesStream = false;
    else if (isAdd) break;
    else throw replyErrors.syntax();
  }
  if (trim.limit >= 0 && trim.by === trimBy.nothing) throw replyErrors.trimLimitAlone();
  if (trim.limit >= 0 && !trim.isApproximate) throw replyErrors.trimLimitWithoutTilde();
  return { trim, at, makesStream };
}

function add(values: DataCommands, db: number, { command, request }: Call): number {
  const { trim, at, makesStream } = readTrim(request, true);
  const words = request.count - at - 1;
  if (words < 2 || words % 2 === 1) throw replyErrors.wrongArity(command.name);
  const { by, isApproximate, lengthMax, id, limit } = trim;
  return values.streamAdd(
    db,
    1,
    at,
    at + 1,
    words,
    makesStream ? 1 : 0,
    by,
    isApproximate ? 1 : 0,
    lengthMax,
    id,
    limit,
  );
}

function rangeRow(name: string, summary: string, isReversed: boolean): Command {
  return row(
    { ...shape, flags: readonly },
    name,
    -4,
    summary,
    rows((values, db, { request }) => {
      const [first, last] = isReversed ? [3, 2] : [2, 3];
      // Ids come before options, and options before the key (`xrangeGenericCommand` of Redis 7.2).
      if (request.count > 4) checked(values.streamIdsCheck(first, last));
      const count = rangeCount(request);
      return values.streamRange(db, 1, first, last, isReversed ? 1 : 0, count);
    }),
  );
}

/** -1: none given. */
function rangeCount(request: Request): number {
  let count = -1;
  for (let i = 4; i < request.count; i += 2) {
    if (i + 1 === request.count || !request.is(i, 'COUNT')) throw replyErrors.syntax();
    count = Math.max(clampedOf(request, i + 1), 0);
  }
  return count;
}

/** Where STREAMS stands first, wherever that is; -1 if it does not. */
function streamsAt(words: Words): number {
  for (let i = 1; i < words.count; i++) if (words.is(i, 'STREAMS')) return i;
  return -1;
}

function keysRead(words: Words): number[] | undefined {
  const at = streamsAt(words);
  const left = words.count - at - 1;
  if (at === -1 || left < 2) return undefined;
  // As Redis finds them: also where an id is missing or there is one too many.
  return Array.from({ length: Math.floor(left / 2) }, (_, i) => at + 1 + i);
}

function read(call: Call): void {
  const { request, client, keyspace, reply } = call;
  let count = 0;
  let timeoutMs: number | undefined;
  let at = 1;
  for (; at < request.count && !request.is(at, 'STREAMS'); at += 2) {
    if (at + 1 === request.count) throw replyErrors.syntax();
    if (request.is(at, 'COUNT')) count = Math.max(clampedOf(request, at + 1), 0);
    else if (request.is(at, 'BLOCK')) timeoutMs = millisecondsOf(request, at + 1);
    else throw replyErrors.syntax();
  }
  const words = request.count - at - 1;
  if (words <= 0) throw replyErrors.syntax();
  if (words % 2 === 1) throw replyErrors.unbalancedRead();
  const keyCount = words / 2;
  for (let i = at + 1 + keyCount; i < request.count; i++) {
    if (!request.is(i, '>')) continue;
    // As Redis has it: a key is looked at before its id.
    for (let key = at + 1; key <= i - keyCount; key++) {
      const kind = keyspace.kind(client.db, key);
      if (kind !== valueKinds.none && kind !== valueKinds.stream) throw replyErrors.wrongType();
    }
    throw replyErrors.groupIdWithoutGroup();
  }
  const first = at + 1;
  const firstId = first + keyCount;
  if (timeoutMs === undefined) {
    const { values } = keyspace;
    reply.rows(checked(values.streamsRead(client.db, first, keyCount, firstId, keyCount, count)));
    return;
  }
  awaitRows(
    call,
    timeoutMs,
    ({ client: who, connection, sequence }) =>
      addon().streamsAwait(
        client.db,
        first,
        keyCount,
        firstId,
        keyCount,
        count,
        who,
        connection,
        sequence,
      ),
    (late) => late.nilArray(),
  );
}

function setId(values: DataCommands, db: number, { request }: Call): number {
  let entriesAdded = -1;
  let maxDeleted = -1;
  for (let i = 3; i < request.count; i += 2) {
    if (i + 1 === request.count) throw replyErrors.syntax();
    if (request.is(i, 'ENTRIESADDED')) {
      entriesAdded = clampedOf(request, i + 1);
      if (entriesAdded < 0) throw replyErrors.entriesAddedNotPositive();
    } else if (request.is(i, 'MAXDELETEDID')) maxDeleted = i + 1;
    else throw replyErrors.syntax();
  }
  return values.streamSetId(db, 1, 2, entriesAdded, maxDeleted);
}
