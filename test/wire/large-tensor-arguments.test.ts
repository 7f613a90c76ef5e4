// AI.TENSORSET of what takes long to be looked through: values as words, and blobs whose bytes are
// checked. That is done off the event loop, and is answered as if it were not.

import t, { type Test } from 'tap';
import { type Pings, pingDuring } from '../helpers/pings.ts';
import { type Connection, framed, type StartedServer, startServer } from '../helpers/server.ts';
import { untilWithin } from '../helpers/waiting.ts';

const MiB = 1024 * 1024;
/** So many values are read at once. */
const VALUES_AT_ONCE_MAX = 16_384;

async function start(t: Test, ...args: string[]): Promise<StartedServer> {
  const server = await startServer(['--io-threads', '1', ...args]);
  t.teardown(() => server.stop());
  return server;
}

async function open(t: Test, server: StartedServer): Promise<Connection> {
  const client = await server.raw();
  t.teardown(() => client.close());
  return client;
}

async function blob(client: Connection, key: string): Promise<Buffer> {
  client.send('AI.TENSORGET', key, 'BLOB');
  return (await client.binaryReply()) as Buffer;
}

function words(key: string, dtype: string, values: readonly (string | number)[]) {
  return framed(['AI.TENSORSET', key, dtype, values.length, 'VALUES', ...values]);
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * 7) % 128);
}

const until = untilWithin(10);

async function refused(client: Connection, request: Buffer, complaint: RegExp, t: Test) {
  client.write(request);
  const reply = await client.reply();
  t.match(reply instanceof Error ? reply.message : reply, complaint);
}

t.test('values are the same however many there are', async (t) => {
  const server = await start(t);
  const client = await open(t, server);
  const arrays = {
    FLOAT: Float32Array,
    DOUBLE: Float64Array,
    INT8: Int8Array,
    INT16: Int16Array,
    INT32: Int32Array,
    UINT8: Uint8Array,
    UINT16: Uint16Array,
  };
  for (const [dtype, Elements] of Object.entries(arrays)) {
    for (const count of [VALUES_AT_ONCE_MAX, VALUES_AT_ONCE_MAX + 1, 100_000]) {
      client.write(words('k', dtype, numbers(count)));
      t.equal(await client.reply(), 'OK');
      const expected = Buffer.from(new Elements(numbers(count)).buffer);
      t.ok((await blob(client, 'k')).equals(expected), `${count} of ${dtype}`);
    }
  }
  client.write(words('k', 'INT64', numbers(50_000)));
  client.write(
    words(
      'k2',
      'BOOL',
      numbers(50_000).map((n) => n % 2),
    ),
  );
  t.strictSame([await client.reply(), await client.reply()], ['OK', 'OK']);
  const expected = Buffer.from(new BigInt64Array(numbers(50_000).map(BigInt)).buffer);
  t.ok((await blob(client, 'k')).equals(expected));
  t.ok((await blob(client, 'k2')).equals(Buffer.from(numbers(50_000).map((n) => n % 2))));
});

t.test('strings, also those that have memory of their own', async (t) => {
  const server = await start(t);
  const client = await open(t, server);
  const strings = Array.from({ length: 20_000 }, (_, i) =>
    'abc'.repeat(i % 5000 === 77 ? 20_000 + i : i % 20),
  );
  client.write(words('k', 'STRING', strings));
  t.equal(await client.reply(), 'OK');
  t.ok((await blob(client, 'k')).equals(Buffer.from(strings.map((s) => `${s}\0`).join(''))));
});

t.test('what is wrong is refused in the words of ever, and changes nothing', async (t) => {
  const server = await start(t);
  const client = await open(t, server);
  const many = numbers(20_000);
  await client.request('AI.TENSORSET', 'k', 'FLOAT', 1, 'VALUES', 3);
  await refused(client, words('k', 'FLOAT', [...many, 'x']), /^ERR invalid value/, t);
  await refused(client, words('k', 'UINT8', [...many, 256]), /^ERR invalid value/, t);
  await refused(client, words('k', 'STRING', [...many, 'a\0b']), /^ERR/, t);
  const short = framed(['AI.TENSORSET', 'k', 'FLOAT', 30_000, 'VALUES', ...many]);
  await refused(client, short, /^ERR wrong number of values/, t);
  const bytes = Buffer.alloc(5 * MiB, 1);
  const bool = framed(['AI.TENSORSET', 'k', 'BOOL', 5 * MiB, 'BLOB', bytes.fill(2, 5 * MiB - 1)]);
  await refused(client, bool, /^ERR/, t);
  const text = framed(['AI.TENSORSET', 'k', 'STRING', 2, 'BLOB', bytes.fill(0, 5 * MiB - 1)]);
  await refused(client, text, /^ERR/, t);
  t.strictSame(await client.request('AI.TENSORGET', 'k', 'VALUES'), ['3']);

  await client.request('SET', 's', 'text');
  const wrongType = /^WRONGTYPE/;
  await refused(client, words('s', 'FLOAT', many), wrongType, t);
  await refused(client, words('s', 'FLOAT', [...many, 'x']), wrongType, t);
  await refused(client, framed(['AI.TENSORSET', 's', 'FLOAT', 3, 'VALUES', ...many]), wrongType, t);
  t.equal(await client.request('GET', 's'), 'text');
});

t.test('what follows on the connection waits for it, also within MULTI', async (t) => {
  const server = await start(t);
  const client = await open(t, server);
  const request = words('k', 'INT32', numbers(50_000));
  client.write(Buffer.concat([request, framed(['AI.TENSORGET', 'k', 'META']), framed(['PING'])]));
  t.strictSame(
    [await client.reply(), await client.reply(), await client.reply()],
    ['OK', ['dtype', 'INT32', 'shape', [50_000]], 'PONG'],
  );
  await client.request('MULTI');
  client.write(words('k2', 'INT32', numbers(50_000)));
  t.equal(await client.reply(), 'QUEUED');
  client.send('AI.TENSORGET', 'k2', 'META');
  t.equal(await client.reply(), 'QUEUED');
  t.strictSame(await client.request('EXEC'), ['OK', ['dtype', 'INT32', 'shape', [50_000]]]);
  t.ok((await blob(client, 'k')).equals(await blob(client, 'k2')));
});

t.test('a client that leaves meanwhile leaves the tensor, and no memory', async (t) => {
  const server = await start(t);
  const usedBytes = async () =>
    Number(/^used_memory:(\d+)/m.exec(String(await server.request('INFO', 'memory')))?.[1]);
  const before = await usedBytes();
  const request = words('k', 'DOUBLE', numbers(300_000));
  for (let i = 0; i < 5; i++) {
    const client = await server.raw();
    await new Promise<void>((resolve) => {
      client.socket.write(request, () => resolve());
    });
    client.socket.end();
    await new Promise((resolve) => client.socket.once('close', resolve));
  }
  await until('the tensor', async () => (await server.request('EXISTS', 'k')) === 1);
  // Less than the words of one request.
  const settles = async () => {
    await server.request('DEL', 'k');
    return (await usedBytes()) < before + 2 * MiB;
  };
  await until('the end of the words', settles);
});

t.test('without memory it is refused', async (t) => {
  const server = await start(t);
  const client = await open(t, server);
  const used = Number(
    /^used_memory:(\d+)/m.exec(String(await client.request('INFO', 'memory')))?.[1],
  );
  // The words take about 12 MiB, the elements 8: they fit until the tensor is made.
  await client.request('CONFIG', 'SET', 'maxmemory', used + 16 * MiB);
  await refused(client, words('k', 'DOUBLE', numbers(1_000_000)), /^OOM/, t);
  t.equal(await client.request('EXISTS', 'k'), 0);
});

t.test('others are served meanwhile', async (t) => {
  const server = await start(t);
  const client = await open(t, server);
  const check = (title: string, { count, longestMs, totalMs }: Pings) => {
    t.ok(count > 5, `${title}: ${count} PINGs within ${totalMs} ms`);
    t.ok(longestMs < 0.8 * totalMs, `${title}: the longest took ${longestMs} of ${totalMs} ms`);
  };
  // Its words are there already but for the last byte: what is left is what the server does with them.
  for (const dtype of ['FLOAT', 'STRING']) {
    const request = words(
      'k',
      dtype,
      Array.from({ length: 2_000_000 }, (_, i) => `${i * 0.37}`),
    );
    client.write(request.subarray(0, -1));
    const hasCome = async () =>
      client.socket.writableLength === 0 &&
      / argv-mem=[1-9]\d{6}/.test(String(await server.request('CLIENT', 'LIST')));
    await until('all but the last byte', hasCome);
    const pings = await pingDuring(server, async () => {
      client.write(request.subarray(-1));
      t.equal(await client.reply(), 'OK');
    });
    check(dtype, pings);
  }
});
