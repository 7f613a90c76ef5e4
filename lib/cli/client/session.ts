// A client's session: connecting with password, database and protocol, and one command after the
// other with its output, as redis-cli 7.0 does it (its `cliConnect`, `cliSendCommand`, `cliReadReply`).

import type { WireReply } from '../../resp/reply-reader.ts';
import { ConnectError, ConnectionLost, endpointName, ServerConnection } from './connection.ts';
import { formatReply, isTextReply } from './format.ts';
import type { Endpoint, Options } from './options.ts';

const REDIRECTS_MAX = 16;
/** Commands slower than this have their time told, where people read. */
const SLOW_MS = 500;

const subscribing = new Set(['subscribe', 'psubscribe', 'ssubscribe']);

export class Session {
  readonly options: Options;
  readonly #isInteractive: boolean;
  endpoint: Endpoint;
  db: number;
  isInTransaction = false;
  #dbBefore = 0;
  #connection: ServerConnection | undefined;

  constructor(options: Options, isInteractive: boolean) {
    this.options = options;
    this.#isInteractive = isInteractive;
    this.endpoint = options;
    this.db = options.db;
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** The connection, for modes that speak for themselves. */
  get connection(): ServerConnection {
    if (this.#connection === undefined) throw new ConnectionLost('Server closed the connection');
    return this.#connection;
  }

  /** What stands before the line that a person types. */
  get prompt(): string {
    if (!this.isConnected) return 'not connected> ';
    const { socketPath } = this.endpoint;
    const place = socketPath === undefined ? endpointName(this.endpoint) : `redis ${socketPath}`;
    const db = this.db === 0 ? '' : `[${this.db}]`;
    return `${place}${db}${this.isInTransaction ? '(TX)' : ''}> `;
  }

  /** Connects anew; what went wrong is on standard error. @returns Whether the session can go on. */
  async connect(endpoint: Endpoint = this.endpoint): Promise<boolean> {
    this.close();
    this.endpoint = endpoint;
    try {
      this.#connection = await ServerConnection.open(endpoint, this.options);
      await this.#authenticate();
      await this.#select();
      await this.#switchProtocol();
      return true;
    } catch (error) {
      if (error instanceof ConnectError)
        warn(`Could not connect to Redis at ${endpointName(endpoint)}: ${error.message}`);
      else if (error instanceof ConnectionLost) warn(`Error: ${error.message}`);
      else throw error;
      this.close();
      return false;
    }
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.isInTransaction = false;
  }

  // What the server refuses of these is told, and the session goes on without it.

  async #authenticate(): Promise<void> {
    const { user, password } = this.options;
    if (password === undefined) return;
    const reply = await this.connection.call([
      'AUTH',
      ...(user === undefined ? [] : [user]),
      password,
    ]);
    if (reply.type === 'error') warn(`AUTH failed: ${reply.text.toString()}`);
  }

  async #select(): Promise<void> {
    if (this.db === 0) return;
    const reply = await this.connection.call(['SELECT', String(this.db)]);
    if (reply.type !== 'error') return;
    warn(`SELECT ${this.db} failed: ${reply.text.toString()}`);
    this.db = 0;
  }

  async #switchProtocol(): Promise<void> {
    if (this.options.resp3 === 'no') return;
    const reply = await this.connection.call(['HELLO', '3']);
    if (reply.type === 'error' && this.options.resp3 === 'yes')
      warn(`HELLO 3 failed: ${reply.text.toString()}`);
  }

  /**
   * Sends a command, as often as it says, and prints the replies. A lost connection is made anew once.
   * @param words At least one.
   * @returns Whether there was a reply to each.
   */
  async run(words: readonly Buffer[], repeatCount = 1): Promise<boolean> {
    const { intervalMs } = this.options;
    for (let i = 0; repeatCount < 0 || i < repeatCount; i++) {
      if (i > 0 && intervalMs > 0) await delay(intervalMs);
      if (!(await this.#runOnce(words))) return false;
    }
    return true;
  }

  async #runOnce(words: readonly Buffer[]): Promise<boolean> {
    const startedMs = performance.now();
    for (let tries = 0; ; tries++) {
      try {
        await this.#send(words);
        break;
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        if (this.isConnected) this.close();
        if (tries === 0 && this.#isInteractive && (await this.connect())) continue;
        if (tries > 0 || !this.#isInteractive) warn(`Error: ${error.message}`);
        return false;
      }
    }
    const elapsedMs = performance.now() - startedMs;
    if (this.#isInteractive && elapsedMs >= SLOW_MS && this.options.output === 'formatted')
      process.stdout.write(`(${(elapsedMs / 1000).toFixed(2)}s)\n`);
    return true;
  }

  /** @throws {ConnectionLost} */
  async #send(words: readonly Buffer[]): Promise<void> {
    const names = words.map((word) => word.toString('latin1').toLowerCase());
    const [command = ''] = names;
    if (command === 'shutdown') return this.#shutDown(words);
    if (subscribing.has(command)) return this.#subscribe(words);
    let reply = await this.#call(words);
    for (let i = 0; i < REDIRECTS_MAX; i++) {
      const target = this.options.followsCluster ? redirection(reply) : undefined;
      if (target === undefined) break;
      reply = await this.#follow(target, words);
    }
    this.#print(reply, isTextReply(names));
    if (reply.type !== 'error') this.#note(command, words);
    if (command === 'monitor' && reply.type !== 'error') await this.#watch();
    this.#noteTransaction(command, reply);
  }

  /** The reply of a command; pushes that come before it are printed if they are to be. */
  async #call(words: readonly Buffer[]): Promise<WireReply> {
    const { connection } = this;
    connection.send(words);
    for (;;) {
      const reply = await connection.next();
      if (reply.type !== 'push') return reply;
      if (this.options.showsPushes) this.#write(reply, false);
    }
  }

  /** The server closes the connection and says nothing. */
  async #shutDown(words: readonly Buffer[]): Promise<void> {
    try {
      this.#print(await this.#call(words), false);
    } catch (error) {
      if (!(error instanceof ConnectionLost) || !this.isConnected) throw error;
      this.close();
    }
  }

  /** Prints messages as they come; returns only if the server refuses. */
  async #subscribe(words: readonly Buffer[]): Promise<void> {
    if (this.options.output !== 'raw')
      process.stdout.write('Reading messages... (press Ctrl-C to quit)\n');
    const reply = await this.connection.call(words);
    this.#print(reply, false);
    if (reply.type !== 'error') await this.#watch();
  }

  /** Prints what comes until the connection ends; a program that only listens then ends with 1. */
  async #watch(): Promise<never> {
    try {
      for (;;) this.#write(await this.connection.next(), false);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      warn(`Error: ${error.message}`);
      process.exit(1);
    }
  }

  /** @throws {ConnectionLost} */
  async #follow(target: Redirection, words: readonly Buffer[]): Promise<WireReply> {
    const { host, port, slot, isAsking } = target;
    if (this.options.output === 'formatted')
      process.stdout.write(`-> Redirected to slot [${slot}] located at ${host}:${port}\n`);
    const endpoint = { host: host || this.endpoint.host, port, socketPath: undefined };
    if (!(await this.connect(endpoint)))
      throw new ConnectionLost('the other node cannot be reached');
    if (isAsking) await this.connection.call(['ASKING']);
    return this.#call(words);
  }

  /** What a command changes about the session. */
  #note(command: string, words: readonly Buffer[]): void {
    if (command === 'select' && words.length === 2) {
      this.db = Number.parseInt(words[1]?.toString() ?? '0', 10) || 0;
    } else if (command === 'multi') {
      this.isInTransaction = true;
      this.#dbBefore = this.db;
    } else if (command === 'reset') {
      this.db = 0;
      this.isInTransaction = false;
    }
  }

  #noteTransaction(command: string, reply: WireReply): void {
    if (!this.isInTransaction || (command !== 'exec' && command !== 'discard')) return;
    this.isInTransaction = false;
    // What SELECT did inside was not done after all.
    if (command === 'discard' || reply.type === 'error' || reply.type === 'nil')
      this.db = this.#dbBefore;
  }

  /** Prints a reply; with -e an error ends the program. */
  #print(reply: WireReply, isText: boolean): void {
    if (reply.type === 'error' && this.options.failsOnError && !this.#isInteractive) {
      warn(reply.text.toString('latin1'));
      process.exit(1);
    }
    this.#write(reply, isText);
  }

  #write(reply: WireReply, isText: boolean): void {
    const { output, itemDelimiter, replyDelimiter } = this.options;
    process.stdout.write(
      formatReply(reply, { mode: output, itemDelimiter, replyDelimiter }, isText),
    );
  }
}

interface Redirection {
  readonly host: string;
  readonly port: number;
  readonly slot: number;
  readonly isAsking: boolean;
}

/** `MOVED slot host:port`, `ASK slot host:port`: the host may be empty, or an IPv6 address. */
function redirection(reply: WireReply): Redirection | undefined {
  if (reply.type !== 'error') return undefined;
  const match = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(reply.text.toString());
  if (match === null) return undefined;
  const [, code, slot, host = '', port] = match;
  return { host, port: Number(port), slot: Number(slot), isAsking: code === 'ASK' };
}

export function warn(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
