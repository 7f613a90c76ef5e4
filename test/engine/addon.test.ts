// The exports of tutti.node, each called as TypeScript calls it. Commands have tests of their own.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { KiB, MiB } from '../../lib/core/units.ts';
import {
  BLOB_BYTES_MIN,
  BLOB_WORD_BIT,
  backendNames,
  codes,
  dtypeNames,
  expireConditions,
  INPUT_MISSING,
  INPUT_WRONG_TYPE,
  KEEP_EXPIRY,
  addon as loadAddon,
  messageKinds,
  NO_EXPIRY,
  ROW_REFERENCE,
  setConditions,
  tensorSources,
  valueKinds,
} from '../../lib/engine/addon.ts';
import { nativeFolder } from '../../lib/runtimes/locate.ts';

const OUT_BYTES = 256 * KiB;
const addonPath = join(nativeFolder(), 'tutti.node');
const sourceRoot = join(dirname(fileURLToPath(import.meta.url)), '../../../..');

const addon = loadAddon();
let onWake = () => {};
const blocks = addon.attachThread(() => onWake());
const { scratch, row, out, rows, numbers } = blocks;

type Word = string | Buffer | { blob: number };

/** Lays out a request in the thread's own block, as the decoder does. */
function request(...words: Word[]): void {
  addon.useScratch();
  let offset = 0;
  words.forEach((word, i) => {
    if (typeof word === 'object' && 'blob' in word) {
      row[2 * i] = (BLOB_WORD_BIT | word.blob) >>> 0;
      row[2 * i + 1] = 0;
      return;
    }
    const bytes = Buffer.from(word as Buffer);
    row[2 * i] = offset;
    row[2 * i + 1] = bytes.copy(scratch, offset);
    offset += bytes.length;
  });
}

/** Sends bytes the way of a long argument: some from scratch, the rest into its own memory. */
function receiveBlob(bytes: Buffer, fromScratch = 100): number {
  const id = addon.blobBegin(bytes.length);
  bytes.copy(scratch, scratch.length - fromScratch, 0, fromScratch);
  addon.blobAppend(id, scratch.length - fromScratch, fromScratch);
  let received = fromScratch;
  let target: Buffer | undefined;
  let used = 0;
  while (received < bytes.length) {
    target ??= addon.blobTarget(id);
    if (!target) {
      addon.blobSkip(id, bytes.length - received);
      return id;
    }
    const count = Math.min(10_000, target.length - used);
    bytes.copy(target, used, received, received + count);
    received += count;
    used += count;
    if (addon.blobReceived(id, count)) {
      addon.detach(target.buffer);
      target = undefined;
      used = 0;
    }
  }
  if (target) addon.detach(target.buffer);
  return id;
}

/** The held value's bytes. */
function heldBytes(byteCount: number): Buffer {
  if (byteCount <= OUT_BYTES) {
    addon.heldCopy(0);
    return Buffer.from(out.subarray(0, byteCount));
  }
  return replyBlobBytes(addon.heldKeep());
}

function replyBlobBytes(id: number): Buffer {
  const view = addon.replyBlobView(id, 0, addon.replyBlobBytes(id));
  const bytes = Buffer.from(view);
  addon.detach(view.buffer);
  addon.replyBlobRelease(id);
  return bytes;
}

/** All rows of the last call, which answered `count` in its first piece. */
function allRows(count: number): { texts: Buffer[]; pieces: number; total: number } {
  const texts: Buffer[] = [];
  const total = numbers[0] as number;
  for (let pieces = 1; ; pieces++) {
    let offset = 0;
    for (let i = 0; i < count; i++) {
      const length = rows.readUInt32LE(offset);
      if (length === ROW_REFERENCE) {
        const bytes = replyBlobBytes(rows.readUInt32LE(offset + 4));
        if (rows.readDoubleLE(offset + 8) !== bytes.length) throw new Error('wrong length');
        texts.push(bytes);
        offset += 16;
      } else {
        texts.push(Buffer.from(rows.subarray(offset + 4, offset + 4 + length)));
        offset += 4 + length;
      }
    }
    if (numbers[1] === 0) return { texts, pieces, total };
    count = addon.rowsNext();
  }
}

interface Message {
  kind: number;
  connection: number;
  sequence: number;
  code: number;
  text: string;
}

function drain(): Message[] {
  const messages: Message[] = [];
  for (;;) {
    const count = addon.drainMailbox();
    if (count === 0) return messages;
    let offset = 0;
    for (let i = 0; i < count; i++) {
      const [kind, connection, sequence, code, bytes] = [0, 4, 8, 12, 16].map((at) =>
        rows.readUInt32LE(offset + at),
      ) as [number, number, number, number, number];
      offset += 20;
      const text = rows.toString('utf8', offset, offset + bytes);
      offset += bytes;
      messages.push({ kind, connection, sequence, code, text });
    }
  }
}

/** The next message; the loop is kept going meanwhile, since a mailbox does not. */
async function nextMessage(): Promise<Message> {
  const keepAlive = setInterval(() => {}, 1000);
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        onWake = resolve;
      });
      const [message] = drain();
      if (message) return message;
      await woken;
    }
  } finally {
    clearInterval(keepAlive);
    onWake = () => {};
  }
}

function setString(key: string, value: Word, expireAtMs = NO_EXPIRY, conditions = 0): number {
  request(key, value);
  return addon.stringSet(0, 0, 1, expireAtMs, conditions);
}

function getString(key: string): Buffer | number {
  request(key);
  const result = addon.stringFind(0, 0);
  return result < 0 ? result : heldBytes(result);
}

function setTensor(key: string, dtype: string, dims: string[], source: number, ...data: Word[]) {
  request(key, ...dims, ...data);
  const code = dtypeNames.indexOf(dtype as (typeof dtypeNames)[number]);
  return addon.tensorSet(0, 0, code, 1, dims.length, source, 1 + dims.length, data.length);
}

function tensorValues(key: string): string[] {
  request(key);
  t.ok(addon.tensorFind(0, 0) >= 0);
  return allRows(addon.tensorValues()).texts.map(String);
}

function pattern(byteCount: number): Buffer {
  const bytes = Buffer.allocUnsafe(byteCount);
  for (let i = 0; i < byteCount; i++) bytes[i] = (i * 31 + (i >> 8)) & 0xff;
  return bytes;
}

t.beforeEach(() => {
  addon.flush(-1);
  addon.rowsEnd();
  addon.heldDrop();
});

t.test('exports what the interface names, and nothing else', async (t) => {
  const source = readFileSync(join(sourceRoot, 'lib/engine/addon.ts'), 'utf8');
  const body = /export interface Addon \{\n(.*?)\n\}/s.exec(source)?.[1] ?? '';
  const names = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map((match) => match[1]);
  t.ok(names.length > 80);
  t.strictSame(Object.keys(addon).sort(), names.sort());
});

t.test('gives a thread its blocks', async (t) => {
  t.equal(addon.abiVersion, 1);
  t.equal(scratch.length, 64 * KiB);
  t.equal(row.length, 2 * 16_384);
  t.equal(out.length, OUT_BYTES);
  t.equal(rows.length, 64 * KiB);
  t.equal(numbers.length, 512);
  t.equal(blocks.threadIndex, 0);
});

t.test('strings', async (t) => {
  t.equal(getString('k'), -codes.notFound);
  t.equal(setString('k', 'value'), 0);
  t.equal(String(getString('k')), 'value');
  t.equal(setString('empty', ''), 0);
  t.equal(String(getString('empty')), '');

  t.equal(setString('k', 'no', NO_EXPIRY, setConditions.ifAbsent), -codes.notPerformed);
  t.equal(setString('absent', 'no', NO_EXPIRY, setConditions.ifPresent), -codes.notPerformed);
  t.equal(String(getString('k')), 'value');

  t.equal(setString('k', 'next', NO_EXPIRY, setConditions.wantPrevious), 0);
  t.equal(numbers[0], 5);
  t.equal(String(heldBytes(5)), 'value');
  t.equal(setString('new', 'x', NO_EXPIRY, setConditions.wantPrevious), 0);
  t.equal(numbers[0], -1);

  setTensor('tensor', 'INT8', ['1'], tensorSources.zeros);
  t.equal(getString('tensor'), -codes.wrongType);
  t.equal(setString('tensor', 'x', NO_EXPIRY, setConditions.wantPrevious), -codes.wrongType);
});

t.test('expiry', async (t) => {
  const later = Date.now() + 100_000;
  setString('k', 'v', later);
  request('k', 'absent');
  t.equal(addon.keyExpireTime(0, 0), later);
  t.equal(addon.keyExpireTime(0, 1), -2);
  t.equal(addon.databaseExpiringCount(0), 1);
  setString('k', 'w', KEEP_EXPIRY);
  request('k', 'absent');
  t.equal(addon.keyExpireTime(0, 0), later);
  t.equal(addon.keyPersist(0, 0), 1);
  t.equal(addon.keyPersist(0, 0), 0);
  t.equal(addon.keyExpireTime(0, 0), -1);
  t.equal(addon.keyExpire(0, 0, later, 0), 1);
  t.equal(addon.keyExpire(0, 0, later, expireConditions.nx), 0);
  t.equal(addon.keyExpire(0, 1, later, 0), 0);
  t.equal(addon.keyExpire(0, 0, Date.now() - 1, 0), 1);
  t.equal(addon.keyKind(0, 0), valueKinds.none);
});

t.test('keys', async (t) => {
  for (const key of ['a', 'b', 'c']) setString(key, key);
  request('a', 'b', 'absent', 'a', 'c');
  t.equal(addon.databaseSize(0), 3);
  t.equal(addon.databaseSize(1), 0);
  t.equal(addon.keysExisting(0, 0, 4), 3);
  t.equal(addon.keyKind(0, 0), valueKinds.string);
  t.equal(addon.keyKind(0, 2), valueKinds.none);
  const version = addon.keyVersion(0, 0);
  t.ok(version > 0);
  t.equal(addon.keyVersion(0, 2), 0);
  t.equal(addon.keyRename(0, 0, 1, 1), 0);
  t.equal(addon.keyRename(0, 0, 1, 0), 1);
  t.equal(addon.keyRename(0, 0, 1, 0), -codes.notFound);
  t.equal(addon.keysDelete(0, 0, 5), 2);
  t.equal(addon.databaseSize(0), 0);

  request('{user1000}.following', '{user1000}.followers', '123456789');
  t.equal(addon.keySlot(0), addon.keySlot(1));
  t.equal(addon.keySlot(2), 0x31c3); // the check value of CRC16 XMODEM, below 16384
});

t.test('locks slots for a transaction', async (t) => {
  request('k', 'v');
  addon.lockSlots([addon.keySlot(0)]);
  addon.stringSet(0, 0, 1, NO_EXPIRY, 0);
  addon.unlockSlots();
  addon.lockSlots([]);
  t.equal(addon.keysDelete(0, 0, 1), 1);
  addon.unlockSlots();
});

t.test('takes a request from another block', async (t) => {
  const block = Buffer.from('..key.value');
  const words = new Uint32Array([2, 3, 6, 5]);
  addon.useRequest(block, words);
  t.equal(addon.stringSet(0, 0, 1, NO_EXPIRY, 0), 0);
  t.equal(String(getString('key')), 'value');

  const memory = addon.allocateBlock(100_000);
  t.equal(memory.byteLength, 100_000);
  const copy = Buffer.from(memory);
  copy.write('keyother', 99_000);
  addon.useRequest(copy, new Uint32Array([99_000, 3, 99_003, 5]));
  t.equal(addon.stringSet(0, 0, 1, NO_EXPIRY, 0), 0);
  const used = addon.statistics().usedMemoryByKind.requests;
  t.ok(used >= 100_000);
  addon.freeBlock(memory);
  t.equal(memory.byteLength, 0);
  t.ok(addon.statistics().usedMemoryByKind.requests <= used - 100_000);
  t.equal(String(getString('key')), 'other');
});

t.test('stores long arguments in the memory they came in', async (t) => {
  for (const byteCount of [BLOB_BYTES_MIN, 64 * KiB, 64 * KiB + 1, 3 * MiB]) {
    const bytes = pattern(byteCount);
    const id = receiveBlob(bytes);
    t.equal(addon.blobIsRefused(id), 0);
    t.equal(addon.blobTarget(id), undefined);
    t.equal(setString('k', { blob: id }), 0);
    addon.blobRelease(id);
    t.ok(bytes.equals(getString('k') as Buffer), `a string of ${byteCount} bytes`);

    const blob = receiveBlob(bytes);
    const source = tensorSources.blob;
    t.equal(setTensor('tensor', 'UINT8', [`${byteCount}`], source, { blob }), 0);
    addon.blobRelease(blob);
    request('tensor');
    t.equal(addon.tensorFind(0, 0), byteCount);
    t.ok(bytes.equals(heldBytes(byteCount)), `a tensor of ${byteCount} bytes`);
  }
});

t.test('a blob that is dropped gives its memory back', async (t) => {
  const before = addon.statistics().usedMemory;
  const id = addon.blobBegin(64 * MiB);
  const claimed = addon.statistics().usedMemory;
  t.ok(claimed - before < 128 * KiB, 'a claim is not memory');
  addon.blobRelease(id);
  t.equal(addon.statistics().usedMemory, before);
});

t.test('refuses what passes maxmemory', async (t) => {
  const limit = (maxmemoryBytes: number) =>
    addon.setLimits({ maxmemoryBytes, poolIdleMaxBytes: 64 * MiB });
  t.equal(addon.isOverMaxmemory(), 0);
  limit(addon.statistics().usedMemory + 256 * KiB);
  const blob = receiveBlob(pattern(1 * MiB));
  t.equal(addon.blobIsRefused(blob), 1);
  t.equal(setString('k', { blob }), -codes.outOfMemory);
  const { blob: source } = tensorSources;
  t.equal(setTensor('k', 'UINT8', [`${MiB}`], source, { blob }), -codes.outOfMemory);
  t.equal(
    setTensor('k', 'UINT8', [`${MiB}`], tensorSources.zeros),
    -codes.outOfMemory,
    'zeros count too',
  );
  request('k', 'field', { blob });
  t.equal(addon.hashSet(0, 0, 1, 2), -codes.outOfMemory);
  t.equal(addon.listPush(0, 0, 1, 2, 1), -codes.outOfMemory);
  t.equal(addon.databaseSize(0), 0);
  addon.blobRelease(blob);
  limit(0);
  setString('k', 'v');
  limit(1);
  t.equal(addon.isOverMaxmemory(), 1);
  limit(0);
});

t.test('tensors keep dtype, shape and bytes', async (t) => {
  const bytes = pattern(2 * 3 * 4);
  t.equal(setTensor('t', 'FLOAT', ['2', '3'], tensorSources.blob, bytes), 0);
  request('t');
  t.equal(addon.tensorFind(0, 0), 24);
  t.strictSame([...numbers.subarray(0, 4)], [0, 2, 2, 3]);
  t.ok(bytes.equals(heldBytes(24)));

  t.equal(setTensor('scalar', 'DOUBLE', [], tensorSources.values, '2.5'), 0);
  request('scalar');
  t.equal(addon.tensorFind(0, 0), 8);
  t.strictSame([...numbers.subarray(0, 2)], [1, 0]);
  addon.heldDrop();

  t.equal(setTensor('zeros', 'STRING', ['3'], tensorSources.zeros), 0);
  t.strictSame(tensorValues('zeros'), ['', '', '']);
  request('absent');
  t.equal(addon.tensorFind(0, 0), -codes.notFound);
  setString('s', 'text');
  request('s');
  t.equal(addon.tensorFind(0, 0), -codes.wrongType);
});

const { blob, values, zeros } = tensorSources;
const refusals: [string, string, string[], number, Word[], number][] = [
  ['a dim of zero', 'INT8', ['0'], zeros, [], codes.invalidShape],
  ['a negative dim', 'INT8', ['-1'], zeros, [], codes.invalidShape],
  ['a dim with a plus', 'INT8', ['+1'], zeros, [], codes.invalidShape],
  ['a dim with a leading zero', 'INT8', ['01'], zeros, [], codes.invalidShape],
  ['a dim with a blank', 'INT8', [' 1'], zeros, [], codes.invalidShape],
  ['a fraction of a dim', 'INT8', ['1.0'], zeros, [], codes.invalidShape],
  ['a product above 2^63', 'INT8', Array(5).fill('9999999'), zeros, [], codes.invalidShape],
  ['256 dims', 'INT8', Array(256).fill('1'), zeros, [], codes.invalidShape],
  ['a short blob', 'INT32', ['2'], blob, ['1234567'], codes.wrongBlobLength],
  ['a long blob', 'INT32', ['2'], blob, ['123456789'], codes.wrongBlobLength],
  ['a BOOL byte of 2', 'BOOL', ['2'], blob, [Buffer.from([1, 2])], codes.invalidBool],
  ['an open string', 'STRING', ['2'], blob, ['a\0b'], codes.wrongStringCount],
  ['too few strings', 'STRING', ['2'], blob, ['ab\0'], codes.wrongStringCount],
  ['too few values', 'INT8', ['2'], values, ['1'], codes.wrongValueCount],
  ['too many values', 'INT8', ['2'], values, ['1', '2', '3'], codes.wrongValueCount],
  ['a word as a number', 'INT8', ['1'], values, ['one'], codes.invalidValue],
  ['an empty number', 'FLOAT', ['1'], values, [''], codes.invalidValue],
  ['128 as INT8', 'INT8', ['1'], values, ['128'], codes.invalidValue],
  ['-1 as UINT16', 'UINT16', ['1'], values, ['-1'], codes.invalidValue],
  ['2^63 as INT64', 'INT64', ['1'], values, ['9223372036854775808'], codes.invalidValue],
  ['nan', 'DOUBLE', ['1'], values, ['nan'], codes.invalidValue],
  ['1e39 as FLOAT', 'FLOAT', ['1'], values, ['1e39'], codes.invalidValue],
  ['1e309 as DOUBLE', 'DOUBLE', ['1'], values, ['1e309'], codes.invalidValue],
  ['a blank before a number', 'DOUBLE', ['1'], values, [' 1'], codes.invalidValue],
  ['a BOOL of 2', 'BOOL', ['1'], values, ['2'], codes.invalidBool],
  ['a NUL in a string', 'STRING', ['1'], values, ['a\0'], codes.nulInString],
];
for (const [title, dtype, dims, source, data, code] of refusals) {
  t.test(`a tensor refuses ${title}`, async (t) => {
    t.equal(setTensor('t', dtype, dims, source, ...data), -code);
    setString('t', 'in the way');
    t.equal(setTensor('t', dtype, dims, source, ...data), -codes.wrongType, 'the key comes first');
  });
}

const valueTexts: [string, string[], string[]?][] = [
  ['INT8', ['-128', '127', '0']],
  ['INT16', ['-32768', '32767']],
  ['INT32', ['-2147483648', '2147483647']],
  ['INT64', ['-9223372036854775808', '9223372036854775807']],
  ['UINT8', ['255']],
  ['UINT16', ['65535']],
  ['BOOL', ['0', '1']],
  ['STRING', ['', 'text', 'ümlaut', 'x'.repeat(40_000)]],
  [
    'DOUBLE',
    ['0.1', '+1', '0x10', '1e0', 'inf', '-Infinity', '-0', '100000000', '1e15', '4503599627370495'],
    [
      '0.1',
      '1',
      '16',
      '1',
      'inf',
      '-inf',
      '-0',
      '100000000',
      '1000000000000000',
      '4503599627370495',
    ],
  ],
  [
    'DOUBLE',
    ['1e21', '1e-7', '1.5e-7', '0.0001', '0.00012345', '0.0012345', '1e300', '5e-324', '-1.25'],
    ['1e+21', '1e-7', '1.5e-7', '0.0001', '1.2345e-4', '0.0012345', '1e+300', '5e-324', '-1.25'],
  ],
  [
    'DOUBLE',
    ['9007199254740993', '12345678900000000000', '1.7976931348623157e308', '123456.789'],
    ['9007199254740992', '1.23456789e+19', '1.7976931348623157e+308', '123456.789'],
  ],
  [
    'FLOAT',
    ['1.1', '-2.5', '16777216', '3.4e38'],
    ['1.100000023841858', '-2.5', '16777216', '3.3999999521443642e+38'],
  ],
];
for (const [dtype, given, expected] of valueTexts) {
  t.test(`values of ${dtype}: ${given[0]} ...`, async (t) => {
    t.equal(setTensor('t', dtype, [`${given.length}`], values, ...given), 0);
    t.strictSame(tensorValues('t'), expected ?? given);
  });
}

t.test('values of a large tensor come in pieces', async (t) => {
  const bytes = Buffer.alloc(100_000 * 4);
  for (let i = 0; i < 100_000; i++) bytes.writeInt32LE(i - 50_000, 4 * i);
  const id = receiveBlob(bytes);
  setTensor('t', 'INT32', ['100000'], tensorSources.blob, { blob: id });
  addon.blobRelease(id);
  request('t');
  addon.tensorFind(0, 0);
  const { texts, pieces, total } = allRows(addon.tensorValues());
  t.equal(total, 100_000);
  t.ok(pieces > 5);
  t.ok(texts.every((text, i) => Number(text) === i - 50_000));
});

t.test('hashes', async (t) => {
  request('h', 'f1', 'v1', 'f2', '', 'f1', 'v3');
  t.equal(addon.hashSet(0, 0, 1, 6), 2);
  t.equal(addon.hashLength(0, 0), 2);
  t.equal(addon.hashExists(0, 0, 3), 1);
  t.equal(addon.hashExists(0, 0, 2), 0);
  t.equal(addon.hashFind(0, 0, 1), 2);
  t.equal(String(heldBytes(2)), 'v3');
  t.equal(addon.hashFind(0, 0, 2), -codes.notFound);
  t.strictSame(allRows(addon.hashGetAll(0, 0)).texts.map(String), ['f1', 'v3', 'f2', '']);
  t.equal(addon.hashGetAll(0, 1), 0);
  t.equal(addon.hashFind(0, 1, 1), -codes.notFound);
  t.equal(addon.hashLength(0, 1), 0);
  t.equal(addon.hashExists(0, 1, 1), 0);
  setString('s', 'x');
  request('s', 'f', 'v');
  t.equal(addon.hashSet(0, 0, 1, 2), -codes.wrongType);
  t.equal(addon.hashGetAll(0, 0), -codes.wrongType);
  t.equal(addon.hashLength(0, 0), -codes.wrongType);
});

t.test('a hash may end a piece between a field and its value', async (t) => {
  const expected: string[] = [];
  // Two of just under BLOB_BYTES_MIN do not fit in one piece with their lengths.
  for (const byteCount of [BLOB_BYTES_MIN - 1, BLOB_BYTES_MIN, 40_000, 10]) {
    for (const letter of ['a', 'b']) {
      const value = letter.repeat(byteCount);
      const field = (letter + byteCount).padEnd(Math.min(byteCount, BLOB_BYTES_MIN - 1), '.');
      const id = receiveBlob(Buffer.from(value.padEnd(BLOB_BYTES_MIN, ' ')));
      addon.blobRelease(id);
      const block = Buffer.from(`h${field}${value}`);
      const [first, last] = [1 + field.length, value.length];
      addon.useRequest(block, new Uint32Array([0, 1, 1, field.length, first, last]));
      t.equal(addon.hashSet(0, 0, 1, 2), 1);
      expected.push(field, value);
    }
  }
  request('h');
  const { texts, pieces, total } = allRows(addon.hashGetAll(0, 0));
  t.equal(total, 16);
  t.ok(pieces > 3);
  const pairs = (all: string[]) =>
    all.flatMap((text, i) => (i % 2 === 0 ? [`${text}=${all[i + 1]}`] : [])).sort();
  t.ok(JSON.stringify(pairs(texts.map(String))) === JSON.stringify(pairs(expected)));
});

t.test('lists', async (t) => {
  request('l', 'a', 'b', 'c', '0', '-1', '-2', '5', 'x', '-100');
  t.equal(addon.listPush(0, 0, 1, 2, 1), 2);
  t.equal(addon.listPush(0, 0, 3, 1, 0), 3);
  t.equal(addon.listLength(0, 0), 3);
  t.equal(addon.listLength(0, 1), 0);
  const range = (start: number, stop: number) =>
    allRows(addon.listRange(0, 0, start, stop)).texts.map(String);
  t.strictSame(range(4, 5), ['c', 'a', 'b']);
  t.strictSame(range(6, 7), ['a', 'b']);
  t.strictSame(range(9, 4), ['c']);
  t.strictSame(range(7, 7), []);
  t.strictSame(range(5, 4), []);
  t.equal(addon.listRange(0, 0, 4, 8), -codes.notInteger);
  t.equal(addon.listRange(0, 1, 4, 5), 0);
  t.equal(numbers[0], 0);

  const block = Buffer.from('0-1l');
  addon.useRequest(block, new Uint32Array([3, 1, 0, 1, 1, 2]));
  const element = Buffer.alloc(1000, 'e');
  for (let i = 0; i < 200; i++) {
    request('l', element);
    addon.listPush(0, 0, 1, 1, 1);
  }
  request('l', '0', '-1');
  const { texts, pieces } = allRows(addon.listRange(0, 0, 1, 2));
  t.equal(texts.length, 203);
  t.equal(pieces, 4);
  t.equal(addon.rowsNext(), 0);
});

t.test('a held value outlives its key', async (t) => {
  setString('k', 'value');
  request('k');
  const byteCount = addon.stringFind(0, 0);
  addon.keysDelete(0, 0, 1);
  const id = addon.heldKeep();
  t.equal(addon.replyBlobBytes(id), byteCount);
  const view = addon.replyBlobView(id, 1, 3);
  t.equal(String(view), 'alu');
  addon.detach(view.buffer);
  t.equal(view.length, 0);
  addon.replyBlobRelease(id);
});

t.test('memory of replies returns without a collection', async (t) => {
  const bytes = pattern(16 * MiB);
  const before = addon.statistics().usedMemory;
  for (let i = 0; i < 50; i++) {
    const blob = receiveBlob(bytes);
    setString('k', { blob });
    addon.blobRelease(blob);
    request('k');
    addon.stringFind(0, 0);
    const id = addon.heldKeep();
    const views = [addon.replyBlobView(id, 0, bytes.length), addon.replyBlobView(id, 5, 1000)];
    for (const view of views) addon.detach(view.buffer);
    addon.keysDelete(0, 0, 1);
    addon.replyBlobRelease(id);
  }
  t.ok(addon.statistics().usedMemory - before < 64 * KiB);
});

t.test('a notice wakes the thread', async (t) => {
  addon.postNotice('{"maxmemory":1}');
  t.strictSame(await nextMessage(), {
    kind: messageKinds.notice,
    connection: 0,
    sequence: 0,
    code: 0,
    text: '{"maxmemory":1}',
  });
  const long = 'n'.repeat(50_000);
  for (let i = 0; i < 1500; i++) addon.postNotice(i % 500 === 0 ? long : `${i}`);
  const messages = drain();
  t.equal(messages.length, 1500);
  t.ok(messages.every(({ text }, i) => text === (i % 500 === 0 ? long : `${i}`)));
  t.equal(addon.drainMailbox(), 0);
});

t.test('clients', async (t) => {
  const before = addon.statistics();
  const id = addon.clientOpen(7, 12, '127.0.0.1:5', '127.0.0.1:6379', false, 10_000);
  const other = addon.clientOpen(8, 13, '/tmp/x:0', '/tmp/x:0', true, 10_000);
  t.equal(other, id + 1);
  t.equal(addon.clientOpen(9, 14, 'a', 'b', false, 2), -1);
  t.equal(addon.clientCount(), 2);
  addon.clientUpdate(id, 1_700_000_000_000, 3, 3, 4, 5, 5_000_000_000, 6);
  for (const field of ['name', 'libName', 'libVersion', 'user', 'lastCommand', 'flags'] as const) {
    addon.clientSetText(id, field, `a ${field}`);
  }
  const [first, second] = addon.clientList();
  const { createdMs, ...rest } = first ?? { createdMs: 0 };
  t.ok(Math.abs(createdMs - Date.now()) < 60_000);
  t.strictSame(rest, {
    id,
    threadIndex: 0,
    connection: 7,
    fd: 12,
    address: '127.0.0.1:5',
    localAddress: '127.0.0.1:6379',
    lastCommand: 'a lastCommand',
    flags: 'a flags',
    name: 'a name',
    libName: 'a libName',
    libVersion: 'a libVersion',
    user: 'a user',
    lastSeenMs: 1_700_000_000_000,
    db: 3,
    resp: 3,
    multiCount: 4,
    watchCount: 5,
    queryBytes: 5_000_000_000,
    outputBytes: 6,
  });
  t.equal(second?.flags, 'U');
  t.equal(second?.user, 'default');

  t.equal(addon.clientKill([id, 999_999]), 1);
  const message = await nextMessage();
  t.equal(message.kind, messageKinds.kill);
  t.equal(message.connection, 7);
  addon.clientClose(id);
  addon.clientClose(other);
  t.equal(addon.clientCount(), 0);
  t.strictSame(addon.clientList(), []);
  t.equal(addon.statistics().totalConnections, before.totalConnections + 2);
});

t.test('statistics', async (t) => {
  addon.resetStatistics();
  addon.count(3, 1000, 5_000_000_000);
  addon.count(1, 0, 0);
  setString('k', 'v');
  getString('k');
  getString('absent');
  const statistics = addon.statistics();
  t.equal(statistics.totalCommands, 4);
  t.equal(statistics.netInputBytes, 1000);
  t.equal(statistics.netOutputBytes, 5_000_000_000);
  t.equal(statistics.hits, 1);
  t.equal(statistics.misses, 1);
  t.ok(statistics.dirty > 0);
  t.ok(statistics.rss > 10 * MiB && statistics.totalSystemMemory > statistics.rss);
  t.ok(statistics.usedMemoryPeak >= statistics.usedMemory);
  addon.resetStatistics();
  t.equal(addon.statistics().totalCommands, 0);
});

/** Listens, and answers what `Listener` needs: connections as they come. */
function listen(address: Parameters<typeof addon.listen>[0]) {
  const waiting: ((connection: [number, string, string, boolean]) => void)[] = [];
  const id = addon.listen(address, (...connection) => waiting.shift()?.(connection));
  const next = () =>
    new Promise<[number, string, string, boolean]>((resolve) => waiting.push(resolve));
  return { id, next };
}

async function readAll(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

t.test('listens on TCP and sends', async (t) => {
  for (const host of ['127.0.0.1', '::1']) {
    let listener: ReturnType<typeof listen>;
    try {
      listener = listen({ host, port: 0, backlog: 16 });
    } catch (error) {
      t.equal((error as { code: string }).code, 'EADDRNOTAVAIL');
      continue; // a machine without IPv6
    }
    const port = addon.listenerPort(listener.id);
    t.ok(port > 0);
    const accepted = listener.next();
    const socket = connect({ host, port });
    const [fd, address, localAddress, isUnix] = await accepted;
    const shown = host === '::1' ? '[::1]' : host;
    t.equal(localAddress, `${shown}:${port}`);
    t.equal(address, `${shown}:${socket.localPort}`);
    t.equal(isUnix, false);

    out.write('0123456789', 0);
    t.equal(addon.send(fd, 2, 6, 1), 4);
    setString('k', 'a value');
    request('k');
    addon.stringFind(0, 0);
    const id = addon.heldKeep();
    t.equal(addon.sendWithBlob(fd, 0, 1, id, 2, 0), 1 + 5);
    addon.replyBlobRelease(id);
    addon.refuse(fd, '-ERR no\r\n');
    t.equal(await readAll(socket), '23450value-ERR no\r\n');
    t.throws(() => listen({ host, port, backlog: 16 }), {
      code: 'EADDRINUSE',
      address: `${host}:${port}`,
      message: `cannot listen on ${host}:${port}: Address already in use`,
    });
    addon.closeListener(listener.id);
    const refused = connect({ host, port });
    const [error] = (await once(refused, 'error')) as [{ code: string }];
    t.equal(error.code, 'ECONNREFUSED');
  }
  t.equal(addon.send(-1, 0, 1, 0), -9, 'EBADF');
});

t.test('a full socket takes nothing more', async (t) => {
  const listener = listen({ host: '127.0.0.1', port: 0, backlog: 16 });
  const accepted = listener.next();
  const socket = connect({ host: '127.0.0.1', port: addon.listenerPort(listener.id) });
  const [fd] = await accepted;
  let sent = 0;
  for (let taken = 1; taken > 0; ) {
    taken = addon.send(fd, 0, OUT_BYTES, 0);
    t.ok(taken >= 0);
    sent += taken;
  }
  addon.refuse(fd, '');
  t.equal((await readAll(socket)).length, sent);
  addon.closeListener(listener.id);
});

t.test('listens on a Unix socket', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'socket');
  const listener = listen({ path, mode: 0o600, backlog: 16 });
  t.equal(addon.listenerPort(listener.id), 0);
  t.equal(statSync(path).mode & 0o777, 0o600);
  const accepted = listener.next();
  const socket = connect({ path });
  const [fd, address, localAddress, isUnix] = await accepted;
  t.strictSame([address, localAddress, isUnix], [`${path}:0`, `${path}:0`, true]);
  addon.refuse(fd, 'bye');
  t.equal(await readAll(socket), 'bye');

  t.throws(() => listen({ path, backlog: 16 }), { code: 'EADDRINUSE' }, 'another serves it');
  addon.closeListener(listener.id);
  t.notOk(existsSync(path));
  t.throws(() => listen({ path: `/tmp/${'x'.repeat(200)}`, backlog: 16 }), {
    code: 'ENAMETOOLONG',
  });
  writeFileSync(path, 'not a socket');
  t.throws(() => listen({ path, backlog: 16 }), { code: 'EADDRINUSE' });
  t.equal(readFileSync(path, 'utf8'), 'not a socket');

  // A process that was killed leaves its file behind.
  rmSync(path);
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['--eval', script]);
  t.ok(existsSync(path));
  const next = listen({ path, backlog: 16 });
  addon.closeListener(next.id);
});

t.test('hands over many connections, all of them', async (t) => {
  const listener = listen({ host: '127.0.0.1', port: 0, backlog: 511 });
  const port = addon.listenerPort(listener.id);
  const accepted = Array.from({ length: 200 }, () => listener.next());
  const sockets = accepted.map(() => connect({ host: '127.0.0.1', port }));
  const fds = (await Promise.all(accepted)).map(([fd]) => fd);
  t.equal(new Set(fds).size, 200);
  for (const fd of fds) addon.refuse(fd, 'x');
  for (const text of await Promise.all(sockets.map(readAll))) t.equal(text, 'x');
  addon.closeListener(listener.id);
});

const echo = join(nativeFolder(), 'tutti_backend_echo.so');
t.test('models and scripts', { skip: existsSync(echo) ? false : 'no echo backend' }, async (t) => {
  const none = { library: '', runtimeFolder: '', preload: [] };
  addon.configureEngine({
    threadsPerQueue: 1,
    intraOpThreads: 1,
    interOpThreads: 1,
    executionTimeoutMs: 5000,
    memoryLimitBytes: 0,
    backends: backendNames.map((name) =>
      name === 'TORCH' ? { library: echo, runtimeFolder: '', preload: [] } : none,
    ),
  });
  addon.startBackground();
  t.strictSame(addon.queueNames(), ['CPU']);
  t.equal(addon.queueThreadCpuSeconds('CPU').length, 1);
  const torch = backendNames.indexOf('TORCH');

  const bytes = pattern(100_000);
  const chunk = receiveBlob(bytes);
  const storeWords: Word[] = ['m', 'CPU', 'a tag', { blob: chunk }, 'small chunk'];
  request(...storeWords);
  t.equal(addon.modelStore(0, 0, torch, 1, 2, 4, 2, 100, 0, 0, 0, 0, 3, 2, 5, 6), 0);
  addon.blobRelease(chunk);
  const stored = await nextMessage();
  t.strictSame(stored, {
    kind: messageKinds.completion,
    connection: 5,
    sequence: 6,
    code: 0,
    text: '',
  });
  t.type(addon.backendVersion(torch), 'string');
  t.equal(addon.backendVersion(backendNames.indexOf('ONNX')), '');

  request('m', 'absent');
  t.equal(addon.modelFind(0, 1), -codes.notFound);
  const model = addon.modelFind(0, 0);
  t.match(model, {
    backend: torch,
    device: 'CPU',
    tag: 'a tag',
    batchSize: 4,
    minBatchSize: 2,
    minBatchTimeoutMs: 100,
    blobBytes: 100_011,
  });
  const parts = addon.modelBlob(30_000).map(replyBlobBytes);
  t.strictSame(
    parts.map((part) => part.length),
    [30_000, 30_000, 30_000, 10_011],
  );
  t.ok(Buffer.concat(parts).equals(Buffer.concat([bytes, Buffer.from('small chunk')])));

  request('m');
  t.equal(addon.modelArity(0, 0), 0);
  const inputCount = numbers[0];
  t.type(inputCount, 'number');

  setTensor('in', 'INT8', ['2'], values, '1', '2');
  setString('text', 'x');
  request('m', 'in', 'out', 'absent', 'text');
  const execute = (key: number, input: number) =>
    addon.modelExecute(0, key, input, 1, 2, 1, 0, 5, 7);
  t.equal(execute(3, 1), -codes.notFound);
  t.equal(execute(1, 1), -codes.wrongType);
  t.equal(execute(0, 3), -INPUT_MISSING);
  t.equal(addon.modelExecute(0, 0, 1, 2, 2, 1, 0, 5, 7), -(INPUT_MISSING + 1));
  t.equal(execute(0, 4), -INPUT_WRONG_TYPE);
  t.equal(execute(0, 1), 0);
  t.match(await nextMessage(), { connection: 5, sequence: 7, code: 0 });
  t.strictSame(tensorValues('out'), ['1', '2']);
  request('m', 'absent', 'text');
  t.match(addon.runInfo(0, 0), {
    kind: 'MODEL',
    backend: torch,
    tag: 'a tag',
    calls: 1,
    samples: 2,
  });
  t.equal(addon.runInfo(0, 1), -codes.notFound);
  t.equal(addon.runInfo(0, 2), -codes.wrongType);
  t.equal(addon.resetRunInfo(0, 0), 0);
  t.match(addon.runInfo(0, 0), { calls: 0, samples: 0 });

  request('s', 'CPU', 'f', 'def f(): ...', 'fail', 'in', 'out2', 'nonsense');
  t.equal(addon.scriptStore(0, 0, 7, -1, 2, 0, 3, 1, 2), -codes.invalidValue);
  t.equal(addon.scriptStore(0, 0, 1, -1, 2, 0, 4, 1, 2), 0);
  t.match(await nextMessage(), { connection: 1, sequence: 2, code: codes.failed, text: / / });
  t.equal(addon.scriptStore(0, 0, 1, -1, 2, 0, 3, 1, 3), 0);
  t.match(await nextMessage(), { sequence: 3, code: 0 });
  t.strictSame(addon.scriptFind(0, 0), {
    device: 'CPU',
    tag: '',
    entryPoints: [],
    source: 'def f(): ...',
  });
  t.equal(addon.scriptFind(0, 1), -codes.notFound);
  t.equal(addon.scriptExecute(0, 0, 2, [], [5], [], [6], -1, 0, 1, 4), 0);
  t.match(await nextMessage(), { sequence: 4, code: 0 });
  t.strictSame(tensorValues('out2'), ['1', '2']);
  request('s');
  t.match(addon.runInfo(0, 0), { kind: 'SCRIPT', calls: 1 });
  t.strictSame(allRows(addon.scanModels(0)).texts.map(String), ['m', 'a tag']);
  t.strictSame(allRows(addon.scanScripts(0)).texts.map(String), ['s', '']);

  addon.loadBackend(torch, 9, 9);
  t.match(await nextMessage(), { connection: 9, code: codes.failed }, 'it is loaded already');
  addon.stopBackground();
});

/** Runs in a thread or process of its own; `addon` and `blocks` are there. */
const inWorker = (body: string) => `
  const { parentPort, workerData } = require('node:worker_threads');
  const addon = require(${JSON.stringify(addonPath)});
  const blocks = addon.attachThread(() => onWake());
  let onWake = () => {};
  const request = (...words) => {
    let offset = 0;
    words.forEach((word, i) => {
      blocks.row[2 * i] = offset;
      blocks.row[2 * i + 1] = blocks.scratch.write(word, offset);
      offset += word.length;
    });
  };
  ${body}`;

t.test('threads share one keyspace, and end', async (t) => {
  const body = `
    onWake = () => {
      if (addon.drainMailbox() === 0) return;
      addon.detachThread();
      clearInterval(timer);
    };
    const timer = setInterval(() => {}, 1000);
    request('from worker', 'v' + blocks.threadIndex);
    addon.stringSet(0, 0, 1, -1, 0);
    addon.clientOpen(1, 2, 'a', 'b', false, 100);
    parentPort.postMessage(blocks.threadIndex);`;
  for (let round = 0; round < 3; round++) {
    const worker = new Worker(inWorker(body), { eval: true });
    const [threadIndex] = (await once(worker, 'message')) as [number];
    t.equal(threadIndex, 1);
    t.equal(String(getString('from worker')), 'v1');
    t.equal(addon.clientCount(), 1);
    addon.postNotice('end');
    const [exitCode] = await once(worker, 'exit');
    t.equal(exitCode, 0);
    t.equal(addon.clientCount(), 0);
    drain();
  }
  for (let round = 0; round < 3; round++) {
    const worker = new Worker(inWorker('parentPort.postMessage(1); setInterval(() => {}, 1000);'), {
      eval: true,
    });
    await once(worker, 'message');
    const flood = setInterval(() => addon.postNotice('x'), 0);
    await worker.terminate();
    clearInterval(flood);
    drain();
  }
});

t.test('a process with everything going on exits cleanly', async (t) => {
  const body = `
    const { Worker, isMainThread } = require('node:worker_threads');
    const { connect } = require('node:net');
    addon.startBackground();
    const id = addon.listen({ host: '127.0.0.1', port: 0, backlog: 9 }, () => {});
    connect(addon.listenerPort(id), '127.0.0.1');
    const view = addon.blobTarget(addon.blobBegin(1 << 20));
    for (let i = 0; i < 3; i++) {
      new Worker(workerSource, { eval: true }).on('message', () => {
        addon.postNotice('x');
        if (i === 2) setImmediate(() => process.exit(0));
      });
    }`;
  const workerSource = inWorker(
    `setInterval(() => addon.postNotice('y'), 0); parentPort.postMessage(1);`,
  );
  const script = `const workerSource = ${JSON.stringify(workerSource)};${inWorker(body)}`;
  for (let round = 0; round < 5; round++) {
    const run = spawnSync(process.execPath, ['--eval', script], { timeout: 30_000 });
    t.equal(run.status, 0, String(run.stderr));
    t.equal(String(run.stderr), '');
  }
});

t.test('a process without descriptors goes on accepting when it has some again', async (t) => {
  const body = `
    let fds = [];
    let failures = 0;
    let total = 0;
    const id = addon.listen({ host: '127.0.0.1', port: 0, backlog: 511 }, (fd) => {
      if (fd >= 0) {
        fds.push(fd);
        if (++total === 100) {
          process.stdout.write('failures ' + failures + '\\n', () => process.exit(0));
        }
        return;
      }
      if (fd !== -24) process.exit(2);
      failures++;
      for (const fd of fds.splice(0)) addon.refuse(fd, '');
    });
    process.stdout.write('port ' + addon.listenerPort(id) + '\\n');`;
  const child = spawn('sh', [
    '-c',
    'ulimit -n 60; exec "$0" --eval "$1"',
    process.execPath,
    inWorker(body),
  ]);
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await once(child.stdout, 'data');
  const port = Number(/port (\d+)/.exec(text)?.[1]);
  const sockets = Array.from({ length: 100 }, () => connect({ port, host: '127.0.0.1' }));
  for (const socket of sockets) socket.on('error', () => {}).resume();
  const [exitCode] = await once(child, 'exit');
  t.equal(exitCode, 0);
  t.ok(Number(/failures (\d+)/.exec(text)?.[1]) >= 1, text);
});

t.test('a wrong index ends the process, and says which fact was wrong', async (t) => {
  for (const call of [
    'addon.replyBlobRelease(7)',
    'addon.heldCopy(0)',
    'addon.stringFind(0, 16384)',
  ]) {
    const run = spawnSync(process.execPath, ['--eval', inWorker(call)]);
    t.equal(run.signal, 'SIGABRT', call);
    t.match(String(run.stderr), 'not so');
  }
});

t.test('an idle mailbox does not keep a process going', async (t) => {
  const run = spawnSync(process.execPath, ['--eval', inWorker('')], { timeout: 30_000 });
  t.equal(run.status, 0);
});
