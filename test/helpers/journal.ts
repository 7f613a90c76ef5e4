// Servers with an append-only file, killed and started again.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { type Connection, type StartedServer, startServer } from './server.ts';

/** The bound of every wait; reached only where something is broken. */
const WAIT_MS_MAX = 60_000;

export function newFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-journal-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function startJournal(t: Test, folder: string, ...args: string[]): Promise<StartedServer> {
  return startJournalIn(t, {}, folder, ...args);
}

/** @param environment Variables on top of this process'. */
export async function startJournalIn(
  t: Test,
  environment: NodeJS.ProcessEnv,
  folder: string,
  ...args: string[]
): Promise<StartedServer> {
  const own = ['--dir', folder, '--save', '', '--appendonly', 'yes'];
  const all = [...own, '--enable-debug-command', 'local', ...args];
  const server = await startServer(all, environment);
  t.teardown(() => kill(server));
  return server;
}

/** Why no server starts with these files: the message of the error, with the log. */
export function startRefusal(t: Test, folder: string, ...args: string[]): Promise<string> {
  return startJournal(t, folder, ...args).then(
    () => 'it has started',
    (error: Error) => error.message,
  );
}

export async function kill(server: StartedServer): Promise<void> {
  try {
    process.kill(server.pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
  await server.ended;
}

export async function waitUntil(
  what: string,
  isSo: () => Promise<boolean> | boolean,
): Promise<void> {
  const end = Date.now() + WAIT_MS_MAX;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`never came: ${what}`);
    await sleep(10);
  }
}

export async function fact(connection: Connection, name: string): Promise<string> {
  const info = String(await connection.request('INFO', 'persistence'));
  return new RegExp(`^${name}:(.*)\r$`, 'm').exec(info)?.[1] ?? 'none';
}

/** Waits until the first rewrite has ended, asked for or not. */
export async function firstRewrite(connection: Connection, folder: string): Promise<void> {
  await waitUntil('the base of the rewrite', () =>
    journalFiles(folder).some((name) => /\.2\.base/.test(name)),
  );
  await waitUntil(
    'its end',
    async () => (await fact(connection, 'aof_rewrite_in_progress')) === '0',
  );
}

export function journalPath(folder: string, name: string): string {
  return join(folder, 'appendonlydir', name);
}

export function journalFiles(folder: string): string[] {
  return readdirSync(join(folder, 'appendonlydir')).sort();
}

/** The file that is written now. */
export function lastIncrement(folder: string): string {
  const increments = journalFiles(folder).filter((name) => name.endsWith('.incr.aof'));
  const sequence = (name: string) => Number(name.split('.').at(-3));
  const last = increments.sort((a, b) => sequence(a) - sequence(b)).at(-1);
  if (last === undefined) throw new Error('there is no increment');
  return journalPath(folder, last);
}
