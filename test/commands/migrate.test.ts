// MIGRATE: to another Tutti, and to Debian's redis-server and back.

import { createServer, type Socket } from 'node:net';
import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { Connection, startServer, type Value } from '../helpers/server.ts';
import { readKey, values } from './stored-values.ts';

const LOCAL = '127.0.0.1';

t.setTimeout(300_000);

/** A server that says OK to everything, to a RESTORE once `onRestore` is done. */
async function fakeTarget(onRestore: () => Promise<void>) {
  let received = '';
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', async (chunk) => {
      const text = chunk.toString('latin1');
      received += text;
      const requests = text.match(/\*\d\r\n\$\d\r\n(SELECT|RESTORE|DEL)/g) ?? [];
      if (requests.some((request) => request.endsWith('RESTORE'))) await onRestore();
      socket.write('+OK\r\n'.repeat(requests.length));
    });
  }).listen(0, LOCAL);
  await new Promise((resolve) => server.on('listening', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { port, received: () => received, close: () => server.close() };
}

t.test('between two servers of ours', async (t) => {
  const source = await startServer(['--save', '', '--io-threads', '2']);
  t.teardown(() => source.stop());
  const target = await startServer(['--save', '']);
  t.teardown(() => target.stop());
  const from = await source.raw();
  const to = await target.raw();
  t.teardown(() => {
    from.close();
    to.close();
  });

  t.test('a key goes over with its expiry', async (t) => {
    await from.request('SET', 'k', 'v', 'PX', 100_000);
    t.equal(await from.request('MIGRATE', LOCAL, target.port, 'k', 0, 5000), 'OK');
    t.equal(await from.request('EXISTS', 'k'), 0);
    t.equal(await to.request('GET', 'k'), 'v');
    const ttl = Number(await to.request('PTTL', 'k'));
    t.ok(ttl > 50_000 && ttl <= 100_000, `${ttl} ms`);
    t.equal(await from.request('MIGRATE', LOCAL, target.port, 'k', 0, 5000), 'NOKEY');
  });

  t.test('COPY leaves it, REPLACE overwrites, and without it the target refuses', async (t) => {
    await from.request('SET', 'k', 'new');
    t.equal(
      await from.refusal('MIGRATE', LOCAL, target.port, 'k', 0, 5000),
      'ERR Target instance replied with error: BUSYKEY Target key name already exists.',
    );
    t.equal(await from.request('GET', 'k'), 'new', 'what is refused stays');
    t.equal(
      await from.request('MIGRATE', LOCAL, target.port, 'k', 0, 5000, 'COPY', 'REPLACE'),
      'OK',
    );
    t.equal(await from.request('GET', 'k'), 'new');
    t.equal(await to.request('GET', 'k'), 'new');
  });

  t.test('several keys, to another database; those that exist', async (t) => {
    await from.request('MSET', 'a', 1, 'b', 2, 'c', 3);
    await to.request('SELECT', 5);
    await to.request('SET', 'b', 'there');
    t.match(
      await from.refusal('MIGRATE', LOCAL, target.port, '', 5, 5000, 'KEYS', 'a', 'none', 'b', 'c'),
      /BUSYKEY/,
    );
    t.strictSame(await from.request('MGET', 'a', 'b', 'c'), [null, '2', null]);
    t.strictSame(await to.request('MGET', 'a', 'b', 'c'), ['1', 'there', '3']);
    await to.request('SELECT', 0);
    t.equal(
      await from.request('MIGRATE', LOCAL, target.port, '', 5, 5000, 'KEYS', 'none', 'nor this'),
      'NOKEY',
    );
  });

  t.test('tensors, models and large values', async (t) => {
    const blob = Buffer.alloc(9_000_000, 'tensor');
    await from.request('AI.TENSORSET', 'large', 'UINT8', blob.length, 'BLOB', blob);
    const list = Array.from({ length: 20_000 }, (_, i) => `element ${i}`);
    await from.request('RPUSH', 'list', ...list);
    t.equal(
      await from.request('MIGRATE', LOCAL, target.port, '', 0, 5000, 'KEYS', 'large', 'list'),
      'OK',
    );
    to.send('AI.TENSORGET', 'large', 'BLOB');
    t.strictSame(await to.binaryReply(), blob);
    t.strictSame(await to.request('LRANGE', 'list', 0, -1), list);
  });

  t.test('with passwords', async (t) => {
    await to.request('CONFIG', 'SET', 'requirepass', 'secret');
    await from.request('SET', 'p', 1);
    // Connections to the address that were kept have come in before there was a password.
    const words = ['MIGRATE', 'localhost', target.port, 'p', 0, 5000];
    t.match(await from.refusal(...words), /^ERR Target instance replied with error: NOAUTH/);
    t.match(await from.refusal(...words, 'AUTH', 'wrong'), /replied with error: WRONGPASS/);
    t.equal(await from.request(...words, 'COPY', 'AUTH', 'secret'), 'OK');
    t.equal(await from.request(...words, 'REPLACE', 'AUTH2', 'default', 'secret'), 'OK');
    await to.request('CONFIG', 'SET', 'requirepass', '');
  });

  t.test('a connection is kept for the next one', async (t) => {
    const move = async () => {
      await from.request('SET', 'kept', 1);
      t.equal(await from.request('MIGRATE', LOCAL, target.port, 'kept', 0, 5000, 'REPLACE'), 'OK');
    };
    const fact = async (asked: Connection, section: string, name: string) =>
      Number(new RegExp(`${name}:(\\d+)`).exec(String(await asked.request('INFO', section)))?.[1]);
    await move();
    const before = await fact(to, 'stats', 'total_connections_received');
    for (let i = 0; i < 3; i++) await move();
    t.equal(await fact(to, 'stats', 'total_connections_received'), before);
    t.ok((await fact(from, 'stats', 'migrate_cached_sockets')) > 0);
    t.ok(Number(await to.request('CLIENT', 'KILL', 'TYPE', 'normal')) > 0);
    await move();
    t.equal(await fact(to, 'stats', 'total_connections_received'), before + 1, 'one that is lost');
    const began = Date.now();
    while ((await fact(from, 'stats', 'migrate_cached_sockets')) > 0)
      await new Promise((resolve) => setTimeout(resolve, 100));
    t.ok(Date.now() - began > 8_000, 'for ten seconds');
  });

  t.test('a key that changes while it is sent is sent again', async (t) => {
    const other = await source.raw();
    let restores = 0;
    const target = await fakeTarget(async () => {
      restores++;
      if (restores === 1) await other.request('SET', 'hot', 'second value');
    });
    await from.request('SET', 'hot', 'first value');
    t.equal(await from.request('MIGRATE', LOCAL, target.port, 'hot', 0, 60_000), 'OK');
    t.equal(await from.request('EXISTS', 'hot'), 0);
    t.match(target.received(), /first value.*RESTORE.*second value.*REPLACE/s);

    restores = 0;
    await from.request('SET', 'gone', 'soon');
    const deleted = await fakeTarget(async () => {
      await other.request('SET', 'gone', 'changed');
      await other.request('DEL', 'gone');
    });
    t.equal(await from.request('MIGRATE', LOCAL, deleted.port, 'gone', 0, 60_000), 'OK');
    t.match(
      deleted.received(),
      /RESTORE.*DEL\r\n\$4\r\ngone/s,
      'what is deleted here is there too',
    );
    for (const each of [target, deleted]) each.close();
    other.close();
  });

  t.test('a key that always changes is given up', async (t) => {
    const other = await source.raw();
    let restores = 0;
    const target = await fakeTarget(async () => {
      restores++;
      await other.request('INCR', 'hot');
    });
    await from.request('SET', 'hot', 0);
    t.match(
      await from.refusal('MIGRATE', LOCAL, target.port, 'hot', 0, 60_000),
      /^ERR a key changes too often to be migrated/,
    );
    t.equal(restores, 100);
    t.equal(await from.request('GET', 'hot'), '100', 'it is still here');
    target.close();
    other.close();
  });

  t.test('refusals', async (t) => {
    await from.request('SET', 'k', 'v');
    for (const [words, complaint] of [
      [['MIGRATE', LOCAL, target.port, 'k', 0], /wrong number of arguments/],
      [['MIGRATE', LOCAL, target.port, 'k', 'x', 1], /not an integer/],
      [['MIGRATE', LOCAL, target.port, 'k', 0, 'x'], /not an integer/],
      [['MIGRATE', LOCAL, target.port, 'k', 0, 1, 'WHAT'], /syntax error/],
      [['MIGRATE', LOCAL, target.port, 'k', 0, 1, 'AUTH'], /syntax error/],
      [['MIGRATE', LOCAL, target.port, 'k', 0, 1, 'AUTH2', 'u'], /syntax error/],
      [['MIGRATE', LOCAL, target.port, 'k', 0, 1, 'KEYS', 'k'], /must be set to the empty string/],
      [['MIGRATE', LOCAL, target.port, 'k', 99, 1000], /replied with error: ERR DB index/],
      [['MIGRATE', LOCAL, 1, 'k', 0, 1000], /^IOERR error or timeout writing to target instance/],
      [['MIGRATE', 'no such host.', 1, 'k', 0, 1000], /^IOERR error or timeout connecting/],
    ] as const) {
      t.match(await from.refusal(...words), complaint, words.join(' '));
    }
    await from.request('MULTI');
    await from.request('MIGRATE', LOCAL, target.port, 'k', 0, 1000);
    t.match(String(await from.request('EXEC')), /not allowed inside a transaction/);
    t.equal(await from.request('GET', 'k'), 'v', 'it is still there');
    t.strictSame(
      await from.request(
        'COMMAND',
        'GETKEYS',
        'MIGRATE',
        'h',
        1,
        '',
        0,
        1,
        'AUTH',
        'KEYS',
        'KEYS',
        'x',
        'y',
      ),
      ['x', 'y'],
    );
  });

  t.test('a target that does not answer is waited for no longer than the timeout', async (t) => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
    }).listen(0, LOCAL);
    await new Promise((resolve) => silent.on('listening', resolve));
    const address = silent.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const startedMs = Date.now();
    t.equal(
      await from.refusal('MIGRATE', LOCAL, port, 'k', 0, 300),
      'IOERR error or timeout reading to target instance',
    );
    t.ok(Date.now() - startedMs < 10_000);
    t.equal(await from.request('GET', 'k'), 'v');
    // Others are served meanwhile.
    from.send('MIGRATE', LOCAL, port, 'k', 0, 2000);
    const other = await source.raw();
    const askedMs = Date.now();
    t.equal(await other.request('GET', 'k'), 'v');
    t.ok(Date.now() - askedMs < 1500);
    t.match(String(await from.reply()), /IOERR/);
    other.close();
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});

t.test('with redis-server', { skip: missingPrograms('redis-server') }, async (t) => {
  const server = await startServer(['--save', '']);
  t.teardown(() => server.stop());
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const ours = await server.raw();
  const theirs = await Connection.open(redis.port);
  const keys: string[] = [];
  for (const [i, { commands }] of values.entries()) {
    keys.push(`k${i}`);
    for (const command of commands)
      await ours.request(...command.map((word) => (word === 'k' ? `k${i}` : word)));
  }
  const before: Value[] = [];
  for (const key of keys) before.push(await readKey(ours, key));
  t.equal(await ours.request('MIGRATE', LOCAL, redis.port, '', 0, 5000, 'KEYS', ...keys), 'OK');
  t.equal(await ours.request('DBSIZE'), 0);
  for (const [i, key] of keys.entries()) t.strictSame(await readKey(theirs, key), before[i]);
  t.equal(await theirs.request('MIGRATE', LOCAL, server.port, '', 0, 5000, 'KEYS', ...keys), 'OK');
  t.equal(await theirs.request('DBSIZE'), 0);
  for (const [i, key] of keys.entries()) t.strictSame(await readKey(ours, key), before[i]);
  ours.close();
  theirs.close();
});
