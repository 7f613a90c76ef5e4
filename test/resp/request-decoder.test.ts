import t from 'tap';
import { ProtocolError } from '../../lib/core/errors.ts';
import * as addonContract from '../../lib/engine/addon.ts';
import * as nativeMemory from '../../lib/resp/native-memory.ts';
import { Request } from '../../lib/resp/request.ts';
import { RequestDecoder } from '../../lib/resp/request-decoder.ts';
import { StandInMemory } from './stand-in.ts';

const MiB = 1024 * 1024;
const limits = { protoMaxBulkBytes: 512 * MiB, queryBufferBytesMax: 1024 * MiB };

class Decoding {
  /** Of the words of the last request, as commands see them. */
  lengths: number[] = [];
  readonly native = new StandInMemory();
  readonly requests: string[][] = [];
  readonly decoder: RequestDecoder;
  isUnauthenticated = false;
  /** Stops after this many requests. */
  stopsAfter = Number.POSITIVE_INFINITY;
  keepsWords = true;
  requestCount = 0;
  wordCount = 0;

  constructor(own: Partial<typeof limits> = {}) {
    const scratchRequest = Request.ofScratch(this.native.thread);
    this.decoder = new RequestDecoder(
      this.native.thread,
      scratchRequest,
      { ...limits, ...own },
      this,
    );
  }

  onRequest(request: Request): boolean {
    this.requestCount++;
    this.wordCount += request.count;
    this.lengths = Array.from({ length: request.count }, (_, i) => request.length(i));
    if (this.keepsWords) this.requests.push(this.native.words(request));
    return this.requestCount < this.stopsAfter;
  }

  /** One read of at most `bytes`; answers how many the decoder took. */
  read(bytes: Buffer): number {
    const blobId = this.decoder.incomingBlob;
    if (blobId >= 0) {
      const taken = this.native.readBlob(blobId, bytes);
      this.decoder.received(taken);
      return taken;
    }
    return this.decoder.decode(0, bytes.copy(this.native.blocks.scratch));
  }

  feed(wire: string | Buffer, chunkBytes: number): this {
    const bytes = typeof wire === 'string' ? Buffer.from(wire, 'latin1') : wire;
    for (let at = 0; at < bytes.length; ) {
      at += this.read(bytes.subarray(at, at + chunkBytes));
    }
    return this;
  }
}

function decodeInChunks(wire: string | Buffer, chunkBytes: number): string[][] {
  return new Decoding().feed(wire, chunkBytes).requests;
}

function bulk(...words: string[]): string {
  return `*${words.length}\r\n${words.map((w) => `$${w.length}\r\n${w}\r\n`).join('')}`;
}

t.test('has the constants of the addon', async (t) => {
  t.equal(nativeMemory.BLOB_WORD_BIT, addonContract.BLOB_WORD_BIT);
  t.equal(nativeMemory.BLOB_BYTES_MIN, addonContract.BLOB_BYTES_MIN);
  t.equal(nativeMemory.ROW_NIL, addonContract.ROW_NIL);
  t.equal(nativeMemory.ROW_REFERENCE, addonContract.ROW_REFERENCE);
});

t.test('gives the same requests however the stream is cut', async (t) => {
  const wire =
    `${bulk('GET', 'k')}${bulk('SET', '', 'a\r\nb')}*0\r\n*-1\r\nPING\r\n  set "a\\x41\\n" 'it\\'s' x"y"\r\n` +
    `\r\n${bulk('A'.repeat(100), 'b'.repeat(600))}ping\n${bulk('DEL', ...Array(40).fill('key'))}`;
  const uncut = decodeInChunks(wire, wire.length);
  t.strictSame(uncut.slice(0, 4), [
    ['GET', 'k'],
    ['SET', '', 'a\r\nb'],
    ['PING'],
    ['set', 'aA\n', "it's", 'xy'],
  ]);
  t.equal(uncut.length, 7);
  for (let chunkBytes = 1; chunkBytes < wire.length; chunkBytes++) {
    t.strictSame(decodeInChunks(wire, chunkBytes), uncut);
  }
});

t.test('cuts at every byte in two', async (t) => {
  const wire = Buffer.from(`${bulk('SET', 'key', 'v'.repeat(70))}${bulk('GET', 'key')}`);
  for (let cut = 1; cut < wire.length; cut++) {
    const decoding = new Decoding();
    decoding.feed(wire.subarray(0, cut), wire.length).feed(wire.subarray(cut), wire.length);
    t.strictSame(decoding.requests, [
      ['SET', 'key', 'v'.repeat(70)],
      ['GET', 'key'],
    ]);
  }
});

t.test('receives a large argument in its own memory', async (t) => {
  for (const byteCount of [32 * 1024 - 1, 32 * 1024, 100_000, 3 * MiB]) {
    for (const chunkBytes of [1000, 64 * 1024, 10 * MiB]) {
      const value = Buffer.alloc(byteCount, 'abcdefghijklm').toString('latin1');
      const wire = bulk('SET', 'k', value) + bulk('SET', value, 'v') + bulk('PING');
      const decoding = new Decoding().feed(wire, chunkBytes);
      t.strictSame(decoding.requests, [['SET', 'k', value], ['SET', value, 'v'], ['PING']]);
      t.equal(decoding.native.blobs.size, 0, 'blobs are released');
      decoding.decoder.end();
      t.equal(decoding.native.allocatedBytes, 0, 'blocks are freed');
    }
  }
});

t.test('reads a refused argument to its end', async (t) => {
  const decoding = new Decoding();
  decoding.native.refusesBlobs = true;
  decoding.keepsWords = false;
  decoding.feed(bulk('SET', 'k', 'x'.repeat(200_000)) + bulk('PING'), 5000);
  t.equal(decoding.requestCount, 2);
  t.equal(decoding.wordCount, 4);
});

t.test('stops between requests when told', async (t) => {
  const wire = bulk('GET', 'a') + bulk('GET', 'b') + bulk('GET', 'c');
  const decoding = new Decoding();
  decoding.stopsAfter = 1;
  const taken = decoding.read(Buffer.from(wire));
  t.equal(taken, bulk('GET', 'a').length);
  decoding.feed(Buffer.from(wire).subarray(taken), 1000);
  t.strictSame(decoding.requests, [
    ['GET', 'a'],
    ['GET', 'b'],
    ['GET', 'c'],
  ]);
});

t.test('takes no memory for a claim', async (t) => {
  const decoding = new Decoding();
  decoding.feed('*2147483647\r\n$1\r\nx', 1000);
  t.ok(decoding.native.allocatedBytes < 4096, `${decoding.native.allocatedBytes} bytes`);
  decoding.decoder.end();
  t.equal(decoding.native.allocatedBytes, 0);
});

t.test('takes 5 million empty arguments within bounds', async (t) => {
  const words = 5_000_000;
  const decoding = new Decoding();
  decoding.keepsWords = false;
  decoding.feed(`*${words + 1}\r\n$4\r\nPING\r\n`, 1000);
  decoding.feed(Buffer.alloc(6 * words, '$0\r\n\r\n'), 64 * 1024);
  t.equal(decoding.wordCount, words + 1);
  // A row of 8 bytes a word, doubled, and its predecessor while it is copied.
  t.ok(decoding.native.allocatedBytesPeak < 3 * 8 * words);
  decoding.decoder.end();
  t.equal(decoding.native.allocatedBytes, 0);
});

t.test('keeps what is retained', async (t) => {
  const native = new StandInMemory();
  const kept: Request[] = [];
  const sink = {
    isUnauthenticated: false,
    onRequest: (request: Request) => {
      kept.push(request.retain());
      return true;
    },
  };
  const decoder = new RequestDecoder(native.thread, Request.ofScratch(native.thread), limits, sink);
  const value = 'y'.repeat(40_000);
  const wire = Buffer.from(bulk('SET', 'a', '1') + bulk('SET', 'b', value) + bulk('SET', 'c', '3'));
  wire.copy(native.blocks.scratch);
  decoder.decode(0, wire.length);
  native.blocks.scratch.fill(0);
  t.strictSame(
    kept.map((request) => native.words(request)),
    [
      ['SET', 'a', '1'],
      ['SET', 'b', value],
      ['SET', 'c', '3'],
    ],
  );
  for (const request of kept) request.release();
  decoder.end();
  t.equal(native.allocatedBytes, 0);
  t.equal(native.blobs.size, 0);
});

t.test('copies a blob whose bytes are asked for', async (t) => {
  const native = new StandInMemory();
  const value = 'z'.repeat(50_000);
  const seen: string[] = [];
  const sink = {
    isUnauthenticated: false,
    onRequest: (request: Request) => {
      seen.push(request.text(1), request.bytes(1).toString());
      return true;
    },
  };
  const decoder = new RequestDecoder(native.thread, Request.ofScratch(native.thread), limits, sink);
  const wire = Buffer.from(bulk('ECHO', value));
  wire.copy(native.blocks.scratch);
  decoder.decode(0, wire.length);
  t.strictSame(seen, [value, value]);
  t.equal(native.replyBlobs.size, 0);
});

t.test('reads words as numbers and names', async (t) => {
  const decoding = new Decoding();
  const words = [
    '0',
    '-1',
    '9007199254740991',
    '01',
    '+1',
    '',
    '-',
    '1a',
    '-0',
    '9007199254740993',
  ];
  const request = Request.ofScratch(decoding.native.thread).make(words.map((w) => Buffer.from(w)));
  t.strictSame(
    words.map((_, i) => request.integer(i)),
    [0, -1, 9007199254740991, ...Array(7).fill(undefined)],
  );
  t.equal(request.bigint(9), 9007199254740993n);
  t.equal(request.bigint(3), undefined);
  const names = request.make([Buffer.from('bLoB'), Buffer.from('BLOBS')]);
  t.ok(names.is(0, 'BLOB'));
  t.notOk(names.is(1, 'BLOB'));
});

const malformedRequests = [
  { title: 'a count that is no number', wire: '*x\r\n', complaint: 'invalid multibulk length' },
  { title: 'an empty count', wire: '*\r\n', complaint: 'invalid multibulk length' },
  { title: 'a count with a leading zero', wire: '*01\r\n', complaint: 'invalid multibulk length' },
  { title: 'a count above 2^31-1', wire: '*2147483648\r\n', complaint: 'invalid multibulk length' },
  {
    title: 'a count beyond 64 bits',
    wire: `*${'9'.repeat(30)}\r\n`,
    complaint: 'invalid multibulk length',
  },
  { title: 'a length without $', wire: '*1\r\nx3\r\nfoo\r\n', complaint: "expected '$', got 'x'" },
  { title: 'a negative length', wire: '*1\r\n$-1\r\n', complaint: 'invalid bulk length' },
  { title: 'a length that is no number', wire: '*1\r\n$1x\r\n', complaint: 'invalid bulk length' },
  { title: 'an empty length', wire: '*1\r\n$\r\n', complaint: 'invalid bulk length' },
  {
    title: 'a length with a leading zero',
    wire: '*1\r\n$01\r\nx\r\n',
    complaint: 'invalid bulk length',
  },
  {
    title: 'a length above proto-max-bulk-len',
    wire: '*1\r\n$536870913\r\n',
    complaint: 'invalid bulk length',
  },
  { title: 'unbalanced quotes', wire: 'set "a\r\n', complaint: 'unbalanced quotes in request' },
  {
    title: 'a quote in the middle of a word',
    wire: 'set "a"b\r\n',
    complaint: 'unbalanced quotes in request',
  },
  { title: 'an endless line', wire: 'x'.repeat(70_000), complaint: 'too big inline request' },
  {
    title: 'an endless count',
    wire: `*${'1'.repeat(70_000)}`,
    complaint: 'too big mbulk count string',
  },
  {
    title: 'an endless length',
    wire: `*1\r\n$${'1'.repeat(70_000)}`,
    complaint: 'too big bulk count string',
  },
];
for (const { title, wire, complaint } of malformedRequests) {
  t.test(`refuses ${title}`, async (t) => {
    for (const chunkBytes of [1, 7, 65_536]) {
      const expected = new ProtocolError(`Protocol error: ${complaint}`);
      t.throws(() => decodeInChunks(wire, chunkBytes), expected);
    }
  });
}

t.test('limits clients that have not given the password', async (t) => {
  for (const { wire, complaint } of [
    { wire: '*11\r\n', complaint: 'unauthenticated multibulk length' },
    { wire: '*1\r\n$16385\r\n', complaint: 'unauthenticated bulk length' },
  ]) {
    const decoding = new Decoding();
    decoding.isUnauthenticated = true;
    t.throws(() => decoding.feed(wire, 100), new ProtocolError(`Protocol error: ${complaint}`));
  }
});

t.test('limits the memory of one request', async (t) => {
  const decoding = new Decoding({ queryBufferBytesMax: 100_000 });
  const words = Array(10).fill('x'.repeat(20_000));
  t.throws(() => decoding.feed(bulk(...words), 1000), { message: /of more than/ });
});

t.test('tells lengths above 4 GiB as they are', async (t) => {
  const byteCount = 2 ** 32 + 1;
  const decoding = new Decoding({ protoMaxBulkBytes: 2 ** 33 });
  // The body is thrown away: only its length matters.
  decoding.native.refusesBlobs = true;
  decoding.feed(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${byteCount}\r\n`, 64);
  const piece = Buffer.alloc(64 * 1024);
  for (let left = byteCount; left > 0; left -= piece.length) {
    decoding.read(piece.subarray(0, Math.min(left, piece.length)));
  }
  t.ok(decoding.decoder.heldBytes > byteCount);
  decoding.feed('\r\n', 2);
  t.strictSame(decoding.lengths, [3, 1, byteCount]);
  decoding.feed('PING\r\n', 64);
  t.strictSame(decoding.requests[1], ['PING']);
});
