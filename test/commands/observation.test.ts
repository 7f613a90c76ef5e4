// SLOWLOG, LATENCY, MEMORY and FUNCTION, as clients see them.

import t from 'tap';
import { MiB } from '../../lib/core/units.ts';
import { runtimeFolder } from '../../lib/runtimes/locate.ts';
import { versionedModel } from '../helpers/onnx.ts';
import { type Connection, startServer, type Value } from '../helpers/server.ts';
import { expectReplies, type Row } from './expect.ts';

type Entry = [id: number, at: number, us: number, words: string[], address: string, name: string];

const entries = async (client: Connection, ...words: (string | number)[]) =>
  (await client.request('SLOWLOG', 'GET', ...words)) as unknown as Entry[];

t.test('SLOWLOG', async (t) => {
  const server = await startServer(['--save', '', '--io-threads', '2']);
  t.teardown(() => server.stop());
  const client = await server.raw();
  t.teardown(() => client.close());
  const watch = (us: number) => client.request('CONFIG', 'SET', 'slowlog-log-slower-than', us);

  t.test('takes every command when told to, and tells who sent it', async (t) => {
    await client.request('CLIENT', 'SETNAME', 'me');
    await watch(0);
    await client.request('SLOWLOG', 'RESET');
    await client.request('SET', 'k', 'v');
    await client.request('GET', 'k');
    await watch(-1);
    const log = await entries(client);
    const words = log.map(([, , , command]) => command.join(' '));
    t.strictSame(words, ['GET k', 'SET k v', 'SLOWLOG RESET']);
    const [id, at, us, , address, name] = log[0] as Entry;
    t.equal((log[1] as Entry)[0], id - 1);
    t.ok(Math.abs(at - Date.now() / 1000) < 10);
    t.ok(us >= 0 && us < 1e6);
    t.match(address, /^127\.0\.0\.1:\d+$/);
    t.equal(name, 'me');
  });

  t.test('of all threads, and no longer than it is told to be', async (t) => {
    await watch(0);
    await client.request('CONFIG', 'SET', 'slowlog-max-len', 10);
    const others = await Promise.all([server.raw(), server.raw(), server.raw()]);
    for (const other of others) {
      for (let i = 0; i < 4; i++) await other.request('PING');
    }
    await watch(-1);
    t.equal(await client.request('SLOWLOG', 'LEN'), 10);
    t.equal((await entries(client)).length, 10);
    t.equal((await entries(client, 3)).length, 3);
    t.equal((await entries(client, -1)).length, 10);
    const addresses = new Set((await entries(client)).map(([, , , , address]) => address));
    t.ok(addresses.size >= 3);
    await client.request('CONFIG', 'SET', 'slowlog-max-len', 2);
    t.equal(await client.request('SLOWLOG', 'LEN'), 2);
    await client.request('CONFIG', 'SET', 'slowlog-max-len', 128);
    for (const other of others) other.close();
  });

  t.test('cuts long commands as redis-server does', async (t) => {
    await client.request('SLOWLOG', 'RESET');
    await watch(0);
    await client.request('RPUSH', 'l', ...Array.from({ length: 40 }, (_, i) => String(i)));
    await client.request('SET', 'long', 'x'.repeat(200));
    await client.request('SET', 'large', Buffer.alloc(MiB, 'y'));
    await watch(-1);
    const [large, long, many] = (await entries(client)).map(([, , , words]) => words);
    t.equal(many?.length, 32);
    t.strictSame(many?.slice(-2), ['28', '... (11 more arguments)']);
    t.equal(long?.[2], `${'x'.repeat(128)}... (72 more bytes)`);
    t.equal(large?.[2], `${'y'.repeat(128)}... (${MiB - 128} more bytes)`);
  });

  t.test('shows no passwords, and EXEC by its commands', async (t) => {
    await client.request('SLOWLOG', 'RESET');
    await watch(0);
    await client.refusal('AUTH', 'default', 'secret');
    await client.request('CONFIG', 'SET', 'masterauth', 'secret');
    await client.request('MIGRATE', 'h', 1, 'no', 0, 1, 'COPY', 'AUTH', 'secret');
    await client.request('MIGRATE', 'h', 1, '', 0, 1, 'AUTH2', 'me', 'secret', 'KEYS', 'AUTH');
    await client.request('MULTI');
    await client.request('INCR', 'n');
    await client.request('EXEC');
    await watch(-1);
    const words = (await entries(client)).map(([, , , command]) => command.join(' '));
    t.strictSame(words, [
      'INCR n',
      'MULTI',
      'MIGRATE h 1  0 1 AUTH2 (redacted) (redacted) KEYS AUTH',
      'MIGRATE h 1 no 0 1 COPY AUTH (redacted)',
      'CONFIG SET masterauth (redacted)',
      'AUTH (redacted) (redacted)',
    ]);
  });

  t.test('takes what is slow, and nothing else', async (t) => {
    await client.request('SLOWLOG', 'RESET');
    const elements = Array.from({ length: 200_000 }, (_, i) => i);
    for (let i = 0; i < elements.length; i += 10_000)
      await client.request('RPUSH', 'big', ...elements.slice(i, i + 10_000));
    await watch(5000);
    await client.request('SLOWLOG', 'RESET');
    for (let i = 0; i < 100; i++) await client.request('LRANGE', 'big', 0, 5);
    await client.request('SORT', 'big', 'BY', 'nosort', 'DESC', 'STORE', 'other');
    await client.request('SORT', 'big', 'DESC', 'STORE', 'other');
    await watch(-1);
    const words = (await entries(client)).map(([, , , command]) => command[0]);
    t.ok(words.includes('SORT'));
    t.ok(words.filter((word) => word === 'LRANGE').length < 5);
  });

  t.test('a run counts with all its time', { skip: noRuntime('onnx') }, async (t) => {
    await client.request('AI.MODELSTORE', 'm', 'ONNX', 'CPU', 'BLOB', versionedModel(1));
    await client.request('AI.TENSORSET', 'x', 'FLOAT', 1, 'VALUES', 1);
    await watch(0);
    await client.request('SLOWLOG', 'RESET');
    const run = ['AI.MODELEXECUTE', 'm', 'INPUTS', '1', 'x', 'OUTPUTS', '2', 'y', 'z'];
    t.equal(await client.request(...run), 'OK');
    await watch(-1);
    const logged = (await entries(client)).filter(([, , , words]) => words[0] === run[0]);
    t.equal(logged.length, 1);
    t.strictSame(logged[0]?.[3], run);
    t.ok((logged[0]?.[2] ?? 0) > 10, 'it includes the way to the run thread and back');
  });
});

const noRuntime = (name: string) =>
  runtimeFolder(name) === undefined && `the runtime ${name} is not installed`;

const words: readonly Row[] = [
  ['SLOWLOG GET x', '-ERR count should be greater than or equal to -1'],
  ['SLOWLOG GET -2', '-ERR count should be greater than or equal to -1'],
  [
    'SLOWLOG GET 1 2',
    "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.",
  ],
  ['LATENCY LATEST', []],
  ['LATENCY HISTORY nosuch', []],
  ['LATENCY RESET nosuch', 0],
  ['LATENCY GRAPH nosuch', "-ERR No samples available for event 'nosuch'"],
  ['LATENCY DOCTOR', /Latencies are not watched/],
  ['LATENCY HISTOGRAM nosuch', []],
  ['MEMORY USAGE nosuch', null],
  ['MEMORY USAGE nosuch SAMPLES', '-ERR syntax error'],
  ['MEMORY USAGE nosuch SAMPLES -1', '-ERR syntax error'],
  ['MEMORY USAGE nosuch SAMPLES x', '-ERR value is not an integer or out of range'],
  ['MEMORY USAGE nosuch FOO 1', '-ERR syntax error'],
  ['MEMORY DOCTOR', /too little to tell anything from/],
  ['MEMORY PURGE', 'OK'],
  ['MEMORY MALLOC-STATS', /<malloc /],
  ['FUNCTION LIST', []],
  ['FUNCTION LIST WITHCODE LIBRARYNAME x*', []],
  ['FUNCTION LIST LIBRARYNAME', '-ERR library name argument was not given'],
  ['FUNCTION LIST FOO', '-ERR Unknown argument FOO'],
  [
    'FUNCTION STATS',
    ['running_script', null, 'engines', ['LUA', ['libraries_count', 0, 'functions_count', 0]]],
  ],
  ['FUNCTION FLUSH', 'OK'],
  ['FUNCTION FLUSH ASYNC', 'OK'],
  ['FUNCTION FLUSH FOO', '-ERR FUNCTION FLUSH only supports SYNC|ASYNC option'],
  ['FUNCTION DELETE x', '-ERR Library not found'],
  ['FUNCTION KILL', '-NOTBUSY No scripts in execution right now.'],
  ['FUNCTION LOAD x', '-ERR FUNCTION LOAD is not supported by this server'],
  ['FUNCTION RESTORE x', '-ERR DUMP payload version or checksum are wrong'],
  [
    'FUNCTION RESTORE x FOO',
    '-ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.',
  ],
  ['EVAL "return 1" 0', /^-ERR unknown command 'EVAL'/],
  ['FCALL f 0', /^-ERR unknown command 'FCALL'/],
];

t.test('answers of words', async (t) => {
  const server = await startServer(['--save', '']);
  t.teardown(() => server.stop());
  const client = await server.raw();
  await expectReplies(t, client, words);
  client.send('FUNCTION', 'DUMP');
  const dump = (await client.binaryReply()) as Buffer;
  t.equal(dump.length, 10);
  t.equal(await client.request('FUNCTION', 'RESTORE', dump), 'OK');
  client.close();
});

const pairs = (reply: Value): Map<string, Value> => {
  const all = reply as Value[];
  return new Map(all.flatMap((name, i) => (i % 2 === 0 ? [[String(name), all[i + 1]!]] : [])));
};

t.test('LATENCY', async (t) => {
  const server = await startServer(['--save', '']);
  t.teardown(() => server.stop());
  const client = await server.raw();
  t.teardown(() => client.close());
  const elements = Array.from({ length: 300_000 }, (_, i) => i);
  for (let i = 0; i < elements.length; i += 10_000)
    await client.request('RPUSH', 'big', ...elements.slice(i, i + 10_000));
  await client.request('CONFIG', 'SET', 'latency-monitor-threshold', 2);
  await client.request('SORT', 'big', 'DESC', 'STORE', 'other');

  t.test('notes what took long', async (t) => {
    const [name, at, latest, most] = (
      (await client.request('LATENCY', 'LATEST')) as Value[]
    )[0] as [string, number, number, number];
    t.equal(name, 'command');
    t.ok(Math.abs(at - Date.now() / 1000) < 10);
    t.ok(latest >= 2 && most >= latest);
    const history = (await client.request('LATENCY', 'HISTORY', 'command')) as [number, number][];
    t.equal(history.at(-1)?.[1], latest);
    const graph = String(await client.request('LATENCY', 'GRAPH', 'command'));
    t.match(graph, /^command - high \d+ ms, low \d+ ms \(all time high \d+ ms\)\n-{80}\n/);
    t.match(await client.request('LATENCY', 'DOCTOR'), /^command: in \d+ of/);
    t.equal(await client.request('LATENCY', 'RESET', 'command', 'nosuch'), 1);
    t.strictSame(await client.request('LATENCY', 'LATEST'), []);
    t.match(await client.request('LATENCY', 'DOCTOR'), /Nothing has taken 2 ms/);
  });

  t.test('HISTOGRAM tells how long commands take', async (t) => {
    await client.request('CONFIG', 'RESETSTAT');
    for (let i = 0; i < 10; i++) await client.request('GET', 'k');
    const found = pairs(await client.request('LATENCY', 'HISTOGRAM', 'get', 'config'));
    t.strictSame([...found.keys()].sort(), ['config|resetstat', 'get']);
    const get = pairs(found.get('get')!);
    t.equal(get.get('calls'), 10);
    const steps = get.get('histogram_usec') as number[];
    t.equal(steps.at(-1), 10);
    t.ok(Math.log2(steps[0] ?? 0) % 1 === 0, 'by powers of two');
    t.ok(pairs(await client.request('LATENCY', 'HISTOGRAM')).size >= 2);
  });
});

t.test('MEMORY', async (t) => {
  const server = await startServer(['--save', '']);
  t.teardown(() => server.stop());
  const client = await server.raw();
  t.teardown(() => client.close());
  const usage = async (key: string, ...rest: (string | number)[]) =>
    Number(await client.request('MEMORY', 'USAGE', key, ...rest));

  t.test('USAGE tells what a key takes', async (t) => {
    await client.request('SET', 'small', 'x');
    const small = await usage('small');
    t.ok(small > 30 && small < 200, `${small}`);
    await client.request('SET', 'large', Buffer.alloc(8 * MiB));
    const large = await usage('large');
    t.ok(large >= 8 * MiB && large < 10 * MiB, `${large}`);
    await client.request('AI.TENSORSET', 'tensor', 'FLOAT', MiB);
    const tensor = await usage('tensor');
    t.ok(tensor >= 4 * MiB && tensor < 5 * MiB, `${tensor}`);
  });

  t.test('USAGE of containers is what the account sees', async (t) => {
    const usedBytes = async () => {
      const [, bytes] =
        /used_memory:(\d+)/.exec(String(await client.request('INFO', 'memory'))) ?? [];
      return Number(bytes);
    };
    const fill: Record<string, (i: number) => (string | number)[]> = {
      HSET: (i) => [`field:${i}`, `value:${i}`],
      RPUSH: (i) => [`element:${i}`],
      SADD: (i) => [`member:${i}`],
      ZADD: (i) => [i, `member:${i}`],
    };
    for (const [command, words] of Object.entries(fill)) {
      const before = await usedBytes();
      for (let i = 0; i < 50_000; i += 1000) {
        const all = Array.from({ length: 1000 }, (_, k) => words(i + k)).flat();
        await client.request(command, command, ...all);
      }
      const grown = (await usedBytes()) - before;
      const exact = await usage(command, 'SAMPLES', 0);
      t.ok(Math.abs(exact - grown) < 0.1 * grown, `${command}: ${exact} of ${grown}`);
      const judged = await usage(command);
      t.ok(Math.abs(judged - grown) < 0.4 * grown, `${command}: ${judged} of ${grown}`);
    }
  });

  t.test(
    'USAGE of a model is its bytes and its compiled form',
    { skip: noRuntime('onnx') },
    async (t) => {
      const words = ['ONNX', 'CPU', 'BLOB', versionedModel(1, 4_000_000)];
      await client.request('AI.MODELSTORE', 'm', ...words);
      const bytes = await usage('m');
      t.ok(bytes > 8_000_000 && bytes < 12_000_000, `${bytes}`);
    },
  );

  t.test('STATS has the figures that redis-server has', async (t) => {
    const stats = pairs(await client.request('MEMORY', 'STATS'));
    for (const name of [
      'peak.allocated',
      'total.allocated',
      'clients.normal',
      'db.0',
      'overhead.total',
      'keys.count',
      'dataset.bytes',
      'fragmentation',
    ])
      t.ok(stats.has(name), name);
    t.equal(stats.get('keys.count'), await client.request('DBSIZE'));
    t.ok(Number(pairs(stats.get('db.0')!).get('overhead.hashtable.main')) > 0);
  });

  t.test('DOCTOR tells what is remarkable', async (t) => {
    await client.request('SET', 'huge', Buffer.alloc(64 * MiB));
    await client.request('DEL', 'huge');
    t.match(
      await client.request('MEMORY', 'DOCTOR'),
      /At its peak the server used|The process has/,
    );
  });
});
