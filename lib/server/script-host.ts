// The script host: carries out the commands that scripts ask for (redis.execute). A command layer
// without sockets, the main of a worker that the first such script starts.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { DEFAULT_USER } from '../auth/acl.ts';
import type { User } from '../auth/user.ts';
import { type Denial, deniedWord } from '../commands/access.ts';
import type { Command } from '../commands/command.ts';
import { commandTable } from '../commands/table.ts';
import { fromBytes, fromText } from '../core/byte-string.ts';
import { type ReplyError, replyErrors } from '../core/errors.ts';
import { log } from '../core/log.ts';
import { type Addon, addon, messageKinds } from '../engine/addon.ts';
import { Request } from '../resp/request.ts';
import { CommandLayer, type MailboxMessage, openThreadLog } from './command-layer.ts';
import { done, holdStill, type ThreadStart, type ToMain, type ToThread } from './messages.ts';
import { UnattendedCall, UnattendedCaller } from './unattended.ts';

/** Commands in one turn of the loop; messages of the main thread come in between. */
const COMMANDS_PER_TURN = 100;
/** Offsets of words have 31 bits. */
const BLOCK_BYTES_MAX = 2 ** 31 - 1;
/**
 * What would wait on what the script holds up (runs), or is about a connection, which a script has
 * not. A command that turns out to wait is refused when it does.
 */
const refusedFlags = ['noscript', 'blocking'];
/** The database of a script is its client's. */
const refusedNames = new Set(['select']);
/** It waits only if it is asked to, and is refused when it does. */
const allowedNames = new Set(['xread']);

/** The table with rows that refuse what no script may do, in the same order. */
export function commandsForScripts(commands: Iterable<Command>, prefix = ''): Command[] {
  return [...commands].map((command) => {
    const fullName = `${prefix}${command.name}`;
    const subcommands =
      command.subcommands && commandsForScripts(command.subcommands, `${fullName}|`);
    const row = subcommands === undefined ? command : { ...command, subcommands };
    const isRefused =
      command.refusedInTransaction !== undefined ||
      refusedNames.has(command.name) ||
      (refusedFlags.some((flag) => command.flags.includes(flag)) &&
        !allowedNames.has(command.name));
    if (!isRefused) return row;
    const refuse = () => {
      throw replyErrors.notFromScript(fullName);
    };
    return { ...row, run: refuse };
  });
}

/** The script whose command is carried out. */
class Script extends UnattendedCaller {
  readonly call: UnattendedCall;
  readonly isTouching = true;
  /** Who has run it; its rights count as they are now. */
  user = DEFAULT_USER;
  /** Of the reply so far; what passes `replyBytesMax` is dropped. */
  replyBytes = 0;
  replyBytesMax = 0;
  readonly #addon: Addon;
  readonly #host: ScriptHost;

  constructor(host: ScriptHost) {
    super();
    this.#addon = host.addon;
    this.#host = host;
    this.call = new UnattendedCall(this, host);
  }

  send(start: number, end: number): void {
    this.replyBytes += end - start;
    if (!this.isReplyTooLong) this.#addon.scriptReply(start, end);
  }

  sendWithBlob(start: number, end: number, blobId: number, blobBytes: number): void {
    this.replyBytes += end - start + blobBytes;
    if (this.isReplyTooLong) {
      this.#addon.replyBlobRelease(blobId);
    } else {
      this.#addon.scriptReply(start, end);
      this.#addon.scriptReplyBlob(blobId);
    }
  }

  sendWithElements(start: number, end: number, elementsId: number): void {
    this.send(start, end);
    // What is in `out` has been taken.
    const { out } = this.#host.blocks;
    while (!this.isReplyTooLong) {
      const framedBytes = this.#addon.elementsFrame(elementsId, out);
      if (framedBytes === 0) break;
      this.send(0, framedBytes);
    }
    this.#addon.elementsRelease(elementsId);
  }

  get access(): User | undefined {
    return this.#host.acl.find(fromText(this.user));
  }

  get isLimited(): boolean {
    return this.access?.isUnlimited !== true;
  }

  onDenied({ reason, word }: Denial, command: string, request: Request): void {
    this.#host.services.logDenial({
      reason,
      context: 'module',
      object: reason === 'command' ? command : fromBytes(deniedWord(request, word)),
      user: fromText(this.user),
      clientId: 0,
    });
  }

  get isReplyTooLong(): boolean {
    return this.replyBytes > this.replyBytesMax;
  }
}

export class ScriptHost extends CommandLayer {
  readonly #script: Script;
  /** For commands whose words do not fit into the thread's scratch block. */
  readonly #largeRequest: Request;
  readonly #post: (message: ToMain) => void;
  readonly #hold: SharedArrayBuffer;
  #isStopped = false;

  constructor(
    native: Addon,
    start: ThreadStart,
    commands: Iterable<Command>,
    post: (message: ToMain) => void,
  ) {
    // A script that runs when clients are paused goes on, as its command has been taken.
    super(native, start, commandsForScripts(commands), post, { servesClients: false });
    this.#post = post;
    this.#hold = start.shared.hold;
    this.#script = new Script(this);
    this.#largeRequest = Request.empty(this.memory);
    this.#open();
  }

  /** Users may have changed since the other threads began. */
  async #open(): Promise<void> {
    const lines = await this.services.currentUsers();
    if (this.#isStopped) return;
    this.acl.begin({ lines, file: undefined });
    this.tellScripts();
    this.addon.scriptHostOpen();
  }

  onMessage(message: ToThread): void {
    switch (message.type) {
      case 'settings':
        this.applySettings(message.pairs);
        this.#post({ type: 'change-taken', outcome: done });
        break;
      case 'users':
        this.#post({ type: 'change-taken', outcome: this.applyUsers(message.change) });
        break;
      case 'data':
        this.applyData(message.state);
        break;
      case 'hold':
        this.#post({ type: 'held' });
        if (holdStill(this.#hold)) this.#stop();
        break;
      case 'stop':
        this.#stop();
        break;
      case 'change-done':
        this.services.changeDone(message.id, message.outcome);
        break;
      case 'connection':
      case 'users-tell':
        throw new Error(`the script host was told '${message.type}'`);
    }
  }

  protected onMail({ kind }: MailboxMessage): void {
    if (kind === messageKinds.scriptCommand) this.#serve();
  }

  /** Carries out what waits; told again when more comes after that. */
  #serve(): void {
    if (this.#isStopped) return;
    for (let done = 0; done < COMMANDS_PER_TURN; done++) {
      const wordCount = this.addon.scriptNext();
      if (wordCount < 0) return;
      this.#carryOut(wordCount);
    }
    setImmediate(() => this.#serve());
  }

  #carryOut(wordCount: number): void {
    const { numbers } = this.blocks;
    const blockBytes = numbers[0]!;
    const blobCount = numbers[1]!;
    const longestBytes = numbers[2]!;
    const script = this.#script;
    script.db = numbers[3]!;
    if (numbers[4] === 1) script.user = this.addon.scriptUser();
    script.replyBytes = 0;
    script.replyBytesMax = this.limits.replyBacklogBytesMax;
    this.encoder.begin(script, 2);
    const refusal = this.#refusal(blockBytes, longestBytes);
    if (blockBytes < 0) {
      const request = this.scratchRequest;
      request.count = wordCount;
      request.blobCount = blobCount;
      this.#answer(request, refusal);
      request.releaseBlobs();
    } else if (refusal !== undefined) {
      this.encoder.error(refusal);
    } else {
      const request = this.#largeRequest;
      request.reserve(wordCount, blockBytes, blobCount);
      this.addon.scriptWords(request.block, request.row);
      this.#answer(request, undefined);
      request.release();
    }
    this.encoder.end();
    this.encoder.clear();
    if (script.isReplyTooLong) {
      this.addon.scriptReplyDrop();
      const { replyBytesMax } = script;
      script.replyBytesMax = Number.MAX_SAFE_INTEGER;
      this.encoder.begin(script, 2);
      this.encoder.error(replyErrors.scriptReplyTooLong(replyBytesMax));
      this.encoder.end();
      this.encoder.clear();
    }
    this.addon.scriptFinish();
  }

  #answer(request: Request, refusal: ReplyError | undefined): void {
    if (refusal === undefined) this.dispatcher.dispatch(this.#script, request);
    else this.encoder.error(refusal);
  }

  /** The limits that a client's requests have. */
  #refusal(blockBytes: number, longestBytes: number): ReplyError | undefined {
    const { protoMaxBulkBytes, queryBufferBytesMax } = this.limits;
    if (longestBytes > protoMaxBulkBytes) return replyErrors.scriptWordTooLong(protoMaxBulkBytes);
    const blockBytesMax = Math.min(queryBufferBytesMax, BLOCK_BYTES_MAX);
    if (blockBytes > blockBytesMax) return replyErrors.scriptWordsTooLong(blockBytesMax);
    return undefined;
  }

  /** Scripts that wait are told that the server shuts down. */
  #stop(): void {
    this.#isStopped = true;
    this.addon.scriptHostClose();
    this.addon.detachThread();
    this.#post({ type: 'stopped' });
  }
}

function main(port: MessagePort, start: ThreadStart): void {
  openThreadLog(start);
  const host = new ScriptHost(addon(), start, commandTable.values(), (message) =>
    port.postMessage(message),
  );
  port.on('message', (message: ToThread) => host.onMessage(message));
  log.debug('the script host is ready');
  port.postMessage({ type: 'ready' } satisfies ToMain);
}

if (parentPort !== null) main(parentPort, workerData as ThreadStart);
