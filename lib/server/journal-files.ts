// The append-only files, as the main thread sees to them: which there are, what is read at the start,
// and when they are rewritten. The writing is done by threads of the native core.

import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../config/settings.ts';
import { type ReplyError, replyErrors } from '../core/errors.ts';
import { log } from '../core/log.ts';
import { systemReason } from '../core/system-error.ts';
import { type Addon, addon, codes } from '../engine/addon.ts';
import { journalEvents, syncPolicies } from '../engine/journal-commands.ts';
import { type JournalFile, Manifest, ManifestError, syncFolder } from './journal-manifest.ts';
import { rdbOptions } from './rdb-options.ts';

/** A file of commands to be read. */
export interface JournalPart {
  readonly path: string;
  /** Where the commands begin: behind an RDB file, or at 0. */
  readonly offset: number;
}

/** What has come of reading one. */
export interface JournalRead {
  /** Why it cannot be gone on with; '' if it can. */
  readonly complaint: string;
  /** Up to here it is whole: where a file that ends within a record is cut. */
  readonly wholeBytes: number;
  readonly commandCount: number;
  /** Commands that answered an error, and the first one with its offset. */
  readonly failureCount: number;
  readonly firstFailure: string;
}

export interface JournalHost {
  readCommands(part: JournalPart): Promise<JournalRead>;
  /** @returns The bytes of the RDB file, behind which commands may stand. */
  loadRdb(path: string): Promise<number>;
  /** `error` has changed. */
  refresh(): void;
}

/** After a rewrite that failed, as after a save. */
const RETRY_MS = 5000;

/** A rewrite that goes on, and what the manifest will say after it. */
interface Rewrite {
  readonly base: JournalFile;
  readonly next: JournalFile | undefined;
}

export class JournalFiles {
  readonly #settings: Settings;
  readonly #host: JournalHost;
  /** `dir` at the start: CONFIG SET dir does not move the files that are written. */
  readonly #home = process.cwd();
  #manifest = new Manifest();
  /** Changes are written; what was there before them is in a base, or being written to one. */
  #isOn = false;
  /** There is no base yet: until there is one, nothing of what is written counts. */
  #lacksBase = false;
  #rewrite: Rewrite | undefined;
  #onRewritten: (() => void) | undefined;
  #failedMs = 0;
  /** Why it cannot be written; '' if it can. */
  error = '';

  constructor(settings: Settings, host: JournalHost) {
    this.#settings = settings;
    this.#host = host;
  }

  /** Loaded on first use: threads begin to load theirs before. */
  get #addon(): Addon {
    return addon();
  }

  get isAsked(): boolean {
    return this.#settings.isOn('appendonly');
  }

  get #name(): string {
    return this.#settings.text('appendfilename');
  }

  get #folder(): string {
    return join(this.#home, this.#settings.text('appenddirname'));
  }

  get #manifestPath(): string {
    return this.#path(`${this.#name}.manifest`);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  /** Whether there is anything to be read at the start. */
  get hasFiles(): boolean {
    return existsSync(this.#manifestPath) || existsSync(this.#name);
  }

  // --- the start ---

  /** Reads the files, or ends the process if they cannot be. Then changes are written. */
  async load(): Promise<void> {
    const native = this.#addon;
    try {
      this.#adoptOldFile();
    } catch (error) {
      failToLoad(error);
    }
    this.#readManifest();
    await this.#readFiles();
    native.resetStatistics();
  }

  async #readFiles(): Promise<void> {
    const native = this.#addon;
    native.keysExpire(0);
    const { files } = this.#manifest;
    const lastName = files.at(-1)?.name;
    for (const file of files) await this.#loadFile(file, file.name === lastName);
    native.keysExpire(1);
  }

  // --- read once more ---

  /** What the files hold is all that there is, or was when the writing ended. */
  get isComplete(): boolean {
    return !this.#lacksBase && existsSync(this.#manifestPath);
  }

  /** Writes nothing from here on; what is on its way is on the disk. @returns Why it cannot be. */
  async pause(): Promise<string | undefined> {
    if (!this.#isOn) return undefined;
    if (this.#rewrite !== undefined) {
      const ended = new Promise<void>((resolve) => {
        this.#onRewritten = resolve;
      });
      this.#addon.journalCancelRewrite();
      await ended;
    }
    return this.#addon.journalStop();
  }

  resume(): void {
    if (this.#isOn) this.#addon.journalResume();
  }

  /** Reads the files again, or ends the process if they cannot be. */
  async reload(): Promise<void> {
    this.#readManifest();
    await this.#readFiles();
  }

  #readManifest(): void {
    try {
      this.#manifest = Manifest.read(this.#manifestPath) ?? this.#manifest;
    } catch (error) {
      failToLoad(error);
    }
  }

  /** Before version 7 there was one file, in the folder itself. */
  #adoptOldFile(): void {
    if (!existsSync(this.#name)) return;
    let manifest = Manifest.read(this.#manifestPath);
    if (manifest === undefined) {
      mkdirSync(this.#folder, { recursive: true });
      manifest = new Manifest();
      manifest.base = { name: this.#name, sequence: 1 };
      manifest.write(this.#manifestPath, this.#temporaryManifestPath);
    }
    // The manifest comes first: it says what is missing if this is not reached.
    const path = this.#path(this.#name);
    if (manifest.base?.name !== this.#name || existsSync(path)) return;
    renameSync(this.#name, path);
    syncFolder(this.#folder);
    log.notice(`Took over the append only file ${this.#name} of a version before 7`);
  }

  get #temporaryManifestPath(): string {
    return this.#path(`temp_${this.#name}.manifest`);
  }

  async #loadFile(file: JournalFile, isLast: boolean): Promise<void> {
    const path = this.#path(file.name);
    const startedMs = Date.now();
    let byteCount: number;
    try {
      byteCount = statSync(path).size;
    } catch (error) {
      fail(
        `The append only file ${path}, which the manifest names, is lost: ${systemReason(error)}`,
      );
    }
    let offset = 0;
    if (startsAsRdb(path)) offset = await this.#host.loadRdb(path);
    if (offset === byteCount) return;
    const read = await this.#host.readCommands({ path, offset });
    if (read.complaint !== '') {
      fail(
        `Bad file format reading the append only file ${path} at offset ${read.wholeBytes}: ${read.complaint}. Make a backup of it, then use redis-check-aof --fix <filename>`,
      );
    }
    if (read.wholeBytes < byteCount) this.#cut(path, read.wholeBytes, byteCount, isLast);
    if (read.failureCount > 0) {
      log.warning(
        `${read.failureCount} commands of ${path} answered errors; the first: ${read.firstFailure}`,
      );
    }
    const seconds = ((Date.now() - startedMs) / 1000).toFixed(3);
    log.notice(
      `DB loaded from append only file ${path}: ${read.commandCount} commands, ${seconds} seconds`,
    );
  }

  /** A file that ends within a record: the server died while it wrote it. */
  #cut(path: string, wholeBytes: number, byteCount: number, isLast: boolean): void {
    const what = `Unexpected end of file reading the append only file ${path} at offset ${wholeBytes}`;
    if (!isLast) fail(`${what}, which is not the last file`);
    if (!this.#settings.isOn('aof-load-truncated'))
      fail(`${what}; with aof-load-truncated yes it is cut there`);
    log.warning(`!!! Warning: ${what} !!!`);
    log.warning(
      `AOF loaded anyway because aof-load-truncated is enabled; cut by ${byteCount - wholeBytes} bytes`,
    );
    truncateSync(path, wholeBytes);
  }

  // --- the writing ---

  /** Begins to write, after `load`, or in a server without keys. Ends the process if it cannot. */
  async start(): Promise<void> {
    const native = this.#addon;
    native.journalListen((event, code, text) => this.#onEvent(event, code, text));
    this.#applySettings();
    if (!this.isAsked) return;
    try {
      mkdirSync(this.#folder, { recursive: true });
      this.#dropHistory();
      const last = this.#manifest.increments.at(-1);
      if (last || this.#manifest.base) this.#goOn(last ?? this.#nextIncrement());
      else await this.#begin();
    } catch (error) {
      fail(`The append only file cannot be written: ${systemReason(error)}`);
    }
  }

  /** Writes on behind what was read. */
  #goOn(file: JournalFile): void {
    const manifest = this.#manifest.copy();
    if (manifest.increments.at(-1) !== file) manifest.increments = [...manifest.increments, file];
    let byteCount = 0;
    for (const { name } of manifest.files) {
      if (existsSync(this.#path(name))) byteCount += statSync(this.#path(name)).size;
    }
    const complaint = this.#addon.journalStart(this.#path(file.name), byteCount);
    if (complaint !== undefined) fail(`The append only file cannot be written: ${complaint}`);
    this.#write(manifest);
    this.#isOn = true;
  }

  /** A base and a file behind it, before the first client is served. */
  async #begin(): Promise<void> {
    log.notice('Creating the append only files on server start');
    const rewritten = new Promise<void>((resolve) => {
      this.#onRewritten = resolve;
    });
    const complaint = this.#turnOn();
    if (complaint !== undefined) fail(`The append only file cannot be written: ${complaint}`);
    await rewritten;
    if (this.#lacksBase) fail('The append only file cannot be written');
  }

  /** Settings have changed. */
  refresh(): void {
    this.#applySettings();
    if (this.isAsked && !this.#isOn) this.#turnOn();
    else if (!this.isAsked && this.#isOn) this.#turnOff();
  }

  #applySettings(): void {
    const settings = this.#settings;
    const policies: readonly string[] = syncPolicies;
    this.#addon.journalSettings(
      policies.indexOf(settings.text('appendfsync')),
      !settings.isOn('no-appendfsync-on-rewrite'),
      settings.number('journal-backlog-max'),
      settings.isOn('aof-timestamp-enabled'),
    );
  }

  /** @returns Why it could not be begun; it is tried again. */
  #turnOn(): string | undefined {
    this.#isOn = true;
    this.#lacksBase = true;
    const complaint = this.#startRewrite();
    if (complaint === undefined) return undefined;
    log.warning(`The append only file cannot be begun: ${complaint}`);
    this.#failedMs = Date.now();
    return complaint;
  }

  #turnOff(): void {
    if (this.#rewrite !== undefined) this.#addon.journalCancelRewrite();
    this.stop();
    this.#isOn = false;
    this.#lacksBase = false;
    this.error = '';
    this.#host.refresh();
  }

  /** All is on the disk, or cannot be. */
  stop(): void {
    const complaint = this.#addon.journalStop();
    if (complaint !== undefined) log.warning(`The append only file is not complete: ${complaint}`);
  }

  // --- rewriting ---

  /** BGREWRITEAOF. @returns Why it could not be begun. */
  rewrite(): ReplyError | undefined {
    if (this.#rewrite !== undefined) return replyErrors.rewriteInProgress();
    const complaint = this.#startRewrite();
    return complaint === undefined ? undefined : replyErrors.cannotRewrite(complaint);
  }

  #nextIncrement(): JournalFile {
    const sequences = this.#manifest.increments.map(({ sequence }) => sequence);
    const sequence = Math.max(0, ...sequences, this.#rewrite?.next?.sequence ?? 0) + 1;
    return { name: `${this.#name}.${sequence}.incr.aof`, sequence };
  }

  #startRewrite(): string | undefined {
    const settings = this.#settings;
    const asRdb = settings.isOn('aof-use-rdb-preamble');
    const sequence = (this.#manifest.base?.sequence ?? 0) + 1;
    const base = { name: `${this.#name}.${sequence}.base.${asRdb ? 'rdb' : 'aof'}`, sequence };
    const next = this.#isOn ? this.#nextIncrement() : undefined;
    try {
      mkdirSync(this.#folder, { recursive: true });
      if (next) this.#makeNext(next);
    } catch (error) {
      return systemReason(error);
    }
    const complaint = this.#addon.journalRewrite({
      basePath: this.#path(base.name),
      nextPath: next ? this.#path(next.name) : '',
      asRdb,
      ...rdbOptions(settings, 'aof-rewrite-incremental-fsync'),
    });
    if (complaint === undefined) {
      this.#rewrite = { base, next };
      log.notice('Background append only file rewriting started');
    }
    return complaint;
  }

  /** The next file is named before anything is written to it; without a base none counts. */
  #makeNext(next: JournalFile): void {
    closeSync(openSync(this.#path(next.name), 'w', 0o644));
    if (this.#lacksBase) {
      syncFolder(this.#folder);
      return;
    }
    const manifest = this.#manifest.copy();
    manifest.increments = [...manifest.increments, next];
    this.#write(manifest);
  }

  #write(manifest: Manifest): void {
    manifest.write(this.#manifestPath, this.#temporaryManifestPath);
    this.#manifest = manifest;
  }

  #endRewrite(code: number, text: string): void {
    const rewrite = this.#rewrite;
    this.#rewrite = undefined;
    if (rewrite === undefined) return;
    let isAdopted = false;
    if (code === codes.ok && (this.#isOn || rewrite.next === undefined))
      isAdopted = this.#adopt(rewrite);
    else if (code === codes.shuttingDown) log.warning('Rewriting was ended before it was done');
    else log.warning(`Rewriting the append only file failed: ${text}`);
    this.#addon.journalNoteManifest(isAdopted);
    if (code !== codes.ok) this.#failedMs = Date.now();
    this.#onRewritten?.();
    this.#onRewritten = undefined;
  }

  /** The new base takes the place of all that was before it. @returns Whether it could. */
  #adopt({ base, next }: Rewrite): boolean {
    const manifest = new Manifest();
    manifest.base = base;
    if (next) manifest.increments = [next];
    const { files, history } = this.#manifest;
    const kept = new Set(manifest.files.map(({ name }) => name));
    manifest.history = [...history, ...files].filter(({ name }) => !kept.has(name));
    try {
      this.#write(manifest);
      this.#lacksBase = false;
      this.#dropHistory();
      log.notice('Background AOF rewrite finished successfully');
      return true;
    } catch (error) {
      this.#failedMs = Date.now();
      log.warning(
        `The manifest of the append only files cannot be written: ${systemReason(error)}`,
      );
      return false;
    }
  }

  #dropHistory(): void {
    const { history } = this.#manifest;
    if (history.length === 0 || this.#settings.isOn('aof-disable-auto-gc')) return;
    for (const { name } of history) rmSync(this.#path(name), { force: true });
    const manifest = this.#manifest.copy();
    manifest.history = [];
    this.#write(manifest);
  }

  /** Rewrites when the files have grown as settings say, or when the last time failed. */
  tick(): void {
    if (!this.#isOn || this.#rewrite !== undefined) return;
    if (Date.now() - this.#failedMs < RETRY_MS) return;
    if (this.#lacksBase) {
      this.#turnOn();
      return;
    }
    const percentage = this.#settings.number('auto-aof-rewrite-percentage');
    if (percentage === 0) return;
    const { bytes, baseBytes } = this.#addon.journalFacts();
    if (bytes <= this.#settings.number('auto-aof-rewrite-min-size')) return;
    const growth = Math.floor((100 * bytes) / Math.max(baseBytes, 1)) - 100;
    if (growth < percentage) return;
    log.notice(`Starting automatic rewriting of AOF on ${growth}% growth`);
    const complaint = this.#startRewrite();
    if (complaint === undefined) return;
    this.#failedMs = Date.now();
    log.warning(`The append only file cannot be rewritten: ${complaint}`);
  }

  #onEvent(event: number, code: number, text: string): void {
    if (event === journalEvents.rewritten) {
      this.#endRewrite(code, text);
      return;
    }
    if (event === journalEvents.lost)
      fail(`Can't recover from AOF write error when the AOF fsync policy is 'always': ${text}`);
    this.error = event === journalEvents.failed ? text : '';
    if (this.error !== '') log.warning(`Error writing to the AOF file: ${text}`);
    else log.warning('AOF write error looks solved. The server can write again.');
    this.#host.refresh();
  }
}

function startsAsRdb(path: string): boolean {
  const head = Buffer.alloc(5);
  const fd = openSync(path, 'r');
  try {
    return readSync(fd, head) === head.length && head.toString('latin1') === 'REDIS';
  } finally {
    closeSync(fd);
  }
}

function failToLoad(error: unknown): never {
  const reason = error instanceof ManifestError ? error.message : systemReason(error);
  fail(`Fatal error loading the append only files: ${reason}`);
}

function fail(line: string): never {
  log.warning(`${line}. Exiting.`);
  process.exit(1);
}
