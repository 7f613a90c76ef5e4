// Commands at random, from a grammar (grammar/rules.ts). Random words, repeats and omissions now and
// then make errors of all sorts.

import { hashRules, listRules, streamRules } from './grammar/collections.ts';
import { Dice } from './grammar/dice.ts';
import { anyKeyRules, keyRules } from './grammar/keys.ts';
import type { Order } from './grammar/rules.ts';
import { serverRules } from './grammar/server.ts';
import { setRules, zsetRules } from './grammar/sets.ts';
import { bitRules, stringRules } from './grammar/strings.ts';
import { transactionRules } from './grammar/transactions.ts';
import { allKeys, words } from './grammar/words.ts';

export { Dice };

export const grammars = {
  string: stringRules,
  bits: bitRules,
  hash: hashRules,
  list: listRules,
  set: setRules,
  zset: zsetRules,
  stream: streamRules,
  keys: anyKeyRules,
  server: serverRules,
  transactions: transactionRules,
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
  'CLIENT',
  'COMMAND',
  'CONFIG',
  'DEBUG',
  'MEMORY',
  'SLOWLOG',
  'TIME',
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

/** The words of a rule, each placeholder replaced by a word of its kind. */
export function wordsOf(text: string, dice: Dice): string[] {
  return expand(text, dice)
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const kind = /^<(\w+)>$/.exec(word)?.[1];
      if (kind === undefined) return word;
      const make = words[kind];
      if (make === undefined) throw new Error(`no words are of the kind '${kind}'`);
      return make(dice);
    });
}

export function randomCommand(family: Family, dice: Dice): RandomCommand {
  const isAboutAnyKey = family !== 'server' && dice.oneIn(12);
  const { text, order } = dice.pick(isAboutAnyKey ? keyRules : grammars[family]);
  const command = wordsOf(text, dice);
  const isDamaged = dice.oneIn(25) && !undamaged.has(command[0] ?? '') && !command.includes('zlex');
  if (isDamaged) damage(command, dice);
  return { words: command, order, isDamaged };
}

/** What ends a transaction and leaves the first database, if a sequence has not. */
const settle: readonly RandomCommand[] = [
  { words: ['DISCARD'], order: 'exact' },
  { words: ['UNWATCH'], order: 'exact' },
  { words: ['SELECT', '0'], order: 'exact' },
];

/** What reads back everything that a sequence may have left behind. */
export const readBack: readonly RandomCommand[] = [
  ...settle,
  { words: ['DEBUG', 'DIGEST'], order: 'exact' },
  ...[...allKeys, 'zlex', 'watched'].flatMap(readBackOf),
];

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
