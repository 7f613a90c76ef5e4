// The native commands about plain values: a call each. Keys, members and numbers are words of the
// request, named by their index; `first, count` are so many words from one on. What a call answers
// is a number, or rows with headers in front of them (`rowHeaders`), or the negative of one of
// `codes`: wrongType where a key holds another type.

import type { UnixMs } from './addon.ts';

/** What a set operation does; `Operation` of native/keyspace/sets.h and sorted_sets.h. */
export const setOperations = { union: 0, intersection: 1, difference: 2 } as const;
/** `Aggregate` of native/keyspace/sorted_sets.h. */
export const aggregates = { sum: 0, min: 1, max: 2 } as const;
/** `RangeBy` of native/keyspace/sorted_sets.h. */
export const rangesBy = { rank: 0, score: 1, lex: 2 } as const;
/** Bits of `AddFlag` of native/keyspace/sorted_sets.h. */
export const addFlags = {
  ifAbsent: 1,
  ifPresent: 2,
  ifGreater: 4,
  ifLess: 8,
  countChanged: 16,
} as const;

/** What GETDEL and GETEX do with the key; `After` of native/keyspace/strings.h. */
export const afterGet = { nothing: 0, delete: 1, expire: 2, persist: 3 } as const;
/** What LCS is asked for; `LcsWanted` of native/keyspace/strings.h. */
export const lcsWanted = { text: 0, length: 1, matches: 2 } as const;
/** `Operation` of native/keyspace/bits.h. */
export const bitOperations = { and: 0, or: 1, xor: 2, not: 3 } as const;
/** Which halves of a hash's pairs; `Halves` of native/binding/hashes.cc. */
export const hashHalves = { both: 0, fields: 1, values: 2 } as const;
/** What OBJECT tells; `Fact` of native/keyspace/keys.h. */
export const keyFacts = { encoding: 0, references: 1, idleSeconds: 2, frequency: 3 } as const;
/** Bits of `keySort`'s flags. */
export const sortFlags = { unsorted: 1, byText: 2, descending: 4 } as const;
/** `Trim::By` of native/keyspace/streams.h. */
export const trimBy = { nothing: 0, length: 1, id: 2 } as const;

export interface AnyKeyCommands {
  /** 1, or 0 if there is no such key, or the target exists and is not replaced. */
  keyCopy(db: number, from: number, toDb: number, to: number, replaces: number): number;
  databasesSwap(a: number, b: number): number;
  keysMatching(db: number, pattern: number): number;
  /** A bulk or nil. */
  keyRandom(db: number): number;
  /** One of `keyFacts`. -notFound. */
  keyFact(db: number, key: number, fact: number): number;
  /**
   * The next cursor and an array of keys.
   * @param pattern A word, or -1.
   * @param kind One of `valueKinds`, or -1: nothing is of it.
   */
  keysScan(
    db: number,
    cursor: number | bigint,
    pattern: number,
    count: number,
    kind: number,
  ): number;
  hashScan(
    db: number,
    key: number,
    cursor: number | bigint,
    pattern: number,
    count: number,
    kind: number,
  ): number;
  setScan(
    db: number,
    key: number,
    cursor: number | bigint,
    pattern: number,
    count: number,
    kind: number,
  ): number;
  sortedSetScan(
    db: number,
    key: number,
    cursor: number | bigint,
    pattern: number,
    count: number,
    kind: number,
  ): number;
  /** @param flags Bits of `sortFlags`. -notSortable. */
  keySort(db: number, key: number, flags: number, offset: number, count: number): number;
  /** @returns The length of the list. */
  keySortStore(
    db: number,
    key: number,
    target: number,
    flags: number,
    offset: number,
    count: number,
  ): number;
}

export interface StringCommands {
  /** `by` is a word, or -1; `sign` its sign, or the number itself. -notInteger, -wouldOverflow. */
  stringIncrement(db: number, key: number, by: number, sign: number): number;
  stringIncrementFloat(db: number, key: number, by: number): number;
  /** @returns The length after it. -stringTooLong. */
  stringAppend(db: number, key: number, more: number, bytesMax: number): number;
  stringSetRange(db: number, key: number, offset: number, bytes: number, bytesMax: number): number;
  /** Holds the part. -notFound: nothing. */
  stringGetRange(db: number, key: number, start: number, stop: number): number;
  /** Holds the string. @param after One of `afterGet`. -notFound. */
  stringGetAnd(db: number, key: number, after: number, atMs: UnixMs): number;
  /** An array of a bulk or nil each. */
  stringsGet(db: number, first: number, count: number): number;
  /** Words key, value, ... @returns 0 if a key exists and none may. */
  stringsSet(db: number, first: number, count: number, onlyIfNone: number): number;
  /** @param wanted One of `lcsWanted`. -stringTooLong. */
  stringsLongestCommon(
    db: number,
    first: number,
    second: number,
    wanted: number,
    matchMin: number,
    withLengths: number,
    bytesMax: number,
  ): number;
  /** The bit before. -invalidBitOffset, -invalidBit. */
  bitSet(db: number, key: number, offset: number, bit: number, bytesMax: number): number;
  bitGet(db: number, key: number, offset: number, bytesMax: number): number;
  /** `start` and `end` are words, or -1. */
  bitCount(db: number, key: number, start: number, end: number, inBits: number): number;
  bitPosition(
    db: number,
    key: number,
    bit: number,
    start: number,
    end: number,
    inBits: number,
  ): number;
  /** The first key is the destination. @returns The result's bytes. */
  bitCombine(db: number, operation: number, first: number, count: number): number;
  /** BITFIELD's words. */
  bitFields(
    db: number,
    key: number,
    first: number,
    count: number,
    isReadonly: number,
    bytesMax: number,
  ): number;
}

export interface HashCommands {
  /** Words field, value, ... @returns New fields. */
  hashSet(db: number, key: number, first: number, count: number, onlyIfAbsent?: number): number;
  hashRemove(db: number, key: number, first: number, count: number): number;
  hashLength(db: number, key: number): number;
  hashExists(db: number, key: number, field: number): number;
  hashValueLength(db: number, key: number, field: number): number;
  /** Holds the value. @returns Its bytes, -notFound. */
  hashFind(db: number, key: number, field: number): number;
  /** An array of a bulk or nil each. */
  hashValues(db: number, key: number, first: number, count: number): number;
  /** Rows without a header, one of `hashHalves`; numbers[0] is how many in all. */
  hashGetAll(db: number, key: number, halves?: number): number;
  /** `by` is a word. -hashNotInteger, -wouldOverflow. */
  hashIncrement(db: number, key: number, field: number, by: number): number;
  hashIncrementFloat(db: number, key: number, field: number, by: number): number;
  hashRandom(db: number, key: number, hasCount: number, count: number, withValues: number): number;
}

export interface ListCommands {
  /** @returns The length after it; 0 if the key must be there and is not. */
  listPush(
    db: number,
    key: number,
    first: number,
    count: number,
    atTail: number,
    onlyIfPresent?: number,
  ): number;
  listPop(db: number, key: number, fromTail: number, hasCount: number, count: number): number;
  /** Of the first key that holds elements: it and them, or a nil array. */
  listPopFirst(
    db: number,
    first: number,
    keyCount: number,
    fromTail: number,
    count: number,
  ): number;
  listLength(db: number, key: number): number;
  /** A bulk or nil; `index` is a word. */
  listIndex(db: number, key: number, index: number): number;
  /** -notFound, -indexOutOfRange. */
  listSet(db: number, key: number, index: number, element: number): number;
  listInsert(db: number, key: number, isAfter: number, pivot: number, element: number): number;
  /** `count` is a word. @returns How many are removed. */
  listRemove(db: number, key: number, count: number, element: number): number;
  listTrim(db: number, key: number, start: number, stop: number): number;
  /** The element moved, or nil. */
  listMove(db: number, from: number, to: number, fromTail: number, toTail: number): number;
  /** @param count Below 0: one place or nil. @param comparedMax 0: no limit. */
  listPosition(
    db: number,
    key: number,
    element: number,
    rank: number,
    count: number,
    comparedMax: number,
  ): number;
  /** Rows without a header; numbers[0] is how many in all. `start` and `stop` are words. */
  listRange(db: number, key: number, start: number, stop: number): number;
}

export interface StreamCommands {
  /**
   * The id, or nil.
   * @param by One of `trimBy`; `trimId` is a word or -1.
   * @param limit Below 0: Redis' own.
   */
  streamAdd(
    db: number,
    key: number,
    id: number,
    first: number,
    count: number,
    makesStream: number,
    by: number,
    isApproximate: number,
    lengthMax: number,
    trimId: number,
    limit: number,
  ): number;
  streamLength(db: number, key: number): number;
  /** 0 if these words are the bounds of a range, or why not. */
  streamIdsCheck(first: number, last: number): number;
  /** `first` and `last` are words. @param count Below 0: all. */
  streamRange(
    db: number,
    key: number,
    first: number,
    last: number,
    isReversed: number,
    count: number,
  ): number;
  streamsRead(
    db: number,
    firstKey: number,
    keyCount: number,
    firstId: number,
    idCount: number,
    count: number,
  ): number;
  streamRemove(db: number, key: number, first: number, count: number): number;
  streamTrim(
    db: number,
    key: number,
    by: number,
    isApproximate: number,
    lengthMax: number,
    trimId: number,
    limit: number,
  ): number;
  /** @param entriesAdded Below 0: as it is. @param maxDeleted A word, or -1. */
  streamSetId(
    db: number,
    key: number,
    id: number,
    entriesAdded: number,
    maxDeleted: number,
  ): number;
  streamDescribe(db: number, key: number, isFull: number, count: number): number;
  streamGroups(db: number, key: number): number;
  /** @returns `noSuchGroup` too. */
  streamConsumers(db: number, key: number, group: number): number;
}

export interface SetCommands {
  setAdd(db: number, key: number, first: number, count: number): number;
  setRemove(db: number, key: number, first: number, count: number): number;
  /** 1 if the member was in the first set. */
  setMove(db: number, from: number, to: number, member: number): number;
  setLength(db: number, key: number): number;
  setContains(db: number, key: number, member: number): number;
  /** An array of 0 and 1. */
  setContainsEach(db: number, key: number, first: number, count: number): number;
  /** Rows without a header; numbers[0] is how many in all. */
  setMembers(db: number, key: number): number;
  /** A set of `count` members; below 0, one member or nil. */
  setPop(db: number, key: number, count: number): number;
  setRandom(db: number, key: number, hasCount: number, count: number): number;
  setCombine(db: number, operation: number, first: number, count: number): number;
  /** The first key is the destination. @returns The result's length. */
  setCombineStore(db: number, operation: number, first: number, count: number): number;
  /** @param limit 0: none. */
  setIntersectionLength(db: number, first: number, count: number, limit: number): number;
}

export interface SortedSetCommands {
  /** Words score, member, ... @returns New members, or new and changed ones. -notFloat. */
  sortedSetAdd(db: number, key: number, flags: number, first: number, count: number): number;
  /** 1 if so many words are floats. */
  areFloats(first: number, count: number): number;
  /** The new score, or nil if a flag forbids it. -notFloat, -notANumber. */
  sortedSetIncrement(db: number, key: number, flags: number, by: number, member: number): number;
  sortedSetRemove(db: number, key: number, first: number, count: number): number;
  sortedSetLength(db: number, key: number): number;
  /** A score or nil for each; no header. */
  sortedSetScores(db: number, key: number, first: number, count: number): number;
  /** `min` and `max` are words; a `count` below 0 is no limit. -notInteger, -notFloatRange, -notMemberRange. */
  sortedSetRange(
    db: number,
    key: number,
    by: number,
    min: number,
    max: number,
    isReversed: number,
    offset: number,
    count: number,
    withScores: number,
  ): number;
  /** @returns The result's length. */
  sortedSetRangeStore(
    db: number,
    target: number,
    source: number,
    by: number,
    min: number,
    max: number,
    isReversed: number,
    offset: number,
    count: number,
  ): number;
  /** @returns How many are removed. */
  sortedSetRangeRemove(
    db: number,
    key: number,
    by: number,
    min: number,
    max: number,
    isReversed: number,
    offset: number,
    count: number,
  ): number;
  sortedSetRangeCount(
    db: number,
    key: number,
    by: number,
    min: number,
    max: number,
    isReversed: number,
    offset: number,
    count: number,
  ): number;
  sortedSetRank(
    db: number,
    key: number,
    member: number,
    isReversed: number,
    withScore: number,
  ): number;
  /** Pairs, or without a count a member and its score. */
  sortedSetPop(db: number, key: number, fromMax: number, hasCount: number, count: number): number;
  /** Of the first key that holds members: it and the pairs, or a nil array. */
  sortedSetPopFirst(
    db: number,
    first: number,
    keyCount: number,
    fromMax: number,
    count: number,
  ): number;
  sortedSetRandom(
    db: number,
    key: number,
    hasCount: number,
    count: number,
    withScores: number,
  ): number;
  /** @param firstWeight The first of `weightCount` words, or -1. -notFloat: a weight. */
  sortedSetCombine(
    db: number,
    first: number,
    keyCount: number,
    operation: number,
    aggregate: number,
    firstWeight: number,
    weightCount: number,
    withScores: number,
  ): number;
  sortedSetCombineStore(
    db: number,
    target: number,
    first: number,
    keyCount: number,
    operation: number,
    aggregate: number,
    firstWeight: number,
    weightCount: number,
  ): number;
  sortedSetIntersectionLength(db: number, first: number, keyCount: number, limit: number): number;
}

export interface DataCommands
  extends AnyKeyCommands,
    StringCommands,
    HashCommands,
    ListCommands,
    SetCommands,
    SortedSetCommands,
    StreamCommands {}
