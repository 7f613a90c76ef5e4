// How commands are told to the journal. In their words, unless these would do something else when
// they are carried out again: what depends on the time (expiry), on rounding, or on values that other
// commands have stored meanwhile. What depends on chance or on an order of ours (SPOP, XADD, HINCRBYFLOAT,
// trims) says itself what it has done (native/keyspace/journal.h, `Say`).

import { journalForms } from '../engine/journal-commands.ts';
import type { Command } from './command.ts';

const byState = new Set([
  'expire',
  'expireat',
  'getdel',
  'getex',
  'getset',
  'incrbyfloat',
  'migrate',
  'pexpire',
  'pexpireat',
  'psetex',
  'restore',
  'set',
  'setex',
  'sort',
]);

/** @returns One of `journalForms`. */
export function journalFormOf({ name, flags }: Command): number {
  const isInWords = flags.includes('write') && !byState.has(name) && !name.startsWith('ai.');
  return isInWords ? journalForms.words : journalForms.state;
}
