// How many 64-byte tensors a second go in and out, beside redis-server's SET and GET of as many
// bytes; one at a time and 16 at a time, with one and with two I/O threads.

import {
  comparePairs,
  cpuSeconds,
  printTable,
  type Row,
  requestFile,
  runLoadClient,
  type Server,
  startRedis,
  startTutti,
} from './harness.ts';

const CONNECTIONS = 50;
const SECONDS = 1.5;
const blob = Buffer.alloc(64, 'x');

const tensorSet = requestFile(
  'tensor-set-64',
  'AI.TENSORSET',
  'tensor:64',
  'FLOAT',
  '16',
  'BLOB',
  blob,
);
const tensorGet = requestFile('tensor-get-64', 'AI.TENSORGET', 'tensor:64', 'META', 'BLOB');
const set = requestFile('set-64', 'SET', 'string:64', blob);
const get = requestFile('get-64', 'GET', 'string:64');

let microsecondsPerCommand = 0;

async function perSecond(server: Server, file: string, pipeline: number): Promise<number> {
  const cpuBefore = cpuSeconds(server.pid);
  const [requests = 0, seconds = 1] = await runLoadClient(
    `127.0.0.1:${server.port}`,
    'throughput',
    file,
    String(CONNECTIONS),
    String(pipeline),
    String(SECONDS),
  );
  microsecondsPerCommand = ((cpuSeconds(server.pid) - cpuBefore) * 1e6) / requests;
  return requests / seconds;
}

const thousands = (value: number) => `${Math.round(value / 1000)}k/s`;

const redis = await startRedis();
if (!redis) throw new Error('redis-server is not installed: there is nothing to compare with');
const one = await startTutti('--io-threads', '1');
const two = await startTutti('--io-threads', '2');
const rows: Row[] = [];
for (const server of [redis]) {
  await perSecond(server, set, 1);
}
for (const server of [one, two]) await perSecond(server, tensorSet, 16);

const questions = [
  { what: 'AI.TENSORSET 64 B', ours: tensorSet, theirs: set, pipeline: 1, wanted: '>= 0.95' },
  {
    what: 'AI.TENSORGET META BLOB 64 B',
    ours: tensorGet,
    theirs: get,
    pipeline: 1,
    wanted: '>= 0.95',
  },
  {
    what: 'AI.TENSORSET 64 B, 16 pipelined',
    ours: tensorSet,
    theirs: set,
    pipeline: 16,
    wanted: '>= 0.65',
  },
  {
    what: 'AI.TENSORGET META BLOB 64 B, 16 pipelined',
    ours: tensorGet,
    theirs: get,
    pipeline: 16,
    wanted: '>= 0.6',
  },
];
for (const { what, ours, theirs, pipeline, wanted } of questions) {
  const { a, b, ratio, spread } = await comparePairs(
    () => perSecond(one, ours, pipeline),
    () => perSecond(redis, theirs, pipeline),
  );
  rows.push({ what, tutti: thousands(a), peer: thousands(b), ratio, spread, wanted });
}
for (const { what, ours, pipeline } of questions.slice(2)) {
  const cpu: { one: number[]; two: number[] } = { one: [], two: [] };
  const { a, b, ratio, spread } = await comparePairs(
    async () => {
      const rate = await perSecond(two, ours, pipeline);
      cpu.two.push(microsecondsPerCommand);
      return rate;
    },
    async () => {
      const rate = await perSecond(one, ours, pipeline);
      cpu.one.push(microsecondsPerCommand);
      return rate;
    },
  );
  rows.push({
    what: `${what}: 2 I/O threads against 1`,
    tutti: thousands(a),
    peer: thousands(b),
    ratio,
    spread,
    wanted: '>= 1',
  });
  const ratios = cpu.two.map((value, i) => value / (cpu.one[i] ?? NaN)).sort((x, y) => x - y);
  rows.push({
    what: `${what}: server CPU a command, 2 against 1`,
    tutti: `${(cpu.two[0] ?? NaN).toFixed(2)} µs`,
    peer: `${(cpu.one[0] ?? NaN).toFixed(2)} µs`,
    ratio: ratios[ratios.length >> 1] ?? NaN,
    spread: `${ratios[0]?.toFixed(2)}-${ratios.at(-1)?.toFixed(2)}`,
    wanted: '<= 1.2',
  });
}
printTable(
  `64-byte tensors, ${CONNECTIONS} connections, 1 I/O thread unless said, against redis-server SET / GET`,
  rows,
);
for (const server of [redis, one, two]) await server.stop();
