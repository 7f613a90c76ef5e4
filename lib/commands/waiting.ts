// What commands that wait have in common: for keys that others fill, at most for a time.

import { replyErrors } from '../core/errors.ts';
import { addon, codes } from '../engine/addon.ts';
import { failure } from '../engine/failure.ts';
import { checked } from '../keyspace/keyspace.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Request } from '../resp/request.ts';
import type { Call, Ticket } from './command.ts';

/** Longest timer of Node; a longer wait takes several. */
const TIMER_MS_MAX = 2 ** 31 - 1;
const INT64_MAX = 2 ** 63;
/** Nobody finds more digits than this in a timeout that means one. */
const TIMEOUT_BYTES_MAX = 256;

/** Who waits, as native calls take it: the client, and whom to tell. */
export interface Waiting extends Ticket {
  readonly client: number;
}

/** Who may not wait, since nothing else is carried out meanwhile: EXEC. */
const nobody: Waiting = { client: -1, connection: -1, sequence: 0 };

/** Seconds as BLPOP takes them, in milliseconds; 0 is for ever. @throws {ReplyError} */
export function secondsOf(request: Request, i: number): number {
  const text =
    request.isBlob(i) || request.length(i) > TIMEOUT_BYTES_MAX ? '' : request.text(i).toLowerCase();
  const isNumber = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/.test(text);
  const isInfinite = /^[-+]?inf(inity)?$/.test(text);
  if (!isNumber && !isInfinite) throw replyErrors.timeoutNotFloat();
  const ms = Math.ceil(isInfinite ? (text[0] === '-' ? -Infinity : Infinity) : 1000 * Number(text));
  if (ms >= INT64_MAX) throw replyErrors.timeoutOutOfRange();
  return checkedTimeout(ms);
}

/** Milliseconds as XREAD and WAIT take them; 0 is for ever. @throws {ReplyError} */
export function millisecondsOf(request: Request, i: number): number {
  const value = request.integer(i) ?? request.bigint(i);
  if (value === undefined) throw replyErrors.timeoutNotInteger();
  return checkedTimeout(Number(value));
}

function checkedTimeout(ms: number): number {
  if (ms < 0) throw replyErrors.timeoutNegative();
  if (ms + Date.now() >= INT64_MAX) throw replyErrors.timeoutOutOfRange();
  return ms;
}

/**
 * Replies with what a native call finds, or waits for it.
 * @param ask The call: rows, 0 if it waits.
 * @param replyNothing What is answered inside EXEC, where nothing waits.
 * @param replyLate What is answered when the time is over.
 */
export function awaitRows(
  call: Call,
  timeoutMs: number,
  ask: (who: Waiting) => number,
  replyNothing: (reply: ReplyEncoder) => void,
  replyLate = (reply: ReplyEncoder) => reply.nilArray(),
): void {
  const { client, reply } = call;
  if (client.transaction !== undefined) {
    const rows = ask(nobody);
    if (rows === -codes.notFound) replyNothing(reply);
    else reply.rows(checked(rows));
    return;
  }
  let rows = 0;
  let timer: Timer | undefined;
  const ticket = call.wait(
    (later, code) => {
      timer?.cancel();
      if (rows > 0) later.rows(rows);
      else if (code === codes.timedOut) replyLate(later);
      else if (code !== codes.ok) throw failure(-code);
      else later.rows(checked(addon().awaitedReply(ticket.connection, ticket.sequence)));
    },
    () => {
      timer?.cancel();
      addon().awaitEnd(client.id);
    },
  );
  const { connection, sequence } = ticket;
  rows = checked(ask({ client: client.id, connection, sequence }));
  if (rows > 0) {
    ticket.finish(codes.ok, '');
    return;
  }
  if (timeoutMs > 0) {
    timer = new Timer(timeoutMs, () => {
      // Otherwise it has been served, and the mailbox is about to tell.
      if (addon().awaitEnd(client.id) === 1) ticket.finish(codes.timedOut, '');
    });
  }
  call.keepRequest();
  client.noteState();
}

/** As long as it takes, beyond what Node's timers take. It keeps no thread going. */
class Timer {
  readonly #endMs: number;
  readonly #onEnd: () => void;
  #timeout: NodeJS.Timeout | undefined;

  constructor(forMs: number, onEnd: () => void) {
    this.#endMs = performance.now() + forMs;
    this.#onEnd = onEnd;
    this.#arm();
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  #arm(): void {
    const leftMs = this.#endMs - performance.now();
    if (leftMs <= 0) {
      this.#onEnd();
      return;
    }
    this.#timeout = setTimeout(() => this.#arm(), Math.min(Math.ceil(leftMs), TIMER_MS_MAX));
    this.#timeout.unref();
  }
}
