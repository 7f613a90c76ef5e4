// Reads replies where Tutti is the client and speaks RESP3, which redis-parser does not know.

export type Reply =
  | string
  | number
  | bigint
  | boolean
  | null
  | Buffer
  | ReplyFailure
  | readonly Reply[]
  | ReplyMap
  | ReplyPush;

/** `-CODE message`, as a value: an error inside an array is not one of the whole. */
export class ReplyFailure {
  readonly line: string;
  constructor(line: string) {
    this.line = line;
  }
}

export class ReplyMap {
  readonly pairs: readonly (readonly [Reply, Reply])[];
  constructor(pairs: readonly (readonly [Reply, Reply])[]) {
    this.pairs = pairs;
  }
}

export class ReplyPush {
  readonly items: readonly Reply[];
  constructor(items: readonly Reply[]) {
    this.items = items;
  }
}

const LF = 0x0a;
/** Replies nest no deeper than this in Redis 7.2; a server that does is not one. */
const DEPTH_MAX = 16;

class Incomplete extends Error {}
const incomplete = new Incomplete('the reply is not whole yet');

/** Takes bytes, answers whole replies. Holds an unfinished reply's bytes and reads them again when more come. */
export class ReplyReader {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  /** @throws {Error} What came is no RESP. */
  take(chunk: Buffer): Reply[] {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const replies: Reply[] = [];
    let from = 0;
    this.#at = 0;
    try {
      while (this.#at < this.#bytes.length) {
        replies.push(this.#reply(0));
        from = this.#at;
      }
    } catch (error) {
      // An unfinished reply is read again from its start with the next bytes.
      if (error !== incomplete) throw error;
    }
    this.#bytes = this.#bytes.subarray(from);
    return replies;
  }

  #line(): string {
    const end = this.#bytes.indexOf(LF, this.#at);
    if (end < 0) throw incomplete;
    const line = this.#bytes.toString('utf8', this.#at, end - 1);
    this.#at = end + 1;
    return line;
  }

  #body(byteCount: number): Buffer {
    if (this.#at + byteCount + 2 > this.#bytes.length) throw incomplete;
    const body = this.#bytes.subarray(this.#at, this.#at + byteCount);
    this.#at += byteCount + 2;
    return body;
  }

  #items(count: number, depth: number): Reply[] {
    const items: Reply[] = [];
    for (let i = 0; i < count; i++) items.push(this.#reply(depth + 1));
    return items;
  }

  #reply(depth: number): Reply {
    if (depth > DEPTH_MAX) throw new Error(`a reply nests deeper than ${DEPTH_MAX}`);
    const type = String.fromCharCode(this.#bytes[this.#at] ?? 0);
    if (this.#at >= this.#bytes.length) throw incomplete;
    this.#at++;
    const line = this.#line();
    switch (type) {
      case '+':
        return line;
      case '-':
        return new ReplyFailure(line);
      case ':': {
        const value = Number(line);
        return Number.isSafeInteger(value) ? value : BigInt(line);
      }
      case '$':
        return line === '-1' ? null : this.#body(Number(line));
      case '=':
        return this.#body(Number(line)).subarray(4);
      case '!':
        return new ReplyFailure(this.#body(Number(line)).toString());
      case '*':
      case '~':
        return line === '-1' ? null : this.#items(Number(line), depth);
      case '>':
        return new ReplyPush(this.#items(Number(line), depth));
      case '%': {
        const items = this.#items(2 * Number(line), depth);
        const pairs: [Reply, Reply][] = [];
        for (let i = 0; i < items.length; i += 2) pairs.push([items[i]!, items[i + 1]!]);
        return new ReplyMap(pairs);
      }
      case '_':
        return null;
      case '#':
        return line === 't';
      case ',':
        if (line === 'inf') return Infinity;
        if (line === '-inf') return -Infinity;
        return Number(line);
      case '(':
        return BigInt(line);
      default:
        throw new Error(`a reply begins with '${type}'`);
    }
  }
}
