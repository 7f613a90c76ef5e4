// The server's command line and configuration file, as redis-server reads them
// (redis:src/server.c `main`, src/config.c `loadServerConfigFromString`; compat.md 3.2).

import { basename, dirname, resolve } from 'node:path';
import { SettingError } from './setting-rows.ts';
import { Settings } from './settings.ts';
import { REDIS_VERSION } from './version.ts';
import { quoteWord, splitWords } from './words.ts';

/** The server cannot start: `message` is what goes to standard error, then it exits with 1. */
export class FatalConfigError extends Error {}

/** What the command line asks for. */
export type Started =
  | { readonly kind: 'serve'; readonly settings: Settings; readonly warnings: readonly string[] }
  /** Print and exit with 0. */
  | { readonly kind: 'print'; readonly text: string };

/** Reads a whole file; `-` is standard input. @throws {Error} With `code`. */
export type ReadFile = (path: string) => string;

const INCLUDE_DEPTH_MAX = 16;

const usage = `Usage: tutti-server [/path/to/tutti.conf] [options] [-]
       tutti-server - (read config from stdin)
       tutti-server -v or --version
       tutti-server -h or --help

Examples:
       tutti-server (run the server with default conf)
       tutti-server /etc/tutti/6379.conf
       tutti-server --port 7777
       tutti-server --port 7777 --unixsocket /tmp/tutti.sock
       tutti-server /etc/mytutti.conf --loglevel verbose -
       tutti-server --loadmodule redisai.so THREADS_PER_QUEUE 4
`;

/** @param argv Without the program's name. @throws {FatalConfigError} */
export function readCommandLine(argv: readonly string[], readFile: ReadFile): Started {
  const [first] = argv;
  if (first === '-v' || first === '--version') {
    const text = `Redis server v=${REDIS_VERSION} sha=00000000:0 malloc=libc bits=64 build=0\n`;
    return { kind: 'print', text };
  }
  if (first === '-h' || first === '--help') return { kind: 'print', text: usage };

  const settings = new Settings();
  const hasFile = first !== undefined && !first.startsWith('-');
  const options = new CommandLineOptions(hasFile ? argv.slice(1) : argv, hasFile);
  let text = '';
  if (hasFile) {
    settings.configFile = resolve(first);
    text += `${read(readFile, first)}\n`;
  }
  if (options.readsStandardInput) text += `${read(readFile, '-')}\n`;
  const reader = new ConfigReader(settings, readFile);
  reader.readText(text + options.lines, hasFile ? dirname(resolve(first)) : process.cwd());
  return { kind: 'serve', settings, warnings: reader.warnings };
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
  readonly #readFile: ReadFile;
  #depth = 0;

  constructor(settings: Settings, readFile: ReadFile) {
    this.#settings = settings;
    this.#readFile = readFile;
  }

  readText(text: string, folder: string): void {
    for (const [index, raw] of text.split('\n').entries()) {
      const line = raw.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
      if (line === '' || line.startsWith('#')) continue;
      try {
        this.#readLine(line, folder);
      } catch (error) {
        if (error instanceof SettingError) throw fatal(error.message, index + 1, line);
        throw error;
      }
    }
  }

  #readLine(line: string, folder: string): void {
    const words = splitWords(line);
    if (words === undefined) throw new SettingError('Unbalanced quotes in configuration line');
    const [name, ...values] = words;
    if (name === undefined) return;
    switch (name.toLowerCase()) {
      case 'include':
        this.#include(values, folder);
        return;
      case 'loadmodule':
        this.#loadModule(values);
        return;
      case 'user':
      case 'rename-command':
        throw new SettingError(`'${name}' is not supported by this server`);
    }
    if (!this.#settings.setLine(name, values))
      throw new SettingError('Bad directive or wrong number of arguments');
  }

  #include(values: readonly string[], folder: string): void {
    const [path] = values;
    if (path === undefined || values.length !== 1)
      throw new SettingError('Bad directive or wrong number of arguments');
    if (this.#depth >= INCLUDE_DEPTH_MAX)
      throw new SettingError(`files include each other more than ${INCLUDE_DEPTH_MAX} deep`);
    this.#depth++;
    this.readText(read(this.#readFile, path), folder);
    this.#depth--;
  }

  /** RedisAI's commands are built in: its library is not opened, its arguments count. */
  #loadModule(values: readonly string[]): void {
    const [path, ...args] = values;
    if (path === undefined) throw new SettingError('Bad directive or wrong number of arguments');
    if (!/redisai/i.test(basename(path)))
      throw moduleFailed(path, 'only the commands of redisai.so are built in');
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
    this.#settings.modules.push({ path, args });
  }
}

function moduleFailed(path: string, reason: string): FatalConfigError {
  return new FatalConfigError(
    `Module ${path} initialization failed: ${reason}. Module not loaded\n` +
      `Can't load module from ${path}: server aborting`,
  );
}

function fatal(reason: string, lineNumber: number, line: string): FatalConfigError {
  return new FatalConfigError(
    `\n*** FATAL CONFIG FILE ERROR (Redis ${REDIS_VERSION}) ***\n` +
      `Reading the configuration file, at line ${lineNumber}\n>>> '${line}'\n${reason}`,
  );
}

function read(readFile: ReadFile, path: string): string {
  try {
    return readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FatalConfigError(`Fatal error, can't open config file '${path}': ${reason}`);
  }
}
