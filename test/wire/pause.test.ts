// CLIENT PAUSE: what is stopped is carried out later, in order, and nothing of it is lost.

import t from 'tap';
import { type Connection, framed, type StartedServer, startServer } from '../helpers/server.ts';
import { untilWithin } from '../helpers/waiting.ts';

async function open(server: StartedServer, count: number): Promise<Connection[]> {
  const all = await Promise.all(Array.from({ length: count }, () => server.raw()));
  await Promise.all(all.map((connection) => connection.request('PING')));
  return all;
}

async function requestBytes(server: StartedServer): Promise<number> {
  const info = String(await server.request('INFO', 'memory'));
  return Number(/used_memory_requests:(\d+)/.exec(info)?.[1]);
}

const until = untilWithin(5);

for (const threads of ['1', '2']) {
  t.test(`stops writes until UNPAUSE, ${threads} threads`, async (t) => {
    const server = await startServer(['--io-threads', threads]);
    t.teardown(() => server.stop());
    const clients = await open(server, 6);
    const before = await requestBytes(server);
    t.equal(await server.request('CLIENT', 'PAUSE', '3600000', 'WRITE'), 'OK');
    const large = Buffer.alloc(300_000, 'x');
    for (const [i, client] of clients.entries()) {
      client.write(
        Buffer.concat([
          framed(['GET', `k${i}`]),
          framed(['SET', `k${i}`, i % 2 === 0 ? large : 'small']),
          framed(['STRLEN', `k${i}`]),
          framed(['MULTI']),
          framed(['SET', `k${i}`, 'other']),
          framed(['CONFIG', 'SET', 'maxclients', '5000']),
          framed(['EXEC']),
          framed(['GET', `k${i}`]),
        ]),
      );
      t.equal(await client.reply(), null, 'reads go on');
    }
    t.equal(await server.request('DBSIZE'), 0);
    t.ok((await requestBytes(server)) > before + 600_000, 'what waits is counted');
    const [gone, ...others] = clients;
    gone?.socket.resetAndDestroy();
    t.equal(await server.request('CLIENT', 'UNPAUSE'), 'OK');
    for (const [at, client] of others.entries()) {
      const bytes = (at + 1) % 2 === 0 ? large.length : 5;
      const wanted = ['OK', bytes, 'OK', 'QUEUED', 'QUEUED', ['OK', 'OK'], 'other'];
      for (const value of wanted) t.strictSame(await client.reply(), value);
    }
    for (const client of others) client.close();
    await until('their memory back', async () => (await requestBytes(server)) <= before);
  });
}

t.test('gives back what a client left that went away while it waited', async (t) => {
  const server = await startServer(['--io-threads', '1']);
  t.teardown(() => server.stop());
  const before = await requestBytes(server);
  t.equal(await server.request('CLIENT', 'PAUSE', '3600000', 'WRITE'), 'OK');
  for (const client of await open(server, 20)) {
    client.send('SET', 'k', Buffer.alloc(200_000));
    client.send('SET', 'k', 'second');
    t.equal(await server.request('EXISTS', 'k'), 0);
    client.close();
  }
  await until('their memory back', async () => (await requestBytes(server)) <= before);
  t.equal(await server.request('CLIENT', 'UNPAUSE'), 'OK');
  t.equal(await server.request('EXISTS', 'k'), 0, 'its commands went with it');
});

t.test('ends by itself, after the longer of two pauses and as the stricter one', async (t) => {
  const server = await startServer(['--io-threads', '2']);
  t.teardown(() => server.stop());
  const [pauser, ...clients] = await open(server, 4);
  const startedMs = Date.now();
  t.equal(await pauser?.request('CLIENT', 'PAUSE', '600', 'WRITE'), 'OK');
  t.equal(await pauser?.request('CLIENT', 'PAUSE', '10', 'ALL'), 'OK');
  await Promise.all(
    clients.map(async (client) => {
      t.equal(await client.request('PING'), 'PONG');
      t.ok(Date.now() - startedMs >= 590, `after ${Date.now() - startedMs} ms`);
    }),
  );
  t.equal(await pauser?.request('SET', 'k', 'v'), 'OK');
});

t.test('lets nothing expire', async (t) => {
  const server = await startServer(['--io-threads', '1', '--save', '']);
  t.teardown(() => server.stop());
  const expired = async () =>
    Number(/expired_keys:(\d+)/.exec(String(await server.request('INFO', 'stats')))?.[1]);
  for (const words of [
    ['MULTI'],
    ['SET', 'k', 'v', 'PX', 10],
    ['CLIENT', 'PAUSE', 60_000, 'WRITE'],
  ])
    await server.request(...words);
  await server.request('EXEC');
  await until('its end', async () => (await server.request('EXISTS', 'k')) === 0);
  // Three rounds of the thread that deletes.
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.equal(await expired(), 0);
  t.equal(await server.request('CLIENT', 'UNPAUSE'), 'OK');
  await until('its deletion', async () => (await expired()) === 1);
});
