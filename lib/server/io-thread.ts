// An I/O thread: its event loop, connections and copy of the command layer. The main of a worker.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Command, CommandFigures, Rates, ServerServices } from '../commands/command.ts';
import { commandTable } from '../commands/table.ts';
import { Settings } from '../config/settings.ts';
import { ReplyError, replyErrors } from '../core/errors.ts';
import { isLogLevel, log, openLog, setLogLevel } from '../core/log.ts';
import { type Addon, addon, messageKinds, type ThreadBlocks } from '../engine/addon.ts';
import { Engine } from '../engine/engine.ts';
import { Keyspace } from '../keyspace/keyspace.ts';
import { ThreadMemory } from '../resp/native-memory.ts';
import { ReplyEncoder } from '../resp/reply-encoder.ts';
import { Request } from '../resp/request.ts';
import { CommandStatistics } from './command-statistics.ts';
import { Connection, type ConnectionHost, type NewConnection } from './connection.ts';
import { Dispatcher } from './dispatcher.ts';
import { Limits } from './limits.ts';
import {
  errorCodes,
  type Pairs,
  type PlainError,
  type SharedCounters,
  type ThreadStart,
  type ToMain,
  type ToThread,
} from './messages.ts';
import { Pause, pauseKinds } from './pause.ts';
import { SendBatch } from './send-batch.ts';

const SWEEP_MS = 1000;
/** Connection numbers go to the native core as 32 bits. */
const CONNECTION_INDEX_MAX = 2 ** 31;

/** What commands ask of the process: carried out here, or by the main thread. */
class Services implements ServerServices {
  readonly settings: Settings;
  readonly startedMs: number;
  readonly runId: string;
  readonly threadCount: number;
  readonly configFile: string | undefined;
  readonly tcpPort: number;
  readonly executable: string;
  readonly #thread: IoThread;
  readonly #post: (message: ToMain) => void;
  readonly #shared: SharedCounters;
  readonly #changes = new Map<number, (error: Error | undefined) => void>();
  #changeCount = 0;

  constructor(thread: IoThread, start: ThreadStart, settings: Settings, post: (m: ToMain) => void) {
    this.settings = settings;
    this.startedMs = start.startedMs;
    this.runId = start.runId;
    this.threadCount = start.threadCount;
    this.configFile = settings.configFile;
    this.tcpPort = start.tcpPort;
    this.executable = start.executable;
    this.#thread = thread;
    this.#shared = start.shared;
    this.#post = post;
  }

  configSet(pairs: Pairs): Promise<Error | undefined> {
    return this.#ask((id) => ({ type: 'config-set', id, pairs }));
  }

  configRewrite(): Promise<Error | undefined> {
    return this.#ask((id) => ({ type: 'config-rewrite', id }));
  }

  #ask(message: (id: number) => ToMain): Promise<Error | undefined> {
    const id = ++this.#changeCount;
    this.#post(message(id));
    return new Promise((resolve) => this.#changes.set(id, resolve));
  }

  configSetDone(id: number, error: PlainError | undefined): void {
    const resolve = this.#changes.get(id);
    this.#changes.delete(id);
    resolve?.(error === undefined ? undefined : new ReplyError(error.code, error.message));
  }

  pauseClients(forMs: number, onlyWrites: boolean): void {
    this.#thread.pause.start(forMs, onlyWrites ? pauseKinds.writes : pauseKinds.all);
  }

  unpauseClients(): void {
    this.#thread.pause.stop();
  }

  shutdown({ save }: { readonly save: 'default' | 'save' | 'nosave' }): void {
    this.#post({ type: 'shutdown', save });
  }

  shareTraffic(): void {
    this.#thread.shareTraffic();
  }

  commandFigures(): ReadonlyMap<string, CommandFigures> {
    return this.#thread.statistics.figures(this.#thread.commandNames);
  }

  commandCount(): number {
    return this.#thread.statistics.callCount(this.#thread.commandNames.length);
  }

  commandPercentiles(percents: readonly number[]): ReadonlyMap<string, readonly number[]> {
    return this.#thread.statistics.percentiles(this.#thread.commandNames, percents);
  }

  errorCounts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    const rows = new Float64Array(this.#shared.errors);
    const base = rows.length - errorCodes.length;
    for (const [index, code] of errorCodes.entries()) {
      let sum = -rows[base + index]!;
      for (let at = index; at < base; at += errorCodes.length) sum += rows[at]!;
      if (sum > 0) counts.set(code, sum);
    }
    return counts;
  }

  rates(): Rates {
    const [commands = 0, inputBytes = 0, outputBytes = 0] = new Float64Array(this.#shared.rates);
    return { commands, inputBytes, outputBytes };
  }

  resetStatistics(): void {
    this.#thread.addon.resetStatistics();
    this.#thread.statistics.reset(this.#thread.commandNames.length);
    const rows = new Float64Array(this.#shared.errors);
    const base = rows.length - errorCodes.length;
    for (const [code, count] of this.errorCounts()) rows[base + indexOfError(code)]! += count;
  }
}

/** Of any code that has no place of its own: that of ERR. */
function indexOfError(code: string): number {
  const known: readonly string[] = errorCodes;
  return Math.max(known.indexOf(code), 0);
}

export class IoThread implements ConnectionHost {
  readonly addon: Addon;
  readonly memory: ThreadMemory;
  readonly scratchRequest: Request;
  readonly encoder: ReplyEncoder;
  readonly dispatcher: Dispatcher;
  readonly limits: Limits;
  readonly keyspace: Keyspace;
  readonly engine: Engine;
  readonly services: Services;
  readonly statistics: CommandStatistics;
  readonly pause: Pause;
  readonly replies: SendBatch;
  readonly traffic = { inputBytes: 0, outputBytes: 0 };
  nowMs = Date.now();
  readonly #blocks: ThreadBlocks;
  readonly #start: ThreadStart;
  readonly #settings: Settings;
  readonly #post: (message: ToMain) => void;
  readonly #connections = new Map<number, Connection>();
  readonly #bySlot: (Connection | undefined)[] = [];
  /** Several connections have their turns: what they leave is sent when all had theirs. */
  #isTogether = false;
  readonly #loads: Int32Array;
  readonly #sweepTimer: NodeJS.Timeout;
  #measuredMs = Date.now();
  readonly #measured = [0, 0, 0];
  #lastIndex = 0;
  #isStopping = false;

  constructor(
    native: Addon,
    start: ThreadStart,
    commands: Iterable<Command>,
    post: (message: ToMain) => void,
  ) {
    this.addon = native;
    this.#start = start;
    this.#post = post;
    this.#settings = new Settings(start.settings);
    this.#blocks = native.attachThread(
      () => this.#together(() => this.#drain()),
      (count) => this.#onReady(count),
    );
    this.memory = new ThreadMemory(native, this.#blocks);
    this.scratchRequest = Request.ofScratch(this.memory);
    const { threadIndex } = start;
    const errors = new Float64Array(
      start.shared.errors,
      8 * errorCodes.length * threadIndex,
      errorCodes.length,
    );
    this.encoder = new ReplyEncoder(this.memory, (code) => errors[indexOfError(code)]!++);
    this.replies = new SendBatch(native, this.encoder, this.#blocks.sends);
    this.limits = new Limits(this.#settings, start.memoryLimitBytes);
    this.#loads = new Int32Array(start.shared.connections);
    this.statistics = new CommandStatistics(start.shared.commands, threadIndex);
    const { statistics } = this;
    this.pause = new Pause(native, start.shared.pause);
    this.dispatcher = new Dispatcher(
      commands,
      this.encoder,
      native,
      this.limits,
      statistics,
      this.pause,
    );
    this.keyspace = new Keyspace(native, this.#blocks);
    this.engine = new Engine(native, this.#blocks);
    this.services = new Services(this, start, this.#settings, post);
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  get commandNames(): readonly string[] {
    return this.dispatcher.names;
  }

  onMessage(message: ToThread): void {
    switch (message.type) {
      case 'connection':
        this.#open(message);
        break;
      case 'settings':
        this.#apply(message.pairs);
        this.#post({ type: 'settings-taken', id: message.id });
        break;
      case 'config-set-done':
        this.services.configSetDone(message.id, message.error);
        break;
      case 'stop':
        this.#stop();
        break;
    }
  }

  onClosed(connection: Connection): void {
    this.#connections.delete(connection.index);
    this.pause.forget(connection);
    this.#bySlot[connection.slot] = undefined;
    Atomics.sub(this.#loads, this.#start.threadIndex, 1);
  }

  #open(from: NewConnection): void {
    const { fd, address, localAddress, isUnix } = from;
    do this.#lastIndex = (this.#lastIndex + 1) % CONNECTION_INDEX_MAX;
    while (this.#connections.has(this.#lastIndex));
    const index = this.#lastIndex;
    const { clientsMax } = this.limits;
    const id = this.#isStopping
      ? -1
      : this.addon.clientOpen(index, fd, address, localAddress, isUnix, clientsMax);
    if (id < 0) {
      Atomics.sub(this.#loads, this.#start.threadIndex, 1);
      this.addon.refuse(fd, `-${replyErrors.clientsMax().line}\r\n`);
      return;
    }
    const slot = this.addon.socketOpen(fd, this.limits.keepaliveMs / 1000);
    if (slot < 0) {
      log.warning(`Error registering a socket of ${address}: errno ${-slot}`);
      this.addon.clientClose(id);
      Atomics.sub(this.#loads, this.#start.threadIndex, 1);
      return;
    }
    const connection = new Connection(this, index, id, slot, from);
    this.#connections.set(index, connection);
    this.#bySlot[slot] = connection;
  }

  #apply(pairs: Pairs): void {
    this.#settings.set(pairs);
    const { keepaliveMs } = this.limits;
    this.limits.apply(this.#settings);
    const level = this.#settings.text('loglevel');
    if (isLogLevel(level)) setLogLevel(level);
    if (this.limits.keepaliveMs === keepaliveMs) return;
    for (const connection of this.#connections.values()) {
      connection.keepAlive(this.limits.keepaliveMs);
    }
  }

  #sweep(): void {
    const now = Date.now();
    if (this.#start.threadIndex === 0) this.#measureRates(now);
    for (const connection of this.#connections.values()) connection.sweep(now);
  }

  /** For INFO: what all threads have done since the last time. */
  #measureRates(now: number): void {
    const { netInputBytes, netOutputBytes } = this.addon.statistics();
    const callCount = this.statistics.callCount(this.commandNames.length);
    const rates = new Float64Array(this.#start.shared.rates);
    const seconds = (now - this.#measuredMs) / 1000;
    for (const [i, total] of [callCount, netInputBytes, netOutputBytes].entries()) {
      // CONFIG RESETSTAT sets the totals back.
      rates[i] = Math.max(total - (this.#measured[i] ?? 0), 0) / seconds;
      this.#measured[i] = total;
    }
    this.#measuredMs = now;
  }

  // --- turns of the event loop ---

  endTurn(): void {
    if (this.#isTogether) return;
    this.nowMs = Date.now();
    this.#sendReplies();
  }

  #onReady(count: number): void {
    const { ready } = this.#blocks;
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
  }

  /** Puts this thread's traffic where INFO finds it. */
  shareTraffic(): void {
    const { traffic } = this;
    this.addon.count(traffic.inputBytes, traffic.outputBytes);
    traffic.inputBytes = 0;
    traffic.outputBytes = 0;
  }

  /** Takes the messages of the mailbox. They are read first: what they set off overwrites `rows`. */
  #drain(): void {
    const { rows } = this.#blocks;
    for (;;) {
      const count = this.addon.drainMailbox();
      if (count === 0) return;
      const messages: [number, number, number, number, string][] = [];
      let at = 0;
      for (let i = 0; i < count; i++) {
        const textBytes = rows.readUInt32LE(at + 16);
        messages.push([
          rows.readUInt32LE(at),
          rows.readUInt32LE(at + 4),
          rows.readUInt32LE(at + 8),
          rows.readUInt32LE(at + 12),
          rows.toString('utf8', at + 20, at + 20 + textBytes),
        ]);
        at += 20 + textBytes;
      }
      for (const [kind, index, sequence, code, text] of messages) {
        const connection = this.#connections.get(index);
        if (kind === messageKinds.completion) connection?.complete(sequence, code, text);
        else if (kind === messageKinds.kill) connection?.close();
        else if (kind === messageKinds.notice) this.pause.onNotice(text);
      }
    }
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
  const settings = new Settings(start.settings);
  const level = settings.text('loglevel');
  if (isLogLevel(level)) setLogLevel(level);
  openLog(settings.text('logfile'));
  const thread = new IoThread(addon(), start, commandTable.values(), (message) =>
    port.postMessage(message),
  );
  port.on('message', (message: ToThread) => thread.onMessage(message));
  log.debug(`I/O thread ${start.threadIndex} is ready`);
  port.postMessage({ type: 'ready' } satisfies ToMain);
}

if (parentPort !== null) main(parentPort, workerData as ThreadStart);
