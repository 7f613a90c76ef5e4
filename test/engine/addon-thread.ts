// A thread that has the addon attached, as the tests of the exports use it.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KiB } from '../../lib/core/units.ts';
import {
  BLOB_WORD_BIT,
  dtypeNames,
  addon as loadAddon,
  NO_EXPIRY,
  ROW_REFERENCE,
} from '../../lib/engine/addon.ts';
import { nativeFolder } from '../../lib/runtimes/locate.ts';

export const OUT_BYTES = 256 * KiB;
export const addonPath = join(nativeFolder(), 'tutti.node');
export const sourceRoot = join(dirname(fileURLToPath(import.meta.url)), '../../../..');

export const addon = loadAddon();
/** What `setLimits` needs besides. */
export const noEviction = { evictionPolicy: 0, evictionSampleCount: 5, evictionTenacity: 10 };
let onWake = () => {};
/** Told once: the sockets that are ready, slot and events. */
const readyListeners: ((ready: [number, number][]) => void)[] = [];
export const blocks = addon.attachThread(
  () => onWake(),
  (count) => {
    const pairs = Array.from({ length: count }, (_, i): [number, number] => [
      blocks.ready[2 * i] as number,
      blocks.ready[2 * i + 1] as number,
    ]);
    for (const listener of readyListeners.splice(0)) listener(pairs);
  },
);
export const nextReady = () =>
  new Promise<[number, number][]>((resolve) => readyListeners.push(resolve));
export const { scratch, row, out, rows, numbers } = blocks;

export type Word = string | Buffer | { blob: number };

/** Lays out a request in the thread's own block, as the decoder does. */
export function request(...words: Word[]): void {
  addon.useScratch();
  let offset = 0;
  words.forEach((word, i) => {
    if (typeof word === 'object' && 'blob' in word) {
      row[2 * i] = (BLOB_WORD_BIT | word.blob) >>> 0;
      row[2 * i + 1] = 0;
      return;
    }
    const bytes = Buffer.from(word as Buffer);
    row[2 * i] = offset;
    row[2 * i + 1] = bytes.copy(scratch, offset);
    offset += bytes.length;
  });
}

/** Takes bytes as those of a long argument. */
export function receiveBlob(bytes: Buffer, fromScratch = 100): number {
  const id = addon.blobBegin(bytes.length);
  bytes.copy(scratch, scratch.length - fromScratch, 0, fromScratch);
  addon.blobAppend(id, scratch.length - fromScratch, fromScratch);
  for (let received = fromScratch; received < bytes.length; ) {
    if (addon.blobIsRefused(id) === 1) {
      addon.blobSkip(id, bytes.length - received);
      return id;
    }
    const count = bytes.copy(scratch, 0, received, received + 10_000);
    addon.blobAppend(id, 0, count);
    received += count;
  }
  return id;
}

/** The held value's bytes. */
export function heldBytes(byteCount: number): Buffer {
  if (byteCount <= OUT_BYTES) {
    addon.heldCopy(0);
    return Buffer.from(out.subarray(0, byteCount));
  }
  return replyBlobBytes(addon.heldKeep());
}

export function replyBlobBytes(id: number): Buffer {
  const view = addon.replyBlobView(id, 0, addon.replyBlobBytes(id));
  const bytes = Buffer.from(view);
  addon.detach(view.buffer);
  addon.replyBlobRelease(id);
  return bytes;
}

/** All rows of the last call, which answered `count` in its first piece. */
export function allRows(count: number): { texts: Buffer[]; pieces: number; total: number } {
  const texts: Buffer[] = [];
  const total = numbers[0] as number;
  for (let pieces = 1; ; pieces++) {
    let offset = 0;
    for (let i = 0; i < count; i++) {
      const length = rows.readUInt32LE(offset);
      if (length === ROW_REFERENCE) {
        const bytes = replyBlobBytes(rows.readUInt32LE(offset + 4));
        if (rows.readDoubleLE(offset + 8) !== bytes.length) throw new Error('wrong length');
        texts.push(bytes);
        offset += 16;
      } else {
        texts.push(Buffer.from(rows.subarray(offset + 4, offset + 4 + length)));
        offset += 4 + length;
      }
    }
    if (numbers[1] === 0) return { texts, pieces, total };
    count = addon.rowsNext();
  }
}

export interface Message {
  kind: number;
  connection: number;
  sequence: number;
  code: number;
  text: string;
}

export function drain(): Message[] {
  const messages: Message[] = [];
  for (;;) {
    const count = addon.drainMailbox();
    if (count === 0) return messages;
    let offset = 0;
    for (let i = 0; i < count; i++) {
      const [kind, connection, sequence, code, bytes] = [0, 4, 8, 12, 16].map((at) =>
        rows.readUInt32LE(offset + at),
      ) as [number, number, number, number, number];
      offset += 20;
      const text = rows.toString('utf8', offset, offset + bytes);
      offset += bytes;
      messages.push({ kind, connection, sequence, code, text });
    }
  }
}

/** The next message; the loop is kept going meanwhile, since a mailbox does not. */
export async function nextMessage(): Promise<Message> {
  const keepAlive = setInterval(() => {}, 1000);
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        onWake = resolve;
      });
      const [message] = drain();
      if (message) return message;
      await woken;
    }
  } finally {
    clearInterval(keepAlive);
    onWake = () => {};
  }
}

export function setString(
  key: string,
  value: Word,
  expireAtMs = NO_EXPIRY,
  conditions = 0,
): number {
  request(key, value);
  return addon.stringSet(0, 0, 1, expireAtMs, conditions);
}

export function getString(key: string): Buffer | number {
  request(key);
  const result = addon.stringFind(0, 0);
  return result < 0 ? result : heldBytes(result);
}

export function setTensor(
  key: string,
  dtype: string,
  dims: string[],
  source: number,
  ...data: Word[]
) {
  request(key, ...dims, ...data);
  const code = dtypeNames.indexOf(dtype as (typeof dtypeNames)[number]);
  return addon.tensorSet(0, 0, code, 1, dims.length, source, 1 + dims.length, data.length);
}

export function tensorValues(key: string): string[] {
  request(key);
  if (addon.tensorFind(0, 0) < 0) throw new Error(`no tensor at '${key}'`);
  return allRows(addon.tensorValues()).texts.map(String);
}

export function pattern(byteCount: number): Buffer {
  const bytes = Buffer.allocUnsafe(byteCount);
  for (let i = 0; i < byteCount; i++) bytes[i] = (i * 31 + (i >> 8)) & 0xff;
  return bytes;
}

/** What a test leaves behind is not the next one's. */
export function cleanUp(): void {
  addon.flush(-1);
  addon.rowsEnd();
  addon.heldDrop();
}

/** Runs in a thread or process of its own; `addon` and `blocks` are there. */
export const inWorker = (body: string) => `
  const { parentPort, workerData } = require('node:worker_threads');
  const addon = require(${JSON.stringify(addonPath)});
  const blocks = addon.attachThread(() => onWake(), () => {});
  let onWake = () => {};
  const request = (...words) => {
    let offset = 0;
    words.forEach((word, i) => {
      blocks.row[2 * i] = offset;
      blocks.row[2 * i + 1] = blocks.scratch.write(word, offset);
      offset += word.length;
    });
  };
  ${body}`;
