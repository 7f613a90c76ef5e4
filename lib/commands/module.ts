import type { Settings } from '../config/settings.ts';
import { MODULE_VERSION } from '../config/version.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import { type Command, noKeys } from './command.ts';
import { container } from './container.ts';

export const moduleCommands: readonly Command[] = [
  container(
    {
      name: 'module',
      summary: 'A container for commands about modules.',
      since: '4.0.0',
      group: 'server',
    },
    [
      {
        name: 'list',
        summary: 'Returns the modules: RedisAI, which is built in.',
        since: '4.0.0',
        group: 'server',
        arity: 2,
        flags: ['admin', 'noscript'],
        keys: noKeys,
        run: ({ reply, server }) => replyModules(reply, server.settings),
      },
    ],
  ),
];

/** As MODULE LIST and HELLO answer it. */
export function replyModules(reply: ReplyEncoder, settings: Settings): void {
  const loaded = settings.modules.at(-1);
  reply.array(1);
  reply.map(4);
  reply.bulk('name');
  reply.bulk('ai');
  reply.bulk('ver');
  reply.integer(MODULE_VERSION);
  reply.bulk('path');
  reply.bulk(loaded?.path ?? '');
  reply.bulk('args');
  const args = loaded?.args ?? [];
  reply.array(args.length);
  for (const arg of args) reply.bulk(arg);
}
