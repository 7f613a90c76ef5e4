// Commands about the server as a whole.

import { REDIS_VERSION } from '../config/version.ts';
import { replyErrors } from '../core/errors.ts';
import { addon } from '../engine/addon.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { readonlyFast, write } from './rows.ts';
import { replyWhenDone } from './words.ts';

const shape = { group: 'server', keys: noKeys };

export const serverCommands: readonly Command[] = [
  {
    ...shape,
    name: 'dbsize',
    summary: 'Returns how many keys the database holds.',
    since: '1.0.0',
    arity: 1,
    flags: readonlyFast,
    categories: ['@keyspace'],
    run: ({ client, keyspace, reply }) => reply.integer(keyspace.size(client.db)),
  },
  {
    ...shape,
    name: 'flushdb',
    summary: 'Deletes all keys of the database.',
    since: '1.0.0',
    arity: -1,
    flags: write,
    categories: ['@keyspace', '@dangerous'],
    run(call) {
      checkFlush(call);
      call.keyspace.flush(call.client.db);
      call.reply.ok();
    },
  },
  {
    ...shape,
    name: 'flushall',
    summary: 'Deletes all keys of all databases.',
    since: '1.0.0',
    arity: -1,
    flags: write,
    categories: ['@keyspace', '@dangerous'],
    run(call) {
      checkFlush(call);
      call.keyspace.flushAll(call.client.db);
      const hasToSave = call.server.settings.text('save') !== '' || addon().dataFacts().isSaving;
      if (!hasToSave) call.reply.ok();
      else if (call.mayWait)
        replyWhenDone(call, () => call.server.saveFlushed().then(() => undefined));
      else {
        void call.server.saveFlushed();
        call.reply.ok();
      }
    },
  },
  {
    ...shape,
    name: 'time',
    summary: 'Returns the Unix time: seconds, and microseconds within.',
    since: '2.6.0',
    arity: 1,
    flags: ['loading', 'stale', 'fast'],
    run({ reply }) {
      const now = addon().unixMicroseconds();
      reply.array(2);
      reply.bulk(String(Math.floor(now / 1e6)));
      reply.bulk(String(now % 1e6));
    },
  },
  {
    ...shape,
    name: 'role',
    summary: 'Returns the part that this server plays in replication: a primary without replicas.',
    since: '2.8.12',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast'],
    categories: ['@admin', '@dangerous'],
    run({ reply }) {
      reply.array(3);
      reply.bulk('master');
      reply.integer(0);
      reply.array(0);
    },
  },
  {
    ...shape,
    name: 'lolwut',
    summary: 'Returns a bar for the whole orchestra, and the version of Redis that clients see.',
    since: '5.0.0',
    arity: -1,
    flags: ['readonly', 'fast'],
    run: ({ reply }) => reply.verbatim(`${barOfNotes()}\nRedis ver. ${REDIS_VERSION}\n`),
  },
  {
    ...shape,
    name: 'shutdown',
    summary: 'Ends the server; the connection is closed without a reply.',
    since: '1.0.0',
    arity: -1,
    flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi', 'allow_busy'],
    run: shutdown,
  },
];

/** Five lines of a staff with notes at random. */
function barOfNotes(): string {
  const width = 60;
  const rows: string[][] = Array.from({ length: 9 }, (_, row) =>
    Array.from({ length: width }, () => (row % 2 === 0 ? '-' : ' ')),
  );
  for (let column = 2; column < width; column += 4) {
    const row = rows[Math.floor(Math.random() * rows.length)];
    if (row) row[column] = 'o';
  }
  return rows.map((row) => `|${row.join('')}|\n`).join('');
}

/** FLUSHDB and FLUSHALL take ASYNC or SYNC: memory is freed on a thread of its own in both. */
function checkFlush({ request }: Call): void {
  const { count } = request;
  if (count > 2 || (count === 2 && !request.is(1, 'ASYNC') && !request.is(1, 'SYNC')))
    throw replyErrors.syntax();
}

function shutdown(call: Call): void {
  const { request, server } = call;
  let save: 'default' | 'save' | 'nosave' = 'default';
  let isAbort = false;
  let isForced = false;
  for (let i = 1; i < request.count; i++) {
    if (request.is(i, 'NOSAVE') && save !== 'save') save = 'nosave';
    else if (request.is(i, 'SAVE') && save !== 'nosave') save = 'save';
    else if (request.is(i, 'ABORT')) isAbort = true;
    else if (request.is(i, 'FORCE')) isForced = true;
    else if (!request.is(i, 'NOW')) throw replyErrors.syntax();
  }
  if (isAbort && request.count > 2) throw replyErrors.syntax();
  if (isAbort) throw replyErrors.noShutdown();
  replyWhenDone(call, () => server.shutdown({ save, isForced }));
}
