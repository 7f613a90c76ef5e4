// RESP replies as bytes: where each ends, so that a stream can be compared reply by reply.

const CR = 13;

/** @returns The offset after the reply that starts at `start`, or -1 if the bytes end within it. */
export function endOfReply(bytes: Buffer, start: number): number {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd < 0) return -1;
  const after = lineEnd + 2;
  const kind = String.fromCharCode(bytes[start] ?? CR);
  const count = Number(bytes.toString('latin1', start + 1, lineEnd));
  switch (kind) {
    case '+':
    case '-':
    case ':':
    case ',':
    case '_':
    case '#':
    case '(':
      return after;
    case '$':
    case '=':
    case '!':
      if (count < 0) return after;
      return after + count + 2 <= bytes.length ? after + count + 2 : -1;
    case '*':
    case '~':
    case '>':
      return endOfReplies(bytes, after, count);
    case '%':
      return endOfReplies(bytes, after, 2 * count);
    case '|': {
      const attributesEnd = endOfReplies(bytes, after, 2 * count);
      return attributesEnd < 0 ? -1 : endOfReply(bytes, attributesEnd);
    }
    default:
      throw new Error(
        `no reply begins with ${JSON.stringify(kind)} at ${start}: ${bytes.toString('latin1', start, start + 80)}`,
      );
  }
}

function endOfReplies(bytes: Buffer, start: number, count: number): number {
  let end = start;
  for (let i = 0; i < count && end >= 0; i++) end = endOfReply(bytes, end);
  return end;
}

/** Cuts a stream into whole replies; what is left over, if anything, is the last element of its own. */
export function splitReplies(bytes: Buffer): string[] {
  const replies: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = endOfReply(bytes, start);
    if (end < 0) {
      replies.push(bytes.toString('latin1', start));
      break;
    }
    replies.push(bytes.toString('latin1', start, end));
    start = end;
  }
  return replies;
}

/** One request as an array of bulk strings. Words that are strings are taken byte by byte (latin1). */
export function request(...words: readonly (string | Buffer | number)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = Buffer.isBuffer(word) ? word : Buffer.from(`${word}`, 'latin1');
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}
