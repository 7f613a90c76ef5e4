// What commands read of a request's words, beside what the request itself offers.

import { replyErrors } from '../core/errors.ts';
import { addon, codes } from '../engine/addon.ts';
import { failure } from '../engine/failure.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import type { Call, Words } from './command.ts';

/** Whether a setting of `no`, `local` (clients on this machine or a socket of it) or `yes` allows something to a client. */
export function isAllowedBy(setting: string, { client, server }: Call): boolean {
  const allowed = server.settings.text(setting);
  return allowed === 'yes' || (allowed === 'local' && localAddress.test(client.address));
}

const localAddress = /^(127\.|\[?::1\]?:|\[?::ffff:127\.|\/)/;

/** What an error shows of a word. */
const SHOWN_BYTES_MAX = 128;

/** A word as an error shows it: never more than a line's worth. */
export function shown(request: Request, i: number): string {
  if (request.isBlob(i)) return `(${request.length(i)} bytes)`;
  if (request.length(i) <= SHOWN_BYTES_MAX) return request.text(i);
  return request.bytes(i).toString('utf8', 0, SHOWN_BYTES_MAX);
}

/** Repeats a word of the request that is carried out, a large one from its own memory. */
export function replyWord(reply: ReplyEncoder, request: Request, i: number): void {
  if (request.isBlob(i)) reply.held(addon().blobHold(i));
  else reply.bulk(request.bytes(i));
}

/** A word as text. @throws {ReplyError} It is a blob: no name or value is that long. */
export function textOf(request: Request, i: number, name: string): string {
  if (request.isBlob(i)) throw replyErrors.argumentTooLong(name);
  return request.text(i);
}

/** @throws {ReplyError} Not a 64-bit integer. Beyond 2^53 it is rounded. */
export function integerOf(request: Request, i: number): number {
  const value = request.integer(i) ?? request.bigint(i);
  if (value === undefined) throw replyErrors.notInteger();
  return Number(value);
}

export function isInt32(value: number): boolean {
  return value >= -(2 ** 31) && value < 2 ** 31;
}

/** @throws {ReplyError} Not a 32-bit integer, or no database of ours. */
export function databaseOf(request: Request, i: number, databaseCount: number): number {
  const db = integerOf(request, i);
  if (!isInt32(db)) throw replyErrors.notInt32();
  if (db < 0 || db >= databaseCount) throw replyErrors.databaseOutOfRange();
  return db;
}

/** Most repeats of a member or field that a command may be asked for: each is a row of the reply. */
const REPEATS_MAX = 2 ** 24;

/** As `integerOf`, but never beyond what a native call takes as an integer. */
export function clampedOf(request: Request, i: number): number {
  const value = integerOf(request, i);
  return Math.max(Math.min(value, Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER);
}

/** As `clampedOf`, of what may be turned about. @throws {ReplyError} */
export function negatableOf(request: Request, i: number): number {
  const value = request.integer(i) ?? request.bigint(i);
  if (value === -(2n ** 63n)) throw replyErrors.notNegatable();
  return clampedOf(request, i);
}

/** An integer of at least `min`. @throws {ReplyError} `complaint`, also where it is no integer. */
export function atLeast(request: Request, i: number, min: number, complaint: () => Error): number {
  const value = request.integer(i) ?? request.bigint(i);
  if (value === undefined || value < min) throw complaint();
  return Math.min(Number(value), Number.MAX_SAFE_INTEGER);
}

/** How many are asked for. @throws {ReplyError} Negative, or no integer. */
export function countOf(request: Request, i: number): number {
  return atLeast(request, i, 0, replyErrors.notPositive);
}

/** How many at random; a negative number may repeat them. @throws {ReplyError} */
export function randomCountOf(request: Request, i: number): number {
  const count = negatableOf(request, i);
  if (count < -REPEATS_MAX) throw replyErrors.outOfRange();
  return count;
}

/** Pairs at random take two rows each: half as many are allowed. @throws {ReplyError} */
export function checkPairCount(request: Request, i: number): void {
  // Exact: as a number the highest that is allowed would be 2^62.
  const value = request.integer(i) ?? request.bigint(i) ?? 0;
  if (value >= 2n ** 62n) throw replyErrors.outOfRange();
}

/** A TIMEOUT of RedisAI: milliseconds, more than 0. @throws {ReplyError} */
export function timeoutOf(request: Request, i: number): number {
  const value = request.integer(i) ?? request.bigint(i);
  if (value === undefined || value <= 0) throw replyErrors.invalidTimeout();
  return Math.min(Number(value), Number.MAX_SAFE_INTEGER);
}

/**
 * A count or option as RedisAI's argument cursor takes it: not negative, and `3.00` is 3. Undefined
 * for anything else.
 */
export function looseCountOf(request: Request, i: number): number | undefined {
  const value = request.integer(i);
  if (value !== undefined) return value >= 0 ? value : undefined;
  if (request.isBlob(i) || request.length(i) === 0 || request.length(i) > SHOWN_BYTES_MAX)
    return undefined;
  const text = request.text(i);
  const number = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** The end of a command that answers `OK`, `TIMEDOUT`, or what went wrong natively. */
export function okOrFailure(reply: ReplyEncoder, code: number, text: string): void {
  if (code === codes.ok) reply.ok();
  else if (code === codes.timedOut) reply.simple('TIMEDOUT');
  else throw failure(-code, text);
}

/** The end of what is only a part of a command: nothing is answered unless it failed. */
export function nothingOrFailure(_reply: ReplyEncoder, code: number, text: string): void {
  if (code !== codes.ok) throw failure(-code, text);
}

/** Changes settings on all threads, then answers `OK` or what `refusal` makes of the error. */
export function changeSettings(
  call: Call,
  pairs: readonly (readonly [string, string])[],
  refusal: (error: Error) => Error = (error) => error,
): void {
  replyWhenDone(call, () => call.server.configSet(pairs), refusal);
}

/** Asks the main thread, unless the command may not wait, and answers OK or its error. */
export function replyWhenDone(
  call: Call,
  ask: () => Promise<Error | undefined>,
  refusal: (error: Error) => Error = (error) => error,
): void {
  let refused: Error | undefined;
  const ticket = call.wait((reply) => {
    if (refused) reply.error(refusal(refused));
    else reply.ok();
  });
  ask().then(
    (error) => {
      refused = error;
      ticket.finish(codes.ok, '');
    },
    (error: unknown) => {
      refused = error instanceof Error ? error : new Error(String(error));
      ticket.finish(codes.ok, '');
    },
  );
}

/** The words from `start` on, as a command of their own. */
export class WordsFrom implements Words {
  readonly #request: Words;
  readonly #start: number;
  readonly count: number;

  constructor(request: Words, start: number) {
    this.#request = request;
    this.#start = start;
    this.count = request.count - start;
  }

  is(i: number, name: string): boolean {
    return this.#request.is(this.#start + i, name);
  }

  integer(i: number): number | undefined {
    return this.#request.integer(this.#start + i);
  }
}
