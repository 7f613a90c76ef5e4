// Reads a file of commands at the start, through the same command layer that serves clients. The main
// of a worker that ends with the file.

import { closeSync, openSync, readSync } from 'node:fs';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { DEFAULT_USER } from '../auth/acl.ts';
import type { Command } from '../commands/command.ts';
import { commandsForFiles } from '../commands/file-stores.ts';
import { commandTable } from '../commands/table.ts';
import { ProtocolError } from '../core/errors.ts';
import { type Addon, addon } from '../engine/addon.ts';
import type { Request } from '../resp/request.ts';
import { RequestDecoder, type RequestSink } from '../resp/request-decoder.ts';
import { CommandLayer, openThreadLog } from './command-layer.ts';
import type { JournalPart, JournalRead } from './journal-files.ts';
import type { ThreadStart } from './messages.ts';
import { UnattendedCall, UnattendedCaller } from './unattended.ts';

const STAR = 0x2a;
const HASH = 0x23;
const MINUS = 0x2d;
/** Errors of commands that were never carried out: the file is not one of ours. */
const complaints = /^ERR (unknown command|wrong number of arguments|unknown subcommand)/;

export interface JournalReaderStart {
  readonly thread: ThreadStart;
  readonly part: JournalPart;
}

/** Who the commands are carried out for: nobody waits for the replies. */
class Author extends UnattendedCaller {
  readonly call: UnattendedCall;
  readonly isLimited = false;
  readonly access = undefined;
  readonly isTouching = false;
  user = DEFAULT_USER;
  /** The error that the last command has answered. */
  error: string | undefined;
  readonly #reader: JournalReader;

  constructor(reader: JournalReader) {
    super();
    this.#reader = reader;
    this.call = new UnattendedCall(this, reader);
  }

  send(start: number, end: number): void {
    const { out } = this.#reader.blocks;
    if (end > start && out[start] === MINUS)
      this.error = out.toString('utf8', start + 1, end).trimEnd();
  }
  sendWithBlob(_start: number, _end: number, blobId: number): void {
    this.#reader.addon.replyBlobRelease(blobId);
  }
  sendWithElements(_start: number, _end: number, elementsId: number): void {
    this.#reader.addon.elementsRelease(elementsId);
  }
  onDenied(): void {}
}

export class JournalReader extends CommandLayer implements RequestSink {
  readonly isUnauthenticated = false;
  readonly #author: Author;
  readonly #decoder: RequestDecoder;
  /** Of the transaction that is being read. */
  #queued: Request[] | undefined;
  /** In the file: behind the last whole record, and where that chunk begins that is decoded. */
  #at = 0;
  #chunkAt = 0;
  /** The first byte of the record at `#at`, if it came in an earlier chunk. */
  #first = -1;
  #wholeBytes = 0;
  #commandCount = 0;
  #failureCount = 0;
  #firstFailure = '';
  #complaint = '';

  constructor(native: Addon, start: ThreadStart, commands: Iterable<Command>) {
    super(native, start, commandsForFiles(commands), () => {}, {
      servesClients: false,
      knowsOwnNames: true,
    });
    // What was taken once is taken again.
    this.limits.isLoading = false;
    this.limits.maxmemoryBytes = 0;
    this.limits.protoMaxBulkBytes = Number.MAX_SAFE_INTEGER;
    this.limits.queryBufferBytesMax = Number.MAX_SAFE_INTEGER;
    this.limits.watchedUs = Number.POSITIVE_INFINITY;
    this.#author = new Author(this);
    this.#decoder = new RequestDecoder(this.memory, this.scratchRequest, this.limits, this);
  }

  protected onMail(): void {}

  read({ path, offset }: JournalPart): JournalRead {
    const { scratch } = this.blocks;
    this.#at = this.#wholeBytes = this.#chunkAt = offset;
    const fd = openSync(path, 'r');
    try {
      for (;;) {
        const byteCount = readSync(fd, scratch, 0, scratch.length, this.#chunkAt);
        if (byteCount === 0) break;
        this.#decode(byteCount);
        if (this.#complaint !== '') break;
      }
    } finally {
      closeSync(fd);
      this.#decoder.end();
      for (const request of this.#queued ?? []) request.release();
    }
    return {
      complaint: this.#complaint,
      wholeBytes: this.#wholeBytes,
      commandCount: this.#commandCount,
      failureCount: this.#failureCount,
      firstFailure: this.#firstFailure,
    };
  }

  #decode(byteCount: number): void {
    const { scratch } = this.blocks;
    try {
      this.#decoder.decode(0, byteCount);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#complaint = error.message;
    }
    const begun = this.#at - this.#chunkAt;
    if (begun >= 0 && begun < byteCount) {
      this.#first = scratch[begun]!;
      if (this.#first !== STAR && this.#first !== HASH)
        this.#complaint ||= 'no command begins there';
    }
    this.#chunkAt += byteCount;
  }

  onRequest(request: Request): boolean {
    const begun = this.#at - this.#chunkAt;
    const first = begun >= 0 ? this.blocks.scratch[begun] : this.#first;
    if (first !== STAR) {
      this.#complaint = 'no command begins there';
    } else {
      this.#at += recordBytes(request);
      this.#take(request);
    }
    if (this.#complaint !== '') return false;
    if (this.#queued === undefined) this.#wholeBytes = this.#at;
    return true;
  }

  /** As of aof-timestamp-enabled: a line of its own. */
  readonly onRemark = (lineBytes: number): void => {
    this.#at += lineBytes;
    if (this.#queued === undefined) this.#wholeBytes = this.#at;
  };

  /** A transaction counts when its end has come. */
  #take(request: Request): void {
    if (request.count === 1 && request.is(0, 'MULTI')) {
      this.#queued = [];
    } else if (this.#queued === undefined) {
      this.#carryOut(request);
    } else if (request.count === 1 && request.is(0, 'EXEC')) {
      const queued = this.#queued;
      this.#queued = undefined;
      for (const each of queued) {
        if (this.#complaint === '') this.#carryOut(each);
        each.release();
      }
    } else {
      this.#queued.push(request.retain());
    }
  }

  #carryOut(request: Request): void {
    const author = this.#author;
    author.error = undefined;
    author.call.hasAskedToWait = false;
    this.encoder.begin(author, 2);
    this.dispatcher.dispatch(author, request);
    this.encoder.end();
    this.encoder.clear();
    this.#commandCount++;
    if (author.error === undefined) return;
    if (author.call.hasAskedToWait) {
      // As of AI.MODELRUN, whose outputs would be lost.
      this.#complaint = `the command ${author.call.command.name} cannot be read from a file`;
      return;
    }
    if (complaints.test(author.error)) {
      this.#complaint = author.error;
      return;
    }
    this.#failureCount++;
    this.#firstFailure ||= `${author.error} (before offset ${this.#at})`;
  }

  end(): void {
    this.addon.detachThread();
  }
}

/** As it stands in the file. */
function recordBytes(request: Request): number {
  let byteCount = headBytes(request.count);
  for (let i = 0; i < request.count; i++) {
    const length = request.length(i);
    byteCount += headBytes(length) + length + 2;
  }
  return byteCount;
}

/** A mark, a number, and the end of the line. */
function headBytes(value: number): number {
  return 3 + String(value).length;
}

function main(port: MessagePort, { thread, part }: JournalReaderStart): void {
  openThreadLog(thread);
  const reader = new JournalReader(addon(), thread, commandTable.values());
  const read = reader.read(part);
  reader.end();
  port.postMessage(read);
}

if (parentPort !== null) main(parentPort, workerData as JournalReaderStart);
