// CONFIG SET of good and bad values for every setting that redis-server has too: the same answers, and
// the same values afterwards. And what CONFIG REWRITE leaves is a file that redis-server reads.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { Connection, startServer, type Value } from '../helpers/server.ts';

/** Each is given to each setting. */
const values: readonly string[] = [
  ...[
    '',
    'yes',
    'NO',
    'maybe',
    'local',
    'auto',
    'abc',
    'a b',
    ' 1',
    '1 ',
    '"a b"',
    "'a'",
    '"a',
    'a\nb',
  ],
  ...['0', '1', '-1', '2', '10', '100', '101', '1024', '65536', '007', '+1', '1.5', '1e3', '888'],
  ...['2147483647', '2147483648', '-2147483648', '4294967295', '4294967296'],
  ...['9223372036854775807', '9223372036854775808', '18446744073709551616'],
  ...['1k', '1kb', '1mb', '2GB', '1t', '1b', 'kb', '-1kb', '50%', '0%', '101%', '-1%', '%'],
  ...['a/b', 'x.y', 'a_b', '-1.2.3.4', 'x'.repeat(300)],
  ...['normal 0 0 0', 'slave 1mb 2 3 pubsub 4 5 6', 'REPLICA 1 2 3', 'normal 0 0', 'x 0 0 0'],
  ...['normal a 0 0', 'normal 0 0 -1', 'normal 0 0 1.5'],
  ...['3600 1', '3600 1 300 100', '3600', '0 1', '1 0', 'a 1'],
  ...['KEA', 'Kg', 'xyz', 'Elg'],
  ...['50 99.9', '50 101', '-0.5', 'nan', 'inf', '0.1 0'],
  ...['200 100 0', '-2001 0 0', '1 2 3', '1 2'],
  ...['volatile-lru', 'ALLKEYS-LFU', 'debug', 'VERBOSE', 'warning', 'always', 'everysec'],
  ...['default', 'save now', 'nosave force', 'save save', 'force  now', 'yes no'],
  ...['{title}', '{title} {port}', '{x}', '{', '}', '{{', '{}'],
  ...['ip', 'hostname', 'relative', 'absolute', 'panic', 'ignore', 'clients', 'swapdb', 'optional'],
  ...['resetchannels', 'allchannels', 'TLSv1.2'],
];

/** What would cut the connection or move the server, and has tests of its own. */
const unasked = new Set([
  'bind',
  'dir',
  'maxclients',
  'port',
  'requirepass',
  'timeout',
  'tls-port',
]);

/** Settings whose answers are ours for some values. */
const differences: Readonly<Record<string, { values: readonly string[]; reason: string }>> = {
  activedefrag: {
    values: ['yes'],
    reason: 'Debian builds Redis without it; here it is accepted, and there is nothing to do',
  },
  'maxmemory-clients': {
    values: ['9223372036854775808', '18446744073709551616'],
    reason: 'Redis takes such numbers for percentages',
  },
  'tls-cluster': { values: ['yes'], reason: 'Redis asks for a certificate at once' },
  'tls-replication': { values: ['yes'], reason: 'Redis asks for a certificate at once' },
};

/** Name to value, as CONFIG GET answers. */
async function settingsOf(client: Connection): Promise<Map<string, string>> {
  const flat = (await client.request('CONFIG', 'GET', '*')) as string[];
  return new Map(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : [])));
}

/** What CONFIG SET answers to each value, and CONFIG GET then. */
async function trySetting(client: Connection, name: string, before: string): Promise<unknown[]> {
  for (const value of values) {
    client.send('CONFIG', 'SET', name, value);
    client.send('CONFIG', 'GET', name);
    client.send('CONFIG', 'SET', name, before);
  }
  const found: unknown[] = [];
  for (const value of values) {
    const answer = plain(await client.reply());
    const [, shown] = (await client.reply()) as string[];
    await client.reply();
    found.push(`${value}: ${answer} -> ${shown}`);
  }
  return found;
}

function plain(reply: Value | undefined): string {
  return reply instanceof Error ? reply.message : String(reply);
}

t.test('CONFIG', { skip: missingPrograms('redis-server') }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-settings-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'redis.conf');
  writeFileSync(config, `dir ${folder}\nenable-protected-configs yes\nsave ""\n`);
  const redis = await startRedis(['--enable-protected-configs', 'yes']);
  t.teardown(() => redis.stop());
  const tutti = await startServer([config]);
  t.teardown(() => tutti.stop());
  const theirs = await Connection.open(redis.port);
  const ours = await tutti.raw();
  // Of a limit of a few bytes for all clients, too.
  for (const client of [theirs, ours]) await client.request('CLIENT', 'NO-EVICT', 'ON');
  t.teardown(() => {
    theirs.close();
    ours.close();
  });
  const defaults = await settingsOf(theirs);
  const own = await settingsOf(ours);

  await t.test('has the settings of redis-server, with its defaults', async (t) => {
    for (const [name, value] of defaults) {
      if (!['bind', 'dir', 'port'].includes(name)) t.equal(own.get(name), value, name);
    }
  });

  await t.test('SET answers as redis-server does', async (t) => {
    for (const [name, before] of defaults) {
      // Names of old: the same rows.
      if (unasked.has(name) || /ziplist|slave/.test(name)) continue;
      const [wanted, found] = await Promise.all([
        trySetting(theirs, name, before),
        trySetting(ours, name, before),
      ]);
      const known = differences[name];
      for (const [i, value] of values.entries()) {
        const isDifferent = known?.values.includes(value) ?? false;
        if (isDifferent) t.not(found[i], wanted[i], `${name}: ${known?.reason}`);
        else if (found[i] !== wanted[i]) t.equal(found[i], wanted[i], name);
      }
      t.pass(name);
    }
  });

  await t.test('SET refuses more clients than files may be open', async (t) => {
    const refusal = (client: Connection) =>
      client.refusal('CONFIG', 'SET', 'maxmemory', '1gb', 'MaxClients', '4294967295');
    // How many are possible is not the same number here.
    const words =
      /^ERR .*'MaxClients'\) - The operating system is not able to handle the specified number of clients, try with \d+$/;
    t.match(await refusal(ours), words);
    t.strictSame(await ours.request('CONFIG', 'GET', 'maxmemory'), ['maxmemory', '0']);
  });

  await t.test('REWRITE leaves what redis-server reads', async (t) => {
    const changed = new Map<string, string>();
    for (const [name, before] of defaults) {
      if (unasked.has(name) || name.startsWith('tls-') || name === 'loglevel') continue;
      for (const value of ['a b', '{title} {port}', '7', '1mb', 'yes', 'no', ...values]) {
        const isTaken = plain(await askSet(theirs, name, value)) === 'OK';
        const [, shown = ''] = (await theirs.request('CONFIG', 'GET', name)) as string[];
        await askSet(theirs, name, before);
        if (!isTaken || shown === before) continue;
        t.equal(plain(await askSet(ours, name, value)), 'OK', `${name} ${value}`);
        changed.set(name, shown);
        break;
      }
    }
    t.ok(changed.size > 80, `${changed.size} settings`);
    t.equal(await ours.request('CONFIG', 'REWRITE'), 'OK');
    const known = new Set([...defaults.keys()].filter((name) => !unasked.has(name)));
    const lines = readFileSync(config, 'utf8')
      .split('\n')
      .filter((line) => known.has(line.split(' ')[0] ?? ''));
    const copy = join(folder, 'copy.conf');
    writeFileSync(copy, lines.join('\n'));
    // The log must tell when it is ready.
    const second = await startRedis(['--include', copy, '--loglevel', 'notice']);
    t.teardown(() => second.stop());
    const client = await Connection.open(second.port);
    const read = await settingsOf(client);
    client.close();
    for (const [name, value] of changed) t.equal(read.get(name), value, name);
  });
});

async function askSet(client: Connection, name: string, value: string): Promise<Value | undefined> {
  client.send('CONFIG', 'SET', name, value);
  return client.reply();
}
