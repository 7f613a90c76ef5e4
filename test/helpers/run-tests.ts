/** `npm test`: what tests need beside the build, then check, native tests and tap's, and one line that sums them. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { nativeTestNames, runNativeTests, runtimeVariables } from './native-tests.ts';
import { buildPythonEnv, PythonEnvError, pythonEnvNames } from './python-env.ts';
import { realModelFolder } from './real-models.ts';
import { runFormatCheck } from './run-check.ts';
import { sumCounts, type TestCounts } from './tap-report.ts';
import { runTapTests } from './tap-tests.ts';

const ONE_PASSED: TestCounts = { passed: 1, failed: 0, skipped: 0 };
const ONE_FAILED: TestCounts = { passed: 0, failed: 1, skipped: 0 };

/** Real peers that tests compare with: what is missing of them, Debian has. */
const PEERS = [
  { program: 'redis-server', debianPackage: 'redis-server' },
  { program: 'redis-cli', debianPackage: 'redis-tools' },
];

/**
 * @param paths Test files or folders, as sources; all tests, and the check, unless named.
 * @param complaints Sentences about runtimes that could not be had: for tests, a failure each.
 * @returns The exit code.
 */
export async function runTests(
  root: string,
  paths: readonly string[],
  complaints: readonly string[],
): Promise<number> {
  const all: TestCounts[] = [];
  for (const complaint of complaints) {
    console.log(complaint);
    all.push(ONE_FAILED);
  }
  installPeers();
  all.push(await buildPythonEnvs());
  const chosen = chooseTests(root, paths);
  if (paths.length === 0) {
    const results = await runFormatCheck(root);
    all.push(...results.map(({ isOk }) => (isOk ? ONE_PASSED : ONE_FAILED)));
  }
  all.push(
    await runNativeTests(join(root, 'build', 'native-tests'), chosen.native, runtimeVariables()),
  );
  if (chosen.compiled.length > 0) all.push(await runTapTests(root, chosen.compiled));

  const { passed, failed, skipped } = sumCounts(all);
  if (passed + failed + skipped === 0) console.log(`no tests in ${paths.join(' ')}`);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed === 0 && passed + skipped > 0 ? 0 : 1;
}

/** Only as root, as on CI: then it asks nobody. A test that needs what stays missing says so and skips. */
function installPeers(): void {
  const isMissing = (program: string) => spawnSync(program, ['--version']).error !== undefined;
  const packages = PEERS.filter(({ program }) => isMissing(program)).map(
    (peer) => peer.debianPackage,
  );
  if (packages.length === 0) return;
  if (process.getuid?.() !== 0 || isMissing('apt-get')) {
    console.log(`Tests that need them will skip: apt-get install ${packages.join(' ')}`);
    return;
  }
  console.log(`Installing ${packages.join(' and ')}`);
  // The service must not start: it would take port 6379, which is ours by default.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const options = {
    env,
    stdio: ['ignore', 'ignore', 'inherit'] as ['ignore', 'ignore', 'inherit'],
  };
  spawnSync('apt-get', ['update', '--quiet'], options);
  const flags = ['install', '--yes', '--quiet', '--no-install-recommends'];
  const { status } = spawnSync('apt-get', [...flags, ...packages], options);
  if (status !== 0)
    console.log(`Tests that need ${packages.join(' or ')} will skip: apt-get failed`);
}

async function buildPythonEnvs(): Promise<TestCounts> {
  try {
    for (const name of pythonEnvNames) await buildPythonEnv(name);
    // Here, since it takes longer than a test may.
    await realModelFolder();
    return { passed: 0, failed: 0, skipped: 0 };
  } catch (error) {
    if (!(error instanceof PythonEnvError)) throw error;
    console.log(error.message);
    return ONE_FAILED;
  }
}

interface ChosenTests {
  native: string[];
  /** Compiled test files, relative to the root. */
  compiled: string[];
}

function chooseTests(root: string, paths: readonly string[]): ChosenTests {
  const native = nativeTestNames(root);
  const compiled = compiledTests(root);
  if (paths.length === 0) return { native, compiled };
  const wanted = paths.map((path) => relative(root, resolve(root, path)));
  const isWanted = (source: string) =>
    wanted.some((path) => source === path || source.startsWith(`${path}/`));
  return {
    native: native.filter((name) => isWanted(`test/native/${name}.cc`)),
    compiled: compiled.filter((file) =>
      isWanted(relative('build/js', file).replace(/\.js$/, '.ts')),
    ),
  };
}

function compiledTests(root: string): string[] {
  const folder = join('build', 'js', 'test');
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(folder, name))
    .sort();
}
