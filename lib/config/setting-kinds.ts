// What a row of the settings is, and the kinds of values that many have: switches, numbers, amounts of
// memory, words (redis:src/config.c).

import { parseMemory } from '../core/units.ts';

/** A value as it is stored: canonical text, and the number it stands for (0 for words). */
export interface SettingValue {
  readonly text: string;
  readonly number: number;
}

/** What is wrong with a value, in Redis' words. */
export class SettingError extends Error {}

export interface SettingRow {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly type: string;
  readonly default: string;
  /** CONFIG SET may change it. */
  readonly isMutable: boolean;
  /** Refused by CONFIG SET unless `enable-protected-configs` allows it. */
  readonly isProtected: boolean;
  /** Not of CONFIG: a load argument of RedisAI. */
  readonly isInternal: boolean;
  /** CONFIG GET tells of it only by its name. */
  readonly isHidden: boolean;
  /** Takes any number of words; `words` gives them, a single one is split at blanks. */
  readonly isMultiWord: boolean;
  /** What it does here; undefined: accepted and stored, without effect. */
  readonly effect: string | undefined;
  /**
   * @param words  The words of one line.
   * @param before The value it is added to: a line of a file after another one of the same name.
   * @throws {SettingError}
   */
  read(words: readonly string[], before: string | undefined): SettingValue;
}

export interface Traits {
  readonly aliases?: readonly string[];
  readonly isMutable?: boolean;
  readonly isProtected?: boolean;
  readonly isInternal?: boolean;
  readonly isHidden?: boolean;
  readonly effect?: string;
  readonly check?: (text: string) => string | undefined;
}

export type ReadWords = SettingRow['read'];

export function row(
  name: string,
  type: string,
  byDefault: string,
  traits: Traits,
  isMultiWord: boolean,
  read: ReadWords,
): SettingRow {
  return {
    name,
    type,
    default: byDefault,
    aliases: traits.aliases ?? [],
    isMutable: traits.isMutable ?? true,
    isProtected: traits.isProtected ?? false,
    isInternal: traits.isInternal ?? false,
    isHidden: traits.isHidden ?? false,
    effect: traits.effect,
    isMultiWord,
    read,
  };
}

export function one(words: readonly string[]): string {
  const [word] = words;
  if (word === undefined || words.length !== 1) throw new SettingError('wrong number of arguments');
  return word;
}

export function words(text: string): SettingValue {
  return { text, number: 0 };
}

export function flag(name: string, byDefault: 'yes' | 'no', traits: Traits = {}): SettingRow {
  return row(name, 'yes or no', byDefault, traits, false, (given) => {
    const text = one(given).toLowerCase();
    if (text !== 'yes' && text !== 'no') throw new SettingError("argument must be 'yes' or 'no'");
    const complaint = traits.check?.(text);
    if (complaint !== undefined) throw new SettingError(complaint);
    return { text, number: text === 'yes' ? 1 : 0 };
  });
}

export const INT_MAX = 2n ** 31n - 1n;
export const UINT_MAX = 2n ** 32n - 1n;
export const LONG_MAX = 2n ** 63n - 1n;
export const ULONG_MAX = 2n ** 64n - 1n;

function bounded(value: bigint, min: bigint, max: bigint, radix = 10): SettingValue {
  if (value < min || value > max) {
    const bounds = `${min.toString(radix)} and ${max.toString(radix)}`;
    throw new SettingError(`argument must be between ${bounds} inclusive`);
  }
  return { text: value.toString(radix), number: Number(value) };
}

/** As Redis' `string2ll`: no sign but `-`, no leading zeros, 64 bits. */
export function parseInteger(text: string): bigint | undefined {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return undefined;
  const value = BigInt(text);
  return value > LONG_MAX || value < -LONG_MAX - 1n ? undefined : value;
}

export function integer(
  name: string,
  byDefault: number,
  min: number | bigint,
  max: number | bigint,
  traits: Traits = {},
): SettingRow {
  return row(name, 'integer', String(byDefault), traits, false, (given) => {
    const value = parseInteger(one(given));
    if (value === undefined) throw new SettingError("argument couldn't be parsed into an integer");
    return bounded(value, BigInt(min), BigInt(max));
  });
}

/** A row of numbers, of which what is beyond is brought between `least` and `most`. */
export function fitted(row: SettingRow, least: number, most: number): SettingRow {
  return {
    ...row,
    read(given, before) {
      const value = row.read(given, before);
      const fit = Math.min(Math.max(value.number, least), most);
      return fit === value.number ? value : { text: String(fit), number: fit };
    },
  };
}

export function memory(
  name: string,
  byDefault: string,
  min: number | bigint,
  max: bigint,
  traits: Traits = {},
): SettingRow {
  return row(name, 'memory', String(parseMemory(byDefault)), traits, false, (given) => {
    const value = parseMemory(one(given));
    if (value === undefined) throw new SettingError('argument must be a memory value');
    return bounded(value, BigInt(min), max);
  });
}

export function octal(name: string, byDefault: string, max: number, traits: Traits): SettingRow {
  return row(name, 'octal', byDefault, traits, false, (given) => {
    const text = one(given);
    if (!/^[0-7]+$/.test(text))
      throw new SettingError("argument couldn't be parsed as an octal number");
    return bounded(BigInt(`0o${text}`), 0n, BigInt(max), 8);
  });
}

export function memoryOrPercent(name: string, byDefault: string, traits: Traits): SettingRow {
  return row(name, 'memory or percent', byDefault, traits, false, (given) => {
    const text = one(given);
    const percent = /^(\d+)%$/.exec(text)?.[1];
    if (percent !== undefined) {
      if (Number(percent) > 100)
        throw new SettingError('percentage argument must be less or equal to 100');
      if (Number(percent) === 0) return { text: '0', number: 0 };
      return { text: `${Number(percent)}%`, number: -Number(percent) };
    }
    const value = parseMemory(text);
    if (value === undefined) throw new SettingError('argument must be a memory or percent value');
    return bounded(value, 0n, LONG_MAX);
  });
}

export function string(name: string, byDefault = '', traits: Traits = {}): SettingRow {
  return row(name, 'string', byDefault, traits, false, (given) => {
    const text = one(given);
    const complaint = traits.check?.(text);
    if (complaint !== undefined) throw new SettingError(complaint);
    return words(text);
  });
}

export function oneOf(
  name: string,
  byDefault: string,
  choices: readonly string[],
  traits: Traits = {},
): SettingRow {
  return row(name, choices.join(', '), byDefault, traits, false, (given) => {
    const text = one(given).toLowerCase();
    if (!choices.includes(text)) throw notOneOf(choices);
    return { text, number: choices.indexOf(text) };
  });
}

/** Several of the choices together. */
export function someOf(name: string, byDefault: string, choices: readonly string[]): SettingRow {
  return row(name, choices.join(', '), byDefault, {}, true, (given) => {
    const chosen = given.map((word) => word.toLowerCase());
    if (chosen.length === 0 || chosen.some((word) => !choices.includes(word)))
      throw notOneOf(choices);
    return words(choices.filter((choice) => chosen.includes(choice)).join(' '));
  });
}

/** Two of its words mean the same. */
export function oomScoreAdj(): SettingRow {
  const row = oneOf('oom-score-adj', 'no', ['no', 'yes', 'relative', 'absolute'], {
    effect: 'Whether the server changes its /proc/self/oom_score_adj: by a value, or to one.',
  });
  return {
    ...row,
    read(given, before) {
      const value = row.read(given, before);
      return value.text === 'relative' ? { ...value, text: 'yes' } : value;
    },
  };
}

function notOneOf(choices: readonly string[]): SettingError {
  return new SettingError(`argument(s) must be one of the following: ${choices.join(', ')}`);
}

/** Any number of words, joined by blanks. */
export function list(name: string, byDefault: string, traits: Traits, read: ReadWords): SettingRow {
  return row(name, 'list', byDefault, traits, true, read);
}
