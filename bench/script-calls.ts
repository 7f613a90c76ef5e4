// What redis.execute costs a script a call, beside the same command sent by a client over a Unix
// socket; and what a model costs that a script runs, beside a client's own run of it.

import { readFileSync } from 'node:fs';
import { makeModels } from '../test/helpers/models.ts';
import {
  median,
  pairCount,
  printTable,
  type Row,
  requestFile,
  runLoadClient,
  startTutti,
} from './harness.ts';

const CALLS = 200;
const RUNS = 50;
const COLUMNS = 30;
const SIGNATURE = 'tensors: List[Tensor], keys: List[str], args: List[str]';
const SOURCE = `
def get(${SIGNATURE}):
    for i in range(int(args[0])):
        redis.execute("GET", keys[0])

def run(${SIGNATURE}):
    for i in range(int(args[0])):
        redisAI.model_execute(keys[0], tensors, 1)
`;

const tutti = await startTutti('--io-threads', '1');
const models = await makeModels();

const p50Us = async (file: string, runs: number) =>
  ((await runLoadClient(tutti.socketPath, 'latency', file, String(runs)))[0] ?? NaN) / 1000;
const store = (name: string, ...words: (string | Buffer)[]) =>
  runLoadClient(tutti.socketPath, 'latency', requestFile(name, ...words), '1');

/** One run of a function that makes so many calls. */
const scriptFile = (name: string, key: string, calls: number) =>
  requestFile(
    `${name}-${calls}`,
    ...['AI.SCRIPTEXECUTE', 's', name, 'KEYS', '1', key],
    ...['INPUTS', '1', 'in', 'ARGS', '1', String(calls)],
  );

const model = readFileSync(models.model('ONNX', 'mlp-30-128-128-2').file);
const input = Buffer.from(new Float32Array(COLUMNS).fill(0.5).buffer);
await store(
  'script',
  'AI.SCRIPTSTORE',
  's',
  'CPU',
  'ENTRY_POINTS',
  '2',
  'get',
  'run',
  'SOURCE',
  SOURCE,
);
await store('model', 'AI.MODELSTORE', 'net', 'ONNX', 'CPU', 'BLOB', model);
await store('in', 'AI.TENSORSET', 'in', 'FLOAT', '1', String(COLUMNS), 'BLOB', input);
await store('value', 'SET', 'k', 'x'.repeat(64));
const executeWords = ['AI.MODELEXECUTE', 'net', 'INPUTS', '1', 'in', 'OUTPUTS', '1', 'out'];

const rows: Row[] = [];
for (const [what, name, key, peerFile] of [
  ['redis.execute("GET", k) of 64 B', 'get', 'k', requestFile('get', 'GET', 'k')],
  [
    'redisAI.model_execute of a 30-128-128-2 net',
    'run',
    'net',
    requestFile('run', ...executeWords),
  ],
] as const) {
  const none = scriptFile(name, key, 0);
  const many = scriptFile(name, key, CALLS);
  await p50Us(many, RUNS);
  const calls: number[] = [];
  const peers: number[] = [];
  const ratios: number[] = [];
  for (let pair = 0; pair < pairCount(); pair++) {
    const call = ((await p50Us(many, RUNS)) - (await p50Us(none, RUNS))) / CALLS;
    const peer = await p50Us(peerFile, CALLS * 10);
    calls.push(call);
    peers.push(peer);
    ratios.push(call / peer);
  }
  rows.push({
    what,
    tutti: `${median(calls).toFixed(1)} µs`,
    peer: `${median(peers).toFixed(1)} µs`,
    ratio: median(ratios),
    spread: `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`,
    wanted: '',
  });
}
printTable('A call of a script against the same command of one client over a Unix socket', rows);
await tutti.stop();
models.remove();
