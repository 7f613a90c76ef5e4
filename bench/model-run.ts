// What the server adds to one run of a small net: MODELEXECUTE on stored inputs over a Unix socket
// by a client in C, beside a PING on the same kind of connection and the same run in process.

import { readFileSync } from 'node:fs';
import { makeModels } from '../test/helpers/models.ts';
import {
  median,
  pairCount,
  pipelineFile,
  printTable,
  type Row,
  requestFile,
  runLoadClient,
  startTutti,
} from './harness.ts';
import { startInProcess } from './in-process.ts';

const COLUMNS = 30;
const RUNS = 5000;
const WANTED_US = { run: 45, pipeline: 55 };

const input = Buffer.from(new Float32Array(COLUMNS).fill(0.5).buffer);
const tutti = await startTutti('--io-threads', '1');
const ping = requestFile('ping', 'PING');
const models = await makeModels();
const rows: Row[] = [];

for (const [backend, name] of [
  ['ONNX', 'onnx'],
  ['TORCH', 'torch'],
] as const) {
  const model = models.model(backend, 'mlp-30-128-128-2').file;
  const key = `net:${name}`;
  await runLoadClient(
    tutti.socketPath,
    'latency',
    requestFile(`store-${name}`, 'AI.MODELSTORE', key, backend, 'CPU', 'BLOB', readFileSync(model)),
    '1',
  );
  await runLoadClient(
    tutti.socketPath,
    'latency',
    requestFile(
      'input',
      'AI.TENSORSET',
      `in:${name}`,
      'FLOAT',
      '1',
      String(COLUMNS),
      'BLOB',
      input,
    ),
    '1',
  );
  const execute = requestFile(
    `execute-${name}`,
    'AI.MODELEXECUTE',
    key,
    'INPUTS',
    '1',
    `in:${name}`,
    'OUTPUTS',
    '1',
    `out:${name}`,
  );
  const pipeline = pipelineFile(`pipeline-${name}`, [
    ['AI.TENSORSET', `in:${name}`, 'FLOAT', '1', String(COLUMNS), 'BLOB', input],
    ['AI.MODELEXECUTE', key, 'INPUTS', '1', `in:${name}`, 'OUTPUTS', '1', `out:${name}`],
    ['AI.TENSORGET', `out:${name}`, 'META', 'BLOB'],
  ]);
  const inProcess = startInProcess(backend, model, 1, COLUMNS);
  const p50Us = async (file: string) =>
    ((await runLoadClient(tutti.socketPath, 'latency', file, String(RUNS)))[0] ?? NaN) / 1000;
  const addedRun: number[] = [];
  const addedPipeline: number[] = [];
  const runs: number[] = [];
  const bases: number[] = [];
  for (let pair = 0; pair < pairCount(); pair++) {
    const base = (await inProcess.run(RUNS)).p50Us + (await p50Us(ping));
    const run = await p50Us(execute);
    runs.push(run);
    bases.push(base);
    addedRun.push(run - base);
    addedPipeline.push((await p50Us(pipeline)) - base);
  }
  inProcess.stop();
  const spread = (values: number[]) =>
    `${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)} µs`;
  rows.push({
    what: `${backend} MODELEXECUTE p50; PING + in-process run`,
    tutti: `${median(runs).toFixed(0)} µs`,
    peer: `${median(bases).toFixed(0)} µs`,
    ratio: median(runs) / median(bases),
    spread: `adds ${median(addedRun).toFixed(0)} µs (${spread(addedRun)})`,
    wanted: `adds <= ${WANTED_US.run} µs`,
  });
  rows.push({
    what: `${backend} TENSORSET + MODELEXECUTE + TENSORGET in one pipeline`,
    tutti: `${(median(addedPipeline) + median(bases)).toFixed(0)} µs`,
    peer: `${median(bases).toFixed(0)} µs`,
    ratio: (median(addedPipeline) + median(bases)) / median(bases),
    spread: `adds ${median(addedPipeline).toFixed(0)} µs (${spread(addedPipeline)})`,
    wanted: `adds <= ${WANTED_US.pipeline} µs`,
  });
}
printTable('A 30-128-128-2 net over a Unix socket, one connection, 1 I/O thread', rows);
await tutti.stop();
models.remove();
