// AI.TENSORSET and AI.TENSORGET (compat.md 1.2). The hot path, a BLOB in and META BLOB out, makes no
// JavaScript object: `bench/tensor-put`.

import { replyErrors } from '../core/errors.ts';
import { dtypeNames, valueKinds } from '../engine/addon.ts';
import { ABSENT, type Keyspace } from '../keyspace/keyspace.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import { type Call, type Command, firstArgIsKey } from './command.ts';

const shape = { group: 'ai', since: '1.0.0', arity: -1, keys: firstArgIsKey };

export const tensorCommands: readonly Command[] = [
  {
    ...shape,
    name: 'ai.tensorset',
    summary: 'Stores a tensor: dtype, shape, and its elements as a blob or as values.',
    flags: ['write', 'denyoom'],
    run: setTensor,
  },
  {
    ...shape,
    name: 'ai.tensorget',
    summary: "Returns a tensor's dtype and shape, with its blob (the default) or its values.",
    flags: ['readonly'],
    run: getTensor,
  },
];

// `dtypeNames`
const STRING = 9;
const NO_DTYPE = -1;

/** The dtype that word `i` names, or -1. */
function dtypeAt(request: Request, i: number): number {
  switch (request.length(i)) {
    case 4:
      if (request.is(i, 'INT8')) return 2;
      return request.is(i, 'BOOL') ? 8 : NO_DTYPE;
    case 5:
      if (request.is(i, 'FLOAT')) return 0;
      if (request.is(i, 'INT64')) return 5;
      if (request.is(i, 'INT32')) return 4;
      if (request.is(i, 'UINT8')) return 6;
      return request.is(i, 'INT16') ? 3 : NO_DTYPE;
    case 6:
      if (request.is(i, 'DOUBLE')) return 1;
      if (request.is(i, 'UINT16')) return 7;
      return request.is(i, 'STRING') ? STRING : NO_DTYPE;
    default:
      return NO_DTYPE;
  }
}

function setTensor({ client, command, keyspace, reply, request }: Call): void {
  const { count } = request;
  if (count < 4) throw replyErrors.wrongArity(command.name);
  const dtype = dtypeAt(request, 2);
  if (dtype === NO_DTYPE) {
    // The key is opened first: WRONGTYPE wins over what is wrong with the other words.
    if (!isTensorOrAbsent(keyspace, client.db)) throw replyErrors.wrongType();
    throw replyErrors.invalidDataType();
  }
  let at = 3;
  while (at < count && !request.is(at, 'BLOB') && !request.is(at, 'VALUES')) at++;
  const dimCount = at - 3;
  if (at === count) {
    keyspace.setTensorZeros(client.db, 1, dtype, 3, dimCount);
  } else if (!request.is(at, 'BLOB')) {
    keyspace.setTensorValues(client.db, 1, dtype, 3, dimCount, at + 1, count - at - 1);
  } else if (at + 2 === count) {
    keyspace.setTensorBlob(client.db, 1, dtype, 3, dimCount, at + 1);
  } else {
    if (!isTensorOrAbsent(keyspace, client.db)) throw replyErrors.wrongType();
    for (let i = 3; i < at; i++) {
      if (!((request.integer(i) ?? 0) > 0)) throw replyErrors.invalidShape();
    }
    throw replyErrors.noSingleBlob();
  }
  reply.ok();
}

function isTensorOrAbsent(keyspace: Keyspace, db: number): boolean {
  const kind = keyspace.kind(db, 1);
  return kind === valueKinds.none || kind === valueKinds.tensor;
}

// --- AI.TENSORGET ---

const META = 1;
const BLOB = 2;
const VALUES = 4;

/** `dtype` and `shape` of a reply with so many items, up to the dims; by dtype. */
function heads(items: 4 | 6): readonly Buffer[] {
  return dtypeNames.map((name) =>
    Buffer.from(`*${items}\r\n$5\r\ndtype\r\n$${name.length}\r\n${name}\r\n$5\r\nshape\r\n`),
  );
}
const headsOfFour = heads(4);
const headsOfSix = heads(6);
const blobLabel = Buffer.from('$4\r\nblob\r\n');
const valuesLabel = Buffer.from('$6\r\nvalues\r\n');

function getTensor({ client, command, keyspace, reply, request }: Call): void {
  const { count } = request;
  if (count < 2 || count > 4) throw replyErrors.wrongArity(command.name);
  const bytes = keyspace.findTensor(client.db, 1);
  if (bytes === ABSENT) throw replyErrors.tensorMissing();
  const wanted = readWanted(request);
  if (wanted < 0) {
    keyspace.drop();
    throw wanted === UNKNOWN ? replyErrors.unsupportedFormat() : replyErrors.blobAndValues();
  }
  if (wanted === BLOB) {
    reply.held(bytes);
  } else if ((wanted & VALUES) !== 0) {
    if (wanted === VALUES) replyValues(keyspace, reply);
    else {
      replyHead(keyspace, reply, headsOfSix);
      reply.raw(valuesLabel);
      replyValues(keyspace, reply);
    }
  } else if (wanted === META) {
    replyHead(keyspace, reply, headsOfFour);
    keyspace.drop();
  } else {
    replyHead(keyspace, reply, headsOfSix);
    reply.raw(blobLabel);
    reply.held(bytes);
  }
}

const UNKNOWN = -1;
const BOTH = -2;

/** Bits of META, BLOB and VALUES; UNKNOWN for another word, BOTH for BLOB and VALUES. */
function readWanted(request: Request): number {
  let wanted = 0;
  for (let i = 2; i < request.count; i++) {
    if (request.is(i, 'META')) wanted |= META;
    else if (request.is(i, 'BLOB')) wanted |= BLOB;
    else if (request.is(i, 'VALUES')) wanted |= VALUES;
    else return UNKNOWN;
  }
  if (wanted === 0) return META | BLOB;
  return wanted === (BLOB | VALUES) ? BOTH : wanted;
}

/** Array header, dtype and shape of the tensor that was found last. */
function replyHead(keyspace: Keyspace, reply: ReplyEncoder, heads: readonly Buffer[]): void {
  const { numbers } = keyspace;
  const rank = numbers[1] ?? 0;
  reply.raw(heads[numbers[0] ?? 0]!);
  reply.array(rank);
  for (let i = 0; i < rank; i++) reply.integer(numbers[2 + i] ?? 0);
}

function replyValues(keyspace: Keyspace, reply: ReplyEncoder): void {
  const dtype = keyspace.numbers[0] ?? 0;
  const rows = keyspace.tensorValues();
  reply.array(keyspace.numbers[0] ?? 0);
  if (dtype === STRING) reply.rows(rows, 'bulk');
  else reply.rows(rows, dtype <= 1 ? 'double' : 'integer');
}
