// The stock programs that tests run: Debian's redis-server, redis-cli and redis-benchmark. A test
// that needs one that is not installed says so and skips.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The bound of every wait for another process; reached only where something is broken. */
const PROCESS_MS_MAX = 60_000;

export interface ProcessEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @returns The reason to skip, as tap's `skip` option takes it, or false if all the programs are there. */
export function missingPrograms(...names: string[]): string | false {
  const missing = names.filter((name) => spawnSync(name, ['--version']).error !== undefined);
  return (
    missing.length > 0 &&
    `${missing.join(' and ')} not installed: apt-get install redis-server redis-tools`
  );
}

/** Runs a program to its end. A program that does not end in time is killed: its status is null. */
export function runProcess(
  program: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: string | Buffer; timeoutMs?: number } = {},
): Promise<ProcessEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...options.env },
      timeout: options.timeoutMs ?? PROCESS_MS_MAX,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', reject);
    child.on('close', (status, signal) =>
      resolve({
        status,
        signal,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    );
    // A program that ends without reading its input breaks the pipe: its status tells the story.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

/** A TCP port of the loopback interface that nothing listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address
          ? resolve(address.port)
          : reject(new Error('no port')),
      );
    });
  });
}

export interface RedisServer {
  readonly port: number;
  /** As `major.minor`, e.g. `7.0`. */
  readonly version: string;
  stop(): Promise<void>;
}

/** Starts Debian's redis-server, empty and without persistence, on a loopback port of its own. */
export async function startRedis(args: readonly string[] = []): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-redis-'));
  const port = await freePort();
  const child = spawn(
    'redis-server',
    [
      '--port',
      `${port}`,
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'no',
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('Ready to accept connections')) resolve();
    });
    child.on('error', reject);
    void ended.then(() => reject(new Error(`redis-server ended: ${log}`)));
  });
  return {
    port,
    version: /version=(\d+\.\d+)/.exec(log)?.[1] ?? 'unknown',
    async stop() {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
