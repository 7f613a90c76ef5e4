import t from 'tap';
import { ReplyError } from '../../lib/core/errors.ts';
import { elementForms } from '../../lib/resp/native-memory.ts';
import { ReplyEncoder } from '../../lib/resp/reply-encoder.ts';
import { ReplyFailure, ReplyMap, ReplyReader } from '../../lib/resp/reply-reader.ts';
import { StandInMemory } from './stand-in.ts';

function encode(resp: 2 | 3, write: (reply: ReplyEncoder, native: StandInMemory) => void): string {
  const native = new StandInMemory();
  const encoder = new ReplyEncoder(native.thread);
  let wire = '';
  const take = (start: number, end: number) => {
    wire += native.blocks.out.toString('latin1', start, end);
  };
  encoder.begin(
    {
      send: take,
      sendLater: take,
      sendWithBlob: (start, end, id) => {
        take(start, end);
        wire += native.replyBlobs.get(id)?.toString('latin1');
        native.replyBlobRelease(id);
      },
      sendWithElements: (start, end, id, heldBytes) => {
        take(start, end);
        const { bytes, form } = native.elements.get(id)!;
        t.equal(heldBytes, bytes.length);
        wire += `<${[...bytes]} as ${form}>`;
        native.elementsRelease(id);
      },
    },
    resp,
  );
  write(encoder, native);
  encoder.end();
  t.equal(native.replyBlobs.size, 0);
  t.equal(native.elements.size, 0);
  return wire;
}

const rows: [string, (reply: ReplyEncoder) => void, string, string?][] = [
  ['ok', (r) => r.ok(), '+OK\r\n'],
  ['simple', (r) => r.simple('PONG'), '+PONG\r\n'],
  ['error', (r) => r.error(new ReplyError('WRONGTYPE', 'no\r\ngo')), '-WRONGTYPE no  go\r\n'],
  ['plain error', (r) => r.error(new Error('x')), '-ERR x\r\n'],
  [
    'integers',
    (r) => [0, 7, 10, 99, 100, 123456789, 1e9, -1, 2 ** 53 - 1].map((n) => r.integer(n)),
    ':0\r\n:7\r\n:10\r\n:99\r\n:100\r\n:123456789\r\n:1000000000\r\n:-1\r\n:9007199254740991\r\n',
  ],
  ['bigint', (r) => r.integer(-(2n ** 63n)), ':-9223372036854775808\r\n'],
  ['text', (r) => r.bulk('é'), '$2\r\n\xc3\xa9\r\n'],
  ['bytes', (r) => r.bulk(Buffer.from([0, 255])), '$2\r\n\x00\xff\r\n'],
  ['nil', (r) => r.nil(), '$-1\r\n', '_\r\n'],
  ['nil array', (r) => r.nilArray(), '*-1\r\n', '_\r\n'],
  ['map', (r) => r.map(2), '*4\r\n', '%2\r\n'],
  ['set', (r) => r.set(2), '*2\r\n', '~2\r\n'],
  ['push', (r) => r.push(2), '*2\r\n', '>2\r\n'],
  ['double', (r) => r.double('1.5'), '$3\r\n1.5\r\n', ',1.5\r\n'],
  ['verbatim', (r) => r.verbatim('ab'), '$2\r\nab\r\n', '=6\r\ntxt:ab\r\n'],
];
for (const [title, write, resp2, resp3 = resp2] of rows) {
  t.test(`frames ${title}`, async (t) => {
    t.equal(encode(2, write), resp2);
    t.equal(encode(3, write), resp3);
  });
}

t.test('leaves the elements of a held tensor to the sink', async (t) => {
  for (const [form, resp2, resp3] of [
    ['integer', elementForms.integer, elementForms.integer],
    ['bulk', elementForms.bulk, elementForms.bulk],
    ['double', elementForms.bulk, elementForms.double],
  ] as const) {
    const write = (reply: ReplyEncoder, native: StandInMemory) => {
      reply.ok();
      native.held = Buffer.from([7, 8]);
      reply.heldElements(2, form);
      reply.ok();
    };
    t.equal(encode(2, write), `+OK\r\n*2\r\n<7,8 as ${resp2}>+OK\r\n`);
    t.equal(encode(3, write), `+OK\r\n*2\r\n<7,8 as ${resp3}>+OK\r\n`);
  }
  const muted = encode(2, (reply, native) => {
    reply.isMuted = true;
    native.held = Buffer.from([7]);
    reply.heldElements(1, 'bulk');
    reply.flush();
    reply.isMuted = false;
    reply.ok();
  });
  t.equal(muted, '+OK\r\n');
});

t.test('frames what is larger than its block', async (t) => {
  const text = 'ab'.repeat(300_000);
  t.equal(
    encode(2, (r) => r.bulk(text)),
    `$600000\r\n${text}\r\n`,
  );
  t.equal(
    encode(2, (r) => r.bulk(Buffer.from(text))),
    `$600000\r\n${text}\r\n`,
  );
  const many = encode(2, (r) => {
    for (let i = 0; i < 100_000; i++) r.bulk('0123456789');
  });
  t.equal(many, '$10\r\n0123456789\r\n'.repeat(100_000));
});

t.test('frames held values, small and large', async (t) => {
  for (const byteCount of [0, 1, 32_767, 32_768, 500_000]) {
    const value = 'x'.repeat(byteCount);
    const wire = encode(2, (r, native) => {
      r.ok();
      native.held = Buffer.from(value);
      r.held(byteCount);
      r.ok();
    });
    t.equal(wire, `+OK\r\n$${byteCount}\r\n${value}\r\n+OK\r\n`);
  }
});

t.test('frames packed rows, in pieces', async (t) => {
  const wire = encode(2, (r, native) => {
    native.pieces = [[Buffer.from('c')], [Buffer.from('d'.repeat(60))]];
    r.array(5);
    r.rows(native.packRows([Buffer.from('a'), null, Buffer.from('')]));
  });
  t.equal(wire, `*5\r\n$1\r\na\r\n$-1\r\n$0\r\n\r\n$1\r\nc\r\n$60\r\n${'d'.repeat(60)}\r\n`);
  const numbers = (r: ReplyEncoder, native: StandInMemory) =>
    r.rows(native.packRows([Buffer.from('1')]), 'integer');
  t.equal(encode(3, numbers), ':1\r\n');
  const doubles = (r: ReplyEncoder, native: StandInMemory) =>
    r.rows(native.packRows([Buffer.from('1.5')]), 'double');
  t.equal(encode(3, doubles), ',1.5\r\n');
  t.equal(encode(2, doubles), '$3\r\n1.5\r\n');
});

t.test('reads RESP3 however it is cut', async (t) => {
  const wire = Buffer.from(
    '%1\r\n$1\r\na\r\n*2\r\n:1\r\n_\r\n-ERR x\r\n,1.5\r\n#t\r\n(12345678901234567890\r\n=6\r\ntxt:ab\r\n',
  );
  for (let chunkBytes = 1; chunkBytes <= wire.length; chunkBytes++) {
    const reader = new ReplyReader();
    const replies = [];
    for (let at = 0; at < wire.length; at += chunkBytes) {
      replies.push(...reader.take(wire.subarray(at, at + chunkBytes)));
    }
    t.strictSame(replies, [
      new ReplyMap([[Buffer.from('a'), [1, null]]]),
      new ReplyFailure('ERR x'),
      1.5,
      true,
      12345678901234567890n,
      Buffer.from('ab'),
    ]);
  }
});
