// The native calls of commands that wait for keys. `client`, `connection` and `sequence` say who waits;
// a client of -1 may not wait. A call answers rows of what there is, 0 if it waits: then the mailbox
// tells of its end, or -notFound if there is nothing and it may not wait.

export interface BlockingCommands {
  /** Of the first list that has elements: the key and an element, or with `hasCount` the key and up to `count`. */
  listsAwait(
    db: number,
    first: number,
    keyCount: number,
    fromTail: number,
    hasCount: number,
    count: number,
    client: number,
    connection: number,
    sequence: number,
  ): number;
  /** The element that is moved. */
  listAwaitMove(
    db: number,
    from: number,
    to: number,
    fromTail: number,
    toTail: number,
    client: number,
    connection: number,
    sequence: number,
  ): number;
  /** As `listsAwait`, members with their scores. */
  sortedSetsAwait(
    db: number,
    first: number,
    keyCount: number,
    fromMax: number,
    hasCount: number,
    count: number,
    client: number,
    connection: number,
    sequence: number,
  ): number;
  /** As `streamsRead`; `count` 0 is all. -invalidStreamId. */
  streamsAwait(
    db: number,
    firstKey: number,
    keyCount: number,
    firstId: number,
    idCount: number,
    count: number,
    client: number,
    connection: number,
    sequence: number,
  ): number;
  /** For what no key ends. */
  nothingAwait(client: number, connection: number, sequence: number): number;
  /** What a wait that ended well has brought, once. @returns Rows in the first piece. */
  awaitedReply(connection: number, sequence: number): number;
  /** Ends a client's wait. @returns 0 if it has been served before, which the mailbox tells. */
  awaitEnd(client: number): number;
  /** Ends the wait of any thread's client, as if its time were over or with an error. @returns 0 if it does not wait. */
  awaitUnblock(client: number, isError: number): number;
  /** Who waits and is not permitted ends with `notPermitted` where it would be served; nothing is taken. */
  awaitPermit(client: number, isPermitted: number): void;
  /** How many keys are waited for. */
  awaitedKeyCount(): number;
}
