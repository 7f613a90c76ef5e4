// Commands that hold others.

import { type Command, noKeys } from './command.ts';

/** A command that does nothing by itself. */
export function container(
  row: Pick<Command, 'name' | 'summary' | 'since' | 'group'>,
  subcommands: readonly Command[],
): Command {
  return {
    ...row,
    arity: -2,
    flags: [],
    keys: noKeys,
    subcommands: withHelp(row.name, subcommands),
    run: () => {
      throw new Error('the dispatcher answers a container without a subcommand');
    },
  };
}

/** Which version brought HELP; 5.0.0 for the others. */
const helpSince: Readonly<Record<string, string>> = {
  latency: '2.8.13',
  memory: '4.0.0',
  acl: '6.0.0',
  object: '6.2.0',
  pubsub: '6.2.0',
  slowlog: '6.2.0',
  function: '7.0.0',
};

/** The subcommands, and HELP about them. */
export function withHelp(name: string, subcommands: readonly Command[]): readonly Command[] {
  const help: Command = {
    name: 'help',
    summary: 'Returns the subcommands in words.',
    since: helpSince[name] ?? '5.0.0',
    group: subcommands[0]?.group ?? 'server',
    // Whoever may not listen may still ask how.
    categories: (subcommands[0]?.categories ?? []).filter((name) => name !== '@pubsub'),
    arity: 2,
    flags: ['loading', 'stale'],
    keys: noKeys,
    run({ reply }) {
      const all = [...subcommands, help];
      reply.array(1 + 2 * all.length);
      const title = name.toUpperCase();
      reply.simple(`${title} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`);
      for (const subcommand of all) {
        reply.simple(subcommand.name.toUpperCase());
        reply.simple(`    ${subcommand.summary}`);
      }
    },
  };
  return [...subcommands, help];
}
