// Commands that wait for keys, between clients on several threads.

import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { type Connection, startServer, type Value } from '../helpers/server.ts';

const server = await startServer(['--io-threads', '2', '--save', '']);
t.teardown(() => server.stop());

/** INFO's number of blocked clients becomes this. */
async function blocked(count: number): Promise<void> {
  for (;;) {
    const info = String(await server.request('INFO', 'clients'));
    if (info.includes(`blocked_clients:${count}\r\n`)) return;
    await delay(1);
  }
}

async function open(count: number): Promise<Connection[]> {
  return Promise.all(Array.from({ length: count }, () => server.raw()));
}

t.beforeEach(() => server.request('FLUSHALL'));

t.test('serves who waits longest, on whatever thread', async (t) => {
  const waiting = await open(8);
  for (const [i, client] of waiting.entries()) {
    client.send('BLPOP', `other${i}`, 'q', 0);
    await blocked(i + 1);
  }
  for (let i = 0; i < 8; i += 2) {
    t.equal(await server.request('RPUSH', 'q', `${i}`, `${i + 1}`), 2);
    t.equal(await server.request('LLEN', 'q'), 0, 'served before the push is answered');
  }
  for (const [i, client] of waiting.entries()) {
    t.strictSame(await client.reply(), ['q', `${i}`]);
    client.close();
  }
  await blocked(0);
});

t.test('takes from the first of its keys that EXEC has filled', async (t) => {
  const [client] = (await open(1)) as [Connection];
  client.send('BLPOP', 'a', 'b', 0);
  await blocked(1);
  for (const words of [['MULTI'], ['RPUSH', 'b', '1'], ['RPUSH', 'a', '2'], ['EXEC']]) {
    await server.request(...words);
  }
  t.strictSame(await client.reply(), ['a', '2'], 'as Redis 7.2, which looks at all keys again');
  client.send('XREAD', 'COUNT', 1, 'BLOCK', 0, 'STREAMS', 's', 't', '$', '$');
  await blocked(1);
  for (const words of [
    ['MULTI'],
    ['XADD', 't', '1-1', 'f', 'v'],
    ['XADD', 's', '2-1', 'f', 'v'],
    ['EXEC'],
  ]) {
    await server.request(...words);
  }
  const entry = (id: string) => [[id, ['f', 'v']]];
  t.strictSame(await client.reply(), [
    ['s', entry('2-1')],
    ['t', entry('1-1')],
  ]);
  client.close();
});

t.test('moves on from list to list, also across stripes', async (t) => {
  const hops = 50;
  const waiting = await open(hops);
  for (const [i, client] of waiting.entries()) {
    client.send('BLMOVE', `hop${i}`, `hop${i + 1}`, 'LEFT', 'RIGHT', 0);
  }
  await blocked(hops);
  await server.request('RPUSH', 'hop0', 'x');
  for (const client of waiting) t.equal(await client.reply(), 'x');
  t.strictSame(await server.request('LRANGE', `hop${hops}`, 0, -1), ['x']);
  for (const client of waiting) client.close();
});

t.test('waits no longer than it is told', async (t) => {
  const [client] = (await open(1)) as [Connection];
  const before = performance.now();
  client.send('BLPOP', 'none', '0.1');
  t.equal(await client.reply(), null);
  const took = performance.now() - before;
  t.ok(took >= 99, `${took} ms`);
  t.equal(await server.request('RPUSH', 'none', 'x'), 1);
  t.equal(await server.request('LLEN', 'none'), 1, 'nobody waits any more');
  // What is sent meanwhile is carried out afterwards.
  client.send('BLPOP', 'empty', '0.05');
  client.send('PING');
  t.equal(await client.reply(), null);
  t.equal(await client.reply(), 'PONG');
  client.close();
});

t.test('CLIENT UNBLOCK ends a wait', async (t) => {
  const [client] = (await open(1)) as [Connection];
  const id = await client.request('CLIENT', 'ID');
  t.equal(await server.request('CLIENT', 'UNBLOCK', Number(id)), 0, 'it does not wait');
  for (const words of [
    ['BLPOP', 'k', '0'],
    ['BZPOPMIN', 'k', '0'],
    ['XREAD', 'BLOCK', '0', 'STREAMS', 'k', '$'],
    ['BLMOVE', 'k', 'l', 'LEFT', 'LEFT', '0'],
  ]) {
    client.send(...words);
    await blocked(1);
    const list = String(await server.request('CLIENT', 'LIST', 'ID', Number(id)));
    t.match(list, / flags=b /, `${words[0]} shows`);
    t.equal(await server.request('CLIENT', 'UNBLOCK', Number(id)), 1);
    t.equal(await client.reply(), null, `${words[0]}: as if its time were over`);
    client.send(...words);
    await blocked(1);
    t.equal(await server.request('CLIENT', 'UNBLOCK', Number(id), 'ERROR'), 1);
    t.match(await client.reply(), { message: 'UNBLOCKED client unblocked via CLIENT UNBLOCK' });
  }
  client.send('WAIT', 1, 0);
  await blocked(1);
  t.equal(await server.request('CLIENT', 'UNBLOCK', Number(id), 'TIMEOUT'), 1);
  t.equal(await client.reply(), 0);
  t.match(String(await server.request('CLIENT', 'LIST', 'ID', Number(id))), / flags=N /);
  client.close();
});

t.test('who has gone gets nothing', async (t) => {
  const gone = await open(4);
  const [last] = (await open(1)) as [Connection];
  for (const [i, client] of gone.entries()) {
    client.send('BLPOP', 'q', 0);
    await blocked(i + 1);
  }
  last.send('BLPOP', 'q', 0);
  await blocked(5);
  for (const client of gone) client.close();
  await blocked(1);
  await server.request('RPUSH', 'q', 'x');
  t.strictSame(await last.reply(), ['q', 'x']);
  last.send('BLPOP', 'q', 0);
  await blocked(1);
  await server.request('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  t.equal(await last.reply(), undefined);
  await blocked(0);
  await server.request('RPUSH', 'q', 'y');
  t.equal(await server.request('LLEN', 'q'), 1);
});

t.test('INFO counts who waits, and for how many keys', async (t) => {
  const clients = await open(3);
  for (const client of clients) client.send('BLPOP', 'a', 'b', 0);
  await blocked(3);
  t.match(String(await server.request('INFO', 'clients')), /total_blocking_keys:2\r\n/);
  await server.request('RPUSH', 'a', '1', '2', '3');
  await blocked(0);
  t.match(String(await server.request('INFO', 'clients')), /total_blocking_keys:0\r\n/);
  for (const client of clients) client.close();
});

t.test('counts who waits for the end of a pause', async (t) => {
  const [client] = (await open(1)) as [Connection];
  await server.request('CLIENT', 'PAUSE', '60000', 'WRITE');
  client.send('SET', 'k', 'v');
  await blocked(1);
  await server.request('CLIENT', 'UNPAUSE');
  t.equal(await client.reply(), 'OK');
  await blocked(0);
  client.close();
});

t.test('large elements and many of them come through', async (t) => {
  const [client] = (await open(1)) as [Connection];
  const large = 'x'.repeat(300_000);
  client.send('BLMPOP', 0, 1, 'q', 'LEFT', 'COUNT', 20_000);
  await blocked(1);
  const elements = Array.from({ length: 10_000 }, (_, i) => `element ${i}`);
  await server.request('RPUSH', 'q', large, ...elements);
  t.strictSame(await client.reply(), ['q', [large, ...elements]]);
  client.close();
});

/** Pops until it is told to end, and hands over what it got. */
async function popAll(client: Connection, words: readonly string[]): Promise<string[]> {
  const got: string[] = [];
  for (;;) {
    client.send(...words);
    const reply = (await client.reply()) as Value[] | null | undefined;
    if (!Array.isArray(reply)) continue;
    const element = String(reply[1]);
    if (element === 'end') return got;
    got.push(element);
  }
}

t.test('each element goes to exactly one of many', async (t) => {
  const poppers = 16;
  const pushers = 8;
  const perPusher = 400;
  const popping = (await open(poppers)).map((client, i) =>
    // Some give up and begin again, in a race with who serves them.
    popAll(client, ['BLPOP', 'q1', 'q2', 'q3', i % 4 === 0 ? '0.001' : '0']),
  );
  await Promise.all(
    (await open(pushers)).map(async (client, p) => {
      for (let i = 0; i < perPusher; i++) {
        const queue = `q${1 + (i % 3)}`;
        const element = `${p}.${i}`;
        if (i % 5 === 0) {
          client.send('MULTI');
          client.send('RPUSH', queue, element);
          client.send('EXEC');
          for (let k = 0; k < 3; k++) await client.reply();
        } else {
          await client.request(i % 2 === 0 ? 'RPUSH' : 'LPUSH', queue, element);
        }
      }
      client.close();
    }),
  );
  for (let left = poppers; left > 0; left--) await server.request('RPUSH', 'q1', 'end');
  const got = (await Promise.all(popping)).flat().sort();
  const wanted = Array.from({ length: pushers }, (_, p) =>
    Array.from({ length: perPusher }, (_, i) => `${p}.${i}`),
  );
  t.strictSame(got, wanted.flat().sort());
  t.equal(await server.request('EXISTS', 'q1', 'q2', 'q3'), 0);
});

t.test('each is moved exactly once, whatever stripes it takes', async (t) => {
  const movers = 12;
  const elements = 600;
  const clients = await open(movers);
  let moved = 0;
  const moving = clients.map(async (client, i) => {
    while (moved < elements) {
      client.send('BLMOVE', 'from', `to${i % 5}`, 'LEFT', 'RIGHT', '0.05');
      if (typeof (await client.reply()) === 'string') moved++;
    }
  });
  const [pusher] = (await open(1)) as [Connection];
  for (let i = 0; i < elements; i += 3) {
    await pusher.request('RPUSH', 'from', `${i}`, `${i + 1}`, `${i + 2}`);
  }
  await Promise.all(moving);
  const all: string[] = [];
  for (let i = 0; i < 5; i++) {
    all.push(...((await server.request('LRANGE', `to${i}`, 0, -1)) as string[]));
  }
  const wanted = Array.from({ length: elements }, (_, i) => `${i}`);
  t.strictSame(all.sort(), wanted.sort());
  for (const client of [pusher, ...clients]) client.close();
});
