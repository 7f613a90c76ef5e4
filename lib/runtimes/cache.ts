/** The per-user folder for what is fetched once and shared by all checkouts, and the partial folders in it. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { installErrors, wordFileError } from './install-error.ts';

const HOUR_MS = 3600 * 1000;

/** After this long nobody is still at work in a partial folder, whatever host made it. */
const PARTIAL_AGE_MAX_MS = 24 * HOUR_MS;

const PARTIAL_PREFIX = '.partial-';

/** `$XDG_CACHE_HOME/tutti`; as the XDG specification has it, a relative path there is ignored. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment.XDG_CACHE_HOME;
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), '.cache'), 'tutti');
}

export function runtimesFolder(cache: string): string {
  return join(cache, 'runtimes');
}

/**
 * Makes a folder for one installation at work, beside where its result will be renamed to.
 * Its name tells whether its maker can still be alive.
 * @throws {RuntimeInstallError} The cache cannot be written.
 */
export async function makePartialFolder(cache: string, name: string): Promise<string> {
  const parent = runtimesFolder(cache);
  const owner = `${hostname()}_${process.pid}_${randomBytes(4).toString('hex')}`;
  const folder = join(parent, `${PARTIAL_PREFIX}${name}_${owner}`);
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    // Node says ENOENT where a parent cannot be made, as on a disk that is read only.
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw isMissing ? installErrors.cacheUnwritable(cache, 'ENOENT') : wordFileError(error, cache);
  }
  return folder;
}

/** Removes what killed installations left. The cache may be on a disk that several hosts share. */
export async function removeStalePartialFolders(cache: string): Promise<void> {
  const parent = runtimesFolder(cache);
  if (!existsSync(parent)) return;
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PARTIAL_PREFIX)) continue;
    const folder = join(parent, name);
    const [host, pid] = name.split('_').slice(-3);
    const ours = host === hostname();
    if (ours ? isAlive(Number(pid)) : (await ageMs(folder)) < PARTIAL_AGE_MAX_MS) continue;
    await rm(folder, { recursive: true, force: true });
  }
}

async function ageMs(path: string): Promise<number> {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch {
    return 0; // removed by its owner meanwhile
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and is another user's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
