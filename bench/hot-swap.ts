// What others notice while a model is stored again and again: the p99 of another model's runs and of
// 1 KiB SETs, at fixed rates, each counted from its intended start. A large model is compared with the
// same bytes as a plain SET, a small one with no upload at all.

import { versionedModel } from '../test/helpers/onnx.ts';
import {
  median,
  pairCount,
  printTable,
  type Row,
  requestFile,
  runLoadClient,
  startTutti,
} from './harness.ts';

const SECONDS = 6;
const PER_SECOND = 500;
const UPLOADS_PER_SECOND = 1;
const MB = 1_000_000;

/** p99 in milliseconds. */
interface Tails {
  readonly run: number;
  readonly set: number;
}

const tutti = await startTutti('--io-threads', '2');
const address = `127.0.0.1:${tutti.port}`;
const once = (file: string) => runLoadClient(address, 'latency', file, '1');
const store = (name: string, key: string, blob: Buffer) =>
  requestFile(name, 'AI.MODELSTORE', key, 'ONNX', 'CPU', 'BLOB', blob);

await once(store('store-net', 'net', versionedModel(1)));
await once(requestFile('net-input', 'AI.TENSORSET', 'x', 'FLOAT', '2', 'VALUES', '1', '2'));
const run = requestFile(
  'run-net',
  'AI.MODELEXECUTE',
  'net',
  'INPUTS',
  '1',
  'x',
  'OUTPUTS',
  '2',
  'y',
  'z',
);
const set = requestFile('set-1KiB', 'SET', 'small', Buffer.alloc(1024, 'x'));
const largeModel = versionedModel(2, 100 * MB);
const storeLarge = store('store-100MB', 'large', largeModel);
const setLarge = requestFile('set-100MB', 'SET', 'large bytes', largeModel);
const storeSmall = store('store-1MB', 'small model', versionedModel(3, MB));

async function tails(upload: string | undefined): Promise<Tails> {
  const rate = (file: string, perSecond: number, seconds: number) =>
    runLoadClient(address, 'rate', file, String(perSecond), String(seconds));
  if (upload !== undefined) await once(upload); // its memory is there, as it is from the second time on
  const uploading = upload && rate(upload, UPLOADS_PER_SECOND, SECONDS + 1);
  const [runs, sets] = await Promise.all([
    rate(run, PER_SECOND, SECONDS),
    rate(set, PER_SECOND, SECONDS),
  ]);
  await uploading;
  return { run: (runs?.[2] ?? NaN) / 1e6, set: (sets?.[2] ?? NaN) / 1e6 };
}

/** Pairs in alternation. @returns A row for each of the two kinds of request. */
async function compare(
  what: string,
  uploads: readonly [string, string | undefined],
  wanted: string,
): Promise<Row[]> {
  const pairs: [Tails, Tails][] = [];
  for (let pair = 0; pair < pairCount(); pair++) {
    const seen: [Tails, Tails] = [
      { run: NaN, set: NaN },
      { run: NaN, set: NaN },
    ];
    for (const side of pair % 2 === 0 ? [0, 1] : [1, 0])
      seen[side as 0 | 1] = await tails(uploads[side]);
    pairs.push(seen);
  }
  const kinds = [
    ['run', "p99 of another model's runs"],
    ['set', 'p99 of 1 KiB SET'],
  ] as const;
  return kinds.map(([kind, title]) => {
    const ratios = pairs.map(([a, b]) => a[kind] / b[kind]);
    const ms = (side: 0 | 1) => `${median(pairs.map((pair) => pair[side][kind])).toFixed(2)} ms`;
    return {
      what: `${title} ${what}`,
      tutti: ms(0),
      peer: ms(1),
      ratio: median(ratios),
      spread: `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`,
      wanted,
    };
  });
}

const rows = [
  ...(await compare(
    'beside a 100 MB model stored once a second; as plain SET',
    [storeLarge, setLarge],
    '<= 3',
  )),
  ...(await compare(
    'beside a 1 MB model stored once a second; quiet',
    [storeSmall, undefined],
    '<= 1.5',
  )),
];
printTable('Hot swap, 2 I/O threads, four connections', rows);
await tutti.stop();
