// Reads replies where Tutti is the client and speaks RESP3, which redis-parser does not know.

export type WireType =
  | 'status'
  | 'error'
  | 'integer'
  | 'string'
  | 'verbatim'
  | 'nil'
  | 'boolean'
  | 'double'
  | 'big-number'
  | 'array'
  | 'set'
  | 'map'
  | 'push';

/** A reply with the type and the digits it had on the wire. */
export interface WireReply {
  readonly type: WireType;
  /** What stood in its line, or its bytes; empty for aggregates. */
  readonly text: Buffer;
  /** Of aggregates; a map's keys and values take turns. */
  readonly items: readonly WireReply[];
}

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
/** Before `txt:` of a verbatim string come three letters and a colon. */
const VERBATIM_FORMAT_BYTES = 4;
const nothing = Buffer.alloc(0);

/** By its first byte, what a line is about; aggregates and bodies have a count or a length in it. */
const lineTypes: Record<string, WireType> = {
  '+': 'status',
  '-': 'error',
  ':': 'integer',
  ',': 'double',
  '#': 'boolean',
  '(': 'big-number',
  _: 'nil',
};
const bodyTypes: Record<string, WireType> = { $: 'string', '=': 'verbatim', '!': 'error' };
const aggregateTypes: Record<string, WireType> = {
  '*': 'array',
  '~': 'set',
  '>': 'push',
  '%': 'map',
  // Facts about the reply behind them, which nobody asks for: they are read and dropped.
  '|': 'map',
};

/** An aggregate that lacks items. */
interface Open {
  readonly type: WireType;
  readonly isAttribute: boolean;
  readonly items: WireReply[];
  readonly itemCount: number;
}

/** Takes bytes, answers whole replies. Each byte is looked at once, however the bytes are cut. */
export class WireReplyReader {
  readonly #open: Open[] = [];
  #chunks: Buffer[] = [];
  #heldBytes = 0;
  /** So many must be held before it is worth looking again. */
  #wantedBytes = 1;
  #bytes: Buffer = nothing;
  #at = 0;

  /** @throws {Error} What came is no RESP. */
  take(chunk: Buffer): WireReply[] {
    this.#chunks.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < this.#wantedBytes) return [];
    this.#bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    this.#at = 0;
    this.#wantedBytes = 1;
    const replies: WireReply[] = [];
    for (;;) {
      const element = this.#element();
      if (element === undefined) break;
      const reply = element === 'opened' ? undefined : this.#close(element);
      if (reply !== undefined) replies.push(reply);
    }
    const rest = this.#bytes.subarray(this.#at);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#heldBytes = rest.length;
    this.#bytes = nothing;
    return replies;
  }

  /** The next element; undefined, and nothing is taken, if it is not whole. */
  #element(): WireReply | 'opened' | undefined {
    const end = this.#bytes.indexOf(LF, this.#at);
    if (end < 0) {
      this.#wantedBytes = this.#bytes.length - this.#at + 1;
      return undefined;
    }
    const letter = String.fromCharCode(this.#bytes[this.#at] ?? 0);
    const text = this.#bytes.subarray(this.#at + 1, end - 1);
    const lineType = lineTypes[letter];
    if (lineType !== undefined) {
      this.#at = end + 1;
      return { type: lineType, text, items: [] };
    }
    const count = Number(text.toString('latin1'));
    const bodyType = bodyTypes[letter];
    const aggregateType = aggregateTypes[letter];
    if ((bodyType === undefined && aggregateType === undefined) || !Number.isInteger(count))
      throw new Error(`a reply begins with '${letter}${text.toString('latin1', 0, 64)}'`);
    if (count < 0) {
      this.#at = end + 1;
      return { type: 'nil', text: nothing, items: [] };
    }
    if (bodyType !== undefined) return this.#body(bodyType, end + 1, count);
    this.#at = end + 1;
    return this.#aggregate(aggregateType ?? 'array', letter === '|', count);
  }

  #body(type: WireType, from: number, byteCount: number): WireReply | undefined {
    const end = from + byteCount;
    if (end + 2 > this.#bytes.length) {
      this.#wantedBytes = end + 2 - this.#at;
      return undefined;
    }
    this.#at = end + 2;
    const start = type === 'verbatim' ? from + VERBATIM_FORMAT_BYTES : from;
    return { type, text: this.#bytes.subarray(start, end), items: [] };
  }

  #aggregate(type: WireType, isAttribute: boolean, count: number): WireReply | 'opened' {
    if (this.#open.length >= DEPTH_MAX) throw new Error(`a reply nests deeper than ${DEPTH_MAX}`);
    const itemCount = type === 'map' ? 2 * count : count;
    if (itemCount === 0 && !isAttribute) return { type, text: nothing, items: [] };
    if (itemCount > 0) this.#open.push({ type, isAttribute, items: [], itemCount });
    return 'opened';
  }

  /** Puts an element where it belongs. @returns The whole reply, if this was the last of it. */
  #close(element: WireReply): WireReply | undefined {
    let last = element;
    for (;;) {
      const parent = this.#open.at(-1);
      if (parent === undefined) return last;
      parent.items.push(last);
      if (parent.items.length < parent.itemCount) return undefined;
      this.#open.pop();
      if (parent.isAttribute) return undefined;
      last = { type: parent.type, text: nothing, items: parent.items };
    }
  }
}

/** Takes bytes, answers whole replies as values. */
export class ReplyReader {
  readonly #wire = new WireReplyReader();

  /** @throws {Error} What came is no RESP. */
  take(chunk: Buffer): Reply[] {
    return this.#wire.take(chunk).map(replyValue);
  }
}

function replyValue({ type, text, items }: WireReply): Reply {
  switch (type) {
    case 'status':
      return text.toString();
    case 'error':
      return new ReplyFailure(text.toString());
    case 'integer': {
      const value = Number(text);
      return Number.isSafeInteger(value) ? value : BigInt(text.toString());
    }
    case 'string':
    case 'verbatim':
      return text;
    case 'nil':
      return null;
    case 'boolean':
      return text.toString() === 't';
    case 'double':
      return numberOf(text.toString());
    case 'big-number':
      return BigInt(text.toString());
    case 'array':
    case 'set':
      return items.map(replyValue);
    case 'push':
      return new ReplyPush(items.map(replyValue));
    case 'map': {
      const pairs: [Reply, Reply][] = [];
      for (let i = 0; i + 1 < items.length; i += 2)
        pairs.push([replyValue(items[i]!), replyValue(items[i + 1]!)]);
      return new ReplyMap(pairs);
    }
  }
}

function numberOf(text: string): number {
  if (text === 'inf') return Number.POSITIVE_INFINITY;
  if (text === '-inf') return Number.NEGATIVE_INFINITY;
  return Number(text);
}
