import { replyErrors } from '../core/errors.ts';
import { type Call, type Command, noKeys, type Words } from './command.ts';
import { container } from './container.ts';
import { changeSettings, isAllowedBy, replyWhenDone, shown, textOf } from './words.ts';

const shape = {
  group: 'server',
  since: '2.0.0',
  flags: ['admin', 'noscript', 'loading', 'stale'],
  keys: noKeys,
};

export const configCommands: readonly Command[] = [
  container(
    {
      name: 'config',
      summary: 'A container for commands about settings.',
      since: '2.0.0',
      group: 'server',
    },
    [
      {
        ...shape,
        name: 'get',
        summary: 'Returns the settings that match patterns.',
        arity: -3,
        run: get,
      },
      {
        ...shape,
        name: 'set',
        summary: 'Changes settings, all or none.',
        arity: -4,
        isPrepared: true,
        secrets: passwords,
        run: set,
      },
      {
        ...shape,
        name: 'rewrite',
        summary: 'Writes the settings of now to the configuration file.',
        since: '2.8.0',
        arity: 2,
        isPrepared: true,
        run(call) {
          if (call.server.configFile === undefined) throw replyErrors.noConfigFile();
          replyWhenDone(call, () => call.server.configRewrite());
        },
      },
      {
        ...shape,
        name: 'resetstat',
        summary: 'Sets the statistics of INFO back to 0.',
        arity: 2,
        run({ reply, server }) {
          server.resetStatistics();
          reply.ok();
        },
      },
    ],
  ),
];

/** Settings whose values are for nobody else, in capitals. */
const secretSettings = [
  'REQUIREPASS',
  'MASTERAUTH',
  'TLS-KEY-FILE-PASS',
  'TLS-CLIENT-KEY-FILE-PASS',
];

function passwords(words: Words): readonly number[] {
  const found: number[] = [];
  for (let i = 2; i + 1 < words.count; i += 2) {
    if (secretSettings.some((name) => words.is(i, name))) found.push(i + 1);
  }
  return found;
}

function get({ reply, request, server }: Call): void {
  const patterns: string[] = [];
  for (let i = 2; i < request.count; i++) patterns.push(shown(request, i));
  const found = server.settings.get(patterns);
  reply.map(found.size);
  for (const [name, value] of found) {
    reply.bulk(name);
    reply.bulk(value);
  }
}

function set(call: Call): void {
  const { request, server } = call;
  if (request.count % 2 !== 0) throw replyErrors.syntax();
  const pairs: [string, string][] = [];
  for (let i = 2; i < request.count; i += 2)
    pairs.push([shown(request, i), textOf(request, i + 1, 'config|set')]);
  // This thread's copy finds most errors at once, and refuses what only AI.CONFIG may change.
  const allowProtected = isAllowedBy('enable-protected-configs', call);
  const refused = server.settings.check(pairs, { allowProtected });
  if (refused) throw refused;
  changeSettings(call, pairs);
}
