// The oracle at random: sequences of commands from a grammar, the same to Debian's redis-server and
// to Tutti; the replies must be equal, and so must what the keys hold at the end.
// The same sequences each time, so that a change is judged by itself: TUTTI_ORACLE_SEED=now looks at
// others, TUTTI_ORACLE_SEED=number repeats a run, TUTTI_ORACLE_SEQUENCES says how many there are, TUTTI_ORACLE_FAMILY of which kind.

import t, { type Test } from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startServer } from '../helpers/server.ts';
import {
  Dice,
  type Family,
  grammars,
  type RandomCommand,
  randomCommand,
  readBack,
  readBackOf,
  sequenceKeys,
} from './random-commands.ts';
import { request } from './replies.ts';
import { shape, sorted, sortedPairs, sortedScan } from './reply-values.ts';

const wantedSeed = process.env['TUTTI_ORACLE_SEED'] ?? '2';
const seed = wantedSeed === 'now' ? Date.now() % 2 ** 31 : Number(wantedSeed);
const sequenceCount = Number(process.env['TUTTI_ORACLE_SEQUENCES'] ?? 400);
const COMMANDS_A_SEQUENCE = 40;
/** Sequences that are under way at a time. */
const SEQUENCES_A_BATCH = 10;

/** Commands of many words: which of two wrong ones is complained of first is not promised. */
const anyComplaint = /^(X|BITPOS|LCS)/;

function masked({ words, order, isDamaged }: RandomCommand, reply: string): string {
  if (isDamaged && reply.startsWith('-ERR') && anyComplaint.test(words[0] ?? '')) return '-ERR';
  if (reply.startsWith('-')) return reply;
  if (order === 'unordered') return words[0] === 'HGETALL' ? sortedPairs(reply) : sorted(reply);
  if (order === 'shape') return shape(reply);
  if (order === 'scan') return sortedScan(reply, words[0] === 'HSCAN' || words[0] === 'ZSCAN');
  if (words[0] === 'XINFO') return withoutTree(reply);
  // Small integers are shared in Redis, but not where COPY has made one.
  if (words[1] === 'REFCOUNT') return reply.replace(/^:\d+/, ':n');
  if (words[0] === 'OBJECT') return withoutNewForms(words[2] ?? '', reply);
  return reply;
}

/** How Redis keeps a stream is its own affair. */
function withoutTree(reply: string): string {
  return reply.replace(/(radix-tree-(?:keys|nodes)\r\n):\d+/g, '$1');
}

/** Small lists and sets have a form in 7.2 that they have not in 7.0, and SORT leaves a small sorted set in its large form. */
function withoutNewForms(key: string, reply: string): string {
  // The large form of a hash is told apart all the same.
  const forms = key.startsWith('hash')
    ? /\$\d+\r\n(listpack|quicklist)/
    : /\$\d+\r\n(listpack|quicklist|hashtable|skiplist)/;
  return reply.replace(forms, '');
}

function encode(commands: readonly RandomCommand[]): Buffer {
  return Buffer.concat(commands.map(({ words }) => request(...words)));
}

const MOVED = 'moved';

/** What each of the two dumps, the other holds after a RESTORE: both hold the same then. @returns How many were dumped. */
async function checkDumps(t: Test, peers: readonly RawClient[]): Promise<number> {
  let count = 0;
  for (const key of sequenceKeys) {
    const payloads: Buffer[] = [];
    for (const peer of peers) payloads.push(payloadOf(await peer.call('DUMP', key)));
    for (const [i, peer] of peers.entries()) {
      const payload = payloads[1 - i] ?? Buffer.alloc(0);
      await peer.call('DEL', MOVED);
      if (payload.length === 0) continue;
      count++;
      const reply = await peer.call('RESTORE', MOVED, 0, payload);
      if (reply !== '+OK\r\n') t.equal(reply, '+OK\r\n', `RESTORE of ${key}, of peer ${1 - i}`);
    }
    for (const command of readBackOf(MOVED)) {
      const replies: string[] = [];
      for (const peer of peers) replies.push(masked(command, await peer.call(...command.words)));
      if (replies[0] !== replies[1]) t.equal(replies[1], replies[0], `${key}, moved`);
    }
  }
  return count;
}

/** The bytes of a bulk string; empty if it is nil. */
function payloadOf(reply: string): Buffer {
  if (!reply.startsWith('$') || reply.startsWith('$-1')) return Buffer.alloc(0);
  return Buffer.from(reply.slice(reply.indexOf('\n') + 1, -2), 'latin1');
}

/** All of a run, in ms; reached only where it hangs. */
t.setTimeout(300_000);

t.test(
  'answers random commands as redis-server does',
  {
    skip: missingPrograms('redis-server'),
    timeout: 300_000,
  },
  async (t) => {
    t.comment(`TUTTI_ORACLE_SEED=${seed}`);
    const redis = await startRedis(['--enable-debug-command', 'yes']);
    t.teardown(() => redis.stop());
    const tutti = await startServer(['--save', '', '--enable-debug-command', 'yes']);
    t.teardown(() => tutti.stop());

    const { TUTTI_ORACLE_FAMILY: onlyFamily } = process.env;
    for (const family of Object.keys(grammars) as Family[]) {
      if (onlyFamily !== undefined && family !== onlyFamily) continue;
      t.test(family, { timeout: 300_000 }, async (t) => {
        const peers = [await RawClient.connect(redis.port), await RawClient.connect(tutti.port)];
        t.teardown(() => {
          for (const peer of peers) peer.close();
        });
        let dumpCount = 0;
        const flush: RandomCommand = { words: ['FLUSHALL'], order: 'exact' };
        for (let first = 0; first < sequenceCount; first += SEQUENCES_A_BATCH) {
          const batch: RandomCommand[] = [];
          for (let i = first; i < first + SEQUENCES_A_BATCH; i++) {
            const dice = new Dice(seed + 7919 * i);
            batch.push(flush, { words: ['HELLO', dice.pick(['2', '3'])], order: 'shape' });
            for (let k = 0; k < COMMANDS_A_SEQUENCE; k++) batch.push(randomCommand(family, dice));
            batch.push(...readBack);
          }
          for (const peer of peers) peer.send(encode(batch));
          let start = 0;
          for (const [index, command] of batch.entries()) {
            if (command === flush) start = index;
            const replies: string[] = [];
            for (const peer of peers) replies.push(masked(command, await peer.reply()));
            if (command.words[0] === 'HELLO' || replies[0] === replies[1]) continue;
            t.equal(
              replies[1]?.slice(0, 2000),
              replies[0]?.slice(0, 2000),
              command.words.join(' ').slice(0, 300),
            );
            t.comment(
              batch
                .slice(start, index + 1)
                .map(({ words }) =>
                  words.map((word) => JSON.stringify(word.slice(0, 100))).join(' '),
                )
                .join('\n'),
            );
            throw new Error(`not as redis-server answers it: TUTTI_ORACLE_SEED=${seed}`);
          }
          dumpCount += await checkDumps(t, peers);
        }
        t.ok(dumpCount > 0, `${sequenceCount} sequences, ${dumpCount} dumps`);
      });
    }
  },
);
