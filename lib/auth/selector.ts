// One set of permissions of a user: commands, keys and channels that go together
// (redis:src/acl.c `ACLSetSelector`, version 7.2).
//
// Names, patterns and keys are byte strings (core/byte-string.ts).

import { matchesGlob } from '../core/glob.ts';
import type { CommandCatalog, RuledCommand } from './catalog.ts';

/** What a command does to a key, as bits; 0: it only asks whether or how large it is. */
export const keyAccess = { none: 0, read: 1, write: 2, both: 3 } as const;

interface KeyPattern {
  readonly pattern: string;
  access: number;
}

/** A rule that cannot be applied: why, in Redis' words. */
export class RuleError extends Error {}

const syntaxError = () => new RuleError('Syntax error');
const unknownName = () => new RuleError('Unknown command or category name in ACL');

/** What C calls blanks, and NUL. */
export function hasBlanks(text: string): boolean {
  return text.includes('\0') || /[ \t\n\v\f\r]/.test(text);
}

export class Selector {
  readonly #catalog: CommandCatalog;
  hasAllKeys = false;
  hasAllChannels = false;
  /** Every command, and nothing was taken away since. */
  hasAllCommands = false;
  /** Whether it began with all commands: those of later versions are allowed then. */
  #beginsWithAll = false;
  readonly #allowed: Uint8Array;
  /** By index of a command that is not allowed: first arguments with which it is. */
  readonly #firstArguments = new Map<number, string[]>();
  /** What was added and taken away after all or nothing, in order, as it is shown and saved. */
  #commandRules: string[] = [];
  #keyPatterns: KeyPattern[] = [];
  #channels: string[] = [];

  constructor(catalog: CommandCatalog, { allChannels }: { readonly allChannels: boolean }) {
    this.#catalog = catalog;
    this.#allowed = new Uint8Array(catalog.size);
    this.hasAllChannels = allChannels;
  }

  clone(): Selector {
    const copy = new Selector(this.#catalog, { allChannels: this.hasAllChannels });
    copy.hasAllKeys = this.hasAllKeys;
    copy.hasAllCommands = this.hasAllCommands;
    copy.#beginsWithAll = this.#beginsWithAll;
    copy.#allowed.set(this.#allowed);
    for (const [index, words] of this.#firstArguments) copy.#firstArguments.set(index, [...words]);
    copy.#commandRules = [...this.#commandRules];
    copy.#keyPatterns = this.#keyPatterns.map((pattern) => ({ ...pattern }));
    copy.#channels = [...this.#channels];
    return copy;
  }

  // --- rules ---

  /** @throws {RuleError} Then nothing has changed. */
  apply(rule: string): void {
    switch (rule.toLowerCase()) {
      case 'allkeys':
      case '~*':
        this.hasAllKeys = true;
        this.#keyPatterns = [];
        return;
      case 'resetkeys':
        this.hasAllKeys = false;
        this.#keyPatterns = [];
        return;
      case 'allchannels':
      case '&*':
        this.hasAllChannels = true;
        this.#channels = [];
        return;
      case 'resetchannels':
        this.hasAllChannels = false;
        this.#channels = [];
        return;
      case 'allcommands':
      case '+@all':
        this.#setAllCommands(true);
        return;
      case 'nocommands':
      case '-@all':
        this.#setAllCommands(false);
        return;
    }
    const first = rule.charAt(0);
    if (first === '~' || first === '%') this.#addKeyPattern(rule);
    else if (first === '&') this.#addChannel(rule.slice(1));
    else if (first !== '+' && first !== '-') throw syntaxError();
    else if (rule.charAt(1) === '@') this.#changeCategory(rule.slice(2).toLowerCase(), first);
    else this.#changeCommand(rule.slice(1).toLowerCase(), first);
  }

  #setAllCommands(isAllowed: boolean): void {
    this.#allowed.fill(isAllowed ? 1 : 0);
    this.hasAllCommands = isAllowed;
    this.#beginsWithAll = isAllowed;
    this.#firstArguments.clear();
    this.#commandRules = [];
  }

  #addKeyPattern(rule: string): void {
    if (this.hasAllKeys) {
      throw new RuleError(
        "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns",
      );
    }
    const [, letters = '', pattern = ''] = /^(?:~|%(R|W|RW|WR)~)(.*)$/is.exec(rule) ?? [];
    if (rule.charAt(0) === '%' && letters === '') throw syntaxError();
    if (hasBlanks(pattern)) throw syntaxError();
    let access: number = keyAccess.both;
    if (letters.length === 1)
      access = letters.toUpperCase() === 'R' ? keyAccess.read : keyAccess.write;
    const known = this.#keyPatterns.find((other) => other.pattern === pattern);
    if (known) known.access |= access;
    else this.#keyPatterns.push({ pattern, access });
  }

  #addChannel(pattern: string): void {
    if (this.hasAllChannels) {
      throw new RuleError(
        "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels",
      );
    }
    if (hasBlanks(pattern)) throw syntaxError();
    if (!this.#channels.includes(pattern)) this.#channels.push(pattern);
  }

  #changeCategory(name: string, sign: '+' | '-'): void {
    const commands = this.#catalog.inCategory(name);
    if (commands === undefined) throw unknownName();
    for (const command of commands) this.#set(command, sign === '+');
    this.#note(`@${name}`, sign);
  }

  #changeCommand(name: string, sign: '+' | '-'): void {
    const command = this.#catalog.find(name);
    if (command !== undefined) this.#set(command, sign === '+');
    else if (sign === '+' && name.includes('|')) this.#allowFirstArgument(name);
    else throw unknownName();
    this.#note(name, sign);
  }

  /** `command|word`, where the word is no subcommand. */
  #allowFirstArgument(name: string): void {
    const bar = name.lastIndexOf('|');
    const command = this.#catalog.find(name.slice(0, bar));
    const word = name.slice(bar + 1);
    if (command === undefined) throw unknownName();
    if (command.isSubcommand)
      throw new RuleError('Allowing first-arg of a subcommand is not supported');
    if (word === '') throw syntaxError();
    if (command.subcommands.length > 0) throw unknownName();
    const words = this.#firstArguments.get(command.index) ?? [];
    if (!words.includes(word)) words.push(word);
    this.#firstArguments.set(command.index, words);
  }

  #set(command: RuledCommand, isAllowed: boolean): void {
    for (const { index } of [command, ...command.subcommands]) {
      this.#allowed[index] = isAllowed ? 1 : 0;
    }
    if (!isAllowed) this.hasAllCommands = false;
    this.#firstArguments.delete(command.index);
  }

  /** The last word about a command counts, also about its subcommands. */
  #note(name: string, sign: '+' | '-'): void {
    const isOutdated = (rule: string) => rule.slice(1) === name || rule.startsWith(`${name}|`, 1);
    this.#commandRules = this.#commandRules.filter((rule) => !isOutdated(rule));
    this.#commandRules.push(`${sign}${name}`);
  }

  // --- what it says ---

  get isUnlimited(): boolean {
    return this.hasAllCommands && this.hasAllKeys && this.hasAllChannels;
  }

  /** @param firstArgument Of the command's words, in lower case; undefined if it has none. */
  allowsCommand(index: number, firstArgument: () => string | undefined): boolean {
    if (this.hasAllCommands || this.#allowed[index] === 1) return true;
    const words = this.#firstArguments.get(index);
    if (words === undefined) return false;
    const word = firstArgument();
    return word !== undefined && words.includes(word);
  }

  /** @param access Bits of `keyAccess`. */
  allowsKey(key: string, access: number): boolean {
    if (this.hasAllKeys) return true;
    return this.#keyPatterns.some(
      (known) => (known.access & access) === access && matchesGlob(known.pattern, key),
    );
  }

  /** @param isPattern A pattern to subscribe to is allowed only if it is one of its own, to the letter. */
  allowsChannel(channel: string, isPattern: boolean): boolean {
    if (this.hasAllChannels) return true;
    return this.#channels.some((known) =>
      isPattern ? known === channel : matchesGlob(known, channel),
    );
  }

  /** Patterns of channels that it allows. */
  get channels(): readonly string[] {
    return this.hasAllChannels ? ['*'] : this.#channels;
  }

  get commandText(): string {
    return [this.#beginsWithAll ? '+@all' : '-@all', ...this.#commandRules].join(' ');
  }

  get keyText(): string {
    if (this.hasAllKeys) return '~*';
    return this.#keyPatterns
      .map(({ pattern, access }) => {
        // `~*` would stand for all keys, and no pattern may follow it.
        const sign = pattern === '*' && access === keyAccess.both ? '%RW~' : signs[access];
        return `${sign}${pattern}`;
      })
      .join(' ');
  }

  get channelText(): string {
    if (this.hasAllChannels) return '&*';
    return this.#channels.map((pattern) => `&${pattern}`).join(' ');
  }

  /** Rules that make it again from nothing. */
  get text(): string {
    const channels = this.hasAllChannels ? ['&*'] : ['resetchannels', this.channelText];
    return [this.keyText, ...channels, this.commandText].filter((part) => part !== '').join(' ');
  }
}

/** By the bits of `keyAccess`: what stands before a pattern. */
const signs = ['', '%R~', '%W~', '~'] as const;
