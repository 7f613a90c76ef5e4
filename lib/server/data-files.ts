// What is kept on disk, as the main thread sees to it: loaded at the start, saved when a command, a
// save point or the end asks for it. The work itself is done by threads of the native core.

import { existsSync } from 'node:fs';
import type { ReloadOptions } from '../commands/command.ts';
import type { Settings } from '../config/settings.ts';
import { type ReplyError, replyErrors } from '../core/errors.ts';
import { log } from '../core/log.ts';
import { type Addon, addon, codes } from '../engine/addon.ts';
import { failure } from '../engine/failure.ts';
import { dataEvents } from '../engine/stored-data.ts';
import { JournalFiles, type JournalHost } from './journal-files.ts';
import type { DataState } from './messages.ts';
import { rdbOptions } from './rdb-options.ts';

const TICK_MS = 100;
const ALL_DATABASES = -1;
/** After a save that failed, save points wait for so long before the next (`CONFIG_BGSAVE_RETRY_DELAY` of Redis 7.2). */
const RETRY_SECONDS = 5;

interface Save {
  readonly isBackground: boolean;
  onEnd(refusal: ReplyError | undefined): void;
}

const inBackground: Save = { isBackground: true, onEnd: () => {} };

export class DataFiles {
  readonly #settings: Settings;
  readonly #tell: (state: DataState) => void;
  readonly #settle: () => Promise<void>;
  #told: DataState;
  #isLoading: boolean;
  #onRdbLoaded: (byteCount: number) => void = () => {};
  #loadingPath = '';
  /** Whose end has not been told yet, in their order: one that was cancelled may still be among them. */
  readonly #saves: Save[] = [];
  #isScheduled = false;
  #isLastOk = true;
  #startedLoadingMs = 0;
  readonly journal: JournalFiles;

  /**
   * @param tell Brings the state to all threads.
   * @param settle Waits until all have taken it, and have carried out what they had begun.
   * @param readCommands Reads a file of commands, on a thread with a command layer.
   */
  constructor(
    settings: Settings,
    tell: (state: DataState) => void,
    settle: () => Promise<void>,
    readCommands: JournalHost['readCommands'],
  ) {
    this.#settings = settings;
    this.#tell = tell;
    this.#settle = settle;
    this.journal = new JournalFiles(settings, {
      readCommands,
      loadRdb: (path) => this.#loadRdb(path),
      refresh: () => this.refresh(),
    });
    // As in Redis the append-only files count where there are to be any, even if there are none yet.
    this.#isLoading = this.journal.isAsked || existsSync(this.#path);
    this.#told = this.state;
  }

  /** What threads go by. */
  get state(): DataState {
    const { error } = this.journal;
    return {
      isLoading: this.#isLoading,
      refusesWrites: this.#refusesWrites,
      journalError: error,
    };
  }

  get isLoading(): boolean {
    return this.#isLoading;
  }

  /** Loaded on first use: threads begin to load theirs before. */
  get #addon(): Addon {
    return addon();
  }

  get #path(): string {
    return this.#settings.text('dbfilename');
  }

  get #temporaryPath(): string {
    return `temp-${process.pid}.rdb`;
  }

  /** Seconds and changes of each save point. */
  get #savePoints(): readonly { readonly seconds: number; readonly changes: number }[] {
    const words = this.#settings.text('save').split(' ').filter(Boolean).map(Number);
    return words.flatMap((seconds, i) =>
      i % 2 === 0 ? [{ seconds, changes: words[i + 1] ?? 0 }] : [],
    );
  }

  get hasSavePoints(): boolean {
    return this.#savePoints.length > 0;
  }

  get #refusesWrites(): boolean {
    return (
      this.#settings.isOn('stop-writes-on-bgsave-error') && this.hasSavePoints && !this.#isLastOk
    );
  }

  /** Settings have changed, or a save has ended. */
  refresh(): void {
    const { state } = this;
    const { isLoading, refusesWrites, journalError } = this.#told;
    if (
      state.isLoading === isLoading &&
      state.refusesWrites === refusesWrites &&
      state.journalError === journalError
    )
      return;
    this.#told = state;
    this.#tell(state);
  }

  /** Loads the file, if there is one, then calls `onLoaded`. A file that cannot be loaded ends the process. */
  load(onLoaded: () => void): void {
    this.#addon.dataListen((event, code, text) => this.#onEvent(event, code, text));
    setInterval(() => this.#tick(), TICK_MS).unref();
    void this.#load().then(onLoaded);
  }

  async #load(): Promise<void> {
    if (this.#isLoading) {
      if (this.journal.isAsked) await this.journal.load();
      else await this.#loadRdb(this.#path);
    }
    await this.journal.start();
    this.#isLoading = false;
    this.refresh();
  }

  /** @returns The bytes of the file that were read. */
  #loadRdb(path: string, replaces = false): Promise<number> {
    this.#startedLoadingMs = Date.now();
    this.#loadingPath = path;
    const { databaseCount } = this.#settings;
    this.#addon.rdbLoad(path, databaseCount, this.#settings.number('key-load-delay'), replaces);
    return new Promise((resolve) => {
      this.#onRdbLoaded = resolve;
    });
  }

  /** SAVE, and what SHUTDOWN does. @returns Why it could not be saved. */
  save(): Promise<ReplyError | undefined> {
    return this.#isLoading ? Promise.resolve(replyErrors.loading()) : this.#saveNow();
  }

  #saveNow(): Promise<ReplyError | undefined> {
    return new Promise((resolve) => {
      const refusal = this.#start({ isBackground: false, onEnd: resolve });
      if (refusal) resolve(refusal);
    });
  }

  /**
   * After FLUSHALL: what is being saved in the background is of no use any more. What is left is saved
   * at once where there are save points, so that a crash brings nothing back.
   */
  saveFlushed(): Promise<ReplyError | undefined> {
    if (this.#isLoading) return Promise.resolve(undefined);
    if (this.hasSavePoints || this.#addon.dataFacts().isBackground) this.cancel();
    return this.hasSavePoints ? this.save() : Promise.resolve(undefined);
  }

  /** DEBUG RELOAD. A file that cannot be loaded ends the process, as at the start. */
  async reload({ saves, flushes, merges }: ReloadOptions): Promise<ReplyError | undefined> {
    if (saves && this.#addon.dataFacts().isSaving) return replyErrors.saveInProgress();
    if (!saves && !existsSync(this.#path)) return replyErrors.nothingToLoad(this.#path);
    return this.#loadAgain(async () => {
      const refusal = saves ? await this.#saveNow() : undefined;
      if (refusal) return refusal;
      if (flushes) this.#addon.flush(ALL_DATABASES);
      // Runs that go on may have stored something meanwhile.
      await this.#loadRdb(this.#path, flushes || merges);
      return undefined;
    });
  }

  /** DEBUG LOADAOF. Files that cannot be loaded end the process, as at the start. */
  async reloadJournal(): Promise<ReplyError | undefined> {
    if (!this.journal.isComplete) return replyErrors.nothingToLoad('the append only files');
    return this.#loadAgain(async () => {
      this.#addon.flush(ALL_DATABASES);
      await this.journal.reload();
      return undefined;
    });
  }

  /** While it lasts no command is carried out, and nothing of what is done is written. */
  async #loadAgain(load: () => Promise<ReplyError | undefined>): Promise<ReplyError | undefined> {
    if (this.#isLoading) return replyErrors.loading();
    this.#isLoading = true;
    this.refresh();
    await this.#settle();
    const complaint = await this.journal.pause();
    const refusal = complaint === undefined ? await load() : replyErrors.cannotReload(complaint);
    this.journal.resume();
    this.#isLoading = false;
    this.refresh();
    return refusal;
  }

  /** BGSAVE. @returns Whether it is only scheduled. @throws {ReplyError} */
  saveInBackground(isScheduled: boolean): boolean {
    if (this.#isLoading) throw replyErrors.loading();
    if (isScheduled && this.#addon.dataFacts().isSaving) {
      this.#isScheduled = true;
      return true;
    }
    const refusal = this.#start(inBackground);
    if (refusal) throw refusal;
    return false;
  }

  /** Ends the save that goes on; the file stays as it was. */
  cancel(): void {
    if (!this.#addon.dataFacts().isSaving) return;
    log.warning('The data are being saved: that is ended');
    this.#addon.rdbCancel();
  }

  #start(save: Save): ReplyError | undefined {
    const settings = this.#settings;
    const result = this.#addon.rdbSave({
      path: this.#path,
      temporaryPath: this.#temporaryPath,
      isBackground: save.isBackground,
      ...rdbOptions(settings, 'rdb-save-incremental-fsync'),
    });
    if (result === codes.ok) {
      this.#saves.push(save);
      if (save.isBackground) log.notice('Background saving started');
      return undefined;
    }
    const text = result === -codes.cannotSave ? 'there is no thread to be had' : '';
    return failure(result, text);
  }

  #onEvent(event: number, code: number, text: string): void {
    if (event === dataEvents.note) log.notice(text);
    else if (event === dataEvents.loaded) this.#endLoading(code, text);
    else this.#endSave(code, text);
  }

  #endSave(code: number, text: string): void {
    const save = this.#saves.shift();
    if (save === undefined) throw new Error('a save has ended that nobody began');
    this.#isLastOk = this.#addon.dataFacts().isLastOk;
    if (code === codes.ok) {
      log.notice('DB saved on disk');
      if (save.isBackground) log.notice('Background saving terminated with success');
    } else if (code === codes.shuttingDown) {
      log.warning('Saving was ended before it was done');
    } else {
      log.warning(`Saving the data to ${this.#path} failed: ${text}`);
    }
    this.refresh();
    const isCancelled = code === codes.shuttingDown;
    const reason = isCancelled ? 'it was ended before it was done' : text;
    save.onEnd(code === codes.ok ? undefined : replyErrors.cannotSave(reason));
  }

  #endLoading(code: number, text: string): void {
    if (code !== codes.ok && code !== codes.notFound) {
      const reason = code === codes.outOfMemory ? 'out of memory' : text;
      log.warning(`Fatal error loading the DB from ${this.#loadingPath}: ${reason}. Exiting.`);
      process.exit(1);
    }
    const { keysLoaded, keysExpired, keysEmpty, loadBytesLoaded } = this.#addon.dataFacts();
    const seconds = ((Date.now() - this.#startedLoadingMs) / 1000).toFixed(3);
    log.notice(`Loaded ${keysLoaded} keys; ${keysExpired} had expired, ${keysEmpty} were empty`);
    log.notice(`DB loaded from disk: ${seconds} seconds`);
    this.#onRdbLoaded(loadBytesLoaded);
  }

  /** Save points, and what BGSAVE SCHEDULE has left to be done. */
  #tick(): void {
    if (this.#isLoading) return;
    this.journal.tick();
    const facts = this.#addon.dataFacts();
    if (facts.isSaving) return;
    const now = Math.floor(Date.now() / 1000);
    const mayRetry = facts.isLastOk || now - facts.startedAtSeconds > RETRY_SECONDS;
    if (!mayRetry) return;
    const point = this.#savePoints.find(
      ({ seconds, changes }) =>
        facts.changes >= Math.max(changes, 1) && now - facts.lastSaveAtSeconds > seconds,
    );
    if (point === undefined && !this.#isScheduled) return;
    this.#isScheduled = false;
    if (point) log.notice(`${facts.changes} changes in ${point.seconds} seconds: saving`);
    const refusal = this.#start(inBackground);
    if (refusal) log.warning(`Saving could not be started: ${refusal.message}`);
  }
}
