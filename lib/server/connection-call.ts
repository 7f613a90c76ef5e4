import type {
  Call,
  Client,
  Command,
  Completion,
  OwnTicket,
  ServerServices,
} from '../commands/command.ts';
import { ReplyError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';
import type { Keyspace } from '../keyspace/keyspace.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import type { Connection } from './connection.ts';
import type { ConnectionHost } from './connection-host.ts';
import type { Dispatcher } from './dispatcher.ts';

/** The command of a connection that is being carried out. One object a connection, used again and again. */
export class ConnectionCall implements Call {
  command: Command;
  request: Request;
  readonly reply: ReplyEncoder;
  readonly client: Client;
  readonly keyspace: Keyspace;
  readonly engine: Engine;
  readonly server: ServerServices;
  readonly #connection: Connection;
  readonly #dispatcher: Dispatcher;

  constructor(connection: Connection, host: ConnectionHost) {
    this.command = host.dispatcher.anyCommand;
    this.request = host.scratchRequest;
    this.reply = host.encoder;
    this.client = connection;
    this.keyspace = host.keyspace;
    this.engine = host.engine;
    this.server = host.services;
    this.#connection = connection;
    this.#dispatcher = host.dispatcher;
  }

  get mayWait(): boolean {
    return this.client.transaction === undefined;
  }

  get isPending(): boolean {
    return this.#connection.isPending;
  }

  wait(completion: Completion, abandoned?: () => void): OwnTicket {
    return this.#connection.wait(completion, abandoned);
  }

  keepRequest(): void {
    this.#connection.keepRequest(this.command, this.request.retain());
  }

  execute(command: Command, request: Request, then?: () => void, run = command.run): void {
    const outer = this.command;
    const outerRequest = this.request;
    this.command = command;
    this.request = request;
    request.select();
    try {
      if (this.#connection.isLimited) this.#checkAccess(command, request);
      this.#dispatcher.runWithin(command, this, run);
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      this.#connection.cancelWait();
      this.reply.error(error);
    }
    this.command = outer;
    this.request = outerRequest;
    if (then === undefined) return;
    if (this.#connection.isPending) this.#connection.afterCompletion = then;
    else then();
  }

  /** @throws {ReplyError} */
  #checkAccess(command: Command, request: Request): void {
    const refusal = this.#dispatcher.notPermittedAnyMore(this.#connection, command, request);
    if (refusal !== undefined) throw refusal;
  }
}
