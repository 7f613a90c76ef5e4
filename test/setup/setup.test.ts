/** A checkout in little: the real set-up with the real tools, on a native core and a server of a few lines. */
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

const ADDON = `
#include <napi.h>
#include "core/answer.h"
static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("answer", Napi::Number::New(env, tutti::Answer()));
  return exports;
}
NODE_API_MODULE(tutti, Init)
`;

const SERVER = `
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { nativeFolder, runtimeFolder } from '../runtimes/locate.ts';

const addon = createRequire(import.meta.url)(join(nativeFolder(), 'tutti.node'));
const idle = setInterval(() => {}, 1000);
process.on('SIGTERM', () => {
  console.log('clean end');
  clearInterval(idle);
});
console.log('ready', addon.answer, runtimeFolder('torch') === undefined, ...process.argv.slice(2));
`;

const checkout = mkdtempSync(join(tmpdir(), 'tutti-setup-'));
t.teardown(() => rmSync(checkout, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(checkout, path)), { recursive: true });
  writeFileSync(join(checkout, path), text);
}

for (const name of [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'CMakeLists.txt',
  'LICENSE',
  '.npmrc',
  'lib/setup.mjs',
  'lib/runtimes',
  'lib/cli/tutti.ts',
  'lib/cli/runtimes.ts',
]) {
  cpSync(join(root, name), join(checkout, name), { recursive: true });
}
symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
write('native/core/answer.h', 'namespace tutti {\nint Answer();\n}\n');
write('native/core/answer.cc', '#include "core/answer.h"\nint tutti::Answer() { return 42; }\n');
write('native/binding/exports.cc', ADDON);
write('lib/cli/server.ts', SERVER);
write('lib/cli/client.ts', "console.log('client', ...process.argv.slice(2));\n");
write('lib/old.ts', 'export const old = 1;\n');

/** No runtime, and no index to have one from. Port 9 of the loopback interface is served by nobody. */
const offline: NodeJS.ProcessEnv = {
  ...process.env,
  XDG_CACHE_HOME: join(checkout, 'cache'),
  TUTTI_RUNTIMES_PATH: '',
  PIP_CONFIG_FILE: '/dev/null',
  PIP_INDEX_URL: 'http://127.0.0.1:9/simple',
};

function setUp(args: string[], change: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, [join(checkout, 'lib', 'setup.mjs'), ...args], {
    env: { ...offline, ...change },
    encoding: 'utf8',
  });
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) =>
    join(folder, name),
  );
}

t.test(
  'builds without a runtime that cannot be had, and says one sentence about each',
  async (t) => {
    const { status, stderr } = setUp(['build']);
    t.equal(status, 0, stderr);
    const complaints = stderr.split('\n').filter((line) => line.startsWith('No '));
    t.equal(complaints.length, 4);
    t.match(
      complaints[0],
      /^No TORCH models: LibTorch .* could not be downloaded because .*--from/,
    );
    t.match(complaints[1], /^No ONNX models: ONNX Runtime .* could not be downloaded/);
    t.match(complaints[2], /^No TF models: TensorFlow .* could not be downloaded/);
    t.match(complaints[3], /^No TFLITE models: LiteRT .* could not be downloaded/);
    t.ok(existsSync(join(checkout, 'build', 'native', 'tutti.node')));
  },
);

t.test('runs no tool the second time', async (t) => {
  // With nothing on the PATH but a Python that cannot fetch, any tool would fail to start.
  const { status, stderr } = setUp(['build'], { PATH: '/nowhere' });
  t.equal(status, 0, stderr);
  t.notMatch(stderr, /Installing|Compiling|Building|Making/);
});

t.test('leaves a prefix of real files that may be moved', async (t) => {
  const moved = join(checkout, 'elsewhere');
  cpSync(join(checkout, 'build', 'prefix'), moved, { recursive: true });
  for (const path of filesBelow(moved)) {
    if (lstatSync(path).isSymbolicLink()) t.fail(`${path} is a symbolic link`);
  }
  const link = join(checkout, 'tutti-link');
  symlinkSync(join(moved, 'bin', 'tutti'), link);
  const version = spawnSync(link, ['--version'], { env: offline, encoding: 'utf8' });
  t.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  const list = spawnSync(link, ['runtimes', 'list'], { env: offline, encoding: 'utf8' });
  t.match(
    list.stdout,
    /^torch .*not installed, \d+ MB to download: tutti runtimes install torch$/m,
  );
  // The names by which scripts and SmartSim find us, as files of their own.
  for (const [name, output] of [
    ['redis-cli', 'client PING\n'],
    ['tutti-cli', 'client PING\n'],
  ] as const) {
    const run = spawnSync(join(moved, 'bin', name), ['PING'], { encoding: 'utf8' });
    t.equal(run.stdout, output, name);
  }
  for (const path of [
    'bin/redis-server',
    'lib/redisai.so',
    'lib/backends/redisai_torch/redisai_torch.so',
    'lib/backends/redisai_onnxruntime/redisai_onnxruntime.so',
    'lib/backends/redisai_tensorflow/redisai_tensorflow.so',
    'lib/backends/redisai_tensorflowlite/redisai_tensorflowlite.so',
  ]) {
    t.ok(lstatSync(join(moved, path)).isFile(), path);
  }
  const packages = readdirSync(join(moved, 'lib', 'tutti', 'node_modules'));
  t.ok(packages.includes('commander'));
  t.notOk(packages.includes('typescript'), 'what only development needs stays behind');
});

t.test(
  'npm start serves in the foreground with its arguments, and a signal ends it cleanly',
  async (t) => {
    const npm = spawn('npm', ['start', '--silent', '--', '--port', '7000'], {
      cwd: checkout,
      env: offline,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    const ended = new Promise((resolve) => npm.on('close', (...end) => resolve(end)));
    npm.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      // npm itself gets the signal, as from a scheduler that knows only its process.
      if (output.startsWith('ready') && !npm.killed) npm.kill('SIGTERM');
    });
    t.strictSame(await ended, [0, null]);
    t.equal(output, 'ready 42 true --port 7000\nclean end\n');
  },
);

t.test('builds what changed, and forgets what was deleted', async (t) => {
  const oldFile = join(checkout, 'build', 'js', 'lib', 'old.js');
  t.ok(existsSync(oldFile));
  rmSync(join(checkout, 'lib', 'old.ts'));
  write('native/core/answer.cc', '#include "core/answer.h"\nint tutti::Answer() { return 43; }\n');
  const { status, stderr } = setUp(['build']);
  t.equal(status, 0, stderr);
  t.match(
    stderr,
    /Compiling TypeScript\n(?:.*\n)*Building the native core\n(?:.*\n)*Making the install prefix/,
  );
  t.notMatch(stderr, /Installing the npm packages/);
  t.notOk(existsSync(oldFile));
  const prefixed = join(checkout, 'build', 'prefix', 'lib', 'tutti', 'native', 'tutti.node');
  const ask = `process.stdout.write(String(require(${JSON.stringify(prefixed)}).answer))`;
  t.equal(spawnSync(process.execPath, ['-e', ask], { encoding: 'utf8' }).stdout, '43');
});

t.test('waits for another set-up of the same checkout, unless that is dead', async (t) => {
  const dead = spawnSync('true').pid;
  write('build/.lock', String(dead));
  t.equal(setUp(['build']).status, 0);
  t.notOk(existsSync(join(checkout, 'build', '.lock')));

  write('build/.lock', String(process.pid));
  const waiting = spawn(process.execPath, [join(checkout, 'lib', 'setup.mjs'), 'build'], {
    env: offline,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise((resolve) => waiting.on('close', resolve));
  let text = '';
  waiting.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.includes('Waiting')) rmSync(join(checkout, 'build', '.lock'), { force: true });
  });
  t.equal(await ended, 0);
  t.match(text, `Waiting for the set-up that process ${process.pid} is at`);
});

t.test('refuses', async (t) => {
  const refusals = [
    {
      title: 'a command that there is not',
      args: ['brew'],
      prepare() {},
      status: 2,
      sentence: /^usage: /,
    },
    {
      title: 'C++ that does not compile',
      args: ['build'],
      prepare: () => write('native/core/answer.cc', 'int tutti::Answer() { return; }\n'),
      status: 1,
      sentence: /^the native core could not be built: see above$/m,
    },
    {
      title: 'a machine without a compiler',
      args: ['build'],
      environment: { CXX: '/no/such/compiler' },
      prepare() {},
      status: 1,
      sentence: /^\/no\/such\/compiler is needed to build .*: apt-get install build-essential$/m,
    },
    {
      title: 'TypeScript that does not compile',
      args: ['build'],
      prepare: () => write('lib/wrong.ts', "export const count: number = 'one';\n"),
      status: 1,
      sentence: /^the TypeScript code does not compile: see above$/m,
    },
  ];
  for (const { title, args, environment, prepare, status, sentence } of refusals) {
    t.test(title, async (t) => {
      prepare();
      const run = setUp(args, environment);
      t.equal(run.status, status);
      t.match(run.stderr, sentence);
    });
  }
  t.test('the same for npm test, with the line that sums up', async (t) => {
    const { status, stdout } = setUp(['test']);
    t.equal(status, 1);
    t.match(stdout, /^0 passed, 1 failed, 0 skipped\n$/);
  });
});
