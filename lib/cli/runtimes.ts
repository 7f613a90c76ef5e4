/** `tutti runtimes`: what it prints, and with which exit code it ends. */
import { cacheFolder } from '../runtimes/cache.ts';
import { installRuntime, removeRuntime, verifyRuntime } from '../runtimes/install.ts';
import { installErrors, RuntimeInstallError } from '../runtimes/install-error.ts';
import { locateRuntime } from '../runtimes/locate.ts';
import { downloadBytes, type Runtime, runtimes } from '../runtimes/manifest.ts';
import { barProgress } from '../runtimes/progress.ts';

const MEGABYTE = 1e6;

/** The shell's convention for a process ended by SIGINT. */
const EXIT_CODE_INTERRUPTED = 130;

export async function listCommand(): Promise<void> {
  for (const runtime of runtimes) {
    const location = locateRuntime(runtime);
    const megabytes = Math.ceil(downloadBytes(runtime) / MEGABYTE);
    const state = location
      ? `installed (${location.version}) in ${location.folder}`
      : `not installed, ${megabytes} MB to download: tutti runtimes install ${runtime.name}`;
    say(
      `${runtime.name.padEnd(12)}${runtime.title.padEnd(21)}${runtime.backend.padEnd(8)}${state}`,
    );
  }
  say(`cache: ${cacheFolder()}`);
}

export async function installCommand(names: string[], from?: string): Promise<void> {
  await forEachRuntime(names, async (runtime, signal) => {
    const before = locateRuntime(runtime);
    if (before) {
      say(`${runtime.title} is there already: ${before.folder}`);
      return;
    }
    const folder = await installRuntime(runtime, { from, progress: barProgress(), signal });
    say(`${runtime.title} is installed: ${folder}`);
  });
}

export async function removeCommand(names: string[]): Promise<void> {
  await forEachRuntime(names, async (runtime) => {
    const folders = await removeRuntime(runtime);
    if (folders.length === 0) say(`${runtime.title} is not installed`);
    for (const folder of folders) say(`removed ${folder}`);
  });
}

export async function verifyCommand(names: string[]): Promise<void> {
  await forEachRuntime(names, async (runtime) => {
    const problems = await verifyRuntime(runtime);
    if (problems.length === 0) say(`${runtime.title} is as it was installed`);
    for (const problem of problems) complain(problem);
    if (problems.length > 0) {
      complain(
        `run 'tutti runtimes remove ${runtime.name}' and 'tutti runtimes install ${runtime.name}'`,
      );
    }
  });
}

/** Goes on after one that cannot be had: the others may be all that the user needs. */
async function forEachRuntime(
  names: string[],
  act: (runtime: Runtime, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    for (const runtime of chooseRuntimes(names)) {
      await act(runtime, interruption.signal).catch(complainOfInstall);
      if (interruption.signal.aborted) break;
    }
  } catch (error) {
    complainOfInstall(error);
  }
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  if (interruption.signal.aborted) process.exitCode = EXIT_CODE_INTERRUPTED;
}

function chooseRuntimes(names: string[]): readonly Runtime[] {
  if (names.length === 0) return runtimes;
  return names.map((name) => {
    const runtime = runtimes.find((runtime) => runtime.name === name);
    const known = runtimes.map(({ name }) => name);
    if (runtime === undefined) throw installErrors.unknownRuntime(name, known);
    return runtime;
  });
}

function complainOfInstall(error: unknown): void {
  if (!(error instanceof RuntimeInstallError)) throw error;
  complain(error.message);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`);
  process.exitCode = 1;
}
