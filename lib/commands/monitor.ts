// MONITOR: who is told of all commands, as they are carried out.

import { replyErrors } from '../core/errors.ts';
import { type Command, noKeys } from './command.ts';

export const monitorCommands: readonly Command[] = [
  {
    name: 'monitor',
    summary: 'Tells of all commands from now on, as they are carried out.',
    since: '1.0.0',
    group: 'server',
    arity: 1,
    flags: ['admin', 'noscript', 'loading', 'stale'],
    keys: noKeys,
    run({ client, reply }) {
      if (client.transaction !== undefined) throw replyErrors.monitorDenied();
      if (client.isMonitor) return;
      client.isMonitor = true;
      reply.ok();
    },
  },
];
