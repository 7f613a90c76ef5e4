// The native commands about plain values: a call each. Keys, members and numbers are words of the
// request, named by their index; `first, count` are so many words from one on. What a call answers
// is a number, or rows with headers in front of them (`rowHeaders`), or the negative of one of
// `codes`: wrongType where a key holds another type.

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

export interface DataCommands extends SetCommands, SortedSetCommands {}
