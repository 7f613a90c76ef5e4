// What a connection takes of memory, as CLIENT LIST tells it and maxmemory-clients counts it.

import { KiB } from '../core/units.ts';
import type { RequestDecoder } from '../resp/request-decoder.ts';
import type { Backlog } from './backlog.ts';
import type { ClientState } from './client-state.ts';
import type { Outbox } from './outbox.ts';

/** About what the objects of a connection take that holds nothing: RSS grows by 3.4 KiB for each of 9,000. */
const CONNECTION_BYTES = 4 * KiB;
/** About what the tables take of a key that is watched, or of a channel that is listened to. */
const WATCHED_KEY_BYTES = 192;
const SUBSCRIPTION_BYTES = 256;

/** In bytes, named as in CLIENT LIST. */
export interface ClientMemory {
  /** Received, and of no whole word yet; room beside them. */
  readonly qbuf: number;
  readonly qbufFree: number;
  /** Whole words of a request that is not whole. */
  readonly argvMem: number;
  readonly multiMem: number;
  /** Blocks for replies that wait, the most that has waited at a time, and in how many pieces. */
  readonly rbs: number;
  readonly rbp: number;
  readonly oll: number;
  /** Replies that wait. */
  readonly omem: number;
  readonly total: number;
}

/** The parts of a connection that hold memory. */
export interface MemoryHolders {
  readonly client: Pick<
    ClientState,
    'queuedBytes' | 'queuedBlobBytes' | 'subscriptions' | 'watchedCount'
  >;
  readonly decoder: RequestDecoder;
  readonly backlog: Backlog;
  readonly outbox: Outbox;
}

export function clientMemory({ client, decoder, backlog, outbox }: MemoryHolders): ClientMemory {
  const { wordBytes, unusedBytes } = decoder;
  const qbuf = wordBytes + backlog.byteCount;
  const qbufFree = unusedBytes + backlog.heldBytes - backlog.byteCount;
  const argvMem = Math.max(decoder.heldBytes - wordBytes - unusedBytes, 0);
  const multiMem = client.queuedBytes + client.queuedBlobBytes;
  const { byteCount: omem, blockBytes: rbs } = outbox;
  const { channels, patterns, shardChannels } = client.subscriptions;
  const registered =
    client.watchedCount * WATCHED_KEY_BYTES +
    (channels + patterns + shardChannels) * SUBSCRIPTION_BYTES;
  return {
    qbuf,
    qbufFree,
    argvMem,
    multiMem,
    rbs,
    rbp: outbox.peakBytes,
    oll: outbox.segmentCount,
    omem,
    total:
      CONNECTION_BYTES +
      registered +
      qbuf +
      qbufFree +
      argvMem +
      multiMem +
      Math.max(rbs, outbox.copiedBytes) +
      outbox.blobBytes,
  };
}
