import { replyErrors } from '../core/errors.ts';
import { addon } from '../engine/addon.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { container } from './container.ts';
import { atLeast, shown } from './words.ts';

const shape = {
  group: 'server',
  since: '2.2.12',
  flags: ['admin', 'loading', 'stale'],
  keys: noKeys,
};

const COUNT_DEFAULT = 10;

export const slowLogCommands: readonly Command[] = [
  container(
    {
      name: 'slowlog',
      summary: 'A container for commands about the slow log.',
      since: '2.2.12',
      group: 'server',
    },
    [
      {
        ...shape,
        name: 'get',
        summary: 'Returns the latest commands that took long, the newest first.',
        arity: -2,
        run: get,
      },
      {
        ...shape,
        name: 'len',
        summary: 'Returns how many commands the slow log holds.',
        arity: 2,
        run: ({ reply }) => reply.integer(addon().slowLogLength()),
      },
      {
        ...shape,
        name: 'reset',
        summary: 'Empties the slow log.',
        arity: 2,
        run({ reply }) {
          addon().slowLogReset();
          reply.ok();
        },
      },
    ],
  ),
];

function get({ reply, request }: Call): void {
  if (request.count > 3) throw replyErrors.wrongSubcommandWords(shown(request, 1), 'SLOWLOG');
  let count = COUNT_DEFAULT;
  if (request.count === 3) {
    count = atLeast(request, 2, -1, replyErrors.slowLogCount);
    if (count === -1) count = Number.MAX_SAFE_INTEGER;
  }
  const commands = addon().slowLogRead(count);
  reply.array(commands.length);
  for (const { id, unixSeconds, microseconds, words, address, name } of commands) {
    reply.array(6);
    reply.integer(id);
    reply.integer(unixSeconds);
    reply.integer(microseconds);
    reply.array(words.length);
    for (const word of words) reply.bulk(word);
    reply.bulk(address);
    reply.bulk(name);
  }
}
