// XINFO GROUPS and CONSUMERS: streams made at random in Debian's redis-server and restored in ours.

import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { Connection, startServer, type Value } from '../helpers/server.ts';
import { Dice } from '../oracle/random-commands.ts';

const seed = Number(process.env.TUTTI_ORACLE_SEED ?? 1);
const ROUNDS = 60;
const STEPS = 25;

/** A stream `s` with deletions, groups whose place is set by hand, and entries not acknowledged. */
async function makeStream(redis: Connection, dice: Dice): Promise<void> {
  await redis.request('DEL', 's');
  await redis.request('XADD', 's', '1-1', 'f', 'v');
  const id = () => `${1 + dice.roll(9)}-${dice.roll(3)}`;
  const group = () => `g${dice.roll(3)}`;
  for (let step = 0; step < STEPS; step++) {
    const commands: readonly (readonly (string | number)[])[] = [
      ['XADD', 's', `${2 + step}-1`, 'f', 'v'],
      ['XDEL', 's', id()],
      ['XTRIM', 's', 'MAXLEN', dice.roll(6)],
      ['XGROUP', 'CREATE', 's', group(), id()],
      ['XGROUP', 'CREATE', 's', group(), '$'],
      ['XGROUP', 'SETID', 's', group(), id(), 'ENTRIESREAD', dice.roll(9)],
      ['XGROUP', 'CREATECONSUMER', 's', group(), `idle${dice.roll(3)}`],
      ['XREADGROUP', 'GROUP', group(), `c${dice.roll(3)}`, 'COUNT', 2, 'STREAMS', 's', '>'],
      ['XACK', 's', group(), id()],
    ];
    const command = commands[dice.roll(commands.length)] ?? [];
    await redis.request(...command).catch(() => undefined); // no such group, or there is one
  }
}

/** Replies without what goes by the clock, and without what 7.0 does not tell. */
function timeless(consumers: Value): unknown {
  return (consumers as Value[][]).map((fields) => fields.slice(0, 4));
}

t.test('beside redis-server', { skip: missingPrograms('redis-server') }, async (t) => {
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

  t.test(`tells of groups as they were loaded, seed ${seed}`, async (t) => {
    const lags = new Set<unknown>();
    let consumerCount = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await makeStream(theirs, new Dice(seed + 7919 * round));
      theirs.send('DUMP', 's');
      const payload = (await theirs.binaryReply()) as Buffer;
      t.equal(await ours.request('RESTORE', 's', 0, payload, 'REPLACE'), 'OK');
      const groups = (await theirs.request('XINFO', 'GROUPS', 's')) as Value[][];
      t.strictSame(await ours.request('XINFO', 'GROUPS', 's'), groups, `round ${round}`);
      t.strictSame(
        (await ours.request('XINFO', 'STREAM', 's')) as Value[],
        await theirs.request('XINFO', 'STREAM', 's'),
      );
      for (const [, name, , , , , , , , , , lag] of groups) {
        lags.add(lag);
        const words = ['XINFO', 'CONSUMERS', 's', String(name)] as const;
        const consumers = await ours.request(...words);
        t.strictSame(timeless(consumers), timeless(await theirs.request(...words)));
        for (const [, , , , idleName, idle, inactiveName, inactive] of consumers as Value[][]) {
          consumerCount++;
          t.strictSame([idleName, inactiveName], ['idle', 'inactive']);
          t.ok(Number(idle) >= 0 && Number(idle) < 60_000 && inactive === idle);
        }
      }
    }
    t.ok(lags.has(null) && lags.has(0) && lags.size > 4, 'lags of every kind');
    t.ok(consumerCount > ROUNDS);
  });

  t.test('refuses as redis-server does', async (t) => {
    for (const connection of [ours, theirs]) {
      await connection.request('FLUSHALL');
      await connection.request('SET', 'k', 'v');
      await connection.request('XADD', 's', '1-1', 'f', 'v');
    }
    t.strictSame(await ours.request('XINFO', 'GROUPS', 's'), []);
    for (const words of [
      ['XINFO', 'GROUPS', 'k'],
      ['XINFO', 'GROUPS', 'nosuch'],
      ['XINFO', 'GROUPS'],
      ['XINFO', 'GROUPS', 's', 'more'],
      ['XINFO', 'CONSUMERS', 'k', 'g'],
      ['XINFO', 'CONSUMERS', 'nosuch', 'g'],
      ['XINFO', 'CONSUMERS', 's', 'g'],
      ['XINFO', 'CONSUMERS', 's'],
    ]) {
      t.equal(await ours.refusal(...words), await theirs.refusal(...words), words.join(' '));
    }
  });
});
