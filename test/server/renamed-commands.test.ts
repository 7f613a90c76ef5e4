// `rename-command`, beside Debian's redis-server with the same lines.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { Connection, startServer, type Value } from '../helpers/server.ts';

const renames = [
  ['GET', 'Fetch'],
  ['SET', 'get'],
  ['CONFIG', 'secret-config'],
  ['FLUSHALL', ''],
  ['LPUSH', 'push'],
  ['push', 'pushed'],
  ['MULTI', 'begin'],
];
const lines = renames.flatMap((rename) => ['--rename-command', ...rename]);

/** Lists in any order, and without the flag of users that only 7.2 shows. */
function plain(reply: Value | undefined): unknown {
  if (!Array.isArray(reply)) return reply;
  const words = reply.flatMap((item) =>
    typeof item === 'string' ? item.split(' ') : [plain(item)],
  );
  return words.filter((word) => word !== 'sanitize-payload').sort();
}

const conversation = [
  'get k v',
  'GET k v XX',
  'SET k v',
  'fetch k',
  'FETCH k extra',
  'config get port',
  'secret-config nosuch',
  'secret-config get maxmemory',
  'SECRET-CONFIG help',
  'flushall',
  'flushdb',
  'push l a',
  'PUSHED l a b',
  'lpush l a',
  'lrange l 0 -1',
  'multi',
  'begin',
  'get k w',
  'set k w',
  'exec',
  'begin',
  'fetch k',
  'exec',
  'command info set flushall multi nosuch',
  'command info begin',
  'command docs set flushall',
  'command getkeys get a b',
  'command getkeys set a b',
  'command getkeys fetch a',
  'command list filterby pattern *config|re*',
  'command list filterby pattern begin',
  'command list filterby pattern flusha*',
  'acl setuser u on nopass ~* +get +config|get',
  'acl getuser u',
  'acl setuser v +fetch',
  'acl setuser v +flushall',
  'acl dryrun u get a',
  'acl dryrun u fetch a',
  'auth u x',
  'fetch k',
  'secret-config get hz',
];

t.test(
  'commands are called as they are renamed',
  {
    skip: missingPrograms('redis-server'),
  },
  async (t) => {
    const redis = await startRedis(lines);
    t.teardown(() => redis.stop());
    const tutti = await startServer(['--save', '', ...lines]);
    t.teardown(() => tutti.stop());
    const theirs = await Connection.open(redis.port);
    const ours = await Connection.open(tutti.port);
    t.teardown(() => {
      theirs.close();
      ours.close();
    });
    const ask = async (client: Connection, line: string): Promise<unknown> => {
      client.send(...line.split(' '));
      const reply = await client.reply();
      if (reply instanceof Error) return reply.message;
      // Sentences are not theirs, and 7.2 shows a flag of users that 7.0 does not.
      if (/help|^command (info|docs)/.test(line))
        return (reply as Value[]).map((row) => (Array.isArray(row) ? row[0] : row === null));
      return /list|getuser/.test(line) ? plain(reply) : reply;
    };
    for (const line of conversation) {
      const wanted = await ask(theirs, line);
      t.strictSame(await ask(ours, line), wanted, line);
    }
  },
);

t.test('counts and remembers commands by their own names', async (t) => {
  const server = await startServer(['--save', '', ...lines, '--slowlog-log-slower-than', '0']);
  t.teardown(() => server.stop());
  const before = await server.request('COMMAND', 'COUNT');
  const plain = await startServer(['--save', '']);
  t.teardown(() => plain.stop());
  t.equal(Number(before), Number(await plain.request('COMMAND', 'COUNT')) - 1);
  await server.request('fetch', 'k');
  t.match(await server.request('INFO', 'commandstats'), /cmdstat_get:calls=1,/);
  t.match(JSON.stringify(await server.request('SLOWLOG', 'GET', 1)), /fetch|INFO/);
});

t.test('an append-only file is read whatever its commands are called now', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-renamed-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'redis.conf');
  const write = (...more: string[]) =>
    writeFileSync(config, ['save ""', 'appendonly yes', `dir ${folder}`, ...more].join('\n'));

  write();
  const first = await startServer([config]);
  await first.request('SET', 'k', 'v');
  await first.request('RPUSH', 'l', 'a');
  await first.stop();

  write('rename-command SET ""', 'rename-command RPUSH "push \\"it\\""');
  const second = await startServer([config]);
  t.equal(await second.request('GET', 'k'), 'v');
  await t.rejects(second.request('SET', 'k', 'w'), { message: /unknown command 'SET'/ });
  t.equal(await second.request('push "it"', 'l', 'b'), 2);
  t.equal(await second.request('CONFIG', 'REWRITE'), 'OK');
  await second.stop();

  const third = await startServer([config]);
  t.strictSame(await third.request('LRANGE', 'l', '0', '-1'), ['a', 'b']);
  await t.rejects(third.request('SET', 'k', 'w'), { message: /unknown command 'SET'/ });
  await third.stop();
});
