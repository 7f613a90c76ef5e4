// The options of tutti-cli: those of redis-cli 7.2 that it has, and a clear refusal of the others.

import { readFileSync } from 'node:fs';
import { splitWords } from '../../config/words.ts';
import type { OutputMode } from './format.ts';

/** The command line cannot be followed; the status is 1. */
export class UsageError extends Error {
  /** Where the message goes. */
  readonly to: NodeJS.WriteStream;

  constructor(message: string, to: NodeJS.WriteStream = process.stderr) {
    super(message);
    this.to = to;
  }
}

export interface TlsOptions {
  caFile?: string;
  caFolder?: string;
  certFile?: string;
  keyFile?: string;
  serverName?: string;
  ciphers?: string;
  cipherSuites?: string;
  isInsecure: boolean;
}

/** Where a server is. */
export interface Endpoint {
  host: string;
  port: number;
  socketPath: string | undefined;
}

/** What the program does with the server. */
export type Mode =
  | 'commands'
  | 'pipe'
  | 'scan'
  | 'big-keys'
  | 'mem-keys'
  | 'stat'
  | 'latency'
  | 'latency-history'
  | 'eval'
  | 'help'
  | 'version';

export interface Options extends Endpoint {
  mode: Mode;
  user: string | undefined;
  password: string | undefined;
  /** The password stood on the command line, where others can read it. */
  isPasswordShown: boolean;
  asksPassword: boolean;
  hidesPasswordWarning: boolean;
  db: number;
  family: 0 | 4 | 6;
  connectTimeoutMs: number;
  tls: TlsOptions | undefined;
  /** `soft`: if the server has it. */
  resp3: 'no' | 'soft' | 'yes';
  output: OutputMode;
  itemDelimiter: string;
  replyDelimiter: string;
  showsPushes: boolean;
  failsOnError: boolean;
  followsCluster: boolean;
  /** -1: for ever. */
  repeatCount: number;
  intervalMs: number;
  readsLastWord: boolean;
  stdinTag: string | undefined;
  takesQuotedWords: boolean;
  pattern: string | undefined;
  scanCount: number | undefined;
  memorySamples: number | undefined;
  pipeTimeoutMs: number;
  scriptFile: string | undefined;
  isVerbose: boolean;
  /** The command and its arguments. */
  words: Buffer[];
}

const PASSWORD_VARIABLE = 'REDISCLI_AUTH';
const PIPE_TIMEOUT_SECONDS = 30;

function defaults(): Options {
  const isTerminal = Boolean(process.stdout.isTTY);
  return {
    mode: 'commands',
    host: '127.0.0.1',
    port: 6379,
    socketPath: undefined,
    user: undefined,
    password: undefined,
    isPasswordShown: false,
    asksPassword: false,
    hidesPasswordWarning: false,
    db: 0,
    family: 0,
    connectTimeoutMs: 0,
    tls: undefined,
    resp3: 'no',
    output: isTerminal || process.env.FAKETTY !== undefined ? 'formatted' : 'raw',
    itemDelimiter: '\n',
    replyDelimiter: '\n',
    showsPushes: isTerminal,
    failsOnError: false,
    followsCluster: false,
    repeatCount: 1,
    intervalMs: 0,
    readsLastWord: false,
    stdinTag: undefined,
    takesQuotedWords: false,
    pattern: undefined,
    scanCount: undefined,
    memorySamples: undefined,
    pipeTimeoutMs: PIPE_TIMEOUT_SECONDS * 1000,
    scriptFile: undefined,
    isVerbose: false,
    words: [],
  };
}

/** An option: how many values it takes, and what it does with the first. */
interface OptionRow {
  readonly names: readonly string[];
  readonly takesValue: boolean;
  apply(options: Options, value: string): void;
}

function flag(names: string, apply: (options: Options) => void): OptionRow {
  return { names: names.split(' '), takesValue: false, apply };
}

function value(names: string, apply: (options: Options, value: string) => void): OptionRow {
  return { names: names.split(' '), takesValue: true, apply };
}

function tls(options: Options): TlsOptions {
  options.tls ??= { isInsecure: false };
  return options.tls;
}

const rows: readonly OptionRow[] = [
  value('-h', (options, text) => {
    options.host = text;
  }),
  value('-p', (options, text) => {
    options.port = integer(text);
    if (options.port < 0 || options.port > 65535) throw new UsageError('Invalid server port.');
  }),
  value('-s', (options, text) => {
    options.socketPath = text;
  }),
  value('-a --pass', (options, text) => {
    options.password = text;
    options.isPasswordShown = true;
  }),
  value('--user', (options, text) => {
    options.user = text;
  }),
  flag('--askpass', (options) => {
    options.asksPassword = true;
  }),
  flag('--no-auth-warning', (options) => {
    options.hidesPasswordWarning = true;
  }),
  value('-u', readUri),
  value('-n', (options, text) => {
    options.db = integer(text);
  }),
  flag('-4', (options) => {
    options.family = 4;
  }),
  flag('-6', (options) => {
    options.family = 6;
  }),
  value('-t', (options, text) => {
    options.connectTimeoutMs = seconds(text);
  }),
  flag('-2', (options) => {
    options.resp3 = 'no';
  }),
  flag('-3', (options) => {
    options.resp3 = 'yes';
  }),
  value('-r', (options, text) => {
    options.repeatCount = integer(text);
  }),
  value('-i', (options, text) => {
    options.intervalMs = seconds(text);
  }),
  flag('-x', (options) => {
    options.readsLastWord = true;
  }),
  value('-X', (options, text) => {
    options.stdinTag = text;
  }),
  value('-d', (options, text) => {
    options.itemDelimiter = text;
  }),
  value('-D', (options, text) => {
    options.replyDelimiter = text;
  }),
  flag('-e', (options) => {
    options.failsOnError = true;
  }),
  flag('-c', (options) => {
    options.followsCluster = true;
  }),
  flag('--quoted-input', (options) => {
    options.takesQuotedWords = true;
  }),
  flag('--raw', (options) => {
    options.output = 'raw';
  }),
  flag('--no-raw', (options) => {
    options.output = 'formatted';
  }),
  flag('--csv', (options) => {
    options.output = 'csv';
  }),
  flag('--json', (options) => {
    options.output = 'json';
    if (options.resp3 === 'no') options.resp3 = 'soft';
  }),
  flag('--quoted-json', (options) => {
    options.output = 'quoted-json';
    if (options.resp3 === 'no') options.resp3 = 'soft';
  }),
  value('--show-pushes', (options, text) => {
    options.showsPushes = yesOrNo(text);
  }),
  flag('--verbose', (options) => {
    options.isVerbose = true;
  }),
  flag('--pipe', (options) => {
    options.mode = 'pipe';
  }),
  value('--pipe-timeout', (options, text) => {
    options.pipeTimeoutMs = seconds(text);
  }),
  flag('--scan', (options) => {
    options.mode = 'scan';
  }),
  value('--pattern', (options, text) => {
    options.pattern = text;
  }),
  value('--quoted-pattern', (options, text) => {
    options.pattern = unquoted(text);
    if (options.pattern === undefined)
      throw new UsageError('Invalid quoted string specified for --quoted-pattern.');
  }),
  value('--count', (options, text) => {
    options.scanCount = integer(text);
  }),
  flag('--bigkeys', (options) => {
    options.mode = 'big-keys';
  }),
  flag('--memkeys', (options) => {
    options.mode = 'mem-keys';
  }),
  value('--memkeys-samples', (options, text) => {
    options.mode = 'mem-keys';
    options.memorySamples = integer(text);
  }),
  flag('--stat', (options) => {
    options.mode = 'stat';
  }),
  flag('--latency', (options) => {
    options.mode = 'latency';
  }),
  flag('--latency-history', (options) => {
    options.mode = 'latency-history';
  }),
  value('--eval', (options, text) => {
    options.mode = 'eval';
    options.scriptFile = text;
  }),
  flag('--tls', tls),
  value('--sni', (options, text) => {
    tls(options).serverName = text;
  }),
  value('--cacert', (options, text) => {
    tls(options).caFile = text;
  }),
  value('--cacertdir', (options, text) => {
    tls(options).caFolder = text;
  }),
  value('--cert', (options, text) => {
    tls(options).certFile = text;
  }),
  value('--key', (options, text) => {
    tls(options).keyFile = text;
  }),
  value('--tls-ciphers', (options, text) => {
    tls(options).ciphers = text;
  }),
  value('--tls-ciphersuites', (options, text) => {
    tls(options).cipherSuites = text;
  }),
  flag('--insecure', (options) => {
    tls(options).isInsecure = true;
  }),
  flag('--help', (options) => {
    options.mode = 'help';
  }),
  flag('-v --version', (options) => {
    options.mode = 'version';
  }),
];

const rowsByName = new Map(rows.flatMap((row) => row.names.map((name) => [name, row] as const)));

/** Options of redis-cli that have no meaning here, or none yet, and why. */
const refused: Record<string, string> = {
  '--cluster': 'clusters are not supported yet',
  '--rdb': 'there is no replication',
  '--functions-rdb': 'there is no replication',
  '--replica': 'there is no replication',
  '--slave': 'there is no replication',
  '--ldb': 'there are no Lua scripts to debug',
  '--ldb-sync-mode': 'there are no Lua scripts to debug',
  '--hotkeys': 'ask OBJECT FREQ',
  '--latency-dist': 'use --latency or --latency-history',
  '--intrinsic-latency': 'use --latency or --latency-history',
  '--lru-test': 'use redis-benchmark',
};

/** @param argv The arguments as bytes, since keys and values need not be UTF-8. @throws {UsageError} */
export function readOptions(argv: readonly Buffer[]): Options {
  const options = defaults();
  let at = 0;
  for (; at < argv.length; at++) {
    const name = argv[at]?.toString() ?? '';
    const isLast = at + 1 >= argv.length;
    // `-h` alone asks for help: a host would follow.
    if (name === '-h' && isLast) {
      options.mode = 'help';
      break;
    }
    const row = rowsByName.get(name);
    if (row !== undefined && !(row.takesValue && isLast)) {
      row.apply(options, row.takesValue ? (argv[++at]?.toString() ?? '') : '');
      continue;
    }
    if (!name.startsWith('-')) break;
    const reason = refused[name];
    throw new UsageError(
      reason === undefined
        ? `Unrecognized option or bad number of args for: '${name}'`
        : `'${name}' is not supported: ${reason}`,
    );
  }
  options.words = argv.slice(at).map((word) => word);
  options.password ??= process.env[PASSWORD_VARIABLE];
  check(options);
  return options;
}

function check(options: Options): void {
  if (options.readsLastWord && options.stdinTag !== undefined)
    throw new UsageError('Options -x and -X are mutually exclusive.');
  if (options.takesQuotedWords)
    options.words = options.words.map((word) => {
      const text = unquoted(word.toString('latin1'));
      // redis-cli says so where replies go.
      if (text === undefined) throw new UsageError('Invalid quoted string', process.stdout);
      return Buffer.from(text, 'latin1');
    });
}

/** `redis://user:password@host:port/db`; `rediss` is TLS. */
function readUri(options: Options, text: string): void {
  const match =
    /^(rediss?):\/\/(?:([^@]*)@)?(\[[^\]]*\]|[^:/?]*)(?::(\d+))?(?:\/(\d*))?(?:\?.*)?$/.exec(text);
  if (match === null) {
    throw new UsageError(
      /^rediss?:\/\//.test(text) ? `Invalid URI '${text}'` : 'Invalid URI scheme',
    );
  }
  const [, scheme, credentials, host = '', port, db] = match;
  if (scheme === 'rediss') tls(options);
  if (credentials !== undefined) {
    const colon = credentials.indexOf(':');
    if (colon > 0) options.user = percentDecoded(credentials.slice(0, colon));
    options.password = percentDecoded(credentials.slice(colon + 1));
    options.isPasswordShown = true;
  }
  if (host !== '') options.host = host.replace(/^\[|\]$/g, '');
  if (port !== undefined) options.port = Number(port);
  if (db) options.db = Number(db);
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UsageError('Incomplete URI encoding');
  }
}

/** As `atoi`: what comes before a letter that is no digit. */
function integer(text: string): number {
  return Number(/^\s*([+-]?\d+)/.exec(text)?.[1] ?? 0);
}

function seconds(text: string): number {
  const value = Number.parseFloat(text);
  return Number.isFinite(value) && value > 0 ? value * 1000 : 0;
}

function yesOrNo(text: string): boolean {
  if (/^(y|yes)$/i.test(text)) return true;
  if (/^(n|no)$/i.test(text)) return false;
  throw new UsageError(`'${text}' is neither yes nor no`);
}

/** Undefined: it is not one word. */
function unquoted(text: string): string | undefined {
  const words = splitWords(text);
  return words?.length === 1 ? words[0] : undefined;
}

/**
 * This process' arguments as bytes: `process.argv` has them as UTF-8, in which other bytes are lost.
 * @param count How many there are, at the end of all.
 */
export function argumentBytes(count: number): Buffer[] {
  if (count === 0) return [];
  try {
    const words = readFileSync('/proc/self/cmdline').toString('latin1').split('\0').slice(0, -1);
    if (words.length > count) return words.slice(-count).map((word) => Buffer.from(word, 'latin1'));
  } catch {
    // No /proc here: all of them are UTF-8, or as good as.
  }
  return process.argv.slice(-count).map((word) => Buffer.from(word));
}
