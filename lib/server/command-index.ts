// Commands as the dispatcher looks them up: by the bytes of a name, with all that it asks of one at hand.

import type { CommandCatalog, RuledCommand } from '../auth/catalog.ts';
import type { Command } from '../commands/command.ts';
import { journalFormOf } from '../commands/journal-form.ts';
import { BLOB_WORD_BIT } from '../resp/native-memory.ts';
import type { Request } from '../resp/request.ts';

/** Carried out at once inside MULTI (`processCommand` of Redis 7.2). */
const unqueued = new Set(['exec', 'discard', 'multi', 'watch', 'quit', 'reset']);
/** All that a client may send that listens in RESP2 (`processCommand` of Redis 7.2). */
const listenersCommands = new Set([
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ssubscribe',
  'sunsubscribe',
  'ping',
  'quit',
  'reset',
]);
/** A command, ready to be looked up and checked. */
export class Entry {
  readonly command: Command;
  /** `client|setname` for a subcommand. */
  readonly fullName: string;
  readonly run: Command['run'];
  readonly wordsMin: number;
  readonly wordsMax: number;
  readonly isOpen: boolean;
  readonly growsMemory: boolean;
  readonly isWrite: boolean;
  readonly isRefusedInMulti: boolean;
  readonly isRefusedWhileLoading: boolean;
  readonly isPing: boolean;
  /** One of `journalForms`. */
  readonly journalForm: number;
  readonly isUnqueued: boolean;
  readonly isForListeners: boolean;
  readonly isExec: boolean;
  readonly isFast: boolean;
  /** A clock would be a good part of it: SET with a clock before and behind it took half as long again. */
  readonly isQuick: boolean;
  readonly isLogged: boolean;
  readonly subcommands: CommandIndex | undefined;
  readonly ruled: RuledCommand;
  index = -1;

  constructor(command: Command, fullName: string, catalog: CommandCatalog) {
    this.command = command;
    const ruled = catalog.find(fullName);
    if (ruled === undefined) throw new Error(`no command of the catalog: ${fullName}`);
    this.ruled = ruled;
    this.fullName = fullName;
    this.run = command.run;
    this.wordsMin = Math.abs(command.arity);
    this.wordsMax = command.arity < 0 ? Number.MAX_SAFE_INTEGER : command.arity;
    this.isOpen = command.flags.includes('no_auth');
    this.isWrite = command.flags.includes('write');
    this.growsMemory = command.flags.includes('denyoom');
    this.isRefusedInMulti = command.flags.includes('no_multi');
    this.isRefusedWhileLoading = !command.flags.includes('loading');
    this.isPing = fullName === 'ping';
    this.journalForm = journalFormOf(command);
    this.isUnqueued = unqueued.has(fullName);
    this.isForListeners = listenersCommands.has(fullName);
    this.isExec = fullName === 'exec';
    this.isFast = command.flags.includes('fast');
    this.isQuick = this.isFast || isAboutOneValue(command);
    this.isLogged = !command.flags.includes('skip_slowlog');
    this.subcommands =
      command.subcommands === undefined || command.subcommands.length === 0
        ? undefined
        : new CommandIndex(command.subcommands, `${command.name}|`, catalog);
  }
}

interface Slot {
  /** In lower case. */
  readonly name: Buffer;
  readonly entry: Entry;
}

/** Names, whatever the case of their letters, to entries: open addressing over the bytes as they came. */
export class CommandIndex {
  readonly #slots: (Slot | undefined)[];
  readonly #mask: number;
  readonly entries: readonly Entry[];

  /** @param called Commands by the names that they are called by, if these are not their own. */
  constructor(
    commands: Iterable<Command>,
    prefix: string,
    catalog: CommandCatalog,
    called?: ReadonlyMap<string, Command>,
  ) {
    this.entries = [...commands].map(
      (command) => new Entry(command, `${prefix}${command.name}`, catalog),
    );
    const named = called ?? new Map(this.entries.map(({ command }) => [command.name, command]));
    let slotCount = 8;
    while (slotCount < 4 * named.size) slotCount *= 2;
    this.#mask = slotCount - 1;
    this.#slots = new Array<Slot | undefined>(slotCount).fill(undefined);
    const entryOf = new Map(this.entries.map((entry) => [entry.command, entry]));
    for (const [text, command] of named) {
      const name = Buffer.from(text);
      const entry = entryOf.get(command);
      if (entry === undefined) throw new Error(`no command of the table is called ${text}`);
      let slot = hash(name, 0, name.length) & this.#mask;
      while (this.#slots[slot] !== undefined) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = { name, entry };
    }
  }

  find(request: Request, word: number): Entry | undefined {
    const offset = request.row[2 * word]!;
    const length = request.row[2 * word + 1]!;
    if (offset >= BLOB_WORD_BIT) return undefined;
    const { block } = request;
    for (let slot = hash(block, offset, length) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const taken = this.#slots[slot];
      if (taken === undefined) return undefined;
      const { name } = taken;
      if (name.length !== length) continue;
      let k = 0;
      for (; k < length; k++) {
        const byte = block[offset + k]!;
        const letter = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
        if (letter !== name[k]) break;
      }
      if (k === length) return taken.entry;
    }
  }
}

/** The longest name that is looked at as a whole; beyond it names are told apart by comparing. */
const HASHED_BYTES_MAX = 24;

function hash(bytes: Buffer, offset: number, length: number): number {
  let sum = length;
  const end = offset + Math.min(length, HASHED_BYTES_MAX);
  for (let at = offset; at < end; at++) sum = (Math.imul(sum, 31) + (bytes[at]! | 0x20)) | 0;
  return sum ^ (sum >>> 15);
}

/** SET, APPEND, AI.TENSORGET and the like, which Redis does not call fast. */
function isAboutOneValue({ group, keys, name }: Command): boolean {
  const isOfValues = group === 'string' || name === 'ai.tensorset' || name === 'ai.tensorget';
  return isOfValues && keys.first === 1 && keys.last === 1;
}
