// The settings of one process. Each thread has a copy; the main thread decides about changes.

import { type ReplyError, replyErrors } from '../core/errors.ts';
import { matchesGlob } from '../core/glob.ts';
import { GiB } from '../core/units.ts';
import { SettingError, type SettingRow, type SettingValue } from './setting-kinds.ts';
import type { outputBufferClasses } from './setting-readers.ts';
import { settingRows } from './setting-rows.ts';
import { splitWords } from './words.ts';

/** Rows by their names and aliases, in lower case. */
const rowsByName = new Map<string, SettingRow>();
for (const row of settingRows) {
  for (const name of [row.name, ...row.aliases]) rowsByName.set(name, row);
}

/** @param name In lower case; an alias too. */
export function findSetting(name: string): SettingRow | undefined {
  return rowsByName.get(name);
}

/** A module that the command line or the file asks for. Only RedisAI's is built in. */
export interface LoadedModule {
  readonly path: string;
  readonly args: readonly string[];
}

/** A `user` line of the file. */
export interface UserDirective {
  readonly name: string;
  readonly rules: readonly string[];
  /** As it stands there. */
  readonly line: string;
  readonly lineNumber: number;
}

/** A `rename-command` line of the file. */
export interface RenameDirective {
  readonly from: string;
  /** Empty: nobody may call it. */
  readonly to: string;
  /** As it stands there. */
  readonly line: string;
  readonly lineNumber: number;
}

/** When replies wait for a client that does not read: of `normal`, `slave` or `pubsub` clients. */
export interface OutputBufferLimit {
  readonly hardBytes: number;
  readonly softBytes: number;
  readonly softSeconds: number;
}

/** What another thread needs to build the same settings. */
export interface SettingsSnapshot {
  readonly values: readonly (readonly [string, SettingValue])[];
  readonly given: readonly string[];
  readonly modules: readonly LoadedModule[];
  readonly renames: readonly RenameDirective[];
  readonly configFile: string | undefined;
}

export class Settings {
  readonly #values = new Map<string, SettingValue>();
  readonly #given = new Set<string>();
  readonly modules: LoadedModule[] = [];
  /** Of the start. They are not among what other threads are told: `ThreadStart` has them. */
  readonly users: UserDirective[] = [];
  readonly renames: RenameDirective[] = [];
  configFile: string | undefined;

  constructor(snapshot?: SettingsSnapshot) {
    for (const row of settingRows) {
      this.#values.set(row.name, { text: row.default, number: numberOf(row.default) });
    }
    for (const [name, value] of snapshot?.values ?? []) this.#values.set(name, value);
    for (const name of snapshot?.given ?? []) this.#given.add(name);
    this.modules.push(...(snapshot?.modules ?? []));
    this.renames.push(...(snapshot?.renames ?? []));
    this.configFile = snapshot?.configFile;
  }

  snapshot(): SettingsSnapshot {
    return {
      values: [...this.#values],
      given: [...this.#given],
      modules: [...this.modules],
      renames: [...this.renames],
      configFile: this.configFile,
    };
  }

  // --- what the server reads ---

  /** @param name Its name, not an alias. */
  text(name: string): string {
    return this.#value(name).text;
  }

  /** Integers, memory in bytes, the index of a choice. Exact up to 2^53. */
  number(name: string): number {
    return this.#value(name).number;
  }

  isOn(name: string): boolean {
    return this.#value(name).text === 'yes';
  }

  /** Whether the command line, the file or CONFIG SET named it. */
  isGiven(name: string): boolean {
    return this.#given.has(name);
  }

  get port(): number {
    return this.number('port');
  }
  /** 0: no connections through TLS. */
  get tlsPort(): number {
    return this.number('tls-port');
  }
  /** The addresses of `bind`; `*` and `-::*` stand for all. */
  get bind(): readonly string[] {
    return this.text('bind').split(' ').filter(Boolean);
  }
  get unixSocket(): string {
    return this.text('unixsocket');
  }
  /** 0: as the process' mask has it. */
  get unixSocketMode(): number {
    return Number.parseInt(this.text('unixsocketperm'), 8);
  }
  get tcpBacklog(): number {
    return this.number('tcp-backlog');
  }
  get tcpKeepaliveSeconds(): number {
    return this.number('tcp-keepalive');
  }
  get idleTimeoutSeconds(): number {
    return this.number('timeout');
  }
  get clientsMax(): number {
    return this.number('maxclients');
  }
  get databaseCount(): number {
    return this.number('databases');
  }
  get password(): string {
    return this.text('requirepass');
  }
  get bulkBytesMax(): number {
    return this.number('proto-max-bulk-len');
  }
  get queryBytesMax(): number {
    return this.number('client-query-buffer-limit');
  }
  get maxmemoryBytes(): number {
    return this.number('maxmemory');
  }
  /** 0: no limit, as for a percentage of no maxmemory. */
  get clientsMemoryBytesMax(): number {
    const value = this.number('maxmemory-clients');
    return value < 0 ? Math.floor((-value * this.maxmemoryBytes) / 100) : value;
  }
  get modelChunkBytes(): number {
    return this.number('ai.model_chunk_size');
  }

  /** @param memoryLimitBytes What the process may use: of the cgroup, or the machine. */
  replyBacklogMaxBytes(memoryLimitBytes: number): number {
    return this.number('reply-backlog-max') || Math.max(memoryLimitBytes / 4, GiB);
  }

  poolIdleMaxBytes(memoryLimitBytes: number): number {
    return this.number('pool-idle-max') || Math.floor(memoryLimitBytes / 8);
  }

  outputBufferLimit(className: (typeof outputBufferClasses)[number]): OutputBufferLimit {
    const words = this.text('client-output-buffer-limit').split(' ');
    const at = words.indexOf(className);
    return {
      hardBytes: Number(words[at + 1]),
      softBytes: Number(words[at + 2]),
      softSeconds: Number(words[at + 3]),
    };
  }

  // --- CONFIG ---

  /**
   * Names and values of what matches: aliases answer too, if they are named or match. A name that is
   * no pattern is repeated as it was given; of two spellings the first counts. What is hidden must be
   * named in full.
   */
  get(patterns: readonly string[]): Map<string, string> {
    const found = new Map<string, string>();
    const seen = new Set<string>();
    const add = (given: string, name: string, row: SettingRow) => {
      if (row.isInternal || seen.has(name)) return;
      seen.add(name);
      found.set(given, this.#shown(row));
    };
    for (const pattern of patterns) {
      const name = pattern.toLowerCase();
      if (/[*?[]/.test(name)) {
        for (const [known, row] of rowsByName)
          if (!row.isHidden && matchesGlob(name, known)) add(known, known, row);
      } else {
        const row = rowsByName.get(name);
        if (row) add(pattern, name, row);
      }
    }
    return found;
  }

  /** The working folder is told as it is, not as it was named. */
  #shown(row: SettingRow): string {
    return row.name === 'dir' ? process.cwd() : this.text(row.name);
  }

  /**
   * Whether `set` would take all of these, as CONFIG SET words it.
   * @param options.allowInternal For AI.CONFIG, whose settings CONFIG does not know.
   * @param options.allowProtected For clients whom `enable-protected-configs` allows it.
   */
  check(
    pairs: readonly (readonly [string, string])[],
    options: { readonly allowInternal?: boolean; readonly allowProtected?: boolean } = {},
  ): ReplyError | undefined {
    const seen = new Set<string>();
    let complaint: ReplyError | undefined;
    for (const [given] of pairs) {
      const name = given.toLowerCase();
      const row = rowsByName.get(name);
      if (row === undefined || (row.isInternal && options.allowInternal !== true)) {
        return replyErrors.unknownSetting(given);
      }
      if (complaint) continue;
      if (!row.isMutable && !row.isInternal)
        complaint = replyErrors.configSetFailed(given, "can't set immutable config");
      else if (row.isProtected && options.allowProtected !== true)
        complaint = replyErrors.configSetFailed(given, "can't set protected config");
      else if (seen.has(name))
        complaint = replyErrors.configSetFailed(given, 'duplicate parameter');
      seen.add(name);
    }
    if (complaint) return complaint;
    for (const [given, text] of pairs) {
      try {
        this.#read(given, text);
      } catch (error) {
        if (error instanceof SettingError) return replyErrors.configSetFailed(given, error.message);
        throw error;
      }
    }
    return undefined;
  }

  /** Takes pairs that `check` found right. */
  set(pairs: readonly (readonly [string, string])[]): void {
    for (const [name, text] of pairs) {
      const { row, value } = this.#read(name, text);
      this.#values.set(row.name, value);
      this.#given.add(row.name);
    }
  }

  // --- the file and the command line ---

  /**
   * Takes one line's name and words. Lines of `save` after the first add to it.
   * @returns Whether there is such a setting.
   * @throws {SettingError}
   */
  setLine(name: string, words: readonly string[]): boolean {
    const row = rowsByName.get(name.toLowerCase());
    if (row === undefined || row.isInternal) return false;
    this.#setRow(row, words);
    return true;
  }

  /** Takes a load argument of RedisAI. @returns Whether there is such an argument. @throws {SettingError} */
  setModuleArgument(name: string, value: string): boolean {
    const row = rowsByName.get(`ai.${name.toLowerCase()}`);
    if (row === undefined) return false;
    this.#setRow(row, [value]);
    return true;
  }

  #setRow(row: SettingRow, given: readonly string[]): void {
    if (!row.isMultiWord && given.length !== 1) throw new SettingError('wrong number of arguments');
    const words = row.isMultiWord && given.length === 1 ? split(given[0] ?? '') : given;
    const isAddedTo = row.name !== 'save' || this.#given.has(row.name);
    this.#values.set(row.name, row.read(words, isAddedTo ? this.text(row.name) : undefined));
    this.#given.add(row.name);
  }

  #read(name: string, text: string): { row: SettingRow; value: SettingValue } {
    const row = rowsByName.get(name.toLowerCase());
    if (row === undefined) throw new SettingError(`no setting '${name}'`);
    // Of CONFIG SET: each blank parts two words, and quotes mean nothing.
    const words = row.isMultiWord ? text.split(' ') : [text];
    const before = row.name === 'save' ? undefined : this.text(row.name);
    return { row, value: row.read(words, before) };
  }

  #value(name: string): SettingValue {
    const value = this.#values.get(name);
    if (value === undefined) throw new Error(`no setting '${name}'`);
    return value;
  }
}

/** The words of one argument for many: nothing is one empty word. */
function split(text: string): readonly string[] {
  if (text === '') return [''];
  const words = splitWords(text);
  if (words === undefined) throw new SettingError('Unbalanced quotes in configuration line');
  return words;
}

function numberOf(text: string): number {
  if (text === 'yes') return 1;
  return /^-?\d+$/.test(text) ? Number(text) : 0;
}
