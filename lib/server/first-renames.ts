// The `rename-command` lines of the configuration file, before the first client.

import { fatal } from '../config/command-line.ts';
import type { Settings } from '../config/settings.ts';

/** Without any, nothing is loaded for it. @throws {FatalConfigError} One cannot be followed. */
export async function checkRenames({ renames }: Settings): Promise<void> {
  if (renames.length === 0) return;
  const [{ calledCommands, RenameError }, { commandTable }] = await Promise.all([
    import('../commands/renames.ts'),
    import('../commands/table.ts'),
  ]);
  try {
    calledCommands(
      commandTable.values(),
      renames.map(({ from, to }) => [from, to]),
    );
  } catch (error) {
    if (!(error instanceof RenameError)) throw error;
    const rename = renames[error.index];
    throw fatal(error.message, rename?.lineNumber ?? 0, rename?.line ?? '');
  }
}
