// MONITOR: what is carried out is told to those who ask for it.

import type { Call, Command } from '../commands/command.ts';
import type { Addon } from '../engine/addon.ts';

/** Int32: how many monitors there are. */
const SHARED_BYTES = 4;
/** As Redis names who sends the commands of scripts. */
const SCRIPT = 'lua';

export function shareMonitors(): SharedArrayBuffer {
  return new SharedArrayBuffer(SHARED_BYTES);
}

/** One thread's hand on the monitors. */
export class Monitors {
  readonly #addon: Pick<Addon, 'monitorTell'>;
  readonly #count: Int32Array;

  constructor(addon: Pick<Addon, 'monitorTell'>, shared: SharedArrayBuffer) {
    this.#addon = addon;
    this.#count = new Int32Array(shared);
  }

  /** Whether it is worth calling `tell`; each command looks at this. */
  get areThere(): boolean {
    return this.#count[0] !== 0;
  }

  add(more: 1 | -1): void {
    Atomics.add(this.#count, 0, more);
  }

  /** Tells of a command that has just been carried out. Administrative ones are not for everybody. */
  tell(command: Command, { client, request }: Call): void {
    if (command.flags.includes('admin')) return;
    request.select();
    const hidden = command.secrets?.(request) ?? [];
    this.#addon.monitorTell(client.db, shownAddress(client.address), request.count, hidden);
  }
}

/** A Unix socket's path, which the client table shows with a port of 0, or host and port. */
function shownAddress(address: string): string {
  if (address === '') return SCRIPT;
  return address.endsWith(':0') ? `unix:${address.slice(0, -2)}` : address;
}
