// How long it takes from starting the process to the first PING answered.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import {
  comparePairs,
  freePort,
  hasProgram,
  printTable,
  topFolder,
  untilAnswers,
} from './harness.ts';

async function startMs(command: string, words: readonly string[]): Promise<number> {
  const port = await freePort();
  const begin = performance.now();
  const child = spawn(command, [...words, '--port', String(port), '--save', ''], {
    stdio: 'ignore',
  });
  await untilAnswers(port, child);
  const elapsedMs = performance.now() - begin;
  await new Promise((resolve) => {
    child.once('exit', resolve);
    child.kill('SIGTERM');
  });
  return elapsedMs;
}

if (!hasProgram('redis-server'))
  throw new Error('redis-server is not installed: there is nothing to compare with');
const main = join(topFolder, 'build', 'js', 'lib', 'cli', 'server.js');
const { a, b, ratio, spread } = await comparePairs(
  () => startMs(process.execPath, [main]),
  () => startMs('redis-server', []),
);
printTable('Process start to first PING answered', [
  {
    what: 'start-up (polled every 5 ms)',
    tutti: `${a.toFixed(0)} ms`,
    peer: `${b.toFixed(0)} ms`,
    ratio,
    spread,
    wanted: 'Tutti <= 300 ms',
  },
]);
