// What commands do to the keys they name, for access lists: whether they read what is stored there or
// change it. The words of AI commands say more than RedisAI does, which asks for both on each key.

import { keyAccess } from '../auth/selector.ts';
import type { Request } from '../resp/request.ts';
import type { Command, Words } from './command.ts';
import { keysOf } from './introspection.ts';
import { keyFlags } from './key-specs.ts';
import { countedKeys } from './model.ts';

export interface KeyUse {
  readonly word: number;
  /** Bits of `keyAccess`. */
  readonly access: number;
}

const { none, read, write, both } = keyAccess;

const writersOfOne = new Set([
  'ai.tensorset',
  'ai.modelset',
  'ai.modelstore',
  'ai.modeldel',
  'ai.scriptset',
  'ai.scriptstore',
  'ai.scriptdel',
]);

/** Commands whose words say more than where their keys are. */
const readers: Readonly<Record<string, (words: Words) => readonly KeyUse[] | undefined>> = {
  'ai.modelexecute': modelExecute,
  'ai.modelrun': modelRun,
  'ai.scriptexecute': scriptExecute,
  'ai.scriptrun': scriptRun,
  'ai.dagexecute': dag,
  'ai.dagexecute_ro': dag,
  'ai.dagrun': dag,
  'ai.dagrun_ro': dag,
};

/**
 * The keys of a request. Undefined if they cannot be told, as its words are wrong.
 * @param name In full: `object|freq`.
 */
export function keyUses(
  name: string,
  command: Command,
  request: Request,
): readonly KeyUse[] | undefined {
  const reader = readers[name];
  if (reader !== undefined) return reader(request);
  if (command.keys.first === 0 && command.keys.find === undefined) return [];
  // Those of shard channels stand where keys do, for their slots.
  if (name in channelUses || name === 'sunsubscribe') return [];
  const words = keysOf(command, request);
  return words?.map((word, index) => ({ word, access: access(name, command, request, index) }));
}

/** To the data of the key with this number among the command's keys. */
function access(name: string, command: Command, words: Words, index: number): number {
  if (writersOfOne.has(name)) return write;
  if (command.group === 'ai') return command.flags.includes('readonly') ? read : both;
  const flags = keyFlags(name, command, words, index);
  const isRead = flags.includes('access') ? read : none;
  return flags.some((flag) => changing.has(flag)) ? isRead | write : isRead;
}

const changing = new Set(['insert', 'update', 'delete']);

/** Channels that a command names: `isPattern` if it subscribes to patterns. */
export interface ChannelUse {
  readonly last: number;
  readonly isPattern: boolean;
}

const oneChannel = { last: 1, isPattern: false };
const allChannels = { last: -1, isPattern: false };

/** From the first argument on. Who unsubscribes names none in this sense. */
export const channelUses: Readonly<Record<string, ChannelUse>> = {
  publish: oneChannel,
  spublish: oneChannel,
  subscribe: allChannels,
  ssubscribe: allChannels,
  psubscribe: { last: -1, isPattern: true },
};

// --- words ---

function uses(words: readonly number[], access: number): KeyUse[] {
  return words.map((word) => ({ word, access }));
}

function modelExecute(words: Words): KeyUse[] | undefined {
  const inputs = countedKeys(words, 2, 'INPUTS');
  const outputs = inputs && countedKeys(words, 4 + inputs.length, 'OUTPUTS');
  return outputs && [{ word: 1, access: read }, ...uses(inputs, read), ...uses(outputs, write)];
}

function modelRun(words: Words): KeyUse[] | undefined {
  const found: KeyUse[] = [{ word: 1, access: read }];
  let access: number = none;
  for (let i = words.count > 2 && words.is(2, 'TIMEOUT') ? 4 : 2; i < words.count; i++) {
    if (access === none) {
      if (!words.is(i, 'INPUTS')) return undefined;
      access = read;
    } else if (access === read && words.is(i, 'OUTPUTS')) {
      access = write;
    } else found.push({ word: i, access });
  }
  return found;
}

const scriptScopes: readonly { keyword: string; access: number | undefined }[] = [
  // What the script does with them is another command's business; it may do anything.
  { keyword: 'KEYS', access: both },
  { keyword: 'INPUTS', access: read },
  { keyword: 'OUTPUTS', access: write },
  { keyword: 'ARGS', access: undefined },
];

function scriptExecute(words: Words): KeyUse[] | undefined {
  const found: KeyUse[] = [{ word: 1, access: read }];
  for (let at = 3; at < words.count && !words.is(at, 'TIMEOUT'); ) {
    const scope = scriptScopes.find(({ keyword }) => words.is(at, keyword));
    const keys = scope && countedKeys(words, at, scope.keyword);
    if (keys === undefined) return undefined;
    // Not by a call with as many arguments: the stack ends it at some 100,000.
    const { access } = scope ?? {};
    if (access !== undefined) for (const word of keys) found.push({ word, access });
    at += 2 + keys.length;
  }
  return found;
}

function scriptRun(words: Words): KeyUse[] {
  const found: KeyUse[] = [{ word: 1, access: read }];
  let access: number = none;
  for (let i = 3; i < words.count; i++) {
    if (words.is(i, 'TIMEOUT')) i++;
    else if (words.is(i, 'INPUTS')) access = read;
    else if (words.is(i, 'OUTPUTS')) access = write;
    else if (access !== none && !words.is(i, '$')) found.push({ word: i, access });
  }
  return found;
}

const PIPE = '|>';
const runsInDag = ['AI.MODELEXECUTE', 'AI.MODELRUN', 'AI.SCRIPTEXECUTE', 'AI.SCRIPTRUN'];

/** Tensors within a DAG are no keys. The value of ROUTING is none that is looked at. */
function dag(words: Words): KeyUse[] | undefined {
  const found: KeyUse[] = [];
  let at = 1;
  while (at < words.count && !words.is(at, PIPE)) {
    const isLoad = words.is(at, 'LOAD');
    if (isLoad || words.is(at, 'PERSIST')) {
      const keys = countedKeys(words, at, isLoad ? 'LOAD' : 'PERSIST');
      if (keys === undefined) return undefined;
      for (const word of keys) found.push({ word, access: isLoad ? read : write });
      at += 2 + keys.length;
    } else at += words.is(at, 'ROUTING') || words.is(at, 'TIMEOUT') ? 2 : 1;
  }
  for (; at + 2 < words.count; at++) {
    if (words.is(at, PIPE) && runsInDag.some((name) => words.is(at + 1, name)))
      found.push({ word: at + 2, access: read });
  }
  return found;
}
