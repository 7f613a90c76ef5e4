// What tests of users have in common: servers of two I/O threads, and their clients.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type Connection, type StartedServer, startServer } from '../helpers/server.ts';

export const noKey = 'NOPERM No permissions to access a key';
export const wrongPass = 'WRONGPASS invalid username-password pair or user is disabled.';
export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

export async function start(t: Test, ...args: string[]): Promise<StartedServer> {
  const server = await startServer([...args, '--io-threads', '2']);
  t.teardown(() => server.stop());
  return server;
}

/** Connections that are dealt out in turn: both threads have some. */
export async function connect(
  t: Test,
  server: StartedServer,
  count: number,
): Promise<Connection[]> {
  const connections: Connection[] = [];
  for (let i = 0; i < count; i++) connections.push(await server.raw());
  t.teardown(() => {
    for (const connection of connections) connection.close();
  });
  return connections;
}

export function folderFor(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-users-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** INFO's lines as an object. */
export async function info(
  connection: Connection,
  section: string,
): Promise<Record<string, string>> {
  const text = String(await connection.request('INFO', section));
  return Object.fromEntries(text.split('\r\n').map((line) => line.split(':')));
}
