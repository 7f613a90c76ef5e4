// One connection of tutti-cli to a server: requests out, replies in.

import { readdirSync, readFileSync } from 'node:fs';
import { isIP, connect as netConnect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls';
import { systemReason } from '../../core/system-error.ts';
import { type WireReply, WireReplyReader } from '../../resp/reply-reader.ts';
import type { Endpoint, Options, TlsOptions } from './options.ts';

/** No connection could be made; the message is the reason. */
export class ConnectError extends Error {}

/** The server has closed the connection, or it is broken; the message is the reason. */
export class ConnectionLost extends Error {}

export type Words = readonly (string | Buffer)[];

/** `host:port`, or the path of a Unix socket. */
export function endpointName({ host, port, socketPath }: Endpoint): string {
  return socketPath ?? `${host}:${port}`;
}

export class ServerConnection {
  readonly #socket: Socket;
  readonly #reader = new WireReplyReader();
  readonly #replies: WireReply[] = [];
  #waiting: (() => void) | undefined;
  #failure: Error | undefined;
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => {
      this.#failure = error;
    });
    socket.on('close', () => {
      this.#isClosed = true;
      this.#waiting?.();
    });
  }

  /** @throws {ConnectError} */
  static async open(endpoint: Endpoint, options: Options): Promise<ServerConnection> {
    const socket = await connected(endpoint, options);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 15_000);
    return new ServerConnection(socket);
  }

  /** Ends when the bytes are with the operating system, so that a slow server slows the sender. */
  async write(bytes: Buffer): Promise<void> {
    if (this.#socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        this.#socket.off('drain', end).off('close', end);
        resolve();
      };
      this.#socket.on('drain', end).on('close', end);
    });
  }

  send(words: Words): void {
    this.#socket.write(frame(words));
  }

  /** The next reply, pushes among them. @throws {ConnectionLost} */
  async next(): Promise<WireReply> {
    for (;;) {
      const reply = this.#replies.shift();
      if (reply !== undefined) return reply;
      if (this.#isClosed) {
        throw new ConnectionLost(
          this.#failure === undefined ? 'Server closed the connection' : reasonOf(this.#failure),
        );
      }
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
      this.#waiting = undefined;
    }
  }

  /** Sends one command and waits for its reply. @throws {ConnectionLost} */
  call(words: Words): Promise<WireReply> {
    this.send(words);
    return this.next();
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    try {
      this.#replies.push(...this.#reader.take(chunk));
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? error : new Error(String(error)));
    }
    this.#waiting?.();
  }
}

export function frame(words: Words): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = typeof word === 'string' ? Buffer.from(word) : word;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

function connected(endpoint: Endpoint, options: Options): Promise<Socket> {
  const { host, port, socketPath } = endpoint;
  const { family, connectTimeoutMs } = options;
  const place =
    socketPath !== undefined
      ? { path: socketPath }
      : { host, port, ...(family === 0 ? {} : { family }) };
  return new Promise((resolve, reject) => {
    let socket: Socket;
    try {
      socket = options.tls
        ? tlsConnect({ ...place, ...tlsSettings(options.tls, host) })
        : netConnect(place);
    } catch (error) {
      reject(new ConnectError(systemReason(error)));
      return;
    }
    const timer =
      connectTimeoutMs > 0
        ? setTimeout(() => fail(new Error('Connection timed out')), connectTimeoutMs)
        : undefined;
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new ConnectError(reasonOf(error)));
    };
    socket.once('error', fail);
    socket.once(options.tls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

/** Several addresses of one name may each have failed in its own way: the last is told. */
function reasonOf(error: Error): string {
  const last: unknown = error instanceof AggregateError ? error.errors.at(-1) : error;
  // OpenSSL's own words stand behind a line of numbers in the message.
  if (last instanceof Error && 'reason' in last && typeof last.reason === 'string')
    return last.reason;
  return systemReason(last);
}

/** @throws {ConnectError} A file cannot be read. */
function tlsSettings(tls: TlsOptions, host: string): ConnectionOptions {
  const settings: ConnectionOptions = { rejectUnauthorized: !tls.isInsecure };
  // A certificate is for names; whoever connects to a number says which by --sni.
  if (tls.serverName !== undefined) settings.servername = tls.serverName;
  else if (isIP(host) === 0) settings.servername = host;
  // redis-cli looks at who signed the certificate, and at no name in it.
  settings.checkServerIdentity = () => undefined;
  const authorities = [
    ...(tls.caFile === undefined ? [] : [readTlsFile(tls.caFile)]),
    ...(tls.caFolder === undefined ? [] : readTlsFolder(tls.caFolder)),
  ];
  if (authorities.length > 0) settings.ca = authorities;
  if (tls.certFile !== undefined) settings.cert = readTlsFile(tls.certFile);
  if (tls.keyFile !== undefined) settings.key = readTlsFile(tls.keyFile);
  const ciphers = [tls.cipherSuites, tls.ciphers].filter((list) => list !== undefined).join(':');
  if (ciphers !== '') settings.ciphers = ciphers;
  return settings;
}

function readTlsFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new ConnectError(`${path}: ${systemReason(error)}`);
  }
}

function readTlsFolder(folder: string): Buffer[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => readTlsFile(join(folder, entry.name)));
  } catch (error) {
    throw error instanceof ConnectError
      ? error
      : new ConnectError(`${folder}: ${systemReason(error)}`);
  }
}
