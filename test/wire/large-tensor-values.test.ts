// AI.TENSORGET ... VALUES of tensors that take long to be written as text: the reply comes in pieces,
// byte for byte as if it came at once, and holds up nobody else.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { pingDuring } from '../helpers/pings.ts';
import { framed, type StartedServer, startServer } from '../helpers/server.ts';
import { infoNumber, untilWithin } from '../helpers/waiting.ts';

const MiB = 1024 * 1024;
/** Below it elements are framed at once. */
const ELEMENTS_PER_PART = 1000;

type Word = string | Buffer | number;

/** A connection that keeps what comes as it is. */
class Taker {
  readonly #chunks: Buffer[] = [];
  byteCount = 0;
  isClosed = false;

  readonly socket: Socket;
  #onChange = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.byteCount += chunk.length;
      this.#onChange();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      this.#onChange();
    });
  }

  static async open(server: StartedServer): Promise<Taker> {
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    return new Taker(socket);
  }

  send(...words: Word[]): void {
    this.socket.write(framed(words));
  }

  /** All bytes up to the first line `end` after so many bytes. */
  async takeUntil(end: string, byteCountMin = 0): Promise<Buffer> {
    const tail = Buffer.from(end);
    for (;;) {
      const last = this.#chunks.at(-1) ?? Buffer.alloc(0);
      const ending = last.length < tail.length ? Buffer.concat(this.#chunks.slice(-8)) : last;
      if (this.byteCount >= byteCountMin && ending.subarray(-tail.length).equals(tail)) break;
      if (this.isClosed) throw new Error('the connection has ended');
      // Ends with the connection, too.
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
    }
    const bytes = Buffer.concat(this.#chunks.splice(0));
    this.byteCount = 0;
    return bytes;
  }

  /** The replies to these words, without that of the ECHO that marks their end. */
  async ask(...words: Word[]): Promise<Buffer> {
    const mark = `the end of ${words.slice(0, 3).join(' ')}`;
    this.send(...words);
    this.send('ECHO', mark);
    const end = `$${mark.length}\r\n${mark}\r\n`;
    return (await this.takeUntil(end)).subarray(0, -end.length);
  }

  close(): void {
    this.socket.destroy();
  }
}

async function start(t: Test, ...args: string[]): Promise<StartedServer> {
  const server = await startServer(['--io-threads', '1', ...args]);
  t.teardown(() => server.stop());
  return server;
}

async function open(t: Test, server: StartedServer): Promise<Taker> {
  const taker = await Taker.open(server);
  t.teardown(() => taker.close());
  return taker;
}

/** Floats of all magnitudes, as a blob. */
function floats(count: number): Buffer {
  const blob = Buffer.alloc(4 * count);
  for (let i = 0; i < count; i++) blob.writeFloatLE(Math.sin(i) * 10 ** ((i % 60) - 30), 4 * i);
  return blob;
}

async function storeFloats(server: StartedServer, key: string, count: number): Promise<void> {
  await server.request('AI.TENSORSET', key, 'FLOAT', count, 'BLOB', floats(count));
}

const until = untilWithin(10);

/** Bytes of an element, and its blob from its index. */
const dtypes: Readonly<Record<string, readonly [number, (blob: Buffer, i: number) => void]>> = {
  FLOAT: [4, (blob, i) => blob.writeFloatLE(Math.tan(i) * 10 ** (i % 30), 4 * i)],
  DOUBLE: [8, (blob, i) => blob.writeDoubleLE(Math.tan(i) * 10 ** ((i % 600) - 300), 8 * i)],
  INT8: [1, (blob, i) => blob.writeInt8((i % 256) - 128, i)],
  INT16: [2, (blob, i) => blob.writeInt16LE((i % 65_536) - 32_768, 2 * i)],
  INT32: [4, (blob, i) => blob.writeInt32LE(i * 20_000 - 2 ** 31, 4 * i)],
  INT64: [8, (blob, i) => blob.writeBigInt64LE(BigInt(i) ** 3n * (i % 2 ? 1n : -1n), 8 * i)],
  UINT8: [1, (blob, i) => blob.writeUInt8(i % 256, i)],
  UINT16: [2, (blob, i) => blob.writeUInt16LE(i % 65_536, 2 * i)],
  BOOL: [1, (blob, i) => blob.writeUInt8(i % 3 === 0 ? 1 : 0, i)],
};

/** The reply for all elements, from replies for a few of them each, which are framed at once. */
async function piecewise(taker: Taker, dtype: string, count: number, blob: Buffer) {
  const elementBytes = blob.length / count;
  const parts: Buffer[] = [Buffer.from(`*${count}\r\n`)];
  for (let first = 0; first < count; first += ELEMENTS_PER_PART) {
    const partCount = Math.min(ELEMENTS_PER_PART, count - first);
    const part = blob.subarray(first * elementBytes, (first + partCount) * elementBytes);
    await taker.ask('AI.TENSORSET', 'part', dtype, partCount, 'BLOB', part);
    const reply = await taker.ask('AI.TENSORGET', 'part', 'VALUES');
    parts.push(reply.subarray(reply.indexOf('\n') + 1));
  }
  return Buffer.concat(parts);
}

t.test('the reply is the same as if it were framed at once', async (t) => {
  const server = await start(t);
  const taker = await open(t, server);
  for (const resp of [2, 3]) {
    await taker.ask('HELLO', resp);
    for (const [dtype, [elementBytes, write]] of Object.entries(dtypes)) {
      const count = 40_001;
      const blob = Buffer.alloc(elementBytes * count);
      for (let i = 0; i < count; i++) write(blob, i);
      await taker.ask('AI.TENSORSET', 'k', dtype, count, 'BLOB', blob);
      const expected = await piecewise(taker, dtype, count, blob);
      const values = await taker.ask('AI.TENSORGET', 'k', 'VALUES');
      t.ok(expected.equals(values), `${dtype} in RESP${resp}`);
      const meta = await taker.ask('AI.TENSORGET', 'k', 'META');
      const both = await taker.ask('AI.TENSORGET', 'k', 'META', 'VALUES');
      const head = meta.toString().replace('*4', '*6');
      t.ok(both.equals(Buffer.concat([Buffer.from(`${head}$6\r\nvalues\r\n`), expected])));
    }
  }
});

t.test('strings of any length are cut and put together again', async (t) => {
  const server = await start(t);
  const taker = await open(t, server);
  // Chunks of 64 KiB end within headers, strings and line ends.
  const lengths = [0, 65_536, 1, 300_000, 0, 0, ...Array.from({ length: 5000 }, (_, i) => i % 97)];
  for (let k = 65_450; k < 65_540; k++) lengths.push(k);
  const strings = lengths.map((length, i) => String.fromCharCode(97 + (i % 26)).repeat(length));
  const blob = Buffer.from(strings.map((string) => `${string}\0`).join(''));
  await taker.ask('AI.TENSORSET', 'k', 'STRING', strings.length, 'BLOB', blob);
  const expected = `*${strings.length}\r\n${strings.map((s) => `$${s.length}\r\n${s}\r\n`).join('')}`;
  t.ok(Buffer.from(expected).equals(await taker.ask('AI.TENSORGET', 'k', 'VALUES')));
});

t.test('others are served meanwhile', async (t) => {
  const server = await start(t);
  const taker = await open(t, server);
  await storeFloats(server, 'k', 4_000_000);
  const { count, longestMs, totalMs } = await pingDuring(server, () =>
    taker.ask('AI.TENSORGET', 'k', 'VALUES'),
  );
  t.ok(count > 10, `${count} PINGs within ${totalMs} ms`);
  t.ok(longestMs < totalMs / 2, `the longest took ${longestMs} of ${totalMs} ms`);
});

t.test('the reply is of what the key held at its beginning', async (t) => {
  const server = await start(t);
  const taker = await open(t, server);
  await storeFloats(server, 'k', 1_000_000);
  const expected = await taker.ask('AI.TENSORGET', 'k', 'VALUES');
  for (const change of [
    ['AI.TENSORSET', 'k', 'FLOAT', 1, 'VALUES', 1],
    ['DEL', 'k'],
  ]) {
    await storeFloats(server, 'k', 1_000_000);
    taker.socket.pause();
    taker.send('AI.TENSORGET', 'k', 'VALUES');
    taker.send('PING');
    await until('a reply that waits', async () =>
      / omem=[1-9]/.test(String(await server.request('CLIENT', 'LIST'))),
    );
    await server.request(...change);
    taker.socket.resume();
    const reply = await taker.takeUntil('+PONG\r\n', expected.length);
    t.ok(expected.equals(reply.subarray(0, -7)), change[0] as string);
  }
});

t.test('what waits is counted, and is let go of when the client leaves', async (t) => {
  const server = await start(t);
  await storeFloats(server, 'k', 4_000_000);
  const before = await infoNumber(server, 'used_memory');
  const taker = await open(t, server);
  taker.socket.pause();
  for (let i = 0; i < 3; i++) taker.send('AI.TENSORGET', 'k', 'VALUES');
  // Three times the tensor, less what the kernel has taken.
  await until('three replies that wait', async () => {
    const list = String(await server.request('CLIENT', 'LIST'));
    const omem = Number(/ omem=([1-9]\d*)/.exec(list)?.[1] ?? 0);
    return omem > 2 * 16 * MiB && omem <= 3 * 16 * MiB + 64 * 1024 && / oll=[3-5] /.test(list);
  });
  t.ok((await infoNumber(server, 'used_memory')) - before < 2 * MiB);
  await server.request('DEL', 'k');
  t.ok((await infoNumber(server, 'used_memory')) > before - 2 * MiB, 'the reply keeps the tensor');
  taker.close();
  await until('the end of the reply', async () => {
    return (await infoNumber(server, 'used_memory')) < before - 15 * MiB;
  });
});

t.test('the limits of replies that wait hold', async (t) => {
  const server = await start(t, '--client-output-buffer-limit', 'normal 1mb 0 0');
  await storeFloats(server, 'small', 100_000);
  await storeFloats(server, 'large', 1_000_000);
  const taker = await open(t, server);
  t.equal(String(await taker.ask('AI.TENSORGET', 'small', 'VALUES')).slice(0, 8), '*100000\r');
  taker.send('AI.TENSORGET', 'large', 'VALUES');
  if (!taker.isClosed) await once(taker.socket, 'close');
  t.match(server.log(), /output buffer limits/);

  await server.request('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 0 0 0');
  await server.request('CONFIG', 'SET', 'reply-backlog-max', '5mb');
  const slow = await open(t, server);
  slow.socket.pause();
  for (let i = 0; i < 8; i++) slow.send('AI.TENSORGET', 'large', 'VALUES');
  await until('the end of the client', async () => /reply-backlog-max/.test(server.log()));
});

t.test('within MULTI, behind other commands, muted, and before QUIT', async (t) => {
  const server = await start(t);
  const taker = await open(t, server);
  await storeFloats(server, 'k', 200_000);
  const values = await taker.ask('AI.TENSORGET', 'k', 'VALUES');

  taker.send('MULTI');
  taker.send('AI.TENSORGET', 'k', 'VALUES');
  taker.send('SET', 'k', 'a string');
  taker.send('AI.TENSORGET', 'k', 'VALUES');
  const executed = await taker.ask('EXEC');
  const refusal = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n';
  const head = `+OK\r\n${'+QUEUED\r\n'.repeat(3)}*3\r\n`;
  t.ok(
    executed.equals(Buffer.concat([Buffer.from(head), values, Buffer.from(`+OK\r\n${refusal}`)])),
  );

  await server.request('DEL', 'k');
  await storeFloats(server, 'k', 200_000);
  const dag = await taker.ask(
    ...['AI.DAGEXECUTE', 'ROUTING', 'x', 'LOAD', 1, 'k', '|>', 'AI.TENSORGET', 'k', 'VALUES'],
  );
  t.ok(dag.equals(Buffer.concat([Buffer.from('*1\r\n'), values])));

  taker.send('CLIENT', 'REPLY', 'OFF');
  taker.send('AI.TENSORGET', 'k', 'VALUES');
  t.equal(String(await taker.ask('CLIENT', 'REPLY', 'ON')), '+OK\r\n');

  taker.send('AI.TENSORGET', 'k', 'VALUES');
  taker.send('QUIT');
  const last = await taker.takeUntil('+OK\r\n', values.length + 5);
  t.ok(last.equals(Buffer.concat([values, Buffer.from('+OK\r\n')])));
  if (!taker.isClosed) await once(taker.socket, 'close');
});
