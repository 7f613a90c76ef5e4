// The oracle: the same bytes to Debian's redis-server and to Tutti, and the same bytes back.

import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startServer } from '../helpers/server.ts';
import { differences } from './differences.ts';
import { eventConversations, eventScenarios } from './event-table.ts';
import { encodeLine } from './notation.ts';
import { play } from './play.ts';
import { conversations, scenarios } from './table.ts';

/** How many clients the server says are blocked. */
async function blockedCount(observer: RawClient): Promise<number> {
  return Number(/blocked_clients:(\d+)/.exec(await observer.call('INFO', 'clients'))?.[1]);
}

/** Plays `who: command / who: command`, each sent when the last is answered; `who> command` blocks. */
async function converse(port: number, conversation: string, resp: 2 | 3): Promise<string[]> {
  const clients = new Map<string, RawClient>();
  const observer = await RawClient.connect(port);
  for (const who of ['a', 'b', 'c']) {
    const client = await RawClient.connect(port);
    clients.set(who, client);
    if (resp === 3) await client.call('HELLO', 3);
    await client.call('FLUSHALL');
  }
  const replies: string[] = [];
  for (const turn of conversation.split(' / ')) {
    const client = clients.get(turn[0] ?? '');
    if (!client) throw new Error(`nobody speaks in '${turn}'`);
    if (turn[1] === '>') {
      const before = await blockedCount(observer);
      client.send(encodeLine(turn.slice(3)));
      while ((await blockedCount(observer)) === before) await delay(1);
      continue;
    }
    // Of what was sent before: a message, or what a blocked command waited for.
    if (turn.slice(3) !== '<') client.send(encodeLine(turn.slice(3)));
    replies.push(`${turn} -> ${await client.reply()}`);
  }
  for (const client of [observer, ...clients.values()]) client.close();
  return replies;
}

t.test('answers as redis-server does', { skip: missingPrograms('redis-server') }, async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const tutti = await startServer(['--save', '', '--appendonly', 'no']);
  t.teardown(() => tutti.stop());

  for (const resp of [2, 3] as const) {
    t.test(`in RESP${resp}`, async (t) => {
      for (const scenario of [...scenarios, ...eventScenarios]) {
        const wanted = await play(redis.port, scenario, resp);
        t.strictSame(await play(tutti.port, scenario, resp), wanted, scenario.title.slice(0, 120));
      }
    });

    t.test(`in RESP${resp}, between two clients`, async (t) => {
      for (const conversation of [...conversations, ...eventConversations]) {
        const wanted = await converse(redis.port, conversation, resp);
        t.strictSame(await converse(tutti.port, conversation, resp), wanted, conversation);
      }
    });
  }

  t.test('and where 7.2 differs from 7.0, as 7.2', async (t) => {
    for (const { line, redis70, redis72, reason } of differences) {
      const scenario = { title: line, bytes: encodeLine(line), endsByQuit: true };
      const wanted = redis.version === '7.0' ? redis70 : redis72;
      t.equal(
        (await play(redis.port, scenario, 2))[0],
        wanted,
        `redis-server ${redis.version}: ${line}`,
      );
      t.equal((await play(tutti.port, scenario, 2))[0], redis72, `${line}: ${reason}`);
    }
  });
});
