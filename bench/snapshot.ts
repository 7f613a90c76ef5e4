// What clients notice of a BGSAVE: GETs of 1 KiB and writers of 1 MiB tensors at fixed rates, each
// counted from its intended start, quiet and while 2 GB of such tensors are saved; and the memory that
// it takes beyond what the writers replace. `--mib N` saves another amount.

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  median,
  pairCount,
  printTable,
  requestFile,
  runLoadClient,
  startTutti,
} from './harness.ts';

const MIB = 1024 * 1024;
const flag = process.argv.indexOf('--mib');
const TENSOR_COUNT = flag < 0 ? 2048 : Number(process.argv[flag + 1]);
const WRITER_COUNT = 4;
const WRITES_PER_SECOND = 10;
const READS_PER_SECOND = 1000;
const SECONDS = 5;

const blob = Buffer.alloc(MIB, 'tensor');
const set = (key: string) => ['AI.TENSORSET', key, 'UINT8', String(MIB), 'BLOB', blob] as const;
const writers = Array.from({ length: WRITER_COUNT }, (_, i) =>
  requestFile(`set-tensor-${i}`, ...set(`tensor:${i}`)),
);
const setSmall = requestFile('set-1KiB', 'SET', 'small', Buffer.alloc(1024, 'x'));
const getSmall = requestFile('get-1KiB', 'GET', 'small');

const folder = mkdtempSync(join(tmpdir(), 'tutti-snapshot-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const tutti = await startTutti('--dir', folder, '--io-threads', '2');
const address = `127.0.0.1:${tutti.port}`;

/** Sends inline commands or whole requests. @returns All that is answered until the server is done. */
function ask(...requests: (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port: tutti.port, host: '127.0.0.1' });
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
    for (const request of requests) socket.write(request);
    socket.write('QUIT\r\n');
  });
}

async function fact(section: string, name: string): Promise<number> {
  const info = await ask(`INFO ${section}\r\n`);
  return Number(new RegExp(`^${name}:(.*)\r$`, 'm').exec(info)?.[1] ?? Number.NaN);
}

async function fill(): Promise<void> {
  for (let i = 0; i < TENSOR_COUNT; i++) {
    const head = `*6\r\n$12\r\nAI.TENSORSET\r\n$${`tensor:${i}`.length}\r\ntensor:${i}\r\n$5\r\nUINT8\r\n$7\r\n${MIB}\r\n$4\r\nBLOB\r\n$${MIB}\r\n`;
    await ask(head, blob, '\r\n');
  }
}

interface Latencies {
  readonly readMs: number;
  readonly writeMs: number;
}

/** The 99th percentiles of readers and writers. */
async function measure(): Promise<Latencies> {
  const p99 = async (request: string, rate: number) => {
    const [, , ns = Number.NaN] = await runLoadClient(
      ...[address, 'rate', request, String(rate), String(SECONDS)],
    );
    return ns / 1e6;
  };
  const [readMs = Number.NaN, ...writeMs] = await Promise.all([
    p99(getSmall, READS_PER_SECOND),
    ...writers.map((writer) => p99(writer, WRITES_PER_SECOND)),
  ]);
  return { readMs, writeMs: median(writeMs) };
}

interface Saving extends Latencies {
  readonly seconds: number;
  /** Beyond the values that the writers replaced, as a part of all. */
  readonly growth: number;
}

async function measureSaving(): Promise<Saving> {
  const before = await fact('memory', 'used_memory');
  let most = before;
  let seconds = Number.NaN;
  let isOver = false;
  const startedMs = Date.now();
  await ask('BGSAVE\r\n');
  const watching = (async () => {
    while (!isOver) {
      if (Number.isNaN(seconds)) {
        if ((await fact('persistence', 'rdb_bgsave_in_progress')) === 0)
          seconds = (Date.now() - startedMs) / 1000;
        else most = Math.max(most, await fact('memory', 'used_memory'));
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const latencies = await measure();
  while (Number.isNaN(seconds)) await new Promise((resolve) => setTimeout(resolve, 20));
  isOver = true;
  await watching;
  return { ...latencies, seconds, growth: (most - before - WRITER_COUNT * MIB) / before };
}

await runLoadClient(address, 'latency', setSmall, '1');
await fill();
const quiet: Latencies[] = [];
const saving: Saving[] = [];
for (let pair = 0; pair < pairCount(); pair++) {
  quiet.push(await measure());
  saving.push(await measureSaving());
}
const fileBytes = statSync(join(folder, 'dump.rdb')).size;
const row = (what: string, of: (from: Latencies) => number, wanted: string) => {
  const ratios = saving.map((each, i) => of(each) / of(quiet[i] ?? each));
  const spread = `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`;
  const tutti = `${median(saving.map(of)).toFixed(2)} ms`;
  const peer = `${median(quiet.map(of)).toFixed(2)} ms quiet`;
  return { what, tutti, peer, ratio: median(ratios), spread, wanted };
};
const seconds = median(saving.map((each) => each.seconds));
const growths = saving.map(({ growth }) => growth);
printTable(`BGSAVE of ${TENSOR_COUNT} tensors of 1 MiB under ${WRITER_COUNT} writers`, [
  row(`p99 of ${READS_PER_SECOND} GETs a second`, ({ readMs }) => readMs, '<= 2'),
  row(
    `p99 of ${WRITER_COUNT * WRITES_PER_SECOND} TENSORSETs a second`,
    ({ writeMs }) => writeMs,
    '<= 2',
  ),
  {
    what: `the save: ${(fileBytes / 1e9).toFixed(2)} GB`,
    tutti: `${seconds.toFixed(2)} s`,
    peer: `${(fileBytes / 1e9 / seconds).toFixed(2)} GB/s`,
    ratio: median(growths),
    spread: `memory ${(100 * Math.min(...growths)).toFixed(1)} to ${(100 * Math.max(...growths)).toFixed(1)} %`,
    wanted: '<= 0.1',
  },
]);
await tutti.stop();
