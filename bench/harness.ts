// What every benchmark shares: servers side by side, pairs in alternation, medians, a table.
// Absolute figures of a shared machine drift; the ratio of two runs next to each other does not.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top of the checkout, seen from build/js/bench. */
export const topFolder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
export const benchFolder = join(topFolder, 'build', 'bench');

export interface Server {
  readonly name: string;
  readonly port: number;
  readonly socketPath: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Medians of this many alternating pairs, unless `--pairs N` says otherwise. */
const PAIRS_DEFAULT = 7;

export function pairCount(): number {
  const flag = process.argv.indexOf('--pairs');
  return flag < 0 ? PAIRS_DEFAULT : Number(process.argv[flag + 1]);
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}

/** Resolves when a PING is answered. @throws {Error} After 20 s, or when the process ended before. */
export async function untilAnswers(port: number, child: ChildProcess): Promise<void> {
  const deadlineMs = Date.now() + 20_000;
  while (!(await answersPing(port))) {
    if (child.exitCode !== null) throw new Error(`the server ended with status ${child.exitCode}`);
    if (Date.now() > deadlineMs) throw new Error(`no answer on port ${port} within 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' }, () => socket.write('PING\r\n'));
    socket.once('data', (chunk) => {
      socket.destroy();
      resolve(chunk.toString().startsWith('+PONG'));
    });
    socket.once('error', () => resolve(false));
  });
}

async function startProcess(
  name: string,
  command: string,
  words: string[],
  port: number,
  socketPath: string,
): Promise<Server> {
  const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'inherit'] });
  await untilAnswers(port, child);
  return {
    name,
    port,
    socketPath,
    pid: child.pid ?? 0,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

const socketFolder = mkdtempSync(join(tmpdir(), 'tutti-bench-'));
process.once('exit', () => rmSync(socketFolder, { recursive: true, force: true }));

/** Tutti as it was built, with these settings. */
export async function startTutti(...settings: string[]): Promise<Server> {
  const port = await freePort();
  const socketPath = join(socketFolder, `tutti-${port}.sock`);
  const main = join(topFolder, 'build', 'js', 'lib', 'cli', 'server.js');
  const words = [
    main,
    '--port',
    String(port),
    '--unixsocket',
    socketPath,
    '--save',
    '',
    ...settings,
  ];
  return startProcess('tutti', process.execPath, words, port, socketPath);
}

/** Debian's redis-server without persistence; undefined where it is not installed. */
export async function startRedis(...settings: string[]): Promise<Server | undefined> {
  if (!hasProgram('redis-server')) return undefined;
  const port = await freePort();
  const socketPath = join(socketFolder, `redis-${port}.sock`);
  const words = [
    '--port',
    String(port),
    '--unixsocket',
    socketPath,
    '--save',
    '',
    '--appendonly',
    'no',
    ...settings,
  ];
  return startProcess('redis-server', 'redis-server', words, port, socketPath);
}

export function hasProgram(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`]);
    return true;
  } catch {
    return false; // `command -v` answers 1 for what is not there
  }
}

/** bench/load-client.c, compiled when it is newer than its program. */
export function loadClient(): string {
  mkdirSync(benchFolder, { recursive: true });
  const source = join(topFolder, 'bench', 'load-client.c');
  const program = join(benchFolder, 'load-client');
  if (!existsSync(program) || statSync(program).mtimeMs < statSync(source).mtimeMs) {
    execFileSync('cc', ['-O2', '-o', program, source]);
  }
  return program;
}

/** Runs the load client. @returns The numbers it prints. */
export async function runLoadClient(...words: string[]): Promise<number[]> {
  const child = spawn(loadClient(), words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.on('data', (chunk) => {
    printed += chunk;
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (status !== 0) throw new Error(`load-client ${words.join(' ')} ended with status ${status}`);
  return printed.trim().split(' ').map(Number);
}

/** A request as RESP in a file of its own, for the load client. */
export function requestFile(name: string, ...words: (string | Buffer)[]): string {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = Buffer.from(word);
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  mkdirSync(benchFolder, { recursive: true });
  const path = join(benchFolder, `${name}.resp`);
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

/** Several requests, sent as one. */
export function pipelineFile(
  name: string,
  requests: readonly (readonly (string | Buffer)[])[],
): string {
  const parts = requests.map((words, i) => readFileSync(requestFile(`${name}-${i}`, ...words)));
  const path = join(benchFolder, `${name}.resp`);
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

/** User and system CPU seconds of a process so far (proc(5), `stat`; 100 ticks a second). */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

export interface Row {
  readonly what: string;
  readonly tutti: string;
  readonly peer: string;
  readonly ratio: number;
  readonly spread: string;
  /** The bar, as `>= 0.95` or `<= 0.2`; empty for what has none. */
  readonly wanted: string;
}

/** Runs two measurements in alternation. @returns The medians, and the median of the pairs' ratios a/b. */
export async function comparePairs(
  measureA: () => Promise<number>,
  measureB: () => Promise<number>,
): Promise<{ a: number; b: number; ratio: number; spread: string }> {
  const as: number[] = [];
  const bs: number[] = [];
  for (let pair = 0; pair < pairCount(); pair++) {
    // Which of the two goes first alternates too.
    if (pair % 2 === 0) {
      as.push(await measureA());
      bs.push(await measureB());
    } else {
      bs.push(await measureB());
      as.push(await measureA());
    }
  }
  const ratios = as.map((a, i) => a / (bs[i] ?? NaN));
  const spread = `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`;
  return { a: median(as), b: median(bs), ratio: median(ratios), spread };
}

export function printTable(title: string, rows: readonly Row[]): void {
  const cpu = cpus();
  console.log(`\n## ${title}`);
  console.log(
    `${cpu.length} x ${cpu[0]?.model ?? 'unknown CPU'}, Node ${process.versions.node}, ${pairCount()} alternating pairs\n`,
  );
  console.log('| what | Tutti | peer | ratio | spread | wanted |');
  console.log('|---|---|---|---|---|---|');
  for (const row of rows) {
    console.log(
      `| ${row.what} | ${row.tutti} | ${row.peer} | ${row.ratio.toFixed(2)} | ${row.spread} | ${row.wanted} |`,
    );
  }
}
