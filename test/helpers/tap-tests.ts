/**
 * Runs tests written with tap, each file in a plain node. Not by `tap run`: that puts its own module loader
 * into every process which a test starts, the server that is measured and the tools of the set-up included.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { readTap, sumCounts, type TestCounts } from './tap-report.ts';

/** The longest that a test may take before tap says which one it is, and a file before it is killed. */
const TEST_SECONDS_MAX = 300;
const FILE_MS_MAX = 1200_000;

/** Tests start servers and clients: fewer files than processors at once, or they disturb each other's timings. */
const PROCESSORS_PER_FILE = 2;

/** How much of what a file's processes say is kept, to be shown if the file fails. */
const NOISE_CHARS_MAX = 256 * 1024;

/** @param files Compiled tests, relative to the root. */
export async function runTapTests(root: string, files: readonly string[]): Promise<TestCounts> {
  const all: TestCounts[] = [];
  const waiting = [...files];
  const lanes = Math.max(1, Math.floor(availableParallelism() / PROCESSORS_PER_FILE));
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      all.push(await runFile(root, file));
    }
  };
  await Promise.all(Array.from({ length: lanes }, work));
  return sumCounts(all);
}

async function runFile(root: string, file: string): Promise<TestCounts> {
  const startMs = performance.now();
  const { tap, noise, end } = await collect(root, file);
  const { counts, failures, skips } = readTap(tap);
  if (end !== 'exit code 0' && counts.failed === 0) counts.failed = 1;
  if (counts.passed + counts.failed + counts.skipped === 0) counts.failed = 1;

  const source = relative('build/js', file).replace(/\.js$/, '.ts');
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const verdict = counts.failed === 0 ? 'ok' : 'NOT OK';
  const outcome = `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
  console.log(`${verdict} ${source}: ${outcome} in ${seconds} s`);
  for (const skip of skips) console.log(`  skipped: ${skip}`);
  if (counts.failed > 0) {
    for (const failure of failures) console.log(`  ${failure}`);
    console.log(`  ${source} ended with ${end}${noise && `, having said:\n${noise}`}`);
  }
  return counts;
}

interface FileRun {
  tap: string;
  noise: string;
  end: string;
}

function collect(root: string, file: string): Promise<FileRun> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--enable-source-maps', join(root, file)], {
      cwd: root,
      env: { ...process.env, TAP: '1', TAP_TIMEOUT: String(TEST_SECONDS_MAX) },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: FILE_MS_MAX,
      killSignal: 'SIGKILL',
    });
    const tap: Buffer[] = [];
    let noise = '';
    child.stdout.on('data', (chunk: Buffer) => tap.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      noise = (noise + chunk.toString()).slice(-NOISE_CHARS_MAX);
    });
    child.on('close', (exitCode, signal) => {
      const end = signal ?? `exit code ${exitCode}`;
      resolve({ tap: Buffer.concat(tap).toString(), noise, end });
    });
  });
}
