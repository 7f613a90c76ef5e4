// The oracle at random, between several clients: one waits for a key that another fills, or watches
// it, or listens to channels. Each speaks when the last turn's answers are there, or nothing but waits
// is left; what all of them are answered and told must be equal at Debian's redis-server and at Tutti.
// TUTTI_ORACLE_SEED, TUTTI_ORACLE_SEQUENCES and TUTTI_ORACLE_FAMILY are as in random.test.ts.

import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { startServer } from '../helpers/server.ts';
import type { Order, Rule } from './grammar/rules.ts';
import { conversations, type Subject } from './grammar/turns.ts';
import { Dice, readBack, wordsOf } from './random-commands.ts';
import { sorted, sortedPairs } from './reply-values.ts';
import { Company, type Heard, type Name, names, speakers } from './talkers.ts';

const wantedSeed = process.env['TUTTI_ORACLE_SEED'] ?? '2';
const seed = wantedSeed === 'now' ? Date.now() % 2 ** 31 : Number(wantedSeed);
const sequenceCount = Number(process.env['TUTTI_ORACLE_SEQUENCES'] ?? 60);
const TURNS_A_SEQUENCE = 40;

const filled = ['RPUSH list2 a b c', 'ZADD zset2 1 a 2 b', 'XADD stream2 1-1 a b', 'SET string1 x'];

/** What is there before the others speak: what is watched (grammar/turns.ts). */
const beginnings: Readonly<Record<Subject, readonly string[]>> = {
  waiting: filled,
  filling: filled,
  watching: [
    'SET watched a',
    'RPUSH wlist a b c',
    'SADD wset a b',
    'ZADD wzset 1 a 2 b',
    'HSET whash f a n 0',
  ],
  listening: [],
};

interface Turn {
  readonly who: Name;
  readonly words: readonly string[];
  readonly order: Order;
}

/** What a turn brought to one client, without the order that it does not have. */
function masked({ answers, messages }: Heard, { words, order }: Turn): Heard {
  // Who leaves all channels hears of each in an order of its own, and how many are left then.
  const isLeaving = words.length === 1 && words[0]?.endsWith('UNSUBSCRIBE');
  const inOrder = (reply: string) =>
    order !== 'unordered' ? reply : words[0] === 'HGETALL' ? sortedPairs(reply) : sorted(reply);
  return {
    answers: isLeaving
      ? [
          ...answers.map((reply) => reply.replace(/:\d+\r\n$/, '')).sort(),
          ...answers.map((reply) => /:\d+\r\n$/.exec(reply)?.[0] ?? '').sort(),
        ]
      : answers.map(inOrder),
    // Patterns that match the same message have no order. Changes of keys have one.
    messages: messages.some((text) => text.includes('__key')) ? messages : [...messages].sort(),
  };
}

/** Of all sequences so far. */
let messageCount = 0;

/** Both servers hear the turn. @returns What differs, in words, if anything does. */
async function take(turn: Turn, [redis, tutti]: readonly [Company, Company]): Promise<string[]> {
  for (const company of [redis, tutti]) company.say(turn.who, turn.words);
  await redis.settle(endsItself.test(turn.words.join(' ')) ? turn.who : undefined);
  await tutti.settleAs(redis);
  const [wanted, given] = [redis.take(), tutti.take()];
  for (const name of names) messageCount += wanted[name].messages.length;
  redis.noteTransaction(turn.who, turn.words, wanted[turn.who].answers);
  return names.flatMap((name) => {
    const heardAs: Turn = name === turn.who ? turn : { ...turn, words: [], order: 'exact' };
    const [want, got] = [masked(wanted[name], heardAs), masked(given[name], heardAs)];
    if (JSON.stringify(want) === JSON.stringify(got)) return [];
    return [
      `${name} of redis-server: ${JSON.stringify(want)}\n${name} here: ${JSON.stringify(got)}`,
    ];
  });
}

/** What may block its client. */
const mayWait = /^(B[LRZ]|XREAD|WAIT)/;
/** What ends by a timeout, or at once. */
const endsItself = /^(WAIT|XREAD BLOCK 5|BLMPOP 0.01|B.* (0.01|x|-1)$)/;
/** What answers more than once, or in no order: not within EXEC's answer. */
const outsideTransactions = /SUBSCRIBE$|^PUBSUB/;

/** One of those who may speak says something; `d` never waits for a key. */
function nextTurn(subject: Subject, dice: Dice, company: Company): Turn {
  const waiting = company.waiting();
  const who = dice.pick(speakers.filter((name) => !waiting.includes(name)));
  for (;;) {
    const { text, order } = dice.pick<Rule>(conversations[subject]);
    const words = wordsOf(text, dice);
    const name = words[0] ?? '';
    if (who === 'd' && mayWait.test(name)) continue;
    const talker = company.talkers[who];
    if (talker.isInTransaction && outsideTransactions.test(name)) continue;
    // 7.0 puts a message to oneself into EXEC's answer.
    if (talker.isInTransaction && name.endsWith('PUBLISH') && talker.isListening) continue;
    return { who, words, order };
  }
}

/** Nobody waits any more, and no transaction is open. */
function* endings(waiting: readonly Name[]): Generator<Turn> {
  yield { who: 'd', words: ['RESET'], order: 'exact' };
  for (const who of waiting) {
    yield { who: 'd', words: ['CLIENT', 'UNBLOCK', `@${who}`], order: 'exact' };
  }
  for (const who of speakers) yield { who, words: ['RESET'], order: 'exact' };
}

/** All of a run, in ms; reached only where it hangs. */
t.setTimeout(600_000);

t.test(
  'answers several clients that speak at random as redis-server does',
  { skip: missingPrograms('redis-server'), timeout: 600_000 },
  async (t) => {
    t.comment(`TUTTI_ORACLE_SEED=${seed}`);
    const redis = await startRedis(['--enable-debug-command', 'yes']);
    t.teardown(() => redis.stop());
    const tutti = await startServer(['--save', '', '--enable-debug-command', 'yes']);
    t.teardown(() => tutti.stop());

    const { TUTTI_ORACLE_FAMILY: onlySubject } = process.env;
    for (const subject of Object.keys(conversations) as Subject[]) {
      if (onlySubject !== undefined && subject !== onlySubject) continue;
      t.test(subject, { timeout: 600_000 }, async (t) => {
        for (let i = 0; i < sequenceCount; i++) {
          const dice = new Dice(seed + 7919 * i);
          const resps = { a: '2', b: '2', c: '2', d: '2', e: '2' };
          for (const name of names) resps[name] = dice.pick(['2', '3']);
          const companies = [
            await Company.meet(redis.port, resps),
            await Company.meet(tutti.port, resps),
          ] as const;
          await play(subject, dice, companies);
          for (const company of companies) company.part();
        }
        t.ok(messageCount > 0, `${sequenceCount} sequences, ${messageCount} messages`);
      });
    }
  },
);

/** Plays a sequence to its end. @throws {Error} The servers differ: what was said so far, and how they do. */
async function play(
  subject: Subject,
  dice: Dice,
  companies: readonly [Company, Company],
): Promise<void> {
  for (const line of ['FLUSHALL', ...beginnings[subject]]) {
    for (const company of companies) await company.aside(line);
  }
  if (subject !== 'listening') for (const company of companies) await company.announceKeys();
  const said: Turn[] = [];
  const hear = async (turn: Turn) => {
    said.push(turn);
    const differing = await take(turn, companies);
    if (differing.length === 0) return;
    const lines = said.map(({ who, words }) => `${who}: ${words.map(quoted).join(' ')}`);
    throw new Error(`TUTTI_ORACLE_SEED=${seed}\n${[...lines, ...differing].join('\n')}`);
  };
  for (let k = 0; k < TURNS_A_SEQUENCE; k++) {
    await hear(nextTurn(subject, dice, companies[0]));
  }
  for (const turn of endings(companies[0].waiting())) await hear(turn);
  for (const { words, order } of readBack) await hear({ who: 'd', words, order });
}

const quoted = (word: string) =>
  /^[\w:@$*.-]+$/.test(word) ? word : JSON.stringify(word.slice(0, 100));
