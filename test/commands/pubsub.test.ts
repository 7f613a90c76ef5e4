// Publish and subscribe, keyspace events and MONITOR, between clients on several threads.

import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { RawClient } from '../helpers/raw-client.ts';
import { type Connection, startServer } from '../helpers/server.ts';

const server = await startServer(['--io-threads', '2', '--save', '']);
t.teardown(() => server.stop());

async function subscribers(count: number, ...words: string[]): Promise<Connection[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => server.raw()));
  for (const client of clients) await client.request(...words);
  return clients;
}

t.test('everybody on all threads gets everything, in one order', async (t) => {
  const clients = await subscribers(9, 'SUBSCRIBE', 'news');
  const patterned = await subscribers(3, 'PSUBSCRIBE', 'n*');
  const publishers = await Promise.all(Array.from({ length: 4 }, () => server.raw()));
  const perPublisher = 250;
  await Promise.all(
    publishers.map(async (publisher, p) => {
      for (let i = 0; i < perPublisher; i++) publisher.send('PUBLISH', 'news', `${p}.${i}`);
      for (let i = 0; i < perPublisher; i++) t.equal(await publisher.reply(), 12);
    }),
  );
  const total = publishers.length * perPublisher;
  const heard: string[][] = [];
  for (const client of [...clients, ...patterned]) {
    const messages: string[] = [];
    for (let i = 0; i < total; i++)
      messages.push(String(((await client.reply()) as string[]).at(-1)));
    heard.push(messages);
  }
  for (const messages of heard) t.strictSame(messages, heard[0], 'in the same order');
  for (let p = 0; p < publishers.length; p++) {
    const own = heard[0]?.filter((message) => message.startsWith(`${p}.`));
    t.strictSame(
      own,
      Array.from({ length: perPublisher }, (_, i) => `${p}.${i}`),
    );
  }
  for (const client of [...clients, ...patterned, ...publishers]) client.close();
});

t.test('a publisher hears of itself after its reply, as in Redis 7.2', async (t) => {
  const client = await RawClient.connect(server.port);
  await client.call('HELLO', 3);
  await client.call('SUBSCRIBE', 'self');
  t.equal(await client.call('PUBLISH', 'self', 'x'), ':1\r\n');
  t.equal(await client.reply(), '>3\r\n$7\r\nmessage\r\n$4\r\nself\r\n$1\r\nx\r\n');
  client.close();
});

t.test('nothing is heard of what has been left', async (t) => {
  const client = await RawClient.connect(server.port);
  // All in one turn of the loop: the message is on its way when the client leaves.
  client.send('SUBSCRIBE a\r\nUNSUBSCRIBE a\r\nSUBSCRIBE b\r\n');
  for (let i = 0; i < 3; i++) await client.reply();
  for (let i = 0; i < 200; i++) {
    const publishing = server.request('PUBLISH', 'b', `${i}`);
    client.send('UNSUBSCRIBE b\r\nGET k\r\nSUBSCRIBE b\r\n');
    const replies: string[] = [];
    while (replies.filter((reply) => !reply.includes('\r\nmessage\r\n')).length < 3) {
      replies.push(await client.reply());
    }
    const left = replies.findIndex((reply) => reply.includes('unsubscribe'));
    t.equal(replies[left + 1], '$-1\r\n', 'the reply follows, and no message');
    await publishing;
  }
  client.close();
});

t.test('large messages and names are sent whole', async (t) => {
  const [one, two] = (await subscribers(2, 'SUBSCRIBE', 'big')) as [Connection, Connection];
  const large = 'x'.repeat(5_000_000);
  t.equal(await server.request('PUBLISH', 'big', large), 2);
  t.strictSame(await one.reply(), ['message', 'big', large]);
  t.strictSame(await two.reply(), ['message', 'big', large]);
  const name = 'n'.repeat(200_000);
  await one.request('SUBSCRIBE', name);
  t.equal(await server.request('PUBLISH', name, large), 1);
  t.strictSame(await one.reply(), ['message', name, large]);
  t.equal(await server.request('PUBLISH', name, 'small'), 1);
  t.strictSame(await one.reply(), ['message', name, 'small']);
  one.close();
  two.close();
});

t.test('who does not read is closed, by the limits of its class', async (t) => {
  await server.request('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 1mb 0 0');
  const [lazy] = (await subscribers(1, 'SUBSCRIBE', 'flood')) as [Connection];
  lazy.socket.pause();
  const [eager] = (await subscribers(1, 'SUBSCRIBE', 'flood')) as [Connection];
  const chunk = 'x'.repeat(100_000);
  let count = 2;
  for (let sent = 0; sent < 1000 && count === 2; sent++) {
    count = Number(await server.request('PUBLISH', 'flood', chunk));
    t.strictSame(await eager.reply(), ['message', 'flood', chunk]);
  }
  t.equal(count, 1);
  t.match(server.log(), /overcoming of output buffer limits/);
  eager.close();
  lazy.close();
  await server.request('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 32mb 8mb 60');
});

t.test('listeners are closed when too much waits for them on their thread', async (t) => {
  const limit = ['--client-output-buffer-limit', 'pubsub', '0', '0', '0'];
  const server = await startServer(['--io-threads', '1', '--save', '', ...limit]);
  t.teardown(() => server.stop());
  const listener = await server.raw();
  await listener.request('SUBSCRIBE', 'flood');
  listener.socket.pause();
  const publisher = await server.raw();
  const chunk = Buffer.alloc(16 * 1024 * 1024);
  const count = 20;
  // Published in one turn of the loop, in which nothing is delivered.
  publisher.send('MULTI');
  for (let i = 0; i < count; i++) publisher.send('PUBLISH', 'flood', chunk);
  publisher.send('EXEC');
  for (let i = 0; i < count + 1; i++) await publisher.reply();
  t.strictSame(await publisher.reply(), Array(count).fill(1));
  while (!server.log().includes('too many messages wait for them')) await delay(5);
  t.equal(await publisher.request('PUBLISH', 'flood', 'x'), 0);
  const later = await server.raw();
  await later.request('SUBSCRIBE', 'flood');
  t.equal(await publisher.request('PUBLISH', 'flood', 'x'), 1, 'others come');
  t.strictSame(await later.reply(), ['message', 'flood', 'x']);
  for (const client of [listener, publisher, later]) client.close();
});

t.test('CLIENT LIST and INFO tell who listens', async (t) => {
  const client = await RawClient.connect(server.port);
  await client.call('SUBSCRIBE', 'a', 'b');
  await client.reply();
  await client.call('PSUBSCRIBE', 'p*');
  await client.call('SSUBSCRIBE', 's');
  const list = String(await server.request('CLIENT', 'LIST', 'TYPE', 'pubsub'));
  t.match(list, / flags=P .* sub=2 psub=1 ssub=1 /);
  t.equal(list.split('\n').length, 2);
  const info = String(await server.request('INFO', 'stats'));
  t.match(info, /pubsub_channels:2\r\npubsub_patterns:1\r\npubsubshard_channels:1\r\n/);
  client.close();
  while (String(await server.request('PUBSUB', 'NUMPAT')) !== '0') await delay(1);
  t.strictSame(await server.request('PUBSUB', 'CHANNELS'), []);
  t.strictSame(await server.request('PUBSUB', 'SHARDCHANNELS'), []);
});

t.test('RESET leaves everything', async (t) => {
  const [client] = (await subscribers(1, 'SUBSCRIBE', 'a')) as [Connection];
  t.equal(await client.request('RESET'), 'RESET');
  t.equal(await server.request('PUBLISH', 'a', 'x'), 0);
  t.equal(await client.request('ECHO', 'free'), 'free');
  t.equal(await client.request('MONITOR'), 'OK');
  t.match(String(await server.request('CLIENT', 'LIST')), / flags=O /);
  t.equal(await client.request('RESET'), 'RESET');
  await server.request('SET', 'k', 'v');
  t.equal(await client.request('ECHO', 'quiet'), 'quiet');
  client.close();
});

t.test('values of RedisAI tell of themselves', async (t) => {
  await server.request('CONFIG', 'SET', 'notify-keyspace-events', 'Kd');
  const [client] = (await subscribers(1, 'PSUBSCRIBE', '__keyspace@0__:*')) as [Connection];
  await server.request('AI.TENSORSET', 't', 'FLOAT', 1, 'VALUES', 1);
  t.strictSame((await client.reply()) as string[], [
    'pmessage',
    '__keyspace@0__:*',
    '__keyspace@0__:t',
    'ai.tensorset',
  ]);
  await server.request('CONFIG', 'SET', 'notify-keyspace-events', '');
  client.close();
});

t.test('monitors on all threads see what is carried out, and no password', async (t) => {
  const monitors = await subscribers(4, 'MONITOR');
  const actor = await server.raw();
  await actor.request('SET', 'k', 'v');
  await actor.refusal('AUTH', 'secret');
  for (const monitor of monitors) {
    t.match(await monitor.reply(), /^\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "SET" "k" "v"$/);
    t.match(await monitor.reply(), /"AUTH" "\(redacted\)"$/);
    monitor.close();
  }
  actor.close();
});
