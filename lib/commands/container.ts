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

/** The subcommands, and HELP about them. */
export function withHelp(name: string, subcommands: readonly Command[]): readonly Command[] {
  const help: Command = {
    name: 'help',
    summary: 'Returns the subcommands in words.',
    since: '5.0.0',
    group: subcommands[0]?.group ?? 'server',
    categories: subcommands[0]?.categories ?? [],
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
