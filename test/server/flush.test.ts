// FLUSHALL while the keys are being saved, and in the append-only file.

import { readFileSync } from 'node:fs';
import t from 'tap';
import {
  fact,
  kill,
  lastIncrement,
  newFolder,
  startJournal,
  waitUntil,
} from '../helpers/journal.ts';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { Connection, startServer } from '../helpers/server.ts';

const skip = missingPrograms('redis-server');

const flushes = [
  { title: 'by itself', lines: ['FLUSHALL'] },
  { title: 'in a transaction', lines: ['MULTI', 'SET k v', 'FLUSHALL', 'EXEC'] },
];

async function saving(connection: Connection): Promise<void> {
  for (let i = 0; i < 300; i++) await connection.request('SET', `k${i}`, i);
  // So that only the ending of the save can end it within the test.
  await connection.request('CONFIG', 'SET', 'rdb-key-save-delay', 1_000_000);
  await connection.request('BGSAVE');
  t.equal(await fact(connection, 'rdb_bgsave_in_progress'), '1');
}

for (const savePoints of ['', '900 1']) {
  for (const { title, lines } of flushes) {
    t.test(`FLUSHALL ${title} ends BGSAVE, save '${savePoints}'`, async (t) => {
      const server = await startServer(['--dir', newFolder(t), '--save', savePoints]);
      const connection = await server.raw();
      await saving(connection);
      for (const line of lines) await connection.request(...line.split(' '));
      await waitUntil('the end of the save', async () => {
        const [isSaving, changes] = [
          await fact(connection, 'rdb_bgsave_in_progress'),
          await fact(connection, 'rdb_changes_since_last_save'),
        ];
        return isSaving === '0' && (savePoints === '' || changes === '0');
      });
      t.equal(await fact(connection, 'rdb_last_bgsave_status'), 'ok');
      await waitUntil('the line of the log', () =>
        server.log().includes('Saving was ended before it was done'),
      );
      t.equal(await connection.request('DBSIZE'), 0);
      await connection.request('CONFIG', 'SET', 'rdb-key-save-delay', 0);

      await saving(connection);
      await connection.request('FLUSHDB');
      t.equal(await fact(connection, 'rdb_bgsave_in_progress'), '1', 'FLUSHDB does not');
      connection.close();
      await server.stop();
    });
  }
}

const selections = [
  ...['SET a 1', 'SELECT 3', 'SET b 2', 'FLUSHALL', 'FLUSHALL', 'SELECT 0', 'SET c 1', 'FLUSHDB'],
  ...['SELECT 5', 'FLUSHALL', 'MULTI', 'FLUSHALL', 'SET x 1', 'FLUSHDB', 'EXEC', 'SET y 1'],
];

t.test('databases are selected as redis-server does, also for FLUSHALL', { skip }, async (t) => {
  const folders = [newFolder(t), newFolder(t)] as const;
  // Both have written before they answer.
  const always = ['--appendfsync', 'always'];
  const redis = await startRedis(['--dir', folders[0], '--appendonly', 'yes', ...always]);
  const server = await startJournal(t, folders[1], ...always);
  const texts: string[] = [];
  for (const [i, port] of [redis.port, server.port].entries()) {
    const connection = await Connection.open(port);
    for (const line of selections) await connection.request(...line.split(' '));
    connection.close();
    if (i === 0) await redis.stop();
    else await kill(server);
    texts.push(readFileSync(lastIncrement(folders[i]!), 'latin1'));
  }
  t.equal(texts[1], texts[0]);
});
