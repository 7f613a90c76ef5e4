// A built server of its own for a test, and a plain client of it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type ConnectionOptions as TlsConnectionOptions } from 'node:tls';
import { fileURLToPath } from 'node:url';
import RedisParser from 'redis-parser';

/** How long a server may take to be ready; reached only if it hangs. */
const START_MS_MAX = 30_000;
/** How long it may take to end before it is killed. */
const STOP_MS_MAX = 10_000;
const PORT_TRIES_MAX = 5;

const serverFile = fileURLToPath(new URL('../../lib/cli/server.js', import.meta.url));

/** What redis-parser makes of a reply: errors inside an array are values. */
export type Value = string | number | Buffer | null | Error | Value[];

export interface StartedServer {
  readonly port: number;
  /** Of `--unixsocket`, if it was given. */
  readonly socketPath: string | undefined;
  /** A folder of its own, its working folder; it is removed when the server has ended. */
  readonly folder: string;
  readonly pid: number;
  /** What it has written so far. */
  log(): string;
  /** Sends one command on a connection kept for that. @throws {Error} An error reply. */
  request(...words: readonly (string | Buffer | number)[]): Promise<Value>;
  /** A new connection, over the Unix socket if there is one and `over` says so. */
  raw(over?: 'tcp' | 'unix'): Promise<Connection>;
  /** Ends it with SIGTERM and waits. @throws {Error} It had to be killed, or ended with another status than 0. */
  stop(): Promise<void>;
  readonly ended: Promise<End>;
}

/** How a process has ended: with a status, or by a signal. */
export interface End {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Starts the built server with these arguments and a free port, and waits until it is ready.
 * @param environment Variables on top of this process'.
 */
export async function startServer(
  args: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): Promise<StartedServer> {
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    const server = new Server(port, args, environment);
    try {
      await server.ready();
      return server;
    } catch (error) {
      server.kill();
      await server.ended;
      // Another process may have taken the port in between.
      if (tries === PORT_TRIES_MAX || !/in use|EADDRINUSE/.test(server.log())) throw error;
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}

class Server implements StartedServer {
  readonly port: number;
  readonly socketPath: string | undefined;
  readonly folder = mkdtempSync(join(tmpdir(), 'tutti-test-'));
  readonly ended: Promise<End>;
  readonly #process: ChildProcess;
  #log = '';
  #hasEnded = false;
  #connection: Promise<Connection> | undefined;

  constructor(port: number, args: readonly string[], environment: NodeJS.ProcessEnv) {
    this.port = port;
    const socketArgument = args.indexOf('--unixsocket');
    this.socketPath = socketArgument === -1 ? undefined : args[socketArgument + 1];
    const own = args.includes('--port') ? [] : ['--port', String(port)];
    // A configuration file comes first.
    const fileCount = args[0] !== undefined && !args[0].startsWith('-') ? 1 : 0;
    const words = [...args.slice(0, fileCount), ...own, ...args.slice(fileCount)];
    this.#process = spawn(process.execPath, [serverFile, ...words], {
      cwd: this.folder,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const note = (chunk: Buffer) => {
      this.#log += chunk.toString();
    };
    this.#process.stdout?.on('data', note);
    this.#process.stderr?.on('data', note);
    this.ended = new Promise((resolve) => {
      this.#process.on('close', (status, signal) => {
        this.#hasEnded = true;
        rmSync(this.folder, { recursive: true, force: true });
        resolve({ status, signal });
      });
    });
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  log(): string {
    return this.#log;
  }

  async ready(): Promise<void> {
    const isReady = () => this.#log.includes('Ready to accept connections');
    await new Promise<void>((resolve, reject) => {
      const fail = (what: string) =>
        reject(new Error(`the server ${what}; its log:\n${this.#log}`));
      const timer = setTimeout(() => fail(`is not ready after ${START_MS_MAX} ms`), START_MS_MAX);
      const look = () => {
        if (!isReady()) return;
        clearTimeout(timer);
        resolve();
      };
      this.#process.stdout?.on('data', look);
      this.ended.then(({ status, signal }) => {
        clearTimeout(timer);
        fail(`ended with ${signal ?? `status ${status}`}`);
      });
    });
  }

  async request(...words: readonly (string | Buffer | number)[]): Promise<Value> {
    this.#connection ??= this.raw();
    const connection = await this.#connection;
    return connection.request(...words);
  }

  async raw(over: 'tcp' | 'unix' = 'tcp'): Promise<Connection> {
    if (over === 'tcp') return Connection.open(this.port);
    if (this.socketPath === undefined) throw new Error('the server has no Unix socket');
    return Connection.open(this.socketPath);
  }

  kill(): void {
    if (!this.#hasEnded) this.#process.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    if (this.#connection) (await this.#connection).close();
    if (!this.#hasEnded) this.#process.kill('SIGTERM');
    let wasKilled = false;
    const timer = setTimeout(() => {
      wasKilled = true;
      this.kill();
    }, STOP_MS_MAX);
    const { status, signal } = await this.ended;
    clearTimeout(timer);
    if (wasKilled) throw new Error(`the server did not end on SIGTERM; its log:\n${this.#log}`);
    if (status !== 0)
      throw new Error(
        `the server ended with ${signal ?? `status ${status}`}; its log:\n${this.#log}`,
      );
  }
}

/** A connection that reads RESP2 replies with redis-parser. */
export class Connection {
  readonly socket: Socket;
  readonly #parser: RedisParser;
  readonly #replies: Value[] = [];
  readonly #waiting: ((reply: Value | undefined) => void)[] = [];
  #isClosed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    const take = (reply: Value) => {
      const waiter = this.#waiting.shift();
      if (waiter) waiter(reply);
      else this.#replies.push(reply);
    };
    this.#parser = new RedisParser({
      returnReply: take,
      returnError: take,
      returnFatalError: (error: Error) => socket.destroy(error),
    });
    socket.on('data', (chunk) => this.#parser.execute(chunk));
    // A reset is seen as the close that follows it.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isClosed = true;
      for (const waiter of this.#waiting.splice(0)) waiter(undefined);
    });
  }

  /** @param address A port of `host`, or the path of a Unix socket. */
  static async open(address: number | string, host = '127.0.0.1'): Promise<Connection> {
    const socket = typeof address === 'number' ? connect(address, host) : connect(address);
    await once(socket, 'connect');
    return new Connection(socket);
  }

  /** Through TLS, to a port of the loopback interface. @throws {Error} The handshake fails. */
  static async openTls(port: number, options: TlsConnectionOptions): Promise<Connection> {
    const socket = connectTls({ ...options, port, host: '127.0.0.1' });
    await once(socket, 'secureConnect');
    return new Connection(socket);
  }

  /** Sends bytes as they are. */
  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  send(...words: readonly (string | Buffer | number)[]): void {
    this.socket.write(framed(words));
  }

  /** As `reply`, but bulk strings are buffers. Nothing of it may have come yet. */
  async binaryReply(): Promise<Value | undefined> {
    this.#parser.setReturnBuffers(true);
    const reply = await this.reply();
    this.#parser.setReturnBuffers(false);
    return reply;
  }

  /** The next reply; an error reply is a value here. Undefined: the connection has ended. */
  reply(): Promise<Value | undefined> {
    const reply = this.#replies.shift();
    if (reply !== undefined) return Promise.resolve(reply);
    if (this.#isClosed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Sends one command and waits for its reply. @throws {Error} An error reply, or the connection ended. */
  async request(...words: readonly (string | Buffer | number)[]): Promise<Value> {
    this.send(...words);
    const reply = await this.reply();
    if (reply === undefined) throw new Error('the connection ended before the reply');
    if (reply instanceof Error) throw reply;
    return reply;
  }

  /** As `request`, but answers the words of an error reply. */
  async refusal(...words: readonly (string | Buffer | number)[]): Promise<string> {
    this.send(...words);
    const reply = await this.reply();
    return reply instanceof Error ? reply.message : `no error: ${String(reply)}`;
  }

  close(): void {
    this.socket.destroy();
  }
}

/** A request as RESP. */
export function framed(words: readonly (string | Buffer | number)[]): Buffer {
  const pieces: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = Buffer.isBuffer(word) ? word : Buffer.from(String(word));
    pieces.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(pieces);
}
