// The control plane: the main thread starts the I/O threads, hands them connections, changes
// settings, and ends the process. It serves no clients.

import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { InitialUsers } from '../auth/acl.ts';
import { eventBits } from '../config/keyspace-events.ts';
import { rewriteConfigFile } from '../config/rewrite.ts';
import type { Settings } from '../config/settings.ts';
import { ReplyError, replyErrors } from '../core/errors.ts';
import { log } from '../core/log.ts';
import { type Addon, addon, evictionPolicies, valueLimitNames } from '../engine/addon.ts';
import { engineOptions } from '../engine/engine.ts';
import { shareStatistics } from './command-statistics.ts';
import type { NewConnection } from './connection.ts';
import { DataFiles } from './data-files.ts';
import type { JournalPart, JournalRead } from './journal-files.ts';
import type { JournalReaderStart } from './journal-reader.ts';
import { ListenError, Listeners } from './listener.ts';
import { coreCount, memoryLimitBytes } from './machine.ts';
import {
  done,
  errorCodes,
  holdStates,
  type Outcome,
  type Pairs,
  type PlainError,
  RATE_COUNT,
  type SharedCounters,
  type ShutdownOptions,
  type ThreadStart,
  type ToMain,
  type ToThread,
} from './messages.ts';
import { shareMonitors } from './monitors.ts';
import type { OomScore } from './oom-score.ts';
import { sharePause } from './pause.ts';
import { SettingChanges } from './setting-changes.ts';
import { shareThreadFigures } from './thread-figures.ts';
import type { TlsSetup } from './tls-setup.ts';

const IO_THREADS_MAX = 8;
/** How long the threads have to let go of their clients before the process ends without them. */
const STOP_MS_MAX = 2000;

interface Thread {
  readonly worker: Worker;
  isReady: boolean;
  isStopped: boolean;
}

/** A CONFIG SET or a change of users on its way to all threads, or a question that keeps its place among them. */
interface Change {
  readonly from: Thread;
  readonly asked: Extract<ToMain, { type: 'config-set' | 'users-change' | 'users-ask' }>;
  /** Threads that have not taken it. */
  waitsFor: number;
  /** As the first I/O thread has it: all that have the same users say the same. */
  outcome: Outcome;
}

export class Control {
  readonly #addon: Addon;
  readonly #settings: Settings;
  readonly #memoryLimitBytes = memoryLimitBytes();
  /** I/O threads. */
  readonly #threads: Thread[] = [];
  /** What carries out the commands of scripts, once one has asked for it. */
  #scriptHost: Thread | undefined;
  readonly #threadStart: Omit<ThreadStart, 'threadIndex' | 'settings' | 'data'>;
  readonly #loads: Int32Array;
  readonly #shared: SharedCounters;
  readonly #listeners: Listeners;
  readonly #changes: Change[] = [];
  readonly #settingChanges: SettingChanges;
  #kinds: string[] = [];
  #onReady: () => void = () => {};
  #rewriting: Promise<void> = Promise.resolve();
  readonly #data: DataFiles;
  /** Threads that have not said that they are held. */
  #heldAwaited = 0;
  #onHeld: () => void = () => {};
  #isStopping = false;

  /** @param users Have been found right. @param startedMs When the process began. */
  constructor(settings: Settings, users: InitialUsers, oomScore: OomScore, startedMs: number) {
    this.#settings = settings;
    this.#settingChanges = new SettingChanges(settings, oomScore);
    const asked = settings.isGiven('io-threads') ? settings.number('io-threads') : IO_THREADS_MAX;
    const threadCount = Math.min(asked, IO_THREADS_MAX, coreCount());
    // The script host counts too.
    const countingCount = threadCount + 1;
    this.#shared = {
      connections: new SharedArrayBuffer(threadCount * 4),
      commands: shareStatistics(countingCount),
      pause: sharePause(),
      monitors: shareMonitors(),
      hold: new SharedArrayBuffer(4),
      blocked: new SharedArrayBuffer(countingCount * 4),
      errors: new SharedArrayBuffer((countingCount + 1) * errorCodes.length * 8),
      rates: new SharedArrayBuffer(RATE_COUNT * 8),
      threadFigures: shareThreadFigures(threadCount),
      handshakeFailures: new SharedArrayBuffer(threadCount * 8),
    };
    this.#loads = new Int32Array(this.#shared.connections);
    this.#data = new DataFiles(
      settings,
      (state) => {
        for (const thread of this.#allThreads) this.#post(thread, { type: 'data', state });
      },
      async () => {
        await this.#hold();
        this.#release(holdStates.goesOn);
      },
      (part) => this.#readCommands(part),
    );
    this.#threadStart = {
      users,
      tls: this.#settingChanges.firstTls(),
      memoryLimitBytes: this.#memoryLimitBytes,
      startedMs,
      runId: randomBytes(20).toString('hex'),
      threadCount,
      tcpPort: settings.port || settings.tlsPort,
      executable: process.argv[1] ?? process.execPath,
      shared: this.#shared,
    };
    for (let threadIndex = 0; threadIndex < threadCount; threadIndex++) {
      this.#threads.push(
        this.#startThread(`I/O thread ${threadIndex}`, './io-thread.js', threadIndex),
      );
    }
    // The threads load while this one does what follows.
    this.#addon = addon();
    this.#applyLimits();
    this.#addon.configureEngine(engineOptions(settings, coreCount()), logEngineLine);
    this.#addon.startBackground();
    this.#addon.scriptHostStarter(() => this.#startScriptHost());
    this.#listeners = new Listeners(this.#addon, (from) => this.#handOut(from));
  }

  /** @param onReady Called once, when clients are served. @throws {ListenError} */
  listen(onReady: () => void = () => {}): void {
    this.#onReady = onReady;
    this.#kinds = this.#listeners.open(this.#settings);
    this.#writePidFile();
    process.on('SIGTERM', () => this.#onSignal('SIGTERM'));
    process.on('SIGINT', () => this.#onSignal('SIGINT'));
    // A closed terminal or pipe is no reason to stop.
    process.on('SIGHUP', () => {});
    this.#data.load(() => {
      this.#applyLimits();
      this.#announce();
    });
  }

  // --- threads ---

  #startThread(name: string, file: string, threadIndex: number): Thread {
    const workerData: ThreadStart = {
      ...this.#threadStart,
      settings: this.#settings.snapshot(),
      data: this.#data.state,
      threadIndex,
    };
    const worker = new Worker(new URL(file, import.meta.url), { workerData });
    const thread: Thread = { worker, isReady: false, isStopped: false };
    worker.on('message', (message: ToMain) => this.#onMessage(thread, message));
    worker.on('error', (error) => this.#fail(`${name} failed`, error));
    worker.on('exit', (status) => {
      if (!thread.isStopped) this.#fail(`${name} ended with ${status}`);
    });
    return thread;
  }

  /** What is read is counted nowhere: no client has sent it. */
  #readCommands(part: JournalPart): Promise<JournalRead> {
    const thread: ThreadStart = {
      ...this.#threadStart,
      shared: {
        ...this.#shared,
        commands: shareStatistics(1),
        errors: new SharedArrayBuffer(errorCodes.length * 8),
      },
      settings: this.#settings.snapshot(),
      data: this.#data.state,
      threadIndex: 0,
    };
    const workerData: JournalReaderStart = { thread, part };
    const worker = new Worker(new URL('./journal-reader.js', import.meta.url), { workerData });
    return new Promise((resolve) => {
      worker.on('message', resolve);
      worker.on('error', (error) =>
        this.#fail('the reading of the append only file failed', error),
      );
    });
  }

  /** Without a thread to be had, the scripts that need one fail. */
  #startScriptHost(): void {
    if (this.#isStopping || this.#scriptHost !== undefined) return;
    try {
      const { length } = this.#threads;
      this.#scriptHost = this.#startThread('script host', './script-host.js', length);
    } catch (error) {
      this.#addon.scriptHostAbandon(error instanceof Error ? error.message : String(error));
    }
  }

  get #allThreads(): readonly Thread[] {
    return this.#scriptHost === undefined ? this.#threads : [...this.#threads, this.#scriptHost];
  }

  /** An error of ours: the process stops, since nobody knows what state it is in. */
  #fail(what: string, error?: unknown): never {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error ?? '');
    log.warning(`${what}: ${reason}`.trimEnd());
    log.warning('=== Tutti stops after an error of its own ===');
    process.exit(1);
  }

  #post(thread: Thread, message: ToThread): void {
    thread.worker.postMessage(message);
  }

  #onMessage(thread: Thread, message: ToMain): void {
    switch (message.type) {
      case 'ready':
        thread.isReady = true;
        this.#announce();
        break;
      case 'config-set':
      case 'users-change':
      case 'users-ask':
        this.#changes.push({ from: thread, asked: message, waitsFor: 0, outcome: done });
        if (this.#changes.length === 1) this.#change();
        break;
      case 'config-rewrite':
        this.#rewriteConfig(thread, message.id, message.users);
        break;
      case 'change-taken':
        this.#onTaken(thread, message.outcome);
        break;
      case 'save':
        void (message.isFlushed ? this.#data.saveFlushed() : this.#data.save()).then((refusal) =>
          this.#answer(thread, message.id, refusal),
        );
        break;
      case 'bgsave':
        this.#saveInBackground(thread, message.id, message.isScheduled);
        break;
      case 'bgrewriteaof':
        this.#answer(thread, message.id, this.#data.journal.rewrite());
        break;
      case 'reload':
        this.#reload(thread, message.id, () => this.#data.reload(message.options));
        break;
      case 'reload-journal':
        this.#reload(thread, message.id, () => this.#data.reloadJournal());
        break;
      case 'shutdown':
        log.notice('User requested shutdown...');
        void this.#shutDown(message).then((refusal) => this.#answer(thread, message.id, refusal));
        break;
      case 'held':
        this.#heldAwaited--;
        if (this.#heldAwaited === 0) this.#onHeld();
        break;
      case 'stopped':
        thread.isStopped = true;
        if (this.#allThreads.every(({ isStopped }) => isStopped)) this.#exit();
        break;
    }
  }

  #announce(): void {
    if (this.#data.isLoading || !this.#threads.every(({ isReady }) => isReady)) return;
    const kinds = this.#kinds.splice(0);
    for (const kind of kinds) log.notice(`Ready to accept connections ${kind}`);
    if (kinds.length > 0) this.#onReady();
  }

  /** To the thread with the fewest connections. */
  #handOut(from: NewConnection): void {
    let least = 0;
    for (let i = 1; i < this.#threads.length; i++) {
      if (Atomics.load(this.#loads, i) < Atomics.load(this.#loads, least)) least = i;
    }
    Atomics.add(this.#loads, least, 1);
    this.#post(this.#threads[least]!, { type: 'connection', ...from });
  }

  // --- settings and users: one change at a time ---

  #change(): void {
    const change = this.#changes[0];
    if (change === undefined) return;
    const { asked } = change;
    const error = asked.type === 'config-set' ? this.#changeSettings(asked.pairs) : undefined;
    if (error !== undefined) {
      this.#endChange({ error, count: 0 });
      return;
    }
    const threads = asked.type === 'users-ask' ? this.#threads.slice(0, 1) : this.#allThreads;
    change.waitsFor = threads.length;
    for (const thread of threads) this.#post(thread, orderOf(asked, this.#settingChanges.tls));
  }

  #changeSettings(pairs: Pairs): PlainError | undefined {
    const refusal = this.#settingChanges.carryOut(pairs, (next) => this.#listeners.reopen(next));
    if (refusal !== undefined) return plain(refusal);
    this.#applyLimits();
    if (!this.#data.isLoading) this.#data.journal.refresh();
    return undefined;
  }

  #onTaken(thread: Thread, outcome: Outcome): void {
    const change = this.#changes[0];
    if (change === undefined) throw new Error('a thread has taken a change that nobody made');
    if (thread === this.#threads[0]) change.outcome = outcome;
    change.waitsFor--;
    if (change.waitsFor === 0) this.#endChange(change.outcome);
  }

  #endChange(outcome: Outcome): void {
    const change = this.#changes.shift();
    if (change === undefined) return;
    this.#post(change.from, { type: 'change-done', id: change.asked.id, outcome });
    this.#change();
  }

  /** One after the other, since all write the same file. */
  #rewriteConfig(from: Thread, id: number, users: readonly string[]): void {
    this.#rewriting = this.#rewriting
      .then(() => rewriteConfigFile(this.#settings, users))
      .then(
        () => done,
        (cause: NodeJS.ErrnoException) => {
          log.warning(`CONFIG REWRITE failed: ${cause.message}`);
          const { code, message } = replyErrors.rewriteFailed(cause.message);
          return { error: { code, message }, count: 0 };
        },
      )
      .then((outcome) => this.#post(from, { type: 'change-done', id, outcome }));
  }

  #applyLimits(): void {
    this.#data.refresh();
    const policies: readonly string[] = evictionPolicies;
    this.#addon.setLimits({
      // As in Redis no limit stops the loading.
      maxmemoryBytes: this.#data.isLoading ? 0 : this.#settings.maxmemoryBytes,
      poolIdleMaxBytes: this.#settings.poolIdleMaxBytes(this.#memoryLimitBytes),
      evictionPolicy: policies.indexOf(this.#settings.text('maxmemory-policy')),
      evictionSampleCount: this.#settings.number('maxmemory-samples'),
      evictionTenacity: this.#settings.number('maxmemory-eviction-tenacity'),
    });
    const numbers = valueLimitNames.map((name) => this.#settings.number(name));
    const countsFrequency = this.#settings.text('maxmemory-policy').endsWith('lfu');
    this.#addon.setValueLimits(numbers, countsFrequency);
    this.#addon.eventsTold(eventBits(this.#settings.text('notify-keyspace-events')));
    this.#addon.setMonitoring(
      this.#settings.number('slowlog-max-len'),
      this.#settings.number('latency-monitor-threshold'),
    );
  }

  // --- the end ---

  #onSignal(name: string): void {
    if (this.#isStopping) {
      log.warning(`You insist... exiting now.`);
      this.#data.cancel();
      process.exit(1);
    }
    log.warning(`Received ${name} scheduling shutdown...`);
    log.notice('User requested shutdown...');
    const words = this.#settings.text(`shutdown-on-${name.toLowerCase()}`).split(' ');
    const save = words.includes('save') ? 'save' : words.includes('nosave') ? 'nosave' : 'default';
    void this.#shutDown({ save, isForced: words.includes('force') });
  }

  /**
   * Ends the process with status 0, once the data are saved if they are to be. Runs that have begun are
   * not waited for. @returns Why it cannot end; then everything goes on.
   */
  async #shutDown({ save, isForced }: ShutdownOptions): Promise<ReplyError | undefined> {
    if (this.#isStopping) return undefined;
    this.#isStopping = true;
    const isSaved = save === 'save' || (save === 'default' && this.#data.hasSavePoints);
    if (isSaved && !this.#data.isLoading) {
      // From here on nothing is answered that would not be saved.
      await this.#hold();
      this.#data.cancel();
      log.notice('Saving the final RDB snapshot before exiting.');
      const refusal = await this.#data.save();
      if (refusal && !isForced) {
        log.warning("Error trying to save the DB, can't exit.");
        this.#isStopping = false;
        this.#release(holdStates.goesOn);
        return replyErrors.shutdownFailed();
      }
    }
    this.#data.cancel();
    this.#listeners.close();
    this.#release(holdStates.stops);
    for (const thread of this.#allThreads) this.#post(thread, { type: 'stop' });
    setTimeout(() => this.#exit(), STOP_MS_MAX);
    // Never answered: connections end with the process.
    return new Promise(() => {});
  }

  /** No thread carries out anything from here on until it is released. */
  #hold(): Promise<void> {
    Atomics.store(new Int32Array(this.#shared.hold), 0, holdStates.holds);
    this.#heldAwaited = this.#allThreads.length;
    for (const thread of this.#allThreads) this.#post(thread, { type: 'hold' });
    return new Promise((resolve) => {
      this.#onHeld = resolve;
    });
  }

  #release(state: number): void {
    const shared = new Int32Array(this.#shared.hold);
    Atomics.store(shared, 0, state);
    Atomics.notify(shared, 0);
  }

  #saveInBackground(from: Thread, id: number, isScheduled: boolean): void {
    try {
      const count = this.#data.saveInBackground(isScheduled) ? 1 : 0;
      this.#post(from, { type: 'change-done', id, outcome: { error: undefined, count } });
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      this.#answer(from, id, error);
    }
  }

  /** Not while the process ends: both hold all threads. */
  #reload(from: Thread, id: number, reload: () => Promise<ReplyError | undefined>): void {
    const reloaded = this.#isStopping ? Promise.resolve(replyErrors.shuttingDown()) : reload();
    void reloaded.then((refusal) => this.#answer(from, id, refusal));
  }

  #answer(to: Thread, id: number, refusal: ReplyError | undefined): void {
    const error = refusal && plain(refusal);
    this.#post(to, { type: 'change-done', id, outcome: { error, count: 0 } });
  }

  #exit(): never {
    this.#data.journal.stop();
    this.#addon.stopBackground();
    const pidFile = this.#settings.text('pidfile');
    if (pidFile !== '') rmSync(pidFile, { force: true });
    log.warning('Tutti is now ready to exit, bye bye...');
    process.exit(0);
  }

  #writePidFile(): void {
    const pidFile = this.#settings.text('pidfile');
    if (pidFile === '') return;
    try {
      writeFileSync(pidFile, `${process.pid}\n`);
    } catch (error) {
      log.warning(`Failed to write PID file: ${error instanceof Error ? error.message : error}`);
    }
  }
}

function plain({ code, message }: ReplyError): PlainError {
  return { code, message };
}

function orderOf(asked: Change['asked'], tls: TlsSetup | undefined): ToThread {
  switch (asked.type) {
    case 'config-set':
      return { type: 'settings', id: asked.id, pairs: asked.pairs, tls };
    case 'users-change':
      return { type: 'users', id: asked.id, change: asked.change };
    case 'users-ask':
      return { type: 'users-tell' };
  }
}

/** @param level Of `tutti_log_level` (native/inference/backend.h). */
function logEngineLine(level: number, line: string): void {
  const text = line.replaceAll(/\s*\n\s*/g, ' ').trim();
  if (level >= 2) log.warning(text);
  else if (level === 1) log.notice(text);
  else log.debug(text);
}

export { ListenError };
