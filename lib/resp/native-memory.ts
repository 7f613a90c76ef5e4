// What reading requests and framing replies need of the native core, and this thread's share of it.
// `engine/addon.ts` has the whole contract; a test holds the constants here against it.

/** In an offset row, a word with this bit in its offset is a blob; the other bits are its id. */
export const BLOB_WORD_BIT = 0x8000_0000;
/** An argument of this many bytes and more has memory of its own. */
export const BLOB_BYTES_MIN = 32 * 1024;
/** In a packed row: there is no element (nil). */
export const ROW_NIL = 0xffff_ffff;
/** In a packed row: u32 reply blob id and f64 byte count follow in place of the bytes. */
export const ROW_REFERENCE = 0xffff_fffe;
/** In a packed row: u32 kind (`rowHeaders`) and u32 count follow: what the next rows belong to. */
export const ROW_HEADER = 0xffff_fffd;
/** In packed rows: u32 length and text follow, an integer or a double. */
export const ROW_INTEGER = 0xffff_fffc;
export const ROW_DOUBLE = 0xffff_fffb;

/** `RowHeader` of native/keyspace/reply.h, which says what each is in RESP2 and RESP3. */
export const rowHeaders = {
  array: 0,
  map: 1,
  set: 2,
  pairs: 3,
  pair: 4,
  nilArray: 5,
  mapOrPairs: 6,
  mapEntry: 7,
  push: 8,
} as const;

/** How a tensor's elements go into a reply; `ElementForm` of native/binding/tensor_elements.h. */
export const elementForms = { integer: 0, bulk: 1, double: 2 } as const;

/** The part of the addon that `resp/` calls. */
export interface NativeMemory {
  useRequest(block: Uint8Array, row: Uint32Array): void;
  useScratch(): void;
  allocateBlock(byteCount: number): ArrayBuffer;
  growBlock(block: ArrayBuffer, byteCount: number): ArrayBuffer;
  freeBlock(block: ArrayBuffer): void;
  blobBegin(announcedBytes: number): number;
  blobAppend(id: number, scratchOffset: number, byteCount: number): void;
  blobSkip(id: number, byteCount: number): void;
  blobIsRefused(id: number): number;
  blobBytes(id: number): number;
  blobRelease(id: number): void;
  blobHold(word: number): number;
  detach(view: ArrayBufferLike): void;
  heldCopy(outOffset: number): void;
  heldKeep(): number;
  heldDrop(): void;
  elementsBegin(form: number): number;
  elementsRelease(id: number): void;
  replyBlobView(id: number, offset: number, byteCount: number): Buffer;
  replyBlobRelease(id: number): void;
  rowsNext(): number;
  rowsEnd(): void;
}

/** The blocks of one thread (`ThreadBlocks` of the addon). */
export interface MemoryBlocks {
  readonly scratch: Buffer;
  readonly row: Uint32Array;
  readonly out: Buffer;
  readonly rows: Buffer;
  readonly numbers: Float64Array;
}

/** Whose words native calls read: its block must stay as it is while it is selected. */
export interface SelectedWords {
  readonly block: Buffer;
  readonly row: Uint32Array;
}

/** One thread's blocks, and which request the native core reads words from at the moment. */
export class ThreadMemory {
  readonly native: NativeMemory;
  readonly blocks: MemoryBlocks;
  #selected: SelectedWords | undefined;

  constructor(native: NativeMemory, blocks: MemoryBlocks) {
    this.native = native;
    this.blocks = blocks;
  }

  select(words: SelectedWords): void {
    if (this.#selected === words) return;
    this.#selected = words;
    if (words.block === this.blocks.scratch) this.native.useScratch();
    else this.native.useRequest(words.block, words.row);
  }

  /** To be called before the block or row of `words` moves or goes. */
  unselect(words: SelectedWords): void {
    if (this.#selected !== words) return;
    this.#selected = undefined;
    this.native.useScratch();
  }
}
