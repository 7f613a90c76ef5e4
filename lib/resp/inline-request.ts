// Requests as people type them: a line of words.

import { ProtocolError } from '../core/errors.ts';

const CR = 0x0d;
const LF = 0x0a;

/**
 * Splits a line in place as `sdssplitargs` of Redis does: blanks, "double" quotes with escapes,
 * 'single' quotes with \'. @returns Offsets and lengths, in turn.
 */
export function splitInline(bytes: Buffer, start: number, lineEnd: number): number[] {
  const words: number[] = [];
  let end = lineEnd;
  if (end > start && bytes[end - 1] === CR) end--;
  const nul = bytes.indexOf(0, start);
  if (nul >= 0 && nul < end) end = nul;
  let at = start;
  for (;;) {
    while (at < end && isBlank(bytes[at]!)) at++;
    if (at >= end) return words;
    // A word is never longer than its spelling, so it is written over it.
    const wordAt = at;
    let to = at;
    let quote = 0;
    for (;;) {
      if (at >= end) {
        if (quote !== 0) throw unbalanced();
        break;
      }
      const byte = bytes[at]!;
      if (quote === 0) {
        if (isBlank(byte)) break;
        at++;
        if (byte === 0x22 || byte === 0x27) quote = byte;
        else bytes[to++] = byte;
        continue;
      }
      if (byte === quote) {
        at++;
        if (at < end && !isBlank(bytes[at]!)) throw unbalanced();
        break;
      }
      if (byte === 0x5c && quote === 0x27 && at + 1 < end && bytes[at + 1] === 0x27) {
        bytes[to++] = 0x27;
        at += 2;
      } else if (byte === 0x5c && quote === 0x22 && at + 1 < end) {
        const high = at + 3 < end && bytes[at + 1] === 0x78 ? hexDigit(bytes[at + 2]!) : -1;
        const low = high >= 0 ? hexDigit(bytes[at + 3]!) : -1;
        if (low >= 0) {
          bytes[to++] = high * 16 + low;
          at += 4;
        } else {
          bytes[to++] = unescaped(bytes[at + 1]!);
          at += 2;
        }
      } else {
        bytes[to++] = byte;
        at++;
      }
    }
    words.push(wordAt, to - wordAt);
  }
}

function unbalanced(): ProtocolError {
  return new ProtocolError('Protocol error: unbalanced quotes in request');
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}

function unescaped(byte: number): number {
  switch (byte) {
    case 0x6e:
      return LF;
    case 0x72:
      return CR;
    case 0x74:
      return 0x09;
    case 0x62:
      return 0x08;
    case 0x61:
      return 0x07;
    default:
      return byte;
  }
}
