// What Debian's redis-check-aof and redis-check-rdb say of our files, and the times that
// aof-timestamp-enabled puts into them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { fill, values } from '../commands/stored-values.ts';
import {
  firstRewrite,
  journalFiles,
  journalPath,
  kill,
  lastIncrement,
  newFolder,
  startJournal,
  waitUntil,
} from '../helpers/journal.ts';
import { missingPrograms, runProcess } from '../helpers/peers.ts';
import { startServer } from '../helpers/server.ts';

const manifestOf = (folder: string) => journalPath(folder, 'appendonly.aof.manifest');

async function checkJournal(t: Test, folder: string, ...options: string[]): Promise<string> {
  const check = await runProcess('redis-check-aof', [...options, manifestOf(folder)]);
  t.equal(check.status, 0, check.stdout);
  return check.stdout;
}

const skip = missingPrograms('redis-check-aof', 'redis-check-rdb');

for (const preamble of ['yes', 'no']) {
  for (const stamps of ['yes', 'no']) {
    t.test(`redis-check-aof: RDB base ${preamble}, times ${stamps}`, { skip }, async (t) => {
      const folder = newFolder(t);
      const args = ['--aof-use-rdb-preamble', preamble, '--aof-timestamp-enabled', stamps];
      const server = await startJournal(t, folder, ...args);
      const connection = await server.raw();
      await fill(connection);
      await connection.request('BGREWRITEAOF');
      await firstRewrite(connection, folder);
      await connection.request('SET', 'later', 1);
      await connection.request('MULTI');
      await connection.request('INCR', 'later');
      await connection.request('SADD', 'set', 'a');
      await connection.request('EXEC');
      await connection.request('WAITAOF', 1, 0, 0);
      t.match(await checkJournal(t, folder), /All AOF files and manifest are valid/);
      const isStamped = (path: string) => /^#TS:\d+\r\n/.test(readFileSync(path, 'latin1'));
      t.equal(isStamped(lastIncrement(folder)), stamps === 'yes');
      const base = journalFiles(folder).find((name) => name.includes('.base.')) ?? '';
      t.equal(isStamped(journalPath(folder, base)), stamps === 'yes' && preamble === 'no');
      connection.close();
      await kill(server);

      const second = await startJournal(t, folder, ...args);
      t.notMatch(second.log(), /answered errors/);
      t.equal(await second.request('GET', 'later'), '2');
      t.equal(await second.request('DBSIZE'), values.length + 2);
      await kill(second);
    });
  }
}

t.test('redis-check-aof goes back to a time', { skip }, async (t) => {
  const folder = newFolder(t);
  const server = await startJournal(t, folder, '--appendfsync', 'always');
  await server.request('CONFIG', 'SET', 'aof-timestamp-enabled', 'yes');
  await server.request('SET', 'before', 1);
  const seconds = Math.floor(Date.now() / 1000);
  await waitUntil('two seconds later', () => Date.now() >= (seconds + 2) * 1000);
  await server.request('SET', 'after', 1);
  await kill(server);
  const stamps = readFileSync(lastIncrement(folder), 'latin1').match(/^#TS:\d+\r$/gm) ?? [];
  t.equal(stamps.length, 2, 'a time for each second in which something was done');
  t.match(
    await checkJournal(t, folder, '--truncate-to-timestamp', String(seconds)),
    /Successfully truncated AOF/,
  );
  const second = await startJournal(t, folder);
  t.strictSame(await second.request('KEYS', '*'), ['before']);
  await kill(second);
});

t.test('redis-check-rdb finds nothing wrong', { skip }, async (t) => {
  for (const compression of ['yes', 'no']) {
    const folder = newFolder(t);
    const server = await startServer(
      ...[['--dir', folder, '--save', '', '--rdbcompression', compression]],
    );
    t.teardown(() => kill(server));
    const connection = await server.raw();
    await fill(connection);
    await connection.request('SELECT', 3);
    await connection.request('SET', 'expires', 'v', 'PX', 1_000_000);
    await connection.request('SAVE');
    connection.close();
    const check = await runProcess('redis-check-rdb', [join(folder, 'dump.rdb')]);
    t.equal(check.status, 0, check.stdout);
    t.match(check.stdout, /RDB looks OK/);
    t.match(check.stdout, new RegExp(`\\b${values.length + 2} keys read`));
  }
});
