import { type Call, type Command, firstArgIsKey } from './command.ts';
import { readonly, readonlyFast, writeDenyoomFast } from './rows.ts';

const shape = { group: 'list', categories: ['@list'], since: '1.0.0', keys: firstArgIsKey };

export const listCommands: readonly Command[] = [
  {
    ...shape,
    name: 'rpush',
    summary: 'Appends elements to a list, and returns its length.',
    arity: -3,
    flags: writeDenyoomFast,
    run: (call) => push(call, true),
  },
  {
    ...shape,
    name: 'lpush',
    summary: 'Puts elements before a list, one after the other, and returns its length.',
    arity: -3,
    flags: writeDenyoomFast,
    run: (call) => push(call, false),
  },
  {
    ...shape,
    name: 'lrange',
    summary: 'Returns the elements of a list from one index to another.',
    arity: 4,
    flags: readonly,
    run({ client, keyspace, reply }) {
      const rows = keyspace.listRange(client.db, 1, 2, 3);
      reply.array(keyspace.numbers[0] ?? 0);
      reply.rows(rows);
    },
  },
  {
    ...shape,
    name: 'llen',
    summary: 'Returns the length of a list.',
    arity: 2,
    flags: readonlyFast,
    run({ client, keyspace, reply }) {
      reply.integer(keyspace.listLength(client.db, 1));
    },
  },
];

function push({ client, keyspace, reply, request }: Call, atTail: boolean): void {
  reply.integer(keyspace.push(client.db, 1, 2, request.count - 2, atTail));
}
