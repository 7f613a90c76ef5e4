// --scan, --bigkeys and --memkeys: walks over all keys by SCAN.

import type { WireReply } from '../../resp/reply-reader.ts';
import type { ServerConnection } from './connection.ts';
import { quote } from './format.ts';
import type { Options } from './options.ts';
import { delay } from './session.ts';

/** The server has refused a command that the walk needs; the message is its error. */
export class ScanError extends Error {}

/** After how many keys --bigkeys and --memkeys sleep the interval of -i. */
const KEYS_PER_SLEEP = 100;

/** Prints the keys of the database, or those of --pattern. */
export async function runScan(connection: ServerConnection, options: Options): Promise<void> {
  for await (const keys of keyBatches(connection, options)) {
    for (const key of keys) {
      const shown =
        options.output === 'formatted' ? Buffer.from(quote(key.toString('latin1'))) : key;
      process.stdout.write(Buffer.concat([shown, Buffer.from('\n')]));
    }
    if (options.intervalMs > 0) await delay(options.intervalMs);
  }
}

async function* keyBatches(
  connection: ServerConnection,
  options: Options,
): AsyncGenerator<readonly Buffer[]> {
  const { pattern, scanCount } = options;
  let cursor = '0';
  do {
    const reply = await asked(connection, [
      'SCAN',
      cursor,
      ...(pattern === undefined ? [] : ['MATCH', pattern]),
      ...(scanCount === undefined ? [] : ['COUNT', String(scanCount)]),
    ]);
    const [next, keys] = reply.items;
    cursor = next?.text.toString() ?? '0';
    yield (keys?.items ?? []).map(({ text }) => text);
  } while (cursor !== '0');
}

async function asked(
  connection: ServerConnection,
  words: readonly (string | Buffer)[],
): Promise<WireReply> {
  const reply = await connection.call(words);
  if (reply.type === 'error') throw new ScanError(reply.text.toString());
  return reply;
}

/** How the size of a type is asked for, and what it is a number of. */
const sizes: Record<string, { readonly command: string; readonly unit: string }> = {
  string: { command: 'STRLEN', unit: 'bytes' },
  list: { command: 'LLEN', unit: 'items' },
  set: { command: 'SCARD', unit: 'members' },
  hash: { command: 'HLEN', unit: 'fields' },
  zset: { command: 'ZCARD', unit: 'members' },
  stream: { command: 'XLEN', unit: 'entries' },
};

interface TypeFigures {
  keyCount: number;
  total: number;
  biggest: Buffer;
  size: number;
  readonly unit: string;
}

/**
 * Prints the largest key of each type and how large they are on the average.
 * @param by By the count of what is in them, or by their memory.
 */
export async function runSizes(
  connection: ServerConnection,
  options: Options,
  by: 'count' | 'memory',
): Promise<void> {
  const figures = new Map<string, TypeFigures>();
  const keyTotal = Number((await asked(connection, ['DBSIZE'])).text.toString());
  process.stdout.write(
    by === 'count'
      ? '\n# The largest key of each type, by what it holds\n'
      : '\n# The largest key of each type, by its memory\n',
  );
  process.stdout.write('# -i 0.1 sleeps 0.1 s after every 100 keys\n\n');
  let keyCount = 0;
  let nameBytes = 0;
  for await (const keys of keyBatches(connection, options)) {
    for (const key of keys) {
      keyCount++;
      nameBytes += key.length;
      await measure(connection, key, by, options.memorySamples, figures, keyCount / keyTotal);
      if (options.intervalMs > 0 && keyCount % KEYS_PER_SLEEP === 0)
        await delay(options.intervalMs);
    }
  }
  summarize(figures, keyCount, nameBytes);
}

async function measure(
  connection: ServerConnection,
  key: Buffer,
  by: 'count' | 'memory',
  samples: number | undefined,
  figures: Map<string, TypeFigures>,
  part: number,
): Promise<void> {
  const type = (await asked(connection, ['TYPE', key])).text.toString();
  if (type === 'none') return; // gone since SCAN
  const { command, unit } = sizes[type] ?? { command: undefined, unit: 'keys' };
  let size = 0;
  if (by === 'memory') {
    const words = [
      'MEMORY',
      'USAGE',
      key,
      ...(samples === undefined ? [] : ['SAMPLES', String(samples)]),
    ];
    size = Number((await asked(connection, words)).text.toString());
  } else if (command !== undefined) {
    const reply = await connection.call([command, key]);
    if (reply.type === 'error') return; // another type since
    size = Number(reply.text.toString());
  }
  let known = figures.get(type);
  if (known === undefined) {
    known = {
      keyCount: 0,
      total: 0,
      biggest: key,
      size: -1,
      unit: by === 'memory' ? 'bytes' : unit,
    };
    figures.set(type, known);
  }
  known.keyCount++;
  known.total += size;
  if (size <= known.size) return;
  known.biggest = key;
  known.size = size;
  const percent = (Math.min(1, part) * 100).toFixed(2).padStart(5, '0');
  process.stdout.write(
    `[${percent}%] Biggest ${type.padEnd(6)} found so far ${shown(key)} with ${size} ${known.unit}\n`,
  );
}

function shown(key: Buffer): string {
  return quote(key.toString('latin1'));
}

function summarize(
  figures: ReadonlyMap<string, TypeFigures>,
  keyCount: number,
  nameBytes: number,
): void {
  const average = keyCount === 0 ? 0 : nameBytes / keyCount;
  const lines = [
    '',
    '-------- summary -------',
    '',
    `Sampled ${keyCount} keys in the keyspace!`,
    `Total key length in bytes is ${nameBytes} (avg len ${average.toFixed(2)})`,
    '',
  ];
  for (const [type, { biggest, size, unit }] of figures)
    lines.push(`Biggest ${type.padStart(6)} found ${shown(biggest)} has ${size} ${unit}`);
  lines.push('');
  for (const [type, { keyCount: count, total, unit }] of figures) {
    const percent = ((count / keyCount) * 100).toFixed(2).padStart(5, '0');
    const mean = (total / count).toFixed(2);
    lines.push(`${count} ${type}s with ${total} ${unit} (${percent}% of keys, avg size ${mean})`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}
