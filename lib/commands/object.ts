// Commands about keys of any type beside the plain ones of keys.ts.

import { replyErrors } from '../core/errors.ts';
import { addon, codes } from '../engine/addon.ts';
import { keyFacts } from '../engine/data-commands.ts';
import { checked } from '../keyspace/keyspace.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { container } from './container.ts';
import { readonly, row, rows, twoKeys, writeDenyoom, writeFast } from './rows.ts';
import { awaitRows, millisecondsOf, type Waiting } from './waiting.ts';
import { databaseOf, integerOf, isInt32 } from './words.ts';

const shape = { group: 'generic', categories: ['@keyspace'] };
const secondArgIsKey = { first: 2, last: 2, step: 1 };

export const objectCommands: readonly Command[] = [
  container(
    {
      name: 'object',
      summary: 'A container for commands about what a key holds.',
      since: '2.2.3',
      group: 'generic',
    },
    [
      factRow('encoding', 'Returns how a value is stored, as Redis names it.', keyFacts.encoding),
      factRow(
        'freq',
        'Returns how often a key is used, on a logarithmic scale.',
        keyFacts.frequency,
        '4.0.0',
      ),
      factRow('idletime', 'Returns the seconds since a key was used.', keyFacts.idleSeconds),
      factRow('refcount', 'Returns how many references a value has.', keyFacts.references),
    ],
  ),
  row(
    { ...shape, since: '6.2.0', flags: writeDenyoom, keys: twoKeys },
    'copy',
    -3,
    'Copies what a key holds, of any type, to another key.',
    copy,
  ),
  row(
    { ...shape, since: '1.0.0', flags: readonly, keys: noKeys },
    'randomkey',
    1,
    'Returns a key at random.',
    rows((values, db) => values.keyRandom(db)),
  ),
  row(
    {
      group: 'server',
      categories: ['@keyspace', '@dangerous'],
      since: '4.0.0',
      flags: writeFast,
      keys: noKeys,
    },
    'swapdb',
    3,
    'Changes the places of two databases.',
    swap,
  ),
  row(
    {
      ...shape,
      since: '3.0.0',
      flags: ['blocking'],
      categories: ['@connection'],
      keys: noKeys,
    },
    'wait',
    3,
    'Waits for replicas, of which there are none: until the timeout, and returns 0.',
    waitForReplicas,
  ),
];

function factRow(name: string, summary: string, fact: number, since = '2.2.3'): Command {
  return row(
    { ...shape, since, flags: readonly, keys: secondArgIsKey },
    name,
    3,
    summary,
    ({ client, keyspace, reply, server }: Call) => {
      const answer = keyspace.values.keyFact(client.db, 2, fact);
      if (answer === -codes.notFound) {
        reply.nil();
        return;
      }
      const countsFrequency = server.settings.text('maxmemory-policy').endsWith('lfu');
      if (fact === keyFacts.frequency && !countsFrequency) throw replyErrors.frequencyNotTracked();
      if (fact === keyFacts.idleSeconds && countsFrequency) throw replyErrors.idleNotTracked();
      reply.rows(checked(answer));
    },
  );
}

function copy({ client, keyspace, reply, request, server }: Call): void {
  let { db } = client;
  let replaces = false;
  for (let i = 3; i < request.count; i++) {
    if (request.is(i, 'REPLACE')) replaces = true;
    else if (request.is(i, 'DB') && i + 1 < request.count) {
      db = databaseOf(request, ++i, server.settings.databaseCount);
    } else throw replyErrors.syntax();
  }
  const isSame = db === client.db && request.bytes(1).equals(request.bytes(2));
  if (isSame) throw replyErrors.sameObject();
  reply.integer(checked(keyspace.values.keyCopy(client.db, 1, db, 2, replaces ? 1 : 0)));
}

function swap({ keyspace, reply, request, server }: Call): void {
  const first = request.integer(1);
  if (first === undefined || !isInt32(first)) throw replyErrors.invalidDatabase('first');
  const second = request.integer(2);
  if (second === undefined || !isInt32(second)) throw replyErrors.invalidDatabase('second');
  const { databaseCount } = server.settings;
  for (const db of [first, second]) {
    if (db < 0 || db >= databaseCount) throw replyErrors.databaseOutOfRange();
  }
  keyspace.values.databasesSwap(first, second);
  reply.ok();
}

/** Honest: nothing is replicated, however long it waits. A timeout of 0 is for ever. */
function waitForReplicas(call: Call): void {
  const { client, reply, request } = call;
  const wanted = integerOf(request, 1);
  const timeoutMs = millisecondsOf(request, 2);
  const none = (answer: ReplyEncoder) => answer.integer(0);
  if (wanted <= 0 || client.transaction !== undefined) {
    none(reply);
    return;
  }
  const ask = ({ client: who, connection, sequence }: Waiting) =>
    addon().nothingAwait(who, connection, sequence);
  awaitRows(call, timeoutMs, ask, none, none);
}
