// What becomes of keys that have expired when nothing but commands deletes them, as of Debian's
// redis-server: who finds one deletes it, tells of it and counts it.

import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startServer } from '../helpers/server.ts';
import { encodeLine, table } from './notation.ts';
import { play } from './play.ts';

/** Follows `DEBUG SET-ACTIVE-EXPIRE 0` and is followed by a wait, after which its keys have expired. */
const first = [
  'SET k v PX 1',
  'SET k v PX 1 ; SET l v PX 1 ; SET stays v',
  'SADD {t}s a ; PEXPIRE {t}s 1 ; SADD {t}m a b ; RPUSH {t}l a ; PEXPIRE {t}l 1 ; RPUSH {t}r a b',
] as const;

const found = (before: string, lines: string): string =>
  lines
    .trim()
    .split('\n')
    .map((line) => `DEBUG SET-ACTIVE-EXPIRE 0 ; ${before} ; DEBUG SLEEP 0.02 ; ${line.trim()}`)
    .join('\n');

const scenarios = [
  found(
    first[0],
    `
    WATCH k ; MULTI ; PING ; EXEC
    WATCH k ; GET k ; MULTI ; PING ; EXEC
    WATCH k ; DBSIZE
    WATCH k ; SET k w ; DEL k ; MULTI ; PING ; EXEC
    WATCH k ; FLUSHALL ; MULTI ; PING ; EXEC
    WATCH k ; SWAPDB 0 1 ; MULTI ; PING ; EXEC
    MULTI ; GET k ; DBSIZE ; EXEC
    TTL k ; DBSIZE
    TYPE k ; DBSIZE
    OBJECT ENCODING k ; DBSIZE
    EXISTS k ; DBSIZE
    TOUCH k ; DBSIZE
    STRLEN k ; DBSIZE
    DUMP k ; DBSIZE
    MGET a k b ; DBSIZE
    COPY k b ; DBSIZE
    RENAME k b ; DBSIZE
    SET b v ; RENAMENX b k ; DBSIZE ; TTL k
    SORT k ; DBSIZE
    KEYS * ; DBSIZE
    SCAN 0 COUNT 1000 MATCH no ; DBSIZE
    SCAN 0 COUNT 1000 TYPE list ; DBSIZE
    SCAN 0 COUNT 1000 ; DBSIZE
    SET k w ; PTTL k
    APPEND k w ; GET k
    HGET k f ; DBSIZE
    LRANGE k 0 -1 ; DBSIZE
  `,
  ),
  found(
    first[1],
    `
    DBSIZE ; GET k ; DBSIZE ; EXISTS l ; DBSIZE
    RANDOMKEY ; RANDOMKEY ; RANDOMKEY
    SCAN 0 COUNT 1000 ; DBSIZE
    BITOP OR d k l ; DBSIZE
    MSETNX k 1 l 2 ; DBSIZE
  `,
  ),
  found(
    first[2],
    `
    SMOVE {t}m {t}s a ; SMEMBERS {t}s ; TTL {t}s
    SUNIONSTORE {t}d {t}m {t}s ; SCARD {t}d ; DBSIZE
    SUNIONSTORE {t}d {t}s ; DBSIZE
    LMOVE {t}r {t}l LEFT RIGHT ; LRANGE {t}l 0 -1 ; TTL {t}l
    LMOVE {t}l {t}r LEFT RIGHT ; DBSIZE
    SMISMEMBER {t}s a b ; LLEN {t}l ; DBSIZE
  `,
  ),
  `
    SET k v PX 20 ; WATCH k ; DEBUG SLEEP 0.05 ; MULTI ; PING ; EXEC
    DEBUG SET-ACTIVE-EXPIRE 0 ; SET k v PX 20 ; WATCH k ; DEBUG SLEEP 0.05 ; MULTI ; PING ; EXEC
    DEBUG SET-ACTIVE-EXPIRE 0 ; SET k v PX 20 ; WATCH k ; DEBUG SLEEP 0.05 ; GET k ; MULTI ; PING ; EXEC
    MULTI ; SET k v PX 10 ; CLIENT PAUSE 100000 WRITE ; EXEC ; DEBUG SLEEP 0.3 ; GET k ; DBSIZE ; CLIENT UNPAUSE ; GET k ; DBSIZE
  `,
].flatMap((lines) => table(lines));

/** What these commands add to `expired_keys`, and are told of as events, with active expiry off. */
async function effects(port: number, line: string): Promise<string[]> {
  const actor = await RawClient.connect(port);
  const listener = await RawClient.connect(port);
  const expired = async () =>
    Number(/expired_keys:(\d+)/.exec(await actor.call('INFO', 'stats'))?.[1]);
  await actor.call('FLUSHALL');
  await actor.call('DEBUG', 'SET-ACTIVE-EXPIRE', 0);
  await actor.call('SET', 'k', 'v', 'PX', 1);
  await actor.call('DEBUG', 'SLEEP', '0.02');
  await actor.call('CONFIG', 'SET', 'notify-keyspace-events', 'KEAm');
  await listener.call('PSUBSCRIBE', '__keyevent@*');
  const before = await expired();
  actor.send(encodeLine(line));
  for (const _ of line.split(' ; ')) await actor.reply();
  const told = [`expired_keys +${(await expired()) - before}`];
  await actor.call('SET', 'end', 'v');
  for (;;) {
    const message = await listener.reply();
    if (message.includes('end\r\n')) break;
    told.push(message);
  }
  await actor.call('CONFIG', 'SET', 'notify-keyspace-events', '');
  for (const client of [actor, listener]) client.close();
  return told;
}

t.test(
  'finds expired keys as redis-server',
  { skip: missingPrograms('redis-server') },
  async (t) => {
    const redis = await startRedis(['--enable-debug-command', 'yes']);
    t.teardown(() => redis.stop());
    const tutti = await startServer(['--save', '', '--enable-debug-command', 'yes']);
    t.teardown(() => tutti.stop());

    for (const scenario of scenarios) {
      t.test(scenario.title, async (t) => {
        t.strictSame(await play(tutti.port, scenario, 2), await play(redis.port, scenario, 2));
      });
    }

    for (const line of [
      'GET k',
      'TTL k',
      'TYPE k',
      'OBJECT FREQ k',
      'EXISTS k',
      'GET k ; GET k',
      'TTL no ; PTTL no ; EXPIRETIME no ; TYPE no ; OBJECT ENCODING no',
      'WATCH k',
      'SET k w',
      'SCAN 0',
      'DEL k',
    ]) {
      t.test(`what '${line}' tells of an expired key`, async (t) => {
        t.strictSame(await effects(tutti.port, line), await effects(redis.port, line));
      });
    }
  },
);
