// Strings, hashes, lists and keys. Replies are those of redis-server 7.0.15.

import t from 'tap';
import { startServer } from '../helpers/server.ts';
import { expectReplies, type Row } from './expect.ts';

const wrongType = '-WRONGTYPE Operation against a key holding the wrong kind of value';
const syntax = '-ERR syntax error';
const notInteger = '-ERR value is not an integer or out of range';
const arity = (name: string) => `-ERR wrong number of arguments for '${name}' command`;
const invalidTime = (name: string) => `-ERR invalid expire time in '${name}' command`;

const strings: readonly Row[] = [
  ['GET s', null],
  ['SET s "a\\x00b"', 'OK'],
  ['GET s', 'a\0b'],
  ['STRLEN s', 3],
  ['STRLEN nope', 0],
  ['SET s v NX', null],
  ['SET s v XX', 'OK'],
  ['SET nope v XX', null],
  ['SET s w GET', 'v'],
  ['SET s x NX GET', 'w'],
  ['GET s', 'w'],
  ['SET fresh v NX GET', null],
  ['GET fresh', 'v'],
  ['SET e v EX 100', 'OK'],
  ['TTL e', 100],
  ['SET e v KEEPTTL', 'OK'],
  ['TTL e', 100],
  ['SET e v', 'OK'],
  ['TTL e', -1],
  ['SET e v PX 100000', 'OK'],
  ['TTL e', 100],
  ['SET e v EXAT 99999999999', 'OK'],
  ['EXPIRETIME e', 99999999999],
  ['SET e v PXAT 99999999999000', 'OK'],
  ['PEXPIRETIME e', 99999999999000],
  ['set e v ex 100 xx get', 'v'],
  ['SET e v EX 1 EX 50', 'OK'],
  ['TTL e', 50],
  ['SET s', arity('set')],
  ['GET', arity('get')],
  ['GET a b', arity('get')],
  ['SET s v EX', syntax],
  ['SET s v EX 0', invalidTime('set')],
  ['SET s v EX abc', notInteger],
  ['SET s v EX 1.5', notInteger],
  ['SET s v PX -1', invalidTime('set')],
  ['SET s v EX 99999999999999999', invalidTime('set')],
  ['SET s v EX 9223372036854775807', invalidTime('set')],
  ['SET s v PX 9223372036854775807', invalidTime('set')],
  ['SET s v EX 9223372036854775808', notInteger],
  ['SET s v NX XX', syntax],
  ['SET s v XX NX', syntax],
  ['SET s v EX 10 PX 10', syntax],
  ['SET s v KEEPTTL EX 1', syntax],
  ['SET s v EX 1 KEEPTTL', syntax],
  ['SET s v foo', syntax],
  ['GET s', 'w'],
];

const keys: readonly Row[] = [
  ['SET a 1', 'OK'],
  ['SET b 2', 'OK'],
  ['EXISTS a b a nope', 3],
  ['TOUCH a nope', 1],
  ['DEL a a nope', 1],
  ['UNLINK b', 1],
  ['EXISTS a b', 0],
  ['SET a 1', 'OK'],
  ['TYPE a', 'string'],
  ['TYPE nope', 'none'],
  ['HSET h f v', 1],
  ['TYPE h', 'hash'],
  ['RPUSH l x', 1],
  ['TYPE l', 'list'],
  ['AI.TENSORSET t FLOAT 1 VALUES 1', 'OK'],
  ['TYPE t', 'AI_TENSOR'],
  ['RENAME a b', 'OK'],
  ['GET b', '1'],
  ['RENAMENX b t', 0],
  ['RENAMENX b c', 1],
  ['RENAME nope c', '-ERR no such key'],
  ['RENAME c c', 'OK'],
  ['EXPIRE c 100', 1],
  ['TTL c', 100],
  ['PTTL c', /^(100000|9\d{4})$/],
  ['EXPIRE c 50 GT', 0],
  ['EXPIRE c 50 LT', 1],
  ['EXPIRE c 60 NX', 0],
  ['EXPIRE c 60 XX', 1],
  ['PERSIST c', 1],
  ['PERSIST c', 0],
  ['TTL c', -1],
  ['EXPIRETIME c', -1],
  ['PEXPIRE c 100000', 1],
  ['EXPIREAT c 99999999999', 1],
  ['EXPIRETIME c', 99999999999],
  ['PEXPIREAT c 99999999999001', 1],
  ['PEXPIRETIME c', 99999999999001],
  ['PEXPIREAT c 9223372036854775807', 1],
  ['TTL nope', -2],
  ['PTTL nope', -2],
  ['PEXPIRETIME nope', -2],
  ['EXPIRE nope 10', 0],
  ['EXPIRE c -1', 1],
  ['EXISTS c', 0],
  ['SET c 1', 'OK'],
  ['EXPIREAT c 1', 1],
  ['EXISTS c', 0],
  ['EXPIRE nope abc', notInteger],
  ['EXPIRE nope 9223372036854775807', invalidTime('expire')],
  ['PEXPIRE nope 9223372036854775807', invalidTime('pexpire')],
  ['EXPIRE nope 10 NX XX', '-ERR NX and XX, GT or LT options at the same time are not compatible'],
  ['EXPIRE nope 10 NX GT', '-ERR NX and XX, GT or LT options at the same time are not compatible'],
  ['EXPIRE nope 10 GT LT', '-ERR GT and LT options at the same time are not compatible'],
  ['EXPIRE nope 10 foo', '-ERR Unsupported option foo'],
  ['EXPIRE a', arity('expire')],
  ['SELECT 1', 'OK'],
  ['EXISTS h l t', 0],
  ['DBSIZE', 0],
  ['SET only-here 1', 'OK'],
  ['FLUSHDB', 'OK'],
  ['DBSIZE', 0],
  ['SELECT 0', 'OK'],
  ['EXISTS h l t', 3],
  ['FLUSHALL ASYNC', 'OK'],
  ['DBSIZE', 0],
  ['FLUSHDB foo', syntax],
  ['FLUSHDB ASYNC SYNC', syntax],
  ['SELECT 16', '-ERR DB index is out of range'],
  ['SELECT -1', '-ERR DB index is out of range'],
  ['SELECT a', notInteger],
];

const containers: readonly Row[] = [
  ['SET s v', 'OK'],
  ['HSET h a 1 b 2', 2],
  ['HSET h a 3 c 4', 1],
  ['HGET h a', '3'],
  ['HGET h nope', null],
  ['HGET nope a', null],
  ['HGETALL nope', []],
  ['HMSET m f v', 'OK'],
  ['HGETALL m', ['f', 'v']],
  ['HEXISTS h a', 1],
  ['HEXISTS h nope', 0],
  ['HEXISTS nope a', 0],
  ['HLEN h', 3],
  ['HLEN nope', 0],
  ['HSET h a', arity('hset')],
  ['HSET h a 1 b', arity('hset')],
  ['HMSET h a 1 b', arity('hmset')],
  ['HSET s a 1', wrongType],
  ['HGET s a', wrongType],
  ['HGETALL s', wrongType],
  ['HEXISTS s a', wrongType],
  ['HLEN s', wrongType],
  ['GET h', wrongType],
  ['STRLEN h', wrongType],
  ['SET h x GET', wrongType],
  ['RPUSH l a b c', 3],
  ['LPUSH l x y', 5],
  ['LRANGE l 0 -1', ['y', 'x', 'a', 'b', 'c']],
  ['LRANGE l -2 -1', ['b', 'c']],
  ['LRANGE l 1 1', ['x']],
  ['LRANGE l 3 1', []],
  ['LRANGE l 5 9', []],
  ['LRANGE l -99 0', ['y']],
  ['LRANGE nope 0 -1', []],
  ['LLEN l', 5],
  ['LLEN nope', 0],
  ['LRANGE l a 1', notInteger],
  ['LRANGE s 0 a', notInteger],
  ['LRANGE s 0 1', wrongType],
  ['RPUSH s a', wrongType],
  ['LPUSH h a', wrongType],
  ['LLEN h', wrongType],
  ['RPUSH l', arity('rpush')],
  ['SET l v', 'OK'],
  ['GET l', 'v'],
];

t.test('values', async (t) => {
  const server = await startServer();
  t.teardown(() => server.stop());
  for (const [title, rows] of Object.entries({ strings, keys, containers })) {
    await t.test(title, async (t) => {
      const connection = await server.raw();
      t.teardown(() => connection.close());
      await connection.request('FLUSHALL');
      await expectReplies(t, connection, rows);
    });
  }

  await t.test('values of all sizes come back', async (t) => {
    for (const byteCount of [0, 1, 47, 48, 49, 32_767, 32_768, 65_536, 300_000, 3_000_000]) {
      const value = 'v'.repeat(byteCount);
      t.equal(await server.request('SET', 'k', value), 'OK');
      t.equal(await server.request('GET', 'k'), value, String(byteCount));
      t.equal(await server.request('HSET', `h${byteCount}`, 'f', value), 1);
      t.strictSame(await server.request('HGETALL', `h${byteCount}`), ['f', value]);
    }
  });

  await t.test('a hash and a list larger than the rows block', async (t) => {
    const words = Array.from({ length: 40_000 }, (_, i) => `element-${i}`);
    await server.request('RPUSH', 'big', ...words);
    t.strictSame(await server.request('LRANGE', 'big', 0, -1), words);
    await server.request('HSET', 'bigger', ...words);
    const all = await server.request('HGETALL', 'bigger');
    t.equal(Array.isArray(all) && all.length, words.length);
  });
});
