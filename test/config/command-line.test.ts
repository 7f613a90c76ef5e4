import t from 'tap';
import { FatalConfigError, readCommandLine } from '../../lib/config/command-line.ts';
import type { Settings } from '../../lib/config/settings.ts';
import { matchesGlob } from '../../lib/core/glob.ts';

/** Files by name; folders are those of which `dir` may be one. */
function inMemory(files: Record<string, string>, folders: readonly string[] = ['./']) {
  return {
    readFile(path: string): string {
      const text = files[path];
      if (text === undefined) throw new Error('No such file or directory');
      return text;
    },
    matchFiles: (pattern: string) =>
      Object.keys(files).filter((path) => matchesGlob(pattern, path)),
    changeFolder(path: string): void {
      if (!folders.includes(path)) throw new Error('No such file or directory');
    },
  };
}

function read(argv: readonly string[], files: Record<string, string> = {}): Settings {
  const started = readCommandLine(argv, inMemory(files));
  if (started.kind !== 'serve') throw new Error('it prints');
  return started.settings;
}

/** The command lines of SmartSim 0.8.0 and others (compat.md 3.2), and what they set. */
const shapes: readonly {
  title: string;
  argv: readonly string[];
  files?: Record<string, string>;
  wanted: Record<string, string>;
}[] = [
  {
    title: 'a shard of the Orchestrator',
    argv: [
      'redis.conf',
      '--loadmodule',
      '/x/lib/redisai.so',
      'THREADS_PER_QUEUE',
      '2',
      'INTER_OP_PARALLELISM',
      '1',
      '--port',
      '6780',
      '--bind',
      '127.0.0.1',
      '10.0.0.5',
      '--bind-source-addr',
      '127.0.0.1',
    ],
    files: { 'redis.conf': 'port 1\nio-threads 4\nsave ""\n' },
    wanted: {
      port: '6780',
      'io-threads': '4',
      save: '',
      bind: '127.0.0.1 10.0.0.5',
      'bind-source-addr': '127.0.0.1',
      'ai.threads_per_queue': '2',
      'ai.inter_op_parallelism': '1',
    },
  },
  {
    title: 'a colocated server: --bind and its addresses in one element',
    argv: [
      'redis.conf',
      '--port',
      '0',
      '--unixsocket',
      '/tmp/a.sock',
      '--unixsocketperm',
      '755',
      '--logfile',
      '/dev/null',
      '--bind 127.0.0.1 10.0.0.5',
    ],
    files: { 'redis.conf': '# nothing\n\n' },
    wanted: {
      port: '0',
      unixsocket: '/tmp/a.sock',
      unixsocketperm: '755',
      logfile: '/dev/null',
      bind: '127.0.0.1 10.0.0.5',
    },
  },
  { title: 'no arguments', argv: [], wanted: { port: '6379', save: '3600 1 300 100 60 10000' } },
  { title: 'the last setting wins', argv: ['--port', '1', '--port', '2'], wanted: { port: '2' } },
  {
    title: 'a value that looks like an option',
    argv: ['--requirepass', '--secret', '--port', '7'],
    wanted: { requirepass: '--secret', port: '7' },
  },
  {
    title: '--save without a value',
    argv: ['--save', '--port', '7'],
    wanted: { save: '', port: '7' },
  },
  { title: '--save at the end', argv: ['--port', '7', '--save'], wanted: { save: '', port: '7' } },
  {
    title: 'words of one argument are split',
    argv: ['--save', '3600 1 300 100'],
    wanted: { save: '3600 1 300 100' },
  },
  {
    title: 'lines of save add up',
    argv: ['--save', '1', '2', '--save', '3', '4'],
    wanted: { save: '1 2 3 4' },
  },
  {
    title: 'quotes and escapes in a file',
    argv: ['a.conf'],
    files: { 'a.conf': `requirepass "a\\"b\\x41\\n"\nlogfile 'it\\'s'\r\nPORT 9 \n` },
    wanted: { requirepass: 'a"bA\n', logfile: "it's", port: '9' },
  },
  {
    title: 'an included file',
    argv: ['a.conf'],
    files: { 'a.conf': 'include b.conf\nhz 20\n', 'b.conf': 'hz 1\nport 5\n' },
    wanted: { hz: '20', port: '5' },
  },
  {
    title: 'all files that a pattern matches',
    argv: ['a.conf'],
    files: { 'a.conf': 'include d/*.conf\n', 'd/1.conf': 'hz 1\nport 5', 'd/2.conf': 'hz 2' },
    wanted: { hz: '2', port: '5' },
  },
  {
    title: 'a pattern that matches nothing',
    argv: ['a.conf'],
    files: { 'a.conf': 'include d/*.conf\nhz 3' },
    wanted: { hz: '3' },
  },
  {
    title: 'arguments of a module in the file, whatever its name',
    argv: ['a.conf', '--port', '8'],
    files: { 'a.conf': 'loadmodule /x/other.so threads_per_queue 3 INTRA_OP_PARALLELISM 2' },
    wanted: { 'ai.threads_per_queue': '3', 'ai.intra_op_parallelism': '2', port: '8' },
  },
  {
    title: 'a file without a line end, standard input and options',
    argv: ['a.conf', '--hz', '7', '-'],
    files: { 'a.conf': 'port 5', '-': 'timeout 6' },
    wanted: { hz: '7', port: '5', timeout: '6' },
  },
  {
    title: 'standard input',
    argv: ['--port', '7', '-'],
    files: { '-': 'port 5\nhz 9\n' },
    wanted: { port: '7', hz: '9' },
  },
  {
    title: 'names in any case, and old ones',
    argv: ['--SLAVE-READ-ONLY', 'NO'],
    wanted: { 'replica-read-only': 'no' },
  },
];

t.test('reads the command lines in use', async (t) => {
  for (const { title, argv, files, wanted } of shapes) {
    const settings = read(argv, files);
    const found = Object.fromEntries(
      Object.keys(wanted).map((name) => [name, settings.text(name)]),
    );
    t.strictSame(found, wanted, title);
  }
});

t.test('remembers modules and the file', async (t) => {
  const settings = read(['x.conf', '--loadmodule', '/a/redisai.so', 'TORCH', '/t.so'], {
    'x.conf': '',
  });
  t.strictSame(settings.modules, [{ path: '/a/redisai.so', args: ['TORCH', '/t.so'] }]);
  t.equal(settings.configFile, `${process.cwd()}/x.conf`);
});

const refusals: readonly {
  argv: readonly string[];
  files?: Record<string, string>;
  words: RegExp;
}[] = [
  {
    argv: ['--extra-arg', '5'],
    words:
      /FATAL CONFIG FILE ERROR \(Redis 7.*\n.*at line 2\n>>> 'extra-arg "5"'\nBad directive or wrong number of arguments/,
  },
  { argv: ['--port', '1', '2'], words: /wrong number of arguments/ },
  { argv: ['--port', '99999'], words: /argument must be between 0 and 65535 inclusive/ },
  { argv: ['--daemonize', 'maybe'], words: /argument must be 'yes' or 'no'/ },
  { argv: ['--port', 'x'], words: /argument couldn't be parsed into an integer/ },
  { argv: ['--maxmemory', '1.5gb'], words: /argument must be a memory value/ },
  { argv: ['--unixsocketperm', '9'], words: /octal/ },
  {
    argv: ['a.conf'],
    files: { 'a.conf': '\nhz "1\n' },
    words: /line 2\n>>> 'hz "1'\nUnbalanced quotes/,
  },
  { argv: ['a.conf'], files: { 'a.conf': 'hz "1"x' }, words: /Unbalanced quotes/ },
  { argv: ['a.conf'], words: /can't open config file '\/.*\/a.conf'/ },
  {
    argv: ['a.conf'],
    files: { 'a.conf': 'include a.conf' },
    words: /files include each other more than 16 deep/,
  },
  { argv: ['--replicaof', 'h', '1'], words: /replication is not supported/ },
  { argv: ['--rename-command', 'GET'], words: /Bad directive or wrong number of arguments/ },
  { argv: ['--loadmodule', '/x/other.so', 'NOPE', '1'], words: /other.so.*unknown argument/ },
  { argv: ['--dir', '/nowhere'], words: />>> 'dir "\/nowhere"'\nNo such file or directory/ },
  { argv: ['--include', '/nowhere'], words: /can't open config file '\/nowhere'/ },
  { argv: ['--cluster-enabled', 'yes'], words: /cluster mode is not supported/ },
  { argv: ['--databases', '17'], words: /between 1 and 16 inclusive/ },
  { argv: ['--proc-title-template', '{what}'], words: /template format is invalid/ },
  {
    argv: ['--inter-op-threads', '1'],
    words: /Bad directive or wrong number of arguments: INTER_OP_PARALLELISM stands behind/,
  },
  { argv: ['--sentinel'], words: /no sentinel/ },
  { argv: ['--test-memory'], words: /--test-memory takes/ },
  { argv: ['--test-memory', 'x'], words: /--test-memory takes/ },
  { argv: ['--loadmodule', 'redisai.so', 'NOPE', '1'], words: /unknown argument 'NOPE'/ },
  { argv: ['--loadmodule', 'redisai.so', 'TORCH'], words: /in pairs/ },
  {
    argv: ['--loadmodule', 'redisai.so', 'THREADS_PER_QUEUE', '0'],
    words: /must be between 1 and/,
  },
  {
    argv: ['--loadmodule', 'redisai.so', 'MODEL_EXECUTION_TIMEOUT', '999'],
    words: /must be between 1000 and/,
  },
];

t.test('refuses with the line and the reason', async (t) => {
  for (const { argv, files, words } of refusals) {
    try {
      read(argv, files);
      t.fail(argv.join(' '));
    } catch (error) {
      t.type(error, FatalConfigError, argv.join(' '));
      t.match(error instanceof Error && error.message, words, argv.join(' '));
    }
  }
});

t.test('what is no server: --version, --help, --check-system, --test-memory', async (t) => {
  const start = (...argv: string[]) => readCommandLine(argv, inMemory({}), 'redis-server');
  for (const word of ['-v', '--version']) {
    t.match(start(word), {
      kind: 'print',
      text: /^Redis server v=7\.2\.4 sha=\S+ malloc=\S+ bits=64 build=\S+\n$/,
      status: 0,
    });
  }
  for (const word of ['-h', '--help'])
    t.match(start(word), { kind: 'print', text: /^Usage: redis-server /, status: 1 }, word);
  t.strictSame(start('--check-system'), { kind: 'check-system' });
  t.strictSame(start('--test-memory', '5'), { kind: 'test-memory', megabytes: 5 });
});

t.test('a module of another name is told, since its commands are missing', async (t) => {
  const started = readCommandLine(['--loadmodule', '/x/other.so'], inMemory({}));
  t.match(started, { kind: 'serve', warnings: [/other\.so is not opened/] });
});
