// COMMAND DOCS: how commands are written, as redis-cli and others read it.

import t from 'tap';
import { type Argument, argumentsOf } from '../../lib/commands/syntax.ts';
import { syntaxes } from '../../lib/commands/syntaxes.ts';
import { commandTable } from '../../lib/commands/table.ts';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { Connection, startServer, type Value } from '../helpers/server.ts';

t.test('every syntax is that of a command, with a key where it has one', async (t) => {
  for (const [fullName, syntax] of Object.entries(syntaxes)) {
    const [name = '', sub] = fullName.split('|');
    const container = commandTable.get(name);
    const command = sub ? container?.subcommands?.find((row) => row.name === sub) : container;
    t.ok(command, fullName);
    const hasKey = (list: readonly Argument[]): boolean =>
      list.some(({ type, parts }) => type === 'key' || hasKey(parts));
    const wantsKey =
      command !== undefined && command.keys.first > 0 && !/^p?subscribe|publish/.test(name);
    t.equal(hasKey(argumentsOf(syntax)), wantsKey || name === 'xread', fullName);
  }
});

/** Names, types, tokens and flags, in order; what else redis-server tells is left out. */
function shapeOf(list: Value): unknown[] {
  return (list as Value[]).map((argument) => {
    const fields = new Map<string, Value>();
    const flat = argument as Value[];
    for (let i = 0; i < flat.length; i += 2) fields.set(String(flat[i]), flat[i + 1] ?? null);
    const parts = fields.get('arguments');
    const isGroup = parts !== undefined;
    return {
      // Those of groups are of no use to anybody, and not the same in each version.
      name: isGroup || fields.get('type') === 'pure-token' ? '' : fields.get('name'),
      type: fields.get('type'),
      token: fields.get('token'),
      flags: fields.get('flags'),
      parts: isGroup ? shapeOf(parts) : undefined,
    };
  });
}

t.test(
  'arguments are those that redis-server tells',
  { skip: missingPrograms('redis-server') },
  async (t) => {
    const redis = await startRedis();
    t.teardown(() => redis.stop());
    const server = await startServer(['--save', '']);
    t.teardown(() => server.stop());
    const both = [await Connection.open(redis.port), await server.raw()] as const;
    const docs = async (client: Connection, name: string) => {
      const [, fields] = (await client.request('COMMAND', 'DOCS', name)) as [string, Value[]];
      return fields[fields.indexOf('arguments') + 1] ?? null;
    };
    for (const name of [
      'get',
      'del',
      'mget',
      'expire',
      'lpop',
      'hget',
      'sadd',
      'mset',
      'zincrby',
      'getrange',
      'set',
      'scan',
      'zadd',
      'copy',
    ]) {
      const [theirs, ours] = [await docs(both[0], name), await docs(both[1], name)];
      const untyped = (list: unknown) =>
        JSON.stringify(list).replace(/"type":"(integer|string|double)"/g, '');
      t.equal(untyped(shapeOf(ours)), untyped(shapeOf(theirs)), name);
    }
    for (const client of both) client.close();
  },
);
