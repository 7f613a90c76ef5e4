// AI.TENSORSET and AI.TENSORGET (compat.md 1.2). The hot path, a BLOB in and META BLOB out, makes no
// JavaScript object: `bench/tensor-put`.

import { replyErrors } from '../core/errors.ts';
import { MiB } from '../core/units.ts';
import { BLOB_BYTES_MIN, codes, dtypeNames, tensorSources, valueKinds } from '../engine/addon.ts';
import type { TensorWords } from '../engine/engine.ts';
import { ABSENT, type Keyspace } from '../keyspace/keyspace.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import { type Call, type Command, firstArgIsKey } from './command.ts';
import { okOrFailure } from './words.ts';

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

/** So many values are read at once, each in about 40 ns. They lie in the thread's scratch block at most. */
const VALUES_AT_ONCE_MAX = 16_384;
/** Of a blob of BOOL or STRING, whose bytes are checked, each in about 0.3 ns. */
const LOOKED_THROUGH_BYTES_MAX = 4 * MiB;

// `dtypeNames`
const BOOL = 8;
const STRING = 9;
const NO_DTYPE = -1;

/** The dtype that word `i` names, or -1. */
function dtypeAt(request: Request, i: number): number {
  switch (request.length(i)) {
    case 4:
      if (request.is(i, 'INT8')) return 2;
      return request.is(i, 'BOOL') ? BOOL : NO_DTYPE;
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

/** The words of the tensor that is being read. One object: the hot path makes none. */
const tensorWords: TensorWords = {
  dtype: 0,
  firstDim: 0,
  dimCount: 0,
  source: 0,
  firstData: 0,
  dataCount: 0,
};

/**
 * `dtype [dim ...] [BLOB b | VALUES v ...]`, the words from `start` up to `end`, at least two.
 * @returns Valid until the next call.
 * @throws {ReplyError} What the core does not look at: it checks dims and data against each other.
 */
export function readTensorWords(request: Request, start: number, end: number): TensorWords {
  const words = tensorWords;
  words.dtype = dtypeAt(request, start);
  if (words.dtype === NO_DTYPE) throw replyErrors.invalidDataType();
  let at = start + 1;
  while (at < end && !request.is(at, 'BLOB') && !request.is(at, 'VALUES')) at++;
  words.firstDim = start + 1;
  words.dimCount = at - start - 1;
  words.firstData = at + 1;
  words.dataCount = end - at - 1;
  if (at === end) {
    words.source = tensorSources.zeros;
    words.firstData = 0;
    words.dataCount = 0;
  } else if (!request.is(at, 'BLOB')) {
    words.source = tensorSources.values;
  } else if (words.dataCount === 1) {
    words.source = tensorSources.blob;
  } else {
    for (let i = start + 1; i < at; i++) {
      if (!((request.integer(i) ?? 0) > 0)) throw replyErrors.invalidShape();
    }
    throw replyErrors.noSingleBlob();
  }
  return words;
}

function setTensor(call: Call): void {
  const { client, command, keyspace, reply, request } = call;
  if (request.count < 4) throw replyErrors.wrongArity(command.name);
  let words: TensorWords;
  try {
    words = readTensorWords(request, 2, request.count);
  } catch (error) {
    // The key is opened first: WRONGTYPE wins over what is wrong with the other words.
    if (!isTensorOrAbsent(keyspace, client.db)) throw replyErrors.wrongType();
    throw error;
  }
  if (call.mayWait && takesLong(request, words)) {
    const ticket = call.wait(okOrFailure);
    if (!keyspace.setTensorLater(client.db, 1, words, ticket)) ticket.finish(codes.ok, '');
    return;
  }
  keyspace.setTensor(client.db, 1, words);
  reply.ok();
}

/** Whether what is done with each element would keep the event loop. */
function takesLong(request: Request, { dtype, source, firstData, dataCount }: TensorWords) {
  if (source === tensorSources.values) return dataCount > VALUES_AT_ONCE_MAX;
  const isLookedThrough = dtype === BOOL || dtype === STRING;
  return (
    source === tensorSources.blob &&
    isLookedThrough &&
    request.length(firstData) > LOOKED_THROUGH_BYTES_MAX
  );
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
  let wanted: number;
  try {
    wanted = readTensorFormat(request, 2, count);
  } catch (error) {
    keyspace.drop();
    throw error;
  }
  replyTensor(keyspace, reply, bytes, wanted);
}

/** `[META] [BLOB | VALUES]`, the words from `start` up to `end`: bits of META, BLOB and VALUES. @throws {ReplyError} */
export function readTensorFormat(request: Request, start: number, end: number): number {
  let wanted = 0;
  for (let i = start; i < end; i++) {
    if (request.is(i, 'META')) wanted |= META;
    else if (request.is(i, 'BLOB')) wanted |= BLOB;
    else if (request.is(i, 'VALUES')) wanted |= VALUES;
    else throw replyErrors.unsupportedFormat();
  }
  if (wanted === 0) return META | BLOB;
  if (wanted === (BLOB | VALUES)) throw replyErrors.blobAndValues();
  return wanted;
}

/** Answers the tensor of `bytes` bytes that is held, its description in `keyspace.numbers`. */
export function replyTensor(
  keyspace: Keyspace,
  reply: ReplyEncoder,
  bytes: number,
  wanted: number,
): void {
  if (wanted === BLOB) {
    reply.held(bytes);
  } else if ((wanted & VALUES) !== 0) {
    if (wanted === VALUES) replyValues(keyspace, reply, bytes);
    else {
      replyHead(keyspace, reply, headsOfSix);
      reply.raw(valuesLabel);
      replyValues(keyspace, reply, bytes);
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

/** Array header, dtype and shape of the tensor that was found last. */
function replyHead(keyspace: Keyspace, reply: ReplyEncoder, heads: readonly Buffer[]): void {
  const { numbers } = keyspace;
  const rank = numbers[1] ?? 0;
  reply.raw(heads[numbers[0] ?? 0]!);
  reply.array(rank);
  for (let i = 0; i < rank; i++) reply.integer(numbers[2 + i] ?? 0);
}

function replyValues(keyspace: Keyspace, reply: ReplyEncoder, bytes: number): void {
  const dtype = keyspace.numbers[0] ?? 0;
  let form: 'bulk' | 'integer' | 'double' = dtype <= 1 ? 'double' : 'integer';
  if (dtype === STRING) form = 'bulk';
  if (bytes >= BLOB_BYTES_MIN) {
    reply.heldElements(bytes, form);
    return;
  }
  const rows = keyspace.tensorValues();
  reply.array(keyspace.numbers[0] ?? 0);
  reply.rows(rows, form);
}
