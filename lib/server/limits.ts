import type { Settings } from '../config/settings.ts';
import type { DecoderLimits } from '../resp/request-decoder.ts';

/** The settings that every read or write looks at, as plain numbers. One object a thread; `apply` after CONFIG SET. */
export class Limits implements DecoderLimits {
  protoMaxBulkBytes = 0;
  queryBufferBytesMax = 0;
  outputHardBytes = 0;
  outputSoftBytes = 0;
  outputSoftMs = 0;
  replyBacklogBytesMax = 0;
  idleMs = 0;
  keepaliveMs = 0;
  clientsMax = 0;
  maxmemoryBytes = 0;
  password = '';
  readonly #memoryLimitBytes: number;

  constructor(settings: Settings, memoryLimitBytes: number) {
    this.#memoryLimitBytes = memoryLimitBytes;
    this.apply(settings);
  }

  apply(settings: Settings): void {
    const output = settings.outputBufferLimit('normal');
    this.protoMaxBulkBytes = settings.bulkBytesMax;
    this.queryBufferBytesMax = settings.queryBytesMax;
    this.outputHardBytes = output.hardBytes;
    this.outputSoftBytes = output.softBytes;
    this.outputSoftMs = output.softSeconds * 1000;
    this.replyBacklogBytesMax = settings.replyBacklogMaxBytes(this.#memoryLimitBytes);
    this.idleMs = settings.idleTimeoutSeconds * 1000;
    this.keepaliveMs = settings.tcpKeepaliveSeconds * 1000;
    this.clientsMax = settings.clientsMax;
    this.maxmemoryBytes = settings.maxmemoryBytes;
    this.password = settings.password;
  }
}
