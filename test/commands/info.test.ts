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
        const missing = [...fields.keys()].filter((field) => !ours.get(name)?.has(field));
        t.strictSame(missing, [], `fields of ${name}`);
      }
    }
    peer.close();
  },
);

/** What Redis 7.2 tells besides 7.0 (redis:src/server.c `genRedisInfoString`). */
const fieldsOf72 = {
  Server: ['listener0'],
  Clients: ['pubsub_clients', 'total_blocking_keys', 'total_blocking_keys_on_nokey'],
  Stats: [
    ...['acl_access_denied_auth', 'acl_access_denied_cmd', 'acl_access_denied_key'],
    ...['acl_access_denied_channel', 'client_query_buffer_limit_disconnections'],
    ...['client_output_buffer_limit_disconnections', 'eventloop_cycles', 'eventloop_duration_sum'],
    ...['eventloop_duration_cmd_sum', 'instantaneous_eventloop_cycles_per_sec'],
    'instantaneous_eventloop_duration_usec',
  ],
};

t.test('has the fields of 7.2', async (t) => {
  const sections = await info(client);
  for (const [section, fields] of Object.entries(fieldsOf72)) {
    for (const field of fields) t.match(sections.get(section)?.get(field), /./, field);
  }
});

const figure = async (section: string, field: string) =>
  Number(
    (await info(client, section)).get(section[0]?.toUpperCase() + section.slice(1))?.get(field),
  );

t.test('counts turns of event loops', async (t) => {
  const read = async () => ({
    cycles: await figure('stats', 'eventloop_cycles'),
    microseconds: await figure('stats', 'eventloop_duration_sum'),
    commands: await figure('stats', 'eventloop_duration_cmd_sum'),
  });
  const before = await read();
  const beganMs = performance.now();
  const turnCount = 3000;
  for (let i = 0; i < turnCount; i++) await client.request('ECHO', 'x'.repeat(1000));
  const tookMs = performance.now() - beganMs;
  const deadlineMs = Date.now() + 10_000;
  // Threads tell once a second.
  while ((await read()).cycles - before.cycles < turnCount && Date.now() < deadlineMs)
    await new Promise((resolve) => setTimeout(resolve, 100));
  const after = await read();
  t.ok(after.cycles - before.cycles >= turnCount, 'a request a turn');
  const microseconds = after.microseconds - before.microseconds;
  t.ok(microseconds > turnCount, `${microseconds} us of ${turnCount} turns`);
  // What came after the turns that are timed here is idle.
  t.ok(microseconds < 1000 * (tookMs + 5000), `${microseconds} us within ${tookMs} ms`);
  t.ok(after.commands > before.commands && after.commands <= after.microseconds);
  t.ok((await figure('stats', 'instantaneous_eventloop_cycles_per_sec')) >= 0);
  await client.request('CONFIG', 'RESETSTAT');
  t.ok((await read()).cycles < after.cycles, 'a reset begins at 0');
});

t.test('counts clients that are closed for what they let grow', async (t) => {
  const closed = async () => [
    await figure('stats', 'client_query_buffer_limit_disconnections'),
    await figure('stats', 'client_output_buffer_limit_disconnections'),
  ];
  await client.request('CONFIG', 'RESETSTAT');
  t.strictSame(await closed(), [0, 0]);
  await client.request('CONFIG', 'SET', 'client-query-buffer-limit', '1mb');
  const part = `$20000\r\n${'x'.repeat(20_000)}\r\n`;
  const endsAfter = async (bytes: string) => {
    const victim = await server.raw();
    victim.write(bytes);
    while ((await victim.reply()) !== undefined);
  };
  await endsAfter(`*1000\r\n${part.repeat(80)}`);
  t.strictSame(await closed(), [1, 0]);
  await endsAfter(`MULTI\r\n${`*2\r\n$4\r\nECHO\r\n${part}`.repeat(80)}`);
  t.strictSame(await closed(), [2, 0]);
  await client.request('CONFIG', 'SET', 'client-query-buffer-limit', '1gb');

  await client.request('SET', 'large', 'x'.repeat(300_000));
  await client.request('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 200000 0 0');
  await endsAfter('GET large\r\nGET large\r\n');
  t.strictSame(await closed(), [2, 1], 'once a client');
  await client.request('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 0 0 0');
  await client.request('CONFIG', 'RESETSTAT');
  t.strictSame(await closed(), [0, 0]);
});

t.test('counts saves and rewrites', async (t) => {
  const read = async () => [
    await figure('persistence', 'rdb_saves'),
    await figure('persistence', 'aof_rewrites'),
    await figure('persistence', 'aof_rewrites_consecutive_failures'),
  ];
  await client.request('CONFIG', 'RESETSTAT');
  t.strictSame(await read(), [0, 0, 0]);
  await client.request('SAVE');
  await client.request('BGSAVE');
  await client.request('BGREWRITEAOF');
  t.strictSame(await read(), [2, 1, 0], 'when they begin');
  await client.request('CONFIG', 'RESETSTAT');
  t.strictSame(await read(), [0, 0, 0]);
});

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

/** What is said, and what CLIENT LIST names then, as redis-server does. */
const lastCommands = [
  { lines: [], wanted: 'NULL' },
  { lines: ['PING', 'NOSUCH x'], wanted: 'NULL' },
  { lines: ['PING', 'CLIENT NOSUCH'], wanted: 'NULL' },
  { lines: ['PING', 'GET'], wanted: 'get' },
  { lines: ['PING', 'CLIENT'], wanted: 'client' },
  { lines: ['PING', 'CONFIG GET'], wanted: 'config|get' },
  { lines: ['MULTI', 'SET a b'], wanted: 'set' },
  { lines: ['MULTI', 'SET a b', 'EXEC'], wanted: 'exec' },
  { lines: ['SUBSCRIBE c', 'GET a'], wanted: 'get' },
  { lines: ['AUTH limited x', 'GET a'], wanted: 'get' },
  { lines: ['AUTH limited x', 'CONFIG GET x'], wanted: 'config|get' },
];

t.test('CLIENT LIST shows the last command, also one that was refused', async (t) => {
  const redis = missingPrograms('redis-server') ? undefined : await startRedis();
  t.teardown(() => redis?.stop());
  for (const port of redis ? [redis.port, server.port] : [server.port]) {
    const observer = await Connection.open(port);
    await observer.request('ACL', 'SETUSER', 'limited', 'on', 'nopass', '-@all', '+ping');
    const connections: Connection[] = [];
    for (const { lines } of lastCommands) {
      const connection = await Connection.open(port);
      connections.push(connection);
      for (const line of lines) {
        connection.send(...line.split(' '));
        await connection.reply();
      }
    }
    const ports = connections.map(({ socket }) => socket.localPort);
    const shown = async () => {
      const list = String(await observer.request('CLIENT', 'LIST'));
      return ports.map((each) => new RegExp(` addr=\\S+:${each} .* cmd=(\\S+) `).exec(list)?.[1]);
    };
    const wanted = lastCommands.map((each) => each.wanted);
    // Ours may be a second old.
    for (const deadlineMs = Date.now() + 10_000; Date.now() < deadlineMs; ) {
      if ((await shown()).join() === wanted.join()) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    t.strictSame(await shown(), wanted);
    for (const connection of [...connections, observer]) connection.close();
  }
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
