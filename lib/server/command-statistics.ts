// How often, how long and with what end commands were carried out, over all threads.

import type { CommandFigures } from '../commands/command.ts';

/** Commands and subcommands that have a row; a test holds the table against it. */
export const COMMANDS_MAX = 1024;
/** The first calls of a command by a thread are all timed. */
const TIMED_FIRST = 64;
/** Of later ones about one in so many, which stands for those since the last: a clock is a tenth of a small command. */
const TIMED_PERIOD = 64;

/** Buckets of a doubling of the latency: percentiles are at most an eighth too high. */
const BUCKETS_A_DOUBLING = 8;
/** From a quarter of a microsecond up to some 20 minutes. */
const BUCKET_US_MIN = 0.25;
const BUCKET_COUNT = 32 * BUCKETS_A_DOUBLING;

/** Places in a command's row. */
const CALLS = 0;
const MICROSECONDS = 1;
const REJECTED = 2;
const FAILED = 3;
const ROW_LENGTH = 4;

/** Memory that all threads see: a row a thread, which it alone writes, and one more for what a reset leaves out. */
export interface SharedStatistics {
  /** Float64 [thread + 1][command][place]. */
  readonly rows: SharedArrayBuffer;
  /** Float64 [thread + 1][command][bucket]. Pages that nobody writes cost nothing. */
  readonly latencies: SharedArrayBuffer;
}

export function shareStatistics(threadCount: number): SharedStatistics {
  const of = (length: number) =>
    new SharedArrayBuffer(8 * (threadCount + 1) * COMMANDS_MAX * length);
  return { rows: of(ROW_LENGTH), latencies: of(BUCKET_COUNT) };
}

/** One thread's hand on the statistics. */
export class CommandStatistics {
  readonly #shared: SharedStatistics;
  readonly #rows: Float64Array;
  readonly #latencies: Float64Array;
  /** Calls of each command up to the last one that was timed. */
  readonly #timedCalls = new Float64Array(COMMANDS_MAX);
  #untilTimed = 1;
  #random = 0x9e3779b9;

  constructor(shared: SharedStatistics, threadIndex: number) {
    this.#shared = shared;
    this.#rows = rowOf(shared.rows, ROW_LENGTH, threadIndex);
    this.#latencies = rowOf(shared.latencies, BUCKET_COUNT, threadIndex);
  }

  /**
   * A call begins now.
   * @param isTimed In any case, not only by chance.
   * @returns When, for `end`, or 0 if it is not timed.
   */
  begin(command: number, isTimed = false): number {
    if (isTimed) return performance.now();
    if (this.#rows[command * ROW_LENGTH + CALLS]! >= TIMED_FIRST) {
      if (--this.#untilTimed > 0) return 0;
      this.#untilTimed = this.#nextPeriod();
    }
    return performance.now();
  }

  /**
   * Counts a call that has returned, as Redis does: one that resets the statistics stands in the new ones.
   * A command that waits is timed up to there: the wait is not the server's work.
   * @returns Microseconds; 0 if it was not timed.
   */
  end(command: number, startedMs: number): number {
    const calls = ++this.#rows[command * ROW_LENGTH + CALLS]!;
    if (startedMs === 0) return 0;
    const microseconds = (performance.now() - startedMs) * 1000;
    const weight = Math.max(calls - this.#timedCalls[command]!, 1);
    this.#timedCalls[command] = calls;
    this.#rows[command * ROW_LENGTH + MICROSECONDS]! += weight * microseconds;
    this.#latencies[command * BUCKET_COUNT + bucketOf(microseconds)]! += weight;
    return microseconds;
  }

  /** A call that was counted when it began to wait has worked so long meanwhile. */
  worked(command: number, microseconds: number): void {
    this.#rows[command * ROW_LENGTH + MICROSECONDS]! += microseconds;
    // Its place among the latencies was that of a call that does nothing.
    const begin = command * BUCKET_COUNT;
    const counts = this.#latencies.subarray(begin, begin + BUCKET_COUNT);
    const shortest = counts.findIndex((count) => count > 0);
    if (shortest < 0) return;
    counts[shortest]!--;
    counts[bucketOf(microseconds)]!++;
  }

  /** A call ended with an error. */
  failed(command: number): void {
    this.#rows[command * ROW_LENGTH + FAILED]!++;
  }

  /** A call was refused before it began. */
  rejected(command: number): void {
    this.#rows[command * ROW_LENGTH + REJECTED]!++;
  }

  /** The same of a call that had been counted when it began to wait. */
  rejectedLate(command: number): void {
    this.#rows[command * ROW_LENGTH + CALLS]!--;
    this.rejected(command);
  }

  /** Calls of all commands by all threads. */
  callCount(commandCount: number): number {
    let sum = 0;
    for (let command = 0; command < commandCount; command++)
      sum += sinceReset(this.#shared.rows, ROW_LENGTH, command)[CALLS]!;
    return sum;
  }

  /** Sums over all threads, of commands that were called or rejected. */
  figures(names: readonly string[]): ReadonlyMap<string, CommandFigures> {
    const all = new Map<string, CommandFigures>();
    for (const [command, name] of names.entries()) {
      const sums = sinceReset(this.#shared.rows, ROW_LENGTH, command);
      const [calls = 0, microseconds = 0, rejected = 0, failed = 0] = sums;
      if (calls + rejected > 0) all.set(name, { calls, microseconds, rejected, failed });
    }
    return all;
  }

  /** Microseconds that so many percent of a command's calls stay within, by command. */
  percentiles(
    names: readonly string[],
    percents: readonly number[],
  ): ReadonlyMap<string, readonly number[]> {
    const all = new Map<string, readonly number[]>();
    for (const [command, name] of names.entries()) {
      if ((sinceReset(this.#shared.rows, ROW_LENGTH, command)[CALLS] ?? 0) <= 0) continue;
      const counts = sinceReset(this.#shared.latencies, BUCKET_COUNT, command);
      const total = counts.reduce((sum, count) => sum + count, 0);
      if (total <= 0) continue;
      const limits = percents.map((percent) => percentile(counts, (percent / 100) * total));
      all.set(name, limits);
    }
    return all;
  }

  /** Calls of a command by the power of two of microseconds that they stay within, each with all below it. */
  histogram(command: number): readonly (readonly [microseconds: number, calls: number])[] {
    const counts = sinceReset(this.#shared.latencies, BUCKET_COUNT, command);
    const steps: [number, number][] = [];
    let sum = 0;
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      const count = Math.max(counts[bucket]!, 0);
      sum += count;
      const end = BUCKET_US_MIN * 2 ** ((bucket + 1) / BUCKETS_A_DOUBLING);
      if (sum === 0 || end < 1 || (bucket + 1) % BUCKETS_A_DOUBLING !== 0) continue;
      const last = steps.at(-1);
      if (last === undefined || sum > last[1]) steps.push([Math.round(end), sum]);
    }
    return steps;
  }

  /** Everything counts from 0 again, for all threads. */
  reset(commandCount: number): void {
    for (let command = 0; command < commandCount; command++) {
      leaveOut(this.#shared.rows, ROW_LENGTH, command);
      leaveOut(this.#shared.latencies, BUCKET_COUNT, command);
    }
  }

  /** Between 1 and twice the period, so that no rhythm of the commands is followed. */
  #nextPeriod(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return 1 + ((x >>> 0) % (2 * TIMED_PERIOD));
  }
}

function threadCountOf(memory: SharedArrayBuffer, length: number): number {
  return memory.byteLength / (8 * COMMANDS_MAX * length) - 1;
}

/** A thread's row of all commands. */
function rowOf(memory: SharedArrayBuffer, length: number, index: number): Float64Array {
  return new Float64Array(memory, 8 * COMMANDS_MAX * length * index, COMMANDS_MAX * length);
}

/** What all threads have counted of a command, less what a reset has left out. */
function sinceReset(memory: SharedArrayBuffer, length: number, command: number): Float64Array {
  const threadCount = threadCountOf(memory, length);
  const sums = new Float64Array(length);
  for (let thread = 0; thread <= threadCount; thread++) {
    const row = rowOf(memory, length, thread);
    const sign = thread === threadCount ? -1 : 1;
    for (let i = 0; i < length; i++) sums[i]! += sign * row[command * length + i]!;
  }
  return sums;
}

/** The threads' rows are theirs alone: what they have counted so far is taken off instead. */
function leaveOut(memory: SharedArrayBuffer, length: number, command: number): void {
  const base = rowOf(memory, length, threadCountOf(memory, length));
  const sums = sinceReset(memory, length, command);
  for (let i = 0; i < length; i++) base[command * length + i]! += sums[i]!;
}

function bucketOf(microseconds: number): number {
  const doublings = Math.log2(Math.max(microseconds, BUCKET_US_MIN) / BUCKET_US_MIN);
  return Math.min(Math.floor(doublings * BUCKETS_A_DOUBLING), BUCKET_COUNT - 1);
}

/** The upper end of the bucket where so many calls are reached. */
function percentile(counts: Float64Array, wanted: number): number {
  let sum = 0;
  let last = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    const count = counts[bucket]!;
    if (count <= 0) continue;
    last = bucket;
    sum += count;
    if (sum >= wanted) break;
  }
  return BUCKET_US_MIN * 2 ** ((last + 1) / BUCKETS_A_DOUBLING);
}
