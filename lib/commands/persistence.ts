// Values as bytes, and what is kept on disk.

import { replyErrors } from '../core/errors.ts';
import { addon, codes, NO_EXPIRY, type UnixMs } from '../engine/addon.ts';
import { failure } from '../engine/failure.ts';
import { PENDING } from '../engine/stored-data.ts';
import { ABSENT, type KeyFacts, type Migration } from '../keyspace/keyspace.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import { type Call, type Command, firstArgIsKey, noKeys, type Words } from './command.ts';
import { readonly, writeDenyoom } from './rows.ts';
import { clampedOf, integerOf, okOrFailure, replyWhenDone } from './words.ts';

const fileShape = { group: 'server', since: '1.0.0', keys: noKeys };
const shape = { group: 'generic', since: '2.6.0', keys: firstArgIsKey };

/** The largest time that an expiry can be. */
const UNIX_MS_MAX = 2n ** 63n - 1n;

export const persistenceCommands: readonly Command[] = [
  {
    ...shape,
    name: 'dump',
    summary: 'Returns what a key holds as bytes that RESTORE takes, also of a Redis.',
    arity: 2,
    flags: readonly,
    categories: ['@keyspace'],
    run: dump,
  },
  {
    ...shape,
    name: 'restore',
    summary: 'Puts what DUMP has returned under a key.',
    arity: -4,
    flags: writeDenyoom,
    categories: ['@keyspace', '@dangerous'],
    run: restore,
  },
  {
    ...shape,
    name: 'migrate',
    summary: 'Moves keys to another server, or copies them.',
    arity: -6,
    flags: ['write', 'movablekeys'],
    categories: ['@keyspace', '@dangerous'],
    keys: { first: 3, last: 3, step: 1, find: findMigratedKeys },
    refusedInTransaction: replyErrors.notInTransaction,
    secrets: passwordsOfMigrate,
    run: migrate,
  },
  {
    ...fileShape,
    name: 'save',
    summary: 'Saves all keys to the file, and answers when that is done; other clients go on.',
    arity: 1,
    flags: ['admin', 'noscript', 'no_async_loading', 'no_multi'],
    run: (call) => replyWhenDone(call, () => call.server.save()),
  },
  {
    ...fileShape,
    name: 'bgsave',
    summary: 'Begins to save all keys to the file.',
    arity: -1,
    flags: ['admin', 'noscript', 'no_async_loading'],
    run: saveInBackground,
  },
  {
    ...fileShape,
    name: 'bgrewriteaof',
    summary: 'Begins to write the append-only file anew, as short as it can be.',
    arity: 1,
    flags: ['admin', 'noscript', 'no_async_loading'],
    run: rewriteJournal,
  },
  {
    ...fileShape,
    name: 'waitaof',
    summary: 'Waits until the changes so far are in the append-only file on the disk.',
    since: '7.2.0',
    group: 'generic',
    arity: 4,
    flags: ['blocking'],
    categories: ['@connection'],
    run: waitForJournal,
  },
  {
    ...fileShape,
    name: 'lastsave',
    summary: 'Returns the Unix time of the last save that succeeded.',
    arity: 1,
    flags: ['loading', 'stale', 'fast'],
    categories: ['@admin', '@dangerous'],
    run: ({ reply }) => reply.integer(addon().dataFacts().lastSaveAtSeconds),
  },
];

/** Where MIGRATE names its first key: word 3, or behind KEYS. */
const KEY_WORD = 3;
const MIGRATE_TIMEOUT_MS = 1000;

function findMigratedKeys(words: Words): number[] | undefined {
  if (words.count <= KEY_WORD) return undefined;
  if (!words.is(KEY_WORD, '')) return [KEY_WORD];
  for (let i = 6; i < words.count; i++) {
    if (words.is(i, 'AUTH')) i++;
    else if (words.is(i, 'AUTH2')) i += 2;
    else if (words.is(i, 'KEYS'))
      return Array.from({ length: words.count - i - 1 }, (_, nth) => i + 1 + nth);
  }
  return [];
}

function passwordsOfMigrate(words: Words): readonly number[] {
  for (let i = 6; i < words.count; i++) {
    if (words.is(i, 'AUTH')) return i + 1 < words.count ? [i + 1] : [];
    if (words.is(i, 'AUTH2')) return i + 2 < words.count ? [i + 1, i + 2] : [];
    if (words.is(i, 'KEYS')) return [];
  }
  return [];
}

function migrate(call: Call): void {
  const { client, keyspace } = call;
  const migration = readMigration(call);
  if (migration.keyCount === 0) {
    call.reply.simple('NOKEY');
    return;
  }
  const ticket = call.wait((reply, code, text) => {
    if (code === codes.notFound) reply.simple('NOKEY');
    else okOrFailure(reply, code, text);
  });
  keyspace.migrate(client.db, migration, ticket);
}

/** @throws {ReplyError} */
function readMigration({ request, server }: Call): Migration {
  let copies = false;
  let replaces = false;
  let user = -1;
  let password = -1;
  let firstKey = KEY_WORD;
  let keyCount = 1;
  for (let i = 6; i < request.count; i++) {
    const left = request.count - i - 1;
    if (request.is(i, 'COPY')) copies = true;
    else if (request.is(i, 'REPLACE')) replaces = true;
    else if (request.is(i, 'AUTH') && left >= 1) {
      password = ++i;
    } else if (request.is(i, 'AUTH2') && left >= 2) {
      user = ++i;
      password = ++i;
    } else if (request.is(i, 'KEYS')) {
      if (request.length(KEY_WORD) !== 0) throw replyErrors.migrateKeyGiven();
      firstKey = i + 1;
      keyCount = left;
      break;
    } else throw replyErrors.syntax();
  }
  const timeoutMs = integerOf(request, 5);
  return {
    host: 1,
    port: 2,
    targetDb: clampedOf(request, 4),
    timeoutMs: timeoutMs > 0 ? timeoutMs : MIGRATE_TIMEOUT_MS,
    copies,
    replaces,
    compresses: server.settings.isOn('rdbcompression'),
    user,
    password,
    firstKey,
    keyCount,
  };
}

const STARTED = 'Background saving started';
const SCHEDULED = 'Background saving scheduled';

/** BGSAVE [SCHEDULE]. Within EXEC it begins when the transaction is over. */
function saveInBackground(call: Call): void {
  const { reply, request, server } = call;
  const isScheduled = request.count === 2 && request.is(1, 'SCHEDULE');
  if (request.count > 1 && !isScheduled) throw replyErrors.syntax();
  if (!call.mayWait) {
    if (addon().dataFacts().isSaving && !isScheduled) throw replyErrors.saveInProgress();
    // What it is told is told by INFO and the log.
    server.saveInBackground(true).catch(() => {});
    reply.simple(SCHEDULED);
    return;
  }
  let refusal: Error | undefined;
  let text = STARTED;
  const ticket = call.wait((to) => {
    if (refusal) throw refusal;
    to.simple(text);
  });
  server
    .saveInBackground(isScheduled)
    .then(
      (isLater) => {
        if (isLater) text = SCHEDULED;
      },
      (error: Error) => {
        refusal = error;
      },
    )
    .then(() => ticket.finish(codes.ok, ''));
}

const REWRITING = 'Background append only file rewriting started';

/** Within EXEC it begins when the transaction is over. */
function rewriteJournal(call: Call): void {
  const { reply, server } = call;
  if (!call.mayWait) {
    server.rewriteJournal().catch(() => {});
    reply.simple('Background append only file rewriting scheduled');
    return;
  }
  let refusal: Error | undefined;
  const ticket = call.wait((to) => {
    if (refusal) throw refusal;
    to.simple(REWRITING);
  });
  server
    .rewriteJournal()
    .then((error) => {
      refusal = error;
    })
    .then(() => ticket.finish(codes.ok, ''));
}

/** WAITAOF numlocal numreplicas timeout: there are no replicas. */
function waitForJournal(call: Call): void {
  const { reply, request, server } = call;
  const localCount = integerOf(request, 1);
  if (localCount !== 0 && localCount !== 1) throw replyErrors.localOutOfRange();
  const replicaCount = integerOf(request, 2);
  if (replicaCount < 0) throw replyErrors.notPositive();
  const timeoutMs = integerOf(request, 3);
  if (timeoutMs < 0) throw replyErrors.timeoutNegative();
  if (localCount === 1 && !server.settings.isOn('appendonly')) throw replyErrors.noJournal();
  const answer = (to: ReplyEncoder, isOnDisk: boolean) => {
    to.array(2);
    to.integer(isOnDisk ? 1 : 0);
    to.integer(0);
  };
  const isOn = server.settings.isOn('appendonly');
  if (!call.mayWait || !isOn) {
    answer(reply, isOn && addon().journalFacts().waitingBytes === 0);
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  let isOnDisk = false;
  const ticket = call.wait((to, code) => {
    clearTimeout(timer);
    answer(to, isOnDisk || code === codes.ok);
  });
  const isLater = addon().journalAwait(ticket.connection, ticket.sequence, 1) === 1;
  isOnDisk = !isLater;
  // Replicas that there are not are waited for as long as the client says.
  if (!isLater && replicaCount === 0) ticket.finish(codes.ok, '');
  else if (timeoutMs > 0)
    timer = setTimeout(() => ticket.finish(codes.timedOut, ''), Math.min(timeoutMs, 2 ** 31 - 1));
}

function dump(call: Call): void {
  const { client, keyspace, reply, server } = call;
  const compresses = server.settings.isOn('rdbcompression');
  const answer = (to: ReplyEncoder, byteCount: number) => {
    if (byteCount === ABSENT) to.nil();
    else to.held(byteCount);
  };
  if (!call.mayWait) {
    answer(reply, keyspace.dump(client.db, 1, compresses));
    return;
  }
  let byteCount = PENDING;
  const ticket = call.wait((to, code) => {
    if (code !== codes.ok) throw failure(-code);
    answer(to, byteCount === PENDING ? keyspace.dumped(ticket) : byteCount);
  });
  byteCount = keyspace.dump(client.db, 1, compresses, ticket);
  if (byteCount !== PENDING) ticket.finish(codes.ok, '');
}

function restore(call: Call): void {
  const { client, keyspace, reply, request } = call;
  const facts = readFacts(request);
  if (!facts.replaces && keyspace.countExisting(client.db, 1, 1, false) === 1)
    throw replyErrors.busyKey();
  const atMs = readExpiry(request);
  if (!call.mayWait) {
    keyspace.restore(client.db, 1, 3, { ...facts, atMs });
    reply.ok();
    return;
  }
  const ticket = call.wait(okOrFailure);
  const result = keyspace.restore(client.db, 1, 3, { ...facts, atMs }, ticket);
  if (result !== PENDING) ticket.finish(codes.ok, '');
}

/** The words behind the payload. @throws {ReplyError} */
function readFacts(request: Request): Omit<KeyFacts, 'atMs'> {
  let replaces = false;
  let idleSeconds: number | undefined;
  let frequency: number | undefined;
  for (let i = 4; i < request.count; i++) {
    const hasMore = i + 1 < request.count;
    if (request.is(i, 'REPLACE')) replaces = true;
    else if (request.is(i, 'ABSTTL')) continue;
    else if (request.is(i, 'IDLETIME') && hasMore && frequency === undefined) {
      const seconds = request.integer(++i) ?? request.bigint(i);
      if (seconds === undefined) throw replyErrors.notInteger();
      if (seconds < 0) throw replyErrors.invalidIdleTime();
      idleSeconds = Math.min(Number(seconds), Number.MAX_SAFE_INTEGER);
    } else if (request.is(i, 'FREQ') && hasMore && idleSeconds === undefined) {
      const uses = request.integer(++i) ?? request.bigint(i);
      if (uses === undefined) throw replyErrors.notInteger();
      if (uses < 0 || uses > 255) throw replyErrors.invalidFrequency();
      frequency = Number(uses);
    } else throw replyErrors.syntax();
  }
  return { replaces, idleSeconds, frequency };
}

/** The TTL, from now on unless ABSTTL says otherwise; 0: none. @throws {ReplyError} */
function readExpiry(request: Request): UnixMs {
  const ttl = request.integer(2) ?? request.bigint(2);
  if (ttl === undefined) throw replyErrors.notInteger();
  if (ttl < 0) throw replyErrors.invalidTtl();
  if (ttl === 0 || ttl === 0n) return NO_EXPIRY;
  for (let i = 4; i < request.count; i++) {
    if (request.is(i, 'IDLETIME') || request.is(i, 'FREQ')) i++;
    else if (request.is(i, 'ABSTTL')) return ttl;
  }
  const atMs = BigInt(ttl) + BigInt(Date.now());
  if (atMs <= Number.MAX_SAFE_INTEGER) return Number(atMs);
  return atMs > UNIX_MS_MAX ? UNIX_MS_MAX : atMs;
}
