import t from 'tap';
import type { Command } from '../../lib/commands/command.ts';
import { categoriesOf } from '../../lib/commands/rows.ts';
import { commandTable } from '../../lib/commands/table.ts';

const flags = new Set([
  'write',
  'readonly',
  'denyoom',
  'admin',
  'noscript',
  'loading',
  'stale',
  'fast',
  'no_auth',
  'no_async_loading',
  'no_multi',
  'allow_busy',
  'skip_slowlog',
  'movablekeys',
  'blocking',
  'pubsub',
]);

function* everyRow(): Generator<Command> {
  for (const command of commandTable.values()) {
    yield command;
    yield* command.subcommands ?? [];
  }
}

t.test('every row says all about its command', async (t) => {
  for (const row of everyRow()) {
    const { name, summary, arity, keys } = row;
    t.equal(name, name.toLowerCase(), name);
    t.match(summary, /^[A-Z].*\.$/, `${name}: a sentence`);
    t.notOk(summary.includes('|'), `${name}: stands in a table`);
    t.ok(Number.isInteger(arity) && arity !== 0, `${name}: arity`);
    t.match(row.since ?? '', /^\d+\.\d+\.\d+$/, `${name}: since`);
    t.ok(row.group, `${name}: group`);
    for (const flag of row.flags) t.ok(flags.has(flag), `${name}: ${flag}`);
    t.equal(row.flags.includes('movablekeys'), keys.find !== undefined, `${name}: movable keys`);
    t.ok(categoriesOf(row).length > 0, `${name}: categories`);
    if (keys.first === 0) t.strictSame([keys.last, keys.step], [0, 0], `${name}: no keys`);
    else t.ok(keys.step > 0 && (keys.last < 0 || keys.last >= keys.first), `${name}: keys`);
  }
});

t.test('what writes data names its keys, or is known to write all', async (t) => {
  const keyless = ['flushdb', 'flushall', 'swapdb', 'ai.config'];
  for (const { name, flags, keys } of commandTable.values()) {
    if (flags.includes('write')) {
      t.equal(keys.first === 0 && keys.find === undefined, keyless.includes(name), name);
    }
  }
});

t.test('the rows of RedisAI are as it registers them', async (t) => {
  const rows = [...commandTable.values()].filter(({ name }) => name.startsWith('ai.'));
  t.equal(rows.length, 22);
  for (const { name, arity } of rows) t.equal(arity, -1, name);
  const keysOf = (name: string) => {
    const { first, last, step } = commandTable.get(name)?.keys ?? {};
    return [first, last, step];
  };
  t.strictSame(keysOf('ai.modelexecute'), [4, 4, 1]);
  t.strictSame(keysOf('ai.modelrun'), [3, 3, 1]);
  t.strictSame(keysOf('ai.scriptexecute'), [5, 5, 1]);
  t.strictSame(keysOf('ai.scriptrun'), [4, 4, 1]);
  t.strictSame(keysOf('ai._modelscan'), [0, 0, 0]);
});
