// How many bytes a second large tensors move at, in and out, beside redis-server's SET and GET.

import {
  comparePairs,
  printTable,
  type Row,
  requestFile,
  runLoadClient,
  type Server,
  startRedis,
  startTutti,
} from './harness.ts';

const CONNECTIONS = 4;
const SECONDS = 2;
const MiB = 1024 * 1024;

async function bytesPerSecond(server: Server, file: string, valueBytes: number): Promise<number> {
  const [requests = 0, seconds = 1] = await runLoadClient(
    `127.0.0.1:${server.port}`,
    'throughput',
    file,
    String(CONNECTIONS),
    '1',
    String(SECONDS),
  );
  return (requests * valueBytes) / seconds;
}

const gigabytes = (value: number) => `${(value / 1e9).toFixed(2)} GB/s`;

const redis = await startRedis();
if (!redis) throw new Error('redis-server is not installed: there is nothing to compare with');
const tutti = await startTutti('--io-threads', '1');
const rows: Row[] = [];
for (const { bytes, wantedSet, wantedGet } of [
  { bytes: MiB, wantedSet: '>= 0.95', wantedGet: '>= 1' },
  { bytes: 16 * MiB, wantedSet: '>= 2', wantedGet: '>= 2' },
]) {
  const blob = Buffer.alloc(bytes, 7);
  const name = `${bytes / MiB}MiB`;
  const tensorSet = requestFile(
    `tensor-set-${name}`,
    'AI.TENSORSET',
    `tensor:${name}`,
    'UINT8',
    String(bytes),
    'BLOB',
    blob,
  );
  const tensorGet = requestFile(
    `tensor-get-${name}`,
    'AI.TENSORGET',
    `tensor:${name}`,
    'META',
    'BLOB',
  );
  const set = requestFile(`set-${name}`, 'SET', `string:${name}`, blob);
  const get = requestFile(`get-${name}`, 'GET', `string:${name}`);
  for (const { what, ours, theirs, wanted } of [
    { what: `AI.TENSORSET ${name}`, ours: tensorSet, theirs: set, wanted: wantedSet },
    { what: `AI.TENSORGET META BLOB ${name}`, ours: tensorGet, theirs: get, wanted: wantedGet },
  ]) {
    const { a, b, ratio, spread } = await comparePairs(
      () => bytesPerSecond(tutti, ours, bytes),
      () => bytesPerSecond(redis, theirs, bytes),
    );
    rows.push({ what, tutti: gigabytes(a), peer: gigabytes(b), ratio, spread, wanted });
  }
}
printTable(
  `Large tensors, ${CONNECTIONS} connections, 1 I/O thread, against redis-server SET / GET`,
  rows,
);
for (const server of [redis, tutti]) await server.stop();
