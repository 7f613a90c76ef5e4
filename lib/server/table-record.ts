// What the client table says of a connection: other threads read it there, for CLIENT LIST and
// maxmemory-clients.

import { clientMemory, type MemoryHolders } from './client-memory.ts';
import type { Connection } from './connection.ts';
import type { ConnectionHost } from './connection-host.ts';

/** What a client must take more or less until it is counted anew for maxmemory-clients. */
const COUNTED_STEP_BYTES = 1024;
/** How stale `idle` and `cmd` of CLIENT LIST may be while its client is busy. */
const RECORD_MS = 200;

/** Keeps one connection's record in the client table, and knows what it says. */
export class TableRecord {
  readonly #connection: Connection;
  readonly #host: ConnectionHost;
  readonly #holders: MemoryHolders;
  #updatedMs = 0;
  #memoryBytes = 0;
  #db = 0;
  #resp = 2;
  #queuedCount = -1;
  #command = '';
  #flags: string;
  #isShownWaiting = false;

  constructor(connection: Connection, host: ConnectionHost, holders: MemoryHolders) {
    this.#connection = connection;
    this.#host = host;
    this.#holders = holders;
    this.#flags = connection.flags;
  }

  /** Brings all of it up to date. */
  update(now: number): void {
    const connection = this.#connection;
    if (connection.isClosed) return;
    this.#updatedMs = now;
    const memory = clientMemory(this.#holders);
    this.#memoryBytes = memory.total;
    this.#db = connection.db;
    this.#resp = connection.resp;
    this.#queuedCount = queuedCount(connection);
    const evictableBytes = this.#host.addon.clientUpdate(
      connection.id,
      connection.lastSeenMs,
      connection.db,
      connection.resp,
      this.#queuedCount,
      connection.watchedCount,
      connection.subscriptions.channels,
      connection.subscriptions.patterns,
      connection.subscriptions.shardChannels,
      memory.qbuf,
      memory.qbufFree,
      memory.argvMem,
      memory.multiMem,
      memory.rbs,
      memory.rbp,
      memory.omem,
      memory.oll,
      memory.total,
      connection.isEvictable ? 1 : 0,
    );
    this.#updateTexts();
    const { clientsMemoryBytesMax } = this.#host.limits;
    // Perhaps this one goes.
    if (clientsMemoryBytesMax > 0 && evictableBytes > clientsMemoryBytesMax)
      this.#host.evictClients();
  }

  #updateTexts(): void {
    const { id, flags, lastCommand } = this.#connection;
    if (flags !== this.#flags) {
      this.#flags = flags;
      this.#isShownWaiting = flags.includes('b');
      this.#host.addon.clientSetText(id, 'flags', flags);
    }
    const command = lastCommand ? this.#host.dispatcher.nameOf(lastCommand) : 'NULL';
    if (command !== this.#command) {
      this.#command = command;
      this.#host.addon.clientSetText(id, 'lastCommand', command);
    }
  }

  /** A turn is over: what changes with every command may be a little stale, the rest may not. */
  onTurnEnd(now: number): void {
    if (now - this.#updatedMs >= RECORD_MS || this.#isShownWaiting || this.#hasChanged)
      this.update(now);
    else this.countMemory();
  }

  /** Something that others ask for is another than it was, and changes seldom. */
  get #hasChanged(): boolean {
    const connection = this.#connection;
    return (
      connection.db !== this.#db ||
      connection.resp !== this.#resp ||
      queuedCount(connection) !== this.#queuedCount
    );
  }

  /** With a limit for what all clients take, each tells at once what it takes. */
  countMemory(): void {
    if (this.#host.limits.clientsMemoryBytesMax === 0 || this.#connection.isClosed) return;
    if (Math.abs(clientMemory(this.#holders).total - this.#memoryBytes) >= COUNTED_STEP_BYTES)
      this.update(this.#host.nowMs);
  }
}

/** Commands that MULTI has queued; -1: none is under way. */
function queuedCount({ transaction }: Connection): number {
  return transaction === undefined ? -1 : transaction.queued.length;
}
