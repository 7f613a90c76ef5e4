/** `tutti`: one command for everything beside the server. A subcommand's code is loaded when it is called. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';

/** The package's own description: in a checkout and in an installed prefix it lies above `js`. */
function packageVersion(): string {
  for (const path of ['../../../package.json', '../../../../package.json']) {
    try {
      const description = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (description.name === 'tutti') return String(description.version);
    } catch {
      // Not there: the other place has it.
    }
  }
  return 'unknown';
}

const program = new Command('tutti')
  .description(
    'Tools of the Tutti tensor database; its server is bin/redis-server of build/prefix, or npm start.',
  )
  .version(packageVersion());

const runtimes = program
  .command('runtimes')
  .description('the inference runtimes: LibTorch, ONNX Runtime, TensorFlow and LiteRT');

runtimes
  .command('list', { isDefault: true })
  .description('what is installed, and where')
  .action(async () => (await import('./runtimes.ts')).listCommand());

runtimes
  .command('install')
  .argument('[names...]', 'all of them unless named')
  .option('--from <folder>', 'take the wheels from this folder, without network')
  .description('download, verify and unpack')
  .action(async (names: string[], options: { from?: string }) =>
    (await import('./runtimes.ts')).installCommand(names, options.from),
  );

runtimes
  .command('remove')
  .argument('<names...>')
  .description('delete from the cache')
  .action(async (names: string[]) => (await import('./runtimes.ts')).removeCommand(names));

runtimes
  .command('verify')
  .argument('[names...]', 'all of them unless named')
  .description('compare every file with what was installed')
  .action(async (names: string[]) => (await import('./runtimes.ts')).verifyCommand(names));

await program.parseAsync();
