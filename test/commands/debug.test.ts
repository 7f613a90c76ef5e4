// DEBUG: who may use it, and digests that are those of redis-server.

import t, { type Test } from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { pingDuring } from '../helpers/pings.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { Connection, startServer, type Value } from '../helpers/server.ts';
import { request } from '../oracle/replies.ts';
import { expectReplies } from './expect.ts';

const refusal =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.';

t.test('DEBUG is refused unless it is allowed', async (t) => {
  const server = await startServer(['--save', '']);
  t.teardown(() => server.stop());
  const client = await server.raw();
  t.equal(await client.refusal('DEBUG', 'SLEEP', 0), refusal);
  t.match(
    await client.refusal('CONFIG', 'SET', 'enable-debug-command', 'yes'),
    /can't set immutable config/,
  );
  client.close();
});

t.test('DEBUG of clients on this machine', async (t) => {
  const folder = t.testdir({});
  const server = await startServer([
    ...['--enable-debug-command', 'local', '--save', ''],
    ...['--unixsocket', `${folder}/s.sock`],
  ]);
  t.teardown(() => server.stop());
  for (const over of ['tcp', 'unix'] as const) {
    const client = await server.raw(over);
    t.equal(await client.request('DEBUG', 'SLEEP', '0'), 'OK', over);
    client.close();
  }
});

t.test('protected settings of clients on this machine', async (t) => {
  for (const [allowed, answer] of [
    [
      'no',
      "ERR CONFIG SET failed (possibly related to argument 'dbfilename') - can't set protected config",
    ],
    ['local', 'no error: OK'],
    ['yes', 'no error: OK'],
  ] as const) {
    const server = await startServer(['--enable-protected-configs', allowed, '--save', '']);
    t.teardown(() => server.stop());
    const client = await server.raw();
    t.equal(await client.refusal('CONFIG', 'SET', 'dbfilename', 'other.rdb'), answer, allowed);
    client.close();
  }
});

t.test('DEBUG', async (t) => {
  const server = await startServer(['--enable-debug-command', 'yes', '--save', '']);
  t.teardown(() => server.stop());
  const client = await server.raw();
  t.teardown(() => client.close());
  const wrong = (word: string) =>
    `-ERR unknown subcommand or wrong number of arguments for '${word}'. Try DEBUG HELP.`;

  t.test('counts the time that SLEEP takes as that of a command', async (t) => {
    await client.request('CONFIG', 'RESETSTAT');
    await client.request('CONFIG', 'SET', 'latency-monitor-threshold', 10);
    await client.request('SLOWLOG', 'RESET');
    await client.request('DEBUG', 'SLEEP', '0.05');
    const statistics = String(await client.request('INFO', 'commandstats'));
    const usec = /cmdstat_debug:calls=1,usec=(\d+)/.exec(statistics)?.[1];
    t.ok(Number(usec) >= 50_000, `${usec}`);
    const [entry] = (await client.request('SLOWLOG', 'GET')) as unknown[][];
    t.strictSame(entry?.[3], ['DEBUG', 'SLEEP', '0.05']);
    t.ok(Number(entry?.[2]) >= 50_000);
    const [latest] = (await client.request('LATENCY', 'LATEST')) as unknown[][];
    t.equal(latest?.[0], 'command');
    await client.request('CONFIG', 'SET', 'slowlog-log-slower-than', -1);
    await client.request('CONFIG', 'SET', 'latency-monitor-threshold', 0);
    await client.request('DEBUG', 'SLEEP', '0.05');
    const again = String(await client.request('INFO', 'commandstats'));
    t.ok(Number(/cmdstat_debug:calls=2,usec=(\d+)/.exec(again)?.[1]) >= 100_000, 'unwatched too');
    await client.request('CONFIG', 'SET', 'slowlog-log-slower-than', 10_000);
  });

  t.test('answers of words', async (t) => {
    await expectReplies(t, client, [
      ['SET k v', 'OK'],
      ['DEBUG OBJECT nosuch', '-ERR no such key'],
      [
        'DEBUG OBJECT k',
        /^Value at:0x[0-9a-f]+ refcount:1 encoding:embstr serializedlength:2 lru:\d+ lru_seconds_idle:0$/,
      ],
      ['DEBUG NOSUCH', wrong('NOSUCH')],
      ['DEBUG SLEEP', wrong('SLEEP')],
      ['DEBUG SLEEP 1 2', wrong('SLEEP')],
      ['DEBUG ERROR "MINE is this"', '-MINE is this'],
      ['DEBUG LOG hello', 'OK'],
      ['DEBUG DIGEST-VALUE nosuch', ['0'.repeat(40)]],
    ]);
    t.match(server.log(), /DEBUG LOG: hello/);
    const help = (await client.request('DEBUG', 'HELP')) as string[];
    t.ok(help.includes('SLEEP <seconds>'));
  });

  t.test('RELOAD brings back what was saved', async (t) => {
    await expectReplies(t, client, [
      ['FLUSHALL', 'OK'],
      ['SET k v EX 100', 'OK'],
      ['AI.TENSORSET tensor FLOAT 2 VALUES 1 2', 'OK'],
      ['DEBUG RELOAD', 'OK'],
      ['SET later v', 'OK'],
      ['DEBUG RELOAD NOSAVE', 'OK'],
      ['DBSIZE', 2],
      ['TTL k', 100],
      ['AI.TENSORGET tensor VALUES', ['1', '2']],
      [
        'DEBUG RELOAD LATER',
        '-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.',
      ],
      ['SET mine 1', 'OK'],
      ['SET k changed', 'OK'],
      ['DEBUG RELOAD NOSAVE NOFLUSH MERGE', 'OK'],
      ['MGET mine k', ['1', 'v']],
      ['DEL mine', 1],
      ['MULTI', 'OK'],
      ['DEBUG RELOAD', 'QUEUED'],
    ]);
    const [refusal] = (await client.request('EXEC')) as unknown[];
    t.match(String(refusal), /DEBUG RELOAD inside MULTI is not supported/);
  });

  t.test('RELOAD while other threads write loses nothing that was acknowledged', async (t) => {
    const many = await startServer([
      ...['--enable-debug-command', 'yes', '--save', '', '--io-threads', '2'],
      ...['--appendonly', 'yes', '--appendfsync', 'always'],
    ]);
    t.teardown(() => many.stop());
    let isOver = false;
    const writers = Array.from({ length: 4 }, async (_, id) => {
      const writer = await many.raw();
      let acknowledged = 0;
      while (!isOver) {
        const refusal = await writer.refusal('INCR', `n${id}`);
        if (refusal.startsWith('no error')) acknowledged++;
        else if (!refusal.startsWith('LOADING ')) throw new Error(refusal);
      }
      writer.close();
      return acknowledged;
    });
    const asker = await many.raw();
    for (let i = 0; i < 6; i++) {
      const words = i % 2 === 0 ? ['RELOAD'] : ['LOADAOF'];
      t.equal(await asker.request('DEBUG', ...words), 'OK');
    }
    isOver = true;
    const acknowledged = await Promise.all(writers);
    for (const [id, count] of acknowledged.entries())
      t.equal(Number(await asker.request('GET', `n${id}`)), count);
    t.ok(acknowledged.some((count) => count > 0));
    t.equal(await asker.request('DEBUG', 'LOADAOF'), 'OK');
    for (const [id, count] of acknowledged.entries())
      t.equal(Number(await asker.request('GET', `n${id}`)), count, 'and the file has it all');
    asker.close();
  });

  t.test('what is not there is not loaded', async (t) => {
    const none = await startServer(['--enable-debug-command', 'yes', '--save', '']);
    t.teardown(() => none.stop());
    await none.request('SET', 'k', 'v');
    await t.rejects(none.request('DEBUG', 'LOADAOF'), /nothing to be loaded/);
    await t.rejects(none.request('DEBUG', 'RELOAD', 'NOSAVE'), /nothing to be loaded: no dump.rdb/);
    t.equal(await none.request('GET', 'k'), 'v');
    await none.request('CONFIG', 'SET', 'appendonly', 'yes');
    const deadlineMs = Date.now() + 10_000;
    for (;;) {
      const refusal = await (await none.raw()).refusal('DEBUG', 'LOADAOF');
      if (refusal.startsWith('no error')) break;
      t.match(refusal, /nothing to be loaded/, 'the first base is still being written');
      if (Date.now() > deadlineMs) throw new Error('there is never a base');
    }
    t.equal(await none.request('GET', 'k'), 'v');
    await none.request('SET', 'k', 'w');
    t.equal(await none.request('DEBUG', 'LOADAOF'), 'OK');
    t.equal(await none.request('GET', 'k'), 'w');
    t.equal(await none.request('CONFIG', 'SET', 'rdb-key-save-delay', 20_000), 'OK');
    t.equal(await none.request('DEBUG', 'POPULATE', 100), 'OK');
    await none.request('BGREWRITEAOF');
    t.equal(await none.request('DEBUG', 'LOADAOF'), 'OK', 'a rewrite that goes on is ended');
    t.equal(await none.request('DBSIZE'), 101);
  });

  t.test('PANIC and SEGFAULT end the server', async (t) => {
    for (const [word, signal] of [
      ['SEGFAULT', 'SIGSEGV'],
      ['PANIC', 'SIGABRT'],
    ] as const) {
      const ended = await startServer(['--enable-debug-command', 'yes', '--save', '']);
      await t.rejects(ended.request('DEBUG', word));
      t.equal((await ended.ended).signal, signal);
    }
  });

  t.test('SLEEP holds up its own connection alone', async (t) => {
    const sleeper = await server.raw();
    const begunMs = Date.now();
    sleeper.send('DEBUG', 'SLEEP', '0.5');
    sleeper.send('PING');
    t.equal(await client.request('PING'), 'PONG');
    t.ok(Date.now() - begunMs < 400, 'others go on');
    t.equal(await sleeper.reply(), 'OK');
    t.ok(Date.now() - begunMs >= 495);
    t.equal(await sleeper.reply(), 'PONG');
    await sleeper.request('MULTI');
    await sleeper.request('DEBUG', 'SLEEP', 1);
    const [reply] = (await sleeper.request('EXEC')) as Error[];
    t.match(reply, /DEBUG SLEEP inside MULTI is not supported by this server/);
    sleeper.close();
  });

  t.test('SET-ACTIVE-EXPIRE leaves what has expired where it is', async (t) => {
    await client.request('FLUSHALL');
    await client.request('DEBUG', 'SET-ACTIVE-EXPIRE', 0);
    await client.request('PSETEX', 'gone', 1, 'v');
    await new Promise((resolve) => setTimeout(resolve, 400));
    t.equal(await client.request('DBSIZE'), 1);
    t.equal(await client.request('EXISTS', 'gone'), 0);
    await client.request('DEBUG', 'SET-ACTIVE-EXPIRE', 1);
    const deadlineMs = Date.now() + 10_000;
    while ((await client.request('DBSIZE')) !== 0 && Date.now() < deadlineMs);
    t.equal(await client.request('DBSIZE'), 0);
  });

  t.test('what looks at all keys may stand in a transaction', async (t) => {
    await client.request('SET', 'k', 'v');
    await client.request('MULTI');
    for (const words of ['INCR n', 'DEBUG DIGEST', 'MEMORY STATS', 'INFO everything ai_models'])
      await client.request(...words.split(' '));
    const replies = (await client.request('EXEC')) as unknown[];
    t.equal(replies.length, 4);
    t.match(replies[1], /^[0-9a-f]{40}$/);
  });

  t.test('digests tell tensors apart', async (t) => {
    await client.request('AI.TENSORSET', 'a', 'INT8', 2, 'VALUES', 1, 2);
    await client.request('AI.TENSORSET', 'b', 'INT8', 2, 'VALUES', 1, 2);
    await client.request('AI.TENSORSET', 'c', 'INT8', 1, 2, 'VALUES', 1, 2);
    const [a, b, c] = (await client.request('DEBUG', 'DIGEST-VALUE', 'a', 'b', 'c')) as string[];
    t.equal(a, b);
    t.not(a, c);
  });
});

const data = [
  'SET string value',
  'SET number 123',
  'SET empty ""',
  'APPEND grown abc',
  'RPUSH list a b c a',
  'SADD set x y z',
  'SADD integers 3 1 2',
  'HSET hash a 1 b 2',
  'ZADD zset 1.5 a -inf b 3 c 0.1 d 1e300 e',
  'XADD stream 1-1 a b c d',
  'XADD stream 2-7 e f',
  'SET expiring v',
  'EXPIRE expiring 100000',
  'SELECT 3',
  'SET other v',
  'RPUSH many 1 2 3',
  'SELECT 0',
];

/** Debian's server and ours, which take DEBUG. */
async function startBoth(t: Test) {
  const redis = await startRedis(['--enable-debug-command', 'yes']);
  t.teardown(() => redis.stop());
  const server = await startServer(['--enable-debug-command', 'yes', '--save', '']);
  t.teardown(() => server.stop());
  return { redis, server };
}

t.test(
  'digests are those of redis-server',
  { skip: missingPrograms('redis-server') },
  async (t) => {
    const { redis, server } = await startBoth(t);
    const both = [await Connection.open(redis.port), await server.raw()] as const;
    const large = Array.from({ length: 2000 }, (_, i) => [`member:${i}`, `${i}`]);
    const digests: unknown[] = [];
    for (const client of both) {
      for (const line of data)
        await client.request(...line.split(' ').map((word) => word.replace('""', '')));
      await client.request('HSET', 'big hash', ...large.flat());
      await client.request('SADD', 'big set', ...large.map(([member = '']) => member));
      await client.request(
        'ZADD',
        'big zset',
        ...large.flatMap(([member = '', n = '']) => [n, member]),
      );
      const names = (await client.request('KEYS', '*')) as string[];
      const values = await client.request('DEBUG', 'DIGEST-VALUE', ...names.sort(), 'nosuch');
      digests.push([names, values, await client.request('DEBUG', 'DIGEST')]);
    }
    t.strictSame(digests[1], digests[0]);
    for (const client of both) client.close();
  },
);

/** Words, and what RESP2 and RESP3 clients are answered, of both servers. */
const sameAnswers = [
  ...'string integer double bignum null array set map attrib push verbatim true false none'
    .split(' ')
    .map((type) => `DEBUG PROTOCOL ${type}`),
  'DEBUG POPULATE 3',
  'MGET key:0 key:2 key:3',
  'DEBUG POPULATE 2 a 3',
  'DEBUG POPULATE 4 a 12',
  'GET a:1',
  'GET a:3',
  'DEBUG POPULATE -1',
  'DEBUG POPULATE 1 b -1',
  'DEBUG POPULATE x',
  'DEBUG POPULATE',
  'DEBUG POPULATE 1 b 2 3',
  'DEBUG QUICKLIST-PACKED-THRESHOLD 200b',
  'DEBUG SET-DISABLE-DENY-SCRIPTS 1',
  'DEBUG RELOAD SAVE',
  'DBSIZE',
];

t.test(
  'types of RESP and keys for tests are those of redis-server',
  { skip: missingPrograms('redis-server') },
  async (t) => {
    const { redis, server } = await startBoth(t);
    const hello = request('HELLO', '3');
    for (const prefix of [[], [hello]]) {
      const answers: string[][] = [];
      for (const { port } of [redis, server]) {
        const client = await RawClient.connect(port);
        const flush = [...prefix, request('FLUSHALL')];
        client.send(Buffer.concat(flush));
        for (const _ of flush) await client.reply();
        const replies: string[] = [];
        for (const line of sameAnswers) {
          client.send(request(...line.split(' ')));
          let reply = await client.reply();
          // A push comes by itself, in front of the reply.
          if (reply.startsWith('>')) reply += await client.reply();
          replies.push(`${line}: ${reply}`);
        }
        client.close();
        answers.push(replies);
      }
      t.strictSame(answers[1], answers[0]);
    }
  },
);

t.test('what takes long of a large value holds up nobody else', async (t) => {
  const server = await startServer(['--enable-debug-command', 'yes', '--io-threads', '1']);
  t.teardown(() => server.stop());
  const client = await server.raw();
  t.teardown(() => client.close());
  const elementCount = 32 * 1024 * 1024;
  await client.request('AI.TENSORSET', 'zeros', 'FLOAT', elementCount);
  await client.request('SET', 'small', 'text');
  for (const words of [
    ['DIGEST-VALUE', 'zeros', 'small', 'absent'],
    ['DIGEST'],
    ['OBJECT', 'zeros'],
  ]) {
    let reply: Value = null;
    const { count, longestMs, totalMs } = await pingDuring(server, async () => {
      reply = await client.request('DEBUG', ...words);
    });
    t.ok(count > 5, `${count} PINGs within ${totalMs} ms`);
    t.ok(longestMs < 0.8 * totalMs, `the longest took ${longestMs} of ${totalMs} ms`);
    // Within EXEC it is done at once.
    client.send('MULTI');
    client.send('DEBUG', ...words);
    client.send('EXEC');
    t.strictSame([await client.reply(), await client.reply()], ['OK', 'QUEUED']);
    const executed = (await client.reply()) as Value[];
    const isSame = (value: Value) => String(value).replace(/ lru.*/, '');
    t.equal(isSame(executed[0] ?? null), isSame(reply), words[0] as string);
  }
  t.equal(await client.refusal('DEBUG', 'OBJECT', 'absent'), 'ERR no such key');
  t.equal(await client.request('PING'), 'PONG');
});
