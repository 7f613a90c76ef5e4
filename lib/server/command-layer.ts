// What every thread that carries out commands has: its copy of the command layer over the native core.

import { Acl, type AclChange, type UserLine } from '../auth/acl.ts';
import type { UserDefaults } from '../auth/user.ts';
import { catalogOf } from '../commands/access.ts';
import type {
  Command,
  CommandFigures,
  DeniedRequest,
  Rates,
  ReloadOptions,
  ServerServices,
  ThreadTotals,
} from '../commands/command.ts';
import { calledCommands, knownCommands } from '../commands/renames.ts';
import { Settings } from '../config/settings.ts';
import { asText, fromText, toBytes } from '../core/byte-string.ts';
import { ReplyError } from '../core/errors.ts';
import { isLogLevel, openLog, setLogLevel } from '../core/log.ts';
import type { Addon, ThreadBlocks } from '../engine/addon.ts';
import { denialContexts, denialReasons } from '../engine/client-commands.ts';
import { Engine } from '../engine/engine.ts';
import { Keyspace } from '../keyspace/keyspace.ts';
import { ThreadMemory } from '../resp/native-memory.ts';
import { ReplyEncoder } from '../resp/reply-encoder.ts';
import { Request } from '../resp/request.ts';
import { CommandStatistics } from './command-statistics.ts';
import { Dispatcher } from './dispatcher.ts';
import { Limits } from './limits.ts';
import {
  type DataState,
  errorCodes,
  type Outcome,
  type Pairs,
  type SharedCounters,
  type ShutdownOptions,
  type ThreadStart,
  type ToMain,
} from './messages.ts';
import { Monitors } from './monitors.ts';
import { Pause, pauseKinds } from './pause.ts';
import { openSystemLog } from './system-log.ts';
import { resetThreadTotals, threadTotals } from './thread-figures.ts';

/** What commands ask of the process: carried out here, or by the main thread. */
export class Services implements ServerServices {
  readonly settings: Settings;
  readonly startedMs: number;
  readonly runId: string;
  readonly threadCount: number;
  readonly configFile: string | undefined;
  readonly tcpPort: number;
  readonly executable: string;
  readonly commands: ReadonlyMap<string, Command>;
  readonly #thread: CommandLayer;
  readonly #post: (message: ToMain) => void;
  readonly #shared: SharedCounters;
  readonly acl: Acl;
  readonly #changes = new Map<number, (outcome: Outcome) => void>();
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
    this.commands = thread.commands;
    this.acl = thread.acl;
    this.#thread = thread;
    this.#shared = start.shared;
    this.#post = post;
  }

  async configSet(pairs: Pairs): Promise<Error | undefined> {
    return errorOf(await this.#ask((id) => ({ type: 'config-set', id, pairs })));
  }

  async configRewrite(): Promise<Error | undefined> {
    const { acl, settings } = this;
    const isInFile =
      settings.text('aclfile') !== '' || acl.isAsAtFirst(fromText(settings.password));
    const users = isInFile ? [] : acl.lines.map(asText);
    return errorOf(await this.#ask((id) => ({ type: 'config-rewrite', id, users })));
  }

  async changeUsers(change: AclChange): Promise<number> {
    const outcome = await this.#ask((id) => ({ type: 'users-change', id, change }));
    const error = errorOf(outcome);
    if (error !== undefined) throw error;
    return outcome.count;
  }

  /** Those of the other threads, by a thread that is started later. */
  async currentUsers(): Promise<readonly UserLine[]> {
    const { users } = await this.#ask((id) => ({ type: 'users-ask', id }));
    return users ?? [];
  }

  #ask(message: (id: number) => ToMain): Promise<Outcome> {
    const id = ++this.#changeCount;
    this.#post(message(id));
    return new Promise((resolve) => this.#changes.set(id, resolve));
  }

  changeDone(id: number, outcome: Outcome): void {
    const resolve = this.#changes.get(id);
    this.#changes.delete(id);
    resolve?.(outcome);
  }

  logDenial({ reason, context, object, user, clientId }: DeniedRequest): void {
    this.#thread.addon.aclLogAdd(
      denialReasons.indexOf(reason),
      denialContexts.indexOf(context),
      toBytes(object),
      toBytes(user),
      clientId,
      this.settings.number('acllog-max-len'),
    );
  }

  pauseClients(forMs: number, onlyWrites: boolean): void {
    this.#thread.pause.start(forMs, onlyWrites ? pauseKinds.writes : pauseKinds.all);
  }

  unpauseClients(): void {
    this.#thread.pause.stop();
  }

  async save(): Promise<Error | undefined> {
    return errorOf(await this.#ask((id) => ({ type: 'save', id, isFlushed: false })));
  }

  async saveFlushed(): Promise<void> {
    await this.#ask((id) => ({ type: 'save', id, isFlushed: true }));
  }

  async saveInBackground(isScheduled: boolean): Promise<boolean> {
    const outcome = await this.#ask((id) => ({ type: 'bgsave', id, isScheduled }));
    const error = errorOf(outcome);
    if (error) throw error;
    return outcome.count > 0;
  }

  async rewriteJournal(): Promise<Error | undefined> {
    return errorOf(await this.#ask((id) => ({ type: 'bgrewriteaof', id })));
  }

  async reload(options: ReloadOptions): Promise<Error | undefined> {
    return errorOf(await this.#ask((id) => ({ type: 'reload', id, options })));
  }

  async reloadJournal(): Promise<Error | undefined> {
    return errorOf(await this.#ask((id) => ({ type: 'reload-journal', id })));
  }

  async shutdown(options: ShutdownOptions): Promise<Error | undefined> {
    return errorOf(await this.#ask((id) => ({ type: 'shutdown', id, ...options })));
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

  commandHistograms(): ReadonlyMap<string, readonly (readonly [number, number])[]> {
    const { commandNames, statistics } = this.#thread;
    const all = [...statistics.figures(commandNames).entries()].filter(
      ([, { calls }]) => calls > 0,
    );
    return new Map(all.map(([name]) => [name, statistics.histogram(commandNames.indexOf(name))]));
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
    const [commands = 0, inputBytes = 0, outputBytes = 0, cycles = 0, cycleMicroseconds = 0] =
      new Float64Array(this.#shared.rates);
    return { commands, inputBytes, outputBytes, cycles, cycleMicroseconds };
  }

  threadTotals(): ThreadTotals {
    return threadTotals(this.#shared.threadFigures);
  }

  handshakeFailureCount(): number {
    const failures = new Float64Array(this.#shared.handshakeFailures);
    return failures.reduce((sum, count) => sum + count, 0);
  }

  resetStatistics(): void {
    this.#thread.addon.resetStatistics();
    this.#thread.statistics.reset(this.#thread.commandNames.length);
    const rows = new Float64Array(this.#shared.errors);
    const base = rows.length - errorCodes.length;
    for (const [code, count] of this.errorCounts()) rows[base + indexOfError(code)]! += count;
    resetThreadTotals(this.#shared.threadFigures);
  }
}

function errorOf({ error }: Outcome): ReplyError | undefined {
  return error && new ReplyError(error.code, error.message);
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
  openSystemLog(settings);
}

/** A message of the thread's mailbox. */
export interface MailboxMessage {
  readonly kind: number;
  readonly connection: number;
  readonly sequence: number;
  readonly code: number;
  readonly text: string;
}

interface LayerOptions {
  readonly servesClients: boolean;
  readonly knowsOwnNames?: boolean;
}

export abstract class CommandLayer {
  readonly addon: Addon;
  readonly blocks: ThreadBlocks;
  readonly memory: ThreadMemory;
  readonly scratchRequest: Request;
  readonly encoder: ReplyEncoder;
  readonly dispatcher: Dispatcher;
  /** By the names that they are called by. */
  readonly commands: ReadonlyMap<string, Command>;
  readonly limits: Limits;
  readonly acl: Acl;
  readonly keyspace: Keyspace;
  readonly engine: Engine;
  readonly services: Services;
  readonly statistics: CommandStatistics;
  readonly pause: Pause;
  readonly monitors: Monitors;
  readonly #settings: Settings;

  /**
   * @param options.servesClients Sockets are watched, and CLIENT PAUSE stops what they send.
   * @param options.knowsOwnNames Commands that `rename-command` has renamed may be called as before.
   */
  constructor(
    native: Addon,
    start: ThreadStart,
    commands: Iterable<Command>,
    post: (message: ToMain) => void,
    { servesClients, knowsOwnNames = false }: LayerOptions,
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
    this.applyData(start.data);
    const rows = [...commands];
    const renames = this.#settings.renames.map(({ from, to }) => [from, to] as const);
    this.commands = (knowsOwnNames ? knownCommands : calledCommands)(rows, renames);
    this.acl = new Acl(catalogOf(rows), this.#userDefaults);
    this.acl.setPassword(fromText(this.#settings.password));
    this.acl.begin(start.users);
    // Who starts later learns of the users later.
    if (servesClients) this.tellScripts();
    this.statistics = new CommandStatistics(shared.commands, threadIndex);
    const { statistics } = this;
    this.pause = new Pause(native, shared.pause);
    this.monitors = new Monitors(native, shared.monitors);
    this.dispatcher = new Dispatcher(
      rows,
      this.commands,
      this.acl.catalog,
      this.encoder,
      native,
      this.blocks.command,
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

  applyData({ isLoading, refusesWrites, journalError }: DataState): void {
    this.limits.isLoading = isLoading;
    this.limits.refusesWrites = refusesWrites;
    this.limits.journalError = journalError;
  }

  applySettings(pairs: Pairs): void {
    this.#settings.set(pairs);
    this.limits.apply(this.#settings);
    this.acl.defaults = this.#userDefaults;
    if (pairs.some(([name]) => name.toLowerCase() === 'requirepass')) {
      this.acl.setPassword(fromText(this.#settings.password));
      this.#noteUsers();
    }
    const level = this.#settings.text('loglevel');
    if (isLogLevel(level)) setLogLevel(level);
  }

  /** @returns What to tell the main thread: each thread says the same. */
  applyUsers(change: AclChange): Outcome {
    try {
      const count = this.acl.change(change);
      this.#noteUsers();
      return { error: undefined, count };
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      return { error: { code: error.code, message: error.message }, count: 0 };
    }
  }

  #noteUsers(): void {
    this.tellScripts();
    this.onUsersChanged();
  }

  /** Whether what they do has to be looked at. */
  protected tellScripts(): void {
    this.addon.scriptsCheckAccess(this.acl.users.some((user) => !user.isUnlimited) ? 1 : 0);
  }

  /** Whoever has a user must look at it again. */
  protected onUsersChanged(): void {}

  get #userDefaults(): UserDefaults {
    return { allChannels: this.#settings.text('acl-pubsub-default') === 'allchannels' };
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
          text: textBytes === 0 ? '' : rows.toString('utf8', at + 20, at + 20 + textBytes),
        });
        at += 20 + textBytes;
      }
      for (const message of messages) this.onMail(message);
    }
  }
}
