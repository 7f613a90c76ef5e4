// DEBUG: what tests of clients use of it. Refused unless `enable-debug-command` allows it.

import { replyErrors } from '../core/errors.ts';
import { log } from '../core/log.ts';
import { addon, codes } from '../engine/addon.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { isAllowedBy, replyWhenDone, shown } from './words.ts';

interface Subcommand {
  readonly name: string;
  /** As DEBUG HELP shows it. */
  readonly usage: string;
  readonly summary: string;
  /** Words with both names; negative: at least. */
  readonly arity: number;
  run(call: Call): void;
}

const subcommands: readonly Subcommand[] = [
  {
    name: 'SLEEP',
    usage: 'SLEEP <seconds>',
    summary: 'Answers after so long. Only this connection waits.',
    arity: 3,
    run: sleep,
  },
  {
    name: 'SET-ACTIVE-EXPIRE',
    usage: 'SET-ACTIVE-EXPIRE <0|1>',
    summary: 'Whether keys that have expired are deleted before a command finds them.',
    arity: 3,
    run({ reply, request }) {
      addon().setActiveExpiry(Number(shown(request, 2)) > 0 ? 1 : 0);
      reply.ok();
    },
  },
  {
    name: 'DIGEST',
    usage: 'DIGEST',
    summary: 'Returns a number of 160 bits that stands for all keys and values.',
    arity: 2,
    run: ({ reply }) => reply.simple(addon().keyspaceDigest().toString('hex')),
  },
  {
    name: 'DIGEST-VALUE',
    usage: 'DIGEST-VALUE <key> [<key> ...]',
    summary: 'Returns such numbers that stand for values.',
    arity: -2,
    run({ client, reply, request }) {
      reply.array(request.count - 2);
      for (let i = 2; i < request.count; i++)
        reply.simple(addon().valueDigest(client.db, i).toString('hex'));
    },
  },
  {
    name: 'OBJECT',
    usage: 'OBJECT <key>',
    summary: 'Tells how a value is kept.',
    arity: 3,
    run: object,
  },
  {
    name: 'LOG',
    usage: 'LOG <message>',
    summary: 'Writes a line to the log.',
    arity: 3,
    run({ reply, request }) {
      log.warning(`DEBUG LOG: ${shown(request, 2)}`);
      reply.ok();
    },
  },
  {
    name: 'ERROR',
    usage: 'ERROR <string>',
    summary: 'Answers an error of these words.',
    arity: 3,
    run({ request }) {
      throw replyErrors.ofDebug(shown(request, 2));
    },
  },
  {
    name: 'RELOAD',
    usage: 'RELOAD [NOSAVE]',
    summary: 'Saves all keys, deletes them, and loads the file.',
    arity: -2,
    run: reload,
  },
  {
    name: 'HELP',
    usage: 'HELP',
    summary: 'Returns the subcommands in words.',
    arity: 2,
    run: help,
  },
];

export const debugCommands: readonly Command[] = [
  {
    name: 'debug',
    summary: 'Helps to test clients and servers; see DEBUG HELP.',
    since: '1.0.0',
    group: 'server',
    arity: -2,
    flags: ['admin', 'noscript', 'loading', 'stale'],
    keys: noKeys,
    readsAllKeys: true,
    worksWhileWaiting: true,
    run: debug,
  },
];

function debug(call: Call): void {
  const { request } = call;
  if (!isAllowedBy('enable-debug-command', call)) throw replyErrors.debugNotAllowed();
  const subcommand = subcommands.find(({ name }) => request.is(1, name));
  const { arity = 0 } = subcommand ?? {};
  const fits = arity > 0 ? request.count === arity : request.count >= -arity;
  if (subcommand === undefined || !fits)
    throw replyErrors.wrongSubcommandWords(shown(request, 1), 'DEBUG');
  subcommand.run(call);
}

/** Longest timer of Node. */
const TIMER_MS_MAX = 2 ** 31 - 1;

function sleep(call: Call): void {
  if (!call.mayWait) throw replyErrors.optionNotSupported('DEBUG SLEEP inside MULTI');
  const seconds = Number.parseFloat(shown(call.request, 2));
  const ticket = call.wait((reply) => reply.ok());
  const ms = seconds > 0 ? Math.min(1000 * seconds, TIMER_MS_MAX) : 0;
  setTimeout(() => ticket.finish(codes.ok, ''), ms).unref();
}

function reload(call: Call): void {
  const { request, server } = call;
  for (let i = 2; i < request.count; i++) if (!request.is(i, 'NOSAVE')) throw replyErrors.syntax();
  if (!call.mayWait) throw replyErrors.optionNotSupported('DEBUG RELOAD inside MULTI');
  // What is deleted and loaded stands in no record.
  if (server.settings.isOn('appendonly'))
    throw replyErrors.optionNotSupported('DEBUG RELOAD beside an append-only file');
  replyWhenDone(call, () => server.reload(request.count === 2));
}

function object({ client, reply }: Call): void {
  const text = addon().debugObject(client.db, 2);
  if (text === '') throw replyErrors.noSuchKey();
  reply.simple(text);
}

function help({ reply }: Call): void {
  reply.array(1 + 2 * subcommands.length);
  reply.simple('DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:');
  for (const { usage, summary } of subcommands) {
    reply.simple(usage);
    reply.simple(`    ${summary}`);
  }
}
