// ACL: who there is, and what each may do (redis:src/acl.c `aclCommand`, version 7.2).

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { AclChange } from '../auth/acl.ts';
import { categoryNames } from '../auth/catalog.ts';
import type { Selector } from '../auth/selector.ts';
import { asText, fromBytes, toBytes } from '../core/byte-string.ts';
import { ReplyError, replyErrors } from '../core/errors.ts';
import { log } from '../core/log.ts';
import { systemReason } from '../core/system-error.ts';
import { writeWholeFile } from '../core/whole-file.ts';
import { addon, codes } from '../engine/addon.ts';
import { type DenialRecord, denialContexts, denialReasons } from '../engine/client-commands.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import { type Denial, denialOf } from './access.ts';
import { clientLine } from './client.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { container } from './container.ts';
import { integerOf, replyWhenDone, shown } from './words.ts';

const PASSWORD_BITS_DEFAULT = 256;
const PASSWORD_BITS_MAX = 4096;
/** Entries that ACL LOG answers unless told how many. */
const LOG_COUNT_DEFAULT = 10;

const shape = { group: 'server', since: '6.0.0', keys: noKeys };
const anybody = { ...shape, flags: ['noscript', 'loading', 'stale'] };
const admin = { ...shape, flags: ['admin', 'noscript', 'loading', 'stale'] };

const subcommands: readonly Command[] = [
  {
    ...anybody,
    name: 'cat',
    summary: 'Returns the categories, or the commands of one.',
    arity: -2,
    run: cat,
  },
  {
    ...admin,
    name: 'deluser',
    summary: 'Deletes users and closes their connections.',
    arity: -3,
    isPrepared: true,
    run: deleteUsers,
  },
  {
    ...admin,
    name: 'dryrun',
    summary: 'Tells whether a user may run a command, without running it.',
    since: '7.0.0',
    arity: -4,
    run: dryRun,
  },
  {
    ...anybody,
    name: 'genpass',
    summary: 'Returns a password at random, in hexadecimal digits.',
    arity: -2,
    run: generatePassword,
  },
  {
    ...admin,
    name: 'getuser',
    summary: 'Returns the rules of a user.',
    arity: 3,
    run: getUser,
  },
  {
    ...admin,
    name: 'list',
    summary: 'Returns all users as lines of a file of users.',
    arity: 2,
    run({ reply, server }) {
      const { lines } = server.acl;
      reply.array(lines.length);
      for (const line of lines) reply.bulk(toBytes(line));
    },
  },
  {
    ...admin,
    name: 'load',
    summary:
      'Takes the users of the file in place of all, and closes connections but those of default.',
    arity: 2,
    isPrepared: true,
    run: load,
  },
  {
    ...admin,
    name: 'log',
    summary: 'Returns the latest refusals, or forgets them.',
    arity: -2,
    run: replyLog,
  },
  {
    ...admin,
    name: 'save',
    summary: 'Writes all users to the file.',
    arity: 2,
    isPrepared: true,
    run: save,
  },
  {
    ...admin,
    name: 'setuser',
    summary: 'Makes a user or changes its rules, all or none.',
    arity: -3,
    isPrepared: true,
    secrets: ({ count }) => Array.from({ length: count - 2 }, (_, i) => i + 2),
    run: setUser,
  },
  {
    ...admin,
    name: 'users',
    summary: 'Returns the names of all users.',
    arity: 2,
    run({ reply, server }) {
      const { users } = server.acl;
      reply.array(users.length);
      for (const { name } of users) reply.bulk(toBytes(name));
    },
  },
  {
    ...anybody,
    name: 'whoami',
    summary: "Returns the name of the connection's user.",
    arity: 2,
    run({ client, reply }) {
      if (client.access === undefined) reply.nil();
      else reply.bulk(toBytes(client.access.name));
    },
  },
];
const row = { name: 'acl', summary: 'A container for commands about users.', since: '6.0.0' };

export const aclCommands: readonly Command[] = [
  container({ ...row, group: 'server' }, subcommands),
];

function wrongWords({ request }: Call): ReplyError {
  return replyErrors.wrongSubcommandWords(shown(request, 1), 'ACL');
}

/** Words from `start` on as byte strings. @throws {ReplyError} One is a blob. */
function byteStrings({ command, request }: Call, start: number): string[] {
  const words: string[] = [];
  for (let i = start; i < request.count; i++) {
    if (request.isBlob(i)) throw replyErrors.argumentTooLong(`acl|${command.name}`);
    words.push(fromBytes(request.bytes(i)));
  }
  return words;
}

// --- what there is ---

function cat(call: Call): void {
  const { reply, request, server } = call;
  if (request.count > 3) throw wrongWords(call);
  let names: readonly string[] | undefined = categoryNames;
  if (request.count === 3) {
    names = server.acl.catalog.inCategory(shown(request, 2))?.map(({ name }) => name);
    if (names === undefined) throw replyErrors.unknownCategory(shown(request, 2));
  }
  reply.array(names.length);
  for (const name of names) reply.bulk(name);
}

function getUser(call: Call): void {
  const { reply, server } = call;
  const [name = ''] = byteStrings(call, 2);
  const user = server.acl.find(name);
  if (user === undefined) {
    reply.nil();
    return;
  }
  const { flags, hashes, root, selectors } = user;
  reply.map(6);
  reply.bulk('flags');
  reply.set(flags.length);
  for (const flag of flags) reply.bulk(flag);
  reply.bulk('passwords');
  reply.array(hashes.length);
  for (const hash of hashes) reply.bulk(hash);
  replySelector(reply, root);
  reply.bulk('selectors');
  reply.array(selectors.length - 1);
  for (const selector of selectors.slice(1)) {
    reply.map(3);
    replySelector(reply, selector);
  }
}

function replySelector(reply: ReplyEncoder, selector: Selector): void {
  reply.bulk('commands');
  reply.bulk(toBytes(selector.commandText));
  reply.bulk('keys');
  reply.bulk(toBytes(selector.keyText));
  reply.bulk('channels');
  reply.bulk(toBytes(selector.channelText));
}

function generatePassword(call: Call): void {
  const { reply, request } = call;
  if (request.count > 3) throw wrongWords(call);
  const bits = request.count === 3 ? integerOf(request, 2) : PASSWORD_BITS_DEFAULT;
  if (bits <= 0 || bits > PASSWORD_BITS_MAX) throw replyErrors.passwordBits(PASSWORD_BITS_MAX);
  const digitCount = Math.ceil(bits / 4);
  reply.bulk(
    randomBytes(Math.ceil(digitCount / 2))
      .toString('hex')
      .slice(0, digitCount),
  );
}

// --- DRYRUN ---

function dryRun(call: Call): void {
  const { reply, request, server } = call;
  const { catalog } = server.acl;
  const [name = '', ...words] = byteStrings(call, 2);
  const user = server.acl.find(name);
  if (user === undefined) throw replyErrors.userMissing(name);
  const [first = '', second = ''] = words.map((word) => word.toLowerCase());
  const parent = server.commands.get(first);
  const sub = parent?.subcommands?.find((row) => row.name === second);
  const hasSubcommands = (parent?.subcommands?.length ?? 0) > 0;
  const command = sub ?? (hasSubcommands && words.length > 1 ? undefined : parent);
  const ruled = catalog.find(sub ? `${parent?.name}|${sub.name}` : (parent?.name ?? ''));
  if (command === undefined || ruled === undefined)
    throw replyErrors.commandMissing(words[0] ?? '');
  const { arity } = command;
  if (arity > 0 ? words.length !== arity : words.length < -arity)
    throw replyErrors.wrongArity(ruled.name);
  const asked = request.make(words.map(toBytes));
  try {
    const denial = denialOf(user, ruled, command, asked);
    if (denial === undefined) reply.ok();
    else reply.bulk(sentence(denial, asText(name), ruled.name, words));
  } finally {
    asked.release();
  }
}

function sentence(
  { reason, word }: Denial,
  user: string,
  command: string,
  words: readonly string[],
): string {
  if (reason === 'command')
    return `User ${user} has no permissions to run the '${command}' command`;
  return `User ${user} has no permissions to access the '${asText(words[word] ?? '')}' ${reason}`;
}

// --- changes ---

/** Answers OK once all threads have taken it, or what is wrong. */
function change(call: Call, ask: () => Promise<AclChange>): void {
  replyWhenDone(call, async () => {
    try {
      await changeUsers(call, await ask());
      return undefined;
    } catch (error) {
      if (error instanceof ReplyError) return error;
      throw error;
    }
  });
}

async function changeUsers({ client, server }: Call, asked: AclChange): Promise<number> {
  client.changesUsers = true;
  try {
    return await server.changeUsers(asked);
  } finally {
    client.changesUsers = false;
  }
}

function setUser(call: Call): void {
  const [name = '', ...rules] = byteStrings(call, 2);
  change(call, async () => ({ kind: 'set', name, rules }));
}

function deleteUsers(call: Call): void {
  const names = byteStrings(call, 2);
  let outcome: number | ReplyError = 0;
  const ticket = call.wait((reply) => {
    if (typeof outcome === 'number') reply.integer(outcome);
    else reply.error(outcome);
  });
  changeUsers(call, { kind: 'delete', names }).then(
    (count) => {
      outcome = count;
      ticket.finish(codes.ok, '');
    },
    (error: unknown) => {
      if (!(error instanceof ReplyError)) throw error;
      outcome = error;
      ticket.finish(codes.ok, '');
    },
  );
}

// --- the file ---

/** @throws {ReplyError} There is none. */
function userFile({ server }: Call): string {
  const path = server.settings.text('aclfile');
  if (path === '') throw replyErrors.noUserFile();
  return path;
}

function load(call: Call): void {
  const path = userFile(call);
  change(call, async () => {
    try {
      return { kind: 'load', path, text: fromBytes(await readFile(path)) };
    } catch (cause) {
      throw replyErrors.userFileNotOpened(path, systemReason(cause));
    }
  });
}

function save(call: Call): void {
  const path = resolve(userFile(call));
  const text = call.server.acl.lines.map((line) => `${line}\n`).join('');
  replyWhenDone(call, async () => {
    try {
      await writeWholeFile(path, toBytes(text), 0o600);
      return undefined;
    } catch (cause) {
      log.warning(`ACL SAVE to '${path}' failed: ${systemReason(cause)}`);
      return replyErrors.userFileNotSaved();
    }
  });
}

// --- LOG ---

function replyLog(call: Call): void {
  const { reply, request } = call;
  if (request.count > 3) throw wrongWords(call);
  if (request.count === 3 && request.is(2, 'RESET')) {
    addon().aclLogClear();
    reply.ok();
    return;
  }
  const count = request.count === 3 ? Math.max(integerOf(request, 2), 0) : LOG_COUNT_DEFAULT;
  const entries = addon().aclLogList(Math.min(count, Number.MAX_SAFE_INTEGER));
  const now = Date.now();
  reply.array(entries.length);
  for (const entry of entries) replyEntry(reply, entry, now);
}

function replyEntry(reply: ReplyEncoder, entry: DenialRecord, now: number): void {
  reply.map(10);
  reply.bulk('count');
  reply.integer(entry.count);
  reply.bulk('reason');
  reply.bulk(denialReasons[entry.reason] ?? 'unknown');
  reply.bulk('context');
  reply.bulk(denialContexts[entry.context] ?? 'unknown');
  reply.bulk('object');
  reply.bulk(entry.object);
  reply.bulk('username');
  reply.bulk(entry.user);
  reply.bulk('age-seconds');
  reply.double(String(Math.max(now - entry.updatedMs, 0) / 1000));
  reply.bulk('client-info');
  reply.bulk(entry.client.id === 0 ? '' : clientLine(entry.client, entry.updatedMs));
  reply.bulk('entry-id');
  reply.integer(entry.id);
  reply.bulk('timestamp-created');
  reply.integer(entry.createdMs);
  reply.bulk('timestamp-last-updated');
  reply.integer(entry.updatedMs);
}
