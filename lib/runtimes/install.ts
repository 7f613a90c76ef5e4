/** Installs, verifies and removes runtimes in the per-user cache: whole or not at all. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import {
  cacheFolder,
  makePartialFolder,
  removeStalePartialFolders,
  runtimesFolder,
} from './cache.ts';
import { downloadWheels, findWheels } from './download.ts';
import { installErrors, wordFileError } from './install-error.ts';
import { installedFolder, STAMP_FILE } from './locate.ts';
import { downloadBytes, type Runtime, runtimeFolderName, type StubLibrary } from './manifest.ts';
import { type Progress, silentProgress } from './progress.ts';
import { type UnpackedFile, unpackWheel } from './unpack.ts';

const FILE_LIST = 'tutti-files.json';

export interface InstallOptions {
  /** A folder of wheels; without it pip downloads them. */
  from?: string | undefined;
  environment?: NodeJS.ProcessEnv;
  progress?: Progress;
  signal?: AbortSignal;
}

/**
 * Installs `runtime` in the cache unless it is there. It appears under its name by one rename, so that
 * a killed installation leaves nothing but a partial folder, which the next one removes.
 *
 * @returns Its folder.
 * @throws {RuntimeInstallError} A sentence that says what to do; nothing was left behind.
 */
export async function installRuntime(
  runtime: Runtime,
  options: InstallOptions = {},
): Promise<string> {
  const environment = options.environment ?? process.env;
  const cache = cacheFolder(environment);
  const target = join(runtimesFolder(cache), runtimeFolderName(runtime));
  if (installedFolder(runtime, cache) !== undefined) return target;

  checkPlatform(runtime);
  const partial = await makePartialFolder(cache, runtime.name);
  try {
    await removeStalePartialFolders(cache);
    await checkFreeSpace(runtime, partial, options.from !== undefined);
    await fill(runtime, partial, environment, options);
    await putInPlace(runtime, join(partial, 'content'), target, cache);
  } catch (error) {
    if (options.signal?.aborted) throw installErrors.interrupted(runtime.title);
    throw wordFileError(error, cache);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return target;
}

function checkPlatform(runtime: Runtime): void {
  const seen = `${process.platform} ${process.arch}`;
  if (seen !== 'linux x64') {
    throw installErrors.unsupportedPlatform(runtime.title, seen, 'linux x64');
  }
  const glibc = glibcVersion();
  if (glibc === undefined || !isAtLeast(glibc, runtime.glibcMin)) {
    const wanted = `glibc ${runtime.glibcMin} or newer`;
    throw installErrors.unsupportedPlatform(runtime.title, `glibc ${glibc ?? 'none'}`, wanted);
  }
}

/** Undefined where the C library is another, as on Alpine. */
function glibcVersion(): string | undefined {
  const report: unknown = process.report.getReport();
  if (typeof report !== 'object' || report === null || !('header' in report)) return undefined;
  const { header } = report;
  if (typeof header !== 'object' || header === null) return undefined;
  if (!('glibcVersionRuntime' in header)) return undefined;
  return String(header.glibcVersionRuntime);
}

function isAtLeast(version: string, wanted: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [majorMin = 0, minorMin = 0] = wanted.split('.').map(Number);
  return major !== majorMin ? major > majorMin : minor >= minorMin;
}

/** To say at once what would only come after minutes of downloading. */
async function checkFreeSpace(
  runtime: Runtime,
  folder: string,
  fromFolder: boolean,
): Promise<void> {
  // pip holds a second copy of the largest wheel while it saves it.
  const wheelBytes = fromFolder ? 0 : 2 * downloadBytes(runtime);
  const neededBytes = wheelBytes + runtime.unpackedBytes;
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes < neededBytes) {
    throw installErrors.diskFull(dirname(dirname(folder)), neededBytes, freeBytes);
  }
}

async function fill(
  runtime: Runtime,
  partial: string,
  environment: NodeJS.ProcessEnv,
  options: InstallOptions,
): Promise<void> {
  const { signal, progress = silentProgress } = options;
  const wheelPaths =
    options.from !== undefined
      ? await findWheels(runtime, options.from)
      : await downloadWheels({ runtime, workFolder: partial, environment, progress, signal });

  const content = join(partial, 'content');
  await mkdir(content);
  const files: UnpackedFile[] = [];
  let writtenBytes = 0;
  progress.begin(`Unpacking ${runtime.title}`, runtime.unpackedBytes);
  try {
    for (const [index, wheel] of runtime.wheels.entries()) {
      const count = (byteCount: number) => {
        writtenBytes += byteCount;
        progress.at(Math.min(writtenBytes, runtime.unpackedBytes));
      };
      const wheelPath = wheelPaths[index] ?? wheel.fileName;
      files.push(...(await unpackWheel(wheelPath, wheel.keep, content, count, signal)));
    }
  } finally {
    progress.end();
  }
  if (runtime.stub) files.push(await makeStub(runtime, runtime.stub, content, environment));
  await writeFile(join(content, FILE_LIST), JSON.stringify(files));
  const stamp = { name: runtime.name, version: runtime.version, title: runtime.title };
  await writeFile(join(content, STAMP_FILE), `${JSON.stringify(stamp, null, 2)}\n`);
}

async function makeStub(
  runtime: Runtime,
  stub: StubLibrary,
  folder: string,
  environment: NodeJS.ProcessEnv,
): Promise<UnpackedFile> {
  const path = join(folder, stub.path);
  const source = join(folder, 'stub.c');
  await writeFile(source, '');
  const args = ['-shared', '-nostdlib', '-o', path, source, `-Wl,-soname,${basename(path)}`];
  args.push('-Wl,--no-as-needed', ...stub.needs.map((library) => join(folder, library)));
  // DT_RPATH, not RUNPATH: a user's LD_LIBRARY_PATH that names another release must not win.
  args.push('-Wl,--disable-new-dtags', '-Wl,-rpath,$ORIGIN', '-Wl,--allow-shlib-undefined');
  try {
    await promisify(execFile)(environment.CC ?? 'gcc', args, { env: environment });
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw installErrors.noCompiler(runtime.title, reason);
  } finally {
    await rm(source, { force: true });
  }
  return { path: stub.path, bytes: (await stat(path)).size, sha256: await sha256Of(path) };
}

/** Renames `content` to `target`. Another process may have been faster: then its result stays. */
async function putInPlace(
  runtime: Runtime,
  content: string,
  target: string,
  cache: string,
): Promise<void> {
  if (installedFolder(runtime, cache) !== undefined) return;
  // Without a stamp it is what somebody damaged: an installation of ours appears with its stamp in it.
  await rm(target, { recursive: true, force: true });
  try {
    await rename(content, target);
  } catch (error) {
    if (installedFolder(runtime, cache) === undefined) throw error;
  }
}

/**
 * Compares every file with what was installed.
 * @returns A line for each difference; none if all is well.
 */
export async function verifyRuntime(
  runtime: Runtime,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string[]> {
  const folder = installedFolder(runtime, cacheFolder(environment));
  if (folder === undefined) return [`${runtime.title} is not installed`];
  const problems: string[] = [];
  const files: UnpackedFile[] = JSON.parse(await readFile(join(folder, FILE_LIST), 'utf8'));
  for (const file of files) {
    const path = join(folder, file.path);
    if (!existsSync(path)) problems.push(`${path} is missing`);
    else if ((await sha256Of(path)) !== file.sha256) problems.push(`${path} was changed`);
  }
  return problems;
}

/**
 * Removes the runtime from the cache, in every version that was ever installed there.
 * @returns The folders that were removed.
 */
export async function removeRuntime(
  runtime: Runtime,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string[]> {
  const cache = cacheFolder(environment);
  const parent = runtimesFolder(cache);
  if (!existsSync(parent)) return [];
  const removed: string[] = [];
  for (const name of await readdir(parent)) {
    if (!name.startsWith(`${runtime.name}-`)) continue;
    const folder = join(parent, name);
    try {
      // First out of the way in one step: half a runtime must not be found by a server that starts meanwhile.
      const partial = await makePartialFolder(cache, `${runtime.name}-removed`);
      await rename(folder, join(partial, name));
      await rm(partial, { recursive: true, force: true });
    } catch (error) {
      throw wordFileError(error, cache);
    }
    removed.push(folder);
  }
  return removed;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}
