import { replyErrors } from '../core/errors.ts';
import { ABSENT } from '../keyspace/keyspace.ts';
import { type Call, type Command, firstArgIsKey } from './command.ts';
import { readonly, readonlyFast, writeDenyoomFast } from './rows.ts';

const shape = { group: 'hash', categories: ['@hash'], since: '2.0.0', keys: firstArgIsKey };

export const hashCommands: readonly Command[] = [
  {
    ...shape,
    name: 'hset',
    summary: 'Sets fields of a hash, and returns how many are new.',
    arity: -4,
    flags: writeDenyoomFast,
    run(call) {
      call.reply.integer(setFields(call));
    },
  },
  {
    ...shape,
    name: 'hmset',
    summary: 'Sets fields of a hash.',
    arity: -4,
    flags: writeDenyoomFast,
    run(call) {
      setFields(call);
      call.reply.ok();
    },
  },
  {
    ...shape,
    name: 'hget',
    summary: 'Returns the value of a field.',
    arity: 3,
    flags: readonlyFast,
    run({ client, keyspace, reply }) {
      const bytes = keyspace.findField(client.db, 1, 2);
      if (bytes === ABSENT) reply.nil();
      else reply.held(bytes);
    },
  },
  {
    ...shape,
    name: 'hgetall',
    summary: 'Returns all fields and values of a hash.',
    arity: 2,
    flags: readonly,
    run({ client, keyspace, reply }) {
      const rows = keyspace.allFields(client.db, 1);
      reply.map((keyspace.numbers[0] ?? 0) / 2);
      reply.rows(rows);
    },
  },
  {
    ...shape,
    name: 'hexists',
    summary: 'Tells whether a hash has a field.',
    arity: 3,
    flags: readonlyFast,
    run({ client, keyspace, reply }) {
      reply.integer(keyspace.hasField(client.db, 1, 2) ? 1 : 0);
    },
  },
  {
    ...shape,
    name: 'hlen',
    summary: 'Returns how many fields a hash has.',
    arity: 2,
    flags: readonlyFast,
    run({ client, keyspace, reply }) {
      reply.integer(keyspace.fieldCount(client.db, 1));
    },
  },
];

function setFields({ client, command, keyspace, request }: Call): number {
  const words = request.count - 2;
  if (words % 2 !== 0) throw replyErrors.wrongArity(command.name);
  return keyspace.setFields(client.db, 1, 2, words);
}
