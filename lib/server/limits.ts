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
  /** What all clients may take that may be evicted; 0: no limit. */
  clientsMemoryBytesMax = 0;
  /** Microseconds from which on the slow log takes a command; negative: never. */
  slowLogUs = -1;
  /** Milliseconds from which on the latency monitor does; 0: never. */
  latencyMs = 0;
  /** From how many microseconds on a command is of interest to either. */
  watchedUs = Number.POSITIVE_INFINITY;
  /** Not of the settings, but looked at as often: some commands are refused (`DataState`). */
  isLoading = false;
  refusesWrites = false;
  /** Why the append-only file cannot be written; empty: it can, or there is none. */
  journalError = '';
  /** `min-replicas-to-write` asks for replicas, of which there are none. */
  lacksReplicas = false;
  /** Replies of commands that change data wait for the disk. */
  awaitsDisk = false;
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
    this.clientsMemoryBytesMax = settings.clientsMemoryBytesMax;
    this.awaitsDisk = settings.isOn('appendonly') && settings.text('appendfsync') === 'always';
    this.lacksReplicas =
      settings.number('min-replicas-to-write') > 0 && settings.number('min-replicas-max-lag') > 0;
    this.slowLogUs = settings.number('slowlog-log-slower-than');
    this.latencyMs = settings.number('latency-monitor-threshold');
    this.watchedUs = Math.min(
      this.slowLogUs >= 0 ? this.slowLogUs : Number.POSITIVE_INFINITY,
      this.latencyMs > 0 ? 1000 * this.latencyMs : Number.POSITIVE_INFINITY,
    );
  }
}
