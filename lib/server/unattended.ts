// Callers without a connection: a script, the commands of a file. What only a connection can do they
// refuse, and the commands that ask for it with it.

import type { User } from '../auth/user.ts';
import { type Call, type Client, type Command, noSubscriptions } from '../commands/command.ts';
import { replyErrors } from '../core/errors.ts';
import type { ReplySink } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import type { CommandLayer } from './command-layer.ts';
import type { Caller } from './dispatcher.ts';

/** One object, used again and again. */
export abstract class UnattendedCaller implements Client, Caller, ReplySink {
  abstract readonly call: UnattendedCall;
  abstract readonly access: User | undefined;
  abstract readonly isLimited: boolean;
  abstract readonly isTouching: boolean;
  abstract user: Client['user'];
  readonly id = 0;
  readonly address = '';
  readonly localAddress = '';
  readonly isUnauthenticated = false;
  changesUsers = false;
  readonly resp = 2;
  readonly replyMode = 'on';
  readonly isEvictable = true;
  readonly transaction = undefined;
  readonly subscriptions = noSubscriptions;
  readonly isMonitor = false;
  readonly flags = 'N';
  readonly isListening = false;
  readonly name = '';
  readonly libName = '';
  readonly libVersion = '';
  readonly postponed = undefined;
  readonly watchedCount = 0;
  readonly watchedSlots = [];
  queuedBytes = 0;
  queuedBlobBytes = 0;
  db = 0;

  abstract send(start: number, end: number): void;
  abstract sendWithBlob(start: number, end: number, blobId: number, blobBytes: number): void;
  abstract sendWithElements(start: number, end: number, elementsId: number): void;
  abstract onDenied(...denied: Parameters<Caller['onDenied']>): void;
  sendLater(start: number, end: number): void {
    this.send(start, end);
  }
  wait(): never {
    return this.call.wait();
  }
  login(): never {
    return this.call.wait();
  }
  logout(): never {
    return this.call.wait();
  }
  watch(): never {
    return this.call.wait();
  }
  unwatch(): void {}
  watchedHaveChanged(): boolean {
    return false;
  }
  cancelWait(): void {}
  lastCommand: Command | undefined;
  close(): void {}
  closeForQueue(): void {}
  closeAfterReply(): void {}
  stopListening(): void {}
  noteState(): void {}
}

export class UnattendedCall implements Call {
  command: Command;
  request: Request;
  readonly isPending = false;
  readonly client: Client;
  readonly reply: Call['reply'];
  readonly keyspace: Call['keyspace'];
  readonly engine: Call['engine'];
  readonly server: Call['server'];
  readonly mayWait = false;
  /** Whether a command has. */
  hasAskedToWait = false;

  constructor(caller: UnattendedCaller, layer: CommandLayer) {
    this.command = layer.dispatcher.anyCommand;
    this.request = layer.scratchRequest;
    this.client = caller;
    this.reply = layer.encoder;
    this.keyspace = layer.keyspace;
    this.engine = layer.engine;
    this.server = layer.services;
  }

  /** @throws {ReplyError} Always: a script, and with it a run thread, would wait too. */
  wait(): never {
    this.hasAskedToWait = true;
    throw replyErrors.notFromScript(this.command.name);
  }

  /** Nothing waits. */
  keepRequest(): void {}

  execute(): never {
    throw replyErrors.notFromScript(this.command.name);
  }
}
