import { hashRules, listRules, streamRules } from './collections.ts';
import { anyKeyRules } from './keys.ts';
import { type Rule, rules } from './rules.ts';
import { setRules, zsetRules } from './sets.ts';
import { bitRules, stringRules } from './strings.ts';

/** What may be queued: replies within EXEC's cannot be put in order. */
const queued = [
  ...stringRules,
  ...bitRules,
  ...hashRules,
  ...listRules,
  ...setRules,
  ...zsetRules,
  ...streamRules,
  ...anyKeyRules,
].filter(({ order, text }) => order === 'exact' && !/^(XINFO|OBJECT|WAIT|SWAPDB)/.test(text));

/** Transactions, over and over. */
const control = rules(
  'exact',
  `
  MULTI
  MULTI
  MULTI
  EXEC
  EXEC
  EXEC
  DISCARD
  WATCH watched
  WATCH watched watched
  APPEND watched x
  DEL watched
  UNWATCH
  NOSUCH x
  GET
  MULTI x
  WATCH
  `,
);

/** As much of control as of what is controlled. */
export const transactionRules: readonly Rule[] = [
  ...queued,
  ...Array.from({ length: Math.ceil(queued.length / control.length / 2) }, () => control).flat(),
];
