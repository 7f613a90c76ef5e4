// maxmemory with its policies: what goes, what stays, and that the limit holds, as clients see it.

import t from 'tap';
import { MiB } from '../../lib/core/units.ts';
import { evictionPolicies } from '../../lib/engine/addon.ts';
import { runtimeFolder } from '../../lib/runtimes/locate.ts';
import { onnxModel, versionedModel } from '../helpers/onnx.ts';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { Connection, type StartedServer, startServer, type Value } from '../helpers/server.ts';

const OOM = "OOM command not allowed when used memory > 'maxmemory'.";
/** As `SlackBytes` of native/keyspace/eviction.h. */
const slackBytes = (limit: number) => Math.max(limit / 64, MiB);

async function info(client: Connection, section: string): Promise<Record<string, number>> {
  const text = String(await client.request('INFO', section));
  const fields = text.matchAll(/^(\w+):(-?\d+)\r$/gm);
  return Object.fromEntries([...fields].map(([, name, value]) => [name, Number(value)]));
}

const used = async (client: Connection) => (await info(client, 'memory'))['used_memory'] ?? 0;

/** The memory in use once what was deleted has been freed: about what an empty server takes. */
async function settled(client: Connection, emptyBytes: number): Promise<number> {
  for (const deadlineMs = Date.now() + 10_000; Date.now() < deadlineMs; ) {
    if ((await used(client)) < emptyBytes + 200_000) break;
  }
  return used(client);
}

/** Sends all at once. @returns The error replies. */
async function pipelined(client: Connection, commands: (string | number | Buffer)[][]) {
  for (const words of commands) client.send(...words);
  const refusals: string[] = [];
  for (let i = 0; i < commands.length; i++) {
    const reply = await client.reply();
    if (reply instanceof Error) refusals.push(reply.message);
  }
  return refusals;
}

/** How many of `name:0` to `name:count - 1` there are. */
async function countOf(client: Connection, name: string, count: number): Promise<number> {
  const keys = Array.from({ length: count }, (_, i) => `${name}:${i}`);
  return Number(await client.request('EXISTS', ...keys));
}

const numbered = (count: number, words: (i: number) => (string | number | Buffer)[]) =>
  Array.from({ length: count }, (_, i) => words(i));

/** Keys of 1,000 bytes that are used, and as many that are not; the used ones with an expiry or not. */
const KEYS = 2000;
const value = 'x'.repeat(1000);

interface Served {
  readonly client: Connection;
  readonly kind: string;
  readonly emptyBytes: number;
}

/** Fills half with keys that should go and half with keys that should stay, then halves the limit. */
async function survivors(
  { client, emptyBytes }: Served,
  policy: string,
): Promise<[number, number]> {
  await client.request('CONFIG', 'SET', 'maxmemory', '0', 'maxmemory-policy', policy);
  await client.request('CONFIG', 'SET', 'maxmemory-samples', '10', 'lfu-log-factor', '0');
  await client.request('FLUSHALL');
  const before = await settled(client, emptyBytes);
  const isTtl = policy.endsWith('ttl');
  const expiry = (seconds: number) => (policy.startsWith('volatile') ? ['EX', seconds] : []);
  await pipelined(
    client,
    numbered(KEYS, (i) => ['SET', `old:${i}`, value, ...expiry(1000)]),
  );
  await pipelined(
    client,
    numbered(KEYS, (i) => ['SET', `new:${i}`, value, ...expiry(isTtl ? 100_000 : 1000)]),
  );
  if (policy.endsWith('lru')) {
    // The clock of uses has whole seconds.
    await new Promise((resolve) => setTimeout(resolve, 2100));
  }
  for (let use = 0; use < 5; use++)
    await pipelined(
      client,
      numbered(KEYS, (i) => ['GET', `new:${i}`]),
    );
  const limit = before + Math.floor(((await used(client)) - before) / 2);
  await client.request('CONFIG', 'SET', 'maxmemory', limit);
  for (let tries = 0; tries < 5000 && (await used(client)) > limit + 100_000; tries++)
    await client.refusal('SET', 'extra', 'x');
  return [await countOf(client, 'old', KEYS), await countOf(client, 'new', KEYS)];
}

t.test(
  'each policy keeps what redis-server keeps',
  { skip: missingPrograms('redis-server'), timeout: 240_000 },
  async (t) => {
    const server = await startServer(['--save', '']);
    t.teardown(() => server.stop());
    const redis = await startRedis();
    t.teardown(() => redis.stop());
    const serve = async (client: Connection, kind: string): Promise<Served> => ({
      client,
      kind,
      emptyBytes: await used(client),
    });
    const ours = await serve(await server.raw(), 'Tutti');
    const theirs = await serve(await Connection.open(redis.port), 'redis-server');
    for (const policy of evictionPolicies.filter((name) => name !== 'noeviction')) {
      for (const served of [theirs, ours]) {
        const [old, fresh] = await survivors(served, policy);
        const title = `${policy} of ${served.kind}: ${old} old and ${fresh} new ones are left`;
        t.ok(old + fresh > 0.3 * 2 * KEYS && old + fresh < 0.65 * 2 * KEYS, title);
        const share = fresh / (old + fresh);
        if (policy.endsWith('random')) t.ok(share > 0.4 && share < 0.6, title);
        else t.ok(share > 0.85, title);
      }
    }
    ours.client.close();
    theirs.client.close();
  },
);

t.test('what a full server answers', async (t) => {
  const server = await startServer(['--save', '']);
  t.teardown(() => server.stop());
  const client = await server.raw();
  const emptyBytes = await used(client);
  const fill = async (policy: string) => {
    await client.request('CONFIG', 'SET', 'maxmemory', '0', 'maxmemory-policy', policy);
    await client.request('FLUSHALL');
    await client.request(
      'CONFIG',
      'SET',
      'maxmemory',
      (await settled(client, emptyBytes)) + 4 * MiB,
    );
    return pipelined(
      client,
      numbered(20, (i) => ['SET', `k:${i}`, Buffer.alloc(MiB, 'x')]),
    );
  };

  t.test('without a policy nothing goes, and what would grow is refused', async (t) => {
    const refusals = await fill('noeviction');
    t.ok(refusals.length > 14 && refusals.every((text) => text === OOM), String(refusals[0]));
    t.equal(await client.refusal('LPUSH', 'l', Buffer.alloc(MiB)), OOM);
    t.type(await client.request('GET', 'k:0'), 'string');
    t.equal(await client.request('DEL', 'k:0'), 1);
  });

  t.test('a volatile policy refuses when nothing expires', async (t) => {
    const refusals = await fill('volatile-lru');
    t.ok(refusals.length > 14 && refusals.every((text) => text === OOM), String(refusals[0]));
  });

  t.test('a policy of all keys refuses nothing', async (t) => {
    t.strictSame(await fill('allkeys-lru'), []);
    t.ok((await info(client, 'stats'))['evicted_keys']! >= 15);
    t.equal(await client.request('EXISTS', 'k:19'), 1, 'the last one is there');
  });

  t.test('but what is larger than the limit', async (t) => {
    t.equal(await client.refusal('SET', 'huge', Buffer.alloc(64 * MiB)), OOM);
    t.equal(await client.request('EXISTS', 'huge'), 0);
  });

  t.test('EXEC makes room before it begins', async (t) => {
    await client.request('MULTI');
    for (let i = 0; i < 3; i++) await client.request('SET', `m:${i}`, Buffer.alloc(MiB, 'y'));
    t.strictSame(await client.request('EXEC'), ['OK', 'OK', 'OK']);
    t.equal(await countOf(client, 'm', 3), 3);
  });

  t.test('what goes is told', async (t) => {
    await client.request('CONFIG', 'SET', 'notify-keyspace-events', 'Ee');
    const listener = await server.raw();
    await listener.request('SUBSCRIBE', '__keyevent@0__:evicted');
    for (let i = 0; i < 5; i++) await client.request('SET', `n:${i}`, Buffer.alloc(MiB));
    const [kind, channel, key] = (await listener.reply()) as Value[];
    t.strictSame([kind, channel], ['message', '__keyevent@0__:evicted']);
    t.equal(await client.request('EXISTS', String(key)), 0);
    await client.request('CONFIG', 'SET', 'notify-keyspace-events', '');
    listener.close();
  });

  t.test('settings that say how are accepted', async (t) => {
    const settings = ['lazyfree-lazy-eviction', 'yes', 'activedefrag', 'yes'];
    t.equal(await client.request('CONFIG', 'SET', ...settings), 'OK');
    t.equal(await client.request('CONFIG', 'SET', 'maxmemory-eviction-tenacity', '100'), 'OK');
    t.match(
      await client.refusal('CONFIG', 'SET', 'maxmemory-eviction-tenacity', '101'),
      /argument must be between 0 and 100 inclusive/,
    );
  });

  t.test('OBJECT tells by the policy', async (t) => {
    await client.request('CONFIG', 'SET', 'maxmemory', '0', 'maxmemory-policy', 'allkeys-lfu');
    await client.request('SET', 'used', 'x');
    for (let i = 0; i < 50; i++) await client.request('GET', 'used');
    t.ok(Number(await client.request('OBJECT', 'FREQ', 'used')) > 5);
    t.match(await client.refusal('OBJECT', 'IDLETIME', 'used'), /An LFU maxmemory policy is/);
    await client.request('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    t.match(await client.refusal('OBJECT', 'FREQ', 'used'), /An LFU maxmemory policy is not/);
    t.ok(Number(await client.request('OBJECT', 'IDLETIME', 'used')) >= 0);
  });

  t.test('NO-TOUCH leaves no trace of a use', async (t) => {
    await client.request('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu', 'lfu-log-factor', '0');
    await client.request('SET', 'quiet', 'x');
    const frequency = async () => Number(await client.request('OBJECT', 'FREQ', 'quiet'));
    const first = await frequency();
    await client.request('CLIENT', 'NO-TOUCH', 'ON');
    for (let i = 0; i < 20; i++) await client.request('GET', 'quiet');
    t.equal(await frequency(), first);
    await client.request('TOUCH', 'quiet');
    t.equal(await frequency(), first + 1, 'but for TOUCH');
    await client.request('CLIENT', 'NO-TOUCH', 'OFF');
    await client.request('GET', 'quiet');
    t.equal(await frequency(), first + 2);
  });
  t.teardown(() => client.close());
});

t.test('tensors of 1 MiB never pass the limit', { timeout: 120_000 }, async (t) => {
  const server = await startServer(['--save', '', '--io-threads', '2']);
  t.teardown(() => server.stop());
  const watcher = await server.raw();
  const limit = (await used(watcher)) + 48 * MiB;
  await watcher.request('CONFIG', 'SET', 'maxmemory', limit, 'maxmemory-policy', 'allkeys-lru');
  const blob = Buffer.alloc(MiB);
  const clients = await Promise.all(Array.from({ length: 4 }, () => server.raw()));
  let isWriting = true;
  let most = 0;
  const watching = (async () => {
    while (isWriting) most = Math.max(most, await used(watcher));
  })();
  await Promise.all(
    clients.map(async (client, c) => {
      for (let i = 0; i < 400; i++) {
        const dims = ['UINT8', MiB, 'BLOB'];
        const set = await client.refusal('AI.TENSORSET', `t:${c}:${i}`, ...dims, blob);
        if (set !== 'no error: OK') t.fail(set);
      }
    }),
  );
  isWriting = false;
  await watching;
  const bound = limit + slackBytes(limit) + clients.length * 2 * MiB;
  t.ok(most <= bound, `${most} bytes at most, of a limit of ${limit}`);
  t.ok(Number(await watcher.request('DBSIZE')) >= 30);
  t.ok((await info(watcher, 'stats'))['evicted_keys']! > 1500);
  for (const client of [...clients, watcher]) client.close();
});

/** FLOAT [N] to FLOAT [N, 100000]. */
const widener = onnxModel({
  nodes: [
    { op: 'Unsqueeze', inputs: ['x', 'axis'], outputs: ['column'] },
    { op: 'Add', inputs: ['column', 'row'], outputs: ['y'] },
  ],
  weights: [
    { name: 'axis', dtype: 'INT64', dims: [1], data: Buffer.from(new BigInt64Array([1n]).buffer) },
    { name: 'row', dtype: 'FLOAT', dims: [100_000], data: Buffer.alloc(400_000) },
  ],
  inputs: [{ name: 'x', dtype: 'FLOAT', dims: ['N'] }],
  outputs: [{ name: 'y', dtype: 'FLOAT', dims: ['N', 100_000] }],
});

t.test(
  'runs and loads make room too',
  { skip: runtimeFolder('onnx') === undefined && 'the runtime onnx is not installed' },
  async (t) => {
    let server: StartedServer;
    let client: Connection;
    const bytes = (count: number) => Buffer.alloc(4 * count);
    t.before(async () => {
      server = await startServer(['--save', '']);
      client = await server.raw();
      await client.request('AI.MODELSTORE', 'wide', 'ONNX', 'CPU', 'BLOB', widener);
      await client.request('AI.TENSORSET', 'x', 'FLOAT', 10, 'BLOB', bytes(10));
      await client.request('EXPIRE', 'wide', 100_000);
    });
    t.teardown(async () => {
      client.close();
      await server.stop();
    });

    t.test('outputs of runs', async (t) => {
      const limit = (await used(client)) + 20 * MiB;
      await client.request('CONFIG', 'SET', 'maxmemory', limit, 'maxmemory-policy', 'allkeys-lfu');
      // What is used often stays: the model and its input.
      for (let i = 0; i < 30; i++) {
        const words = ['INPUTS', 1, 'x', 'OUTPUTS', 1, `y:${i}`];
        t.equal(await client.refusal('AI.MODELEXECUTE', 'wide', ...words), 'no error: OK');
        t.ok((await used(client)) <= limit + slackBytes(limit) + 5 * MiB);
      }
      t.equal(await client.request('EXISTS', 'y:29'), 1);
      t.ok((await countOf(client, 'y', 30)) < 6);
    });

    t.test('models that are stored', async (t) => {
      const blob = versionedModel(1, 4_000_000);
      for (let i = 0; i < 5; i++) {
        const words = ['ONNX', 'CPU', 'BLOB', blob];
        t.equal(await client.refusal('AI.MODELSTORE', `m:${i}`, ...words), 'no error: OK');
      }
      t.ok((await countOf(client, 'm', 5)) < 4);
    });

    t.test('a model is a key like any other, by the policy', async (t) => {
      await client.request('CONFIG', 'SET', 'maxmemory', '0');
      await client.request('FLUSHALL');
      await client.request('AI.MODELSTORE', 'm', 'ONNX', 'CPU', 'BLOB', versionedModel(1));
      await client.request('CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru', 'maxmemory', 1);
      t.equal(await client.refusal('SET', 'k', 'v'), OOM);
      t.equal(await client.request('EXISTS', 'm'), 1, 'it does not expire');
      await client.request('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random');
      t.equal(await client.refusal('SET', 'k', 'v'), OOM, 'there is too little for anything');
      t.equal(await client.request('EXISTS', 'm'), 0);
    });
  },
);

t.test('keys that a slow reader still reads are not counted', async (t) => {
  const server = await startServer(['--save', '']);
  t.teardown(() => server.stop());
  const client = await server.raw();
  const limit = (await used(client)) + 32 * MiB;
  await client.request('CONFIG', 'SET', 'maxmemory', limit, 'maxmemory-policy', 'allkeys-lru');
  await client.request('SET', 'large', Buffer.alloc(16 * MiB));
  const reader = await server.raw();
  reader.socket.pause();
  for (let i = 0; i < 4; i++) reader.send('GET', 'large');
  const refusals = await pipelined(
    client,
    numbered(200, (i) => ['SET', `k:${i}`, Buffer.alloc(MiB)]),
  );
  t.strictSame(refusals, []);
  t.ok((await countOf(client, 'k', 200)) >= 20, 'only as many have gone as need be');
  reader.socket.resume();
  const replies: Value[] = [];
  for (let i = 0; i < 4; i++) replies.push(String(await reader.reply()).length);
  t.strictSame(replies, Array(4).fill(16 * MiB));
  reader.close();
  client.close();
});
