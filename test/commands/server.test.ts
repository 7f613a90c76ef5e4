// INFO, CONFIG, COMMAND and what else is about the server.

import t from 'tap';
import { commandTable } from '../../lib/commands/table.ts';
import { startServer, type Value } from '../helpers/server.ts';
import { expectReplies, type Row } from './expect.ts';

const arity = (name: string) => `-ERR wrong number of arguments for '${name}' command`;

const config: readonly Row[] = [
  ['CONFIG GET maxmemory', ['maxmemory', '0']],
  ['CONFIG SET maxmemory 3gb lua-time-limit 6000', 'OK'],
  ['CONFIG GET maxmemory lua-time-limit', ['maxmemory', '3221225472', 'lua-time-limit', '6000']],
  [
    'CONFIG SET maxmemory 1 nosuch 2',
    "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'",
  ],
  ['CONFIG GET maxmemory', ['maxmemory', '3221225472']],
  ['CONFIG SET maxmemory 5 hz foo', /possibly related to argument 'hz'/],
  ['CONFIG GET maxmemory', ['maxmemory', '3221225472']],
  ['CONFIG SET maxmemory 0', 'OK'],
  ['CONFIG SET maxmemory 1 hz', '-ERR syntax error'],
  [
    'CONFIG SET ai.model_chunk_size 5',
    "-ERR Unknown option or number of arguments for CONFIG SET - 'ai.model_chunk_size'",
  ],
  ['CONFIG GET ai.*', []],
  ['CONFIG GET nosuch', []],
  ['CONFIG SET save "1 1"', 'OK'],
  ['CONFIG GET save', ['save', '1 1']],
  ['CONFIG SET maxmemory', arity('config|set')],
  ['CONFIG GET', arity('config|get')],
  ['CONFIG', arity('config')],
  ['CONFIG FOO', "-ERR unknown subcommand 'FOO'. Try CONFIG HELP."],
  ['CONFIG RESETSTAT', 'OK'],
  ['AI.CONFIG GET MODEL_CHUNK_SIZE', 535_822_336],
  ['AI.CONFIG MODEL_CHUNK_SIZE 1000', 'OK'],
  ['AI.CONFIG GET MODEL_CHUNK_SIZE', 1000],
  ['AI.CONFIG GET BACKENDSPATH', null],
  ['AI.CONFIG BACKENDSPATH /x', 'OK'],
  ['AI.CONFIG GET BACKENDSPATH', '/x'],
];

const introspection: readonly Row[] = [
  ['COMMAND COUNT', commandTable.size],
  ['COMMAND INFO nope', [null]],
  [
    'COMMAND INFO get',
    [
      [
        'get',
        2,
        ['readonly', 'fast'],
        1,
        1,
        1,
        ['@read', '@string', '@fast'],
        [],
        [
          [
            'flags',
            ['RO', 'access'],
            'begin_search',
            ['type', 'index', 'spec', ['index', 1]],
            'find_keys',
            ['type', 'range', 'spec', ['lastkey', 0, 'keystep', 1, 'limit', 0]],
          ],
        ],
        [],
      ],
    ],
  ],
  ['COMMAND LIST FILTERBY PATTERN HGET*', ['hget', 'hgetall']],
  ['COMMAND LIST FILTERBY MODULE nope', []],
  ['COMMAND LIST FILTERBY FOO x', '-ERR syntax error'],
  ['COMMAND LIST x', '-ERR syntax error'],
  ['COMMAND DOCS nope', []],
  [
    'COMMAND DOCS get',
    [
      'get',
      [
        ...['summary', 'Returns the string value of a key.', 'since', '1.0.0', 'group', 'string'],
        ...['complexity', 'O(1)'],
        ...[
          'arguments',
          [['name', 'key', 'type', 'key', 'display_text', 'key', 'key_spec_index', 0]],
        ],
      ],
    ],
  ],
  ['COMMAND FOO', "-ERR unknown subcommand 'FOO'. Try COMMAND HELP."],
  ['COMMAND GETKEYS', arity('command|getkeys')],
  ['COMMAND GETKEYS foo a', '-ERR Invalid command specified'],
  ['COMMAND GETKEYS set a', '-ERR Invalid number of arguments specified for command'],
  ['COMMAND GETKEYS config get a', '-ERR The command has no key arguments'],
  ['COMMAND GETKEYS set a b', ['a']],
  ['COMMAND GETKEYS del a b c', ['a', 'b', 'c']],
  ['COMMAND GETKEYS rename a b', ['a', 'b']],
  ['COMMAND GETKEYS AI.TENSORSET t FLOAT 1 VALUES 1', ['t']],
  ['COMMAND GETKEYS AI.MODELEXECUTE m INPUTS 2 a b OUTPUTS 1 c TIMEOUT 5', ['m', 'a', 'b', 'c']],
  [
    'COMMAND GETKEYS AI.MODELEXECUTE m INPUTS 3 a b OUTPUTS 1 c',
    '-ERR Invalid arguments specified for command',
  ],
  ['COMMAND GETKEYS AI.MODELEXECUTE m INPUTS x a', '-ERR Invalid arguments specified for command'],
  ['COMMAND GETKEYS AI.MODELRUN m TIMEOUT 5 INPUTS a b OUTPUTS c', ['m', 'a', 'b', 'c']],
  [
    'COMMAND GETKEYS AI.SCRIPTEXECUTE s f KEYS 1 k INPUTS 2 a b ARGS 2 x y OUTPUTS 1 o TIMEOUT 9',
    ['s', 'k', 'a', 'b', 'o'],
  ],
  ['COMMAND GETKEYS AI.SCRIPTEXECUTE s f INPUTS 1 a ARGS 1 x OUTPUTS 2 o p', ['s', 'a', 'o', 'p']],
  ['COMMAND GETKEYS AI.SCRIPTRUN s f INPUTS a $ b c OUTPUTS d', ['s', 'a', 'b', 'c', 'd']],
  ['COMMAND GETKEYS AI.CONFIG GET x', '-ERR The command has no key arguments'],
  ['TIME x', arity('time')],
  ['TIME', /^\d{10},\d{1,6}$/],
];

/** Sections of a reply: names to their fields. */
function sectionsOf(text: Value): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let fields = new Map<string, string>();
  for (const line of String(text).split('\r\n')) {
    const colon = line.indexOf(':');
    if (line.startsWith('# ')) {
      fields = new Map();
      sections.set(line.slice(2), fields);
    } else if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return sections;
}

const plainSections = [
  'Server',
  'Clients',
  'Memory',
  'Persistence',
  'Stats',
  'Replication',
  'CPU',
  'Modules',
  'Errorstats',
  'Cluster',
  'Keyspace',
];
const allSections = plainSections.toSpliced(8, 1, 'Commandstats', 'Errorstats', 'Latencystats');
const aiSections = ['ai_versions', 'ai_git', 'ai_load_time_configs', 'ai_backends_info', 'ai_cpu'];

const infoSections: readonly (readonly [words: readonly string[], names: readonly string[]])[] = [
  [[], plainSections],
  [['default'], plainSections],
  [['all'], allSections],
  [['everything'], [...allSections, ...aiSections]],
  [['modules'], ['Modules', ...aiSections]],
  [['ai'], aiSections],
  [['AI_GIT'], ['ai_git']],
  [
    ['memory', 'server'],
    ['Server', 'Memory'],
  ],
  [['nope'], []],
];

t.test('the server', async (t) => {
  const server = await startServer(['--loadmodule', '/x/redisai.so', 'THREADS_PER_QUEUE', '2']);
  t.teardown(() => server.stop());
  for (const [title, rows] of Object.entries({ config, introspection })) {
    await t.test(title, async (t) => {
      const connection = await server.raw();
      t.teardown(() => connection.close());
      await expectReplies(t, connection, rows);
    });
  }

  await t.test('INFO has its sections in order', async (t) => {
    for (const [words, names] of infoSections) {
      const sections = sectionsOf(await server.request('INFO', ...words));
      t.strictSame([...sections.keys()], names, words.join(' '));
    }
  });

  await t.test('INFO has the fields that somebody reads', async (t) => {
    await server.request('FLUSHALL');
    await server.request('SET', 'k', 'v', 'EX', '100');
    const sections = sectionsOf(await server.request('INFO', 'everything'));
    const field = (section: string, name: string) => sections.get(section)?.get(name);
    t.equal(field('Server', 'redis_version'), '7.2.4');
    t.equal(field('Server', 'tcp_port'), String(server.port));
    t.match(field('Server', 'run_id'), /^[0-9a-f]{40}$/);
    t.equal(field('Persistence', 'loading'), '0');
    t.match(field('Persistence', 'rdb_last_save_time'), /^\d+$/);
    t.ok(Number(field('Memory', 'used_memory')) > 0);
    t.ok(Number(field('Memory', 'used_memory_peak')) > 0);
    t.ok(Number(field('Memory', 'total_system_memory')) > 0);
    t.ok(Number(field('Stats', 'total_commands_processed')) > 0);
    t.equal(field('Replication', 'role'), 'master');
    t.equal(field('Cluster', 'cluster_enabled'), '0');
    t.match(field('Keyspace', 'db0'), /^keys=1,expires=1,avg_ttl=\d+$/);
    t.match(field('Modules', 'module'), /^name=ai,ver=10207,api=1,/);
    t.equal(field('ai_load_time_configs', 'ai_threads_per_queue'), '2');
    t.match(field('ai_cpu', 'ai_queue_CPU_bthread_n2_used_cpu_total'), /^\d+\.\d+$/);
    t.match(
      field('Commandstats', 'cmdstat_set'),
      /^calls=1,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=0,failed_calls=0$/,
    );
    t.match(
      field('Latencystats', 'latency_percentiles_usec_set'),
      /^p50=\d+\.\d{3},p99=\d+\.\d{3},p99\.9=\d+\.\d{3}$/,
    );
  });

  await t.test('TIME counts microseconds', async (t) => {
    const beforeMs = Date.now();
    const fractions: number[] = [];
    for (let i = 0; i < 50; i++) {
      const [seconds, microseconds] = (await server.request('TIME')) as string[];
      const ms = 1000 * Number(seconds) + Number(microseconds) / 1000;
      if (ms < beforeMs || ms >= Date.now() + 1) t.fail(`TIME is ${ms} ms, not now`);
      fractions.push(Number(microseconds) % 1000);
    }
    t.ok(new Set(fractions).size > 1, 'below the millisecond too');
  });

  await t.test('MODULE LIST tells the load arguments', async (t) => {
    const list = await server.request('MODULE', 'LIST');
    t.strictSame(list, [
      ['name', 'ai', 'ver', 10207, 'path', '/x/redisai.so', 'args', ['THREADS_PER_QUEUE', '2']],
    ]);
  });

  await t.test(
    'calls, errors and traffic are counted, and CONFIG RESETSTAT forgets them',
    async (t) => {
      const connections = await Promise.all([server.raw(), server.raw(), server.raw()]);
      t.teardown(() => {
        for (const connection of connections) connection.close();
      });
      const field = async (section: string, name: string) =>
        sectionsOf(await server.request('INFO', 'everything'))
          .get(section)
          ?.get(name);
      for (let round = 0; round < 2; round++) {
        await server.request('CONFIG', 'RESETSTAT');
        t.equal(await field('Errorstats', 'errorstat_WRONGTYPE'), undefined);
        t.equal(await field('Commandstats', 'cmdstat_get'), undefined);
        t.equal(await field('Latencystats', 'latency_percentiles_usec_get'), undefined);
        t.equal(await field('Stats', 'total_error_replies'), '0');
        t.ok(Number(await field('Stats', 'total_net_input_bytes')) < 1000);
        const before = Number(await field('Stats', 'total_commands_processed'));
        for (const connection of connections) {
          await connection.refusal('NOSUCH');
          await connection.refusal('GET');
          await connection.request('HSET', 'h', 'f', 'v');
          await connection.refusal('GET', 'h');
          for (const words of [['MULTI'], ['GET', 'k'], ['GET', 'h'], ['SET', 'k', 'v']]) {
            await connection.request(...words);
          }
          await connection.request('EXEC');
        }
        const count = connections.length;
        const after = Number(await field('Stats', 'total_commands_processed'));
        // HSET, GET, MULTI, EXEC and its three; refused ones are not carried out. The INFO itself.
        t.equal(after - before, 7 * count + 1);
        const figures = (calls: number, rejected: number, failed: number) =>
          new RegExp(`^calls=${calls},.*,rejected_calls=${rejected},failed_calls=${failed}$`);
        t.match(await field('Commandstats', 'cmdstat_get'), figures(3 * count, count, 2 * count));
        t.match(await field('Commandstats', 'cmdstat_set'), figures(count, 0, 0));
        t.match(await field('Commandstats', 'cmdstat_exec'), figures(count, 0, 0));
        t.equal(await field('Errorstats', 'errorstat_ERR'), `count=${2 * count}`);
        t.equal(await field('Errorstats', 'errorstat_WRONGTYPE'), `count=${2 * count}`);
        t.equal(await field('Stats', 'total_error_replies'), String(4 * count));
      }
      await server.request('CONFIG', 'SET', 'latency-tracking-info-percentiles', '90');
      t.match(await field('Latencystats', 'latency_percentiles_usec_get'), /^p90=[0-9.]+$/);
      await server.request('CONFIG', 'SET', 'latency-tracking', 'no');
      t.equal(await field('Latencystats', 'latency_percentiles_usec_get'), undefined);
    },
  );

  await t.test('rates are those of all threads', async (t) => {
    const connections = await Promise.all([server.raw(), server.raw(), server.raw()]);
    t.teardown(() => {
      for (const connection of connections) connection.close();
    });
    const rate = async (name: string) =>
      Number(
        sectionsOf(await server.request('INFO', 'stats'))
          .get('Stats')
          ?.get(name),
      );
    const echo = 'x'.repeat(10_000);
    // They are measured once a second.
    const endMs = Date.now() + 10_000;
    let ops = 0;
    while (ops < 30 && Date.now() < endMs) {
      for (const connection of connections) t.equal(await connection.request('ECHO', echo), echo);
      ops = await rate('instantaneous_ops_per_sec');
    }
    t.ok(ops >= 30, `${ops} a second`);
    t.ok((await rate('instantaneous_input_kbps')) > 100);
    t.ok((await rate('instantaneous_output_kbps')) > 100);
  });
});
