// Commands at random, from a grammar: a line is a command with what may stand in each place.
// `<name>` is a word of that kind, `(a|b|)` one of the alternatives, `+` behind either one to three
// of them. Random words, repeats and omissions now and then make errors of all sorts.

/** A generator whose numbers follow from its seed (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to `below` - 1. */
  roll(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  }

  pick<T>(from: readonly T[]): T {
    const chosen = from[this.roll(from.length)];
    if (chosen === undefined) throw new Error('nothing to pick from');
    return chosen;
  }

  oneIn(count: number): boolean {
    return this.roll(count) === 0;
  }
}

/** Keys by what they mostly hold. */
const keys = {
  set: ['set1', 'set2', 'set3'],
  zset: ['zset1', 'zset2', 'zset3'],
} as const;
const allKeys = Object.values(keys).flat();

const long = 'L'.repeat(70);
const longer = 'M'.repeat(1500);
const huge = 'H'.repeat(40_000);
const members = ['a', 'b', 'c', 'd', 'e', '1', '2', '3', '-7', '10', '007', '', 'x\xff\x00y', long];
const scores = ['0', '1', '1', '2', '-1', '1.5', '-2.25', '3', '1e3', 'inf', '-inf', '+inf', '(1'];

type Word = (dice: Dice) => string;
const oneOf =
  (...words: string[]): Word =>
  (dice) =>
    dice.pick(words);

/** A key that mostly holds this kind of value. */
const keyOf =
  (kind: keyof typeof keys): Word =>
  (dice) =>
    dice.pick(dice.oneIn(20) ? allKeys : keys[kind]);

const words: Record<string, Word> = {
  key: (dice) => dice.pick(allKeys),
  set: keyOf('set'),
  zset: keyOf('zset'),
  both: (dice) => dice.pick([...keys.set, ...keys.zset]),
  member: (dice) =>
    dice.oneIn(60)
      ? dice.pick([longer, huge])
      : dice.oneIn(3)
        ? String(dice.roll(200) - 50)
        : dice.pick(members),
  score: (dice) => (dice.oneIn(40) ? dice.pick(['nan', 'x', '']) : dice.pick(scores.slice(0, 12))),
  bound: (dice) => (dice.oneIn(3) ? `(${dice.pick(scores.slice(0, 9))}` : dice.pick(scores)),
  lex: (dice) =>
    dice.pick([
      '-',
      '+',
      '[a',
      '(a',
      '[b',
      '(c',
      '[',
      '(',
      '[zz',
      '[1',
      ...(dice.oneIn(20) ? ['x'] : []),
    ]),
  index: (dice) => String(dice.roll(14) - 6),
  count: oneOf('0', '1', '2', '3', '5', '100'),
  random: oneOf('0', '1', '-1', '3', '-5', '100'),
  int: oneOf('0', '1', '2', '-1', '3', '10', '-3', '100'),
  // Without what makes -0, which is 0 here: Redis shows either, by the form that it stores.
  weight: oneOf('1', '2', '0.5', '3', 'inf'),
  garbage: oneOf('x', '', '-1', '9223372036854775807', '9223372036854775808', '1.5', 'NX', 'LIMIT'),
};

/** How a reply's order is meant. */
type Order = 'exact' | 'unordered' | 'shape' | 'scan';

interface Rule {
  readonly text: string;
  readonly order: Order;
}

const rules = (order: Order, lines: string): Rule[] =>
  lines
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((text) => ({ text, order }));

const setRules = [
  ...rules(
    'exact',
    `
    SADD <set> <member>+
    SADD <set> <member>+
    SADD <set> <member>+
    SREM <set> <member>+
    SCARD <set>
    SISMEMBER <set> <member>
    SMISMEMBER <set> <member>+
    SMOVE <set> <set> <member>
    SINTERSTORE <set> <set>+
    SUNIONSTORE <set> <set>+
    SDIFFSTORE <set> <set>+
    SINTERCARD (1|2|3|0|x) <set>+ (LIMIT <int>|)
    `,
  ),
  ...rules(
    'unordered',
    `
    SMEMBERS <set>
    SINTER <set>+
    SUNION <set>+
    SDIFF <set>+
    SPOP <set> 1000
    SPOP <set> 0
    `,
  ),
  ...rules(
    'shape',
    `
    SRANDMEMBER <set>
    SRANDMEMBER <set> <random>
    `,
  ),
];

const zsetRules = [
  ...rules(
    'exact',
    `
    ZADD <zset> <score> <member>
    ZADD <zset> (<score> <member>)+
    ZADD <zset> (<score> <member>)+
    ZADD <zset> (0 <member>)+
    ZADD <zset> (NX|XX|GT|LT|CH|NX CH|XX CH|GT CH|LT XX|NX XX|GT LT|INCR) (<score> <member>)+
    ZADD <zset> (INCR|INCR NX|INCR XX|INCR GT) <score> <member>
    ZINCRBY <zset> <score> <member>
    ZREM <zset> <member>+
    ZCARD <zset>
    ZSCORE <zset> <member>
    ZMSCORE <zset> <member>+
    ZRANK <zset> <member>
    ZREVRANK <zset> <member>
    ZCOUNT <zset> <bound> <bound>
    ZRANGE <zset> <index> <index> (WITHSCORES|REV|REV WITHSCORES|)
    ZRANGE <zset> <bound> <bound> BYSCORE (WITHSCORES|REV|REV WITHSCORES|) (LIMIT <int> <int>|)
    ZRANGE <zset> <bound> <bound> (LIMIT <int> <int>|BYSCORE BYLEX|BYLEX WITHSCORES|REV BYSCORE)
    ZREVRANGE <zset> <index> <index> (WITHSCORES|)
    ZRANGEBYSCORE <zset> <bound> <bound> (WITHSCORES|) (LIMIT <int> <int>|)
    ZREVRANGEBYSCORE <zset> <bound> <bound> (WITHSCORES|) (LIMIT <int> <int>|)
    ZRANGESTORE <zset> <zset> <index> <index> (REV|)
    ZRANGESTORE <zset> <zset> <bound> <bound> BYSCORE (REV|) (LIMIT <int> <int>|)
    ZREMRANGEBYRANK <zset> <index> <index>
    ZREMRANGEBYSCORE <zset> <bound> <bound>
    ZPOPMIN <zset> (<count>|)
    ZPOPMAX <zset> (<count>|)
    ZMPOP (1|2|0|x) <zset>+ (MIN|MAX) (COUNT <int>|)
    ZUNION (1|2|3|0) <both>+ (WEIGHTS <weight>+|) (AGGREGATE (SUM|MIN|MAX)|) (WITHSCORES|)
    ZUNION 2 <both> <both> (WEIGHTS <weight> <weight>|) (AGGREGATE (SUM|MIN|MAX)|) (WITHSCORES|)
    ZINTER 2 <both> <both> (WEIGHTS <weight> <weight>|) (AGGREGATE (SUM|MIN|MAX)|) (WITHSCORES|)
    ZDIFF 2 <both> <both> (WITHSCORES|)
    ZUNIONSTORE <zset> 2 <both> <both> (WEIGHTS <weight> <weight>|) (AGGREGATE (SUM|MIN|MAX)|)
    ZINTERSTORE <zset> 2 <both> <both> (WEIGHTS <weight> <weight>|) (AGGREGATE (SUM|MIN|MAX)|)
    ZDIFFSTORE <zset> (1|2|3) <both>+
    ZINTERCARD (1|2) <both>+ (LIMIT <int>|)
    `,
  ),
  // Names are only in order where all scores are one.
  ...rules(
    'exact',
    `
    DEL zlex
    ZADD zlex (0 <member>)+
    ZADD zlex (0 <member>)+
    ZLEXCOUNT zlex <lex> <lex>
    ZRANGEBYLEX zlex <lex> <lex> (LIMIT <int> <int>|)
    ZREVRANGEBYLEX zlex <lex> <lex> (LIMIT <int> <int>|)
    ZRANGE zlex <lex> <lex> BYLEX (REV|) (LIMIT <int> <int>|)
    ZRANGESTORE zset3 zlex <lex> <lex> BYLEX
    ZREMRANGEBYLEX zlex <lex> <lex>
    `,
  ),
  ...rules(
    'shape',
    `
    ZRANDMEMBER <zset>
    ZRANDMEMBER <zset> <random> (WITHSCORES|)
    `,
  ),
];

const keyRules = rules(
  'exact',
  `
  DEL <key>
  EXISTS <key>+
  TYPE <key>
  RENAME <key> <key>
  EXPIREAT <key> (99999999999|99999999990) (NX|XX|GT|LT|)
  EXPIRETIME <key>
  PERSIST <key>
  `,
);

export const grammars = { set: setRules, zset: zsetRules } as const;
export type Family = keyof typeof grammars;

export interface RandomCommand {
  readonly words: readonly string[];
  readonly order: Order;
}

function expand(text: string, dice: Dice): string {
  const times = (plus: string | undefined) => (plus === '+' ? 1 + dice.roll(3) : 1);
  let open = text;
  while (open.includes('(')) {
    open = open.replace(/\(([^()]*)\)(\+?)/, (_, body: string, plus: string) =>
      Array.from({ length: times(plus) }, () => dice.pick(body.split('|'))).join(' '),
    );
  }
  return open.replace(/(<\w+>)\+/g, (_, word: string) =>
    Array.from({ length: times('+') }, () => word).join(' '),
  );
}

/** Not damaged: what 7.2 takes more words of than 7.0 (differences.ts), and what would draw lots. */
const undamaged = new Set(['ZRANK', 'ZREVRANK', 'SPOP']);

/** 7.0 writes long scores in another way (differences.ts). */
const takesScores = /^Z(ADD|INCRBY|UNION|INTER)/;

/** Now and then a word is left out, repeated or replaced. */
function damage(command: string[], dice: Dice): void {
  const at = 1 + dice.roll(command.length);
  const kind = dice.roll(3);
  if (kind === 0) command.splice(at, 1);
  else {
    const garbage = words['garbage']?.(dice) ?? '';
    const word = garbage.length > 10 && takesScores.test(command[0] ?? '') ? 'y' : garbage;
    command.splice(at, kind === 1 ? 0 : 1, word);
  }
}

export function randomCommand(family: Family, dice: Dice): RandomCommand {
  const { text, order } = dice.pick(dice.oneIn(12) ? keyRules : grammars[family]);
  const command = expand(text, dice)
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const kind = /^<(\w+)>$/.exec(word)?.[1];
      if (kind === undefined) return word;
      const make = words[kind];
      if (make === undefined) throw new Error(`no words are of the kind '${kind}'`);
      return make(dice);
    });
  if (dice.oneIn(25) && !undamaged.has(command[0] ?? '')) damage(command, dice);
  return { words: command, order };
}

/** What reads back everything that a sequence may have left behind. */
export const readBack: readonly RandomCommand[] = [...allKeys, 'zlex'].flatMap((key) => [
  { words: ['TYPE', key], order: 'exact' as const },
  { words: ['EXPIRETIME', key], order: 'exact' as const },
  { words: ['SMEMBERS', key], order: 'unordered' as const },
  { words: ['ZRANGE', key, '0', '-1', 'WITHSCORES'], order: 'exact' as const },
]);
