// Values that only one setting has: save points, limits of buffers, addresses, titles (redis:src/config.c).

import { parseMemory } from '../core/units.ts';
import { canonicalEvents } from './keyspace-events.ts';
import { one, parseInteger, type ReadWords, SettingError, words } from './setting-kinds.ts';

export const readSave: ReadWords = (given, before) => {
  const pairs = given.length === 1 && given[0] === '' ? [] : given;
  const isRight = (word: string, index: number) =>
    /^([+-]?\d+)?$/.test(word) && Number(word) >= (index % 2 === 0 ? 1 : 0);
  if (pairs.length % 2 === 1 || !pairs.every(isRight))
    throw new SettingError('Invalid save parameters');
  const text = pairs.map((word) => String(Number(word))).join(' ');
  if (pairs.length === 0) return words('');
  return words(before ? `${before} ${text}` : text);
};

export const outputBufferClasses = ['normal', 'slave', 'pubsub'] as const;

export const readOutputBufferLimit: ReadWords = (given, before) => {
  if (given.length === 1 && given[0] === '') return words(before ?? '');
  if (given.length === 0 || given.length % 4 !== 0)
    throw new SettingError('Wrong number of arguments in buffer limit configuration.');
  const limits = (before ?? '').split(' ');
  for (let at = 0; at < given.length; at += 4) {
    const [name = '', hard = '', soft = '', seconds = ''] = given.slice(at, at + 4);
    const className = name.toLowerCase() === 'replica' ? 'slave' : name.toLowerCase();
    const index = limits.indexOf(className);
    if (!outputBufferClasses.some((known) => known === className) || index === -1)
      throw new SettingError('Invalid client class specified in buffer limit configuration.');
    const hardBytes = parseMemory(hard);
    const softBytes = parseMemory(soft);
    if (hardBytes === undefined || softBytes === undefined || !/^\d+$/.test(seconds))
      throw new SettingError(
        'Error in hard, soft or soft_seconds setting in buffer limit configuration.',
      );
    limits.splice(index, 4, className, String(hardBytes), String(softBytes), seconds);
  }
  return words(limits.join(' '));
};

export const readOomScores: ReadWords = (given) => {
  if (given.length !== 3) throw new SettingError('wrong number of arguments');
  for (const word of given) {
    const value = parseInteger(word);
    if (value === undefined || value < -2000n || value > 2000n)
      throw new SettingError(
        'Invalid oom-score-adj-values, elements must be between -2000 and 2000.',
      );
  }
  return words(given.join(' '));
};

export const readEvents: ReadWords = (given) => {
  const text = canonicalEvents(one(given));
  if (text === undefined)
    throw new SettingError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
  return words(text);
};

const BIND_ADDRESSES_MAX = 16;

export const readBind: ReadWords = (given) => {
  if (given.length > BIND_ADDRESSES_MAX)
    throw new SettingError('Too many bind addresses specified.');
  return words(given.join(' '));
};

export const readPercentiles: ReadWords = (given) => {
  const name = 'latency-tracking-info-percentiles';
  const texts = given.length === 1 && given[0] === '' ? [] : given;
  const numbers = texts.map((text) => {
    const number = /^[-+]?inf(inity)?$/i.test(text) ? Number.POSITIVE_INFINITY : Number(text);
    if (text === '' || text.trim() !== text || Number.isNaN(number))
      throw new SettingError(`Invalid ${name} parameters`);
    return number;
  });
  if (numbers.some((percent) => percent < 0 || percent > 100))
    throw new SettingError(`${name} parameters should sit between [0.0,100.0]`);
  return words(numbers.join(' '));
};

export const readReplicaOf: ReadWords = (given) => {
  if (['', 'no one'].includes(given.join(' ').toLowerCase())) return words('');
  throw new SettingError('replication is not supported by this server');
};

export const isFileName =
  (name: string, what = 'filename') =>
  (text: string): string | undefined =>
    text.includes('/') ? `${name} can't be a path, just a ${what}` : undefined;

/** What a title template may name in braces. */
export const titleFields = [
  'title',
  'listen-addr',
  'server-mode',
  'port',
  'tls-port',
  'unixsocket',
  'config-file',
] as const;

/** Those that are empty where nobody says more. */
const emptyTitleFields: readonly string[] = ['title', 'server-mode', 'unixsocket', 'config-file'];

/** What a template makes of fields; `{{` is a brace. Undefined: a field that is none, or has no end. */
export function expandTitle(
  template: string,
  field: (name: (typeof titleFields)[number]) => string,
): string | undefined {
  let isRight = true;
  const text = template.replace(/\{(\{|([^}]*)(\}|$))/g, (_, brace, name, end) => {
    if (brace === '{') return '{';
    const known = titleFields.find((known) => known === name);
    if (known === undefined || end !== '}') isRight = false;
    return known === undefined ? '' : field(known);
  });
  return isRight ? text.trim() : undefined;
}

export function isTitleTemplate(text: string): string | undefined {
  const title = expandTitle(text, (name) => (emptyTitleFields.includes(name) ? '' : name));
  return title ? undefined : 'template format is invalid or contains unknown variables';
}

export function isNoCluster(text: string): string | undefined {
  return text === 'yes' ? 'cluster mode is not supported by this server yet' : undefined;
}

export function isHostName(text: string): string | undefined {
  if (text.length >= 256) return 'Hostnames must be less than 256 characters';
  return /[^a-zA-Z0-9.-]/.test(text)
    ? 'Hostnames may only contain alphanumeric characters, hyphens or dots'
    : undefined;
}
