// Keyspace events and MONITOR, as Debian's redis-server tells of them.

import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startServer } from '../helpers/server.ts';
import { encodeLine } from './notation.ts';

const END = 'the end';

/** Each a database of its own; what the commands answer is not looked at. */
const changes: readonly string[] = [
  'SET k v ; SET k w ; SET k v EX 100 ; SET k v KEEPTTL ; SET k v NX ; SET n v XX',
  'SETNX k v ; SETNX k v ; SETEX k 100 v ; PSETEX k 100000 v ; GETSET k w ; GETDEL k ; GETDEL k',
  'MSET a 1 b 2 ; MSETNX a 1 c 2 ; MSETNX c 1 d 2 ; APPEND s x ; APPEND s y ; SETRANGE s 3 z ; SETRANGE s 3 ""',
  'SET k v ; GETEX k EX 100 ; GETEX k PERSIST ; GETEX k PERSIST ; GETEX k PXAT 1 ; GETEX k EX 5',
  'INCR n ; DECR n ; INCRBY n 5 ; INCRBYFLOAT n 1.5 ; INCR n ; SETBIT b 3 1 ; GETBIT b 3 ; BITOP NOT c b',
  'BITOP AND c nosuch ; BITFIELD b SET u8 0 3 GET u8 0 ; BITFIELD b GET u8 0',
  'SET k v ; DEL k nosuch ; SET k v ; UNLINK k ; EXPIRE k 5 ; SET k v ; EXPIRE k 100 ; PEXPIRE k 10000',
  'SET k v ; EXPIRE k -1 ; SET k v ; PEXPIREAT k 1 ; SET k v ; EXPIRE k 100 ; PERSIST k ; PERSIST k',
  'SET a 1 ; COPY a b ; COPY a b ; COPY a b REPLACE ; COPY a z DB 1 ; TOUCH a ; EXISTS a nosuch ; TYPE nosuch',
  'SET a 1 ; RENAMENX a b ; RENAME b b ; RENAMENX nosuch x ; SET a 1 ; RENAME a b',
  'RPUSH l a b c ; LPUSH l x ; RPUSHX l y ; LPUSHX no y ; LPOP l ; RPOP l 2 ; LSET l 0 q ; LINSERT l BEFORE q p',
  'RPUSH l a b c d a ; LREM l 0 a ; LREM l 0 a ; LTRIM l 0 5 ; LTRIM l 1 1 ; LTRIM l 5 9 ; LPOP l ; LINSERT l AFTER x y',
  'RPUSH l a ; LPOP l ; RPUSH l a ; RPOP l 5 ; RPUSH l a ; LREM l 1 a ; RPUSH l a ; LTRIM l 1 0',
  'RPUSH l a b c ; LMOVE l m LEFT RIGHT ; RPOPLPUSH l m ; LMOVE l m RIGHT LEFT ; LMOVE l m LEFT LEFT ; LMOVE m m LEFT RIGHT',
  'RPUSH l a b ; LMPOP 2 no l LEFT ; LMPOP 2 no l RIGHT COUNT 5 ; LMPOP 1 l LEFT',
  'SADD s a b c ; SADD s a ; SREM s a x ; SPOP s ; SPOP s 5 ; SREM s x ; SADD s a ; SREM s a',
  'SADD s a b ; SADD t b c ; SMOVE s t a ; SMOVE s t b ; SMOVE s t x ; SINTERSTORE u t t ; SINTERSTORE u no t ; SINTERSTORE u no t',
  'SADD s a b ; SADD t b c ; SUNIONSTORE u s t ; SDIFFSTORE u s t ; SDIFFSTORE u s s ; SDIFFSTORE u s s',
  'HSET h f v ; HSET h f v g w ; HMSET h f x ; HSETNX h f y ; HSETNX h new y ; HDEL h f no ; HDEL h g new ; HDEL h x',
  'HINCRBY h n 2 ; HINCRBYFLOAT h n 1.5 ; HDEL h n',
  'ZADD z 1 a 2 b ; ZADD z 1 a ; ZADD z NX 5 a ; ZADD z XX CH 5 a ; ZADD z INCR 1 a ; ZINCRBY z 1 a ; ZINCRBY z 0 a ; ZREM z a no ; ZREM z b',
  'ZADD z 1 a 2 b 3 c 4 d 5 e 6 f ; ZREMRANGEBYRANK z 0 0 ; ZREMRANGEBYSCORE z 2 2 ; ZREMRANGEBYLEX z [c [c ; ZREMRANGEBYRANK z 8 9 ; ZREMRANGEBYRANK z 0 -1',
  'ZADD z 1 a 2 b 3 c ; ZPOPMIN z ; ZPOPMAX z ; ZPOPMIN z 5 ; ZPOPMAX z ; ZADD z 1 a ; ZMPOP 1 z MIN ; ZMPOP 1 z MAX',
  'ZADD z 1 a 2 b ; ZADD y 2 b ; ZUNIONSTORE u 2 z y ; ZINTERSTORE u 2 z y ; ZDIFFSTORE u 2 z y ; ZDIFFSTORE u 2 z z ; ZRANGESTORE r z 0 0 ; ZRANGESTORE r z 5 9',
  'XADD s 1-1 f v ; XADD s MAXLEN 1 2-1 f v ; XADD s NOMKSTREAM 3-1 f v ; XADD no NOMKSTREAM 3-1 f v ; XTRIM s MAXLEN 5 ; XTRIM s MAXLEN 1 ; XDEL s 3-1 ; XDEL s 3-1 ; XSETID s 9-9',
  'RPUSH l 3 1 2 ; SORT l STORE m ; SORT no STORE m ; SORT no STORE m ; SORT l',
  'GET no ; HGET no f ; LRANGE no 0 -1 ; MGET a b ; STRLEN no ; GETEX no ; ZSCORE no a ; SISMEMBER no a',
  'SET k v ; SELECT 1 ; SET k v ; FLUSHDB ; SELECT 0 ; SWAPDB 0 1 ; FLUSHALL',
  'MULTI ; SET a 1 ; DEL a ; EXEC ; MULTI ; INCR n ; DISCARD',
  'SET k v PX 1',
];

/** What a listener to everything hears of each command. */
async function heard(port: number, flags: string, line: string): Promise<string[]> {
  const actor = await RawClient.connect(port);
  const listener = await RawClient.connect(port);
  const ender = await RawClient.connect(port);
  await actor.call('FLUSHALL');
  await actor.call('CONFIG', 'SET', 'notify-keyspace-events', flags);
  await listener.call('PSUBSCRIBE', '__key*__:*');
  await listener.call('SUBSCRIBE', END);
  const told: string[] = [];
  for (const command of line.split(' ; ')) {
    actor.send(encodeLine(command));
    await actor.reply();
    await ender.call('PUBLISH', END, '');
    told.push(command);
    for (;;) {
      const message = await listener.reply();
      if (message.includes(END)) break;
      const [, , , , , , channel = '', , payload = ''] = message.split('\r\n');
      told.push(`  ${channel} ${payload}`);
    }
  }
  for (const client of [actor, listener, ender]) client.close();
  return told;
}

/** A monitor's lines, without times and addresses. */
async function watched(port: number, lines: readonly string[]): Promise<string[]> {
  const actor = await RawClient.connect(port);
  const monitor = await RawClient.connect(port);
  await monitor.call('MONITOR');
  for (const line of lines) {
    actor.send(encodeLine(line));
    await actor.reply();
  }
  await actor.call('ECHO', END);
  const seen: string[] = [];
  for (;;) {
    const line = await monitor.reply();
    seen.push(line.replace(/^\+\d+\.\d{6} \[(\d+) 127\.0\.0\.1:\d+\]/, '+TIME [$1 ADDRESS]'));
    if (line.includes(END)) break;
  }
  actor.close();
  monitor.close();
  return seen;
}

t.test(
  'what happens is told as redis-server does',
  {
    skip: missingPrograms('redis-server'),
  },
  async (t) => {
    const redis = await startRedis();
    t.teardown(() => redis.stop());
    const tutti = await startServer(['--save', '', '--io-threads', '2']);
    t.teardown(() => tutti.stop());

    t.test('of keys', async (t) => {
      for (const line of changes) {
        t.strictSame(
          await heard(tutti.port, 'KEA', line),
          await heard(redis.port, 'KEA', line),
          line,
        );
      }
      for (const flags of ['Kg', 'KEAn', 'El', 'K', 'AEx', 'KE$n', 'KEm']) {
        for (const line of changes.slice(0, 12)) {
          const wanted = await heard(redis.port, flags, line);
          t.strictSame(await heard(tutti.port, flags, line), wanted, `${flags}: ${line}`);
        }
      }
    });

    t.test('of expiry', async (t) => {
      for (const port of [redis.port, tutti.port]) {
        const actor = await RawClient.connect(port);
        const listener = await RawClient.connect(port);
        await actor.call('CONFIG', 'SET', 'notify-keyspace-events', 'Ex');
        await listener.call('SUBSCRIBE', '__keyevent@0__:expired');
        await actor.call('SET', 'soon', 'v', 'PX', '1');
        t.match(await listener.reply(), 'soon', `by itself, on ${port}`);
        actor.close();
        listener.close();
      }
    });

    t.test('to monitors', async (t) => {
      const lines = [
        'SET k v',
        String.raw`SET "a b" "\"\\\r\n\x00\xff\x07"`,
        'GET k',
        'NOSUCH',
        'GET',
        'HGET k f',
        'SELECT 2',
        'GET k',
        'MULTI',
        'INCR n',
        'GET n',
        'EXEC',
        'MULTI',
        'SET x 1',
        'DISCARD',
        'AUTH secret',
        'AUTH user secret',
        'HELLO 2 AUTH default secret SETNAME me',
        'CONFIG GET port',
        'PING',
        'CLIENT ID',
        'CLIENT LIST',
        'PUBLISH a b',
        'INFO server',
        'COMMAND COUNT',
      ];
      t.strictSame(await watched(tutti.port, lines), await watched(redis.port, lines));
    });
  },
);
