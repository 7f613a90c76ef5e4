// --stat, --latency and --latency-history: ask again and again, and print what changes.

import type { ServerConnection } from './connection.ts';
import type { Options } from './options.ts';
import { delay } from './session.ts';

const STAT_INTERVAL_MS = 1000;
const LINES_PER_HEADING = 20;
const SAMPLE_INTERVAL_MS = 10;
const LATENCY_INTERVAL_MS = 1000;
const HISTORY_INTERVAL_MS = 15_000;

/** Prints a line of figures each second, for ever. */
export async function runStat(connection: ServerConnection, options: Options): Promise<never> {
  let requestsBefore = 0;
  for (let line = 0; ; line++) {
    const reply = await connection.call(['INFO']);
    if (reply.type === 'error') {
      process.stdout.write(`ERROR: ${reply.text.toString()}\n`);
      process.exit(1);
    }
    if (line % LINES_PER_HEADING === 0) {
      process.stdout.write(
        '------- data ------ --------------------- load -------------------- - child -\n' +
          'keys       mem      clients blocked requests            connections          \n',
      );
    }
    const info = new Info(reply.text.toString());
    const requests = info.number('total_commands_processed');
    const grown = `${requests} (+${requests - requestsBefore})`;
    requestsBefore = requests;
    const children = [
      info.number('rdb_bgsave_in_progress') ? 'SAVE' : '',
      info.number('aof_rewrite_in_progress') ? 'AOF' : '',
      info.number('loading') ? 'LOAD' : '',
    ].filter((word) => word !== '');
    process.stdout.write(
      [
        String(info.keyCount).padEnd(10),
        info.text('used_memory_human').padEnd(8),
        String(info.number('connected_clients')).padEnd(7),
        String(info.number('blocked_clients')).padEnd(7),
        grown.padEnd(19),
        String(info.number('total_connections_received')).padEnd(12),
      ].join(' '),
    );
    process.stdout.write(`${children.join('+')}\n`);
    await delay(options.intervalMs || STAT_INTERVAL_MS);
  }
}

class Info {
  readonly #fields = new Map<string, string>();

  constructor(text: string) {
    for (const line of text.split(/\r?\n/)) {
      const colon = line.indexOf(':');
      if (colon > 0) this.#fields.set(line.slice(0, colon), line.slice(colon + 1));
    }
  }

  text(name: string): string {
    return this.#fields.get(name) ?? '';
  }

  number(name: string): number {
    return Number(this.#fields.get(name) ?? 0);
  }

  /** In all databases. */
  get keyCount(): number {
    let count = 0;
    for (const [name, value] of this.#fields) {
      if (/^db\d+$/.test(name)) count += Number(/keys=(\d+)/.exec(value)?.[1] ?? 0);
    }
    return count;
  }
}

/**
 * Prints how long PINGs take, in milliseconds. On a terminal for ever; else for a second, or -i.
 * @param hasHistory Begin anew every 15 s, or -i.
 */
export async function runLatency(
  connection: ServerConnection,
  options: Options,
  hasHistory: boolean,
): Promise<void> {
  const isForPeople = options.output === 'formatted';
  const rangeMs = options.intervalMs || (hasHistory ? HISTORY_INTERVAL_MS : LATENCY_INTERVAL_MS);
  for (;;) {
    const figures = new LatencyFigures();
    const startedMs = performance.now();
    for (;;) {
      const askedMs = performance.now();
      await connection.call(['PING']);
      figures.add(Math.trunc(performance.now() - askedMs));
      if (isForPeople) process.stdout.write(`\x1b[0G\x1b[2K${figures.line(options.output)}`);
      const passedMs = performance.now() - startedMs;
      if (passedMs > rangeMs && (hasHistory || !isForPeople)) break;
      await delay(SAMPLE_INTERVAL_MS);
    }
    if (!isForPeople) process.stdout.write(figures.line(options.output));
    if (!hasHistory) return;
    const seconds = (performance.now() - startedMs) / 1000;
    process.stdout.write(` -- ${seconds.toFixed(2)} seconds range\n`);
  }
}

class LatencyFigures {
  #min = Number.POSITIVE_INFINITY;
  #max = 0;
  #total = 0;
  #count = 0;

  add(ms: number): void {
    this.#min = Math.min(this.#min, ms);
    this.#max = Math.max(this.#max, ms);
    this.#total += ms;
    this.#count++;
  }

  line(mode: Options['output']): string {
    const average = (this.#total / this.#count).toFixed(2);
    if (mode === 'formatted')
      return `min: ${this.#min}, max: ${this.#max}, avg: ${average} (${this.#count} samples)`;
    const separator = mode === 'csv' ? ',' : ' ';
    return `${[this.#min, this.#max, average, this.#count].join(separator)}\n`;
  }
}
