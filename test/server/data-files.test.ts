// What is kept on disk: files of a RedisAI and of Debian's redis-server, snapshots under writers,
// and saves that are cut short, for want of room, or by kill -9.

import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { runtimeFolder } from '../../lib/runtimes/locate.ts';
import { checkFilled, fill } from '../commands/stored-values.ts';
import { fact, kill, newFolder, waitUntil } from '../helpers/journal.ts';
import { versionedModel } from '../helpers/onnx.ts';
import { freePort, missingPrograms, runProcess, startRedis } from '../helpers/peers.ts';
import { Connection, type StartedServer, startServer } from '../helpers/server.ts';

const fixtures = fileURLToPath(new URL('../../../../test/fixtures/redisai/', import.meta.url));
/** How often a server is killed while it saves. */
const killCount = Number(process.env['TUTTI_KILLS'] ?? 8);

t.setTimeout(600_000 + killCount * 10_000);

async function start(t: Test, folder: string, ...args: string[]): Promise<StartedServer> {
  const save = args.includes('--save') ? [] : ['--save', ''];
  const server = await startServer(['--dir', folder, ...save, ...args]);
  t.teardown(() => kill(server));
  return server;
}

t.test('a file of RedisAI is loaded', async (t) => {
  const folder = newFolder(t);
  copyFileSync(join(fixtures, 'dump.rdb'), join(folder, 'dump.rdb'));
  const contents = JSON.parse(readFileSync(join(fixtures, 'contents.json'), 'utf8')) as Record<
    string,
    { type: string; blob_base64?: string; source?: string }
  >;
  for (const round of ['as it came', 'as we have saved it']) {
    const server = await start(t, folder);
    const connection = await server.raw();
    t.equal(await connection.request('DBSIZE'), Object.keys(contents).length, round);
    for (const [key, { type, blob_base64, source }] of Object.entries(contents)) {
      t.equal(await connection.request('TYPE', key), type, key);
      if (blob_base64 !== undefined) {
        connection.send(type === 'AI_TENSOR' ? 'AI.TENSORGET' : 'AI.MODELGET', key, 'BLOB');
        t.strictSame(await connection.binaryReply(), Buffer.from(blob_base64, 'base64'), key);
      }
      if (source !== undefined)
        t.equal(await connection.request('AI.SCRIPTGET', key, 'SOURCE'), source, key);
    }
    t.equal(await connection.request('SAVE'), 'OK');
    connection.close();
    await kill(server);
  }
});

t.test('files go both ways', { skip: missingPrograms('redis-server') }, async (t) => {
  for (const compression of ['yes', 'no']) {
    const folder = newFolder(t);
    const server = await start(t, folder, '--rdbcompression', compression);
    const ours = await server.raw();
    await fill(ours);
    await ours.request('SAVE');
    const redis = await startRedis(['--dir', folder, '--rdbcompression', compression]);
    t.teardown(() => redis.stop());
    const theirs = await Connection.open(redis.port);
    await checkFilled(t, ours, theirs);
    await theirs.request('SAVE');
    const second = await start(t, folder);
    const again = await second.raw();
    await checkFilled(t, again, theirs);
    for (const connection of [ours, theirs, again]) connection.close();
  }
});

t.test('commands and INFO tell of saves', async (t) => {
  const folder = newFolder(t);
  const server = await start(t, folder, '--rdb-key-save-delay', '200');
  const connection = await server.raw();
  const before = Number(await connection.request('LASTSAVE'));
  t.ok(Math.abs(before - Date.now() / 1000) < 60);
  for (let i = 0; i < 3000; i++) connection.send('SET', `k${i}`, i);
  for (let i = 0; i < 3000; i++) await connection.reply();
  t.equal(await fact(connection, 'rdb_changes_since_last_save'), '3000');
  await sleep(1100);
  t.equal(await connection.request('BGSAVE'), 'Background saving started');
  t.equal(await fact(connection, 'rdb_bgsave_in_progress'), '1');
  t.equal(await fact(connection, 'current_save_keys_total'), '3000');
  t.equal(await connection.refusal('BGSAVE'), 'ERR Background save already in progress');
  t.equal(await connection.refusal('SAVE'), 'ERR Background save already in progress');
  t.equal(await connection.refusal('BGSAVE', 'NOW'), 'ERR syntax error');
  t.equal(await connection.request('BGSAVE', 'SCHEDULE'), 'Background saving scheduled');
  await connection.request('SET', 'later', 1);
  await waitUntil('the second save', async () => (await fact(connection, 'rdb_saves')) === '2');
  await waitUntil(
    'its end',
    async () => (await fact(connection, 'rdb_bgsave_in_progress')) === '0',
  );
  t.equal(await fact(connection, 'rdb_last_bgsave_status'), 'ok');
  t.equal(await fact(connection, 'rdb_changes_since_last_save'), '0');
  t.ok(Number(await connection.request('LASTSAVE')) > before);
  t.strictSame(readdirSync(folder), ['dump.rdb'], 'nothing else is left');

  await connection.request('MULTI');
  t.match(await connection.refusal('SAVE'), /not allowed inside a transaction/);
  await connection.request('DISCARD');
  await connection.request('MULTI');
  await connection.request('SET', 'in', 'multi');
  await connection.request('BGSAVE');
  t.strictSame(await connection.request('EXEC'), ['OK', 'Background saving scheduled']);
  await waitUntil('the save', async () => (await fact(connection, 'rdb_saves')) === '3');
  connection.close();
});

t.test('a snapshot is a point in time for transactions', async (t) => {
  const folder = newFolder(t);
  const server = await start(t, folder, '--rdb-key-save-delay', '20', '--io-threads', '2');
  const filler = await server.raw();
  for (let i = 0; i < 5000; i++) filler.send('SET', `filler${i}`, i);
  for (let i = 0; i < 5000; i++) await filler.reply();
  const keys = Array.from({ length: 10 }, (_, i) => `counter${i}`);
  let isOver = false;
  /** Raises all counters at once; what it has been told is noted in `acknowledged`. */
  let acknowledged = 0;
  const write = async () => {
    const writer = await server.raw();
    while (!isOver) {
      writer.send('MULTI');
      for (const key of keys) writer.send('INCR', key);
      for (const key of keys) writer.send('RPUSH', `list-${key}`, 'x');
      writer.send('EXEC');
      for (let i = 0; i < 2 * keys.length + 1; i++) await writer.reply();
      const counts = await writer.reply();
      if (Array.isArray(counts)) acknowledged = Math.max(acknowledged, Number(counts[0]));
    }
    writer.close();
  };
  const writers = [write(), write()];
  for (let round = 0; round < 3; round++) {
    await waitUntil('some writes', () => acknowledged > 20 * (round + 1));
    const least = acknowledged;
    await filler.request('BGSAVE');
    const most = acknowledged;
    await waitUntil('the end', async () => (await fact(filler, 'rdb_bgsave_in_progress')) === '0');
    copyFileSync(join(folder, 'dump.rdb'), join(folder, `copy${round}.rdb`));
    const copy = await start(t, folder, '--dbfilename', `copy${round}.rdb`);
    const reader = await copy.raw();
    const counts = await reader.request('MGET', ...keys);
    const count = Array.isArray(counts) ? Number(counts[0]) : -1;
    t.strictSame(
      counts,
      keys.map(() => String(count)),
      'all counters are of one moment',
    );
    for (const key of keys) t.equal(await reader.request('LLEN', `list-${key}`), count);
    t.ok(count >= least && count <= most + 2, `${least} to ${most}: ${count}`);
    reader.close();
    await kill(copy);
  }
  isOver = true;
  await Promise.all(writers);
  filler.close();
});

t.test('kill -9 while it saves leaves the file before', async (t) => {
  const folder = newFolder(t);
  let saved = -1;
  for (let round = 0; round < killCount; round++) {
    const server = await start(t, folder, '--rdb-key-save-delay', '50');
    const connection = await server.raw();
    const loaded = await connection.request('GET', 'round');
    t.equal(loaded, saved < 0 ? null : String(saved), 'what was saved last is there');
    if (saved >= 0) t.equal(await connection.request('DBSIZE'), 2001);
    await connection.request('SET', 'round', round);
    for (let i = 0; i < 2000; i++) connection.send('SET', `k${i}`, `${round} `.repeat(20));
    for (let i = 0; i < 2000; i++) await connection.reply();
    if (round % 2 === 0) {
      await connection.request('SAVE');
      saved = round;
      await connection.request('SET', 'round', 'unsaved');
    }
    await connection.request('BGSAVE');
    await waitUntil('some keys', async () => {
      return Number(await fact(connection, 'current_save_keys_processed')) > 200 * (round % 7);
    });
    await kill(server);
    connection.close();
    for (const name of readdirSync(folder)) {
      if (name.startsWith('temp-')) rmSync(join(folder, name));
    }
  }
});

t.test('without room for it the file stays as it was', { skip: missingPrlimit() }, async (t) => {
  const folder = newFolder(t);
  const file = join(folder, 'dump.rdb');
  const server = await start(t, folder, '--save', '900 1');
  const connection = await server.raw();
  await connection.request('SET', 'small', 'value');
  t.equal(await connection.request('SAVE'), 'OK');
  const before = readFileSync(file);
  const blob = Buffer.alloc(4 * 1024 * 1024, 7);
  await connection.request('AI.TENSORSET', 'large', 'UINT8', blob.length, 'BLOB', blob);
  const limit = async (bytes: number | string) => {
    const { status } = await runProcess('prlimit', ['--pid', `${server.pid}`, `--fsize=${bytes}`]);
    t.equal(status, 0);
  };
  await limit(`${1024 * 1024}:unlimited`);
  t.match(await connection.refusal('SAVE'), /^ERR the data cannot be saved: write: File too large/);
  t.equal(await connection.request('BGSAVE'), 'Background saving started');
  await waitUntil(
    'the failure',
    async () => (await fact(connection, 'rdb_last_bgsave_status')) === 'err',
  );
  t.strictSame(readdirSync(folder), ['dump.rdb'], 'what was written is gone');
  t.strictSame(readFileSync(file), before);

  // No room for data is no room for changes, until it is said otherwise.
  await waitUntil('the refusal', async () =>
    /^MISCONF/.test(await connection.refusal('SET', 'a', 1)),
  );
  t.match(await connection.refusal('PING'), /^MISCONF/);
  t.equal(await connection.request('GET', 'small'), 'value');
  await connection.request('MULTI');
  t.match(await connection.refusal('SET', 'a', 1), /^MISCONF/);
  t.match(await connection.refusal('EXEC'), /^EXECABORT/);
  await connection.request('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no');
  t.equal(await connection.request('SET', 'a', 1), 'OK');
  await connection.request('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'yes');
  t.match(await connection.refusal('SET', 'a', 1), /^MISCONF/);

  t.equal(await connection.refusal('SHUTDOWN'), 'ERR Errors trying to SHUTDOWN. Check logs.');
  t.equal(await connection.request('GET', 'small'), 'value', 'it goes on');
  await limit('unlimited');
  t.equal(await connection.request('SAVE'), 'OK');
  t.equal(await connection.request('SET', 'a', 2), 'OK', 'and takes changes again');
  connection.send('SHUTDOWN');
  t.equal(await connection.reply(), undefined);
  t.strictSame(await server.ended, { status: 0, signal: null });
  const after = await start(t, folder);
  t.equal(await after.request('GET', 'a'), '2');
  t.equal(await after.request('TYPE', 'large'), 'AI_TENSOR');
});

function missingPrlimit(): string | false {
  return existsSync('/usr/bin/prlimit')
    ? false
    : 'prlimit not installed: apt-get install util-linux';
}

t.test('the end saves if there are save points', async (t) => {
  for (const { args, end, isSaved } of [
    { args: ['--save', '900 1'], end: 'SIGTERM', isSaved: true },
    { args: ['--save', ''], end: 'SIGTERM', isSaved: false },
    {
      args: ['--save', '900 1', '--shutdown-on-sigterm', 'nosave'],
      end: 'SIGTERM',
      isSaved: false,
    },
    { args: ['--save', ''], end: 'SHUTDOWN SAVE', isSaved: true },
    { args: ['--save', '900 1'], end: 'SHUTDOWN NOSAVE', isSaved: false },
    { args: ['--save', '900 1'], end: 'SHUTDOWN NOW FORCE', isSaved: true },
  ]) {
    const folder = newFolder(t);
    const server = await start(t, folder, ...args);
    const connection = await server.raw();
    await connection.request('SET', 'k', 'v');
    if (end === 'SIGTERM') process.kill(server.pid, 'SIGTERM');
    else connection.send(...end.split(' '));
    t.strictSame(await server.ended, { status: 0, signal: null }, end);
    t.equal(existsSync(join(folder, 'dump.rdb')), isSaved, `${end} with ${args.join(' ')}`);
    connection.close();
  }
});

t.test('the end waits for what is acknowledged', async (t) => {
  const folder = newFolder(t);
  const server = await start(t, folder, '--io-threads', '2');
  let acknowledged = 0;
  const write = async () => {
    const writer = await server.raw();
    for (;;) {
      writer.send('INCR', 'count');
      const count = await writer.reply();
      if (typeof count !== 'number') break;
      acknowledged = Math.max(acknowledged, count);
    }
    writer.close();
  };
  const writers = [write(), write(), write()];
  await waitUntil('some writes', () => acknowledged > 100);
  const ender = await server.raw();
  ender.send('SHUTDOWN', 'SAVE');
  await server.ended;
  await Promise.all(writers);
  ender.close();
  const after = await start(t, folder);
  t.ok(Number(await after.request('GET', 'count')) >= acknowledged, 'nothing of it is lost');
});

t.test('the end and FLUSHALL do not wait for a save that goes on', async (t) => {
  const folder = newFolder(t);
  const server = await start(t, folder, '--save', '900 1');
  const connection = await server.raw();
  for (let i = 0; i < 300; i++) await connection.request('SET', `k${i}`, i);
  await connection.request('CONFIG', 'SET', 'rdb-key-save-delay', 1_000_000);
  await connection.request('BGSAVE');
  await connection.request('CONFIG', 'SET', 'rdb-key-save-delay', 0);
  t.equal(await connection.request('FLUSHALL'), 'OK');
  t.equal(await fact(connection, 'rdb_changes_since_last_save'), '0', 'what is left is saved');
  t.equal(await fact(connection, 'rdb_last_bgsave_status'), 'ok');
  for (let i = 0; i < 300; i++) await connection.request('SET', `new${i}`, i);
  await connection.request('CONFIG', 'SET', 'rdb-key-save-delay', 1_000_000);
  await connection.request('BGSAVE');
  await connection.request('CONFIG', 'SET', 'rdb-key-save-delay', 0);
  await connection.request('SET', 'last', 1);
  connection.send('SHUTDOWN');
  t.strictSame(await server.ended, { status: 0, signal: null });
  connection.close();
  const after = await start(t, folder);
  t.equal(await after.request('DBSIZE'), 301);
  t.equal(await after.request('GET', 'last'), '1');
});

t.test('SHUTDOWN NOSAVE ends a save that goes on, and loading', async (t) => {
  const folder = newFolder(t);
  const server = await start(t, folder);
  const connection = await server.raw();
  for (let i = 0; i < 2000; i++) connection.send('SET', `k${i}`, i);
  for (let i = 0; i < 2000; i++) await connection.reply();
  await connection.request('SAVE');
  const before = readFileSync(join(folder, 'dump.rdb'));
  await connection.request('CONFIG', 'SET', 'rdb-key-save-delay', 10_000);
  await connection.request('BGSAVE');
  connection.send('SHUTDOWN', 'NOSAVE');
  t.strictSame(await server.ended, { status: 0, signal: null });
  t.strictSame(readdirSync(folder), ['dump.rdb']);
  t.strictSame(readFileSync(join(folder, 'dump.rdb')), before);
  connection.close();

  const port = await freePort();
  const words = ['--port', String(port), '--key-load-delay', '10000'];
  const starting = start(t, folder, ...words, '--save', '900 1');
  const early = await earlyConnection(port);
  t.equal(await fact(early, 'loading'), '1');
  early.send('SHUTDOWN');
  await t.rejects(starting, /ended with status 0/);
  t.strictSame(readFileSync(join(folder, 'dump.rdb')), before, 'what is half loaded is not saved');
  early.close();
});

/** A connection to a server that is not ready yet. */
async function earlyConnection(port: number): Promise<Connection> {
  let connection: Connection | undefined;
  await waitUntil('a connection', async () => {
    connection = await Connection.open(port).catch(() => undefined);
    return connection !== undefined;
  });
  if (connection === undefined) throw new Error('no connection');
  return connection;
}

t.test('CONFIG SET dir changes the folder', async (t) => {
  const folder = newFolder(t);
  const other = newFolder(t);
  const server = await start(t, folder, '--enable-protected-configs', 'yes');
  const connection = await server.raw();
  await connection.request('SET', 'k', 'v');
  t.equal(
    await connection.refusal('CONFIG', 'SET', 'dir', join(folder, 'none')),
    "ERR CONFIG SET failed (possibly related to argument 'dir') - No such file or directory",
  );
  await connection.request('CONFIG', 'SET', 'dir', other, 'dbfilename', 'other.rdb');
  t.strictSame(await connection.request('CONFIG', 'GET', 'dir'), ['dir', other]);
  await connection.request('SAVE');
  t.strictSame([readdirSync(folder), readdirSync(other)], [[], ['other.rdb']]);
  connection.close();
});

t.test('save points save', async (t) => {
  const folder = newFolder(t);
  const server = await start(t, folder, '--save', '1 2');
  const connection = await server.raw();
  await connection.request('SET', 'a', 1);
  await sleep(1500);
  t.notOk(existsSync(join(folder, 'dump.rdb')), 'not after one change');
  await connection.request('SET', 'b', 2);
  await waitUntil('the file', () => existsSync(join(folder, 'dump.rdb')));
  await connection.request('CONFIG', 'SET', 'save', '');
  t.match(server.log(), /2 changes in 1 seconds/);
  connection.close();
});

t.test('while it loads it says so', async (t) => {
  const folder = newFolder(t);
  const first = await start(t, folder);
  const filler = await first.raw();
  for (let i = 0; i < 4000; i++) filler.send('SET', `k${i}`, i);
  for (let i = 0; i < 4000; i++) await filler.reply();
  const expireAtMs = Date.now() + 5000;
  await filler.request('PEXPIREAT', 'k0', expireAtMs);
  await filler.request('SAVE');
  filler.close();
  await kill(first);
  await waitUntil('the expiry', () => Date.now() > expireAtMs);

  const port = await freePort();
  const starting = start(t, folder, '--port', String(port), '--key-load-delay', '500');
  const connection = await earlyConnection(port);
  t.equal(await connection.refusal('GET', 'k1'), 'LOADING Redis is loading the dataset in memory');
  t.match(await connection.refusal('PING'), /^LOADING/);
  t.match(await connection.refusal('SAVE'), /^LOADING/);
  t.equal(await fact(connection, 'loading'), '1');
  t.ok(Number(await fact(connection, 'loading_total_bytes')) > 10_000);
  await starting;
  const later = await Connection.open(port);
  t.equal(await later.request('DBSIZE'), 3999);
  t.equal(await fact(later, 'loading'), '0');
  t.equal(await fact(later, 'rdb_last_load_keys_loaded'), '3999');
  t.equal(await fact(later, 'rdb_last_load_keys_expired'), '1');
  t.equal(await fact(later, 'rdb_changes_since_last_save'), '0');
  later.close();
  connection.close();
});

t.test('a damaged file is refused, with where and why', async (t) => {
  const whole = readFileSync(join(fixtures, 'dump.rdb'));
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(whole);
    change(bytes);
    return bytes;
  };
  const flipped = (at: number) => changed((bytes) => (bytes[at] = (bytes[at] ?? 0) ^ 0x10));
  const damaged: [string, Buffer, RegExp][] = [
    ['nothing at all', Buffer.alloc(0), /end too early \(at offset 0\)/],
    ['another file', Buffer.from('PK\x03\x04 this is no RDB at all'), /does not begin with REDIS/],
    ['a later version', changed((bytes) => bytes.write('0099', 5)), /version 0099/],
    ['half of it', whole.subarray(0, whole.length >> 1), /at offset \d+/],
    ['all but the checksum', whole.subarray(0, whole.length - 3), /end too early/],
    ['another checksum', flipped(whole.length - 1), /checksum is not that of the content/],
    ['a byte changed', flipped(5000), /at offset \d+/],
    ['another byte changed', flipped(60_000), /at offset \d+/],
  ];
  for (const [title, bytes, reason] of damaged) {
    const folder = newFolder(t);
    writeFileSync(join(folder, 'dump.rdb'), bytes);
    let log = '';
    await t.rejects(
      startServer(['--dir', folder]).catch((error: Error) => {
        log = error.message;
        throw error;
      }),
      title,
    );
    t.match(log, /ended with status 1/, title);
    t.match(log, /Fatal error loading the DB from dump\.rdb/);
    t.match(log, reason, title);
    t.equal(statSync(join(folder, 'dump.rdb')).size, bytes.length, 'the file stays');
  }
});

const missingRuntimes = ['onnx', 'torch'].filter((name) => runtimeFolder(name) === undefined);

t.test(
  'models and scripts run after a restart, a RESTORE and a MIGRATE',
  { skip: missingRuntimes.length > 0 && `${missingRuntimes.join(', ')} not installed` },
  async (t) => {
    const folder = newFolder(t);
    const first = await start(t, folder);
    const stored = await first.raw();
    const source = 'def double(a):\n    return a + a\n';
    await stored.request(
      'AI.MODELSTORE',
      'm',
      'ONNX',
      'CPU',
      'TAG',
      'v',
      'BLOB',
      versionedModel(1),
    );
    await stored.request('AI.SCRIPTSET', 's', 'CPU', 'SOURCE', source);
    const metaOf = (connection: Connection) => connection.request('AI.MODELGET', 'm', 'META');
    const meta = await metaOf(stored);
    /** Runs both on [1]. */
    const run = async (connection: Connection) => {
      await connection.request('AI.TENSORSET', 'x', 'FLOAT', 1, 'VALUES', 1);
      await connection.request('AI.MODELEXECUTE', 'm', 'INPUTS', 1, 'x', 'OUTPUTS', 2, 'y', 'z');
      await connection.request('AI.SCRIPTRUN', 's', 'double', 'INPUTS', 'y', 'OUTPUTS', 'out');
      return String(await connection.request('AI.TENSORGET', 'out', 'VALUES'));
    };
    const wanted = await run(stored);
    await stored.request('SAVE');

    const restarted = await start(t, folder);
    const loaded = await restarted.raw();
    t.strictSame(await metaOf(loaded), meta);
    t.equal(await run(loaded), wanted, 'loaded from the file');

    for (const key of ['m', 's']) {
      stored.send('DUMP', key);
      const payload = await stored.binaryReply();
      if (!Buffer.isBuffer(payload)) throw new Error('DUMP answers bytes');
      await stored.request('DEL', key);
      t.equal(await stored.request('RESTORE', key, 0, payload), 'OK');
    }
    t.equal(await run(stored), wanted, 'restored');

    const empty = await start(t, newFolder(t));
    const words = ['MIGRATE', '127.0.0.1', empty.port, '', 0, 5000, 'KEYS', 'm', 's'];
    t.equal(await loaded.request(...words), 'OK');
    t.equal(await loaded.request('EXISTS', 'm', 's'), 0);
    const moved = await empty.raw();
    t.equal(await run(moved), wanted, 'migrated');
    for (const connection of [stored, loaded, moved]) connection.close();
  },
);
