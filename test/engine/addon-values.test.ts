// The exports of tutti.node about keys, plain values and tensors.

import t from 'tap';
import {
  BLOB_BYTES_MIN,
  codes,
  expireConditions,
  KEEP_EXPIRY,
  NO_EXPIRY,
  setConditions,
  tensorSources,
  valueKinds,
} from '../../lib/engine/addon.ts';
import {
  addon,
  allRows,
  cleanUp,
  getString,
  heldBytes,
  numbers,
  pattern,
  receiveBlob,
  request,
  setString,
  setTensor,
  tensorValues,
  type Word,
} from './addon-thread.ts';

t.beforeEach(cleanUp);

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
  ['a BOOL of 2', 'BOOL', ['1'], values, ['2'], codes.invalidValue],
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
