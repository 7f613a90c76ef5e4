import { ReplyError } from '../core/errors.ts';
import {
  BLOB_BYTES_MIN,
  elementForms,
  ROW_DOUBLE,
  ROW_HEADER,
  ROW_INTEGER,
  ROW_NIL,
  ROW_REFERENCE,
  rowHeaders,
  type ThreadMemory,
} from './native-memory.ts';

/** The longest header or number that is written in one go. */
const HEADER_BYTES_MAX = 32;

const CR = 0x0d;
const LF = 0x0a;
const MINUS = 0x2d;
const ZERO = 0x30;
const types = {
  simple: 0x2b,
  error: 0x2d,
  integer: 0x3a,
  bulk: 0x24,
  array: 0x2a,
  map: 0x25,
  set: 0x7e,
  push: 0x3e,
  double: 0x2c,
  verbatim: 0x3d,
} as const;

/** Where framed replies go: a connection. */
export interface ReplySink {
  /** Takes out[start, end) now, and with it all that `sendLater` was given before: out is overwritten from its start after the call. `more` is 1 if more follows at once. */
  send(start: number, end: number, more: number): void;
  /** The same, followed by a reply blob, which the sink releases. */
  sendWithBlob(start: number, end: number, blobId: number, blobBytes: number): void;
  /** The same, followed by a tensor's elements (`elementsFrame`), which the sink releases. Until then the reply keeps `heldBytes`. */
  sendWithElements(start: number, end: number, elementsId: number, heldBytes: number): void;
  /** Takes out[start, end) before the encoder's next `clear`. */
  sendLater(start: number, end: number): void;
}

/** Bytes that the addon keeps until they are sent. */
export interface ReplyBlob {
  readonly id: number;
  readonly byteCount: number;
}

/**
 * Frames replies into the thread's `out` block, for one connection after the other, in RESP2 or
 * RESP3. Values of 32 KiB and more are not copied: they go out from their own memory.
 */
export class ReplyEncoder {
  readonly #memory: ThreadMemory;
  readonly #out: Buffer;
  /** Where the current connection's replies begin, and how far they go. */
  #start = 0;
  #at = 0;
  #sink: ReplySink | undefined;
  resp: 2 | 3 = 2;
  /** Replies are framed and thrown away (CLIENT REPLY). */
  isMuted = false;
  readonly #onError: (code: string) => void;

  /** @param onError Told the code of each error that is answered. */
  constructor(memory: ThreadMemory, onError: (code: string) => void = () => {}) {
    this.#memory = memory;
    this.#onError = onError;
    this.#out = memory.blocks.out;
  }

  /** What follows is for `sink`; `end` comes before anyone else's. */
  begin(sink: ReplySink, resp: 2 | 3): void {
    this.#sink = sink;
    this.resp = resp;
  }

  /** Nothing of the present sink is framed and not handed over. */
  get isAtBegin(): boolean {
    return this.#at === this.#start;
  }

  /** Leaves the rest to be sent with others' replies. */
  end(): void {
    if (this.#at > this.#start) this.#sink?.sendLater(this.#start, this.#at);
    this.#start = this.#at;
    this.#sink = undefined;
  }

  /** Whether `clear` should be called before the next `begin`, so that most replies fit at once. */
  get isFilling(): boolean {
    return this.#at > this.#out.length / 2;
  }

  /** All that was framed has been taken. Not between `begin` and `end`. */
  clear(): void {
    this.#start = 0;
    this.#at = 0;
  }

  /** Hands over what is there, e.g. before something that must not overtake it. */
  flush(): void {
    if (this.#at > this.#start) this.#flush(0);
  }

  /** What `write` frames goes out whether replies are muted or not. */
  aloud(write: () => void): void {
    if (!this.isMuted) {
      write();
      return;
    }
    this.flush();
    this.isMuted = false;
    write();
    this.flush();
    this.isMuted = true;
  }

  /**
   * A place for bytes that several connections are to be sent as they are (`ReplySink.sendLater`). Not
   * between `begin` and `end`.
   * @returns Where it begins in `out`; -1 if there is no room before the next `clear`.
   */
  reserve(byteCount: number): number {
    const start = this.#at;
    if (start + byteCount > this.#out.length) return -1;
    this.#at = start + byteCount;
    this.#start = this.#at;
    return start;
  }

  /** The first byte of an array or a push, whose rest is in reply blobs. */
  framed(isPush: boolean, blobs: readonly ReplyBlob[], endsLine: boolean): void {
    this.#room(1);
    if (isPush) this.#out[this.#at++] = this.resp === 3 ? types.push : types.array;
    for (const blob of blobs) this.#blob(blob.id, blob.byteCount);
    if (endsLine) this.#crlf();
  }

  /** Takes back everything since the last flush, as bytes of their own. Call `flush` first. */
  takeBytes(): Buffer {
    const bytes = Buffer.from(this.#out.subarray(this.#start, this.#at));
    this.#at = this.#start;
    return bytes;
  }

  ok(): void {
    this.#room(5);
    const out = this.#out;
    const at = this.#at;
    out[at] = types.simple;
    out[at + 1] = 0x4f;
    out[at + 2] = 0x4b;
    out[at + 3] = CR;
    out[at + 4] = LF;
    this.#at = at + 5;
  }

  simple(text: string): void {
    this.#line(types.simple, text);
  }

  error(error: Error): void {
    const code = error instanceof ReplyError ? error.code : 'ERR';
    const line = code === '' ? error.message : `${code} ${error.message}`;
    this.errorLine(line);
  }

  /** `line` as it is sent, without `-` and CRLF. */
  errorLine(line: string): void {
    const blank = line.indexOf(' ');
    const code = blank < 0 ? line : line.slice(0, blank);
    this.#onError(code);
    this.#line(types.error, /[\r\n]/.test(line) ? line.replace(/[\r\n]/g, ' ') : line);
  }

  integer(value: number | bigint): void {
    if (typeof value === 'number') this.#header(types.integer, value);
    else this.#line(types.integer, value.toString());
  }

  bulk(value: string | Uint8Array): void {
    if (typeof value === 'string') this.#bulkText(value);
    else {
      this.#header(types.bulk, value.length);
      this.raw(value);
      this.#crlf();
    }
  }

  nil(): void {
    if (this.resp === 3) this.#null();
    else this.#header(types.bulk, -1);
  }

  nilArray(): void {
    if (this.resp === 3) this.#null();
    else this.#header(types.array, -1);
  }

  array(count: number): void {
    this.#header(types.array, count);
  }

  /** `count` pairs follow. */
  map(count: number): void {
    if (this.resp === 3) this.#header(types.map, count);
    else this.#header(types.array, 2 * count);
  }

  set(count: number): void {
    this.#header(this.resp === 3 ? types.set : types.array, count);
  }

  push(count: number): void {
    this.#header(this.resp === 3 ? types.push : types.array, count);
  }

  double(text: string): void {
    if (this.resp === 3) this.#line(types.double, text);
    else this.#bulkText(text);
  }

  verbatim(text: string): void {
    if (this.resp === 2) {
      this.#bulkText(text);
      return;
    }
    this.#header(types.verbatim, Buffer.byteLength(text) + 4);
    this.#text('txt:');
    this.#text(text);
    this.#crlf();
  }

  /** The value that the addon holds, as a bulk string. */
  held(byteCount: number): void {
    this.#header(types.bulk, byteCount);
    if (byteCount >= BLOB_BYTES_MIN) {
      this.#blob(this.#memory.native.heldKeep(), byteCount);
    } else {
      this.#room(byteCount + 2);
      if (byteCount > 0) {
        this.#memory.native.heldCopy(this.#at);
        this.#at += byteCount;
      } else {
        this.#memory.native.heldDrop();
      }
    }
    this.#crlf();
  }

  /** The elements of the tensor of `byteCount` bytes that the addon holds, as an array; each is framed when the client takes it. */
  heldElements(byteCount: number, as: 'bulk' | 'integer' | 'double'): void {
    const { native, blocks } = this.#memory;
    const isPlainDouble = as === 'double' && this.resp === 2;
    const id = native.elementsBegin(elementForms[isPlainDouble ? 'bulk' : as]);
    this.array(blocks.numbers[0]!);
    if (this.isMuted || this.#sink === undefined) {
      native.elementsRelease(id);
      return;
    }
    const start = this.#start;
    const end = this.#at;
    this.clear();
    this.#sink.sendWithElements(start, end, id, byteCount);
  }

  /** Reply blobs, which are released when they have been sent, as one bulk string of `byteCount` bytes. */
  replyBlobs(blobs: readonly ReplyBlob[], byteCount: number): void {
    this.#header(types.bulk, byteCount);
    for (const blob of blobs) this.#blob(blob.id, blob.byteCount);
    this.#crlf();
  }

  /**
   * The packed rows that a native call has answered, `countInPiece` of them in the first piece, and
   * all further pieces. Writes no array header.
   */
  rows(countInPiece: number, as: 'bulk' | 'integer' | 'double' = 'bulk'): void {
    let type: number = types.bulk;
    if (as === 'integer') type = types.integer;
    else if (as === 'double' && this.resp === 3) type = types.double;
    const { numbers } = this.#memory.blocks;
    let count = countInPiece;
    for (;;) {
      // Read before the rows are framed: a native call in between may write `numbers`.
      const hasMore = numbers[1] === 1;
      this.#piece(count, type);
      if (!hasMore) return;
      count = this.#memory.native.rowsNext();
    }
  }

  /** Bytes that are framed already. */
  raw(bytes: Uint8Array): void {
    const length = bytes.length;
    const out = this.#out;
    if (length <= 48) {
      this.#room(length);
      const at = this.#at;
      for (let i = 0; i < length; i++) out[at + i] = bytes[i]!;
      this.#at = at + length;
      return;
    }
    let taken = 0;
    while (taken < length) {
      if (this.#at === out.length) this.#flush(1);
      const piece = Math.min(length - taken, out.length - this.#at);
      out.set(bytes.subarray(taken, taken + piece), this.#at);
      this.#at += piece;
      taken += piece;
    }
  }

  #piece(count: number, type: number): void {
    const { rows } = this.#memory.blocks;
    const out = this.#out;
    let from = 0;
    for (let i = 0; i < count; i++) {
      const length =
        (rows[from]! |
          (rows[from + 1]! << 8) |
          (rows[from + 2]! << 16) |
          (rows[from + 3]! << 24)) >>>
        0;
      from += 4;
      if (length >= ROW_DOUBLE) {
        from = this.#specialRow(length, from);
        continue;
      }
      this.#room(length + HEADER_BYTES_MAX + 2);
      if (type === types.bulk) {
        this.#header(type, length);
      } else {
        out[this.#at++] = type;
      }
      const at = this.#at;
      if (length < 48) {
        for (let k = 0; k < length; k++) out[at + k] = rows[from + k]!;
      } else {
        out.set(rows.subarray(from, from + length), at);
      }
      out[at + length] = CR;
      out[at + length + 1] = LF;
      this.#at = at + length + 2;
      from += length;
    }
  }

  /** A row that is no plain element, from behind its first word. @returns Where the next one begins. */
  #specialRow(kind: number, at: number): number {
    const { rows } = this.#memory.blocks;
    switch (kind) {
      case ROW_NIL:
        this.nil();
        return at;
      case ROW_REFERENCE: {
        const id = rows.readUInt32LE(at);
        const byteCount = rows.readDoubleLE(at + 4);
        this.#header(types.bulk, byteCount);
        this.#blob(id, byteCount);
        this.#crlf();
        return at + 12;
      }
      case ROW_HEADER:
        this.#rowHeader(rows.readUInt32LE(at), rows.readUInt32LE(at + 4));
        return at + 8;
      default: {
        const length = rows.readUInt32LE(at);
        const end = at + 4 + length;
        this.#room(length + HEADER_BYTES_MAX + 2);
        const out = this.#out;
        if (kind === ROW_INTEGER) out[this.#at++] = types.integer;
        else if (this.resp === 3) out[this.#at++] = types.double;
        else this.#header(types.bulk, length);
        for (let k = at + 4; k < end; k++) out[this.#at++] = rows[k]!;
        this.#crlf();
        return end;
      }
    }
  }

  #rowHeader(kind: number, count: number): void {
    const isResp3 = this.resp === 3;
    switch (kind) {
      case rowHeaders.array:
        this.array(count);
        break;
      case rowHeaders.map:
        this.map(count);
        break;
      case rowHeaders.set:
        this.set(count);
        break;
      case rowHeaders.pairs:
        this.array(isResp3 ? count : 2 * count);
        break;
      case rowHeaders.pair:
        if (isResp3) this.array(2);
        break;
      case rowHeaders.nilArray:
        this.nilArray();
        break;
      case rowHeaders.mapOrPairs:
        if (isResp3) this.map(count);
        else this.array(count);
        break;
      case rowHeaders.mapEntry:
        if (!isResp3) this.array(2);
        break;
      case rowHeaders.push:
        this.push(count);
        break;
      default:
        throw new Error(`the native core wrote a header of kind ${kind}`);
    }
  }

  #blob(id: number, byteCount: number): void {
    if (this.isMuted || this.#sink === undefined) {
      this.#memory.native.replyBlobRelease(id);
      return;
    }
    const start = this.#start;
    const end = this.#at;
    this.clear();
    this.#sink.sendWithBlob(start, end, id, byteCount);
  }

  #null(): void {
    this.#room(3);
    const out = this.#out;
    out[this.#at++] = 0x5f;
    out[this.#at++] = CR;
    out[this.#at++] = LF;
  }

  /** Type, number, CRLF. */
  #header(type: number, value: number): void {
    if (this.#at + HEADER_BYTES_MAX > this.#out.length) this.#flush(1);
    const out = this.#out;
    let at = this.#at;
    out[at++] = type;
    if (value >= 0 && value < 10) {
      out[at++] = ZERO + value;
    } else if (value >= 0 && value < 1_000_000_000) {
      let digits = 2;
      for (let bound = 100; bound <= value; bound *= 10) digits++;
      let rest = value | 0;
      for (let k = digits - 1; k >= 0; k--) {
        const next = (rest / 10) | 0;
        out[at + k] = ZERO + rest - next * 10;
        rest = next;
      }
      at += digits;
    } else if (value === -1) {
      out[at++] = MINUS; // nil
      out[at++] = ZERO + 1;
    } else {
      at += out.write(String(value), at, 'latin1');
    }
    out[at++] = CR;
    out[at++] = LF;
    this.#at = at;
  }

  #line(type: number, text: string): void {
    this.#room(1);
    this.#out[this.#at++] = type;
    this.#text(text);
    this.#crlf();
  }

  #bulkText(text: string): void {
    this.#header(types.bulk, Buffer.byteLength(text));
    this.#text(text);
    this.#crlf();
  }

  #text(text: string): void {
    const length = text.length;
    if (3 * length <= this.#out.length) {
      this.#room(3 * length);
      if (length > 24) {
        this.#at += this.#out.write(text, this.#at, 'utf8');
        return;
      }
      const out = this.#out;
      const at = this.#at;
      for (let i = 0; i < length; i++) {
        const c = text.charCodeAt(i);
        if (c > 0x7f) {
          this.#at = at + out.write(text, at, 'utf8');
          return;
        }
        out[at + i] = c;
      }
      this.#at = at + length;
      return;
    }
    this.raw(Buffer.from(text));
  }

  #crlf(): void {
    this.#room(2);
    this.#out[this.#at++] = CR;
    this.#out[this.#at++] = LF;
  }

  #room(byteCount: number): void {
    if (this.#at + byteCount > this.#out.length) this.#flush(1);
  }

  #flush(more: number): void {
    const start = this.#start;
    const end = this.#at;
    this.clear();
    // Muted or not, what others left is to be taken before it is overwritten.
    this.#sink?.send(start, this.isMuted ? start : end, more);
  }
}
