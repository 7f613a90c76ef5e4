// A client that sends bytes as they are given and hands back replies as bytes.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { endOfReply, request, splitReplies } from '../oracle/replies.ts';

/** The bound of every wait for a reply; reached only where an answer is missing. */
const REPLY_MS_MAX = 20_000;

export class RawClient {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #isClosed = false;
  #onChange = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#onChange();
    });
    socket.on('close', () => {
      this.#isClosed = true;
      this.#onChange();
    });
    // A reset is seen as the close that follows it.
    socket.on('error', () => {});
  }

  /** @param address A TCP port of the loopback interface, or the path of a Unix socket. */
  static async connect(address: number | string): Promise<RawClient> {
    const socket = typeof address === 'number' ? connect(address, '127.0.0.1') : connect(address);
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new RawClient(socket);
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** The next reply, whole. @throws If the connection closes or nothing comes before it is whole. */
  async reply(): Promise<string> {
    for (;;) {
      const reply = this.#takeReply();
      if (reply !== undefined) return reply;
      if (this.#isClosed) throw new Error('connection closed before the reply was whole');
      await this.#change('a reply');
    }
  }

  /** The next reply, whenever it comes; undefined when the connection closes. */
  async nextReply(): Promise<string | undefined> {
    for (;;) {
      const reply = this.#takeReply();
      if (reply !== undefined || this.#isClosed) return reply;
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
    }
  }

  /** Sends one command and waits for its reply. */
  async call(...words: readonly (string | Buffer | number)[]): Promise<string> {
    this.send(request(...words));
    return this.reply();
  }

  /** Everything that comes until the server closes the connection, reply by reply. */
  async repliesUntilClose(): Promise<string[]> {
    while (!this.#isClosed) await this.#change('the end of the connection');
    return splitReplies(this.#received);
  }

  close(): void {
    this.#socket.destroy();
  }

  #takeReply(): string | undefined {
    const end = this.#received.length > 0 ? endOfReply(this.#received, 0) : -1;
    if (end < 0) return undefined;
    const reply = this.#received.toString('latin1', 0, end);
    this.#received = this.#received.subarray(end);
    return reply;
  }

  #change(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const seen = JSON.stringify(this.#received.toString('latin1', 0, 200));
        reject(new Error(`nothing of ${what} within ${REPLY_MS_MAX} ms; received so far: ${seen}`));
      }, REPLY_MS_MAX);
      this.#onChange = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
