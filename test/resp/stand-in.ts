// The native memory interface in plain JavaScript: enough to decode and encode without an addon.

import { BLOB_WORD_BIT, type NativeMemory, ThreadMemory } from '../../lib/resp/native-memory.ts';
import type { Request } from '../../lib/resp/request.ts';

const KiB = 1024;

interface Blob {
  readonly bytes: Buffer;
  readonly announced: number;
  received: number;
}

export class StandInMemory implements NativeMemory {
  readonly blobs = new Map<number, Blob>();
  readonly replyBlobs = new Map<number, Buffer>();
  allocatedBytes = 0;
  allocatedBytesPeak = 0;
  /** Blobs are refused, as when memory is short. */
  refusesBlobs = false;
  held: Buffer | undefined;
  /** As of a tensor of UINT8, and how they go into the reply. */
  readonly elements = new Map<number, { readonly bytes: Buffer; readonly form: number }>();
  /** Further pieces of packed rows: what `rowsNext` answers. */
  pieces: Buffer[][] = [];
  readonly blocks = {
    scratch: Buffer.alloc(64 * KiB),
    row: new Uint32Array(2 * 16_384),
    out: Buffer.alloc(256 * KiB),
    rows: Buffer.alloc(64 * KiB),
    numbers: new Float64Array(512),
  };
  readonly thread = new ThreadMemory(this, this.blocks);
  #lastId = 0;

  #selectedRow = this.blocks.row;

  useRequest(_block: Uint8Array, row: Uint32Array<ArrayBuffer>): void {
    this.#selectedRow = row;
  }

  useScratch(): void {
    this.#selectedRow = this.blocks.row;
  }

  allocateBlock(byteCount: number): ArrayBuffer {
    this.allocatedBytes += byteCount;
    this.allocatedBytesPeak = Math.max(this.allocatedBytesPeak, this.allocatedBytes);
    return new ArrayBuffer(byteCount);
  }

  growBlock(block: ArrayBuffer, byteCount: number): ArrayBuffer {
    const grown = this.allocateBlock(byteCount);
    new Uint8Array(grown).set(new Uint8Array(block));
    this.freeBlock(block);
    return grown;
  }

  freeBlock(block: ArrayBuffer): void {
    if (block.byteLength === 0) throw new Error('freed twice');
    this.allocatedBytes -= block.byteLength;
    structuredClone(block, { transfer: [block] });
  }

  blobBegin(announcedBytes: number): number {
    const id = ++this.#lastId;
    // Claims are not memory: only what can be held is.
    const bytes = Buffer.alloc(announcedBytes > 2 ** 30 ? 0 : announcedBytes);
    this.blobs.set(id, { bytes, announced: announcedBytes, received: 0 });
    return id;
  }

  #blob(id: number): Blob {
    const blob = this.blobs.get(id);
    if (blob === undefined) throw new Error(`no blob ${id}`);
    return blob;
  }

  blobAppend(id: number, scratchOffset: number, byteCount: number): void {
    const blob = this.#blob(id);
    this.blocks.scratch.copy(blob.bytes, blob.received, scratchOffset, scratchOffset + byteCount);
    blob.received += byteCount;
  }

  /** As `socketReadBlob` of the addon. @returns How many of the bytes it took. */
  readBlob(id: number, bytes: Buffer): number {
    const blob = this.#blob(id);
    const taken = Math.min(bytes.length, blob.announced - blob.received);
    if (!this.refusesBlobs) bytes.copy(blob.bytes, blob.received, 0, taken);
    blob.received += taken;
    return taken;
  }

  blobSkip(id: number, byteCount: number): void {
    this.#blob(id).received += byteCount;
  }

  blobIsRefused(): number {
    return this.refusesBlobs ? 1 : 0;
  }

  blobBytes(id: number): number {
    return this.#blob(id).announced;
  }

  blobRelease(id: number): void {
    this.#blob(id);
    this.blobs.delete(id);
  }

  blobHold(word: number): number {
    const id = (this.#selectedRow[2 * word] ?? 0) - BLOB_WORD_BIT;
    this.held = this.#blob(id).bytes;
    return this.held.length;
  }

  detach(): void {}

  heldCopy(outOffset: number): void {
    this.held?.copy(this.blocks.out, outOffset);
    this.held = undefined;
  }

  heldKeep(): number {
    const id = ++this.#lastId;
    this.replyBlobs.set(id, this.held ?? Buffer.alloc(0));
    this.held = undefined;
    return id;
  }

  heldDrop(): void {
    this.held = undefined;
  }

  elementsBegin(form: number): number {
    const id = ++this.#lastId;
    const bytes = this.held ?? Buffer.alloc(0);
    this.elements.set(id, { bytes, form });
    this.blocks.numbers[0] = bytes.length;
    this.held = undefined;
    return id;
  }

  elementsRelease(id: number): void {
    if (!this.elements.delete(id)) throw new Error(`no elements ${id}`);
  }

  replyBlobView(id: number, offset: number, byteCount: number): Buffer {
    const bytes = this.replyBlobs.get(id);
    if (bytes === undefined) throw new Error(`no reply blob ${id}`);
    return bytes.subarray(offset, offset + byteCount);
  }

  replyBlobRelease(id: number): void {
    if (!this.replyBlobs.delete(id)) throw new Error(`no reply blob ${id}`);
  }

  rowsNext(): number {
    return this.packRows(this.pieces.shift() ?? []);
  }

  rowsEnd(): void {
    this.pieces = [];
  }

  /** Writes rows as the addon packs them. */
  packRows(rows: readonly (Buffer | null)[]): number {
    let at = 0;
    for (const row of rows) {
      at = this.blocks.rows.writeUInt32LE(row === null ? 0xffff_ffff : row.length, at);
      if (row !== null) at += row.copy(this.blocks.rows, at);
    }
    this.blocks.numbers[1] = this.pieces.length > 0 ? 1 : 0;
    return rows.length;
  }

  /** A request's words; blobs by their contents. */
  words(request: Request): string[] {
    const words: string[] = [];
    for (let i = 0; i < request.count; i++) {
      const offset = request.row[2 * i] ?? 0;
      const bytes = request.isBlob(i) ? this.#blob(offset - BLOB_WORD_BIT).bytes : request.bytes(i);
      words.push(bytes.toString('latin1'));
    }
    return words;
  }
}
