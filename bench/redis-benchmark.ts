// How Tutti answers redis-benchmark's own tests beside redis-server: one I/O thread, 50 connections,
// a request at a time, the two in alternation.

import { spawnSync } from 'node:child_process';
import {
  comparePairs,
  hasProgram,
  printTable,
  type Row,
  type Server,
  startRedis,
  startTutti,
} from './harness.ts';

const CONNECTIONS = 50;
const REQUESTS = 60_000;
/** Those that fill a reply: as long as the others with fewer. */
const REQUESTS_OF_RANGES = 12_000;

interface Test {
  name: string;
  shown: RegExp;
  wanted: number;
  /** Of one that Debian's redis-benchmark 7.0 has no name for. */
  words?: readonly string[];
}

/** The default run of 7.2, by the names that `-t` takes, and the least ratio that is wanted. */
const tests: readonly Test[] = [
  { name: 'ping_inline', shown: /^PING_INLINE/, wanted: 0.85 },
  { name: 'ping_mbulk', shown: /^PING_MBULK/, wanted: 0.85 },
  { name: 'set', shown: /^SET/, wanted: 0.85 },
  { name: 'get', shown: /^GET/, wanted: 0.85 },
  { name: 'incr', shown: /^INCR/, wanted: 0.85 },
  { name: 'lpush', shown: /^LPUSH/, wanted: 0.85 },
  { name: 'rpush', shown: /^RPUSH/, wanted: 0.85 },
  { name: 'lpop', shown: /^LPOP/, wanted: 0.85 },
  { name: 'rpop', shown: /^RPOP/, wanted: 0.85 },
  { name: 'sadd', shown: /^SADD/, wanted: 0.85 },
  { name: 'hset', shown: /^HSET/, wanted: 0.85 },
  { name: 'spop', shown: /^SPOP/, wanted: 0.85 },
  { name: 'zadd', shown: /^ZADD/, wanted: 0.85 },
  { name: 'zpopmin', shown: /^ZPOPMIN/, wanted: 0.85 },
  { name: 'lrange_100', shown: /^LRANGE_100/, wanted: 0.85 },
  { name: 'lrange_300', shown: /^LRANGE_300/, wanted: 0.85 },
  { name: 'lrange_500', shown: /^LRANGE_500/, wanted: 0.85 },
  { name: 'lrange_600', shown: /^LRANGE_600/, wanted: 0.7 },
  { name: 'mset', shown: /^MSET/, wanted: 0.85 },
  {
    name: 'xadd',
    shown: /^XADD/,
    wanted: 0.85,
    words: ['XADD', 'mystream', '*', 'myfield', 'x'.repeat(3)],
  },
];

/** @returns Requests a second. @throws {Error} redis-benchmark has failed. */
function perSecond(server: Server, { name, shown, words: own }: Test): number {
  const requests = name.startsWith('lrange') ? REQUESTS_OF_RANGES : REQUESTS;
  const words = ['-p', server.port, '-c', CONNECTIONS, '-n', requests, '-q', '-e'];
  words.push(...(own ?? ['-t', name]));
  const { stdout, stderr, status } = spawnSync('redis-benchmark', words.map(String), {
    encoding: 'utf8',
  });
  // The lines of a run overwrite each other with carriage returns; the last says the rate.
  const line = stdout
    .split(/[\r\n]+/)
    .find((text) => shown.test(text) && text.includes('per second'));
  const rate = Number(/([\d.]+) requests per second/.exec(line ?? '')?.[1]);
  if (status !== 0 || !(rate > 0)) throw new Error(`redis-benchmark ${name}: ${stdout}${stderr}`);
  return rate;
}

if (!hasProgram('redis-benchmark')) throw new Error('redis-benchmark is not installed');
const redis = await startRedis();
if (!redis) throw new Error('redis-server is not installed: there is nothing to compare with');
const tutti = await startTutti('--io-threads', '1');
const chosen = process.argv.includes('--only')
  ? process.argv[process.argv.indexOf('--only') + 1]?.split(',')
  : undefined;
const rows: Row[] = [];
for (const test of tests) {
  const { name, wanted } = test;
  if (chosen && !chosen.includes(name)) continue;
  const { a, b, ratio, spread } = await comparePairs(
    async () => perSecond(tutti, test),
    async () => perSecond(redis, test),
  );
  const thousands = (value: number) => `${Math.round(value / 1000)}k/s`;
  rows.push({
    what: name,
    tutti: thousands(a),
    peer: thousands(b),
    ratio,
    spread,
    wanted: `>= ${wanted}`,
  });
}
printTable(
  `redis-benchmark's default run, ${CONNECTIONS} connections, 1 I/O thread, against redis-server`,
  rows,
);
for (const server of [redis, tutti]) await server.stop();
