// What each I/O thread counts besides its commands, summed up for INFO.

import { performance } from 'node:perf_hooks';
import type { ThreadTotals } from '../commands/command.ts';

/** Places in a thread's row. */
const CYCLES = 0;
const BUSY_MICROSECONDS = 1;
const QUERY_LIMIT_CLOSED = 2;
const OUTPUT_LIMIT_CLOSED = 3;
const ROW_LENGTH = 4;

/** Float64 [thread + 1][place]; the last row is what a reset leaves out. */
export function shareThreadFigures(threadCount: number): SharedArrayBuffer {
  return new SharedArrayBuffer((threadCount + 1) * ROW_LENGTH * 8);
}

/** The sums of all threads since the start or the last reset. */
export function threadTotals(shared: SharedArrayBuffer): ThreadTotals {
  const [cycles = 0, busyMicroseconds = 0, queryLimitClosed = 0, outputLimitClosed = 0] =
    sums(shared);
  return { cycles, busyMicroseconds, queryLimitClosed, outputLimitClosed };
}

export function resetThreadTotals(shared: SharedArrayBuffer): void {
  const rows = new Float64Array(shared);
  const base = rows.length - ROW_LENGTH;
  for (const [i, sum] of sums(shared).entries()) rows[base + i]! += sum;
}

function sums(shared: SharedArrayBuffer): number[] {
  const rows = new Float64Array(shared);
  const base = rows.length - ROW_LENGTH;
  return Array.from({ length: ROW_LENGTH }, (_, i) => {
    let sum = -rows[base + i]!;
    for (let at = i; at < base; at += ROW_LENGTH) sum += rows[at]!;
    return sum;
  });
}

/** One thread's row, which it alone writes. */
export class ThreadFigures {
  readonly #row: Float64Array;

  constructor(shared: SharedArrayBuffer, threadIndex: number) {
    this.#row = new Float64Array(shared, 8 * ROW_LENGTH * threadIndex, ROW_LENGTH);
  }

  /** Takes over what the runtime has counted of this thread's event loop; costs nothing in between. */
  noteLoop(): void {
    this.#row[CYCLES] = performance.nodeTiming.uvMetricsInfo.loopCount;
    this.#row[BUSY_MICROSECONDS] = Math.round(performance.eventLoopUtilization().active * 1000);
  }

  /** A client was closed for the size of what it has asked. */
  closedForQuery(): void {
    this.#row[QUERY_LIMIT_CLOSED]!++;
  }

  /** A client was closed for the replies that it does not read. */
  closedForOutput(): void {
    this.#row[OUTPUT_LIMIT_CLOSED]!++;
  }
}
