// What may stand in the place of `<name>` in a rule.

import type { Dice } from './dice.ts';

/** Keys by what they mostly hold. */
export const keys = {
  string: ['string1', 'string2', 'string3'],
  hash: ['hash1', 'hash2'],
  list: ['list1', 'list2', 'list3'],
  stream: ['stream1', 'stream2'],
  set: ['set1', 'set2', 'set3'],
  zset: ['zset1', 'zset2', 'zset3'],
} as const;
export const allKeys = Object.values(keys).flat();

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

export const words: Record<string, Word> = {
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
  pattern: oneOf('*', '*1', 's*', '[hl]*', '?ist1', 'x', 's*[12]', '\\*', '[^a]*', '**', ''),
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
  channel: oneOf('news', 'weather', 'n', ''),
  channels: oneOf('*', 'n*', 'n?ws', '[nw]*', 'news', 'x*', ''),
  garbage: oneOf('x', '', '-1', '9223372036854775807', '9223372036854775808', '1.5', 'NX', 'LIMIT'),
};
