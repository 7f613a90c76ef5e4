// An argument of 32 KiB and more lies in memory of its own: no command may stumble over one, wherever
// it stands.

import t from 'tap';
import { commandTable } from '../../lib/commands/table.ts';
import { startServer } from '../helpers/server.ts';

/** They end the connection. */
const skipped = new Set(['shutdown', 'quit']);
const WORDS_MAX = 6;

t.test('each command answers large arguments in each place', async (t) => {
  const server = await startServer(['--io-threads', '1']);
  t.teardown(() => server.stop());
  const large = 'x'.repeat(40_000);
  for (const command of commandTable.values()) {
    if (skipped.has(command.name)) continue;
    const heads = [[command.name]];
    for (const sub of command.subcommands ?? []) heads.push([command.name, sub.name]);
    let missing = 0;
    for (const head of heads) {
      for (let count = 1; count <= WORDS_MAX; count++) {
        for (let place = 0; place < count; place++) {
          const words = Array.from({ length: count }, (_, i) => (i === place ? large : '1'));
          const connection = await server.raw();
          connection.send(...head, ...words);
          // CLIENT REPLY may silence the one before it.
          connection.send('CLIENT', 'REPLY', 'ON');
          if ((await connection.reply()) === undefined) missing++;
          connection.close();
        }
      }
    }
    t.equal(missing, 0, command.name);
  }
  t.equal(await server.request('PING'), 'PONG');
});

t.test('COMMAND GETKEYS names large keys', async (t) => {
  const server = await startServer(['--io-threads', '1']);
  t.teardown(() => server.stop());
  for (const byteCount of [32 * 1024 - 1, 32 * 1024, 100_000, 3_000_000]) {
    const large = 'k'.repeat(byteCount);
    const ask = (...words: string[]) => server.request('COMMAND', 'GETKEYS', ...words);
    t.strictSame(await ask('GET', large), [large]);
    t.strictSame(await ask('DEL', 'a', large, 'b', `${large}2`), ['a', large, 'b', `${large}2`]);
    t.strictSame(await ask('SET', 'a', large, 'EX', '5'), ['a']);
    t.strictSame(await ask('AI.MODELEXECUTE', large, 'INPUTS', '1', 'a', 'OUTPUTS', '1', large), [
      large,
      'a',
      large,
    ]);
    await t.rejects(ask(large, 'a'), new Error('ERR Invalid command specified'));
    await t.rejects(ask('GET', large, large), /Invalid number of arguments/);
  }
});

t.test('keys of any length work', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const connection = await server.raw();
  t.teardown(() => connection.close());
  const key = 'k'.repeat(100_000);
  t.equal(await connection.request('WATCH', key), 'OK');
  t.equal(await connection.request('SET', key, 'v'), 'OK');
  t.equal(await connection.request('GET', key), 'v');
  t.equal(await connection.request('MULTI'), 'OK');
  t.equal(await connection.request('GET', key), 'QUEUED');
  t.equal(await connection.request('EXEC'), null, 'the key has changed');
  t.equal(await connection.request('MULTI'), 'OK');
  t.equal(await connection.request('GET', key), 'QUEUED');
  t.strictSame(await connection.request('EXEC'), ['v']);
});
