// When keys expire: what the commands about it read and check (redis:src/expire.c).

import { replyErrors } from '../core/errors.ts';
import type { UnixMs } from '../engine/addon.ts';
import type { Request } from '../resp/request.ts';

const INT64_MAX = 2n ** 63n - 1n;
const SAFE_INTEGER_MAX = BigInt(Number.MAX_SAFE_INTEGER);

export interface ExpiryUnit {
  readonly unitMs: number;
  /** Now, or 0 for a time of the Unix epoch. */
  readonly baseMs: number;
  /** As the error names it. */
  readonly command: string;
  /** SET refuses what EXPIRE takes as "delete now". */
  readonly isPositive: boolean;
}

/** Unix time in ms of what word `i` says. @throws {ReplyError} Not an integer, or beyond 64 bits. */
export function expiryOf(request: Request, i: number, unit: ExpiryUnit): UnixMs {
  const value = request.integer(i);
  if (value !== undefined && Math.abs(value) < 2 ** 42) {
    if (unit.isPositive && value <= 0) throw replyErrors.invalidExpireTime(unit.command);
    return unit.baseMs + value * unit.unitMs;
  }
  const exact = request.bigint(i);
  if (exact === undefined) throw replyErrors.notInteger();
  const atMs = exact * BigInt(unit.unitMs) + BigInt(unit.baseMs);
  const isTooLarge = atMs > INT64_MAX || exact * BigInt(unit.unitMs) < -INT64_MAX - 1n;
  if (isTooLarge || (unit.isPositive && exact <= 0n))
    throw replyErrors.invalidExpireTime(unit.command);
  return atMs > SAFE_INTEGER_MAX || atMs < -SAFE_INTEGER_MAX ? atMs : Number(atMs);
}
