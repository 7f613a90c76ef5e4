// The append-only file when things go wrong: kill -9 while clients write and while it is rewritten, and
// a disk that takes no more.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import {
  fact,
  journalFiles,
  journalPath,
  kill,
  lastIncrement,
  newFolder,
  startJournal,
  waitUntil,
} from '../helpers/journal.ts';
import { runProcess } from '../helpers/peers.ts';
import type { Connection } from '../helpers/server.ts';

/** How often a server is killed while it writes. */
const killCount = Number(process.env.TUTTI_KILLS ?? 6);

// Two policies, each with so many starts.
t.setTimeout(600_000 + 2 * killCount * 20_000);

/** What everysec may lose: the second between two syncs, and one for a disk that is late. */
const LOSS_MS_MAX = 2000;

/** Counts in transactions until the connection ends: two counters and a list that grow together. */
async function count(connection: Connection, id: number, acknowledged: number[]): Promise<void> {
  for (;;) {
    connection.write(
      `MULTI\r\nINCR a${id}\r\nINCR b${id}\r\nRPUSH l${id} x\r\nAPPEND s${id} ${'y'.repeat(100)}\r\nEXEC\r\n`,
    );
    for (let i = 0; i < 5; i++) await connection.reply();
    const replies = await connection.reply();
    if (!Array.isArray(replies)) return;
    acknowledged[id] = Number(replies[0]);
  }
}

const COUNTERS = 3;

for (const policy of ['always', 'everysec']) {
  t.test(`kill -9 while clients write and the file is rewritten, ${policy}`, async (t) => {
    const folder = newFolder(t);
    const least: number[] = new Array(COUNTERS).fill(0);
    for (let round = 0; round <= killCount; round++) {
      const server = await startJournal(
        t,
        folder,
        ...['--appendfsync', policy, '--rdb-key-save-delay', '300', '--io-threads', '2'],
      );
      const reader = await server.raw();
      for (let id = 0; id < COUNTERS; id++) {
        const a = Number((await reader.request('GET', `a${id}`)) ?? 0);
        t.equal(Number((await reader.request('GET', `b${id}`)) ?? 0), a, 'a transaction is whole');
        t.equal(await reader.request('LLEN', `l${id}`), a);
        t.equal(await reader.request('STRLEN', `s${id}`), 100 * a);
        t.ok(a >= (least[id] ?? 0), `${a} are there, ${least[id]} were acknowledged`);
        least[id] = a;
      }
      if (round === killCount) {
        reader.close();
        await kill(server);
        break;
      }
      if (round === 0) {
        for (let i = 0; i < 400; i++) reader.send('SET', `filler${i}`, i);
        for (let i = 0; i < 400; i++) await reader.reply();
      }
      const writers = await Promise.all(least.map(() => server.raw()));
      const acknowledged = [...least];
      const ends = writers.map((writer, id) => count(writer, id, acknowledged).catch(() => {}));
      // Somewhere in the rewrite, whose writing takes some 120 ms.
      await sleep(50);
      await waitUntil('transactions of each', () =>
        acknowledged.every((n, id) => n > (least[id] ?? 0)),
      );
      reader.send('BGREWRITEAOF');
      const acknowledgedBefore = [...acknowledged];
      if (policy === 'everysec') await sleep(LOSS_MS_MAX);
      await sleep((round * 37) % 200);
      await kill(server);
      await Promise.all(ends);
      reader.close();
      const mustBeThere = policy === 'always' ? acknowledged : acknowledgedBefore;
      for (const [id, n] of mustBeThere.entries()) least[id] = n;
    }
  });
}

t.test('replies come when the disk has it, in their order', async (t) => {
  const folder = newFolder(t);
  const server = await startJournal(t, folder, '--appendfsync', 'always');
  const connection = await server.raw();
  // One turn: reads, writes, a large reply, and a command that waits.
  const large = 'x'.repeat(200_000);
  connection.send('SET', 'large', large);
  for (let i = 0; i < 300; i++) connection.send('INCR', 'n');
  connection.send('GET', 'large');
  connection.send('RPUSH', 'list', 'a');
  connection.send('BLPOP', 'list', 1);
  connection.send('BLPOP', 'list', 0.05);
  connection.send('GETSET', 'large', 'small');
  connection.send('PING');
  t.equal(await connection.reply(), 'OK');
  for (let i = 1; i <= 300; i++) t.equal(await connection.reply(), i);
  t.equal(await connection.reply(), large);
  t.equal(await connection.reply(), 1);
  t.strictSame(await connection.reply(), ['list', 'a']);
  t.equal(await connection.reply(), null);
  t.equal(await connection.reply(), large);
  t.equal(await connection.reply(), 'PONG');
  const bytes = readFileSync(lastIncrement(folder));
  t.ok(bytes.includes('GETSET') || bytes.includes('small'), 'it is in the file by then');
  connection.close();
  await kill(server);
});

t.test('elements that were waited for are gone after the start too', async (t) => {
  const folder = newFolder(t);
  const server = await startJournal(t, folder, '--appendfsync', 'always', '--io-threads', '2');
  const [pusher, popper, mover, taker] = await Promise.all([0, 1, 2, 3].map(() => server.raw()));
  if (!pusher || !popper || !mover || !taker) throw new Error('no clients');
  popper.send('BLPOP', 'list', 0);
  mover.send('BLMOVE', 'from', 'to', 'LEFT', 'RIGHT', 0);
  taker.send('BZPOPMIN', 'zset', 0);
  await waitUntil('the waiting', async () =>
    /blocked_clients:3/.test(String(await pusher.request('INFO', 'clients'))),
  );
  await pusher.request('RPUSH', 'list', 'a', 'b');
  await pusher.request('RPUSH', 'from', 'c', 'd');
  await pusher.request('ZADD', 'zset', 1, 'e', 2, 'f');
  t.strictSame(await popper.reply(), ['list', 'a']);
  t.equal(await mover.reply(), 'c');
  t.strictSame(await taker.reply(), ['zset', 'e', '1']);
  for (const client of [pusher, popper, mover, taker]) client.close();
  await kill(server);
  const second = await startJournal(t, folder);
  const after = await second.raw();
  t.strictSame(await after.request('LRANGE', 'list', 0, -1), ['b']);
  t.strictSame(await after.request('LRANGE', 'from', 0, -1), ['d']);
  t.strictSame(await after.request('LRANGE', 'to', 0, -1), ['c']);
  t.strictSame(await after.request('ZRANGE', 'zset', 0, -1), ['f']);
  after.close();
  await kill(second);
});

t.test('replies wait while too much is on its way to the file', async (t) => {
  const folder = newFolder(t);
  const server = await startJournal(t, folder, '--journal-backlog-max', '1');
  const connection = await server.raw();
  for (let i = 0; i < 2000; i++) connection.send('RPUSH', 'list', 'x'.repeat(2000));
  for (let i = 1; i <= 2000; i++) t.equal(await connection.reply(), i);
  t.equal(await connection.request('PING'), 'PONG');
  connection.close();
  await kill(server);
  const second = await startJournal(t, folder);
  t.equal(await second.request('LLEN', 'list'), 2000);
  await kill(second);
});

function limit(pid: number, bytes: string) {
  return runProcess('prlimit', ['--pid', `${pid}`, `--fsize=${bytes}`]);
}
const missingPrlimit =
  !existsSync('/usr/bin/prlimit') && 'prlimit not installed: apt-get install util-linux';

t.test(
  'without room changes are refused until there is some',
  { skip: missingPrlimit },
  async (t) => {
    const folder = newFolder(t);
    const server = await startJournal(t, folder);
    const connection = await server.raw();
    await connection.request('SET', 'before', 1);
    await limit(server.pid, '65536:unlimited');
    await connection.request('SET', 'large', 'x'.repeat(100_000));
    await waitUntil('the refusal', async () =>
      /^MISCONF Errors writing to the AOF file: write: File too large/.test(
        await connection.refusal('SET', 'a', 1),
      ),
    );
    t.equal(await connection.request('GET', 'before'), '1', 'what reads goes on');
    t.equal(await fact(connection, 'aof_last_write_status'), 'err');
    t.ok(readFileSync(lastIncrement(folder)).length < 65_536, 'no half record is left');
    await limit(server.pid, 'unlimited:unlimited');
    await waitUntil('room', async () =>
      (await connection.refusal('SET', 'a', 1)).startsWith('no error'),
    );
    t.equal(await fact(connection, 'aof_last_write_status'), 'ok');
    t.strictSame(await connection.request('WAITAOF', 1, 0, 0), [1, 0]);
    connection.close();
    await kill(server);
    const second = await startJournal(t, folder);
    const after = await second.raw();
    t.equal(await after.request('STRLEN', 'large'), 100_000);
    t.equal(await after.request('GET', 'a'), '1');
    after.close();

    await second.request('CONFIG', 'SET', 'appendfsync', 'always');
    await limit(second.pid, '65536:unlimited');
    await t.rejects(
      second.request('SET', 'b', 'x'.repeat(100_000)),
      'nobody is told that it is there',
    );
    t.strictSame(await second.ended, { status: 1, signal: null });
    t.match(
      second.log(),
      /Can't recover from AOF write error when the AOF fsync policy is 'always'/,
    );
    const third = await startJournal(t, folder);
    t.equal(await third.request('EXISTS', 'b'), 0);
    t.equal(await third.request('GET', 'a'), '1');
    await kill(third);
  },
);

t.test(
  'a rewrite that fails leaves the files as they were',
  { skip: missingPrlimit },
  async (t) => {
    const folder = newFolder(t);
    const server = await startJournal(t, folder);
    const connection = await server.raw();
    for (let i = 0; i < 200; i++)
      await connection.request('SET', `k${i}`, `${i}`.padEnd(1000, 'é'));
    await connection.request('CONFIG', 'SET', 'rdbcompression', 'no');
    await connection.request('WAITAOF', 1, 0, 0);
    await limit(server.pid, '300000:unlimited');
    await connection.request('BGREWRITEAOF');
    await waitUntil(
      'the failure',
      async () => (await fact(connection, 'aof_last_bgrewrite_status')) === 'err',
    );
    await connection.request('SET', 'later', 1);
    t.notOk(journalFiles(folder).some((name) => /\.2\.base/.test(name)));
    await connection.request('WAITAOF', 1, 0, 0);
    connection.close();
    await kill(server);
    const second = await startJournal(t, folder);
    t.equal(await second.request('DBSIZE'), 201);
    t.equal(await second.request('GET', 'later'), '1');
    t.equal(await second.request('BGREWRITEAOF'), 'Background append only file rewriting started');
    await waitUntil('the rewrite', () => journalFiles(folder).length === 3);
    await kill(second);
    // What a rewrite that was killed has left.
    const manifest = journalPath(folder, 'appendonly.aof.manifest');
    writeFileSync(manifest, `file old.aof seq 1 type h\n${readFileSync(manifest, 'utf8')}`);
    writeFileSync(journalPath(folder, 'old.aof'), 'of before');
    const third = await startJournal(t, folder);
    t.notOk(existsSync(journalPath(folder, 'old.aof')), 'a file of history is deleted');
    t.equal(await third.request('DBSIZE'), 201);
    await kill(third);
  },
);
