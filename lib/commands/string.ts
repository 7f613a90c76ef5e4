import { replyErrors } from '../core/errors.ts';
import { KEEP_EXPIRY, NO_EXPIRY, setConditions, type UnixMs } from '../engine/addon.ts';
import { ABSENT } from '../keyspace/keyspace.ts';
import type { Request } from '../resp/request.ts';
import { type Call, type Command, firstArgIsKey } from './command.ts';
import { expiryOf } from './expiry.ts';
import { readonlyFast } from './rows.ts';

const shape = { group: 'string', categories: ['@string'], keys: firstArgIsKey };

export const stringCommands: readonly Command[] = [
  {
    ...shape,
    name: 'get',
    summary: 'Returns the string value of a key.',
    since: '1.0.0',
    arity: 2,
    flags: readonlyFast,
    run({ client, keyspace, reply }) {
      const bytes = keyspace.findString(client.db, 1);
      if (bytes === ABSENT) reply.nil();
      else reply.held(bytes);
    },
  },
  {
    ...shape,
    name: 'set',
    summary: 'Sets the string value of a key, whatever it held.',
    since: '1.0.0',
    arity: -3,
    flags: ['write', 'denyoom'],
    run(call) {
      if (call.request.count === 3) {
        call.keyspace.setString(call.client.db, 1, 2);
        call.reply.ok();
      } else {
        setWithOptions(call);
      }
    },
  },
  {
    ...shape,
    name: 'strlen',
    summary: 'Returns the length of a string value.',
    since: '2.2.0',
    arity: 2,
    flags: readonlyFast,
    run({ client, keyspace, reply }) {
      const bytes = keyspace.findString(client.db, 1);
      if (bytes !== ABSENT) keyspace.drop();
      reply.integer(bytes === ABSENT ? 0 : bytes);
    },
  },
];

interface SetOptions {
  conditions: number;
  atMs: UnixMs;
}

function setWithOptions({ client, keyspace, reply, request }: Call): void {
  const { conditions, atMs } = readSetOptions(request);
  const isSet = keyspace.setStringIf(client.db, 1, 2, atMs, conditions);
  if ((conditions & setConditions.wantPrevious) !== 0) {
    const previousBytes = keyspace.numbers[0] ?? ABSENT;
    if (previousBytes === ABSENT) reply.nil();
    else reply.held(previousBytes);
  } else if (isSet) reply.ok();
  else reply.nil();
}

/** [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL], in any order. @throws {ReplyError} */
function readSetOptions(request: Request): SetOptions {
  const { ifAbsent, ifPresent, wantPrevious } = setConditions;
  let conditions = 0;
  let keepsExpiry = false;
  let unitMs = 0;
  let isRelative = false;
  let expiryWord = -1;
  let expiryName = '';
  for (let i = 3; i < request.count; i++) {
    if (request.is(i, 'NX') && (conditions & ifPresent) === 0) conditions |= ifAbsent;
    else if (request.is(i, 'XX') && (conditions & ifAbsent) === 0) conditions |= ifPresent;
    else if (request.is(i, 'GET')) conditions |= wantPrevious;
    else if (request.is(i, 'KEEPTTL') && expiryWord === -1) keepsExpiry = true;
    else {
      const name = expiryOptions.find((option) => request.is(i, option));
      const isRepeated = expiryName !== '' && name !== expiryName;
      if (name === undefined || keepsExpiry || isRepeated || i + 1 >= request.count)
        throw replyErrors.syntax();
      expiryName = name;
      unitMs = name.startsWith('EX') ? 1000 : 1;
      isRelative = !name.endsWith('AT');
      expiryWord = ++i;
    }
  }
  let atMs: UnixMs = keepsExpiry ? KEEP_EXPIRY : NO_EXPIRY;
  if (expiryWord !== -1) {
    const baseMs = isRelative ? Date.now() : 0;
    atMs = expiryOf(request, expiryWord, { unitMs, baseMs, command: 'set', isPositive: true });
  }
  return { conditions, atMs };
}

const expiryOptions = ['EX', 'PX', 'EXAT', 'PXAT'] as const;
