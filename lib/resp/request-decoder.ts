import { ProtocolError } from '../core/errors.ts';
import { splitInline } from './inline-request.ts';
import { BLOB_BYTES_MIN, type ThreadMemory } from './native-memory.ts';
import { copyBytes, Request } from './request.ts';

/** What one client may make us hold until CONFIG says otherwise. Values and complaints follow Redis 7.2, `networking.c`. */
const ARG_COUNT_MAX = 2 ** 31 - 1;
const INLINE_BYTES_MAX = 64 * 1024;
/** Of a client that has not given its password yet. */
const UNAUTHENTICATED_ARG_COUNT_MAX = 10;
const UNAUTHENTICATED_BULK_BYTES_MAX = 16 * 1024;

const CR = 0x0d;
const LF = 0x0a;
const STAR = 0x2a;
const HASH = 0x23;
const DOLLAR = 0x24;
const MINUS = 0x2d;
const ZERO = 0x30;

/** What the next byte belongs to, when a request is cut. */
const states = {
  start: 0,
  count: 1,
  countEnd: 2,
  length: 3,
  lengthEnd: 4,
  body: 5,
  blob: 6,
  bodyEnd: 7,
  inline: 8,
} as const;

/** Limits that CONFIG SET changes; one object a thread. */
export interface DecoderLimits {
  protoMaxBulkBytes: number;
  queryBufferBytesMax: number;
}

/** Receives whole requests. */
export interface RequestSink {
  /** Carries out a request. @returns Whether to go on decoding; false stops between requests. */
  onRequest(request: Request): boolean;
  readonly isUnauthenticated: boolean;
  /** Takes a line of so many bytes, its end among them, that begins with `#`; without this it is a request. */
  readonly onRemark?: (lineBytes: number) => void;
}

/** A request larger than `client-query-buffer-limit`: the connection is closed without a word. */
export class QueryBufferExceeded extends Error {}

/**
 * Splits one client's byte stream into requests, and says where the next bytes land: in the thread's
 * scratch block, or in the rest of a blob's own memory, so that a 500 MB tensor is never copied.
 *
 * Whole requests are rows of offsets into scratch. An unfinished one moves to memory of its
 * connection's own and is continued there byte by byte: nothing is ever read twice.
 */
export class RequestDecoder {
  readonly #memory: ThreadMemory;
  readonly #limits: DecoderLimits;
  readonly #sink: RequestSink;
  readonly #scratchRequest: Request;
  readonly #bytes: Buffer;
  readonly #row: Uint32Array;

  #state: number = states.start;
  #isStopped = false;
  /** The unfinished request, or what is left of the last one. */
  #own: Request | undefined;
  #expectedWords = 0;

  // The header that is being read.
  #headerBytes = 0;
  #headerFirst = 0;
  #headerValue = 0;
  #headerDigits = 0;
  #isHeaderNegative = false;
  #isHeaderBad = false;

  // The body that is being read.
  #bodyAt = 0;
  #bodyBytes = 0;
  #bodyLeft = 0;
  #blobId = 0;

  constructor(
    memory: ThreadMemory,
    scratchRequest: Request,
    limits: DecoderLimits,
    sink: RequestSink,
  ) {
    this.#memory = memory;
    this.#limits = limits;
    this.#sink = sink;
    this.#scratchRequest = scratchRequest;
    this.#bytes = memory.blocks.scratch;
    this.#row = memory.blocks.row;
  }

  /** What has come of the word, or of the line, that is being read. */
  get wordBytes(): number {
    switch (this.#state) {
      case states.start:
        return 0;
      case states.body:
      case states.blob:
        return this.#bodyBytes - this.#bodyLeft;
      case states.bodyEnd:
        return this.#bodyBytes;
      default:
        return this.#headerBytes;
    }
  }

  /** Room in the memory that it holds. */
  get unusedBytes(): number {
    return this.#own?.unusedBytes ?? 0;
  }

  /** Memory of a request that is not whole yet, with what of its blobs has come. */
  get heldBytes(): number {
    if (this.#own === undefined) return 0;
    const missing = this.#state === states.blob ? this.#bodyLeft : 0;
    return this.#own.heldBytes + this.#own.blobBytes - missing;
  }

  /** The blob that the next bytes belong to; -1: they go to scratch. */
  get incomingBlob(): number {
    return this.#state === states.blob ? this.#blobId : -1;
  }

  /** `byteCount` bytes have been read into `incomingBlob`. */
  received(byteCount: number): void {
    this.#bodyLeft -= byteCount;
    if (this.#bodyLeft === 0) this.#endBody();
  }

  /**
   * Takes the bytes [start, end) of scratch and hands over each whole request.
   * @returns Where it stopped: `end`, unless the sink said so.
   * @throws {ProtocolError} The stream is lost: send the message, then close the connection.
   */
  decode(start: number, end: number): number {
    this.#isStopped = false;
    let at = start;
    while (at < end && !this.#isStopped) {
      if (this.#state === states.start) {
        at = this.#decodeWhole(at, end);
        if (at === end || this.#isStopped) break;
      }
      at = this.#decodePiece(at, end);
    }
    return at;
  }

  /** Frees what an unfinished request holds. */
  end(): void {
    this.#own?.release();
    this.#own = undefined;
    this.#state = states.start;
  }

  /**
   * The fast path: requests that lie in scratch as a whole, in the ordinary spelling. Whatever is
   * cut, large, inline or wrong is left to `#decodePiece`.
   * @returns Where the first request that it leaves begins, its state set.
   */
  #decodeWhole(start: number, end: number): number {
    const bytes = this.#bytes;
    const row = this.#row;
    const request = this.#scratchRequest;
    const sink = this.#sink;
    let at = start;
    while (at < end) {
      let wordBytesMax = BLOB_BYTES_MIN - 1;
      let countMax = row.length >> 1;
      if (sink.isUnauthenticated) {
        wordBytesMax = UNAUTHENTICATED_BULK_BYTES_MAX;
        countMax = UNAUTHENTICATED_ARG_COUNT_MAX;
      }
      if (this.#limits.protoMaxBulkBytes < wordBytesMax) {
        wordBytesMax = this.#limits.protoMaxBulkBytes;
      }
      if (bytes[at] !== STAR) {
        this.#beginHeader(states.inline);
        return at;
      }
      let p = at + 1;
      let count = 0;
      for (; p < end && count <= countMax; p++) {
        const digit = bytes[p]! - ZERO;
        if (digit < 0 || digit > 9) break;
        count = count * 10 + digit;
      }
      // A leading zero is not taken here, so that `*0` goes the other way too.
      if (
        p + 1 >= end ||
        bytes[p] !== CR ||
        count === 0 ||
        count > countMax ||
        bytes[at + 1] === ZERO
      ) {
        this.#beginHeader(states.count);
        return at + 1;
      }
      p += 2;
      let n = 0;
      const rowEnd = 2 * count;
      for (; n < rowEnd; n += 2) {
        let q = p + 1;
        if (q >= end || bytes[p] !== DOLLAR) break;
        let length = bytes[q]! - ZERO;
        if (length < 0 || length > 9) break;
        q++;
        if (length !== 0) {
          for (; q < end && length <= wordBytesMax; q++) {
            const digit = bytes[q]! - ZERO;
            if (digit < 0 || digit > 9) break;
            length = length * 10 + digit;
          }
        }
        if (q >= end || bytes[q] !== CR || length > wordBytesMax) break;
        q += 2;
        const next = q + length + 2;
        if (next > end) break;
        row[n] = q;
        row[n + 1] = length;
        p = next;
      }
      if (n < rowEnd) {
        this.#moveToOwn(count, n >> 1);
        return p;
      }
      request.count = count;
      at = p;
      if (!sink.onRequest(request)) {
        this.#isStopped = true;
        return at;
      }
    }
    return at;
  }

  /** The words so far of a request that is cut move to memory of the connection's own. */
  #moveToOwn(expectedWords: number, words: number): void {
    const own = this.#beginOwn(expectedWords);
    const row = this.#row;
    for (let i = 0; i < words; i++) {
      const length = row[2 * i + 1]!;
      const to = own.appendWord(length);
      copyBytes(this.#bytes, row[2 * i]!, own.block, to, length);
    }
    this.#beginHeader(states.length);
  }

  #beginOwn(expectedWords: number): Request {
    this.#own ??= Request.empty(this.#memory);
    this.#own.clear();
    this.#expectedWords = expectedWords;
    return this.#own;
  }

  #beginHeader(state: number): void {
    this.#state = state;
    this.#headerBytes = 0;
    this.#headerFirst = 0;
    this.#headerValue = 0;
    this.#headerDigits = 0;
    this.#isHeaderNegative = false;
    this.#isHeaderBad = false;
  }

  /** Goes on with a request that is cut, until it ends or the bytes do. */
  #decodePiece(start: number, end: number): number {
    let at = start;
    while (at < end) {
      switch (this.#state) {
        case states.start:
          return at;
        case states.count:
        case states.length:
          at = this.#readHeader(at, end);
          break;
        case states.countEnd:
          at++;
          this.#endCount();
          break;
        case states.lengthEnd:
          at++;
          this.#endLength();
          break;
        case states.body: {
          const taken = Math.min(this.#bodyLeft, end - at);
          copyBytes(this.#bytes, at, this.#own!.block, this.#bodyAt, taken);
          this.#bodyAt += taken;
          this.#bodyLeft -= taken;
          at += taken;
          if (this.#bodyLeft === 0) this.#endBody();
          break;
        }
        case states.blob: {
          const taken = Math.min(this.#bodyLeft, end - at);
          if (this.#memory.native.blobIsRefused(this.#blobId) === 1) {
            this.#memory.native.blobSkip(this.#blobId, taken);
          } else {
            this.#memory.native.blobAppend(this.#blobId, at, taken);
          }
          this.#bodyLeft -= taken;
          at += taken;
          if (this.#bodyLeft === 0) this.#endBody();
          break;
        }
        case states.bodyEnd: {
          // As Redis, which does not look at the two bytes either.
          const taken = Math.min(this.#bodyLeft, end - at);
          this.#bodyLeft -= taken;
          at += taken;
          if (this.#bodyLeft > 0) break;
          if (this.#own!.count < this.#expectedWords) {
            this.#beginHeader(states.length);
            break;
          }
          this.#state = states.start;
          this.#handOverOwn();
          return at;
        }
        default:
          at = this.#readInline(at, end);
          if (this.#state === states.start) return at;
      }
    }
    return at;
  }

  /** The line after `*` (whose first byte has been read) or with `$`, up to its CR. */
  #readHeader(start: number, end: number): number {
    const bytes = this.#bytes;
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === CR) {
        if (this.#headerBytes === 0) this.#headerFirst = CR;
        this.#state = this.#state === states.count ? states.countEnd : states.lengthEnd;
        return at + 1;
      }
      if (this.#headerBytes++ === 0) {
        this.#headerFirst = byte;
        if (this.#state === states.length) continue;
      }
      const digit = byte - ZERO;
      if (digit >= 0 && digit <= 9) {
        const isAfterZero = this.#headerDigits === 1 && this.#headerValue === 0;
        if (isAfterZero || (this.#isHeaderNegative && digit === 0 && this.#headerDigits === 0)) {
          this.#isHeaderBad = true;
        }
        this.#headerValue = this.#headerValue * 10 + digit;
        this.#headerDigits++;
      } else if (byte === MINUS && this.#headerDigits === 0 && !this.#isHeaderNegative) {
        this.#isHeaderNegative = true;
      } else {
        this.#isHeaderBad = true;
      }
    }
    if (this.#headerBytes > INLINE_BYTES_MAX) {
      const what = this.#state === states.count ? 'mbulk' : 'bulk';
      throw new ProtocolError(`Protocol error: too big ${what} count string`);
    }
    return at;
  }

  #endCount(): void {
    const value = this.#isHeaderNegative ? -this.#headerValue : this.#headerValue;
    if (this.#isHeaderBad || this.#headerDigits === 0 || value > ARG_COUNT_MAX) {
      throw new ProtocolError('Protocol error: invalid multibulk length');
    }
    if (value > UNAUTHENTICATED_ARG_COUNT_MAX && this.#sink.isUnauthenticated) {
      throw new ProtocolError('Protocol error: unauthenticated multibulk length');
    }
    if (value <= 0) {
      this.#state = states.start;
      return;
    }
    this.#beginOwn(value);
    this.#beginHeader(states.length);
  }

  #endLength(): void {
    if (this.#headerFirst !== DOLLAR) {
      const got = String.fromCharCode(this.#headerFirst);
      throw new ProtocolError(`Protocol error: expected '$', got '${got}'`);
    }
    const length = this.#headerValue;
    if (
      this.#isHeaderBad ||
      this.#headerDigits === 0 ||
      this.#isHeaderNegative ||
      length > this.#limits.protoMaxBulkBytes
    ) {
      throw new ProtocolError('Protocol error: invalid bulk length');
    }
    if (length > UNAUTHENTICATED_BULK_BYTES_MAX && this.#sink.isUnauthenticated) {
      throw new ProtocolError('Protocol error: unauthenticated bulk length');
    }
    const own = this.#own!;
    this.#bodyBytes = length;
    this.#bodyLeft = length;
    if (length >= BLOB_BYTES_MIN) {
      this.#blobId = this.#memory.native.blobBegin(length);
      own.appendBlob(this.#blobId, length);
      this.#state = states.blob;
      return;
    }
    const heldBytes = own.heldBytes + length;
    if (heldBytes > this.#limits.queryBufferBytesMax || !own.hasRoom(length)) {
      throw new QueryBufferExceeded(`a request of more than ${heldBytes} bytes`);
    }
    this.#bodyAt = own.appendWord(length);
    this.#state = states.body;
    if (length === 0) this.#endBody();
  }

  #endBody(): void {
    this.#state = states.bodyEnd;
    this.#bodyLeft = 2;
  }

  #handOverOwn(): void {
    const own = this.#own!;
    const goesOn = this.#sink.onRequest(own);
    // The connection may have ended while it carried the request out.
    this.#own?.clear();
    if (!goesOn) this.#isStopped = true;
  }

  #isRemark(first: number | undefined, lineBytes: number): boolean {
    if (first !== HASH || this.#sink.onRemark === undefined) return false;
    this.#state = states.start;
    this.#sink.onRemark(lineBytes);
    return true;
  }

  #readInline(start: number, end: number): number {
    const bytes = this.#bytes;
    const lineEnd = bytes.indexOf(LF, start);
    const isWhole = lineEnd >= 0 && lineEnd < end;
    const taken = (isWhole ? lineEnd : end) - start;
    if (this.#headerBytes > 0 || !isWhole) {
      // One growing word holds the line until its end has come.
      const line = this.#headerBytes === 0 ? this.#beginOwn(0) : this.#own!;
      const at = line.appendWord(taken);
      bytes.copy(line.block, at, start, start + taken);
      this.#headerBytes += taken + (isWhole ? 1 : 0);
      if (!isWhole) {
        if (this.#headerBytes > INLINE_BYTES_MAX) {
          throw new ProtocolError('Protocol error: too big inline request');
        }
        return end;
      }
      const lineBytes = this.#headerBytes - 1;
      if (this.#isRemark(line.block[0], lineBytes + 1)) return lineEnd + 1;
      const words = splitInline(line.block, 0, lineBytes);
      this.#state = states.start;
      line.setWords(words);
      if (words.length > 0) this.#handOverOwn();
      return lineEnd + 1;
    }
    if (this.#isRemark(bytes[start], taken + 1)) return lineEnd + 1;
    const words = splitInline(bytes, start, start + taken);
    this.#state = states.start;
    if (words.length === 0) return lineEnd + 1;
    const request = this.#scratchRequest;
    if (words.length > this.#row.length) {
      const own = this.#beginOwn(0);
      const at = own.appendWord(start + taken);
      bytes.copy(own.block, at, 0, start + taken);
      own.setWords(words);
      this.#handOverOwn();
      return lineEnd + 1;
    }
    this.#row.set(words);
    request.count = words.length >> 1;
    if (!this.#sink.onRequest(request)) this.#isStopped = true;
    return lineEnd + 1;
  }
}
