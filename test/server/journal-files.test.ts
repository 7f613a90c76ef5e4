// Append-only files made by hand, beside redis-server: which are read, and what they hold.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  fact,
  journalPath,
  kill,
  lastIncrement,
  newFolder,
  startJournal,
  startRefusal,
  waitUntil,
} from '../helpers/journal.ts';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { Connection } from '../helpers/server.ts';

const skip = missingPrograms('redis-server');

const entry = 'file appendonly.aof.1.incr.aof seq 1 type i\n';
const words = (...all: string[]) =>
  `*${all.length}\r\n${all.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
const a = words('SELECT', '0') + words('SET', 'a', '1');
const b = words('SET', 'b', '1');

function made(t: Test, manifest: string, increment: string): string {
  const folder = newFolder(t);
  mkdirSync(join(folder, 'appendonlydir'));
  writeFileSync(journalPath(folder, 'appendonly.aof.manifest'), manifest);
  writeFileSync(journalPath(folder, 'appendonly.aof.1.incr.aof'), increment);
  return folder;
}

/** The keys that redis-server finds; undefined: it does not start. */
async function redisKeys(folder: string): Promise<unknown> {
  const args = ['--dir', folder, '--appendonly', 'yes', '--save', ''];
  const redis = await startRedis(args).catch(() => undefined);
  if (redis === undefined) return undefined;
  const connection = await Connection.open(redis.port);
  const keys = (await connection.request('KEYS', '*')) as string[];
  connection.close();
  await redis.stop();
  return keys.sort();
}

const refusedManifests = [
  { title: 'an empty one', manifest: '', complaint: /the manifest is empty/ },
  { title: 'an empty line', manifest: '\n', complaint: /line 1 of the manifest: no row/ },
  { title: 'a line of blanks', manifest: '  \n', complaint: /line 1 of the manifest: no row/ },
  {
    title: 'an empty line at the end',
    manifest: `${entry}\n`,
    complaint: /line 2 of the manifest/,
  },
  { title: 'an empty line first', manifest: `\n${entry}`, complaint: /line 1 of the manifest/ },
  {
    title: 'a last line without an end',
    manifest: entry.trimEnd(),
    complaint: /line 1 of the manifest: it has no end/,
  },
];
for (const { title, manifest, complaint } of refusedManifests) {
  t.test(`refuses a manifest: ${title}`, { skip }, async (t) => {
    t.match(await startRefusal(t, made(t, manifest, a)), complaint);
    t.equal(await redisKeys(made(t, manifest, a)), undefined, 'as redis-server does');
  });
}

const long = '0'.repeat(300);
const readFiles = [
  { title: 'a remark in the manifest', manifest: `# a remark\n${entry}`, increment: a },
  { title: 'nothing but a remark in the manifest', manifest: '# a remark\n', increment: a },
  { title: 'blanks before a line', manifest: ` \t${entry}`, increment: a },
  { title: 'a remark of several words', manifest: entry, increment: `#one two three\r\n${a}` },
  { title: 'a remark with a quote', manifest: entry, increment: `# it's "so\n${a}` },
  { title: 'a remark without words', manifest: entry, increment: `#\n${a}#\r\n${b}` },
  { title: 'a long remark', manifest: entry, increment: `${a}# ${long}\r\n${b}` },
  { title: 'a remark at the end', manifest: entry, increment: `${a}#\r\n` },
  { title: 'a remark without its end', manifest: entry, increment: `${a}#TS:1 no end` },
  {
    title: 'a remark in a transaction',
    manifest: entry,
    increment: `${a}${words('MULTI')}# in it\r\n${b}${words('EXEC')}`,
  },
];
for (const { title, manifest, increment } of readFiles) {
  t.test(`reads ${title}`, { skip }, async (t) => {
    const server = await startJournal(t, made(t, manifest, increment));
    const keys = ((await server.request('KEYS', '*')) as string[]).sort();
    t.notMatch(server.log(), /answered errors/);
    await kill(server);
    t.strictSame(keys, await redisKeys(made(t, manifest, increment)));
  });
}

t.test('remarks are passed over wherever the reading of a file is cut', async (t) => {
  // Chunks are of 64 KiB: each remark lies elsewhere in its own.
  const records: string[] = [a];
  for (let i = 0; i < 3000; i++) {
    records.push(`# it's remark ${i} ${'x'.repeat(i % 97)}\r\n`, words('INCR', 'count'));
  }
  const folder = made(t, entry, records.join(''));
  const server = await startJournal(t, folder);
  t.equal(await server.request('GET', 'count'), '3000');
  await kill(server);
  t.equal(readFileSync(lastIncrement(folder)).length, Buffer.byteLength(records.join('')));
});

t.test('an empty line among the commands is refused', { skip }, async (t) => {
  const refusal = await startRefusal(t, made(t, entry, `${a}\r\n${b}`));
  t.match(refusal, new RegExp(`at offset ${a.length}: no command begins there`));
  t.equal(await redisKeys(made(t, entry, `${a}\r\n${b}`)), undefined);
});

t.test('a rewrite has ended once the manifest says so', async (t) => {
  const folder = newFolder(t);
  const server = await startJournal(t, folder);
  const client = await server.raw();
  const manifest = journalPath(folder, 'appendonly.aof.manifest');
  for (let round = 2; round <= 30; round++) {
    t.match(await client.request('BGREWRITEAOF'), 'rewriting started');
    while ((await fact(client, 'aof_rewrite_in_progress')) !== '0');
    const names = [`base.rdb seq ${round} type b`, `incr.aof seq ${round} type i`];
    const lines = names.map((name) => `file appendonly.aof.${round}.${name}\n`);
    t.equal(readFileSync(manifest, 'latin1'), lines.join(''));
  }
  // A manifest that cannot be written: its place is taken while the base is on its way.
  await client.request('SET', 'k', 'v');
  await client.request('CONFIG', 'SET', 'rdb-key-save-delay', '500000');
  await client.request('BGREWRITEAOF');
  mkdirSync(journalPath(folder, 'temp_appendonly.aof.manifest'));
  await waitUntil('its end', async () => (await fact(client, 'aof_rewrite_in_progress')) === '0');
  t.equal(await fact(client, 'aof_last_bgrewrite_status'), 'err');
});
