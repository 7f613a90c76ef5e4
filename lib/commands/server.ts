// Commands about the server as a whole.

import { replyErrors } from '../core/errors.ts';
import { addon } from '../engine/addon.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { readonlyFast, write } from './rows.ts';

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
      call.keyspace.flushAll();
      call.reply.ok();
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
    name: 'shutdown',
    summary: 'Ends the server; the connection is closed without a reply.',
    since: '1.0.0',
    arity: -1,
    flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi', 'allow_busy'],
    run: shutdown,
  },
];

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
  for (let i = 1; i < request.count; i++) {
    if (request.is(i, 'NOSAVE') && save !== 'save') save = 'nosave';
    else if (request.is(i, 'SAVE') && save !== 'nosave') save = 'save';
    else if (request.is(i, 'ABORT')) isAbort = true;
    else if (!request.is(i, 'NOW') && !request.is(i, 'FORCE')) throw replyErrors.syntax();
  }
  if (isAbort && request.count > 2) throw replyErrors.syntax();
  if (isAbort) throw replyErrors.noShutdown();
  // Never answered: the connection ends with the process.
  call.wait(() => {});
  server.shutdown({ save });
}
