// Whether a user may carry a command out (redis:src/acl.c `ACLCheckAllUserCommandPerm`).

import { CommandCatalog, type RuledCommand, type RuledRow } from '../auth/catalog.ts';
import type { Selector } from '../auth/selector.ts';
import type { User } from '../auth/user.ts';
import { fromBytes } from '../core/byte-string.ts';
import { MiB } from '../core/units.ts';
import type { Request } from '../resp/request.ts';
import type { Command } from './command.ts';
import { channelUses, type KeyUse, keyUses } from './key-access.ts';
import { categoriesOf } from './rows.ts';
import { shown } from './words.ts';

/** A longer key or channel is only for those who may name any: comparing takes time. */
const NAME_BYTES_MAX = MiB;

/** In the order in which the selectors of a user are heard: what came closest is told. */
const reasons = ['command', 'key', 'channel'] as const;

/** What is not allowed: the command, or the key or channel that is a word of it. */
export interface Denial {
  readonly reason: (typeof reasons)[number];
  readonly word: number;
}

export function catalogOf(commands: Iterable<Command>): CommandCatalog {
  const ruled = (command: Command): RuledRow => ({
    name: command.name,
    categories: categoriesOf(command).map((category) => category.slice(1)),
    subcommands: (command.subcommands ?? []).map(ruled),
  });
  return new CommandCatalog([...commands].map(ruled));
}

/** @returns What the user may not, or undefined if nothing stands against it. */
export function denialOf(
  user: User,
  ruled: RuledCommand,
  command: Command,
  request: Request,
): Denial | undefined {
  let denial: Denial = { reason: 'command', word: 0 };
  const check = new Check(ruled, command, request);
  for (const selector of user.selectors) {
    const found = check.by(selector);
    if (found === undefined) return undefined;
    const step = reasons.indexOf(found.reason) - reasons.indexOf(denial.reason);
    if (step > 0 || (step === 0 && found.word > denial.word)) denial = found;
  }
  return denial;
}

class Check {
  readonly #ruled: RuledCommand;
  readonly #command: Command;
  readonly #request: Request;
  /** Null: they cannot be told, so that they may be any. */
  #keys: readonly KeyUse[] | null | undefined;

  constructor(ruled: RuledCommand, command: Command, request: Request) {
    this.#ruled = ruled;
    this.#command = command;
    this.#request = request;
  }

  by(selector: Selector): Denial | undefined {
    // What comes before a password is everybody's.
    const isOpen = this.#command.flags.includes('no_auth');
    if (!isOpen && !selector.allowsCommand(this.#ruled.index, () => this.#firstArgument()))
      return { reason: 'command', word: 0 };
    return this.#keyDenial(selector) ?? this.#channelDenial(selector);
  }

  #firstArgument(): string | undefined {
    const request = this.#request;
    if (request.count < 2 || request.isBlob(1)) return undefined;
    return fromBytes(request.bytes(1)).toLowerCase();
  }

  #keyDenial(selector: Selector): Denial | undefined {
    if (selector.hasAllKeys) return undefined;
    this.#keys ??= keyUses(this.#ruled.name, this.#command, this.#request) ?? null;
    if (this.#keys === null) return { reason: 'key', word: 0 };
    const denied = this.#keys.find(({ word, access }) => {
      const key = this.#name(word);
      return key === undefined || !selector.allowsKey(key, access);
    });
    return denied && { reason: 'key', word: denied.word };
  }

  #channelDenial(selector: Selector): Denial | undefined {
    const use = channelUses[this.#ruled.name];
    if (use === undefined || selector.hasAllChannels) return undefined;
    const last = use.last < 0 ? this.#request.count + use.last : use.last;
    for (let word = 1; word <= last; word++) {
      const channel = this.#name(word);
      if (channel === undefined || !selector.allowsChannel(channel, use.isPattern))
        return { reason: 'channel', word };
    }
    return undefined;
  }

  /** A key or channel; undefined if it is too long. */
  #name(word: number): string | undefined {
    const request = this.#request;
    return request.length(word) > NAME_BYTES_MAX ? undefined : fromBytes(request.bytes(word));
  }
}

/** The key or channel that is not allowed, as much of it as a log needs. */
export function deniedWord(request: Request, word: number): Buffer {
  return request.isBlob(word) ? Buffer.from(shown(request, word)) : request.bytes(word);
}
