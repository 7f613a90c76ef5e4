// `rename-command`: by which names clients call the commands (redis:src/config.c, `rename-command`).

import type { Command } from './command.ts';

/** A command, and what it is called from then on; an empty name takes it away. */
export type Rename = readonly [from: string, to: string];

/** What is wrong with a rename, in Redis' words. */
export class RenameError extends Error {
  /** Which of the renames. */
  readonly index: number;

  constructor(message: string, index: number) {
    super(message);
    this.index = index;
  }
}

/**
 * Commands by the names that they are called by, in lower case, after one rename upon the other. What
 * a command is called in errors, statistics and access lists stays.
 * @throws {RenameError}
 */
export function calledCommands(
  commands: Iterable<Command>,
  renames: readonly Rename[],
): ReadonlyMap<string, Command> {
  const called = new Map([...commands].map((command) => [command.name, command]));
  for (const [index, [from, to]] of renames.entries()) {
    const command = called.get(from.toLowerCase());
    if (command === undefined) throw new RenameError('No such command in rename-command', index);
    called.delete(from.toLowerCase());
    if (to === '') continue;
    if (called.has(to.toLowerCase()))
      throw new RenameError('Target command name already exists', index);
    called.set(to.toLowerCase(), command);
  }
  return called;
}

/** The same, but that commands are known by their own names too, where no other has them now. */
export function knownCommands(
  commands: readonly Command[],
  renames: readonly Rename[],
): ReadonlyMap<string, Command> {
  const own = commands.map((command) => [command.name, command] as const);
  return new Map([...own, ...calledCommands(commands, renames)]);
}
