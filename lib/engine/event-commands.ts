// The native calls about channels, keyspace events and monitors. Names of channels are words of the
// request, named by their index; clients are named by their number.

/** `SubscriptionKind` of native/threads/subscriptions.h. */
export const subscriptionKinds = { channel: 0, pattern: 1, shardChannel: 2, monitor: 3 } as const;

export interface EventCommands {
  /** Rows of one reply a name; numbers[2..4] are then the client's channels, patterns and shard channels. */
  subscribe(kind: number, clientId: number, first: number, count: number): number;
  /** As `subscribe`; `count` 0 leaves all of the kind. */
  unsubscribe(kind: number, clientId: number, first: number, count: number): number;
  /** Ends all subscriptions of a client, and its monitoring. */
  listenerForget(clientId: number): void;
  /** @returns How many clients are sent it. -outOfMemory: a refused blob. */
  publish(channel: number, payload: number, isShard: number): number;
  /** Rows of names that have listeners. @param pattern A word, or -1. */
  channelNames(kind: number, pattern: number): number;
  /** Rows of each name and how many listen to it. */
  channelListeners(kind: number, first: number, count: number): number;
  /** Names of the kind that have listeners. */
  channelCount(kind: number): number;
  /** Clients that listen to anything. */
  listenerCount(): number;
  /** Which keyspace events are told from now on: bits of `eventBits` (lib/config/keyspace-events.ts). */
  eventsTold(bits: number): void;
  monitorStart(clientId: number): void;
  /** Tells monitors of the words of a request. @param hidden Indices of words that nobody may see. */
  monitorTell(db: number, address: string, count: number, hidden: readonly number[]): void;

  // --- messages to this thread's connections: one a mail of `messageKinds.published` ---
  /**
   * Takes the next message. numbers[2] is the bytes of its head, numbers[3] those of a large payload that
   * follows with CR and LF, or 0; numbers[4] is 0 if the head is all, else a first byte comes before it.
   * @returns How many connections are to get it.
   */
  deliveryNext(): number;
  /** Their numbers from `first` on, u32 each, in `rows`. @returns How many. */
  deliveryConnections(first: number): number;
  /** Whether a client still listens to what the message is sent to. */
  deliveryIsWanted(clientId: number): number;
  /** Copies the head to out[offset ...). */
  deliveryCopy(outOffset: number): void;
  /** Makes the head (0) or the payload (1) a reply blob. @returns Its id. */
  deliveryKeep(part: number): number;
  deliveryEnd(): void;
  /** This thread's listeners have been closed (`messageKinds.overrun`). */
  overrunEnd(): void;
}
