// Cluster commands of a server that is in no cluster: clients recognise the words.

import { replyErrors } from '../core/errors.ts';
import { type Command, noKeys } from './command.ts';

const refuse = (): never => {
  throw replyErrors.clusterDisabled();
};

const shape = { since: '3.0.0', group: 'cluster', keys: noKeys, run: refuse };

export const clusterCommands: readonly Command[] = [
  {
    ...shape,
    name: 'cluster',
    summary: 'Refused: this server is in no cluster yet.',
    arity: -2,
    flags: [],
  },
  {
    ...shape,
    name: 'readonly',
    summary: 'Refused: this server is in no cluster yet.',
    arity: 1,
    flags: ['loading', 'stale', 'fast'],
    categories: ['@connection'],
  },
  {
    ...shape,
    name: 'readwrite',
    summary: 'Refused: this server is in no cluster yet.',
    arity: 1,
    flags: ['loading', 'stale', 'fast'],
    categories: ['@connection'],
  },
  {
    ...shape,
    name: 'asking',
    summary: 'Refused: this server is in no cluster yet.',
    arity: 1,
    flags: ['fast'],
    categories: ['@connection'],
  },
];
