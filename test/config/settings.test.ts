import t from 'tap';
import { settingRows } from '../../lib/config/setting-rows.ts';
import { Settings } from '../../lib/config/settings.ts';
import { MiB } from '../../lib/core/units.ts';

const unknown = (name: string) =>
  `ERR Unknown option or number of arguments for CONFIG SET - '${name}'`;
const failed = (name: string, reason: string) =>
  `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`;

/** As redis-server 7.0.15 answers them, but for the names that 7.2 adds. */
const refusals: readonly (readonly [pairs: readonly string[], complaint: string])[] = [
  [['nosuch', '1'], unknown('nosuch')],
  [['maxmemory', '1', 'NoSuch', '2'], unknown('NoSuch')],
  [['ai.model_chunk_size', '5'], unknown('ai.model_chunk_size')],
  [['daemonize', 'yes'], failed('daemonize', "can't set immutable config")],
  [['dir', '/tmp'], failed('dir', "can't set protected config")],
  [['dbfilename', 'x'], failed('dbfilename', "can't set protected config")],
  [['port', '1', 'PORT', '2'], failed('PORT', 'duplicate parameter')],
  [['appendonly', 'maybe'], failed('appendonly', "argument must be 'yes' or 'no'")],
  [['hz', 'foo'], failed('hz', "argument couldn't be parsed into an integer")],
  [['maxclients', '2.9'], failed('maxclients', "argument couldn't be parsed into an integer")],
  [['maxclients', '+2'], failed('maxclients', "argument couldn't be parsed into an integer")],
  [['maxclients', '02'], failed('maxclients', "argument couldn't be parsed into an integer")],
  [
    ['maxclients', '36893488147419103232'],
    failed('maxclients', "argument couldn't be parsed into an integer"),
  ],
  [
    ['maxclients', '-3'],
    failed('maxclients', 'argument must be between 1 and 4294967295 inclusive'),
  ],
  [['maxmemory', '29GG'], failed('maxmemory', 'argument must be a memory value')],
  [['maxmemory', '3.5gb'], failed('maxmemory', 'argument must be a memory value')],
  [['maxmemory', '-1'], failed('maxmemory', 'argument must be a memory value')],
  [
    ['proto-max-bulk-len', '9.9gb'],
    failed('proto-max-bulk-len', 'argument must be a memory value'),
  ],
  [
    ['proto-max-bulk-len', '100'],
    failed(
      'proto-max-bulk-len',
      'argument must be between 1048576 and 9223372036854775807 inclusive',
    ),
  ],
  [
    ['loglevel', 'foo'],
    failed('loglevel', 'argument(s) must be one of the following: debug, verbose, notice, warning'),
  ],
  [['save', '-1'], failed('save', 'Invalid save parameters')],
  [['save', '2.4 1'], failed('save', 'Invalid save parameters')],
  [['save', '0 1'], failed('save', 'Invalid save parameters')],
  [
    ['client-output-buffer-limit', 'foo'],
    failed(
      'client-output-buffer-limit',
      'Wrong number of arguments in buffer limit configuration.',
    ),
  ],
  [
    ['client-output-buffer-limit', 'master 0 0 0'],
    failed(
      'client-output-buffer-limit',
      'Invalid client class specified in buffer limit configuration.',
    ),
  ],
  [
    ['client-output-buffer-limit', 'normal 0 x 0'],
    failed(
      'client-output-buffer-limit',
      'Error in hard, soft or soft_seconds setting in buffer limit configuration.',
    ),
  ],
  [
    ['notify-keyspace-events', 'Q!'],
    failed('notify-keyspace-events', "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
  ],
  [
    ['maxmemory-clients', '500%'],
    failed('maxmemory-clients', 'percentage argument must be less or equal to 100'),
  ],
  [['oom-score-adj-values', '1'], failed('oom-score-adj-values', 'wrong number of arguments')],
  [
    ['cluster-announce-hostname', 'a_b'],
    failed(
      'cluster-announce-hostname',
      'Hostnames may only contain alphanumeric characters, hyphens or dots',
    ),
  ],
  [
    ['latency-tracking-info-percentiles', 'a'],
    failed(
      'latency-tracking-info-percentiles',
      'Invalid latency-tracking-info-percentiles parameters',
    ),
  ],
];

function pairsOf(words: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < words.length; i += 2) pairs.push([words[i] ?? '', words[i + 1] ?? '']);
  return pairs;
}

t.test('refuses, and words it as Redis does', async (t) => {
  for (const [words, complaint] of refusals) {
    const settings = new Settings();
    t.equal(settings.check(pairsOf(words))?.line, complaint, words.join(' '));
  }
});

/** What CONFIG GET answers after CONFIG SET. */
const changes: readonly (readonly [name: string, given: string, stored: string])[] = [
  ['maxmemory', '3gb', '3221225472'],
  ['maxmemory', '1k', '1000'],
  ['maxmemory', '', '0'],
  ['maxmemory', '1KB', '1024'],
  ['maxmemory', '5b', '5'],
  ['maxmemory', '18446744073709551615', '18446744073709551615'],
  ['proto-max-bulk-len', '2147483648', '2147483648'],
  ['maxmemory-policy', 'ALLKEYS-LRU', 'allkeys-lru'],
  ['maxclients', '100', '100'],
  ['save', '900 1', '900 1'],
  ['save', '', ''],
  ['notify-keyspace-events', 'KEA', 'AKE'],
  ['notify-keyspace-events', 'g$lshzxetdK', 'AK'],
  ['notify-keyspace-events', '', ''],
  ['maxmemory-clients', '5%', '5%'],
  ['slave-read-only', 'no', 'no'],
  ['requirepass', 'a b', 'a b'],
  ['bind', '127.0.0.1 -::1', '127.0.0.1 -::1'],
  [
    'client-output-buffer-limit',
    'replica 1mb 1kb 5',
    'normal 0 0 0 slave 1048576 1024 5 pubsub 33554432 8388608 60',
  ],
];

t.test('takes values, and answers them in one form', async (t) => {
  for (const [name, given, stored] of changes) {
    const settings = new Settings();
    t.equal(settings.check([[name, given]]), undefined, `${name} ${given}`);
    settings.set([[name, given]]);
    t.equal(settings.get([name]).get(name), stored, `${name} ${given}`);
  }
});

t.test('aliases are one setting with two names', async (t) => {
  const settings = new Settings();
  settings.set([['lua-time-limit', '6000']]);
  t.strictSame(
    [...settings.get(['busy-reply-threshold', 'LUA-TIME-LIMIT'])],
    [
      ['busy-reply-threshold', '6000'],
      ['LUA-TIME-LIMIT', '6000'],
    ],
  );
});

t.test('patterns', async (t) => {
  const settings = new Settings();
  t.strictSame([...settings.get(['hz', 'HZ', 'h?'])], [['hz', '10']]);
  t.strictSame([...settings.get(['nosuch', 'nosuch*'])], []);
  t.ok(settings.get(['*']).size > 190, 'about as many as Redis 7.2 has');
  t.notOk([...settings.get(['*']).keys()].some((name) => name.startsWith('ai.')));
  t.equal(settings.get(['dir']).get('dir'), process.cwd());
});

t.test('every default is a value that the row itself takes', async (t) => {
  for (const row of settingRows) {
    // No limit, which cannot be asked for.
    if (row.name === 'ai.backend_memory_limit') continue;
    const words = row.isMultiWord ? row.default.split(' ') : [row.default];
    const before = row.name === 'save' ? undefined : row.default;
    t.equal(row.read(words, before).text, row.default, row.name);
  }
});

t.test('a thread builds the same from a snapshot', async (t) => {
  const settings = new Settings();
  settings.set([['maxmemory', '5mb']]);
  settings.setModuleArgument('threads_per_queue', '3');
  const copy = new Settings(structuredClone(settings.snapshot()));
  t.equal(copy.maxmemoryBytes, 5 * MiB);
  t.equal(copy.number('ai.threads_per_queue'), 3);
  t.ok(copy.isGiven('maxmemory'));
  t.notOk(copy.isGiven('port'));
});

t.test('limits that depend on the machine', async (t) => {
  const settings = new Settings();
  t.equal(settings.replyBacklogMaxBytes(64 * MiB), 1024 * MiB);
  t.equal(settings.poolIdleMaxBytes(64 * MiB), 8 * MiB);
  settings.set([['reply-backlog-max', '1mb']]);
  t.equal(settings.replyBacklogMaxBytes(64 * MiB), MiB);
  t.strictSame(settings.outputBufferLimit('pubsub'), {
    hardBytes: 32 * MiB,
    softBytes: 8 * MiB,
    softSeconds: 60,
  });
});
