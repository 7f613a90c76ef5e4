// INFO: sections, and fields that tools look for; CLIENT's lines and what tells of tracking.

import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { Connection, type StartedServer, startServer } from '../helpers/server.ts';
import { expectReplies } from './expect.ts';

type Sections = Map<string, Map<string, string>>;

async function info(client: Connection, ...words: string[]): Promise<Sections> {
  const sections: Sections = new Map();
  let section = new Map<string, string>();
  for (const line of String(await client.request('INFO', ...words)).split('\r\n')) {
    if (line.startsWith('# ')) {
      section = new Map();
      sections.set(line.slice(2), section);
    } else if (line !== '') {
      const colon = line.indexOf(':');
      section.set(line.slice(0, colon), line.slice(colon + 1));
    }
  }
  return sections;
}

/** What redis-server tells and we do not: what it was compiled with, and rewrites of its AOF. */
const leftOut = new Set([
  'atomicvar_api',
  'gcc_version',
  'aof_rewrites',
  'aof_rewrites_consecutive_failures',
]);

let server: StartedServer;
let client: Connection;
t.before(async () => {
  server = await startServer(['--save', '']);
  client = await server.raw();
});
t.teardown(async () => {
  client.close();
  await server.stop();
});

t.test(
  'has all sections and fields of redis-server',
  { skip: missingPrograms('redis-server') },
  async (t) => {
    const redis = await startRedis();
    t.teardown(() => redis.stop());
    const peer = await Connection.open(redis.port);
    for (const each of [peer, client]) {
      await each.request('SET', 'k', 'v');
      await each.refusal('LPUSH', 'k', 'v');
    }
    for (const words of [[], ['all'], ['everything'], ['default', 'commandstats']]) {
      const theirs = await info(peer, ...words);
      const ours = await info(client, ...words);
      const known = [...ours.keys()].filter((name) => theirs.has(name));
      t.strictSame(known, [...theirs.keys()], `sections of INFO ${words.join(' ')}`);
      for (const [name, fields] of theirs) {
        // Names of commands, errors and databases: what was done before, which is not the same.
        if (/stats$|Keyspace/.test(name)) continue;
        const missing = [...fields.keys()].filter(
          (field) => !ours.get(name)?.has(field) && !leftOut.has(field),
        );
        t.strictSame(missing, [], `fields of ${name}`);
      }
    }
    peer.close();
  },
);

t.test('takes several sections, in its own order', async (t) => {
  const sections = await info(client, 'cpu', 'SERVER', 'nosuch');
  t.strictSame([...sections.keys()], ['Server', 'CPU']);
  t.equal(String(await client.request('INFO', 'nosuch')), '');
});

t.test('tells when keys expire, on average', async (t) => {
  await client.request('FLUSHALL');
  for (let i = 0; i < 50; i++) await client.request('SET', `k:${i}`, 'v', 'EX', 100);
  for (let i = 0; i < 50; i++) await client.request('SET', `l:${i}`, 'v', 'EX', 300);
  await client.request('SET', 'other', 'v');
  const line = (await info(client, 'keyspace')).get('Keyspace')?.get('db0') ?? '';
  const [, keys, expires, average] = /^keys=(\d+),expires=(\d+),avg_ttl=(\d+)$/.exec(line) ?? [];
  t.strictSame([keys, expires], ['101', '100']);
  t.ok(Number(average) > 150_000 && Number(average) < 250_000, line);
});

t.test('tells where it listens', async (t) => {
  const listener = (await info(client, 'server')).get('Server')?.get('listener0');
  t.equal(listener, `name=tcp,bind=*,bind=-::*,port=${server.port}`);
});

t.test('CLIENT LIST shows what a connection holds', async (t) => {
  const line = async (id: unknown) =>
    String(await client.request('CLIENT', 'LIST', 'ID', Number(id)));
  const other = await server.raw();
  const id = await other.request('CLIENT', 'ID');
  t.match(await line(id), / events=r cmd=client\|id user=default redir=-1 resp=2 /);
  await other.request('CLIENT', 'NO-EVICT', 'ON');
  await other.request('CLIENT', 'NO-TOUCH', 'ON');
  const until = async (wanted: RegExp) => {
    for (const deadlineMs = Date.now() + 10_000; Date.now() < deadlineMs; ) {
      if (wanted.test(await line(id))) break;
      await other.request('CLIENT', 'GETNAME');
    }
    t.match(await line(id), wanted);
  };
  await until(/ flags=eT /);
  await other.request('MULTI');
  await other.request('SET', 'k', Buffer.alloc(100_000));
  await until(/ multi=\d+ .* multi-mem=\d{6,} /);
  await other.request('RESET');
  await until(/ flags=N .* multi=-1 .* multi-mem=0 /);
  other.close();
});

t.test('tracking is refused', async (t) => {
  await expectReplies(t, client, [
    ['CLIENT TRACKING ON', '-ERR CLIENT TRACKING is not supported by this server'],
    ['CLIENT TRACKING OFF', 'OK'],
    ['CLIENT TRACKING x', '-ERR syntax error'],
    ['CLIENT TRACKINGINFO', ['flags', ['off'], 'redirect', -1, 'prefixes', []]],
    ['CLIENT GETREDIR', -1],
    ['CLIENT CACHING YES', /^-ERR CLIENT CACHING can be called only when/],
  ]);
});
