// Append-only files that were rewritten while clients wrote: what a server of ours wrote, redis-server
// holds, and the other way round. TUTTI_JOURNAL_SEED is as in journal.test.ts.

import t from 'tap';
import { fact, kill, newFolder, startJournal, waitUntil } from '../helpers/journal.ts';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { Connection } from '../helpers/server.ts';
import { Dice, type Family, randomCommand } from '../oracle/random-commands.ts';
import { request } from '../oracle/replies.ts';

const seed = Number(process.env.TUTTI_JOURNAL_SEED ?? 7);
const families: readonly Family[] = ['string', 'bits', 'hash', 'list', 'set', 'zset', 'stream'];
const COMMANDS_AT_A_TIME = 20;
const REWRITES = 3;
const FILLER_KEYS = 300;
const FILLER_DATABASE = '9';

t.setTimeout(600_000);

/** A server with an append-only file of either kind. */
interface Running {
  readonly port: number;
  end(): Promise<void>;
}

type Start = (folder: string, preamble: string) => Promise<Running>;

const args = (preamble: string) => [
  ...['--appendfsync', 'always', '--aof-use-rdb-preamble', preamble],
  // A rewrite of the keys that are there takes a while.
  ...['--rdb-key-save-delay', '1000'],
];

/** Says commands at random, now and then in a transaction or another database, until `isOver`. */
async function write(port: number, id: number, isOver: () => boolean): Promise<number> {
  const client = await RawClient.connect(port);
  const dice = new Dice(seed + 104_729 * id);
  let count = 0;
  while (!isOver()) {
    const requests: Buffer[] = [];
    if (dice.oneIn(4)) requests.push(request('SELECT', `${dice.roll(3)}`));
    const isTransaction = dice.oneIn(4);
    if (isTransaction) requests.push(request('MULTI'));
    for (let k = 0; k < COMMANDS_AT_A_TIME; k++) {
      requests.push(request(...randomCommand(dice.pick(families), dice).words));
    }
    if (isTransaction) requests.push(request('EXEC'));
    client.send(Buffer.concat(requests));
    for (const _ of requests) await client.reply();
    count += requests.length;
  }
  client.close();
  return count;
}

/** Nothing expires any more. @returns What all databases hold. */
async function digest(connection: Connection): Promise<string> {
  for (let db = 0; db < 3; db++) {
    await connection.request('SELECT', db);
    for (const key of (await connection.request('KEYS', '*')) as string[])
      await connection.request('PERSIST', key);
  }
  return String(await connection.request('DEBUG', 'DIGEST'));
}

async function digestOf({ port }: Running): Promise<string> {
  const connection = await Connection.open(port);
  const text = await digest(connection);
  connection.close();
  return text;
}

t.test('with redis-server', { skip: missingPrograms('redis-server') }, async (t) => {
  const ours: Start = async (folder, preamble) => {
    const server = await startJournal(t, folder, '--io-threads', '2', ...args(preamble));
    t.notMatch(server.log(), /answered errors/);
    return { port: server.port, end: () => kill(server) };
  };
  const theirs: Start = async (folder, preamble) => {
    const own = ['--dir', folder, '--appendonly', 'yes', '--enable-debug-command', 'local'];
    const redis = await startRedis([...own, ...args(preamble)]);
    return { port: redis.port, end: () => redis.stop() };
  };
  for (const [title, writer, reader] of [
    ['ours are read by redis-server', ours, theirs],
    ['those of redis-server are read by ours', theirs, ours],
  ] as const) {
    for (const preamble of ['yes', 'no']) {
      t.test(`${title}, RDB base ${preamble}`, async (t) => {
        t.comment(`TUTTI_JOURNAL_SEED=${seed}`);
        const folder = newFolder(t);
        const server = await writer(folder, preamble);
        const observer = await Connection.open(server.port);
        await observer.request('SELECT', FILLER_DATABASE);
        for (let i = 0; i < FILLER_KEYS; i++) await observer.request('SET', `filler${i}`, i);
        let isOver = false;
        const writers = [0, 1, 2, 3].map((id) => write(server.port, id, () => isOver));
        for (let i = 0; i < REWRITES; i++) {
          await observer.request('BGREWRITEAOF');
          await waitUntil(
            'the end of the rewrite',
            async () => (await fact(observer, 'aof_rewrite_in_progress')) === '0',
          );
        }
        t.equal(await fact(observer, 'aof_rewrites'), `${REWRITES + (writer === ours ? 1 : 0)}`);
        isOver = true;
        const counts = await Promise.all(writers);
        t.ok(Math.min(...counts) > COMMANDS_AT_A_TIME, `${counts.join(', ')} commands`);
        const expected = await digest(observer);
        t.not(expected, '0'.repeat(40));
        observer.close();
        await server.end();

        for (const start of [reader, writer]) {
          const again = await start(folder, preamble);
          t.equal(await digestOf(again), expected, start === reader ? 'the other' : 'the same');
          await again.end();
        }
      });
    }
  }
});
