import type { OutputBufferLimit, Settings } from '../config/settings.ts';
import type { DecoderLimits } from '../resp/request-decoder.ts';

const noLimit: OutputBufferLimit = { hardBytes: 0, softBytes: 0, softSeconds: 0 };

/** The settings that every read or write looks at, as plain numbers. One object a thread; `apply` after CONFIG SET. */
export class Limits implements DecoderLimits {
  protoMaxBulkBytes = 0;
  queryBufferBytesMax = 0;
  /** Of replies that wait, by the class of their client. */
  normalOutput = noLimit;
  pubsubOutput = noLimit;
  replyBacklogBytesMax = 0;
  idleMs = 0;
  keepaliveMs = 0;
  clientsMax = 0;
  maxmemoryBytes = 0;
  readonly #memoryLimitBytes: number;

  constructor(settings: Settings, memoryLimitBytes: number) {
    this.#memoryLimitBytes = memoryLimitBytes;
    this.apply(settings);
  }

  apply(settings: Settings): void {
    this.protoMaxBulkBytes = settings.bulkBytesMax;
    this.queryBufferBytesMax = settings.queryBytesMax;
    this.normalOutput = settings.outputBufferLimit('normal');
    this.pubsubOutput = settings.outputBufferLimit('pubsub');
    this.replyBacklogBytesMax = settings.replyBacklogMaxBytes(this.#memoryLimitBytes);
    this.idleMs = settings.idleTimeoutSeconds * 1000;
    this.keepaliveMs = settings.tcpKeepaliveSeconds * 1000;
    this.clientsMax = settings.clientsMax;
    this.maxmemoryBytes = settings.maxmemoryBytes;
  }
}
