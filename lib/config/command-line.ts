// The server's command line and configuration file, as redis-server reads them
// (redis:src/server.c `main`, src/config.c `loadServerConfigFromString`; compat.md 3.2).

import { basename, resolve } from 'node:path';
import { systemReason } from '../core/system-error.ts';
import { SettingError } from './setting-kinds.ts';
import { Settings } from './settings.ts';
import type { ConfigSources } from './sources.ts';
import { REDIS_VERSION } from './version.ts';
import { quoteWord, splitWords } from './words.ts';

/** The server cannot start: `message` is what goes to standard error, then it exits with 1. */
export class FatalConfigError extends Error {}

/** What the command line asks for. */
export type Started =
  | {
      readonly kind: 'serve';
      readonly settings: Settings;
      readonly warnings: readonly string[];
      /** What was read from standard input, if anything was to be. */
      readonly standardInput: string | undefined;
    }
  /** Print and exit. */
  | { readonly kind: 'print'; readonly text: string; readonly status: number }
  | { readonly kind: 'check-system' }
  | { readonly kind: 'test-memory'; readonly megabytes: number };

const INCLUDE_DEPTH_MAX = 16;

/** @param program The name by which it was called: `tutti-server`, `redis-server`. */
const usage = (program: string) => `Usage: ${program} [/path/to/redis.conf] [options] [-]
       ${program} -                    settings from standard input
       ${program} -v, --version
       ${program} -h, --help
       ${program} --check-system       what of this machine would slow the server down
       ${program} --test-memory <MiB>  writes and reads so much memory, many times

An option is two dashes, the name of a setting and its value; it counts more than the file:
       ${program}
       ${program} /etc/redis/6379.conf
       ${program} --port 7000 --unixsocket /tmp/tutti.sock --save ""
       ${program} /etc/redis/6379.conf --loglevel verbose -
       ${program} --loadmodule redisai.so THREADS_PER_QUEUE 4

All settings, with their defaults: the README, or CONFIG GET '*' of a server that runs.
`;

/**
 * @param argv Without the program's name.
 * @param program The name by which it was called, for `--help`.
 * @throws {FatalConfigError}
 */
export function readCommandLine(
  argv: readonly string[],
  sources: ConfigSources,
  program = 'tutti-server',
): Started {
  const [first] = argv;
  const printed = first === undefined ? undefined : instead(first, argv[1], argv.length, program);
  if (printed) return printed;

  const settings = new Settings();
  const hasFile = first !== undefined && !first.startsWith('-');
  const options = new CommandLineOptions(hasFile ? argv.slice(1) : argv, hasFile);
  let text = '';
  if (hasFile) {
    settings.configFile = resolve(first);
    text += read(sources, first, settings.configFile);
  }
  const standardInput = options.readsStandardInput ? read(sources, '-') : undefined;
  if (standardInput !== undefined) text = whole(text) + standardInput;
  // A line end before the options, if there is one already or not: so Redis counts their lines.
  if (argv.length > 0) text += `\n${options.lines}`;
  const reader = new ConfigReader(settings, sources);
  reader.readText(text);
  return { kind: 'serve', settings, warnings: reader.warnings, standardInput };
}

/** What some first arguments ask for in place of a server. */
function instead(
  first: string,
  second: string | undefined,
  wordCount: number,
  program: string,
): Started | undefined {
  switch (first) {
    case '-v':
    case '--version': {
      const text = `Redis server v=${REDIS_VERSION} sha=00000000:0 malloc=libc bits=64 build=0\n`;
      return { kind: 'print', text, status: 0 };
    }
    case '-h':
    case '--help':
      return { kind: 'print', text: usage(program), status: 1 };
    case '--check-system':
      return { kind: 'check-system' };
    case '--test-memory': {
      const megabytes = Number(second);
      if (wordCount !== 2 || !(Number.isInteger(megabytes) && megabytes > 0))
        throw new FatalConfigError(
          `--test-memory takes how much memory to test, in MiB: ${program} --test-memory 4096`,
        );
      return { kind: 'test-memory', megabytes };
    }
  }
  return undefined;
}

/** Text whose last line has an end. */
function whole(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

/** The arguments as lines of a file: the last setting wins. */
class CommandLineOptions {
  lines = '';
  readsStandardInput = false;

  constructor(argv: readonly string[], followsFile: boolean) {
    // Right after a name that stands alone, the next argument is its value whatever it looks like.
    let isComplete = true;
    for (const [index, word] of argv.entries()) {
      const next = argv[index + 1];
      const isFirst = index === 0 && !followsFile;
      if (word === '-' && (isFirst || next === undefined)) {
        this.readsStandardInput = true;
      } else if (isComplete && word.startsWith('--')) {
        if (this.lines !== '') this.lines += '\n';
        this.lines += `${word.slice(2)} `;
        isComplete = splitWords(word)?.length !== 1;
        const isEmptySave = word.toLowerCase() === '--save' && (next?.startsWith('--') ?? true);
        if (isEmptySave) {
          this.lines += '""';
          isComplete = true;
        }
      } else {
        this.lines += `${quoteWord(word)} `;
        isComplete = true;
      }
    }
  }
}

class ConfigReader {
  readonly warnings: string[] = [];
  readonly #settings: Settings;
  readonly #sources: ConfigSources;
  #depth = 0;
  #lineNumber = 0;

  constructor(settings: Settings, sources: ConfigSources) {
    this.#settings = settings;
    this.#sources = sources;
  }

  readText(text: string): void {
    for (const [index, raw] of text.split('\n').entries()) {
      const line = raw.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
      if (line === '' || line.startsWith('#')) continue;
      this.#lineNumber = index + 1;
      try {
        this.#readLine(line);
      } catch (error) {
        if (error instanceof SettingError) throw fatal(error.message, index + 1, line);
        throw error;
      }
    }
  }

  #readLine(line: string): void {
    const words = splitWords(line);
    if (words === undefined) throw new SettingError('Unbalanced quotes in configuration line');
    const [name, ...values] = words;
    if (name === undefined) return;
    switch (name.toLowerCase()) {
      case 'include':
        this.#include(values);
        return;
      case 'loadmodule':
        this.#loadModule(values);
        return;
      case 'sentinel':
        throw new SettingError('this server is no sentinel');
      case 'user':
        this.#addUser(values, line);
        return;
      case 'rename-command':
        this.#addRename(values, line);
        return;
    }
    if (!this.#settings.setLine(name, values))
      throw new SettingError(`Bad directive or wrong number of arguments${moduleHint(name)}`);
    if (name.toLowerCase() === 'dir') this.#changeFolder();
  }

  /** Its rules speak of commands, which are looked up when all is read. */
  #addUser(values: readonly string[], line: string): void {
    const [name, ...rules] = values;
    if (name === undefined) throw new SettingError('Bad directive or wrong number of arguments');
    this.#settings.users.push({ name, rules, line, lineNumber: this.#lineNumber });
  }

  /** Whether there is such a command is looked up when all is read. */
  #addRename(values: readonly string[], line: string): void {
    const [from, to] = values;
    if (from === undefined || to === undefined || values.length !== 2)
      throw new SettingError('Bad directive or wrong number of arguments');
    this.#settings.renames.push({ from, to, line, lineNumber: this.#lineNumber });
  }

  /** At once: what follows, files to include among it, is named from there. */
  #changeFolder(): void {
    try {
      this.#sources.changeFolder(this.#settings.text('dir'));
    } catch (error) {
      throw new SettingError(systemReason(error));
    }
  }

  #include(values: readonly string[]): void {
    const [path] = values;
    if (path === undefined || values.length !== 1)
      throw new SettingError('Bad directive or wrong number of arguments');
    if (this.#depth >= INCLUDE_DEPTH_MAX)
      throw new SettingError(`files include each other more than ${INCLUDE_DEPTH_MAX} deep`);
    const paths = /[*?[]/.test(path) ? this.#sources.matchFiles(path) : [path];
    this.#depth++;
    for (const path of paths) this.readText(read(this.#sources, path));
    this.#depth--;
  }

  /**
   * RedisAI's commands are built in: no library is opened, whatever its name, and the arguments are
   * those of RedisAI.
   */
  #loadModule(values: readonly string[]): void {
    const [path, ...args] = values;
    if (path === undefined) throw new SettingError('Bad directive or wrong number of arguments');
    if (args.length % 2 === 1) throw moduleFailed(path, 'arguments must come in pairs');
    for (let at = 0; at < args.length; at += 2) {
      const [name = '', value = ''] = args.slice(at, at + 2);
      try {
        if (!this.#settings.setModuleArgument(name, value))
          throw moduleFailed(path, `unknown argument '${name}'`);
      } catch (error) {
        if (!(error instanceof SettingError)) throw error;
        throw moduleFailed(path, `${name} '${value}': ${error.message}`);
      }
    }
    if (!/redisai/i.test(basename(path)))
      this.warnings.push(`Module ${path} is not opened: only the commands of RedisAI are built in`);
    this.#settings.modules.push({ path, args });
  }
}

/** What SmartSim's documentation of colocated databases makes of RedisAI's arguments, and their names. */
const moduleArguments: Record<string, string> = {
  'threads-per-queue': 'THREADS_PER_QUEUE',
  'inter-op-threads': 'INTER_OP_PARALLELISM',
  'inter-op-parallelism': 'INTER_OP_PARALLELISM',
  'intra-op-threads': 'INTRA_OP_PARALLELISM',
  'intra-op-parallelism': 'INTRA_OP_PARALLELISM',
};

function moduleHint(name: string): string {
  const argument = moduleArguments[name.toLowerCase().replaceAll('_', '-')];
  return argument === undefined ? '' : `: ${argument} stands behind the path of --loadmodule`;
}

function moduleFailed(path: string, reason: string): FatalConfigError {
  return new FatalConfigError(
    `Module ${path} initialization failed: ${reason}. Module not loaded\n` +
      `Can't load module from ${path}: server aborting`,
  );
}

/** A setting that was read right and turns out to be none that the server can start with. */
export function unusable(reason: string): FatalConfigError {
  return new FatalConfigError(
    `\n*** FATAL CONFIG FILE ERROR (Redis ${REDIS_VERSION}) ***\n${reason}`,
  );
}

/** What Redis says of a line that it cannot take. */
export function fatal(reason: string, lineNumber: number, line: string): FatalConfigError {
  return unusable(
    `Reading the configuration file, at line ${lineNumber}\n>>> '${line}'\n${reason}`,
  );
}

/** @param shown What an error calls it. */
function read(sources: ConfigSources, path: string, shown = path): string {
  try {
    return sources.readFile(path);
  } catch (error) {
    throw new FatalConfigError(
      `Fatal error, can't open config file '${shown}': ${systemReason(error)}`,
    );
  }
}
