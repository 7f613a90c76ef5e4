// An I/O thread: its event loop, connections and copy of the command layer. The main of a worker.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Command } from '../commands/command.ts';
import { commandTable } from '../commands/table.ts';
import { replyErrors } from '../core/errors.ts';
import { log } from '../core/log.ts';
import { type Addon, addon, messageKinds } from '../engine/addon.ts';
import { CommandLayer, type MailboxMessage, openThreadLog } from './command-layer.ts';
import { Connection, type NewConnection } from './connection.ts';
import type { ConnectionHost } from './connection-host.ts';
import { Deliveries } from './deliveries.ts';
import {
  done,
  holdStill,
  type Pairs,
  RATE_COUNT,
  type ThreadStart,
  type ToMain,
  type ToThread,
} from './messages.ts';
import { isProtectedFrom, PROTECTED_MODE_REFUSAL } from './protected-mode.ts';
import { SendBatch } from './send-batch.ts';
import { ThreadFigures } from './thread-figures.ts';
import { TlsDoor, TlsTransport } from './tls-transport.ts';
import { SocketTransport } from './transport.ts';

const SWEEP_MS = 1000;
/** Connection numbers go to the native core as 32 bits. */
const CONNECTION_INDEX_MAX = 2 ** 31;
/** In the place of a connection's: the journal is so far. */
const JOURNAL_INDEX = CONNECTION_INDEX_MAX - 1;

export class IoThread extends CommandLayer implements ConnectionHost {
  readonly replies: SendBatch;
  readonly traffic = { inputBytes: 0, outputBytes: 0 };
  nowMs = Date.now();
  readonly #start: ThreadStart;
  readonly #post: (message: ToMain) => void;
  readonly #connections = new Map<number, Connection>();
  readonly #bySlot: (Connection | undefined)[] = [];
  /** Several connections have their turns: what they leave is sent when all had theirs. */
  #isTogether = false;
  readonly #loads: Int32Array;
  readonly #tls: TlsDoor;
  readonly blocked: Int32Array;
  readonly #deliveries: Deliveries;
  readonly #sweepTimer: NodeJS.Timeout;
  #measuredMs = Date.now();
  readonly #measured = [0, 0, 0, 0, 0];
  readonly figures: ThreadFigures;
  #lastIndex = 0;
  /** Connections whose replies wait for the journal: since this turn, and by the wait that ends it. */
  #heldNow: Connection[] = [];
  readonly #held = new Map<number, Connection[]>();
  #heldSequence = 0;
  #isStopping = false;

  constructor(
    native: Addon,
    start: ThreadStart,
    commands: Iterable<Command>,
    post: (message: ToMain) => void,
  ) {
    super(native, start, commands, post, { servesClients: true });
    this.#start = start;
    this.#post = post;
    this.replies = new SendBatch(native, this.encoder, this.blocks.sends);
    this.#loads = new Int32Array(start.shared.connections);
    const failures = new Float64Array(start.shared.handshakeFailures);
    this.#tls = new TlsDoor(native, this.blocks.out, () => failures[start.threadIndex]!++);
    this.#tls.setup = start.tls;
    this.blocked = new Int32Array(start.shared.blocked, 4 * start.threadIndex, 1);
    this.figures = new ThreadFigures(start.shared.threadFigures, start.threadIndex);
    this.#deliveries = new Deliveries(native, this.blocks, this.encoder, this.replies);
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  onMessage(message: ToThread): void {
    switch (message.type) {
      case 'connection':
        this.#open(message);
        break;
      case 'settings':
        this.#apply(message.pairs);
        if (message.tls !== undefined) this.#tls.setup = message.tls;
        this.#post({ type: 'change-taken', outcome: done });
        break;
      case 'users':
        this.#post({ type: 'change-taken', outcome: this.applyUsers(message.change) });
        break;
      case 'users-tell':
        this.#post({
          type: 'change-taken',
          outcome: { ...done, users: this.acl.definitions },
        });
        break;
      case 'change-done':
        this.services.changeDone(message.id, message.outcome);
        break;
      case 'data':
        this.applyData(message.state);
        break;
      case 'hold':
        this.#post({ type: 'held' });
        if (holdStill(this.#start.shared.hold)) this.#stop();
        break;
      case 'stop':
        this.#stop();
        break;
    }
  }

  onClosed(connection: Connection): void {
    this.#connections.delete(connection.index);
    this.pause.forget(connection);
    if (connection.slot >= 0) this.#bySlot[connection.slot] = undefined;
    Atomics.sub(this.#loads, this.#start.threadIndex, 1);
  }

  #open(from: NewConnection): void {
    const { fd, address, localAddress, isUnix, isTls } = from;
    // Through TLS nothing can be said before the handshake.
    const refuse = (text: string) => {
      Atomics.sub(this.#loads, this.#start.threadIndex, 1);
      this.addon.refuse(fd, isTls ? '' : text);
    };
    if (isProtectedFrom(from, this.services.settings, this.acl)) {
      refuse(PROTECTED_MODE_REFUSAL);
      return;
    }
    do this.#lastIndex = (this.#lastIndex + 1) % JOURNAL_INDEX;
    while (this.#connections.has(this.#lastIndex));
    const index = this.#lastIndex;
    const { clientsMax } = this.limits;
    const id = this.#isStopping
      ? -1
      : this.addon.clientOpen(index, fd, address, localAddress, isUnix, clientsMax);
    if (id < 0) {
      refuse(`-${replyErrors.clientsMax().line}\r\n`);
      return;
    }
    const transport = isTls ? this.#openTls(fd) : this.#openSocket(fd);
    if (typeof transport === 'number') {
      log.warning(`Error registering a socket of ${address}: errno ${-transport}`);
      this.addon.clientClose(id);
      Atomics.sub(this.#loads, this.#start.threadIndex, 1);
      return;
    }
    const connection = new Connection(this, index, id, transport, from);
    this.#connections.set(index, connection);
    if (connection.slot >= 0) this.#bySlot[connection.slot] = connection;
    if (transport instanceof TlsTransport) transport.user = connection;
  }

  /** @returns -errno if it cannot be watched: then it is closed. */
  #openSocket(fd: number): SocketTransport | number {
    const slot = this.addon.socketOpen(fd, this.limits.keepaliveMs / 1000);
    return slot < 0 ? slot : new SocketTransport(this.addon, slot);
  }

  evictClients(): void {
    const evicted = new Set(this.addon.clientsEvict(this.limits.clientsMemoryBytesMax));
    for (const id of evicted) log.notice(`Evicting client: id=${id}`);
    // Those of other threads are closed by these.
    for (const connection of this.#connections.values()) {
      if (evicted.has(connection.id)) connection.closeSoon();
    }
  }

  #openTls(fd: number): TlsTransport {
    return this.#tls.open(fd, this.limits.keepaliveMs / 1000);
  }

  #apply(pairs: Pairs): void {
    const { keepaliveMs, clientsMemoryBytesMax } = this.limits;
    this.applySettings(pairs);
    if (this.limits.clientsMemoryBytesMax !== clientsMemoryBytesMax) {
      const now = Date.now();
      for (const connection of this.#connections.values()) connection.record.update(now);
    }
    if (this.limits.keepaliveMs === keepaliveMs) return;
    for (const connection of this.#connections.values()) {
      connection.keepAlive(this.limits.keepaliveMs);
    }
  }

  /** Who may not stay is closed, one that has done it to itself after its reply. */
  protected override onUsersChanged(): void {
    for (const connection of this.#connections.values()) {
      if (connection.checkAccess()) connection.checkWait();
      else if (connection.changesUsers) connection.closeAfterReply();
      else connection.close();
    }
  }

  #sweep(): void {
    const now = Date.now();
    this.figures.noteLoop();
    if (this.#start.threadIndex === 0) {
      this.#measureRates(now);
      this.addon.migrationPeers();
    }
    for (const connection of this.#connections.values()) connection.sweep(now);
  }

  /** For INFO: what all threads have done since the last time. */
  #measureRates(now: number): void {
    const { netInputBytes, netOutputBytes } = this.addon.statistics();
    const callCount = this.statistics.callCount(this.commandNames.length);
    const { cycles, busyMicroseconds } = this.services.threadTotals();
    const totals = [callCount, netInputBytes, netOutputBytes, cycles, busyMicroseconds];
    const rates = new Float64Array(this.#start.shared.rates);
    const seconds = (now - this.#measuredMs) / 1000;
    // CONFIG RESETSTAT sets the totals back.
    const more = totals.map((total, i) => Math.max(total - (this.#measured[i] ?? 0), 0));
    const [, , , moreCycles = 0, moreBusy = 0] = more;
    for (const [i, count] of more.entries()) rates[i] = count / seconds;
    rates[RATE_COUNT - 1] = moreBusy / Math.max(moreCycles, 1);
    for (const [i, total] of totals.entries()) this.#measured[i] = total;
    this.#measuredMs = now;
  }

  // --- turns of the event loop ---

  endTurn(): void {
    if (this.#isTogether) return;
    this.nowMs = Date.now();
    this.#sendReplies();
  }

  protected override onWake(): void {
    this.#together(() => this.drain());
  }

  protected override onReady(count: number): void {
    const { ready } = this.blocks;
    this.#together(() => {
      // A client that goes away in the turn of another is not there any more.
      for (let i = 0; i < count; i++) this.#bySlot[ready[2 * i]!]?.onReady(ready[2 * i + 1]!);
    });
  }

  #together(turns: () => void): void {
    this.nowMs = Date.now();
    this.#isTogether = true;
    turns();
    this.#isTogether = false;
    this.#sendReplies();
  }

  #sendReplies(): void {
    this.replies.send();
    this.encoder.clear();
    this.shareTraffic();
    if (this.#heldNow.length > 0) this.#awaitJournal();
  }

  hold(connection: Connection): void {
    connection.heldSequence = -1;
    this.#heldNow.push(connection);
  }

  /** One wait for all that this turn has held. */
  #awaitJournal(): void {
    const connections = this.#heldNow;
    this.#heldNow = [];
    this.#heldSequence = (this.#heldSequence + 1) % CONNECTION_INDEX_MAX;
    const sequence = this.#heldSequence;
    for (const connection of connections) connection.heldSequence = sequence;
    this.#held.set(sequence, connections);
    if (this.addon.journalAwait(JOURNAL_INDEX, sequence, 0) === 1) return;
    // Not within the turn that has just ended.
    setImmediate(() => this.#together(() => this.#release(sequence)));
  }

  #release(sequence: number): void {
    const connections = this.#held.get(sequence) ?? [];
    this.#held.delete(sequence);
    for (const connection of connections) {
      if (connection.heldSequence === sequence) connection.release();
    }
  }

  override shareTraffic(): void {
    const { traffic } = this;
    this.addon.count(traffic.inputBytes, traffic.outputBytes);
    traffic.inputBytes = 0;
    traffic.outputBytes = 0;
  }

  protected onMail({ kind, connection: index, sequence, code, text }: MailboxMessage): void {
    const connection = this.#connections.get(index);
    if (index === JOURNAL_INDEX) this.#release(sequence);
    else if (kind === messageKinds.completion) connection?.complete(sequence, code, text);
    else if (kind === messageKinds.answered) connection?.completeAnswered(sequence);
    else if (kind === messageKinds.published) this.#deliveries.next(this.#connections);
    else if (kind === messageKinds.overrun) this.#endListeners();
    else if (kind === messageKinds.kill) connection?.close();
    else if (kind === messageKinds.notice) this.pause.onNotice(text);
  }

  /** So much waits to be delivered that those who listen must go, as clients that do not read. */
  #endListeners(): void {
    let closed = 0;
    for (const connection of this.#connections.values()) {
      if (!connection.isSubscriber && !connection.isMonitor) continue;
      connection.close();
      closed++;
    }
    log.warning(`Closed ${closed} clients that listen: too many messages wait for them`);
    this.addon.overrunEnd();
  }

  /** Nothing of any client is carried out from here on. */
  #stop(): void {
    this.#isStopping = true;
    clearInterval(this.#sweepTimer);
    for (const connection of this.#connections.values()) connection.close();
    this.addon.detachThread();
    this.#post({ type: 'stopped' });
  }
}

function main(port: MessagePort, start: ThreadStart): void {
  openThreadLog(start);
  const thread = new IoThread(addon(), start, commandTable.values(), (message) =>
    port.postMessage(message),
  );
  port.on('message', (message: ToThread) => thread.onMessage(message));
  log.debug(`I/O thread ${start.threadIndex} is ready`);
  port.postMessage({ type: 'ready' } satisfies ToMain);
}

if (parentPort !== null) main(parentPort, workerData as ThreadStart);
