/** Brings a runtime's wheels into a folder, by pip or from a folder of the user's, each with its hash verified. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { installErrors } from './install-error.ts';
import { downloadBytes, type Runtime, WHEEL_PLATFORMS, WHEEL_PYTHON } from './manifest.ts';
import type { Progress } from './progress.ts';

/** How often the growing files are looked at: pip's own bar is not to be read by a program. */
const WATCH_INTERVAL_MS = 250;

/** pip's patience with a silent index, and how often it asks again. */
const PIP_TIMEOUT_SECONDS = 20;
const PIP_RETRIES = 2;

/** How much of what pip says is kept, to find the reason of a failure in. */
const PIP_OUTPUT_CHARS_MAX = 64 * 1024;

export interface DownloadJob {
  runtime: Runtime;
  /** For all that is written, temporary files of pip's included: on the cache's disk, and removed by the caller. */
  workFolder: string;
  environment: NodeJS.ProcessEnv;
  progress: Progress;
  signal: AbortSignal | undefined;
}

/**
 * Takes the wheels from `folder` as they lie there.
 * @returns Their paths, in the manifest's order.
 * @throws {RuntimeInstallError} One is missing or has another hash.
 */
export async function findWheels(runtime: Runtime, folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const wheel of runtime.wheels) {
    const path = join(folder, wheel.fileName);
    if (!(await isFile(path))) throw installErrors.wheelMissing(folder, wheel.fileName);
    await verifyWheel(path, wheel.fileName, wheel.sha256);
    paths.push(path);
  }
  return paths;
}

/**
 * Downloads the wheels with pip, which knows the user's index, proxy and certificates.
 * @returns Their paths, in the manifest's order.
 * @throws {RuntimeInstallError} No pip, no network, no such release, another hash, a full disk, or an abort.
 */
export async function downloadWheels(job: DownloadJob): Promise<string[]> {
  const { runtime, workFolder } = job;
  const wheelFolder = join(workFolder, 'wheels');
  const pipTemporary = join(workFolder, 'pip');
  const requirements = join(workFolder, 'requirements.txt');
  await mkdir(wheelFolder);
  await mkdir(pipTemporary);
  await writeFile(requirements, requirementLines(runtime));
  const environment = { ...job.environment, TMPDIR: pipTemporary };
  const pip = await findPip(job, environment);

  job.progress.begin(`Downloading ${runtime.title}`, downloadBytes(runtime));
  const watch = setInterval(async () => {
    // pip writes into its temporary folder and copies each whole file: the larger of the two is the truth.
    const [done, underWay] = await Promise.all([fileBytes(wheelFolder), fileBytes(pipTemporary)]);
    job.progress.at(Math.min(Math.max(done, underWay), downloadBytes(runtime)));
  }, WATCH_INTERVAL_MS);
  const args = [...pip.args, ...downloadFlags(), '--requirement', requirements];
  const run = await runProgram(
    pip.program,
    [...args, '--dest', wheelFolder],
    environment,
    job.signal,
  );
  clearInterval(watch);
  if (run.exitCode === 0) job.progress.at(downloadBytes(runtime));
  job.progress.end();

  if (job.signal?.aborted) throw installErrors.interrupted(runtime.title);
  if (run.exitCode !== 0) throw wordPipFailure(runtime, run.output, workFolder);
  return findWheels(runtime, wheelFolder);
}

function requirementLines(runtime: Runtime): string {
  return runtime.wheels
    .map(({ project, version, sha256 }) => `${project}==${version} --hash=sha256:${sha256}\n`)
    .join('');
}

function downloadFlags(): string[] {
  return [
    'download',
    '--no-deps',
    '--require-hashes',
    '--no-cache-dir',
    '--no-input',
    '--disable-pip-version-check',
    '--progress-bar=off',
    `--timeout=${PIP_TIMEOUT_SECONDS}`,
    `--retries=${PIP_RETRIES}`,
    '--only-binary=:all:',
    '--implementation=cp',
    `--python-version=${WHEEL_PYTHON.version}`,
    `--abi=${WHEEL_PYTHON.abi}`,
    '--abi=none',
    ...WHEEL_PLATFORMS.map((platform) => `--platform=${platform}`),
  ];
}

interface Pip {
  program: string;
  args: string[];
}

/** Debian ships python3 without pip; where its venv is there, that brings one. */
async function findPip(job: DownloadJob, environment: NodeJS.ProcessEnv): Promise<Pip> {
  const { runtime, workFolder, signal } = job;
  const args = ['-m', 'pip'];
  const own = await runProgram('python3', [...args, '--version'], environment, signal);
  if (own.exitCode === 0) return { program: 'python3', args };
  if (own.exitCode === undefined) throw installErrors.noPython(runtime.title);
  const venv = join(workFolder, 'venv');
  const made = await runProgram('python3', ['-m', 'venv', venv], environment, signal);
  if (made.exitCode === 0) return { program: join(venv, 'bin', 'python3'), args };
  throw installErrors.noPip(runtime.title);
}

interface ProgramRun {
  /** Undefined if the program could not be started. */
  exitCode: number | null | undefined;
  output: string;
}

function runProgram(
  program: string,
  args: string[],
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<ProgramRun> {
  return new Promise((resolve) => {
    const child: ChildProcess = spawn(program, args, {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(signal && { signal }),
    });
    let output = '';
    const collect = (text: Buffer) => {
      output = (output + text.toString()).slice(-PIP_OUTPUT_CHARS_MAX);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('error', () => {
      // An abort is an error too, but then the child has a pid and its end is still to come.
      if (child.pid === undefined) resolve({ exitCode: undefined, output });
    });
    child.on('close', (exitCode) => resolve({ exitCode, output }));
  });
}

const FULL_DISK = /No space left on device|Disk quota exceeded/;
const OTHER_HASH = /DO NOT MATCH THE HASHES/;
const UNREACHABLE =
  /(?:NewConnectionError|ConnectTimeoutError|ReadTimeoutError|NameResolutionError|ProxyError|SSLError|ProtocolError|ConnectionResetError|IncompleteRead|Temporary failure in name resolution|Network is unreachable|Connection refused|Read timed out|Connection broken)/;
const NOT_FOUND = /No matching distribution found|Could not find a version/;

function wordPipFailure(runtime: Runtime, output: string, folder: string): Error {
  if (FULL_DISK.test(output)) return installErrors.diskFull(folder);
  if (OTHER_HASH.test(output)) {
    const project = /^\s*(\S+)==\S+ from /m.exec(output)?.[1] ?? runtime.name;
    const wanted = /Expected sha256 (\w+)/.exec(output)?.[1] ?? 'another';
    const seen = /Got\s+(\w+)/.exec(output)?.[1] ?? 'unknown';
    return installErrors.wrongHash(`what the package index has as ${project}`, seen, wanted);
  }
  const unreachable = UNREACHABLE.exec(output)?.[0];
  if (unreachable !== undefined) return installErrors.noNetwork(runtime.title, unreachable);
  const lastError = output
    .split('\n')
    .filter((line) => line.startsWith('ERROR:'))
    .at(-1)
    ?.slice('ERROR:'.length)
    .trim();
  if (NOT_FOUND.test(output))
    return installErrors.notInIndex(runtime.title, lastError ?? 'no match');
  return installErrors.downloadFailed(runtime.title, lastError ?? output.trim().slice(-200));
}

async function verifyWheel(path: string, fileName: string, wanted: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  const seen = hash.digest('hex');
  if (seen !== wanted) throw installErrors.wrongHash(fileName, seen, wanted);
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false; // what is not there is not a file; the caller words it
  }
}

/** The bytes in all files below `folder`, some of which may come and go meanwhile. */
async function fileBytes(folder: string): Promise<number> {
  let byteCount = 0;
  try {
    for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
      if (entry.isFile())
        byteCount += (await stat(join(entry.parentPath ?? entry.path, entry.name))).size;
    }
  } catch {
    // A file was renamed between the two calls: the next look counts it.
  }
  return byteCount;
}
