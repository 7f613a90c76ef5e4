// A claim is not memory: what clients announce costs nothing until it has come.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Connection, framed, type StartedServer, startServer } from '../helpers/server.ts';
import { infoNumber, untilWithin } from '../helpers/waiting.ts';

/** Its end may be a reset. */
async function closed({ socket }: Connection): Promise<void> {
  if (socket.closed) return;
  await new Promise((resolve) => socket.once('close', resolve));
}

const KiB = 1024;
const MiB = 1024 * KiB;
const CONNECTIONS = 1000;
const PER_CONNECTION_BYTES_MAX = 64 * KiB;
/** Pages beside the bytes: what a byte more than 64 KiB needs, the mapping's first, the rest of the request. */
const OWN_BYTES_MAX = 12 * KiB;

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * KiB;
}

const until = untilWithin(10);

/** Opens many connections, each of which has been served once. */
async function openAll(server: StartedServer): Promise<Connection[]> {
  const all = await Promise.all(Array.from({ length: CONNECTIONS }, () => server.raw()));
  await Promise.all(all.map((connection) => connection.request('PING')));
  return all;
}

/** The server has read all that was sent, since it reads connections in turn. */
async function settle(server: StartedServer, connections: Connection[], inputBytes: number) {
  const before = await infoNumber(server, 'total_net_input_bytes');
  return {
    async wait() {
      await until('all input', async () => {
        return (
          (await infoNumber(server, 'total_net_input_bytes')) - before >=
          inputBytes * connections.length
        );
      });
    },
  };
}

const claims = [
  { title: 'SET announcing 4 GiB', header: '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4294967296\r\n' },
  { title: '2^31-1 words', header: '*2147483647\r\n$1\r\n' },
];
for (const { title, header } of claims) {
  t.test(`${CONNECTIONS} connections with ${title}`, async (t) => {
    const server = await startServer([
      ...['--proto-max-bulk-len', '8gb', '--client-query-buffer-limit', '8gb'],
    ]);
    t.teardown(() => server.stop());
    const requestBytes = await infoNumber(server, 'used_memory_requests');
    const connections = await openAll(server);
    const idleBytes = residentBytes(server.pid);
    const bodies = title.startsWith('SET') ? [1, 64 * KiB] : [1];
    let extraBytes = 0;
    for (const bodyBytes of bodies) {
      const wire = Buffer.concat([
        Buffer.from(extraBytes === 0 ? header : ''),
        Buffer.alloc(bodyBytes, 'x'),
      ]);
      const settled = await settle(server, connections, wire.length);
      for (const connection of connections) connection.write(wire);
      await settled.wait();
      extraBytes = residentBytes(server.pid) - idleBytes;
      const perConnection = Math.round(extraBytes / CONNECTIONS);
      t.comment(`${perConnection} bytes a connection after ${bodyBytes} bytes more`);
      // What has come is held once, what was announced is not.
      const allowed = PER_CONNECTION_BYTES_MAX + (bodyBytes > 1 ? OWN_BYTES_MAX : 0);
      t.ok(perConnection <= allowed, `at most ${allowed}`);
    }
    for (const connection of connections) connection.close();
    await until(
      'all clients gone',
      async () => (await infoNumber(server, 'connected_clients')) === 1,
    );
    await until(
      'their memory back',
      async () => (await infoNumber(server, 'used_memory_requests')) <= requestBytes,
    );
  });
}

t.test('takes 5 million empty arguments, again and again', async (t) => {
  const server = await startServer(['--io-threads', '1']);
  t.teardown(() => server.stop());
  const requestBytes = await infoNumber(server, 'used_memory_requests');
  const words = 5_000_000;
  const before = residentBytes(server.pid);
  for (const command of ['EXISTS', 'UNLINK', 'EXISTS']) {
    const connection = await server.raw();
    connection.write(`*${words + 1}\r\n$6\r\n${command}\r\n`);
    connection.write(Buffer.alloc(6 * words, '$0\r\n\r\n'));
    t.equal(await connection.reply(), 0);
    const grownBytes = residentBytes(server.pid) - before;
    t.ok(grownBytes < 16 * MiB, `${Math.round(grownBytes / MiB)} MiB more than before`);
    connection.close();
    await until(
      'its memory back',
      async () => (await infoNumber(server, 'used_memory_requests')) <= requestBytes,
    );
  }
});

t.test('forgets a client that is killed in a body of 64 MiB', async (t) => {
  const server = await startServer(['--io-threads', '1']);
  t.teardown(() => server.stop());
  const usedBefore = await infoNumber(server, 'used_memory');
  const residentBefore = residentBytes(server.pid);
  for (let round = 0; round < 10; round++) {
    const connection = await server.raw();
    connection.write('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$67108864\r\n');
    await new Promise<void>((resolve) =>
      connection.socket.write(Buffer.alloc(40 * MiB, 'x'), () => resolve()),
    );
    connection.socket.resetAndDestroy();
    await closed(connection);
  }
  await until('its memory back', async () => {
    return (await infoNumber(server, 'used_memory')) - usedBefore < MiB;
  });
  t.equal(await server.request('EXISTS', 'k'), 0);
  const grownBytes = residentBytes(server.pid) - residentBefore;
  t.ok(grownBytes < 150 * MiB, `${Math.round(grownBytes / MiB)} MiB more than before`);
});

t.test('a large value comes back as it went in, in any size of write', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const connection = await server.raw();
  t.teardown(() => connection.close());
  for (const byteCount of [32 * KiB - 1, 32 * KiB, 64 * KiB, 64 * KiB + 1, 2 * MiB + 5, 20 * MiB]) {
    const value = Buffer.alloc(byteCount);
    for (let i = 0; i < byteCount; i += 4093) value[i] = 33 + (i % 90);
    const text = value.toString('latin1');
    const wire = framed(['SET', 'k', Buffer.from(text, 'latin1')]);
    const pieceBytes = byteCount > MiB ? 300_000 : 7001;
    for (let at = 0; at < wire.length; at += pieceBytes) {
      connection.write(wire.subarray(at, at + pieceBytes));
    }
    t.equal(await connection.reply(), 'OK');
    t.ok((await connection.request('GET', 'k')) === text, `${byteCount} bytes`);
  }
});
