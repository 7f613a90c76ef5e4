import { ReplyError } from '../core/errors.ts';
import { BLOB_WORD_BIT, type ThreadMemory } from './native-memory.ts';

const EMPTY_BLOCK = Buffer.alloc(0);
const EMPTY_ROW = new Uint32Array(0);
const ROW_WORDS_FIRST = 16;
const BLOCK_BYTES_FIRST = 512;
/** What a request block keeps between requests, so that thousands of connections stay small. */
const KEPT_BYTES_MAX = 4 * 1024;
/** Keys, names and texts; values are never copied. */
const COPIED_BYTES_MAX = 16 * 1024 * 1024;
/** What a row says of the length of a blob that is longer. */
const ROW_LENGTH_MAX = 2 ** 32 - 1;
/** Offsets within a block share their word with BLOB_WORD_BIT. */
const BLOCK_BYTES_MAX = 2 ** 31 - 1;

/**
 * The words of one command: a row of (offset, length) pairs over one block, and blobs.
 *
 * Valid during the command only, since the next read overwrites the block: what must live longer
 * is copied with `retain()`. Words are named by their index, 0 is the command.
 */
export class Request {
  readonly #memory: ThreadMemory;
  block: Buffer;
  row: Uint32Array;
  count = 0;
  /** Words that have memory of their own. The owner of this request releases them. */
  blobCount = 0;
  /** Their lengths, as announced. */
  blobBytes = 0;
  #blockMemory: ArrayBuffer | undefined;
  #rowMemory: ArrayBuffer | undefined;
  #usedBytes = 0;

  private constructor(memory: ThreadMemory, block: Buffer, row: Uint32Array) {
    this.#memory = memory;
    this.block = block;
    this.row = row;
  }

  /** The one request of a thread whose words lie in its scratch block. */
  static ofScratch(memory: ThreadMemory): Request {
    return new Request(memory, memory.blocks.scratch, memory.blocks.row);
  }

  /** An empty request with memory of its own; words are appended. */
  static empty(memory: ThreadMemory): Request {
    return new Request(memory, EMPTY_BLOCK, EMPTY_ROW);
  }

  /** Another request, of these words, to be released. */
  make(words: readonly Uint8Array[]): Request {
    const request = Request.empty(this.#memory);
    for (const word of words) {
      const at = request.appendWord(word.length);
      request.block.set(word, at);
    }
    return request;
  }

  /** Makes native calls read their words from here. */
  select(): void {
    this.#memory.select(this);
  }

  length(i: number): number {
    const length = this.row[2 * i + 1]!;
    const offset = this.row[2 * i]!;
    if (length < ROW_LENGTH_MAX || offset < BLOB_WORD_BIT) return length;
    return this.#memory.native.blobBytes(offset - BLOB_WORD_BIT);
  }

  isBlob(i: number): boolean {
    return this.row[2 * i]! >= BLOB_WORD_BIT;
  }

  /** A view, valid only during the command; a copy if the word is a blob, which native calls had better read. */
  bytes(i: number): Buffer {
    const offset = this.row[2 * i]!;
    if (offset >= BLOB_WORD_BIT) return this.#copyBlob(i);
    return this.block.subarray(offset, offset + this.row[2 * i + 1]!);
  }

  text(i: number): string {
    const offset = this.row[2 * i]!;
    if (offset >= BLOB_WORD_BIT) return this.#copyBlob(i).toString();
    return this.block.toString('utf8', offset, offset + this.row[2 * i + 1]!);
  }

  /** @throws {ReplyError} It is longer than anything that is looked at here. */
  #copyBlob(i: number): Buffer {
    if (this.length(i) > COPIED_BYTES_MAX) throw new ReplyError('ERR', 'argument is too long');
    const { native } = this.#memory;
    this.select();
    const byteCount = native.blobHold(i);
    const id = native.heldKeep();
    const view = native.replyBlobView(id, 0, byteCount);
    const copy = Buffer.from(view);
    native.detach(view.buffer);
    native.replyBlobRelease(id);
    return copy;
  }

  /** Whether word `i` is `name`, whatever the case of its ASCII letters. `name` is upper case. */
  is(i: number, name: string): boolean {
    const length = name.length;
    const offset = this.row[2 * i]!;
    if (this.row[2 * i + 1] !== length || offset >= BLOB_WORD_BIT) return false;
    const block = this.block;
    for (let k = 0; k < length; k++) {
      let c = block[offset + k]!;
      if (c >= 0x61 && c <= 0x7a) c -= 0x20;
      if (c !== name.charCodeAt(k)) return false;
    }
    return true;
  }

  /** A decimal integer as Redis takes them (no blanks, plus sign or leading zeros); undefined beyond 2^53. */
  integer(i: number): number | undefined {
    const offset = this.row[2 * i]!;
    const length = this.row[2 * i + 1]!;
    if (offset >= BLOB_WORD_BIT || length === 0 || length > 17) return undefined;
    const block = this.block;
    const end = offset + length;
    let at = offset;
    const isNegative = block[at] === 0x2d;
    if (isNegative) at++;
    const first = at < end ? block[at]! : 0;
    if (first === 0x30) return length === 1 ? 0 : undefined;
    let value = 0;
    if (at === end) return undefined;
    for (; at < end; at++) {
      const digit = block[at]! - 0x30;
      if (digit < 0 || digit > 9) return undefined;
      value = value * 10 + digit;
    }
    if (value > Number.MAX_SAFE_INTEGER) return undefined;
    return isNegative ? -value : value;
  }

  /** As `integer`, within 64 bits. */
  bigint(i: number): bigint | undefined {
    const length = this.length(i);
    if (this.isBlob(i) || length > 20) return undefined;
    const text = this.text(i);
    if (!/^(?:0|-?[1-9][0-9]*)$/.test(text)) return undefined;
    const value = BigInt(text);
    return BigInt.asIntN(64, value) === value ? value : undefined;
  }

  /** Bytes of memory this request holds, blobs not counted. */
  get heldBytes(): number {
    return (this.#blockMemory?.byteLength ?? 0) + (this.#rowMemory?.byteLength ?? 0);
  }

  /** Of them, room for more words. */
  get unusedBytes(): number {
    return this.#blockMemory === undefined ? 0 : this.#blockMemory.byteLength - this.#usedBytes;
  }

  /** A copy that stays until it is released. The blobs are handed over to it. */
  retain(): Request {
    const copy = Request.empty(this.#memory);
    const { count, row } = this;
    let byteCount = 0;
    for (let i = 0; i < count; i++) {
      if (row[2 * i]! < BLOB_WORD_BIT) byteCount += row[2 * i + 1]!;
    }
    copy.#growRow(count);
    copy.#growBlock(byteCount);
    for (let i = 0; i < count; i++) {
      const offset = row[2 * i]!;
      const length = row[2 * i + 1]!;
      if (offset >= BLOB_WORD_BIT) {
        copy.row[2 * i] = offset;
        copy.row[2 * i + 1] = length;
      } else {
        copy.row[2 * i] = copy.#usedBytes;
        copy.row[2 * i + 1] = length;
        copyBytes(this.block, offset, copy.block, copy.#usedBytes, length);
        copy.#usedBytes += length;
      }
    }
    copy.count = count;
    copy.blobCount = this.blobCount;
    copy.blobBytes = this.blobBytes;
    this.blobCount = 0;
    this.blobBytes = 0;
    return copy;
  }

  /** Gives back the blobs and the memory. Harmless twice. */
  release(): void {
    this.releaseBlobs();
    this.#memory.unselect(this);
    this.count = 0;
    this.#usedBytes = 0;
    const { native } = this.#memory;
    if (this.#blockMemory) {
      native.freeBlock(this.#blockMemory);
      this.#blockMemory = undefined;
      this.block = EMPTY_BLOCK;
    }
    if (this.#rowMemory) {
      native.freeBlock(this.#rowMemory);
      this.#rowMemory = undefined;
      this.row = EMPTY_ROW;
    }
  }

  releaseBlobs(): void {
    if (this.blobCount === 0) return;
    const { native } = this.#memory;
    for (let i = 0; i < this.count; i++) {
      const offset = this.row[2 * i]!;
      if (offset >= BLOB_WORD_BIT) native.blobRelease(offset - BLOB_WORD_BIT);
    }
    this.blobCount = 0;
    this.blobBytes = 0;
  }

  // --- for the decoder: a request with memory of its own, word by word ---

  /** Forgets the words; keeps a little memory for the next ones. */
  clear(): void {
    this.releaseBlobs();
    if (this.heldBytes > KEPT_BYTES_MAX) this.release();
    this.count = 0;
    this.#usedBytes = 0;
  }

  /** Makes room for a word of `byteCount` bytes and enters it. @returns Where its bytes go in `block`. */
  appendWord(byteCount: number): number {
    if (2 * (this.count + 1) > this.row.length) this.#growRow(this.count + 1);
    if (this.#usedBytes + byteCount > this.block.length) this.#growBlock(byteCount);
    const at = this.#usedBytes;
    this.row[2 * this.count] = at;
    this.row[2 * this.count + 1] = byteCount;
    this.count++;
    this.#usedBytes += byteCount;
    return at;
  }

  appendBlob(id: number, byteCount: number): void {
    if (2 * (this.count + 1) > this.row.length) this.#growRow(this.count + 1);
    this.row[2 * this.count] = BLOB_WORD_BIT + id;
    this.row[2 * this.count + 1] = Math.min(byteCount, ROW_LENGTH_MAX);
    this.count++;
    this.blobCount++;
    this.blobBytes += byteCount;
  }

  /** Makes room for words that the native core enters into `block` and `row`. */
  reserve(wordCount: number, byteCount: number, blobCount: number): void {
    this.#growRow(wordCount);
    this.#growBlock(byteCount);
    this.#usedBytes = byteCount;
    this.count = wordCount;
    this.blobCount = blobCount;
  }

  /** Names other words within the block's bytes: offsets and lengths, in turn. */
  setWords(offsetsAndLengths: readonly number[]): void {
    const words = offsetsAndLengths.length >> 1;
    if (offsetsAndLengths.length > this.row.length) this.#growRow(words);
    this.row.set(offsetsAndLengths);
    this.count = words;
  }

  /** Whether a word of `byteCount` bytes still has an offset. */
  hasRoom(byteCount: number): boolean {
    return this.#usedBytes + byteCount <= BLOCK_BYTES_MAX;
  }

  #growRow(words: number): void {
    const { native } = this.#memory;
    this.#memory.unselect(this);
    const wordsMax = Math.max(words, Math.min(2 ** 31, this.row.length), ROW_WORDS_FIRST);
    const held = this.#rowMemory;
    this.#rowMemory = held
      ? native.growBlock(held, 8 * wordsMax)
      : native.allocateBlock(8 * wordsMax);
    this.row = new Uint32Array(this.#rowMemory, 0, 2 * wordsMax);
  }

  #growBlock(more: number): void {
    const { native } = this.#memory;
    this.#memory.unselect(this);
    const needed = this.#usedBytes + more;
    if (needed === 0) return;
    const bytesMax = Math.max(
      needed,
      Math.min(BLOCK_BYTES_MAX, 2 * this.block.length),
      BLOCK_BYTES_FIRST,
    );
    const held = this.#blockMemory;
    this.#blockMemory = held ? native.growBlock(held, bytesMax) : native.allocateBlock(bytesMax);
    this.block = Buffer.from(this.#blockMemory);
  }
}

/** A loop for what is small: a copy call costs more than it. */
export function copyBytes(
  from: Buffer,
  fromOffset: number,
  to: Buffer,
  toOffset: number,
  byteCount: number,
): void {
  if (byteCount > 48) {
    from.copy(to, toOffset, fromOffset, fromOffset + byteCount);
    return;
  }
  for (let i = 0; i < byteCount; i++) to[toOffset + i] = from[fromOffset + i]!;
}
