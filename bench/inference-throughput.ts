// How many runs a second many clients get, beside one caller that runs the same model in process: a
// small net, a wide one and a MobileNet; each run alone, put together by the server (BATCHSIZE), and
// as batches that the client made. Every connection has an output of its own, as requests that are
// the same would join one another.

import { readFileSync } from 'node:fs';
import { makeModels } from '../test/helpers/models.ts';
import {
  comparePairs,
  printTable,
  type Row,
  requestFile,
  runLoadClient,
  startTutti,
} from './harness.ts';
import { type InProcess, startInProcess, startPythonInProcess } from './in-process.ts';

/** Long enough that a batch more or less makes no difference, and no longer: machines drift. */
const SECONDS = { 'mlp-30-128-128-2': 1, 'mlp-4-1024-1024-2': 1, mobilenet: 2 };

interface Case {
  readonly model: keyof typeof SECONDS;
  readonly columns: number;
  readonly connections: number;
  /** Of each request's input. */
  readonly rows: number;
  /** BATCHSIZE; 0: none. */
  readonly batchSize: number;
  /** By backend: the bar of runs a second, or of the ratio to one caller in process. */
  readonly wanted?: Partial<Record<'ONNX' | 'TORCH', string>>;
}

const half = { ONNX: '>= 0.5', TORCH: '>= 0.5' };
const nearlyAll = { ONNX: '>= 0.97', TORCH: '>= 0.97' };
const small = { model: 'mlp-30-128-128-2', columns: 30 } as const;
const wide = { model: 'mlp-4-1024-1024-2', columns: 4 } as const;
const mobilenet = { model: 'mobilenet', columns: 3 * 224 * 224 } as const;

const cases: readonly Case[] = [
  { ...small, connections: 1, rows: 1, batchSize: 0 },
  { ...small, connections: 16, rows: 1, batchSize: 0, wanted: half },
  { ...small, connections: 16, rows: 1, batchSize: 16 },
  { ...small, connections: 16, rows: 16, batchSize: 0 },
  // RedisAI with TORCH gave 1,370 runs a second on these 2 cores; four times that are wanted.
  { ...wide, connections: 16, rows: 1, batchSize: 0, wanted: { TORCH: '>= 5480/s' } },
  { ...wide, connections: 16, rows: 1, batchSize: 16 },
  { ...mobilenet, connections: 1, rows: 1, batchSize: 0, wanted: nearlyAll },
  { ...mobilenet, connections: 10, rows: 1, batchSize: 0, wanted: nearlyAll },
  { ...mobilenet, connections: 10, rows: 1, batchSize: 10 },
  { ...mobilenet, connections: 1, rows: 8, batchSize: 0, wanted: nearlyAll },
];

const models = await makeModels(['mobilenet']);
const tutti = await startTutti('--io-threads', '2');

async function once(name: string, ...words: (string | Buffer)[]): Promise<void> {
  await runLoadClient(tutti.socketPath, 'latency', requestFile(name, ...words), '1');
}

/** @returns Its rows: one against the runtime's C or C++ interface, one against its Python package. */
async function measure(backend: 'ONNX' | 'TORCH', one: Case): Promise<Row[]> {
  const { model, columns, connections, rows, batchSize } = one;
  const id = `${backend}-${model}-${rows}-${batchSize}`;
  const blob = readFileSync(models.model(backend, model).file);
  const batching = batchSize > 0 ? ['BATCHSIZE', String(batchSize)] : [];
  await once(`store-${id}`, 'AI.MODELSTORE', id, backend, 'CPU', ...batching, 'BLOB', blob);
  const input = Buffer.from(new Float32Array(rows * columns).fill(0.5).buffer);
  const shape = [String(rows), String(columns)];
  await once(`input-${id}`, 'AI.TENSORSET', `in:${id}`, 'FLOAT', ...shape, 'BLOB', input);
  const words = ['INPUTS', '1', `in:${id}`, 'OUTPUTS', '1', 'out:@@@@'];
  const execute = requestFile(`execute-${id}`, 'AI.MODELEXECUTE', id, ...words);
  const runs = async () => {
    const [count = 0, seconds = 1] = await runLoadClient(
      ...[
        tutti.socketPath,
        'throughput',
        execute,
        String(connections),
        '1',
        String(SECONDS[model]),
      ],
    );
    return count / seconds;
  };
  const { file } = models.model(backend, model);
  const against = async (peer: InProcess, suffix: string): Promise<Row> => {
    const { perSecond: expected } = await peer.run(20);
    const peerCount = Math.max(10, Math.round(SECONDS[model] * expected));
    const { a, b, ratio, spread } = await comparePairs(
      runs,
      async () => (await peer.run(peerCount)).perSecond,
    );
    peer.stop();
    return {
      what: `${describe(backend, one)}${suffix}`,
      tutti: perSecondText(a),
      peer: perSecondText(b),
      ratio,
      spread,
      wanted: one.wanted?.[backend] ?? '',
    };
  };
  const rowsOfTable = [await against(startInProcess(backend, file, rows, columns), '')];
  const python =
    backend === 'ONNX' && one.wanted?.ONNX ? startPythonInProcess(file, rows, columns) : undefined;
  if (python) rowsOfTable.push(await against(python, '; Python'));
  return rowsOfTable;
}

function describe(backend: string, { model, connections, rows, batchSize }: Case): string {
  const clients = connections === 1 ? '1 client' : `${connections} clients`;
  const how = batchSize > 0 ? `, BATCHSIZE ${batchSize}` : rows > 1 ? `, ${rows} rows each` : '';
  return `${backend} ${model}, ${clients}${how}`;
}

const perSecondText = (perSecond: number) => `${perSecond.toFixed(perSecond < 100 ? 1 : 0)}/s`;

const only = process.argv[process.argv.indexOf('--only') + 1];
const isWanted = (one: Case) => !process.argv.includes('--only') || one.model === only;
const results: Row[] = [];
for (const backend of ['ONNX', 'TORCH'] as const) {
  for (const one of cases.filter(isWanted)) results.push(...(await measure(backend, one)));
}
printTable('Runs a second, 2 I/O threads, against one caller in process', results);
await tutti.stop();
models.remove();
