import type { Completion } from '../commands/command.ts';
import type { Connection } from './connection.ts';
import type { ConnectionHost } from './connection-host.ts';
import type { WatchedWait } from './dispatcher.ts';

/** The command of one connection that waits for its result: one at a time, and mostly none. */
export class PendingCommand {
  readonly #connection: Connection;
  readonly #host: ConnectionHost;
  #completion: Completion | undefined;
  #abandoned: (() => void) | undefined;
  #sequence = 0;
  #watchedWait: WatchedWait | undefined;

  constructor(connection: Connection, host: ConnectionHost) {
    this.#connection = connection;
    this.#host = host;
  }

  get isThere(): boolean {
    return this.#completion !== undefined;
  }

  /** The connection's command waits from now on. @returns The number of this wait. */
  begin(completion: Completion, abandoned: (() => void) | undefined): number {
    if (this.#completion !== undefined) throw new Error('a command waits already');
    this.#completion = completion;
    this.#abandoned = abandoned;
    this.#host.blocked[0]!++;
    this.#watchedWait = this.#host.dispatcher.beginWait(this.#connection.call);
    return ++this.#sequence;
  }

  /** Ends the wait `sequence`, whose result is there. @returns What takes it; undefined if that wait was over before. */
  end(sequence: number): Completion | undefined {
    const completion = this.#completion;
    if (completion === undefined || sequence !== this.#sequence) return undefined;
    if (this.#watchedWait !== undefined) {
      const { call } = this.#connection;
      this.#host.dispatcher.endWait(this.#watchedWait, this.#connection, call.command);
    }
    this.#watchedWait = undefined;
    this.drop();
    return completion;
  }

  /** Ends the wait, if there is one, without a result. */
  drop(): void {
    if (this.#completion === undefined) return;
    this.#completion = undefined;
    this.#abandoned = undefined;
    this.#host.blocked[0]!--;
    if (this.#watchedWait !== undefined) this.#host.dispatcher.dropWait(this.#watchedWait);
    this.#watchedWait = undefined;
  }

  /** The same when the client goes, which the command is told. */
  abandon(): void {
    this.#abandoned?.();
    this.drop();
  }
}
