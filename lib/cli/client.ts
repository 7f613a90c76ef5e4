// tutti-cli: sends one command, or the lines of standard input, and prints replies as redis-cli does.

import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import RedisParser from 'redis-parser';
import { splitWords } from '../config/words.ts';

const usage = `Usage: tutti-cli [OPTIONS] [cmd [arg [arg ...]]]
  -h <hostname>      Server hostname (default: 127.0.0.1).
  -p <port>          Server port (default: 6379).
  -s <socket>        Server socket (overrides hostname and port).
  -a <password>      Password (or REDISCLI_AUTH in the environment).
  -n <db>            Database number.
  -x                 Read last argument from STDIN.
  --raw, --no-raw    Replies as they are, or formatted (default: formatted on a terminal).
`;

interface Options {
  host: string;
  port: number;
  path: string | undefined;
  password: string | undefined;
  db: number;
  isRaw: boolean;
  readsLastWord: boolean;
  words: (string | Buffer)[];
}

const PLUS = 0x2b;

class UsageError extends Error {}

function readOptions(argv: readonly string[]): Options {
  const options: Options = {
    host: '127.0.0.1',
    port: 6379,
    path: undefined,
    password: process.env.REDISCLI_AUTH,
    db: 0,
    isRaw: !process.stdout.isTTY,
    readsLastWord: false,
    words: [],
  };
  let at = 0;
  const value = (): string => {
    const text = argv[++at];
    if (text === undefined) throw new UsageError(`${argv[at - 1]} needs a value`);
    return text;
  };
  for (; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (!word.startsWith('-') || word === '-') break;
    switch (word) {
      case '-h':
        options.host = value();
        break;
      case '-p':
        options.port = Number(value());
        break;
      case '-s':
        options.path = value();
        break;
      case '-a':
      case '--pass':
        options.password = value();
        break;
      case '-n':
        options.db = Number(value());
        break;
      case '-x':
        options.readsLastWord = true;
        break;
      case '--raw':
        options.isRaw = true;
        break;
      case '--no-raw':
        options.isRaw = false;
        break;
      case '--no-auth-warning':
        break;
      default:
        throw new UsageError(`Unrecognized option or bad number of args for: '${word}'`);
    }
  }
  options.words = argv.slice(at);
  if (options.readsLastWord) options.words.push(readFileSync(0));
  return options;
}

function frame(words: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = typeof word === 'string' ? Buffer.from(word) : word;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

type Reply = string | number | null | Buffer | Error | Reply[];

/** One connection: a command, then its reply. */
class Client {
  readonly #socket: Socket;
  #onReply: ((reply: Reply) => void) | undefined;
  #isFirstChunk = true;
  #isSimple = false;
  onClose: (error: Error | undefined) => void = () => {};

  constructor(options: Options) {
    this.#socket = options.path
      ? connect(options.path)
      : connect({ host: options.host, port: options.port });
    this.#socket.setNoDelay(true);
    const parser = new RedisParser({
      returnBuffers: true,
      returnReply: (reply: Reply) =>
        this.#onReply?.(this.#isSimple && reply instanceof Buffer ? reply.toString() : reply),
      returnError: (error: Error) => this.#onReply?.(error),
      returnFatalError: (error: Error) => this.#socket.destroy(error),
    });
    let failure: Error | undefined;
    this.#socket.on('data', (chunk) => {
      // The parser does not tell `+OK` from a bulk string.
      this.#isSimple = chunk[0] === PLUS && this.#isFirstChunk;
      this.#isFirstChunk = false;
      parser.execute(chunk);
    });
    this.#socket.on('error', (error) => {
      failure = error;
    });
    this.#socket.on('close', () => this.onClose(failure));
  }

  call(words: readonly (string | Buffer)[]): Promise<Reply> {
    this.#isFirstChunk = true;
    this.#socket.write(frame(words));
    return new Promise((resolve) => {
      this.#onReply = resolve;
    });
  }

  end(): void {
    this.onClose = () => {};
    this.#socket.destroy();
  }
}

/** As `cliFormatReplyTTY` of redis-cli 7.2. */
function formatted(reply: Reply, prefix: string): string {
  if (reply === null) return '(nil)\n';
  if (reply instanceof Error) return `(error) ${reply.message}\n`;
  if (typeof reply === 'number') return `(integer) ${reply}\n`;
  if (typeof reply === 'string') return `${reply}\n`;
  if (reply instanceof Buffer) return `${quoted(reply)}\n`;
  if (reply.length === 0) return '(empty array)\n';
  const width = String(reply.length).length;
  const inner = `${prefix}${' '.repeat(width + 2)}`;
  let text = '';
  for (const [index, item] of reply.entries()) {
    const number = `${String(index + 1).padStart(width)}) `;
    text += `${index === 0 ? '' : prefix}${number}${formatted(item, inner)}`;
  }
  return text;
}

function quoted(bytes: Buffer): string {
  const escapes: Record<number, string> = {
    7: '\\a',
    8: '\\b',
    9: '\\t',
    10: '\\n',
    13: '\\r',
    34: '\\"',
    92: '\\\\',
  };
  let text = '"';
  for (const byte of bytes) {
    const escaped = escapes[byte];
    if (escaped !== undefined) text += escaped;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `${text}"`;
}

/** As `cliFormatReplyRaw`: an error, and nothing else, has a line after it. */
function raw(reply: Reply): Buffer {
  if (reply === null) return Buffer.alloc(0);
  if (reply instanceof Buffer) return reply;
  if (reply instanceof Error) return Buffer.from(`${reply.message}\n`);
  if (typeof reply === 'number' || typeof reply === 'string') return Buffer.from(String(reply));
  const parts: Buffer[] = [];
  for (const [index, item] of reply.entries()) {
    if (index > 0) parts.push(Buffer.from('\n'));
    parts.push(raw(item));
  }
  return Buffer.concat(parts);
}

function print(reply: Reply, isRaw: boolean): void {
  if (isRaw) process.stdout.write(Buffer.concat([raw(reply), Buffer.from('\n')]));
  else process.stdout.write(formatted(reply, ''));
}

async function run(options: Options): Promise<number> {
  const client = new Client(options);
  const where = options.path ?? `${options.host}:${options.port}`;
  let isShuttingDown = false;
  client.onClose = (error) => {
    if (isShuttingDown && !error) process.exit(0);
    const reason = error === undefined ? 'Server closed the connection' : readable(error);
    process.stderr.write(
      error ? `Could not connect to Redis at ${where}: ${reason}\n` : `Error: ${reason}\n`,
    );
    process.exit(1);
  };
  const { password, db } = options;
  if (password) await warnOnError(client.call(['AUTH', password]), 'AUTH failed');
  if (db !== 0) await warnOnError(client.call(['SELECT', String(db)]), `SELECT ${db} failed`);
  const one = async (words: readonly (string | Buffer)[]): Promise<boolean> => {
    isShuttingDown = String(words[0]).toLowerCase() === 'shutdown';
    const reply = await client.call(words);
    print(reply, options.isRaw);
    return !(reply instanceof Error);
  };
  let isRight = true;
  if (options.words.length > 0) {
    isRight = await one(options.words);
  } else {
    const isTerminal = Boolean(process.stdin.isTTY);
    const lines = createInterface({
      input: process.stdin,
      ...(isTerminal ? { output: process.stdout, prompt: `${where}> ` } : {}),
    });
    if (isTerminal) lines.prompt();
    for await (const line of lines) {
      const words = splitWords(line);
      if (words === undefined) process.stdout.write('Invalid argument(s)\n');
      else if (/^(quit|exit)$/i.test(words[0] ?? '')) break;
      else if (words.length > 0) await one(words);
      if (isTerminal) lines.prompt();
    }
  }
  client.end();
  return isRight ? 0 : 1;
}

function readable(error: Error): string {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ECONNREFUSED') return 'Connection refused';
  if (code === 'ENOENT') return 'No such file or directory';
  return error.message;
}

async function warnOnError(call: Promise<Reply>, what: string): Promise<void> {
  const reply = await call;
  if (reply instanceof Error) process.stderr.write(`${what}: ${reply.message}\n`);
}

try {
  process.exitCode = await run(readOptions(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n${usage}`);
  process.exitCode = 1;
}
