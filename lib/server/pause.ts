// CLIENT PAUSE: one deadline for all threads. What it stops waits where it is and is carried out
// when the pause has ended.

import type { Addon } from '../engine/addon.ts';
import type { Request } from '../resp/request.ts';

/** What a pause stops. */
export const pauseKinds = { none: 0, writes: 1, all: 2 } as const;

const KIND_BITS = 2n;
/** Int32: not 0 while there is a pause; then int64: its end in Unix ms, times 4, and its kind. */
const SHARED_BYTES = 16;
/** Far enough to be for ever, and near enough to count with. */
const END_MS_MAX = 2 ** 52;
/** Timers take no more than 31 bits. */
const TIMER_MS_MAX = 3_600_000;
/** Tells every thread that the pause has ended before its time. */
const UNPAUSED = 'unpaused';

export function sharePause(): SharedArrayBuffer {
  return new SharedArrayBuffer(SHARED_BYTES);
}

/** A connection, as far as a pause has to do with it. */
export interface Pausable {
  wait(completion: () => void): { finish(code: number, text: string): void };
  /** The request that waits, which goes with the connection. */
  postponed: Request | undefined;
}

/** One thread's hand on the pause. */
export class Pause {
  readonly #addon: Addon;
  readonly #flag: Int32Array;
  readonly #state: BigInt64Array;
  readonly #waiting = new Map<Pausable, { finish(code: number, text: string): void }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(addon: Addon, shared: SharedArrayBuffer) {
    this.#addon = addon;
    this.#flag = new Int32Array(shared, 0, 1);
    this.#state = new BigInt64Array(shared, 8, 1);
  }

  /** Whether it is worth asking `stops`; each command looks at this. */
  get isOn(): boolean {
    return this.#flag[0] !== 0;
  }

  stops(isWrite: boolean): boolean {
    const { kind, endMs } = this.#read();
    if (kind === pauseKinds.none) return false;
    if (endMs <= Date.now()) {
      this.#end();
      return false;
    }
    return kind === pauseKinds.all || isWrite;
  }

  /** Of two pauses the later end and the stricter kind count. */
  start(forMs: number, kind: number): void {
    for (;;) {
      const before = Atomics.load(this.#state, 0);
      const known = this.#read();
      const isOver = known.endMs <= Date.now();
      const endMs = Math.min(Date.now() + forMs, END_MS_MAX);
      const end = BigInt(isOver ? endMs : Math.max(endMs, known.endMs));
      const state = (end << KIND_BITS) | BigInt(isOver ? kind : Math.max(kind, known.kind));
      if (Atomics.compareExchange(this.#state, 0, before, state) !== before) continue;
      Atomics.store(this.#flag, 0, 1);
      this.#addon.restExpiry(Number(end));
      return;
    }
  }

  /** Ends it on all threads. */
  stop(): void {
    Atomics.store(this.#state, 0, 0n);
    this.#lower();
    this.#addon.restExpiry(0);
    this.#addon.postNotice(UNPAUSED);
  }

  onNotice(text: string): void {
    if (text === UNPAUSED) this.#release();
  }

  /** Keeps a request until the pause has ended; nothing of its connection is carried out before it. */
  postpone(connection: Pausable, request: Request, carryOut: (request: Request) => void): void {
    const kept = request.retain();
    connection.postponed = kept;
    const ticket = connection.wait(() => {
      connection.postponed = undefined;
      carryOut(kept);
      kept.release();
    });
    this.#waiting.set(connection, ticket);
    this.#arm();
  }

  /** The connection has gone. */
  forget(connection: Pausable): void {
    this.#waiting.delete(connection);
  }

  #read(): { kind: number; endMs: number } {
    const state = Atomics.load(this.#state, 0);
    return { kind: Number(state & 3n), endMs: Number(state >> KIND_BITS) };
  }

  /** Its time is over; another may have begun meanwhile. */
  #end(): void {
    const state = Atomics.load(this.#state, 0);
    if (Number(state >> KIND_BITS) > Date.now()) return;
    Atomics.compareExchange(this.#state, 0, state, 0n);
    this.#lower();
  }

  #lower(): void {
    Atomics.store(this.#flag, 0, 0);
    if (Atomics.load(this.#state, 0) !== 0n) Atomics.store(this.#flag, 0, 1);
  }

  #arm(): void {
    if (this.#timer !== undefined) return;
    const leftMs = Math.max(this.#read().endMs - Date.now(), 0);
    this.#timer = setTimeout(() => this.#release(), Math.min(leftMs, TIMER_MS_MAX));
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // Those that are stopped again come back by `postpone`.
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const ticket of waiting) ticket.finish(0, '');
  }
}
