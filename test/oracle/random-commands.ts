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
  string: ['string1', 'string2', 'string3'],
  hash: ['hash1', 'hash2'],
  list: ['list1', 'list2', 'list3'],
  stream: ['stream1', 'stream2'],
  set: ['set1', 'set2', 'set3'],
  zset: ['zset1', 'zset2', 'zset3'],
} as const;
const allKeys = Object.values(keys).flat();

const long = 'L'.repeat(70);
const longer = 'M'.repeat(1500);
const huge = 'H'.repeat(40_000);
const members = ['a', 'b', 'c', 'd', 'e', '1', '2', '3', '-7', '10', '007', '', 'x\xff\x00y', long];
const values = [
  '',
  'a',
  'b',
  'abc',
  'hello world',
  '1',
  '-5',
  '007',
  '3.5',
  '9223372036854775807',
  'x\xff\x00y',
  long,
];
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
  string: keyOf('string'),
  hash: keyOf('hash'),
  list: keyOf('list'),
  stream: keyOf('stream'),
  set: keyOf('set'),
  any: (dice) => dice.pick(dice.oneIn(3) ? allKeys : [...keys.string, ...keys.list, ...keys.hash]),
  value: (dice) => {
    if (dice.oneIn(50)) return dice.pick([longer, huge]);
    return dice.oneIn(3) ? String(dice.roll(2000) - 500) : dice.pick(values);
  },
  number: (dice) => (dice.oneIn(30) ? 'x' : dice.pick(['1', '-1', '10', '-7', '100', '3'])),
  large: (dice) => dice.pick(['1', '-1', '9223372036854775807', '-9223372036854775808', '5']),
  float: (dice) =>
    dice.pick(['1', '0.5', '-2.25', '3.0e3', '0.1', '1e10', '-0', 'x', 'inf', '1e400']),
  offset: (dice) => String(dice.oneIn(20) ? dice.roll(5000) - 100 : dice.roll(40)),
  bit: oneOf('0', '1', '1', '0', '2'),
  field: (dice) => dice.pick(['i8', 'u8', 'i5', 'u3', 'i64', 'u63', 'i16', 'u64', 'x8']),
  place: (dice) => (dice.oneIn(3) ? `#${dice.roll(6)}` : String(dice.roll(60))),
  id: (dice) => `${dice.roll(8)}-${dice.roll(4)}`,
  newid: (dice) =>
    dice.oneIn(6)
      ? dice.pick(['0-0', '0-1', '5-*', '1-*', '9', 'x', '5-', '-5', '1-2-3'])
      : `${dice.roll(30)}-${dice.roll(5)}`,
  from: (dice) =>
    dice.pick(['-', '-', '0', '2', '(3-1', '5-2', '(0-0', ...(dice.oneIn(10) ? ['x', '('] : [])]),
  to: (dice) => dice.pick(['+', '+', '9', '20', '(7-1', '12-2', '(0-0', '25']),
  pattern: oneOf('*', '*1', 's*', '[hl]*', '?ist1', 'x', 's*[12]', '\\*', '[^a]*'),
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

const stringRules = [
  ...rules(
    'exact',
    `
    SET <string> <value> (NX|XX|GET|KEEPTTL|EXAT 99999999999|NX GET|XX KEEPTTL|)
    SET <string> <value>
    SET <string> <number>
    GET <string>
    GETSET <string> <value>
    GETDEL <string>
    GETEX <string> (PERSIST|EXAT 99999999999|PXAT 99999999999999|EX 0|EX x|)
    SETNX <string> <value>
    SETEX <string> (0|-1|x) <value>
    PSETEX <string> (0|x|-5) <value>
    MGET <any>+
    MSET (<string> <value>)+
    MSETNX (<string> <value>)+
    STRLEN <string>
    APPEND <string> <value>
    GETRANGE <string> <index> <index>
    SUBSTR <string> <index> <index>
    SETRANGE <string> <offset> <value>
    INCR <string>
    DECR <string>
    INCRBY <string> <number>
    DECRBY <string> <number>
    INCRBY <string> <large>
    DECRBY <string> <large>
    INCRBYFLOAT <string> <float>
    LCS <string> <string> (LEN|IDX|IDX WITHMATCHLEN|IDX MINMATCHLEN 2|LEN IDX|)
    OBJECT ENCODING <string>
    `,
  ),
];

const bitRules = rules(
  'exact',
  `
  SETBIT <string> <offset> <bit>
  SETBIT <string> <offset> <bit>
  GETBIT <string> <offset>
  BITCOUNT <string>
  BITCOUNT <string> <index> <index> (BYTE|BIT|)
  BITPOS <string> <bit>
  BITPOS <string> <bit> <index>
  BITPOS <string> <bit> <index> <index> (BYTE|BIT|)
  BITOP (AND|OR|XOR) <string> <string>+
  BITOP NOT <string> <string>
  BITFIELD <string> (GET <field> <place>|SET <field> <place> <int>|INCRBY <field> <place> <int>|OVERFLOW (SAT|FAIL|WRAP|X))+
  BITFIELD <string> OVERFLOW (SAT|FAIL|WRAP) INCRBY <field> <place> <large> SET <field> <place> <int>
  BITFIELD_RO <string> GET <field> <place>
  BITFIELD_RO <string> SET u8 0 1
  SET <string> <value>
  GET <string>
  STRLEN <string>
  `,
);

const hashRules = [
  ...rules(
    'exact',
    `
    HSET <hash> (<member> <value>)+
    HSET <hash> (<member> <value>)+
    HMSET <hash> (<member> <value>)+
    HSETNX <hash> <member> <value>
    HGET <hash> <member>
    HMGET <hash> <member>+
    HDEL <hash> <member>+
    HLEN <hash>
    HEXISTS <hash> <member>
    HSTRLEN <hash> <member>
    HINCRBY <hash> <member> <number>
    HINCRBY <hash> <member> <large>
    HINCRBYFLOAT <hash> <member> <float>
    OBJECT ENCODING <hash>
    `,
  ),
  ...rules(
    'unordered',
    `
    HGETALL <hash>
    HKEYS <hash>
    HVALS <hash>
    `,
  ),
  ...rules('scan', 'HSCAN <hash> 0 COUNT 1000 (MATCH <pattern>|)'),
  ...rules(
    'shape',
    `
    HRANDFIELD <hash>
    HRANDFIELD <hash> <random> (WITHVALUES|)
    `,
  ),
];

const listRules = rules(
  'exact',
  `
  RPUSH <list> <value>+
  RPUSH <list> <value>+
  LPUSH <list> <value>+
  LPUSHX <list> <value>+
  RPUSHX <list> <value>
  LPOP <list> (<count>|)
  RPOP <list> (<count>|)
  LLEN <list>
  LRANGE <list> <index> <index>
  LINDEX <list> <index>
  LSET <list> <index> <value>
  LINSERT <list> (BEFORE|AFTER) <value> <value>
  LREM <list> <int> <value>
  LTRIM <list> <index> <index>
  LMOVE <list> <list> (LEFT|RIGHT) (LEFT|RIGHT)
  RPOPLPUSH <list> <list>
  LMPOP (1|2|0) <list>+ (LEFT|RIGHT) (COUNT <int>|)
  LPOS <list> <value> (RANK <int>|) (COUNT <int>|) (MAXLEN <int>|)
  SORT <list> (ALPHA|DESC|ALPHA DESC|LIMIT <int> <int>|ALPHA LIMIT <int> <int>|)
  SORT <list> ALPHA STORE <list>
  SORT_RO <list> (ALPHA|DESC|)
  SORT_RO list1 BY nosort
  `,
);

const streamRules = rules(
  'exact',
  `
  XADD <stream> <newid> (<member> <value>)+
  XADD <stream> <newid> (<member> <value>)+
  XADD <stream> (NOMKSTREAM|MAXLEN <int>|MAXLEN = <count>|MINID <id>) <newid> <member> <value>
  XADD <stream> (LIMIT 3|MAXLEN 5 LIMIT 1) <id> <member> <value>
  XLEN <stream>
  XRANGE <stream> <from> <to> (COUNT <int>|)
  XREVRANGE <stream> <to> <from> (COUNT <int>|)
  XREAD (COUNT <int>|) STREAMS <stream> <id>
  XREAD (COUNT <int>|) STREAMS <stream> <stream> <id> (<id>|$|x|>)
  XDEL <stream> <id>+
  XTRIM <stream> (MAXLEN|MAXLEN =) <int>
  XTRIM <stream> MINID <id>
  XSETID <stream> 5-0 ENTRIESADDED -1
  XSETID <stream> <newid> (ENTRIESADDED <count>|) (MAXDELETEDID <id>|)
  TYPE <stream>
  XINFO STREAM <stream>
  XINFO STREAM <stream> FULL (COUNT <int>|)
  `,
);

const anyKeyRules = [
  ...rules(
    'exact',
    `
    SET <any> <value>
    RPUSH <any> <value>
    HSET <any> <member> <value>
    SADD <set> <member>+
    ZADD <zset> <score> <member>
    COPY <any> <any> (REPLACE|DB 0|DB 1|DB x|DB 99|)
    RENAMENX <any> <any>
    TOUCH <any>+
    UNLINK <any>+
    SWAPDB (0|1|x|99) (0|1)
    DBSIZE
    OBJECT REFCOUNT <any>
    OBJECT ENCODING <string>
    OBJECT FREQ <any>
    EXPIREAT <any> (99999999999|99999999990|1|x) (NX|XX|GT|LT|)
    EXPIRETIME <any>
    SORT <set> (ALPHA|LIMIT <int> <int>|DESC|)
    SORT <zset> (ALPHA|ALPHA DESC|)
    SORT <any> ALPHA STORE <any>
    WAIT 0 10
    `,
  ),
  ...rules('unordered', 'KEYS <pattern>'),
  // A key that has been renamed may hold a set, whose order is its own.
  ...rules('unordered', 'SORT <zset> BY nosort (DESC|)'),
  ...rules(
    'scan',
    `
    SCAN 0 COUNT 1000 (MATCH <pattern>|) (TYPE (string|list|set|zset|hash|nosuch)|)
    SCAN (x|0|-) COUNT (x|0|-1)
    SSCAN <set> 0 COUNT 1000 (MATCH <pattern>|)
    ZSCAN <zset> 0 COUNT 1000 (MATCH <pattern>|)
    HSCAN <any> (0|x) (COUNT x|MATCH|FOO 1|)
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

export const grammars = {
  string: stringRules,
  bits: bitRules,
  hash: hashRules,
  list: listRules,
  set: setRules,
  zset: zsetRules,
  stream: streamRules,
  keys: anyKeyRules,
} as const;
export type Family = keyof typeof grammars;

export interface RandomCommand {
  readonly words: readonly string[];
  readonly order: Order;
  readonly isDamaged?: boolean;
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

/**
 * Not damaged: what 7.2 takes more words of than 7.0 (differences.ts), what would draw lots, and
 * what depends on the clock.
 */
const undamaged = new Set([
  'ZRANK',
  'ZREVRANK',
  'SPOP',
  'SETEX',
  'PSETEX',
  'GETEX',
  'BITCOUNT',
  'WAIT',
  'SCAN',
  'HSCAN',
  'SSCAN',
  'ZSCAN',
]);

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
  const isDamaged = dice.oneIn(25) && !undamaged.has(command[0] ?? '') && !command.includes('zlex');
  if (isDamaged) damage(command, dice);
  return { words: command, order, isDamaged };
}

/** What reads back everything that a sequence may have left behind. */
export const readBack: readonly RandomCommand[] = [...allKeys, 'zlex'].flatMap(readBackOf);

export const sequenceKeys: readonly string[] = [...allKeys, 'zlex'];

export function readBackOf(key: string): RandomCommand[] {
  return [
    { words: ['TYPE', key], order: 'exact' as const },
    { words: ['EXPIRETIME', key], order: 'exact' as const },
    { words: ['GET', key], order: 'exact' as const },
    { words: ['LRANGE', key, '0', '-1'], order: 'exact' as const },
    { words: ['HGETALL', key], order: 'unordered' as const },
    { words: ['SMEMBERS', key], order: 'unordered' as const },
    { words: ['XRANGE', key, '-', '+'], order: 'exact' as const },
    { words: ['ZRANGE', key, '0', '-1', 'WITHSCORES'], order: 'exact' as const },
  ];
}
