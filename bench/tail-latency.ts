// The tail that a small reader sees while large values move: GETs of 1 KiB at a fixed rate, each
// counted from its intended start, beside two clients that set and get 10 MB ten times a second.

import {
  comparePairs,
  printTable,
  requestFile,
  runLoadClient,
  type Server,
  startRedis,
  startTutti,
} from './harness.ts';

const SECONDS = 5;
const READS_PER_SECOND = 1000;
const MOVES_PER_SECOND = 10;
const MOVED_BYTES = 10_000_000;

const blob = Buffer.alloc(MOVED_BYTES, 7);
const small = requestFile('set-1KiB', 'SET', 'small', Buffer.alloc(1024, 'x'));
const getSmall = requestFile('get-1KiB', 'GET', 'small');

interface Movers {
  readonly set: string;
  readonly get: string;
}
const tensors = (n: number): Movers => ({
  set: requestFile(
    `tensor-set-10MB-${n}`,
    'AI.TENSORSET',
    `moved:${n}`,
    'UINT8',
    String(MOVED_BYTES),
    'BLOB',
    blob,
  ),
  get: requestFile(`tensor-get-10MB-${n}`, 'AI.TENSORGET', `moved:${n}`, 'META', 'BLOB'),
});
const strings = (n: number): Movers => ({
  set: requestFile(`set-10MB-${n}`, 'SET', `moved:${n}`, blob),
  get: requestFile(`get-10MB-${n}`, 'GET', `moved:${n}`),
});

async function tailMs(server: Server, movers: readonly Movers[]): Promise<number> {
  const address = `127.0.0.1:${server.port}`;
  await runLoadClient(address, 'latency', small, '1');
  const moving = movers.map(({ set, get }) =>
    runLoadClient(address, 'mover', set, get, String(MOVES_PER_SECOND), String(SECONDS + 1)),
  );
  const [, , , p999 = NaN] = await runLoadClient(
    address,
    'rate',
    getSmall,
    String(READS_PER_SECOND),
    String(SECONDS),
  );
  await Promise.all(moving);
  return p999 / 1e6;
}

const redis = await startRedis();
if (!redis) throw new Error('redis-server is not installed: there is nothing to compare with');
const tutti = await startTutti('--io-threads', '2');
const { a, b, ratio, spread } = await comparePairs(
  () => tailMs(tutti, [tensors(0), tensors(1)]),
  () => tailMs(redis, [strings(0), strings(1)]),
);
printTable('1 KiB GET beside two movers of 10 MB, 2 I/O threads', [
  {
    what: `p99.9 of ${READS_PER_SECOND} GETs a second`,
    tutti: `${a.toFixed(2)} ms`,
    peer: `${b.toFixed(2)} ms`,
    ratio,
    spread,
    wanted: '<= 0.2',
  },
]);
for (const server of [redis, tutti]) await server.stop();
