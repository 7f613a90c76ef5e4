// What the oracle cannot ask: COPY of what only Tutti holds, the walks of SCAN, forms of values.

import t from 'tap';
import { type StartedServer, startServer, type Value } from '../helpers/server.ts';

let server: StartedServer;

t.before(async () => {
  server = await startServer(['--io-threads', '1']);
});
t.teardown(() => server.stop());
t.beforeEach(async () => {
  await server.request('FLUSHALL');
});

const texts = (reply: Value): string[] => (Array.isArray(reply) ? reply.map(String) : []);

t.test('copies a tensor to another key and another database, and keeps both', async (t) => {
  const blob = Buffer.alloc(64 * 1024, 7);
  await server.request('AI.TENSORSET', 'x', 'UINT8', blob.length, 'BLOB', blob);
  t.equal(await server.request('COPY', 'x', 'y'), 1);
  t.equal(await server.request('COPY', 'x', 'y'), 0, 'it exists');
  t.equal(await server.request('COPY', 'x', 'y', 'REPLACE'), 1);
  t.equal(await server.request('COPY', 'x', 'x', 'DB', 1), 1);
  await server.request('DEL', 'x');
  t.equal(await server.request('TYPE', 'y'), 'AI_TENSOR');
  const reply = await server.request('AI.TENSORGET', 'y', 'BLOB');
  t.ok(Buffer.from(String(reply)).equals(blob));
});

t.test('a copy and its original change apart', async (t) => {
  for (let i = 0; i < 2000; i++) server.request('ZADD', 'z', i, `member${i}`).catch(t.threw);
  await server.request('COPY', 'z', 'copy');
  await server.request('ZADD', 'z', -1, 'first');
  await server.request('ZREM', 'copy', 'member0');
  t.strictSame(texts(await server.request('ZRANGE', 'z', 0, 1)), ['first', 'member0']);
  t.strictSame(texts(await server.request('ZRANGE', 'copy', 0, 1)), ['member1', 'member2']);
});

/** Walks with SCAN or one of its kind, changing things on the way. @returns Everything seen. */
async function walk(
  words: readonly string[],
  between: (round: number) => Promise<unknown>,
): Promise<Set<string>> {
  const seen = new Set<string>();
  const [command = '', ...rest] = words;
  let cursor = '0';
  let round = 0;
  do {
    const reply = await server.request(command, ...rest, cursor, 'COUNT', 7);
    const [next, found] = reply as [string, string[]];
    for (const each of found) seen.add(String(each));
    cursor = String(next);
    if (Number(cursor) > Number.MAX_SAFE_INTEGER) throw new Error(`a cursor of ${cursor}`);
    await between(round++);
  } while (cursor !== '0');
  return seen;
}

t.test('scans every key that stays, while others come and go', async (t) => {
  const staying = Array.from({ length: 500 }, (_, i) => `stays${i}`);
  for (const key of staying) await server.request('SET', key, 'v');
  const seen = await walk(['SCAN'], async (round) => {
    await server.request('SET', `other${round % 50}`, 'v');
    await server.request('DEL', `other${(round * 7) % 50}`);
  });
  t.ok(staying.every((key) => seen.has(key)));
});

t.test('scans every field and member that stays, while others come and go', async (t) => {
  const staying = Array.from({ length: 1000 }, (_, i) => `stays${i}`);
  const fill: readonly [string, string, (name: string) => string[]][] = [
    ['HSCAN', 'h', (name) => ['HSET', 'h', name, 'value']],
    ['SSCAN', 's', (name) => ['SADD', 's', name]],
    ['ZSCAN', 'z', (name) => ['ZADD', 'z', '1.5', name]],
  ];
  const remove: Record<string, string> = { h: 'HDEL', s: 'SREM', z: 'ZREM' };
  for (const [command, key, add] of fill) {
    for (const name of staying) await server.request(...add(name));
    const seen = await walk([command, key], async (round) => {
      await server.request(...add(`other${round}`));
      await server.request(remove[key] ?? '', key, `other${round - 3}`);
    });
    t.ok(
      staying.every((name) => seen.has(name)),
      command,
    );
  }
});

t.test('keeps values in the forms that settings say', async (t) => {
  const encoding = (key: string) => server.request('OBJECT', 'ENCODING', key);
  await server.request('SADD', 'members', 'a', 'b', 'c');
  t.equal(await encoding('members'), 'listpack');
  await server.request('SADD', 'integers', 1, 2, 3);
  t.equal(await encoding('integers'), 'intset');
  await server.request('RPUSH', 'list', 'a');
  t.equal(await encoding('list'), 'listpack');
  await server.request('CONFIG', 'SET', 'hash-max-ziplist-entries', 2);
  await server.request('CONFIG', 'SET', 'set-max-intset-entries', 3);
  await server.request('CONFIG', 'SET', 'zset-max-listpack-value', 3);
  await server.request('CONFIG', 'SET', 'list-max-listpack-size', 2);
  await server.request('HSET', 'hash', 'a', 1, 'b', 2);
  t.equal(await encoding('hash'), 'listpack');
  await server.request('HSET', 'hash', 'c', 3);
  t.equal(await encoding('hash'), 'hashtable');
  await server.request('SADD', 'integers', 4);
  t.equal(await encoding('integers'), 'hashtable');
  await server.request('ZADD', 'zset', 1, 'long');
  t.equal(await encoding('zset'), 'skiplist');
  await server.request('RPUSH', 'list', 'b', 'c');
  t.equal(await encoding('list'), 'quicklist');
});

t.test('tells how often a key is used where the policy counts it', async (t) => {
  await server.request('SET', 'k', 'v');
  t.equal(await server.request('OBJECT', 'IDLETIME', 'k'), 0);
  await server.request('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu', 'lfu-log-factor', 0);
  await server.request('SET', 'new', 'v');
  const before = Number(await server.request('OBJECT', 'FREQ', 'new'));
  for (let i = 0; i < 10; i++) await server.request('GET', 'new');
  t.equal(Number(await server.request('OBJECT', 'FREQ', 'new')), before + 10);
  const connection = await server.raw();
  t.match(await connection.refusal('OBJECT', 'IDLETIME', 'new'), /idle time not tracked/);
  connection.close();
  await server.request('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
});

t.test('refuses more repeats than a reply should have', async (t) => {
  await server.request('SADD', 's', 'a');
  await server.request('HSET', 'h', 'f', 'v');
  await server.request('ZADD', 'z', 1, 'a');
  const connection = await server.raw();
  for (const command of ['SRANDMEMBER', 'HRANDFIELD', 'ZRANDMEMBER']) {
    const key = (command[0] ?? '').toLowerCase();
    const refusal = await connection.refusal(command, key, -(2 ** 24) - 1);
    t.equal(refusal, 'ERR value is out of range', command);
  }
  connection.close();
});

t.test('refuses patterns of SORT in words', async (t) => {
  const connection = await server.raw();
  await server.request('RPUSH', 'l', '1', '2');
  const refused: readonly (readonly [string, readonly string[]])[] = [
    ['BY', ['SORT', 'l', 'BY', 'w_*']],
    ['GET', ['SORT', 'l', 'GET', '#']],
  ];
  for (const [option, words] of refused) {
    t.equal(
      await connection.refusal(...words),
      `ERR ${option} is not supported by this server`,
      option,
    );
  }
  connection.close();
});
