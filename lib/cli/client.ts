// tutti-cli, and redis-cli in an installed prefix: what scripts, SmartSim and people do with redis-cli.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { REDIS_VERSION } from '../config/version.ts';
import { systemReason } from '../core/system-error.ts';
import { ConnectionLost } from './client/connection.ts';
import { askPassword, readStandardInput } from './client/input.ts';
import { argumentBytes, type Options, readOptions, UsageError } from './client/options.ts';
import { runPipe } from './client/pipe.ts';
import { runLines } from './client/prompt.ts';
import { runScan, runSizes, ScanError } from './client/scan.ts';
import { Session, warn } from './client/session.ts';
import { usage } from './client/usage.ts';
import { runLatency, runStat } from './client/watch.ts';

function programName(): string {
  const name = basename(process.argv[1] ?? '');
  return name === '' || name.endsWith('.js') ? 'tutti-cli' : name;
}

/** @returns The status to exit with. */
async function run(options: Options): Promise<number> {
  if (options.mode === 'help' || options.mode === 'version') {
    const name = programName();
    process.stdout.write(
      options.mode === 'help' ? usage(name) : `redis-cli ${REDIS_VERSION} (Tutti)\n`,
    );
    return 0;
  }
  if (options.asksPassword) options.password = await askPassword();
  if (options.isPasswordShown && !options.hidesPasswordWarning)
    warn(
      "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.",
    );
  const readsLines = options.mode === 'commands' && options.words.length === 0;
  const words = await completedWords(options);
  const session = new Session(options, readsLines);
  if (!(await session.connect()) && !readsLines) return 1;
  try {
    return await follow(session, words);
  } finally {
    session.close();
  }
}

async function follow(session: Session, words: readonly Buffer[]): Promise<number> {
  const { options } = session;
  switch (options.mode) {
    case 'pipe':
      return runPipe(session.connection, options.pipeTimeoutMs);
    case 'scan':
      await runScan(session.connection, options);
      return 0;
    case 'big-keys':
    case 'mem-keys':
      await runSizes(session.connection, options, options.mode === 'big-keys' ? 'count' : 'memory');
      return 0;
    case 'stat':
      return runStat(session.connection, options);
    case 'latency':
    case 'latency-history':
      await runLatency(session.connection, options, options.mode === 'latency-history');
      return 0;
    default:
      if (words.length > 0) return (await session.run(words, options.repeatCount)) ? 0 : 1;
      await runLines(session);
      return 0;
  }
}

/** The command with what -x, -X and --eval add to it. @throws {UsageError} */
async function completedWords(options: Options): Promise<readonly Buffer[]> {
  let words: readonly Buffer[] = options.words;
  if (options.mode === 'eval') words = evalWords(options);
  if (options.readsLastWord) return [...words, await readStandardInput()];
  if (options.stdinTag === undefined) return words;
  const at = words.findIndex((word) => word.toString() === options.stdinTag);
  if (at === -1) throw new UsageError('Using -X option but stdin tag not match.');
  return [...words.slice(0, at), await readStandardInput(), ...words.slice(at + 1)];
}

/** Keys stand before a comma that is a word of its own, arguments behind it. */
function evalWords({ scriptFile = '', words }: Options): Buffer[] {
  let script: Buffer;
  try {
    script = readFileSync(scriptFile);
  } catch (error) {
    throw new UsageError(`Can't open file '${scriptFile}': ${systemReason(error)}`);
  }
  const comma = words.findIndex((word) => word.toString() === ',');
  const keys = comma === -1 ? words : words.slice(0, comma);
  const rest = comma === -1 ? [] : words.slice(comma + 1);
  return [Buffer.from('EVAL'), script, Buffer.from(String(keys.length)), ...keys, ...rest];
}

// Whoever reads our output may have enough of it before its end.
process.stdout.on('error', () => process.exit(1));
try {
  process.exitCode = await run(readOptions(argumentBytes(process.argv.length - 2)));
} catch (error) {
  if (error instanceof ConnectionLost) warn(`Error: ${error.message}`);
  else if (error instanceof ScanError) warn(`Error: ${error.message}`);
  else if (error instanceof UsageError) error.to.write(`${error.message}\n`);
  else throw error;
  process.exitCode = 1;
}
