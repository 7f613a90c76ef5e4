// DEBUG: what tests of clients use of it. Refused unless `enable-debug-command` allows it.

import { replyErrors } from '../core/errors.ts';
import { log } from '../core/log.ts';
import { addon, codes } from '../engine/addon.ts';
import { failure } from '../engine/failure.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { replyOfType } from './debug-protocol.ts';
import { countOf, isAllowedBy, okOrFailure, replyWhenDone, shown } from './words.ts';

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
    run: digest,
  },
  {
    name: 'DIGEST-VALUE',
    usage: 'DIGEST-VALUE <key> [<key> ...]',
    summary: 'Returns such numbers that stand for values.',
    arity: -2,
    run: digestValues,
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
    usage: 'RELOAD [NOSAVE] [NOFLUSH] [MERGE]',
    summary: 'Saves all keys, deletes them, and loads the file. MERGE: what is there is replaced.',
    arity: -2,
    run: reload,
  },
  {
    name: 'LOADAOF',
    usage: 'LOADAOF',
    summary: 'Deletes all keys and loads the append-only files.',
    arity: 2,
    run(call) {
      if (!call.mayWait) throw replyErrors.optionNotSupported('DEBUG LOADAOF inside MULTI');
      replyWhenDone(call, () => call.server.reloadJournal());
    },
  },
  {
    name: 'POPULATE',
    usage: 'POPULATE <count> [<prefix>] [<size>]',
    summary: 'Makes so many strings, of keys that are not there.',
    arity: -3,
    run: populate,
  },
  {
    name: 'PROTOCOL',
    usage: 'PROTOCOL <type>',
    summary: 'Answers a value of a type of RESP.',
    arity: 3,
    run: ({ reply, request }) => replyOfType(reply, shown(request, 2).toLowerCase()),
  },
  {
    name: 'SEGFAULT',
    usage: 'SEGFAULT',
    summary: 'Ends the server with SIGSEGV, as a fault would.',
    arity: 2,
    run: () => endBy('SIGSEGV'),
  },
  {
    name: 'PANIC',
    usage: 'PANIC',
    summary: 'Ends the server with SIGABRT.',
    arity: 2,
    run: () => endBy('SIGABRT'),
  },
  {
    name: 'QUICKLIST-PACKED-THRESHOLD',
    usage: 'QUICKLIST-PACKED-THRESHOLD <size>',
    summary: 'Does nothing: lists have no nodes of their own for large elements.',
    arity: 3,
    run: ({ reply }) => reply.ok(),
  },
  {
    name: 'SET-DISABLE-DENY-SCRIPTS',
    usage: 'SET-DISABLE-DENY-SCRIPTS <0|1>',
    summary: 'Does nothing: no script in Lua is run.',
    arity: 3,
    run: ({ reply }) => reply.ok(),
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

const reloadWords = ['NOSAVE', 'NOFLUSH', 'MERGE'] as const;

function reload(call: Call): void {
  const { request, server } = call;
  const given = new Set<string>();
  for (let i = 2; i < request.count; i++) {
    const word = reloadWords.find((name) => request.is(i, name));
    if (word === undefined) throw replyErrors.reloadOption();
    given.add(word);
  }
  if (!call.mayWait) throw replyErrors.optionNotSupported('DEBUG RELOAD inside MULTI');
  replyWhenDone(call, () =>
    server.reload({
      saves: !given.has('NOSAVE'),
      flushes: !given.has('NOFLUSH'),
      merges: given.has('MERGE'),
    }),
  );
}

function populate(call: Call): void {
  const { client, request } = call;
  if (request.count > 5) throw replyErrors.wrongSubcommandWords(shown(request, 1), 'DEBUG');
  const count = countOf(request, 2);
  const valueBytes = request.count > 4 ? countOf(request, 4) : 0;
  if (!call.mayWait) throw replyErrors.optionNotSupported('DEBUG POPULATE inside MULTI');
  const { connection, sequence } = call.wait(okOrFailure);
  const prefix = request.count > 3 ? 3 : -1;
  const bytes = valueBytes === 0 ? -1 : valueBytes;
  const result = addon().populate(client.db, prefix, count, bytes, connection, sequence);
  if (result < 0) throw failure(result);
}

/** Nothing is saved. */
function endBy(signal: NodeJS.Signals): void {
  log.warning(`DEBUG ends the server with ${signal}`);
  process.kill(process.pid, signal);
}

/** Digits of a digest. */
const DIGEST_DIGITS = 40;
/** Digests that one message of the core brings. */
const DIGESTS_PER_MESSAGE_MAX = 1000;

function digest(call: Call): void {
  if (!call.mayWait) {
    call.reply.simple(addon().keyspaceDigest());
    return;
  }
  const { connection, sequence } = call.wait((to, _, text) => to.simple(text));
  addon().keyspaceDigestLater(connection, sequence);
}

function digestValues(call: Call): void {
  const { client, reply, request } = call;
  const count = request.count - 2;
  if (!call.mayWait || count === 0 || count > DIGESTS_PER_MESSAGE_MAX) {
    reply.array(count);
    for (let i = 2; i < request.count; i++) reply.simple(addon().valueDigest(client.db, i));
    return;
  }
  const { connection, sequence } = call.wait((to, _, text) => {
    to.array(count);
    for (let at = 0; at < text.length; at += DIGEST_DIGITS)
      to.simple(text.slice(at, at + DIGEST_DIGITS));
  });
  addon().valueDigestsLater(client.db, 2, count, connection, sequence);
}

function object(call: Call): void {
  const { client, reply } = call;
  if (call.mayWait) {
    const { connection, sequence } = call.wait((to, _, text) => to.simple(text));
    if (addon().debugObjectLater(client.db, 2, connection, sequence) === -codes.notFound)
      throw replyErrors.noSuchKey();
    return;
  }
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
