// What clients take of memory: CLIENT LIST, maxmemory-clients and client-output-buffer-limit.

import t, { type Test } from 'tap';
import { type Connection, framed, type StartedServer, startServer } from '../helpers/server.ts';

const KB = 1024;
const MB = 1024 * 1024;

async function start(t: Test, ...args: string[]): Promise<StartedServer> {
  const server = await startServer(args);
  t.teardown(() => server.stop());
  return server;
}

async function named(t: Test, server: StartedServer, name: string): Promise<Connection> {
  const connection = await server.raw();
  await connection.request('CLIENT', 'SETNAME', name);
  t.teardown(() => connection.close());
  return connection;
}

/** The fields of a client's line; undefined if there is no such client. */
async function fieldsOf(asking: Connection | StartedServer, name: string) {
  const lines = String(await asking.request('CLIENT', 'LIST')).split('\n');
  const line = lines.find((each) => each.includes(` name=${name} `));
  if (line === undefined) return undefined;
  return new Map(line.split(' ').map((field) => field.split('=') as [string, string]));
}

/** A number of a client's line, once it is as wanted. */
async function awaitField(
  asking: Connection | StartedServer,
  name: string,
  field: string,
  isWanted: (value: number) => boolean,
): Promise<number> {
  for (;;) {
    const value = Number((await fieldsOf(asking, name))?.get(field));
    if (isWanted(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Its end may be a reset. */
async function isGone({ socket }: Connection): Promise<void> {
  if (socket.closed) return;
  await new Promise((resolve) => socket.once('close', resolve));
}

const unfinished = (byteCount: number) =>
  Buffer.concat([Buffer.from(`*1\r\n$${byteCount}\r\n`), Buffer.alloc(byteCount, 'v')]);

t.test('CLIENT LIST tells what a client takes', async (t) => {
  const server = await start(t, '--io-threads', '2');
  const quiet = await named(t, server, 'quiet');
  const none = await fieldsOf(server, 'quiet');
  for (const field of ['qbuf', 'qbuf-free', 'argv-mem', 'multi-mem', 'rbs', 'oll', 'omem'])
    t.equal(none?.get(field), '0', field);
  t.ok(Number(none?.get('tot-mem')) > 0);

  for (const byteCount of [1000, 2 * MB]) {
    const cut = await named(t, server, `cut-${byteCount}`);
    cut.write(unfinished(byteCount));
    await awaitField(server, `cut-${byteCount}`, 'qbuf', (bytes) => bytes === byteCount);
    await awaitField(server, `cut-${byteCount}`, 'tot-mem', (bytes) => bytes > byteCount);
    cut.write('\r\n');
    await awaitField(server, `cut-${byteCount}`, 'qbuf', (bytes) => bytes === 0);
  }

  const words = await named(t, server, 'words');
  words.write(Buffer.concat([Buffer.from('*4\r\n'), ...framedWords('MSET', 'k', 'v'.repeat(MB))]));
  await awaitField(server, 'words', 'argv-mem', (bytes) => bytes >= MB && bytes < 1.1 * MB);

  const queued = await named(t, server, 'queued');
  await queued.request('MULTI');
  await queued.request('SET', 'k', Buffer.alloc(MB));
  await awaitField(server, 'queued', 'multi-mem', (bytes) => bytes >= MB);
  await queued.request('EXEC');
  await awaitField(server, 'queued', 'multi-mem', (bytes) => bytes === 0);

  const deaf = await named(t, server, 'deaf');
  deaf.socket.pause();
  for (let i = 0; i < 40; i++) deaf.send('GET', 'k');
  await awaitField(server, 'deaf', 'omem', (bytes) => bytes > 10 * MB);
  await awaitField(server, 'deaf', 'oll', (count) => count > 10);
  t.equal((await fieldsOf(server, 'deaf'))?.get('events'), 'rw');
  deaf.socket.resume();
  await awaitField(server, 'deaf', 'omem', (bytes) => bytes === 0);
  t.ok(Number((await fieldsOf(server, 'deaf'))?.get('rbp')) > 10 * MB, 'the most of it is kept');

  const own = String(await quiet.request('CLIENT', 'INFO'));
  const sent = framed(['CLIENT', 'INFO']).length;
  t.match(own, new RegExp(` qbuf=${sent} .* argv-mem=10 `), 'its own request');
});

/** Words without the count before them. */
function framedWords(...words: string[]): Buffer[] {
  const bytes = framed(words);
  return [bytes.subarray(bytes.indexOf('\n') + 1)];
}

t.test('maxmemory-clients', async (t) => {
  for (const threads of ['1', '4']) {
    t.test(`with ${threads} I/O threads`, async (t) => {
      const server = await start(t, '--io-threads', threads, '--maxmemory-clients', '3mb');
      const control = await named(t, server, 'control');
      t.equal(await control.request('CLIENT', 'NO-EVICT', 'ON'), 'OK');
      let wantedCount = 0;
      const evicts = async (what: string, act: (client: Connection) => void) => {
        const client = await named(t, server, 'victim');
        act(client);
        await isGone(client);
        t.equal(await fieldsOf(control, 'victim'), undefined, what);
        wantedCount++;
        const { evicted_clients: count } = await infoOf(control, 'stats');
        t.equal(count, `${wantedCount}`, `${what} is counted`);
      };
      await evicts('a large argument', (client) => client.send('SET', 'k', Buffer.alloc(4 * MB)));
      t.equal(await control.request('EXISTS', 'k'), 0, 'what it asked for is not done');
      await evicts('an unfinished argument', (client) => client.write(unfinished(4 * MB)));
      await evicts('many queued commands', (client) => {
        client.send('MULTI');
        for (let i = 0; i < 40; i++) client.send('SET', 'k', Buffer.alloc(100 * KB));
      });
      await evicts('replies that nobody reads', (client) => {
        client.socket.pause();
        client.send('SET', 'large', Buffer.alloc(2 * MB));
        for (let i = 0; i < 20; i++) client.send('GET', 'large');
        setTimeout(() => client.socket.resume(), 500);
      });
      await control.request('CONFIG', 'SET', 'maxmemory-clients', '300kb');
      await evicts('watched keys', (client) => {
        for (let i = 0; i < 3000; i++) client.send('WATCH', `${i}`);
      });
      await evicts('subscriptions', (client) => {
        for (let i = 0; i < 3000; i++) client.send('SUBSCRIBE', `${i}`);
      });
      await control.request('CONFIG', 'SET', 'maxmemory-clients', '3mb');

      const safe = await named(t, server, 'safe');
      await safe.request('CLIENT', 'NO-EVICT', 'ON');
      safe.write(unfinished(4 * MB));
      await awaitField(control, 'safe', 'qbuf', (bytes) => bytes === 4 * MB);
      safe.write('\r\nPING\r\n');
      t.match(await safe.reply(), /unknown command/);
      t.equal(await safe.reply(), 'PONG', 'NO-EVICT keeps it');
    });
  }
});

async function infoOf(asking: Connection, section: string): Promise<Record<string, string>> {
  const text = String(await asking.request('INFO', section));
  return Object.fromEntries(text.split('\r\n').map((line) => line.split(':') as [string, string]));
}

t.test('maxmemory-clients closes the largest first, and no more than it must', async (t) => {
  const server = await start(t, '--io-threads', '2');
  const control = await named(t, server, 'control');
  const clients = new Map<number, Connection>();
  for (const size of [1, 2, 3, 4]) {
    const client = await named(t, server, `c${size}`);
    client.write(unfinished(size * MB));
    await awaitField(control, `c${size}`, 'tot-mem', (bytes) => bytes > size * MB);
    clients.set(size, client);
  }
  await control.request('CONFIG', 'SET', 'maxmemory-clients', 4 * MB);
  const left = [];
  for (const size of clients.keys()) if (await fieldsOf(control, `c${size}`)) left.push(size);
  t.strictSame(left, [1, 2]);
  await isGone(clients.get(4)!);
  await isGone(clients.get(3)!);

  await control.request('CONFIG', 'SET', 'maxmemory', 40 * MB, 'maxmemory-clients', '5%');
  t.equal(await fieldsOf(control, 'c2'), undefined, 'a percentage of maxmemory');
  t.ok(await fieldsOf(control, 'c1'));
  await control.request('CONFIG', 'SET', 'maxmemory', 0);
  const large = await named(t, server, 'large');
  large.write(unfinished(8 * MB));
  await awaitField(control, 'large', 'qbuf', (bytes) => bytes === 8 * MB);
  t.pass('of no maxmemory: no limit');
});

t.test('client-output-buffer-limit counts a reply before it is sent', async (t) => {
  for (const threads of ['1', '4']) {
    t.test(`with ${threads} I/O threads`, async (t) => {
      const limit = ['--client-output-buffer-limit', 'normal 100000 0 0'];
      const server = await start(t, '--io-threads', threads, ...limit);
      const control = await named(t, server, 'control');
      await control.request('SET', 'blob', Buffer.alloc(200_000));
      await control.request('SET', 'most', Buffer.alloc(99_000));
      await control.request('SET', 'piece', Buffer.alloc(10_000));
      await control.request(
        'RPUSH',
        'list',
        ...Array.from({ length: 200 }, () => 'x'.repeat(1000)),
      );
      const refuses = async (what: string, ...commands: (readonly (string | number)[])[]) => {
        const client = await named(t, server, 'victim');
        client.write(Buffer.concat(commands.map((words) => framed(words))));
        t.equal(await client.reply(), undefined, `${what}: nothing is answered`);
        t.equal(await fieldsOf(control, 'victim'), undefined);
      };
      await refuses('a large value', ['GET', 'blob']);
      await refuses('many elements', ['LRANGE', 'list', 0, -1]);
      await refuses('several values', ...Array.from({ length: 15 }, () => ['GET', 'piece']));
      await refuses(
        'a transaction, which is carried out as a whole',
        ...[['MULTI'], ['SET', 'before', 1], ['GET', 'blob'], ['SET', 'after', 1]],
        ...[['CLIENT', 'SETNAME', 'x'], ['SUBSCRIBE', 'c'], ['EXEC']],
      );
      t.equal(await control.request('EXISTS', 'before', 'after'), 2);
      await refuses('what follows is not carried out', ['GET', 'blob'], ['SET', 'later', 1]);
      t.equal(await control.request('EXISTS', 'later'), 0);

      const client = await named(t, server, 'reader');
      t.equal(String(await client.request('GET', 'most')).length, 99_000, 'what is below is');
      for (let i = 0; i < 30; i++)
        t.equal(String(await client.request('GET', 'piece')).length, 10_000);
      t.match(server.log(), /scheduled to be closed ASAP for overcoming of output buffer limits/);
    });
  }
});

t.test('client-output-buffer-limit of listeners', async (t) => {
  const server = await start(
    t,
    '--io-threads',
    '2',
    '--client-output-buffer-limit',
    'pubsub 1mb 0 0',
  );
  const control = await named(t, server, 'control');
  const listener = await named(t, server, 'listener');
  await listener.request('SUBSCRIBE', 'c');
  for (let i = 0; i < 10; i++) {
    t.equal(await control.request('PUBLISH', 'c', Buffer.alloc(500_000)), 1);
    await listener.reply();
  }
  t.pass('a message at a time is below the limit');
  t.equal(await control.request('PUBLISH', 'c', Buffer.alloc(2 * MB)), 1);
  t.equal(await listener.reply(), undefined, 'one message is above it');

  await control.request('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 0 100000 1');
  const slow = await named(t, server, 'slow');
  await slow.request('SUBSCRIBE', 'c');
  slow.socket.pause();
  const began = Date.now();
  while (await fieldsOf(control, 'slow')) {
    await control.request('PUBLISH', 'c', Buffer.alloc(200_000));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  t.ok(Date.now() - began >= 1000, 'the soft limit waits its seconds');
});
