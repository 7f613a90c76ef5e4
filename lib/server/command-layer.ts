// What every thread that carries out commands has: its copy of the command layer over the native core.

import type { Command, CommandFigures, Rates, ServerServices } from '../commands/command.ts';
import { Settings } from '../config/settings.ts';
import { ReplyError } from '../core/errors.ts';
import { isLogLevel, openLog, setLogLevel } from '../core/log.ts';
import type { Addon, ThreadBlocks } from '../engine/addon.ts';
import { Engine } from '../engine/engine.ts';
import { Keyspace } from '../keyspace/keyspace.ts';
import { ThreadMemory } from '../resp/native-memory.ts';
import { ReplyEncoder } from '../resp/reply-encoder.ts';
import { Request } from '../resp/request.ts';
import { CommandStatistics } from './command-statistics.ts';
import { Dispatcher } from './dispatcher.ts';
import { Limits } from './limits.ts';
import {
  errorCodes,
  type Pairs,
  type PlainError,
  type SharedCounters,
  type ThreadStart,
  type ToMain,
} from './messages.ts';
import { Monitors } from './monitors.ts';
import { Pause, pauseKinds } from './pause.ts';

/** What commands ask of the process: carried out here, or by the main thread. */
export class Services implements ServerServices {
  readonly settings: Settings;
  readonly startedMs: number;
  readonly runId: string;
  readonly threadCount: number;
  readonly configFile: string | undefined;
  readonly tcpPort: number;
  readonly executable: string;
  readonly #thread: CommandLayer;
  readonly #post: (message: ToMain) => void;
  readonly #shared: SharedCounters;
  readonly #changes = new Map<number, (error: Error | undefined) => void>();
  #changeCount = 0;

  constructor(
    thread: CommandLayer,
    start: ThreadStart,
    settings: Settings,
    post: (message: ToMain) => void,
  ) {
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

  blockedCount(): number {
    return new Int32Array(this.#shared.blocked).reduce((sum, count) => sum + count, 0);
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

/** Logs as the settings say that a worker was started with. */
export function openThreadLog(start: ThreadStart): void {
  const settings = new Settings(start.settings);
  const level = settings.text('loglevel');
  if (isLogLevel(level)) setLogLevel(level);
  openLog(settings.text('logfile'));
}

/** A message of the thread's mailbox. */
export interface MailboxMessage {
  readonly kind: number;
  readonly connection: number;
  readonly sequence: number;
  readonly code: number;
  readonly text: string;
}

export abstract class CommandLayer {
  readonly addon: Addon;
  readonly blocks: ThreadBlocks;
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
  readonly monitors: Monitors;
  readonly #settings: Settings;

  /** @param options.servesClients Sockets are watched, and CLIENT PAUSE stops what they send. */
  constructor(
    native: Addon,
    start: ThreadStart,
    commands: Iterable<Command>,
    post: (message: ToMain) => void,
    { servesClients }: { readonly servesClients: boolean },
  ) {
    this.addon = native;
    this.#settings = new Settings(start.settings);
    this.blocks = native.attachThread(
      () => this.onWake(),
      servesClients ? (count) => this.onReady(count) : undefined,
    );
    this.memory = new ThreadMemory(native, this.blocks);
    this.scratchRequest = Request.ofScratch(this.memory);
    const { threadIndex, shared } = start;
    const errors = new Float64Array(
      shared.errors,
      8 * errorCodes.length * threadIndex,
      errorCodes.length,
    );
    this.encoder = new ReplyEncoder(this.memory, (code) => errors[indexOfError(code)]!++);
    this.limits = new Limits(this.#settings, start.memoryLimitBytes);
    this.statistics = new CommandStatistics(shared.commands, threadIndex);
    const { statistics } = this;
    this.pause = new Pause(native, shared.pause);
    this.monitors = new Monitors(native, shared.monitors);
    this.dispatcher = new Dispatcher(
      commands,
      this.encoder,
      native,
      this.limits,
      statistics,
      this.monitors,
      servesClients ? this.pause : undefined,
    );
    this.keyspace = new Keyspace(native, this.blocks);
    this.engine = new Engine(native, this.blocks);
    this.services = new Services(this, start, this.#settings, post);
  }

  get commandNames(): readonly string[] {
    return this.dispatcher.names;
  }

  applySettings(pairs: Pairs): void {
    this.#settings.set(pairs);
    this.limits.apply(this.#settings);
    const level = this.#settings.text('loglevel');
    if (isLogLevel(level)) setLogLevel(level);
  }

  /** Puts this thread's traffic where INFO finds it. */
  shareTraffic(): void {}

  protected abstract onMail(message: MailboxMessage): void;

  /** The mailbox has something. */
  protected onWake(): void {
    this.drain();
  }

  /** Of so many sockets, in `ready`. */
  protected onReady(_count: number): void {}

  /** Takes the messages of the mailbox. They are read first: what they set off overwrites `rows`. */
  protected drain(): void {
    const { rows } = this.blocks;
    for (;;) {
      const count = this.addon.drainMailbox();
      if (count === 0) return;
      const messages: MailboxMessage[] = [];
      let at = 0;
      for (let i = 0; i < count; i++) {
        const textBytes = rows.readUInt32LE(at + 16);
        messages.push({
          kind: rows.readUInt32LE(at),
          connection: rows.readUInt32LE(at + 4),
          sequence: rows.readUInt32LE(at + 8),
          code: rows.readUInt32LE(at + 12),
          text: rows.toString('utf8', at + 20, at + 20 + textBytes),
        });
        at += 20 + textBytes;
      }
      for (const message of messages) this.onMail(message);
    }
  }
}
