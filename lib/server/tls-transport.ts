// Connections through TLS: Node's own, whose decrypted chunks are pushed into the connection. They are
// not read into the memory of large values, so that each byte is copied once more.

import { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { log } from '../core/log.ts';
import { type Addon, socketEvents } from '../engine/addon.ts';
import { type TlsSetup, tlsOptions } from './tls-setup.ts';
import type { Transport } from './transport.ts';

/** From the first byte until the client is known; it counts as a client all the while. */
export const HANDSHAKE_MS_MAX = 10_000;
/** How long what was taken may need to reach a client that is closed. */
const CLOSE_MS_MAX = 1000;
/** Taken at a time; the next when the kernel has these. */
const WRITE_BYTES_MAX = 256 * 1024;

/** A connection, as its transport knows it. */
export interface TransportUser {
  /** Bytes have come. */
  push(bytes: Buffer): void;
  onReady(events: number): void;
  close(): void;
}

export class TlsTransport implements Transport {
  readonly slot = -1;
  readonly #addon: Addon;
  readonly #out: Buffer;
  readonly #socket: Socket;
  readonly #onEnd: () => void;
  /** Undefined: the handshake goes on. */
  #secured: TLSSocket | undefined;
  #user: TransportUser | undefined;
  #isReading = true;
  #wantsDrain = false;
  #isWriting = false;
  #isClosed = false;

  /** @param onEnd The handshake is over, or the connection. */
  constructor(addon: Addon, out: Buffer, socket: Socket, onEnd: () => void) {
    this.#addon = addon;
    this.#out = out;
    this.#socket = socket;
    this.#onEnd = onEnd;
    // TLS tells of it too, but not of all that ends a handshake.
    socket.on('close', () => this.#end());
  }

  set user(user: TransportUser) {
    this.#user = user;
    // It may have ended before.
    if (this.#socket.destroyed) setImmediate(() => this.#end());
  }

  get isSecured(): boolean {
    return this.#secured !== undefined;
  }

  /** The handshake has succeeded. */
  secure(secured: TLSSocket): void {
    this.#onEnd();
    if (this.#isClosed) {
      secured.destroy();
      return;
    }
    this.#secured = secured;
    secured.on('data', (bytes: Buffer) => {
      if (!this.#isClosed) this.#user?.push(bytes);
    });
    secured.on('end', () => this.#end());
    secured.on('close', () => this.#end());
    secured.on('error', (error) => {
      log.verbose(`Client ${secured.remoteAddress ?? ''}: ${error.message}`);
      this.#end();
    });
  }

  #end(): void {
    this.#onEnd();
    if (!this.#isClosed) this.#user?.close();
  }

  get isIdle(): boolean {
    return !this.#isWriting;
  }

  send(start: number, end: number): number {
    return this.sendBlock(this.#out, start, end);
  }

  sendBlob(start: number, end: number, blobId: number, offset: number): number {
    if (this.#isWriting) return 0;
    const blobBytes = Math.min(this.#addon.replyBlobBytes(blobId) - offset, WRITE_BYTES_MAX);
    const bytes = Buffer.allocUnsafe(end - start + blobBytes);
    this.#out.copy(bytes, 0, start, end);
    if (blobBytes > 0) {
      const view = this.#addon.replyBlobView(blobId, offset, blobBytes);
      view.copy(bytes, end - start);
      this.#addon.detach(view.buffer);
    }
    return this.#write(bytes);
  }

  sendBlock(block: Buffer, start: number, end: number): number {
    if (this.#isWriting) return 0;
    // A copy: the block is used again, and the bytes are encrypted later.
    const bytes = Buffer.from(block.subarray(start, Math.min(end, start + WRITE_BYTES_MAX)));
    return this.#write(bytes);
  }

  #write(bytes: Buffer): number {
    if (this.#secured === undefined || bytes.length === 0) return 0;
    this.#isWriting = true;
    this.#secured.write(bytes, () => {
      this.#isWriting = false;
      this.#tellWritable();
    });
    return bytes.length;
  }

  #tellWritable(): void {
    if (this.#wantsDrain && !this.#isWriting && !this.#isClosed)
      this.#user?.onReady(socketEvents.writable);
  }

  watch(events: number): void {
    this.#wantsDrain = (events & socketEvents.writable) !== 0;
    // No write that ends will tell.
    if (this.#wantsDrain && !this.#isWriting) setImmediate(() => this.#tellWritable());
    const isReading = (events & socketEvents.readable) !== 0;
    if (isReading === this.#isReading) return;
    this.#isReading = isReading;
    if (isReading) this.#secured?.resume();
    else this.#secured?.pause();
  }

  keepAlive(seconds: number): void {
    this.#socket.setKeepAlive(seconds > 0, seconds * 1000);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onEnd();
    const secured = this.#secured;
    if (secured === undefined) {
      this.#socket.destroy();
      return;
    }
    // Tells the client that nothing was cut off.
    secured.destroySoon();
    setTimeout(() => secured.destroy(), CLOSE_MS_MAX).unref();
  }
}

/** Where clients of one thread become known. It listens nowhere: it is handed sockets. */
export class TlsDoor {
  readonly #addon: Addon;
  readonly #out: Buffer;
  readonly #onFailure: () => void;
  #server: Server | undefined;
  /** Handshakes that go on, by the addresses of both ends. */
  readonly #pending = new Map<string, TlsTransport>();

  /** @param onFailure A handshake has failed, to be counted. */
  constructor(addon: Addon, out: Buffer, onFailure: () => void) {
    this.#addon = addon;
    this.#out = out;
    this.#onFailure = onFailure;
  }

  /** What new connections are met with. Undefined: they are closed. */
  set setup(setup: TlsSetup | undefined) {
    if (setup === undefined) {
      this.#server = undefined;
      return;
    }
    const server = createServer({ ...tlsOptions(setup), handshakeTimeout: HANDSHAKE_MS_MAX });
    server.on('secureConnection', (secured) => {
      const transport = this.#pending.get(endsOf(secured));
      const complaint = setup.isOptional ? complaintAbout(secured) : undefined;
      if (complaint !== undefined) this.#fail(secured, complaint);
      if (transport === undefined || complaint !== undefined) secured.destroy();
      else transport.secure(secured);
    });
    server.on('tlsClientError', (error, secured) => {
      const { authorizationError } = secured;
      this.#fail(secured, authorizationError ? String(authorizationError) : reasonOf(error));
      // Node leaves open what has run out of time.
      secured.destroy();
    });
    this.#server = server;
  }

  /** @param fd Is the transport's to close. */
  open(fd: number, keepAliveSeconds: number): TlsTransport {
    const socket = new Socket({ fd, readable: true, writable: true });
    socket.on('error', (error) => log.verbose(`Error of a TLS connection: ${error.message}`));
    socket.setNoDelay(true);
    const ends = endsOf(socket);
    const transport = new TlsTransport(this.#addon, this.#out, socket, () => {
      if (this.#pending.get(ends) === transport) this.#pending.delete(ends);
    });
    if (keepAliveSeconds > 0) transport.keepAlive(keepAliveSeconds);
    if (this.#server === undefined) {
      socket.destroy();
    } else {
      this.#pending.set(ends, transport);
      this.#server.emit('connection', socket);
    }
    return transport;
  }

  #fail(secured: TLSSocket, reason: string): void {
    this.#onFailure();
    const from = secured.remoteAddress === undefined ? '' : ` (addr=${addressOf(secured)})`;
    log.verbose(`Error accepting a client connection: ${reason}${from}`);
  }
}

/** OpenSSL's own word, without the places in its source. */
function reasonOf(error: Error & { reason?: string }): string {
  return error.reason ?? error.message;
}

/** What is wrong with the certificate of a client that needs none; a client without one is right. */
function complaintAbout(secured: TLSSocket): string | undefined {
  if (secured.authorized) return undefined;
  const hasCertificate = Object.keys(secured.getPeerCertificate()).length > 0;
  return hasCertificate ? String(secured.authorizationError) : undefined;
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}

/** No two connections of a time have the same. */
function endsOf(socket: Socket): string {
  return `${addressOf(socket)} ${socket.localAddress}:${socket.localPort}`;
}
