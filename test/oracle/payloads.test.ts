// Damaged payloads of DUMP beside redis-server that sanitizes them: what it refuses, we refuse. Not the
// other way round: it reads behind the end of a value, into the checksum, and does not mind what is left.
// TUTTI_ORACLE_SEED and TUTTI_ORACLE_SEQUENCES are as in random.test.ts.

import t from 'tap';
import { values } from '../commands/stored-values.ts';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { Connection, startServer } from '../helpers/server.ts';
import { Dice } from './random-commands.ts';

const seed = Number(process.env.TUTTI_ORACLE_SEED ?? 3);
const mutationCount = Number(process.env.TUTTI_ORACLE_SEQUENCES ?? 4000);
/** Version and checksum, behind the value. */
const FOOTER_BYTES = 10;
/** The highest type of a value that 7.0 knows (redis:src/rdb.h). */
const TYPE_MAX = 20;
const badFormat = 'ERR Bad data format';

/** CRC-64 of Jones, reflected (redis:src/crc64.c). */
const table = Array.from({ length: 256 }, (_, byte) => {
  let crc = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ (crc & 1n ? 0x95ac9329ac4bc9b5n : 0n);
  return crc;
});

/** A value with the footer that belongs to it. */
function payloadOf(value: Buffer): Buffer {
  const payload = Buffer.concat([value, Buffer.from([10, 0]), Buffer.alloc(8)]);
  let crc = 0n;
  for (const byte of payload.subarray(0, -8)) {
    crc = (crc >> 8n) ^ (table[Number((crc ^ BigInt(byte)) & 0xffn)] ?? 0n);
  }
  payload.writeBigUInt64LE(crc, payload.length - 8);
  return payload;
}

async function storedValue(connection: Connection, key: string): Promise<Buffer> {
  connection.send('DUMP', key);
  const payload = await connection.binaryReply();
  if (!Buffer.isBuffer(payload)) throw new Error(`DUMP ${key}: ${String(payload)}`);
  return payload.subarray(0, -FOOTER_BYTES);
}

async function restored(connection: Connection, value: Buffer): Promise<string> {
  const words = ['RESTORE', 'k', 0, payloadOf(value), 'REPLACE'] as const;
  return String(await connection.request(...words).catch((error: Error) => error.message));
}

const telling = [0, 1, 0x7f, 0x80, 0xff, 0xfe, 0xc0, 0xc3, 0xf0, 0xf1, 0xf4, 0x81, 0x3f, 0x40];

/** One to three changes: of a bit, a byte or a number, or bytes less or more. */
function mutated(value: Buffer, dice: Dice): Buffer {
  let bytes = Buffer.from(value);
  for (let left = dice.pick([1, 1, 1, 2, 3]); left > 0 && bytes.length > 0; left--) {
    const at = dice.roll(dice.pick([bytes.length, bytes.length, Math.min(bytes.length, 24)]));
    const byte = bytes[at] ?? 0;
    const some = dice.pick([1, 1, 2, 4, 8]);
    switch (dice.roll(6)) {
      case 0:
        bytes[at] = byte ^ (1 << dice.roll(8));
        break;
      case 1:
        bytes[at] = dice.pick(telling);
        break;
      case 2:
        bytes[at] = dice.roll(256);
        break;
      case 3:
        bytes[at] = (byte + dice.pick([-1, 1])) & 0xff;
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + some)]);
        break;
      default: {
        const more = Buffer.from(Array.from({ length: some }, () => dice.roll(256)));
        bytes = Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);
      }
    }
  }
  return bytes;
}

t.test('with redis-server', { skip: missingPrograms('redis-server') }, async (t) => {
  const redis = await startRedis(['--sanitize-dump-payload', 'yes']);
  t.teardown(() => redis.stop());
  const server = await startServer(['--save', '']);
  t.teardown(() => server.stop());
  const theirs = await Connection.open(redis.port);
  const ours = await server.raw();
  t.teardown(() => {
    theirs.close();
    ours.close();
  });

  await theirs.request('FLUSHALL');
  for (const id of ['1-1', '2-2', '3-3', '4-4']) await theirs.request('XADD', 'k', id, 'f', 'v');
  for (const group of ['first', 'other']) {
    await theirs.request('XGROUP', 'CREATE', 'k', group, '0');
    for (const consumer of ['ann', 'bob']) {
      const read = ['XREADGROUP', 'GROUP', group, consumer, 'COUNT', '2', 'STREAMS', 'k', '>'];
      await theirs.request(...read);
    }
  }
  const groups = await storedValue(theirs, 'k');

  t.test('groups of consumers', async (t) => {
    for (const connection of [theirs, ours]) t.equal(await restored(connection, groups), 'OK');
    const id = (n: number) => Buffer.from([0, 0, 0, 0, 0, 0, 0, n, 0, 0, 0, 0, 0, 0, 0, n]);
    const replaced = (from: string | Buffer, to: string | Buffer) => {
      const copy = Buffer.from(groups);
      const at = copy.lastIndexOf(from);
      if (at < 0) throw new Error(`the payload has no ${String(from)}`);
      Buffer.from(to).copy(copy, at);
      return copy;
    };
    for (const [title, value] of [
      ['two groups of one name', replaced('other', 'first')],
      ['two consumers of one name', replaced('bob', 'ann')],
      ['an entry that a consumer has twice', replaced(id(4), id(3))],
      ['an entry that two consumers have', replaced(id(4), id(1))],
      ['an entry that is not pending', replaced(id(4), id(9))],
    ] as const) {
      t.equal(await restored(theirs, value), badFormat, `redis-server: ${title}`);
      t.equal(await restored(ours, value), badFormat, title);
    }
  });

  t.test('changes at random', { timeout: 600_000 }, async (t) => {
    t.comment(`TUTTI_ORACLE_SEED=${seed}`);
    const dice = new Dice(seed);
    const originals: Buffer[] = [groups, groups];
    for (const { commands } of values) {
      for (const connection of [theirs, ours]) {
        await connection.request('FLUSHALL');
        for (const command of commands) await connection.request(...command);
        const value = await storedValue(connection, 'k');
        // What is changed in a long one is mostly what it holds.
        if (value.length < 10_000) originals.push(value);
      }
    }
    let takenCount = 0;
    for (let i = 0; i < mutationCount; i++) {
      const value = mutated(dice.pick(originals), dice);
      const answer = await restored(ours, value);
      if (answer !== 'OK') {
        if (answer !== badFormat) t.fail(`${answer}: ${value.toString('hex')}`);
        continue;
      }
      takenCount++;
      if ((value[0] ?? 0) > TYPE_MAX) continue;
      const wanted = await restored(theirs, value);
      if (wanted !== 'OK') t.fail(`redis-server: ${wanted}: ${value.toString('hex')}`);
    }
    t.ok(takenCount > 0, `${mutationCount} changes, ${takenCount} taken`);
  });
});
