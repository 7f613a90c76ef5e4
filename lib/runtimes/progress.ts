import { SingleBar } from 'cli-progress';

/** What a long step tells about itself. */
export interface Progress {
  begin(title: string, totalBytes: number): void;
  at(byteCount: number): void;
  end(): void;
}

export const silentProgress: Progress = { begin() {}, at() {}, end() {} };

const MEGABYTE = 1e6;

/** Where the output is a file, as in CI, a bar is a line of its own: then one every so often. */
const NO_TERMINAL_INTERVAL_MS = 5000;

/** A bar on standard error with size and rate. */
export function barProgress(): Progress {
  let bar: SingleBar | undefined;
  let startMs = 0;
  return {
    begin(title, totalBytes) {
      startMs = performance.now();
      bar = new SingleBar({
        format: `${title.padEnd(32)} {bar} {percentage}% | {doneMb} / {totalMb} MB | {rateMb} MB/s`,
        barCompleteChar: '#',
        barIncompleteChar: '-',
        barsize: 24,
        hideCursor: true,
        stream: process.stderr,
        noTTYOutput: true,
        notTTYSchedule: NO_TERMINAL_INTERVAL_MS,
        emptyOnZero: true,
      });
      const totalMb = (totalBytes / MEGABYTE).toFixed(1);
      bar.start(totalBytes, 0, { doneMb: '0.0', totalMb, rateMb: '0.0' });
    },
    at(byteCount) {
      const seconds = Math.max((performance.now() - startMs) / 1000, 0.001);
      bar?.update(byteCount, {
        doneMb: (byteCount / MEGABYTE).toFixed(1),
        rateMb: (byteCount / MEGABYTE / seconds).toFixed(1),
      });
    },
    end() {
      bar?.stop();
      bar = undefined;
    },
  };
}
