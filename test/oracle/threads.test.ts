// What clients do to each other, with all of them on one I/O thread and on several: as Debian's
// redis-server has it, which knows no difference.

import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startServer } from '../helpers/server.ts';
import { encodeLine } from './notation.ts';

/**
 * Parted by ` / `: `a: command` is sent and answered, `a> command` blocks, `a- command` is not
 * answered, `a<` is what comes to `a` without being asked for, `a!` its end. `{b}` is the number of
 * client `b`, `{b.addr}` its address.
 */
const conversations = [
  'a: CLIENT KILL ID {b} / b! / a: CLIENT KILL ID {b} / c: PING',
  'a: CLIENT KILL ADDR {b.addr} / b! / c: PING',
  'a: CLIENT KILL {b.addr} / b! / a: CLIENT KILL {b.addr}',
  'a: CLIENT KILL ID {b} ADDR {c.addr} / b: PING / c: PING',
  'a: CLIENT KILL ID {b} USER default / b!',
  'a: CLIENT KILL ID {b} TYPE pubsub / b: PING / b: SUBSCRIBE x / a: CLIENT KILL ID {b} TYPE normal / a: CLIENT KILL ID {b} TYPE pubsub / b!',
  'b: SUBSCRIBE x / a: CLIENT KILL TYPE pubsub / b! / a: PUBLISH x 1 / c: PING',
  'b: MONITOR / a: CLIENT KILL ID {b} / b! / a: PING',
  'a: CLIENT KILL ID {a} / a: PING',
  'a: CLIENT KILL ID {a} SKIPME no / a!',
  'b: MULTI / b: SET k v / a: CLIENT KILL ID {b} / b! / a: EXISTS k',
  'b> BLPOP l 0 / a: CLIENT KILL ID {b} / b! / a: RPUSH l 1 / a: LLEN l',
  'b> BLPOP l 0 / a: CLIENT UNBLOCK {b} / b< / b: PING / a: RPUSH l 1 / a: LLEN l',
  'b> BLPOP l 0 / a: CLIENT UNBLOCK {b} ERROR / b< / a: CLIENT UNBLOCK {b}',
  'b> XREAD BLOCK 0 STREAMS s $ / a: CLIENT UNBLOCK {b} TIMEOUT / b<',
  'b> BZPOPMIN z 0 / c> BLPOP l 0 / a: CLIENT UNBLOCK {c} / c< / a: ZADD z 1 m / b<',
  'a: CLIENT UNBLOCK {b} / a: CLIENT UNBLOCK 99999999',
  'b> BLPOP l 0 / a: CLIENT LIST ID {b} / a: RPUSH l 1 / b<',
  'b: SELECT 3 / b: CLIENT SETNAME me / a: CLIENT LIST ID {b} {c}',
  'b: MULTI / b: GET k / b: GET k / a: CLIENT LIST ID {b}',
  'b: SUBSCRIBE x y / b< / b: PSUBSCRIBE z* / a: CLIENT LIST ID {b} / a: CLIENT LIST TYPE pubsub',
  'b: CLIENT NO-EVICT ON / a: CLIENT LIST ID {b} / b: CLIENT NO-EVICT OFF / a: CLIENT LIST ID {b}',
  'b: HELLO 3 SETNAME me / a: CLIENT LIST ID {b} / b: RESET / a: CLIENT LIST ID {b}',
  'b: SUBSCRIBE x / b: RESET / a: PUBLISH x 1 / b: PING',
  'b: MONITOR / b: RESET / a: SET k v / b: GET k',
  'b: WATCH k / b: RESET / a: SET k v / b: MULTI / b: GET k / b: EXEC',
  'b- CLIENT REPLY OFF / b- SET k v / b: CLIENT REPLY ON / a: GET k / b: GET k',
  'b- CLIENT REPLY SKIP / b- SET k v / b: GET k / a: GET k',
  'b- CLIENT REPLY OFF / b- CLIENT REPLY SKIP / b- PING / b: CLIENT REPLY ON / b: PING',
  'b: CLIENT GETREDIR / b: CLIENT TRACKINGINFO / b: CLIENT CACHING YES / b: CLIENT CACHING x',
  'a: MULTI / a: BLPOP l 1 / a: BRPOPLPUSH l m 0 / a: BZPOPMIN z 0 / a: EXEC',
  'b> BLPOP l 0 / a: MULTI / a: RPUSH l 1 2 / a: LPOP l / a: EXEC / b: PING',
  'b> BLPOP l 0 / a: MULTI / a: RPUSH l 1 2 / a: LLEN l / a: EXEC / b< / a: LRANGE l 0 -1',
  'b> BLPOP l 0 / c> BLPOP l 0 / a: RPUSH l 1 2 3 / b< / c< / a: LRANGE l 0 -1',
  'b> BLPOP l m 0 / c> BRPOP m 0 / a: MULTI / a: RPUSH m 1 2 / a: RPUSH n 3 / a: EXEC / b< / c< / a: LLEN m / a: LLEN n',
  'b> BLMOVE l m LEFT RIGHT 0 / c> BLPOP m 0 / a: RPUSH l x / b< / c< / a: EXISTS l m',
  'b> BLMOVE l l LEFT RIGHT 0 / a: RPUSH l x y / b< / a: LRANGE l 0 -1',
  'b> BLMPOP 0 2 l m LEFT COUNT 2 / a: RPUSH m 1 2 3 / b< / a: LRANGE m 0 -1',
  'b> BLPOP l 0 / a: SET l x / a: DEL l / a: RPUSH l y / b<',
  'b> BLPOP l 0 / a: RPUSH other 1 / a: RENAME other l / b<',
  'b> BLPOP l 0 / a: SELECT 1 / a: RPUSH l 1 / a: SWAPDB 0 1 / b<',
  'b> XREAD BLOCK 0 STREAMS s $ / c> XREAD BLOCK 0 STREAMS s $ / a: XADD s 1-1 f v / b< / c<',
  'b: SUBSCRIBE x / c: SUBSCRIBE x / a: PUBLISH x 1 / b: PING / b< / c<',
  'b: SUBSCRIBE x y / b< / a: PUBLISH x 1 / c: PUBLISH y 2 / a: PUBLISH x 3 / b< / b< / b<',
  'b: PSUBSCRIBE * / a: MULTI / a: PUBLISH x 1 / a: PUBLISH y 2 / a: EXEC / b< / b<',
  'b: SUBSCRIBE x / a: PUBSUB NUMSUB x y / a: PUBSUB CHANNELS / b: UNSUBSCRIBE / a: PUBSUB NUMSUB x / a: PUBLISH x 1',
  'b: SSUBSCRIBE x / a: SPUBLISH x 1 / b< / a: PUBSUB SHARDNUMSUB x',
  'b: MONITOR / a: SET k 1 / c: SET k 2 / a: GET k / b< / b< / b<',
  'b: MONITOR / a: MULTI / a: SET k 1 / a: GET k / a: EXEC / b< / b< / b< / b<',
  'b: MONITOR / c> BLPOP l 0 / a: RPUSH l 1 / c<',
  'a: MULTI / a: SET k a / b: SET k b / a: EXEC / b: GET k / c: GET k',
  'a: WATCH k / b: MULTI / b: SET k b / b: DEL k / b: EXEC / a: MULTI / a: PING / a: EXEC',
  'a: CONFIG SET maxmemory-policy allkeys-lfu / b: CONFIG GET maxmemory-policy / c: CONFIG SET maxmemory-policy noeviction / a: CONFIG GET maxmemory-policy',
  'a: ACL SETUSER u on nopass ~* +@all / b: AUTH u x / c: ACL DELUSER u / b! / a: ACL WHOAMI',
  'a: CLIENT PAUSE 100000 WRITE / b: GET k / c: CLIENT UNPAUSE / b: SET k v / a: GET k',
];

/** Of a line of CLIENT LIST what servers agree on. */
const shown = ['name', 'flags', 'db', 'sub', 'psub', 'multi', 'cmd', 'user', 'resp'];

function masked(reply: string): string {
  return reply
    .replace(/id=\d+ addr=.*/g, (line) =>
      line
        .split(' ')
        .filter((field) => shown.includes(field.split('=')[0] ?? ''))
        .join(' '),
    )
    .replace(/^\$\d+\r\n(name=)/, '$1')
    .replace(/^\+\d+\.\d{6} \[(\d+) 127\.0\.0\.1:\d+\]/, '+TIME [$1 ADDRESS]')
    .replace(/^(%7\r\n)[\s\S]*/, '$1');
}

async function blockedCount(observer: RawClient): Promise<number> {
  return Number(/blocked_clients:(\d+)/.exec(await observer.call('INFO', 'clients'))?.[1]);
}

/** @param lookMs Before each CLIENT LIST. */
async function converse(port: number, conversation: string, lookMs = 0): Promise<string[]> {
  const observer = await RawClient.connect(port);
  await observer.call('FLUSHALL');
  const clients = new Map<string, { client: RawClient; id: string; addr: string }>();
  for (const who of ['a', 'b', 'c']) {
    const client = await RawClient.connect(port);
    const line = await client.call('CLIENT', 'INFO');
    const [, id = '', addr = ''] = /id=(\d+) addr=(\S+)/.exec(line) ?? [];
    clients.set(who, { client, id, addr });
  }
  const named = (text: string) =>
    text.replace(/\{([abc])(\.addr)?\}/g, (_, who: string, asAddress?: string) => {
      const { id = '', addr = '' } = clients.get(who) ?? {};
      return asAddress ? addr : id;
    });
  const heard: string[] = [];
  for (const turn of conversation.split(' / ')) {
    const client = clients.get(turn[0] ?? '')?.client;
    if (!client) throw new Error(`nobody speaks in '${turn}'`);
    const command = encodeLine(named(turn.slice(3)));
    if (lookMs > 0 && turn.includes('CLIENT LIST')) await delay(lookMs);
    switch (turn[1]) {
      case ':':
        client.send(command);
        heard.push(`${turn} -> ${masked(await client.reply())}`);
        break;
      case '<':
        heard.push(`${turn} -> ${masked(await client.reply())}`);
        break;
      case '!':
        heard.push(`${turn} -> ${(await client.repliesUntilClose()).join('')}`);
        break;
      case '-':
        client.send(command);
        break;
      default: {
        const before = await blockedCount(observer);
        client.send(command);
        while ((await blockedCount(observer)) === before) await delay(1);
      }
    }
  }
  for (const { client } of [{ client: observer }, ...clients.values()]) client.close();
  return heard;
}

t.test(
  'clients of one thread and of several',
  { skip: missingPrograms('redis-server') },
  async (t) => {
    const redis = await startRedis();
    t.teardown(() => redis.stop());
    for (const threads of ['1', '4']) {
      const tutti = await startServer(['--save', '', '--io-threads', threads]);
      t.teardown(() => tutti.stop());
      t.test(`--io-threads ${threads}`, async (t) => {
        for (const conversation of conversations) {
          t.test(conversation, async (t) => {
            const wanted = await converse(redis.port, conversation);
            let got = await converse(tutti.port, conversation);
            // The last command of a client that has just come is told a little later.
            const looks = conversation.includes('CLIENT LIST');
            for (let tries = 0; looks && tries < 5 && got.join() !== wanted.join(); tries++)
              got = await converse(tutti.port, conversation, 1200);
            t.strictSame(got, wanted);
          });
        }
      });
    }
  },
);

t.test('SHUTDOWN ends clients that wait on any thread', async (t) => {
  const server = await startServer(['--save', '', '--io-threads', '4']);
  const waiting: RawClient[] = [];
  for (let i = 0; i < 8; i++) {
    const client = await RawClient.connect(server.port);
    client.send(encodeLine('BLPOP l 0'));
    waiting.push(client);
  }
  const control = await RawClient.connect(server.port);
  while ((await blockedCount(control)) < waiting.length) await delay(1);
  control.send(encodeLine('SHUTDOWN NOSAVE'));
  t.strictSame(await control.repliesUntilClose(), []);
  for (const client of waiting) t.strictSame(await client.repliesUntilClose(), []);
  t.strictSame(await server.ended, { status: 0, signal: null });
});
