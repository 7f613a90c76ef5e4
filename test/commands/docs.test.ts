// COMMAND DOCS: how commands are written, as redis-cli and others read it. What redis-server tells of
// its own commands is compared in oracle/command-facts.test.ts.

import t from 'tap';
import type { Command } from '../../lib/commands/command.ts';
import { commandDocs } from '../../lib/commands/docs/table.ts';
import { keySpecifications } from '../../lib/commands/key-specs.ts';
import { type Argument, argumentsOf } from '../../lib/commands/syntax.ts';
import { commandTable } from '../../lib/commands/table.ts';
import { startServer, type Value } from '../helpers/server.ts';

const rows = new Map<string, Command>();
for (const command of commandTable.values()) {
  rows.set(command.name, command);
  for (const sub of command.subcommands ?? []) rows.set(`${command.name}|${sub.name}`, sub);
}

function* everyArgument(list: readonly Argument[]): Generator<Argument> {
  for (const argument of list) {
    yield argument;
    yield* everyArgument(argument.parts ?? []);
  }
}

t.test('there are docs of every command, and of nothing else', async (t) => {
  const withoutHelp = [...rows.keys()].filter((name) => !name.endsWith('|help'));
  const documented = [...commandDocs.keys()].filter((name) => !name.endsWith('|help'));
  t.strictSame(documented.sort(), withoutHelp.sort());
});

t.test('every syntax names the keys of its command', async (t) => {
  for (const [name, { syntax }] of commandDocs) {
    const row = rows.get(name);
    if (row === undefined) continue;
    const all = [...everyArgument(argumentsOf(syntax))];
    const isOfKeys = keySpecifications(name, row).some(({ flags }) => !flags.includes('not_key'));
    t.equal(
      all.some(({ type }) => type === 'key'),
      isOfKeys,
      `${name} ${syntax}`,
    );
    for (const { name: argument, type, parts } of all) {
      t.match(argument, /^[a-z_][a-z0-9_:/-]*$/, `${name}: ${argument}`);
      t.equal(parts !== undefined, type === 'oneof' || type === 'block', `${name}: ${argument}`);
    }
  }
});

t.test('arguments are read as they are written', async (t) => {
  t.strictSame(argumentsOf('key [EX seconds@6.2.0] {|> step}...'), [
    { name: 'key', type: 'key', keySpecIndex: 0 },
    { since: '6.2.0', name: 'seconds', type: 'integer', token: 'EX', isOptional: true },
    { name: 'step', type: 'string', token: '|>', repeatsToken: true, isMultiple: true },
  ]);
  t.strictSame(argumentsOf('way(NEAR | far=OFF@7.0.0!7.2.0 | at(x:double id...)) [other:key#1]'), [
    {
      name: 'way',
      type: 'oneof',
      parts: [
        { name: 'near', type: 'pure-token', token: 'NEAR' },
        {
          since: '7.0.0',
          deprecatedSince: '7.2.0',
          name: 'far',
          type: 'pure-token',
          token: 'OFF',
        },
        {
          name: 'at',
          type: 'block',
          parts: [
            { name: 'x', type: 'double' },
            { name: 'id', type: 'string', isMultiple: true },
          ],
        },
      ],
    },
    { name: 'other', type: 'key', keySpecIndex: 1, isOptional: true },
  ]);
  for (const cut of ['a(b', '[a', '{X a', 'a(b]']) t.throws(() => argumentsOf(cut), cut);
});

t.test('RedisAI commands are told as those of a module', async (t) => {
  const server = await startServer(['--save', '']);
  t.teardown(() => server.stop());
  const [name, flat] = (await server.request('COMMAND', 'DOCS', 'AI.MODELRUN')) as [
    string,
    Value[],
  ];
  t.equal(name, 'ai.modelrun');
  const facts = new Map<string, Value>();
  for (let i = 0; i < flat.length; i += 2) facts.set(String(flat[i]), flat[i + 1] ?? null);
  t.equal(facts.get('group'), 'module');
  t.equal(facts.get('module'), 'ai');
  t.strictSame(facts.get('doc_flags'), ['deprecated']);
  t.equal(facts.get('replaced_by'), 'AI.MODELEXECUTE');
  const [[, , flags, first, last, step, categories, , keys]] = (await server.request(
    'COMMAND',
    'INFO',
    'ai.modelrun',
  )) as [Value[]];
  t.strictSame(flags, ['write', 'denyoom', 'module', 'movablekeys']);
  t.strictSame([first, last, step], [3, 3, 1]);
  t.strictSame(categories, ['@write', '@slow']);
  t.strictSame(keys, [
    [
      ...['flags', ['RW', 'access', 'update', 'variable_flags']],
      ...['begin_search', ['type', 'index', 'spec', ['index', 3]]],
      ...['find_keys', ['type', 'range', 'spec', ['lastkey', 0, 'keystep', 1, 'limit', 0]]],
    ],
  ]);
  const inModule = await server.request('COMMAND', 'LIST', 'FILTERBY', 'MODULE', 'ai');
  t.equal((inModule as Value[]).length, 22);
});
