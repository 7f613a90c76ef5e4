// All users. Each thread has a copy; the main thread puts changes in order, and each thread applies
// the same ones, so that all copies are the same after each.

import { replyErrors } from '../core/errors.ts';
import type { CommandCatalog } from './catalog.ts';
import { hasBlanks, RuleError } from './selector.ts';
import { mergeSelectors, USER_NAME_BYTES_MAX, User, type UserDefaults } from './user.ts';

/** Whom a connection speaks for until it says otherwise. */
export const DEFAULT_USER = 'default';

/** Names and words are byte strings (core/byte-string.ts). */
export type AclChange =
  | { readonly kind: 'set'; readonly name: string; readonly rules: readonly string[] }
  | { readonly kind: 'delete'; readonly names: readonly string[] }
  /** All users of a file, in place of those that there are. */
  | { readonly kind: 'load'; readonly path: string; readonly text: string };

/** What a user is made of: a `user` line of the configuration file. */
export interface UserLine {
  readonly name: string;
  readonly rules: readonly string[];
}

/** Users that there are from the start of a thread. */
export interface InitialUsers {
  readonly lines: readonly UserLine[];
  readonly file: { readonly path: string; readonly text: string } | undefined;
}

export const noUsers: InitialUsers = { lines: [], file: undefined };

/** A file of users as a whole is refused: all that is wrong with it, in one line. */
export class UserFileError extends Error {}

export class Acl {
  readonly catalog: CommandCatalog;
  readonly #users = new Map<string, User>();
  /** Of users that are made from now on. */
  #defaults: UserDefaults;

  constructor(catalog: CommandCatalog, defaults: UserDefaults) {
    this.catalog = catalog;
    this.#defaults = defaults;
    this.#users.set(DEFAULT_USER, this.#firstUser());
  }

  /** The default user as it is without any setting. */
  #firstUser(): User {
    const user = new User(DEFAULT_USER, this.catalog, this.#defaults);
    for (const rule of ['on', 'nopass', '~*', '&*', '+@all']) user.apply(rule, this.#defaults);
    return user;
  }

  set defaults(defaults: UserDefaults) {
    this.#defaults = defaults;
  }

  // --- who there is ---

  find(name: string): User | undefined {
    return this.#users.get(name);
  }

  get defaultUser(): User {
    const user = this.#users.get(DEFAULT_USER);
    if (user === undefined) throw new Error('the default user is gone');
    return user;
  }

  /** A new connection is the default user's at once. */
  get admitsAnyone(): boolean {
    const { isOn, isOpen } = this.defaultUser;
    return isOn && isOpen;
  }

  /** In the order of their names' bytes. */
  get users(): readonly User[] {
    return [...this.#users.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The lines of a file of users. */
  get lines(): readonly string[] {
    return this.users.map(({ name, text }) => `user ${name} ${text}`);
  }

  /** Whether anything was changed that the other settings do not say. @param password `requirepass`. */
  isAsAtFirst(password: string): boolean {
    const first = new Acl(this.catalog, this.#defaults);
    if (password !== '') first.setPassword(password);
    return this.#users.size === 1 && this.defaultUser.text === first.defaultUser.text;
  }

  /** The user of that name if the password is its own. Both are byte strings. */
  authenticate(name: string, password: string): User | undefined {
    const user = this.#users.get(name);
    return user?.accepts(password) ? user : undefined;
  }

  /** What makes the same users in another copy. */
  get definitions(): readonly UserLine[] {
    return this.users.map(({ name, text }) => ({ name, rules: text.split(' ') }));
  }

  // --- changes ---

  /** `requirepass`: the sole password of the default user, or none. @param password A byte string. */
  setPassword(password: string): void {
    const { defaultUser } = this;
    defaultUser.apply('resetpass', this.#defaults);
    defaultUser.apply(password === '' ? 'nopass' : `>${password}`, this.#defaults);
  }

  /** @returns How many users were deleted. @throws {ReplyError} Then nothing has changed. */
  change(change: AclChange): number {
    switch (change.kind) {
      case 'set':
        this.setUser(change.name, change.rules);
        return 0;
      case 'delete':
        return this.#delete(change.names);
      case 'load':
        try {
          this.load(change.path, change.text);
        } catch (error) {
          if (error instanceof UserFileError) throw replyErrors.userFile(error.message);
          throw error;
        }
        return 0;
    }
  }

  /** Changes a user as a whole, or makes one. @throws {ReplyError} */
  setUser(name: string, words: readonly string[]): void {
    if (hasBlanks(name)) throw replyErrors.userName();
    if (name.length > USER_NAME_BYTES_MAX) throw replyErrors.userNameTooLong(USER_NAME_BYTES_MAX);
    const rules = mergeSelectors(words);
    if (!Array.isArray(rules)) throw replyErrors.unmatchedSelector(rules.unmatched);
    const known = this.#users.get(name);
    const changed = known?.clone() ?? new User(name, this.catalog, this.#defaults);
    for (const rule of rules) {
      try {
        changed.apply(rule, this.#defaults);
      } catch (error) {
        if (!(error instanceof RuleError)) throw error;
        throw replyErrors.userRule(rule, error.message);
      }
    }
    if (known) known.take(changed);
    else this.#users.set(name, changed);
  }

  #delete(names: readonly string[]): number {
    if (names.includes(DEFAULT_USER)) throw replyErrors.defaultUserStays();
    return names.filter((name) => this.#users.delete(name)).length;
  }

  /** @param text Of a file at `path`, a byte string. @throws {UserFileError} Then nothing has changed. */
  load(path: string, text: string): void {
    const users = new Map<string, User>();
    const complaints: string[] = [];
    for (const [index, raw] of text.split('\n').entries()) {
      const line = raw.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
      if (line === '') continue;
      this.#loadLine(users, line.split(' '), `${path}:${index + 1}`, complaints);
    }
    if (complaints.length > 0) {
      complaints.push(
        'WARNING: ACL errors detected, no change to the previously active ACL rules was performed',
      );
      throw new UserFileError(complaints.join(''));
    }
    if (!users.has(DEFAULT_USER)) users.set(DEFAULT_USER, this.#firstUser());
    for (const name of [...this.#users.keys()]) if (!users.has(name)) this.#users.delete(name);
    // As in Redis 7.2 the default user stays itself, and all others are new ones, whose connections
    // must log in again.
    const { defaultUser } = this;
    for (const [name, user] of users) {
      if (name === DEFAULT_USER) defaultUser.take(user);
      else this.#users.set(name, user);
    }
  }

  #loadLine(
    users: Map<string, User>,
    [keyword, name, ...words]: readonly string[],
    place: string,
    complaints: string[],
  ): void {
    if (keyword !== 'user' || name === undefined) {
      complaints.push(`${place} should start with user keyword followed by the username. `);
    } else if (hasBlanks(name) || name.length > USER_NAME_BYTES_MAX) {
      complaints.push(`'${place}: username '${name}' contains invalid characters. `);
    } else if (users.has(name)) {
      const lineNumber = place.slice(place.lastIndexOf(':') + 1);
      complaints.push(`WARNING: Duplicate user '${name}' found on line ${lineNumber}. `);
    } else {
      const user = new User(name, this.catalog, this.#defaults);
      users.set(name, user);
      const rules = mergeSelectors(words);
      if (!Array.isArray(rules)) {
        complaints.push(`${place}: Unmatched parenthesis in selector definition.`);
        return;
      }
      for (const rule of rules) {
        try {
          user.apply(rule.replace(/^[\t\r\n]+|[\t\r\n]+$/g, ''), this.#defaults);
        } catch (error) {
          if (!(error instanceof RuleError)) throw error;
          complaints.push(`${place}: ${error.message}. `);
        }
      }
    }
  }

  /** Before the first client, in a copy of each thread. @throws {ReplyError | UserFileError} */
  begin({ lines, file }: InitialUsers): void {
    for (const { name, rules } of lines) {
      if (this.#users.has(name)) this.setUser(name, ['reset', ...rules]);
      else this.setUser(name, rules);
    }
    if (file) this.load(file.path, file.text);
  }
}
