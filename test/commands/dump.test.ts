// DUMP and RESTORE: against Debian's redis-server, both ways, and against payloads of a RedisAI.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { Connection, type StartedServer, startServer, type Value } from '../helpers/server.ts';
import { keyKinds, readKey, values } from './stored-values.ts';

const fixtures = fileURLToPath(new URL('../../../../test/fixtures/redisai/', import.meta.url));
const KiB = 1024;

interface Stored {
  readonly type: string;
  readonly dtype?: string;
  readonly shape?: number[];
  readonly blob_base64?: string;
  readonly dump_base64: string;
  readonly source?: string;
  readonly meta?: Record<string, unknown>;
}
const stored = JSON.parse(readFileSync(join(fixtures, 'contents.json'), 'utf8')) as Record<
  string,
  Stored
>;

/** The payload of a key; bulk strings come as they are. */
async function dump(connection: Connection, key: string): Promise<Buffer> {
  connection.send('DUMP', key);
  const payload = await connection.binaryReply();
  if (!Buffer.isBuffer(payload)) throw new Error(`DUMP ${key}: ${String(payload)}`);
  return payload;
}

async function bulk(connection: Connection, ...words: (string | Buffer)[]): Promise<Value> {
  connection.send(...words);
  return (await connection.binaryReply()) ?? null;
}

t.test('with redis-server', { skip: missingPrograms('redis-server') }, async (t) => {
  const redis = await startRedis(['--save', '']);
  t.teardown(() => redis.stop());
  const tutti = await startServer(['--save', '']);
  t.teardown(() => tutti.stop());
  const ours = await tutti.raw();
  const theirs = await Connection.open(redis.port);
  t.teardown(() => {
    ours.close();
    theirs.close();
  });

  for (const { title, commands } of values) {
    t.test(`gives and takes ${title}`, async (t) => {
      for (const connection of [ours, theirs]) {
        await connection.request('FLUSHALL');
        for (const command of commands) await connection.request(...command);
      }
      const wanted = await readKey(theirs, 'k');
      t.strictSame(await readKey(ours, 'k'), wanted, 'both hold the same');
      for (const compression of ['yes', 'no']) {
        await ours.request('CONFIG', 'SET', 'rdbcompression', compression);
        await theirs.request('CONFIG', 'SET', 'rdbcompression', compression);
        const payload = await dump(ours, 'k');
        t.equal(await theirs.request('RESTORE', 'from', 0, payload, 'REPLACE'), 'OK');
        t.strictSame(await readKey(theirs, 'from'), wanted, 'what we dump, redis-server holds');
        const other = await dump(theirs, 'k');
        t.equal(await ours.request('RESTORE', 'from', 0, other, 'REPLACE'), 'OK');
        t.strictSame(await readKey(ours, 'from'), wanted, 'what redis-server dumps, we hold');
        t.strictSame(await dump(ours, 'from'), payload, 'and dump as our own');
      }
    });
  }

  t.test('takes and gives back groups of stream consumers', async (t) => {
    await theirs.request('XGROUP', 'CREATE', 'groups', 'readers', '$', 'MKSTREAM');
    for (const id of ['1-1', '1-2', '5-0']) await theirs.request('XADD', 'groups', id, 'f', id);
    await theirs.request(
      'XREADGROUP',
      'GROUP',
      'readers',
      'ann',
      'COUNT',
      2,
      'STREAMS',
      'groups',
      '>',
    );
    await theirs.request('XGROUP', 'CREATECONSUMER', 'groups', 'readers', 'bob');
    t.equal(await ours.request('RESTORE', 'groups', 0, await dump(theirs, 'groups')), 'OK');
    await ours.request('XADD', 'groups', '6-0', 'f', 'ours');
    await theirs.request('RESTORE', 'back', 0, await dump(ours, 'groups'));
    await theirs.request('XADD', 'groups', '6-0', 'f', 'ours');
    t.strictSame(
      await theirs.request('XPENDING', 'back', 'readers'),
      await theirs.request('XPENDING', 'groups', 'readers'),
    );
    t.strictSame(
      await theirs.request('XINFO', 'GROUPS', 'back'),
      await theirs.request('XINFO', 'GROUPS', 'groups'),
    );
  });

  t.test('refuses as redis-server does', async (t) => {
    for (const connection of [ours, theirs]) {
      await connection.request('FLUSHALL');
      await connection.request('SET', 'k', 'value');
    }
    const payload = await dump(theirs, 'k');
    const changed = Buffer.from(payload);
    changed[2] = (changed[2] ?? 0) ^ 1;
    for (const words of [
      ['DUMP'],
      ['DUMP', 'k', 'k'],
      ['RESTORE', 'new', 0],
      ['RESTORE', 'k', 0, payload],
      ['RESTORE', 'k', -1, payload],
      ['RESTORE', 'new', -1, payload],
      ['RESTORE', 'new', 'x', payload],
      ['RESTORE', 'new', '99999999999999999999', payload],
      ['RESTORE', 'new', 0, changed],
      ['RESTORE', 'new', 0, ''],
      ['RESTORE', 'new', 0, 'short'],
      ['RESTORE', 'new', 0, payload.subarray(1)],
      ['RESTORE', 'new', 0, payload, 'REPLACE', 'IDLETIME'],
      ['RESTORE', 'new', 0, payload, 'IDLETIME', -1],
      ['RESTORE', 'new', 0, payload, 'IDLETIME', 'x'],
      ['RESTORE', 'new', 0, payload, 'FREQ', -1],
      ['RESTORE', 'new', 0, payload, 'FREQ', 256],
      ['RESTORE', 'new', 0, payload, 'FREQ', 1, 'IDLETIME', 1],
      ['RESTORE', 'new', 0, payload, 'IDLETIME', 1, 'FREQ', 1],
      ['RESTORE', 'new', 0, payload, 'WHATEVER'],
    ]) {
      t.equal(await ours.refusal(...words), await theirs.refusal(...words), words.join(' '));
    }
    t.equal(await ours.request('EXISTS', 'new'), 0);
    t.equal(await ours.request('DUMP', 'new'), null);
  });

  t.test('takes the options as redis-server does', async (t) => {
    for (const connection of [ours, theirs]) {
      await connection.request('FLUSHALL');
      await connection.request('SET', 'k', 'value');
      const payload = await dump(connection, 'k');
      const far = Date.now() + 1_000_000;
      await connection.request('RESTORE', 'a', 5000, payload);
      const ttl = Number(await connection.request('PTTL', 'a'));
      t.ok(ttl > 3000 && ttl <= 5000, `${ttl} ms`);
      await connection.request('RESTORE', 'a', far, payload, 'ABSTTL', 'REPLACE');
      t.equal(await connection.request('PEXPIRETIME', 'a'), far);
      t.equal(await connection.request('RESTORE', 'a', 1, payload, 'replace', 'absttl'), 'OK');
      t.equal(await connection.request('EXISTS', 'a'), 0, 'what has expired is not stored');
      await connection.request('RESTORE', 'b', 0, payload, 'IDLETIME', 1000);
      const idle = Number(await connection.request('OBJECT', 'IDLETIME', 'b'));
      t.ok(idle >= 1000 && idle < 1010, `${idle} s`);
      await connection.request('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu');
      await connection.request('RESTORE', 'c', 0, payload, 'FREQ', 200);
      t.equal(await connection.request('OBJECT', 'FREQ', 'c'), 200);
      await connection.request('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    }
  });

  t.test('takes every plain value of another Redis', async (t) => {
    for (const [key, { type, dump_base64 }] of Object.entries(stored)) {
      if (type.startsWith('AI_')) continue;
      const payload = Buffer.from(dump_base64, 'base64');
      for (const connection of [ours, theirs])
        t.equal(await connection.request('RESTORE', key, 0, payload), 'OK');
      t.strictSame(await readKey(ours, key), await readKey(theirs, key), key);
    }
  });

  t.test('within MULTI, and of large values beside it', async (t) => {
    const value = Buffer.alloc(600 * KiB, 'x');
    await ours.request('SET', 'large', value);
    const payload = await dump(ours, 'large');
    await ours.request('MULTI');
    await ours.request('RESTORE', 'copy', 0, payload, 'REPLACE');
    await ours.request('STRLEN', 'copy');
    await ours.request('RESTORE', 'copy', 0, payload);
    const replies = await ours.request('EXEC');
    if (!Array.isArray(replies)) throw new Error('EXEC answers an array');
    t.strictSame(replies.slice(0, 2), ['OK', value.length]);
    t.match(String(replies[2]), /BUSYKEY/);
    // A connection's own commands stay in their order.
    for (let i = 0; i < 20; i++) {
      ours.send('RESTORE', 'copy', 0, payload, 'REPLACE');
      ours.send('STRLEN', 'copy');
      ours.send('DEL', 'copy');
      t.strictSame(
        [await ours.reply(), await ours.reply(), await ours.reply()],
        ['OK', value.length, 1],
      );
    }
    t.ok(keyKinds.length > 0);
  });
});

t.test('with RedisAI', async (t) => {
  const tutti: StartedServer = await startServer(['--save', '']);
  t.teardown(() => tutti.stop());
  const connection = await tutti.raw();
  t.teardown(() => connection.close());

  for (const [key, value] of Object.entries(stored)) {
    if (!value.type.startsWith('AI_')) continue;
    t.test(`takes ${key} and gives it back`, async (t) => {
      const payload = Buffer.from(value.dump_base64, 'base64');
      t.equal(await connection.request('RESTORE', key, 0, payload), 'OK');
      t.equal(await connection.request('TYPE', key), value.type);
      const blob = Buffer.from(value.blob_base64 ?? '', 'base64');
      if (value.type === 'AI_TENSOR') {
        t.strictSame(await connection.request('AI.TENSORGET', key, 'META'), [
          'dtype',
          value.dtype,
          'shape',
          value.shape,
        ]);
        t.strictSame(await bulk(connection, 'AI.TENSORGET', key, 'BLOB'), blob);
      } else if (value.type === 'AI__MODEL') {
        const meta = await connection.request('AI.MODELGET', key, 'META');
        t.strictSame(meta, Object.entries(value.meta ?? {}).flat());
        t.strictSame(await bulk(connection, 'AI.MODELGET', key, 'BLOB'), blob);
      } else {
        t.equal(await connection.request('AI.SCRIPTGET', key, 'SOURCE'), value.source);
      }
      // Compressed strings may be packed in another way: what they say is the same.
      const again = await dump(connection, key);
      await connection.request('RESTORE', 'again', 0, again, 'REPLACE');
      t.strictSame(await dump(connection, 'again'), again);
      if (blob.length > 0 && blob.length <= 20) t.strictSame(again, payload, 'byte for byte');
      await connection.request('CONFIG', 'SET', 'rdbcompression', 'no');
      const plain = await dump(connection, key);
      await connection.request('CONFIG', 'SET', 'rdbcompression', 'yes');
      await connection.request('RESTORE', 'again', 0, plain, 'REPLACE');
      t.strictSame(await dump(connection, 'again'), again, 'uncompressed it is the same');
    });
  }

  t.test('large tensors go both ways', async (t) => {
    const elements = Buffer.alloc(3 * 1024 * KiB);
    for (let i = 0; i < elements.length; i++) elements[i] = (i * 7919) >> 3;
    await connection.request('AI.TENSORSET', 'large', 'UINT8', elements.length, 'BLOB', elements);
    const payload = await dump(connection, 'large');
    t.equal(await connection.request('RESTORE', 'copy', 0, payload), 'OK');
    t.strictSame(await bulk(connection, 'AI.TENSORGET', 'copy', 'BLOB'), elements);
    payload[100_000] = (payload[100_000] ?? 0) ^ 1;
    t.match(await connection.refusal('RESTORE', 'other', 0, payload), /version or checksum/);
  });
});
