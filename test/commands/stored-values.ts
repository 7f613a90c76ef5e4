// Values of every type in their small and their large form, and how they are read back.

import type { Test } from 'tap';
import type { Connection, Value } from '../helpers/server.ts';

type Word = string | number | Buffer;

/** What `TYPE` answers of plain values. */
export const keyKinds = ['string', 'list', 'set', 'zset', 'hash', 'stream'] as const;

export interface StoredValue {
  readonly title: string;
  /** What makes it, under the key `k`. */
  readonly commands: readonly (readonly Word[])[];
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const long = 'long '.repeat(500);
const bytes = Buffer.from(range(256));
const integers = [0, 1, -1, 127, 128, -128, -129, 4095, -4096, 4096, 32767, -32769, 8388607];
const wide = ['-8388609', '2147483648', '9223372036854775807', '-9223372036854775808', '007'];

export const values: readonly StoredValue[] = [
  ...['', 'text', '12', '-129', '70000', '2147483648', '1.5', '0012', long].map((text) => ({
    title: `a string '${text.slice(0, 12)}'`,
    commands: [['SET', 'k', text]],
  })),
  { title: 'a string of all bytes', commands: [['SET', 'k', bytes]] },
  {
    title: 'a string that compresses little',
    commands: [['SET', 'k', Buffer.from(range(3000).map((i) => (i * i * 7919) >> 5))]],
  },
  { title: 'a string of 200 KB', commands: [['SET', 'k', 'abc'.repeat(70_000)]] },
  { title: 'a small list', commands: [['RPUSH', 'k', ...integers, ...wide, 'x', '', bytes]] },
  { title: 'a large list', commands: [['RPUSH', 'k', ...range(3000), long, '', bytes]] },
  {
    title: 'a list of large elements',
    commands: [['RPUSH', 'k', 'x'.repeat(20_000), 'y', 'z'.repeat(100_000)]],
  },
  { title: 'a set of integers', commands: [['SADD', 'k', ...integers]] },
  { title: 'a set of 32-bit integers', commands: [['SADD', 'k', 1, 70_000, -5]] },
  { title: 'a set of 64-bit integers', commands: [['SADD', 'k', 1, '9007199254740993']] },
  { title: 'a large set of integers', commands: [['SADD', 'k', ...range(2000)]] },
  { title: 'a small set', commands: [['SADD', 'k', 'a', 'b', 1, '', bytes]] },
  { title: 'a large set', commands: [['SADD', 'k', ...range(500).map((i) => `m${i}`), long]] },
  {
    title: 'a small hash',
    commands: [['HSET', 'k', 'a', 1, 'b', 'x', '', '', 'c', wide[0] ?? '']],
  },
  {
    title: 'a large hash',
    commands: [['HSET', 'k', ...range(1500).flatMap((i) => [`f${i}`, i * i])]],
  },
  { title: 'a hash with a long value', commands: [['HSET', 'k', 'a', long, bytes, 'b']] },
  {
    title: 'a small sorted set',
    commands: [
      ['ZADD', 'k', 1, 'a', 1.5, 'b', '-inf', 'c', 'inf', 'd', '1e300', 'e', -7, '', 0.1, '12'],
    ],
  },
  {
    title: 'a large sorted set',
    commands: [
      ['ZADD', 'k', ...range(700).flatMap((i) => [i / 3, `m${i}`]), 'inf', 'x', '-inf', long],
    ],
  },
  {
    title: 'a stream',
    commands: [
      ['XADD', 'k', '1-1', 'f', 'v'],
      ['XADD', 'k', '1-2', 'f', 'w'],
      ['XADD', 'k', '2-0', 'g', 'v', 'h', 12],
      ['XADD', 'k', '1700000000000-5', 'f', long],
      ['XDEL', 'k', '1-2'],
    ],
  },
  {
    title: 'a stream of many entries',
    commands: range(350).map((i) => [
      'XADD',
      'k',
      `${1 + (i >> 2)}-${i + 1}`,
      'a',
      i,
      'b',
      `x${i}`,
    ]),
  },
  {
    title: 'a stream without entries',
    commands: [
      ['XADD', 'k', '9-9', 'f', 'v'],
      ['XDEL', 'k', '9-9'],
    ],
  },
];

/** What a key holds, in an order of its own where it has none. */
export async function readKey(connection: Connection, key: string): Promise<Value> {
  const type = await connection.request('TYPE', key);
  const read = async (...words: Word[]) => {
    connection.send(...words);
    return latin1((await connection.binaryReply()) ?? null);
  };
  switch (type) {
    case 'string':
      return read('GET', key);
    case 'list':
      return read('LRANGE', key, 0, -1);
    case 'set':
      return sortedBy(await read('SMEMBERS', key), 1);
    case 'zset':
      return withNumbers(await read('ZRANGE', key, 0, -1, 'WITHSCORES'));
    case 'hash':
      return sortedBy(await read('HGETALL', key), 2);
    case 'stream': {
      const info = await read('XINFO', 'STREAM', key);
      if (!Array.isArray(info)) throw new Error('XINFO answers an array');
      const facts = ['length', 'last-generated-id', 'max-deleted-entry-id', 'entries-added'];
      return [
        await read('XRANGE', key, '-', '+'),
        facts.map((name) => info[info.indexOf(name) + 1] ?? null),
      ];
    }
    default:
      throw new Error(`${key} is of the type ${String(type)}`);
  }
}

/** Bulk strings as texts, of which each character is a byte. */
function latin1(value: Value): Value {
  if (Buffer.isBuffer(value)) return value.toString('latin1');
  return Array.isArray(value) ? value.map(latin1) : value;
}

/** Scores as numbers: 7.0 writes more digits of them than 7.2. */
function withNumbers(value: Value): Value {
  if (!Array.isArray(value)) return value;
  return value.map((each, i) => (i % 2 === 0 || /inf/.test(`${each}`) ? each : Number(each)));
}

/** Groups of so many elements, sorted. */
function sortedBy(value: Value, groupLength: number): Value {
  if (!Array.isArray(value)) return value;
  const groups: Value[][] = [];
  for (let i = 0; i < value.length; i += groupLength) groups.push(value.slice(i, i + groupLength));
  return groups.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)).flat();
}

/** Puts every value of the table under a key of its own. */
export async function fill(connection: Connection): Promise<void> {
  for (const [i, { commands }] of values.entries()) {
    for (const command of commands)
      await connection.request(...command.map((word) => (word === 'k' ? `k${i}` : word)));
  }
  await connection.request('PEXPIREAT', 'k3', 4_000_000_000_123);
  await connection.request('SELECT', 9);
  await connection.request('SET', 'elsewhere', 'db 9');
  await connection.request('SELECT', 0);
}

/** Two servers that hold what `fill` has put there. */
export async function checkFilled(t: Test, ours: Connection, theirs: Connection): Promise<void> {
  for (const i of values.keys())
    t.strictSame(
      await readKey(ours, `k${i}`),
      await readKey(theirs, `k${i}`),
      values[i]?.title ?? '',
    );
  for (const connection of [ours, theirs]) {
    t.equal(await connection.request('DBSIZE'), values.length);
    t.equal(await connection.request('PEXPIRETIME', 'k3'), 4_000_000_000_123);
    await connection.request('SELECT', 9);
    t.equal(await connection.request('GET', 'elsewhere'), 'db 9');
    await connection.request('SELECT', 0);
  }
}
