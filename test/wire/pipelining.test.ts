// What clients may do who send more than they read.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Connection, framed, startServer, type Value } from '../helpers/server.ts';
import { infoNumber, untilWithin } from '../helpers/waiting.ts';

/** Its end may be a reset. */
async function closed({ socket }: Connection): Promise<void> {
  if (socket.closed) return;
  await new Promise((resolve) => socket.once('close', resolve));
}

const KiB = 1024;
const MiB = 1024 * KiB;

function repeated(count: number, ...words: (string | Buffer)[]): Buffer {
  const one = framed(words);
  return Buffer.alloc(count * one.length, one);
}

async function replies(connection: Connection, count: number): Promise<(Value | undefined)[]> {
  const all = [];
  for (let i = 0; i < count; i++) all.push(await connection.reply());
  return all;
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * KiB;
}

/** Waits for a fact about the server, asked for again and again. */
const until = untilWithin(5);

t.test('answers requests in order however they are cut', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const value = 'v'.repeat(40 * KiB);
  const wire = Buffer.concat([
    framed(['SET', 'k', value]),
    Buffer.from('PING\r\n'),
    framed(['GET', 'k']),
    framed(['NOSUCH', 'a']),
    framed(['CONFIG', 'SET', 'maxclients', '9000']),
    framed(['CONFIG', 'GET', 'maxclients']),
    framed(['ECHO', 'end']),
  ]);
  const expected = [
    'OK',
    'PONG',
    value,
    new Error("ERR unknown command 'NOSUCH', with args beginning with: 'a' "),
    'OK',
    ['maxclients', '9000'],
    'end',
  ];
  const cuts = [1, 2, 3, 5, 11, 20, 33, 34, 36, 40, 41, 50_000, 40 * KiB + 29];
  for (let at = wire.length - 200; at < wire.length; at++) cuts.push(at);
  const connection = await server.raw();
  t.teardown(() => connection.close());
  connection.socket.setNoDelay(true);
  for (const cut of cuts) {
    connection.write(wire.subarray(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    connection.write(wire.subarray(cut));
    t.match(await replies(connection, expected.length), expected, `cut at ${cut}`);
  }
});

t.test('answers 100,000 GETs of 1 KiB that were sent before the first read', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  await server.request('SET', 'k', 'x'.repeat(KiB));
  const usedBefore = await infoNumber(server, 'used_memory');
  const count = 100_000;
  const connection = await server.raw();
  t.teardown(() => connection.close());
  connection.socket.pause();
  const bytes = repeated(count, 'GET', 'k');
  await new Promise<void>((resolve) => connection.socket.write(bytes, () => resolve()));
  connection.socket.resume();
  let wrong = 0;
  for (let i = 0; i < count; i++) {
    const reply = await connection.reply();
    if (typeof reply !== 'string' || reply.length !== KiB) wrong++;
  }
  t.equal(wrong, 0);
  connection.close();
  await until('the memory of the replies back', async () => {
    return (await infoNumber(server, 'used_memory')) <= usedBefore;
  });
});

t.test('keeps serving beside 200 GETs of 16 MiB that are never read', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  await server.request('SET', 'k', Buffer.alloc(16 * MiB, 'x'));
  const usedBefore = await infoNumber(server, 'used_memory');
  const residentBefore = residentBytes(server.pid);
  const connection = await server.raw();
  connection.socket.pause();
  connection.write(repeated(200, 'GET', 'k'));
  const omem = async () => {
    const list = String(await server.request('CLIENT', 'LIST'));
    return Math.max(...[...list.matchAll(/ omem=(\d+)/g)].map(([, bytes]) => Number(bytes)));
  };
  await until('3 GiB of unsent replies', async () => (await omem()) > 190 * 16 * MiB);
  t.equal(await server.request('PING'), 'PONG');
  t.ok(residentBytes(server.pid) - residentBefore < 16 * MiB, 'replies are references');
  await server.request('DEL', 'k');
  t.ok(
    (await infoNumber(server, 'used_memory')) >= 16 * MiB,
    'the value lives as long as its replies',
  );
  connection.close();
  await until('the memory of the value back', async () => {
    return (await infoNumber(server, 'used_memory')) < usedBefore - 15 * MiB;
  });
});

t.test('closes the client whose unsent replies pass reply-backlog-max, and says so', async (t) => {
  const server = await startServer(['--reply-backlog-max', '100mb']);
  t.teardown(() => server.stop());
  await server.request('SET', 'k', Buffer.alloc(16 * MiB, 'x'));
  const connection = await server.raw();
  connection.socket.pause();
  connection.write(repeated(20, 'GET', 'k'));
  await until('the log line', async () => server.log().includes('reply-backlog-max'));
  connection.socket.resume();
  await closed(connection);
  t.equal(await server.request('PING'), 'PONG');
});

t.test('closes the client that passes client-output-buffer-limit, and says so', async (t) => {
  const server = await startServer(['--client-output-buffer-limit', 'normal', '1mb', '0', '0']);
  t.teardown(() => server.stop());
  await server.request('SET', 'k', Buffer.alloc(16 * MiB, 'x'));
  const connection = await server.raw();
  connection.socket.pause();
  connection.write(repeated(20, 'GET', 'k'));
  await until('the log line', async () =>
    server.log().includes('for overcoming of output buffer limits.'),
  );
  connection.socket.resume();
  await closed(connection);
});

t.test('carries out nothing behind a pending command before its answer', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const connection = await server.raw();
  t.teardown(() => connection.close());
  // CONFIG SET waits for every thread. More than the 64 KiB follow that are read ahead.
  const rounds = 300;
  const value = 'x'.repeat(2 * KiB);
  const wire: Buffer[] = [];
  for (let i = 0; i < rounds; i++) {
    wire.push(framed(['CONFIG', 'SET', 'maxclients', 1000 + i]));
    wire.push(framed(['CONFIG', 'GET', 'maxclients']), framed(['SET', 'k', value + i]));
    wire.push(framed(['GET', 'k']));
  }
  connection.write(Buffer.concat(wire));
  for (let i = 0; i < rounds; i++) {
    const [set, get, ok, read] = await replies(connection, 4);
    if (set !== 'OK' || String(get) !== `maxclients,${1000 + i}`) t.fail(`round ${i}: ${get}`);
    if (ok !== 'OK' || read !== value + i) t.fail(`round ${i}: ${read}`);
  }
  t.pass('all in order');
});

t.test('forgets a client that resets while its command is pending', async (t) => {
  const server = await startServer(['--io-threads', '1']);
  t.teardown(() => server.stop());
  for (let i = 0; i < 50; i++) {
    const connection = await server.raw();
    connection.write(
      Buffer.concat([framed(['CONFIG', 'SET', 'maxclients', 2000 + i]), framed(['SET', 'k', '1'])]),
    );
    connection.socket.resetAndDestroy();
  }
  t.equal(await server.request('PING'), 'PONG');
  await until(
    'the clients to be gone',
    async () => (await infoNumber(server, 'connected_clients')) === 1,
  );
});

t.test('carries out nothing behind the CLIENT KILL of itself', async (t) => {
  const server = await startServer(['--io-threads', '1']);
  t.teardown(() => server.stop());
  const large = Buffer.alloc(100 * KiB, 'x');
  for (const before of [[], ['CONFIG', 'SET', 'maxclients', '1000']]) {
    for (const after of [['SET', 'k', '1'], ['SET', 'k', large], ['PING']]) {
      const connection = await server.raw();
      const id = String(await connection.request('CLIENT', 'ID'));
      const wire = Buffer.concat([
        before.length > 0 ? framed(before) : Buffer.alloc(0),
        framed(['CLIENT', 'KILL', 'ID', id, 'SKIPME', 'no']),
        framed(after),
        framed(['SET', 'k', '2']),
      ]);
      connection.write(wire);
      if (before.length > 0) t.equal(await connection.reply(), 'OK');
      t.equal(await connection.reply(), 1);
      t.equal(await connection.reply(), undefined, 'closed after its reply');
      t.equal(await server.request('EXISTS', 'k'), 0, String(after[0]));
    }
  }
  // A transaction is carried out whole, as in Redis.
  const connection = await server.raw();
  const id = String(await connection.request('CLIENT', 'ID'));
  connection.send('MULTI');
  connection.send('CLIENT', 'KILL', 'ID', id, 'SKIPME', 'no');
  connection.send('SET', 'k', 'queued');
  connection.send('EXEC');
  connection.send('SET', 'k', 'later');
  await closed(connection);
  t.equal(await server.request('GET', 'k'), 'queued');
});

t.test('gives back the memory of values without a collection', async (t) => {
  const server = await startServer(['--io-threads', '1']);
  t.teardown(() => server.stop());
  const connection = await server.raw();
  t.teardown(() => connection.close());
  const value = framed(['SET', 'k', Buffer.alloc(16 * MiB, 'y')]);
  const usedBefore = await infoNumber(server, 'used_memory');
  let residentMax = 0;
  for (let i = 0; i < 40; i++) {
    connection.write(value);
    connection.write(repeated(2, 'GET', 'k'));
    connection.send('DEL', 'k');
    const [ok, first, second, deleted] = await replies(connection, 4);
    t.ok(ok === 'OK' && deleted === 1, 'set and deleted');
    t.ok(String(first).length === 16 * MiB && String(second).length === 16 * MiB, 'read twice');
    residentMax = Math.max(residentMax, residentBytes(server.pid));
  }
  t.ok(residentMax < 300 * MiB, `resident at most ${Math.round(residentMax / MiB)} MiB`);
  t.ok((await infoNumber(server, 'used_memory')) - usedBefore < MiB);
});
