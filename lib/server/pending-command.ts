import type { Denial } from '../commands/access.ts';
import type { Command, Completion } from '../commands/command.ts';
import { codes } from '../engine/addon.ts';
import type { Request } from '../resp/request.ts';
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
  /** What waits for keys, with its words. */
  #asked: { readonly command: Command; readonly request: Request } | undefined;
  /** Why it would be refused, when that was last so. */
  #denial: Denial | undefined;

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

  keep(command: Command, request: Request): void {
    this.#asked = { command, request };
  }

  /** Asks again whether the user may do what waits. */
  checkAccess(): void {
    if (this.#asked === undefined) return;
    const { command, request } = this.#asked;
    const denial = this.#host.dispatcher.denialOf(this.#connection, command, request);
    if (denial !== undefined) this.#denial = denial;
    this.#host.addon.awaitPermit(this.#connection.id, denial === undefined ? 1 : 0);
  }

  /**
   * Ends the wait `sequence`, whose result is there.
   * @returns What takes it; undefined if that wait was over before.
   */
  end(sequence: number, code: number): Completion | undefined {
    let completion = this.#completion;
    if (completion === undefined || sequence !== this.#sequence) return undefined;
    if (code === codes.notPermitted) completion = this.#refusal();
    if (this.#watchedWait !== undefined) {
      const { call } = this.#connection;
      this.#host.dispatcher.endWait(this.#watchedWait, this.#connection, call.command);
    }
    this.#watchedWait = undefined;
    this.drop();
    return completion;
  }

  /** It was to be served, and is refused as a new command would be. */
  #refusal(): Completion {
    if (this.#asked === undefined || this.#denial === undefined)
      throw new Error('what was permitted is refused');
    this.#abandoned?.();
    const { command, request } = this.#asked;
    const { dispatcher } = this.#host;
    const error = dispatcher.refuseWaiting(this.#connection, command, request, this.#denial);
    return (reply) => reply.error(error);
  }

  /** Ends the wait, if there is one, without a result. */
  drop(): void {
    if (this.#completion === undefined) return;
    this.#completion = undefined;
    this.#abandoned = undefined;
    this.#asked?.request.release();
    this.#asked = undefined;
    this.#denial = undefined;
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
