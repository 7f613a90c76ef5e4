// What the connections of a thread share, and what they tell it.

import type { Acl } from '../auth/acl.ts';
import type { ServerServices } from '../commands/command.ts';
import type { Addon, ThreadBlocks } from '../engine/addon.ts';
import type { Engine } from '../engine/engine.ts';
import type { Keyspace } from '../keyspace/keyspace.ts';
import type { ThreadMemory } from '../resp/native-memory.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import type { Connection } from './connection.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Limits } from './limits.ts';
import type { Monitors } from './monitors.ts';
import type { SendBatch } from './send-batch.ts';
import type { ThreadFigures } from './thread-figures.ts';

export interface ConnectionHost {
  readonly addon: Addon;
  readonly memory: ThreadMemory;
  readonly blocks: Pick<ThreadBlocks, 'command'>;
  readonly scratchRequest: Request;
  readonly encoder: ReplyEncoder;
  readonly dispatcher: Dispatcher;
  readonly limits: Limits;
  readonly acl: Acl;
  readonly keyspace: Keyspace;
  readonly engine: Engine;
  readonly services: ServerServices;
  readonly replies: SendBatch;
  readonly traffic: Traffic;
  readonly figures: ThreadFigures;
  readonly monitors: Monitors;
  /** How many of this thread's connections wait: its place in what all threads count. */
  readonly blocked: Int32Array;
  /** When this turn of the event loop began. */
  readonly nowMs: number;
  /** Closes the largest clients of all threads, until maxmemory-clients is met. */
  evictClients(): void;
  /** A connection's turn is over: sends its replies, unless others' turns follow at once. */
  endTurn(): void;
  /** The connection's replies wait for the journal; `release` ends that. */
  hold(connection: Connection): void;
  onClosed(connection: Connection): void;
}

/** Since it was last told to the native core. */
export interface Traffic {
  inputBytes: number;
  outputBytes: number;
}
