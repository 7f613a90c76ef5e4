// Rights that are withdrawn while a command waits: it is refused when it would be served, as in Redis 7.2.

import t from 'tap';
import type { Connection } from '../helpers/server.ts';
import { connect, info, noKey, start, until } from './users.ts';

/** What waits, what would serve it, and what then must be there still. */
const waits = [
  { waits: 'BLPOP k 0', fills: 'RPUSH k v', stays: 'LLEN k' },
  { waits: 'BRPOP other k 0', fills: 'RPUSH k v', stays: 'LLEN k' },
  { waits: 'BLMOVE k to LEFT RIGHT 0', fills: 'RPUSH k v', stays: 'LLEN k' },
  { waits: 'BRPOPLPUSH k to 0', fills: 'RPUSH k v', stays: 'LLEN k' },
  { waits: 'BLMPOP 0 1 k LEFT', fills: 'RPUSH k v', stays: 'LLEN k' },
  { waits: 'BZPOPMIN k 0', fills: 'ZADD k 1 v', stays: 'ZCARD k' },
  { waits: 'BZMPOP 0 1 k MAX', fills: 'ZADD k 1 v', stays: 'ZCARD k' },
  { waits: 'XREAD BLOCK 0 STREAMS k $', fills: 'XADD k * f v', stays: 'XLEN k' },
] as const;

const send = (connection: Connection, line: string) => connection.send(...line.split(' '));
const ask = (connection: Connection, line: string) => connection.request(...line.split(' '));
const blocked = (admin: Connection, count: number) =>
  until(async () => (await info(admin, 'clients'))['blocked_clients'] === `${count}`);

t.test('what waits is refused when it would be served', async (t) => {
  const server = await start(t);
  const [admin, worker, next] = (await connect(t, server, 3)) as [
    Connection,
    Connection,
    Connection,
  ];
  await ask(admin, 'ACL SETUSER sim on nopass +@all ~*');
  await ask(worker, 'AUTH sim x');
  for (const { waits: wait, fills, stays } of waits) {
    const name = wait.split(' ')[0]!.toLowerCase();
    for (const [rules, complaint, object] of [
      ['resetkeys ~other ~to', noKey, 'k'],
      [`-${name}`, `NOPERM User sim has no permissions to run the '${name}' command`, name],
    ] as const) {
      await ask(admin, 'FLUSHALL');
      await ask(admin, 'ACL SETUSER sim reset on nopass +@all ~*');
      await ask(admin, 'CONFIG RESETSTAT');
      await ask(admin, 'ACL LOG RESET');
      send(worker, wait);
      await blocked(admin, 1);
      send(next, wait);
      await blocked(admin, 2);
      await ask(admin, `ACL SETUSER sim ${rules}`);
      t.equal((await info(admin, 'clients'))['blocked_clients'], '2', 'it waits still');
      await ask(admin, fills);
      t.match(await worker.reply(), { message: complaint }, `${wait}: ${rules}`);
      t.ok(await next.reply(), 'who waits behind it is served');
      await blocked(admin, 0);
      const { [`cmdstat_${name}`]: figures } = await info(admin, 'commandstats');
      t.match(figures, /calls=1,.*rejected_calls=1,failed_calls=0/);
      const [entry] = (await ask(admin, 'ACL LOG')) as string[][];
      t.strictSame(entry?.slice(2, 10), [
        ...['reason', object === 'k' ? 'key' : 'command', 'context', 'toplevel'],
        ...['object', object, 'username', 'sim'],
      ]);

      // Without anybody else what would have been taken stays.
      await ask(admin, 'FLUSHALL');
      await ask(admin, 'ACL SETUSER sim reset on nopass +@all ~*');
      send(worker, wait);
      await blocked(admin, 1);
      await ask(admin, `ACL SETUSER sim ${rules}`);
      await ask(admin, fills);
      t.match(await worker.reply(), { message: complaint });
      t.equal(await ask(admin, stays), 1);
      t.equal(await ask(admin, 'EXISTS to'), 0);
    }
  }
});

t.test('rights that come back, and waits that end of themselves', async (t) => {
  const server = await start(t);
  const [admin, worker] = (await connect(t, server, 2)) as [Connection, Connection];
  await ask(admin, 'ACL SETUSER sim on nopass +@all ~*');
  await ask(worker, 'AUTH sim x');
  send(worker, 'BLPOP k 0');
  await blocked(admin, 1);
  await ask(admin, 'ACL SETUSER sim resetkeys');
  await ask(admin, 'ACL SETUSER sim ~k');
  await ask(admin, 'RPUSH k v');
  t.strictSame(await worker.reply(), ['k', 'v']);

  send(worker, 'BLPOP k 0.3');
  await blocked(admin, 1);
  await ask(admin, 'ACL SETUSER sim resetkeys -@all +wait');
  t.equal(await worker.reply(), null, 'its time is over: nothing is refused');
  send(worker, 'WAIT 1 100');
  await blocked(admin, 1);
  await ask(admin, 'ACL SETUSER sim -@all');
  t.equal(await worker.reply(), 0, 'WAIT takes nothing');

  await ask(admin, 'ACL SETUSER sim reset on nopass +@all ~*');
  send(worker, 'BLPOP k 0');
  await blocked(admin, 1);
  await ask(admin, 'ACL SETUSER sim off resetpass');
  await ask(admin, 'RPUSH k v');
  t.strictSame(await worker.reply(), ['k', 'v'], 'who is logged in stays so');
  send(worker, 'BLPOP k 0');
  await blocked(admin, 1);
  await ask(admin, 'ACL DELUSER sim');
  t.equal(await worker.reply(), undefined);
  await blocked(admin, 0);
});

t.test('what takes memory is refused when there is none', async (t) => {
  const server = await start(t);
  const [admin, worker] = (await connect(t, server, 2)) as [Connection, Connection];
  for (const wait of ['BLMOVE k to LEFT RIGHT 0', 'BRPOPLPUSH k to 0', 'BLPOP k 0']) {
    await ask(admin, 'CONFIG SET maxmemory 0');
    await ask(admin, 'FLUSHALL');
    await ask(admin, 'RPUSH source v');
    send(worker, wait);
    await blocked(admin, 1);
    await ask(admin, 'CONFIG SET maxmemory 1');
    await ask(admin, 'RENAME source k');
    const reply = await worker.reply();
    if (wait.startsWith('BLPOP')) {
      t.strictSame(reply, ['k', 'v'], 'it gives memory back');
    } else {
      t.match(reply, { message: "OOM command not allowed when used memory > 'maxmemory'." });
      t.equal(await ask(admin, 'LLEN k'), 1);
    }
  }
});
