// A user: how it proves itself, and what it may do (redis:src/acl.c `ACLSetUser`, version 7.2).

import { createHash, timingSafeEqual } from 'node:crypto';
import { splitWords } from '../config/words.ts';
import type { CommandCatalog } from './catalog.ts';
import { RuleError, Selector } from './selector.ts';

/** Of a name in bytes, so that CLIENT LIST has it whole (`kClientTextBytesMax` of native/threads/client_table.h). */
export const USER_NAME_BYTES_MAX = 254;

const HASH = /^[0-9a-f]{64}$/;

/** What new users are allowed from the start: `acl-pubsub-default`. */
export interface UserDefaults {
  readonly allChannels: boolean;
}

export class User {
  readonly name: string;
  readonly #catalog: CommandCatalog;
  isOn = false;
  /** Any password is right. */
  isOpen = false;
  #skipsSanitizing = false;
  /** SHA-256 in lower-case hexadecimal digits, as they were added. */
  #hashes: string[] = [];
  /** The first is the user's own; the others are those in parentheses. */
  #selectors: Selector[];

  /** @param name A byte string. */
  constructor(name: string, catalog: CommandCatalog, defaults: UserDefaults) {
    this.name = name;
    this.#catalog = catalog;
    this.#selectors = [new Selector(catalog, defaults)];
  }

  clone(): User {
    const copy = new User(this.name, this.#catalog, { allChannels: false });
    copy.take(this);
    return copy;
  }

  /** Becomes as `other`, but for the name: connections that hold this user follow. */
  take(other: User): void {
    this.isOn = other.isOn;
    this.isOpen = other.isOpen;
    this.#skipsSanitizing = other.#skipsSanitizing;
    this.#hashes = [...other.#hashes];
    this.#selectors = other.#selectors.map((selector) => selector.clone());
  }

  // --- rules ---

  /** @throws {RuleError} */
  apply(rule: string, defaults: UserDefaults): void {
    switch (rule.toLowerCase()) {
      case '':
        return;
      case 'on':
        this.isOn = true;
        return;
      case 'off':
        this.isOn = false;
        return;
      case 'skip-sanitize-payload':
        this.#skipsSanitizing = true;
        return;
      case 'sanitize-payload':
        this.#skipsSanitizing = false;
        return;
      case 'nopass':
        this.isOpen = true;
        this.#hashes = [];
        return;
      case 'resetpass':
        this.isOpen = false;
        this.#hashes = [];
        return;
      case 'clearselectors':
        this.#selectors.length = 1;
        return;
      case 'reset':
        this.take(new User(this.name, this.#catalog, defaults));
        return;
    }
    const rest = rule.slice(1);
    switch (rule.charAt(0)) {
      case '>':
        this.#addHash(hashOf(rest));
        return;
      case '#':
        this.#addHash(checkedHash(rest));
        return;
      case '<':
        this.#removeHash(hashOf(rest));
        return;
      case '!':
        this.#removeHash(checkedHash(rest));
        return;
    }
    if (rule.startsWith('(') && rule.endsWith(')')) this.#addSelector(rule.slice(1, -1), defaults);
    else this.root.apply(rule);
  }

  #addHash(hash: string): void {
    if (!this.#hashes.includes(hash)) this.#hashes.push(hash);
    this.isOpen = false;
  }

  #removeHash(hash: string): void {
    if (!this.#hashes.includes(hash))
      throw new RuleError('The password you are trying to remove from the user does not exist');
    this.#hashes = this.#hashes.filter((known) => known !== hash);
  }

  #addSelector(rules: string, defaults: UserDefaults): void {
    const selector = new Selector(this.#catalog, defaults);
    const words = splitWords(rules);
    if (words === undefined) throw new RuleError('Syntax error');
    for (const word of words) selector.apply(word);
    this.#selectors.push(selector);
  }

  // --- what it says ---

  /** May do everything: nothing need be looked at. */
  get isUnlimited(): boolean {
    return this.#selectors.some((selector) => selector.isUnlimited);
  }

  get root(): Selector {
    const [root] = this.#selectors;
    if (root === undefined) throw new Error('a user has no selector of its own');
    return root;
  }

  get selectors(): readonly Selector[] {
    return this.#selectors;
  }

  /** Whether there is a channel that it may not listen to any more, having had these `channels`. */
  hasLost(channels: readonly string[]): boolean {
    const { channels: kept } = this;
    return !kept.includes('*') && channels.some((pattern) => !kept.includes(pattern));
  }

  /** Patterns of channels that it may use. */
  get channels(): readonly string[] {
    return this.#selectors.flatMap((selector) => selector.channels);
  }

  get hashes(): readonly string[] {
    return this.#hashes;
  }

  /** As ACL GETUSER names them. */
  get flags(): readonly string[] {
    return [
      this.isOn ? 'on' : 'off',
      ...(this.isOpen ? ['nopass'] : []),
      this.#skipsSanitizing ? 'skip-sanitize-payload' : 'sanitize-payload',
    ];
  }

  /** Rules that make it again from nothing. */
  get text(): string {
    const others = this.#selectors.slice(1).map((selector) => `(${selector.text})`);
    return [
      ...this.flags,
      ...this.#hashes.map((hash) => `#${hash}`),
      this.root.text,
      ...others,
    ].join(' ');
  }

  /** @param password A byte string. Takes as long whichever character is wrong. */
  accepts(password: string): boolean {
    if (!this.isOn) return false;
    if (this.isOpen) return true;
    const given = Buffer.from(hashOf(password));
    let isRight = false;
    for (const hash of this.#hashes) {
      if (timingSafeEqual(given, Buffer.from(hash))) isRight = true;
    }
    return isRight;
  }
}

function hashOf(password: string): string {
  return createHash('sha256').update(password, 'latin1').digest('hex');
}

function checkedHash(hash: string): string {
  if (HASH.test(hash)) return hash;
  throw new RuleError(
    'The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters',
  );
}

/**
 * Puts together what stands between parentheses in several words, which then is one rule.
 * @returns The rules, or the word with the parenthesis that is never closed.
 */
export function mergeSelectors(
  words: readonly string[],
): string[] | { readonly unmatched: string } {
  const rules: string[] = [];
  let open: { first: string; text: string } | undefined;
  for (const word of words) {
    if (open !== undefined) open.text += ` ${word}`;
    else if (word.startsWith('(') && !word.endsWith(')')) open = { first: word, text: word };
    else rules.push(word);
    if (open?.text.endsWith(')')) {
      rules.push(open.text);
      open = undefined;
    }
  }
  return open === undefined ? rules : { unmatched: open.first };
}
