// The append-only file: what was acknowledged is there after kill -9, whatever the commands, and the
// files go both ways between Tutti and Debian's redis-server.

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runtimeFolder } from '../../lib/runtimes/locate.ts';
import { checkFilled, fill, readKey, values } from '../commands/stored-values.ts';
import {
  fact,
  firstRewrite,
  journalFiles,
  journalPath,
  kill,
  lastIncrement,
  newFolder,
  startJournal,
  startRefusal,
  waitUntil,
} from '../helpers/journal.ts';
import { versionedModel } from '../helpers/onnx.ts';
import { missingPrograms, runProcess, startRedis } from '../helpers/peers.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { Connection } from '../helpers/server.ts';
import { Dice, type Family, grammars, randomCommand } from '../oracle/random-commands.ts';
import { request } from '../oracle/replies.ts';

const seed = Number(process.env.TUTTI_JOURNAL_SEED ?? 7);
const SEQUENCES = 40;
const COMMANDS_A_SEQUENCE = 40;

t.setTimeout(600_000);

async function digest(connection: Connection): Promise<string> {
  return String(await connection.request('DEBUG', 'DIGEST'));
}

/** Commands of every family, in transactions now and then, as they are sent. */
function randomRequests(family: Family): Buffer[] {
  const requests: Buffer[] = [];
  for (let i = 0; i < SEQUENCES; i++) {
    const dice = new Dice(seed + 7919 * i);
    if (dice.oneIn(8)) requests.push(request('FLUSHALL'));
    if (dice.oneIn(8)) requests.push(request('SELECT', `${dice.roll(3)}`));
    for (let k = 0; k < COMMANDS_A_SEQUENCE; k++) {
      const isTransaction = dice.oneIn(20);
      if (isTransaction) requests.push(request('MULTI'));
      for (let count = isTransaction ? 3 : 1; count > 0; count--)
        requests.push(request(...randomCommand(family, dice).words));
      if (isTransaction) requests.push(request('EXEC'));
    }
  }
  return requests;
}

async function checkFiles(t: Test, folder: string): Promise<void> {
  if (missingPrograms('redis-check-aof')) return;
  const check = await runProcess('redis-check-aof', [
    journalPath(folder, 'appendonly.aof.manifest'),
  ]);
  t.match(check.stdout, /All AOF files and manifest are valid/, 'redis-check-aof finds them valid');
}

t.test('random commands are there again after kill -9', async (t) => {
  t.comment(`TUTTI_JOURNAL_SEED=${seed}`);
  for (const family of Object.keys(grammars) as Family[]) {
    const folder = newFolder(t);
    const server = await startJournal(t, folder, '--appendfsync', 'always');
    const client = await RawClient.connect(server.port);
    const requests = randomRequests(family);
    client.send(Buffer.concat(requests));
    for (const { length } of requests) {
      const reply = await client.reply().catch(() => undefined);
      if (reply === undefined) throw new Error(`a request of ${length} bytes: ${server.log()}`);
    }
    client.close();
    const before = await server.raw();
    // What expires soon would be another thing after the start.
    for (let db = 0; db < 3; db++) {
      await before.request('SELECT', db);
      for (const key of (await before.request('KEYS', '*')) as string[])
        await before.request('PERSIST', key);
    }
    const expected = await digest(before);
    t.not(expected, '0'.repeat(40), `${family}: there are keys`);
    before.close();
    await kill(server);
    await checkFiles(t, folder);

    const second = await startJournal(t, folder);
    t.notMatch(second.log(), /answered errors/);
    const after = await second.raw();
    t.equal(await digest(after), expected, `${family}: the same after the start`);
    after.close();
    await kill(second);
    if (missingPrograms('redis-server')) continue;
    const redis = await startRedis([
      '--dir',
      folder,
      '--appendonly',
      'yes',
      '--enable-debug-command',
      'local',
    ]);
    const theirs = await Connection.open(redis.port);
    t.equal(await digest(theirs), expected, `${family}: the same in redis-server`);
    theirs.close();
    await redis.stop();
  }
});

t.test('files go both ways', { skip: missingPrograms('redis-server') }, async (t) => {
  for (const preamble of ['yes', 'no']) {
    for (const isRewritten of [false, true]) {
      const folder = newFolder(t);
      const args = ['--aof-use-rdb-preamble', preamble];
      const server = await startJournal(t, folder, ...args);
      const ours = await server.raw();
      await fill(ours);
      if (isRewritten) {
        await ours.request('BGREWRITEAOF');
        await firstRewrite(ours, folder);
      }
      await ours.request('SET', 'last', 1);
      await ours.request('DEL', 'last');
      await ours.request('WAITAOF', 1, 0, 0);
      await checkFiles(t, folder);

      const copy = newFolder(t);
      cpSync(folder, copy, { recursive: true });
      const redis = await startRedis(['--dir', copy, '--appendonly', 'yes', ...args]);
      t.teardown(() => redis.stop());
      const theirs = await Connection.open(redis.port);
      await checkFilled(t, ours, theirs);
      await theirs.request('LPUSH', 'theirs', 'a', 'b');
      await theirs.request('BGREWRITEAOF');
      await waitUntil(
        'their rewrite',
        async () => (await fact(theirs, 'aof_rewrite_in_progress')) === '0',
      );
      await theirs.request('LPUSH', 'theirs', 'c');
      await theirs.request('CONFIG', 'SET', 'appendfsync', 'always');
      await theirs.request('RPOP', 'theirs');
      await redis.stop();
      theirs.close();

      const second = await startJournal(t, copy, ...args);
      const again = await second.raw();
      t.strictSame(await again.request('LRANGE', 'theirs', 0, -1), ['c', 'b']);
      await again.request('DEL', 'theirs');
      t.equal(await again.request('DBSIZE'), values.length);
      for (const i of values.keys())
        t.strictSame(await readKey(again, `k${i}`), await readKey(ours, `k${i}`));
      again.close();
      ours.close();
      await kill(server);
      await kill(second);
    }
  }
});

t.test(
  'tensors, models, scripts and outputs of runs are there again',
  {
    skip: runtimeFolder('onnx') === undefined && 'the ONNX runtime is not installed',
  },
  async (t) => {
    const folder = newFolder(t);
    const server = await startJournal(t, folder, '--appendfsync', 'always');
    const connection = await server.raw();
    const blob = Buffer.alloc(1_000_000, 7);
    await connection.request('AI.TENSORSET', 'large', 'UINT8', 1_000_000, 'BLOB', blob);
    await connection.request('SET', 'text', blob);
    await connection.request('APPEND', 'text', blob);
    await connection.request('HSET', 'hash', 'field', blob);
    await connection.request('AI.TENSORSET', 'x', 'FLOAT', 1, 'VALUES', 1);
    await connection.request('AI.TENSORSET', 'words', 'STRING', 2, 'VALUES', 'a', 'bc');
    await connection.request(
      'AI.MODELSTORE',
      'm',
      'ONNX',
      'CPU',
      'TAG',
      'one',
      'BLOB',
      versionedModel(1),
    );
    await connection.request('AI.MODELEXECUTE', 'm', 'INPUTS', 1, 'x', 'OUTPUTS', 2, 'y', 'z');
    await connection.request('MULTI');
    await connection.request('AI.MODELSTORE', 'n', 'ONNX', 'CPU', 'BLOB', versionedModel(2));
    await connection.request('SET', 'beside', 'n');
    await connection.request('EXEC');
    await connection.request('AI.MODELSTORE', 'gone', 'ONNX', 'CPU', 'BLOB', versionedModel(1));
    await connection.request('AI.MODELDEL', 'gone');
    const expected = await connection.request('AI.TENSORGET', 'y', 'VALUES');
    connection.close();
    await kill(server);
    await checkFiles(t, folder);

    const second = await startJournal(t, folder);
    t.notMatch(second.log(), /answered errors/);
    const after = await second.raw();
    t.equal(await after.request('DBSIZE'), 10);
    t.strictSame(await after.request('AI.TENSORGET', 'y', 'VALUES'), expected);
    t.strictSame(await after.request('AI.TENSORGET', 'words', 'VALUES'), ['a', 'bc']);
    for (const [words, wanted] of [
      [['AI.TENSORGET', 'large', 'BLOB'], blob],
      [['GET', 'text'], Buffer.concat([blob, blob])],
      [['HGET', 'hash', 'field'], blob],
      [['AI.MODELGET', 'm', 'BLOB'], versionedModel(1)],
    ] as const) {
      after.send(...words);
      const got = await after.binaryReply();
      t.ok(Buffer.isBuffer(got) && got.equals(wanted), words.join(' '));
    }
    t.strictSame(((await after.request('AI._MODELSCAN')) as string[][]).sort(), [
      ['m', 'one'],
      ['n', ''],
    ]);
    await after.request('AI.MODELEXECUTE', 'm', 'INPUTS', 1, 'x', 'OUTPUTS', 2, 'y2', 'z2');
    t.strictSame(await after.request('AI.TENSORGET', 'y2', 'VALUES'), expected);
    after.close();
  },
);

t.test('keys expire when the file says so, and not before', async (t) => {
  const folder = newFolder(t);
  const server = await startJournal(t, folder, '--appendfsync', 'always');
  const connection = await server.raw();
  await connection.request('SET', 'counter', 5, 'PX', 1200);
  await connection.request('INCR', 'counter');
  await connection.request('SET', 'list-was', 1);
  await connection.request('SADD', 'a', 1, 2, 3);
  await connection.request('SADD', 'b', 2, 3);
  await connection.request('PEXPIRE', 'b', 1);
  await waitUntil('the expiry', async () => (await connection.request('EXISTS', 'b')) === 0);
  // Verbatim in the file: there b must not be found either.
  await connection.request('SDIFFSTORE', 'rest', 'a', 'b');
  connection.close();
  await kill(server);
  const end = Date.now() + 1500;
  await waitUntil('the end of its time', () => Date.now() > end);
  const second = await startJournal(t, folder);
  const after = await second.raw();
  t.equal(await after.request('EXISTS', 'counter'), 0, 'not made anew by what followed');
  t.equal(await after.request('SCARD', 'rest'), 3);
  after.close();
  await kill(second);
});

t.test('two threads write the same keys', async (t) => {
  const folder = newFolder(t);
  const server = await startJournal(t, folder, '--io-threads', '2');
  const clients = await Promise.all([0, 1, 2, 3].map(() => server.raw()));
  const ROUNDS = 1500;
  await Promise.all(
    clients.map(async (client, id) => {
      for (let i = 0; i < ROUNDS; i++) {
        client.send('RPUSH', 'list', `${id}:${i}`);
        client.send('SET', 'last', `${id}:${i}`);
        client.send('APPEND', 'text', `${id},`);
        if (i % 3 === 0) client.send('LPOP', 'list');
        if (i % 100 === 99) await client.request('ECHO', 'x').catch(() => {});
      }
    }),
  );
  const [first] = clients;
  if (first === undefined) throw new Error('no client');
  await waitUntil('all commands', async () => {
    const connection = await server.raw();
    const length = await connection.request('STRLEN', 'text');
    connection.close();
    return length === 2 * clients.length * ROUNDS;
  });
  const connection = await server.raw();
  t.strictSame(await connection.request('WAITAOF', 1, 0, 0), [1, 0]);
  const expected = await digest(connection);
  for (const client of [...clients, connection]) client.close();
  await kill(server);
  const second = await startJournal(t, folder);
  const after = await second.raw();
  t.equal(await digest(after), expected, 'the order in the file is that in the store');
  after.close();
  await kill(second);
});

t.test('it is switched on and off while clients go on', async (t) => {
  const folder = newFolder(t);
  const server = await startJournal(t, folder, '--appendonly', 'no');
  const connection = await server.raw();
  await connection.request('SET', 'before', 1);
  t.equal(await fact(connection, 'aof_enabled'), '0');
  t.match(
    await connection.refusal('WAITAOF', 1, 0, 0),
    /^ERR WAITAOF cannot be used when numlocal/,
  );
  t.strictSame(await connection.request('WAITAOF', 0, 0, 0), [0, 0]);
  await connection.request('CONFIG', 'SET', 'appendonly', 'yes');
  await connection.request('SET', 'on', 1);
  await waitUntil('the base', () => journalFiles(folder).includes('appendonly.aof.manifest'));
  t.equal(await fact(connection, 'aof_enabled'), '1');
  await connection.request('CONFIG', 'SET', 'appendonly', 'no');
  await connection.request('SET', 'off', 1);
  t.equal(await fact(connection, 'aof_enabled'), '0');
  connection.close();
  await kill(server);
  const second = await startJournal(t, folder);
  const after = await second.raw();
  t.strictSame(((await after.request('KEYS', '*')) as string[]).sort(), ['before', 'on']);

  await after.request('CONFIG', 'SET', 'auto-aof-rewrite-min-size', 1000);
  const base = Number(await fact(after, 'aof_base_size'));
  await after.request('SET', 'bulk', 'x'.repeat(base + 5000));
  await firstRewrite(after, folder);
  t.equal(await fact(after, 'aof_last_bgrewrite_status'), 'ok');
  t.equal(await fact(after, 'aof_last_write_status'), 'ok');
  // A base, a file behind it and the manifest.
  await waitUntil('the end of the old ones', () => journalFiles(folder).length === 3);
  after.close();
  await kill(second);
});

t.test('the end is cut where the last record is not whole', async (t) => {
  const folder = newFolder(t);
  const server = await startJournal(t, folder, '--appendfsync', 'always');
  const connection = await server.raw();
  await connection.request('SET', 'a', 1);
  const wholeBytes = readFileSync(lastIncrement(folder)).length;
  await connection.request('MULTI');
  await connection.request('SET', 'a', 2);
  await connection.request('INCR', 'b');
  await connection.request('EXEC');
  connection.close();
  await kill(server);
  const path = lastIncrement(folder);
  const bytes = readFileSync(path);
  const cuts: number[] = [];
  // Every byte of the first and of the last command.
  for (let cut = wholeBytes; cut < bytes.length; cut++) {
    if (cut < wholeBytes + 15 || cut >= bytes.length - 14 || cut % 6 === 0) cuts.push(cut);
  }
  t.ok(cuts.length > 30);
  const check = async (cut: number) => {
    const copy = newFolder(t);
    cpSync(folder, copy, { recursive: true });
    writeFileSync(lastIncrement(copy), bytes.subarray(0, cut));
    const second = await startJournal(t, copy);
    const after = await second.raw();
    t.equal(await after.request('GET', 'a'), '1', `cut at ${cut}`);
    t.equal(await after.request('EXISTS', 'b'), 0);
    t.equal(readFileSync(lastIncrement(copy)).length, wholeBytes);
    after.close();
    await kill(second);
  };
  for (let i = 0; i < cuts.length; i += 4) await Promise.all(cuts.slice(i, i + 4).map(check));
});

t.test('keys that are evicted are gone after the start', async (t) => {
  const folder = newFolder(t);
  const server = await startJournal(t, folder, '--appendfsync', 'always');
  const connection = await server.raw();
  const used = Number(
    /used_memory:(\d+)/.exec(String(await connection.request('INFO', 'memory')))?.[1],
  );
  await connection.request('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
  await connection.request('CONFIG', 'SET', 'maxmemory', used + 3_000_000);
  for (let i = 0; i < 400; i++) await connection.request('SET', `k${i}`, `${i}`.padEnd(20_000));
  // No more goes from here on.
  await connection.request('CONFIG', 'SET', 'maxmemory', 0);
  const count = Number(await connection.request('DBSIZE'));
  t.ok(count > 0 && count < 400, `${count} of 400 keys are left`);
  const expected = await digest(connection);
  connection.close();
  await kill(server);
  const second = await startJournal(t, folder);
  const after = await second.raw();
  t.equal(await after.request('DBSIZE'), count);
  t.equal(await digest(after), expected);
  after.close();
  await kill(second);
});

t.test('the one file of a version before 7 is taken over', async (t) => {
  const folder = newFolder(t);
  const words = (...all: string[]) => request(...all).toString('latin1');
  writeFileSync(
    join(folder, 'appendonly.aof'),
    `${words('SELECT', '0')}#TS:1700000000\r\n${words('SET', 'a', '1')}${words('INCR', 'a')}`,
  );
  const server = await startJournal(t, folder);
  t.equal(await server.request('GET', 'a'), '2');
  t.strictSame(journalFiles(folder), [
    'appendonly.aof',
    'appendonly.aof.1.incr.aof',
    'appendonly.aof.manifest',
  ]);
  await server.request('INCR', 'a');
  await server.request('WAITAOF', 1, 0, 0);
  await kill(server);
  const second = await startJournal(t, folder);
  t.equal(await second.request('GET', 'a'), '3');
  await kill(second);
});

t.test('damaged files are refused', async (t) => {
  const folder = newFolder(t);
  const server = await startJournal(t, folder, '--appendfsync', 'always');
  const connection = await server.raw();
  await connection.request('SET', 'a', 1);
  const offset = readFileSync(lastIncrement(folder)).length;
  await connection.request('SET', 'b', 1);
  await connection.request('SET', 'c', 1);
  connection.close();
  await kill(server);
  const bytes = readFileSync(lastIncrement(folder));
  const name = lastIncrement(folder).slice(folder.length + 1);
  const refusal = async (change: (copy: string) => void, ...args: string[]) => {
    const copy = newFolder(t);
    cpSync(folder, copy, { recursive: true });
    change(copy);
    return startRefusal(t, copy, ...args);
  };
  const damage = (at: number, byte: string) => (copy: string) => {
    const damaged = Buffer.from(bytes);
    damaged.write(byte, at);
    writeFileSync(join(copy, name), damaged);
  };
  t.match(
    await refusal(damage(offset, 'x')),
    new RegExp(`Bad file format .* at offset ${offset}:`),
  );
  t.match(await refusal(damage(offset + 1, 'x')), new RegExp(`at offset ${offset}:`));
  t.match(await refusal(damage(offset + 4, 'x')), new RegExp(`at offset ${offset}:`));
  t.match(
    await refusal(damage(offset + 8, 'SOT')),
    new RegExp(`at offset ${offset}: ERR unknown command 'SOT'`),
  );
  t.match(
    await refusal(
      (copy) => writeFileSync(join(copy, name), bytes.subarray(0, -1)),
      '--aof-load-truncated',
      'no',
    ),
    /Unexpected end of file .* with aof-load-truncated yes it is cut there/,
  );
  const manifest = join('appendonlydir', 'appendonly.aof.manifest');
  t.match(
    await refusal((copy) => writeFileSync(join(copy, manifest), 'file x seq 0 type b\n')),
    /line 1 of the manifest: 'seq' is no number above 0/,
  );
  t.match(
    await refusal((copy) => writeFileSync(join(copy, manifest), 'file lost.aof seq 1 type i\n')),
    /lost.aof, which the manifest names, is lost/,
  );
});
