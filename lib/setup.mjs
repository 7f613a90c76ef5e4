/**
 * What `npm start`, `npm run build` and `npm test` call first: makes what is missing and nothing else.
 * Plain JavaScript, and needs nothing installed: it is what installs. All else is compiled TypeScript.
 *
 * The steps: npm packages, JavaScript, runtimes, native core, install prefix. Each leaves a hash of all
 * that it depends on; where the hashes are those of the last time, neither npm, tsc nor cmake runs.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = join(root, 'build');
const compiled = join(build, 'js');
const prefix = join(build, 'prefix');
const stampFile = join(build, 'stamp.json');

/** Beside the packages: whoever removes them removes it too. */
const npmStampFile = join(root, 'node_modules', '.tutti-stamp');

/** How often we look whether another set-up of this checkout is done. */
const LOCK_INTERVAL_MS = 500;

/** A set-up cannot go on; the message is one sentence that says what to do. */
class SetupError extends Error {}

// ---- Steps. Each does nothing if its hash is that of the last time.

async function installPackages() {
  const hash = hashOf(['package-lock.json', '.npmrc'], process.version);
  if (existsSync(npmStampFile) && readFileSync(npmStampFile, 'utf8') === hash) return;
  say('Installing the npm packages');
  const exitCode = await runShown('npm', ['ci', '--no-audit', '--no-fund']);
  if (exitCode !== 0) {
    throw new SetupError(
      'npm could not install the packages: see above; without network it needs its cache',
    );
  }
  writeFileSync(npmStampFile, hash);
}

async function compileTypeScript() {
  const sources = ['lib', 'test', 'bench'].flatMap((folder) => filesBelow(folder, '.ts'));
  const hash = hashOf(['tsconfig.json', 'package-lock.json', ...sources]);
  if (isStamped('js', hash)) return hash;
  say('Compiling TypeScript');
  const exitCode = await runShown(localTool('tsc'), ['--project', 'tsconfig.json']);
  if (exitCode !== 0) throw new SetupError('the TypeScript code does not compile: see above');
  removeOrphans(sources);
  stamp('js', hash);
  return hash;
}

/** tsc leaves what it once wrote: a deleted test would go on to run. */
function removeOrphans(sources) {
  const wanted = new Set(sources.map((source) => source.replace(/\.ts$/, '.js')));
  for (const file of filesBelow(relative(root, compiled), '.js')) {
    if (wanted.has(relative(compiled, join(root, file)))) continue;
    rmSync(join(root, file));
    rmSync(join(root, `${file}.map`), { force: true });
  }
}

/**
 * Installs each runtime that is not there. One that cannot be had is one sentence, not a failure: the
 * server starts without it, and tells whoever asks for a model what to install.
 * @returns The runtimes that are there, by name, and the sentences about the others.
 */
async function installRuntimes() {
  const { runtimes } = await importCompiled('lib/runtimes/manifest.js');
  const { locateRuntime } = await importCompiled('lib/runtimes/locate.js');
  const found = {};
  const complaints = [];
  for (const runtime of runtimes) {
    found[runtime.name] = locateRuntime(runtime);
    if (found[runtime.name]) continue;
    const { installRuntime } = await importCompiled('lib/runtimes/install.js');
    const { RuntimeInstallError } = await importCompiled('lib/runtimes/install-error.js');
    const { barProgress } = await importCompiled('lib/runtimes/progress.js');
    const interruption = new AbortController();
    const interrupt = () => interruption.abort();
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
    try {
      await installRuntime(runtime, { progress: barProgress(), signal: interruption.signal });
    } catch (error) {
      if (interruption.signal.aborted || !(error instanceof RuntimeInstallError)) throw error;
      complaints.push(`No ${runtime.backend} models: ${error.message}`);
    } finally {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    }
    found[runtime.name] = locateRuntime(runtime);
  }
  for (const complaint of complaints) say(complaint);
  return { found, complaints };
}

async function buildNative(found, withTests) {
  const sources = ['CMakeLists.txt', 'package-lock.json', ...filesBelow('native', '')];
  const settings = JSON.stringify([
    found.torch?.folder,
    found.torch?.version,
    found.tensorflow?.folder,
    found.tensorflow?.version,
  ]);
  const hash = hashOf(sources, settings);
  const testSources = [...filesBelow('test/native', ''), ...filesBelow('test/tools', '')];
  const testHash = hashOf([...sources, ...testSources], settings);
  const isBuilt = existsSync(join(build, 'native', 'tutti.node')) && isStamped('native', hash);
  if (isBuilt && (!withTests || isStamped('nativeTests', testHash))) return hash;

  requireProgram('cmake', 'cmake');
  requireProgram(process.env.CXX ?? 'c++', 'build-essential');
  say(withTests ? 'Building the native core and its tests' : 'Building the native core');
  const args = [
    '--out',
    join('build', 'native'),
    '--config',
    'RelWithDebInfo',
    '--log-level',
    'warn',
  ];
  args.push(`--CDTUTTI_TORCH_DIR=${found.torch?.folder ?? ''}`);
  args.push(`--CDTUTTI_TENSORFLOW_DIR=${found.tensorflow?.folder ?? ''}`);
  args.push(`--CDTUTTI_WERROR=${compilerIsOurs() ? 'ON' : 'OFF'}`);
  args.push(`--CDTUTTI_TESTS=${withTests ? 'ON' : 'OFF'}`);
  // `build` alone would keep the variables of the last time.
  const cmake = localTool('cmake-js');
  const configured = await runShown(cmake, ['configure', ...args]);
  const parallel = ['--parallel', String(availableParallelism())];
  if (configured !== 0 || (await runShown(cmake, ['build', ...args, ...parallel])) !== 0) {
    throw new SetupError('the native core could not be built: see above');
  }
  if (!existsSync(join(build, 'native', 'tutti.node'))) {
    throw new SetupError('the native core was built without its addon, build/native/tutti.node');
  }
  stamp('native', hash);
  if (withTests) stamp('nativeTests', testHash);
  return hash;
}

/** Warnings are errors for the compiler that we test with; another release may know more of them. */
function compilerIsOurs() {
  const version = spawnSync(process.env.CXX ?? 'c++', ['--version'], { encoding: 'utf8' });
  return version.status === 0 && /\b(?:g\+\+|c\+\+) .* 12\.\d+\.\d+/.test(version.stdout);
}

/** The programs of the prefix: what scripts and SmartSim look for has the names of Redis too. */
const programs = {
  'tutti-server': 'server.js',
  'redis-server': 'server.js',
  'tutti-cli': 'client.js',
  'redis-cli': 'client.js',
  tutti: 'tutti.js',
};

/** Where SmartSim looks for RedisAI and its backends: it asks for files, and opens none of them. */
const markers = [
  'lib/redisai.so',
  ...['torch', 'onnxruntime', 'tensorflow', 'tensorflowlite'].map(
    (name) => `lib/backends/redisai_${name}/redisai_${name}.so`,
  ),
];
const MARKER_TEXT =
  'Nothing is loaded from here: RedisAI and its backends are built into the redis-server of this prefix.\n';

/** A folder that can be copied anywhere: real files, and nothing that leads out of it. */
function makePrefix(jsHash, nativeHash) {
  const hash = hashOf(
    ['package.json', 'package-lock.json', 'LICENSE', 'lib/setup.mjs'],
    jsHash + nativeHash,
  );
  if (existsSync(prefix) && isStamped('prefix', hash)) return;
  say('Making the install prefix, build/prefix');
  const next = `${prefix}.new`;
  rmSync(next, { recursive: true, force: true });
  const home = join(next, 'lib', 'tutti');
  mkdirSync(join(home, 'native'), { recursive: true });
  cpSync(join(compiled, 'lib'), join(home, 'js', 'lib'), { recursive: true });
  for (const name of readdirSync(join(build, 'native'))) {
    if (!/^tutti(?:_backend_(?!echo)\w+)?\.(?:node|so)$/.test(name)) continue;
    cpSync(join(build, 'native', name), join(home, 'native', name));
  }
  for (const path of productionPackages()) {
    cpSync(join(root, path), join(home, path), { recursive: true, dereference: true });
  }
  for (const name of ['package.json', 'LICENSE']) cpSync(join(root, name), join(home, name));
  mkdirSync(join(next, 'bin'));
  for (const [name, main] of Object.entries(programs)) {
    writeLauncher(join(next, 'bin', name), main);
  }
  for (const path of markers) {
    mkdirSync(dirname(join(next, path)), { recursive: true });
    writeFileSync(join(next, path), MARKER_TEXT);
  }
  rmSync(prefix, { recursive: true, force: true });
  renameSync(next, prefix);
  stamp('prefix', hash);
}

/** The lock file knows which packages only development needs. */
function productionPackages() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(packages)
    .filter(([path, entry]) => path !== '' && !entry.dev && !entry.devOptional)
    .filter(([path, entry]) => !entry.optional || existsSync(join(root, path)))
    .map(([path]) => path);
}

/** Finds its own folder, so that the prefix may lie anywhere, also behind a symbolic link to the launcher. */
function writeLauncher(path, main) {
  // Valid as an ES module and as CommonJS: which of them it is depends on the package.json files above it.
  const script = [
    '#!/usr/bin/env node',
    "Promise.all([import('node:fs'), import('node:url')]).then(([fs, url]) => {",
    '  const self = url.pathToFileURL(fs.realpathSync(process.argv[1]));',
    `  return import(new URL('../lib/tutti/js/lib/cli/${main}', self));`,
    '});',
    '',
  ];
  writeFileSync(path, script.join('\n'));
  chmodSync(path, 0o755);
}

// ---- Commands

const commands = {
  async start(args) {
    await locked(() => setUp({ withTests: false }));
    await becomeProgram('lib/cli/server.js', args);
  },
  async build() {
    await locked(() => setUp({ withTests: false }));
  },
  async test(args) {
    const { complaints } = await locked(() => setUp({ withTests: true }));
    const { runTests } = await importCompiled('test/helpers/run-tests.js');
    process.exitCode = await runTests(root, args, complaints);
  },
  async check() {
    await locked(prepareJavaScript);
    const { runCheck } = await importCompiled('test/helpers/run-check.js');
    process.exitCode = (await runCheck(root)).every(({ isOk }) => isOk) ? 0 : 1;
  },
  async format() {
    await locked(prepareJavaScript);
    const { runFormat } = await importCompiled('test/helpers/run-check.js');
    process.exitCode = await runFormat(root);
  },
  async bench(args) {
    await locked(() => setUp({ withTests: true }));
    const firstFlag = args.findIndex((word) => word.startsWith('-'));
    const flags = firstFlag < 0 ? [] : args.slice(firstFlag);
    const given = firstFlag < 0 ? args : args.slice(0, firstFlag);
    const names = given.length > 0 ? given.map((name) => `${name}.js`) : benchmarks();
    for (const name of names) {
      const exitCode = await runShown(process.execPath, [join(compiled, 'bench', name), ...flags]);
      if (exitCode !== 0) process.exitCode = exitCode;
    }
  },
  async sanitize(args) {
    const { found } = await locked(prepareRuntimes);
    const { runSanitizers } = await importCompiled('test/helpers/run-sanitizers.js');
    process.exitCode = await runSanitizers(root, args, found);
  },
  async runtimes(args) {
    await locked(prepareJavaScript);
    await becomeProgram('lib/cli/tutti.js', ['runtimes', ...args]);
  },
};

async function setUp({ withTests }) {
  const { jsHash, found, complaints } = await prepareRuntimes();
  const nativeHash = await buildNative(found, withTests);
  makePrefix(jsHash, nativeHash);
  return { complaints };
}

async function prepareRuntimes() {
  const jsHash = await prepareJavaScript();
  return { jsHash, ...(await installRuntimes()) };
}

async function prepareJavaScript() {
  await installPackages();
  return compileTypeScript();
}

/** Each benchmark is a process of its own; the others are what they share. */
function benchmarks() {
  const shared = ['harness.js', 'in-process.js'];
  return readdirSync(join(compiled, 'bench')).filter(
    (name) => name.endsWith('.js') && !shared.includes(name),
  );
}

/** In this process, not in a child: then signals and the exit code are its own. */
async function becomeProgram(path, args) {
  const file = join(compiled, path);
  process.setSourceMapsEnabled(true);
  process.argv = [process.execPath, file, ...args];
  await import(pathToFileURL(file).href);
}

function importCompiled(path) {
  return import(pathToFileURL(join(compiled, path)).href);
}

// ---- Files and hashes

/** Paths relative to the root, sorted, so that a hash does not hang on the file system's order. */
function filesBelow(folder, suffix) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

function hashOf(files, more = '') {
  const hash = createHash('sha256').update(more);
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

function readStamps() {
  return existsSync(stampFile) ? JSON.parse(readFileSync(stampFile, 'utf8')) : {};
}

function isStamped(step, hash) {
  return readStamps()[step] === hash;
}

function stamp(step, hash) {
  mkdirSync(build, { recursive: true });
  writeFileSync(stampFile, `${JSON.stringify({ ...readStamps(), [step]: hash }, null, 2)}\n`);
}

// ---- Processes

/** Two set-ups of one checkout at once would build into the same folder: the second waits. */
async function locked(work) {
  mkdirSync(build, { recursive: true });
  const path = join(build, '.lock');
  for (let hasSaid = false; !takeLock(path); hasSaid = true) {
    const owner = Number(readIfThere(path));
    if (owner > 0 && !isAlive(owner)) rmSync(path, { force: true });
    else if (!hasSaid) say(`Waiting for the set-up that process ${owner} is at`);
    await new Promise((resolve) => setTimeout(resolve, LOCK_INTERVAL_MS));
  }
  // What a signal ends leaves the lock, with a process id that is no longer alive.
  const release = () => rmSync(path, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

function takeLock(path) {
  try {
    const file = openSync(path, 'wx');
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw new SetupError(`the build folder ${build} cannot be written (${error.code})`);
  }
}

function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM'; // it lives, and is another user's
  }
}

/** Runs a tool with its output on ours; a signal to us ends it first. @returns Its exit code. */
function runShown(program, args) {
  return new Promise((resolve, reject) => {
    // Standard output is for results; what a tool tells about its work goes beside it.
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', process.stderr, process.stderr],
    });
    const pass = (signal) => child.kill(signal);
    process.on('SIGINT', pass).on('SIGTERM', pass);
    child.on('error', (error) =>
      reject(new SetupError(`${program} could not be started (${error.code})`)),
    );
    child.on('close', (exitCode, signal) => {
      process.off('SIGINT', pass).off('SIGTERM', pass);
      if (signal) reject(new SetupError(`${program} was ended by ${signal}`));
      else resolve(exitCode);
    });
  });
}

function requireProgram(program, debianPackage) {
  if (spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0) return;
  throw new SetupError(
    `${program} is needed to build the native core: apt-get install ${debianPackage}`,
  );
}

function localTool(name) {
  return join(root, 'node_modules', '.bin', name);
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

// ---- Main

const [command, ...args] = process.argv.slice(2);
if (!Object.hasOwn(commands, command ?? '')) {
  say(`usage: node lib/setup.mjs ${Object.keys(commands).join('|')} [arguments]`);
  process.exit(2);
}
process.chdir(root);
try {
  await commands[command](args);
} catch (error) {
  const isExpected = error instanceof SetupError || error?.name === 'RuntimeInstallError';
  say(isExpected ? error.message : (error?.stack ?? String(error)));
  process.exitCode = 1;
  // A last line for whoever reads only that.
  if (command === 'test') console.log('0 passed, 1 failed, 0 skipped');
}
