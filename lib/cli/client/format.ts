// How tutti-cli prints replies: byte for byte as redis-cli 7.0 does (its `cliFormatReply...`).
// Text is held as Latin-1, a letter a byte, so that bytes that are no UTF-8 come out as they came in.

import type { WireReply } from '../../resp/reply-reader.ts';

export type OutputMode = 'formatted' | 'raw' | 'csv' | 'json' | 'quoted-json';

export interface OutputStyle {
  readonly mode: OutputMode;
  /** Between the items of an aggregate, in raw output. */
  readonly itemDelimiter: string;
  /** Behind a reply, in raw output. */
  readonly replyDelimiter: string;
}

/** @param isText Print the text as it is, as of INFO, whatever the mode. */
export function formatReply(reply: WireReply, style: OutputStyle, isText = false): Buffer {
  return Buffer.from(isText ? raw(reply, style) : formatted(reply, style), 'latin1');
}

function formatted(reply: WireReply, style: OutputStyle): string {
  switch (style.mode) {
    case 'formatted':
      return forPeople(reply, '');
    case 'raw':
      return raw(reply, style) + style.replyDelimiter;
    case 'csv':
      return `${csv(reply)}\n`;
    case 'json':
    case 'quoted-json':
      return `${json(reply, style.mode)}\n`;
  }
}

function textOf(reply: WireReply): string {
  return reply.text.toString('latin1');
}

function isTrue(reply: WireReply): boolean {
  return reply.text[0] === 't'.charCodeAt(0);
}

const emptyNames: Partial<Record<WireReply['type'], string>> = {
  array: '(empty array)',
  map: '(empty hash)',
  set: '(empty set)',
  push: '(empty push)',
};

function forPeople(reply: WireReply, prefix: string): string {
  const text = textOf(reply);
  switch (reply.type) {
    case 'error':
      return `(error) ${text}\n`;
    case 'status':
    case 'verbatim':
      return `${text}\n`;
    case 'integer':
      return `(integer) ${text}\n`;
    case 'double':
      return `(double) ${text}\n`;
    case 'string':
      return `${quote(text)}\n`;
    case 'nil':
      return '(nil)\n';
    case 'boolean':
      return isTrue(reply) ? '(true)\n' : '(false)\n';
    case 'big-number':
      return `${text}\n`;
    default:
      return listForPeople(reply, prefix);
  }
}

/** Items with their numbers; what stands below an item is moved to the right by its number's width. */
function listForPeople({ type, items }: WireReply, prefix: string): string {
  if (items.length === 0) return `${emptyNames[type]}\n`;
  const isMap = type === 'map';
  const width = String(isMap ? items.length / 2 : items.length).length;
  const inner = `${prefix}${' '.repeat(width + 2)}`;
  const mark = type === 'set' ? '~' : isMap ? '#' : ')';
  let text = '';
  for (let i = 0; i < items.length; i++) {
    const number = String((isMap ? i / 2 : i) + 1).padStart(width);
    text += `${i === 0 ? '' : prefix}${number}${mark} ${forPeople(items[i]!, inner)}`;
    if (!isMap) continue;
    const value = forPeople(items[++i]!, inner);
    const isOneLine = value.indexOf('\n') === value.length - 1;
    text = `${text.slice(0, -1)} => ${isOneLine ? '' : `\n${inner}`}${value}`;
  }
  return text;
}

function raw(reply: WireReply, style: OutputStyle): string {
  switch (reply.type) {
    case 'nil':
      return '';
    case 'error':
      return `${textOf(reply)}\n`;
    case 'boolean':
      return isTrue(reply) ? '(true)' : '(false)';
    case 'map': {
      let text = '';
      for (let i = 0; i + 1 < reply.items.length; i += 2) {
        const value = raw(reply.items[i + 1]!, style);
        text += `${i > 0 ? style.itemDelimiter : ''}${raw(reply.items[i]!, style)} ${value}`;
      }
      return text;
    }
    case 'array':
    case 'set':
    case 'push':
      return reply.items.map((item) => raw(item, style)).join(style.itemDelimiter);
    default:
      return textOf(reply);
  }
}

function csv(reply: WireReply): string {
  switch (reply.type) {
    case 'error':
      return `ERROR,${quote(textOf(reply))}`;
    case 'status':
    case 'string':
    case 'verbatim':
      return quote(textOf(reply));
    case 'nil':
      return 'NULL';
    case 'boolean':
      return isTrue(reply) ? 'true' : 'false';
    case 'integer':
    case 'double':
    case 'big-number':
      return textOf(reply);
    default:
      return reply.items.map(csv).join(',');
  }
}

type JsonMode = 'json' | 'quoted-json';

function json(reply: WireReply, mode: JsonMode): string {
  switch (reply.type) {
    case 'error':
      return `error:${jsonString(textOf(reply), mode)}`;
    case 'status':
    case 'string':
    case 'verbatim':
      return jsonString(textOf(reply), mode);
    case 'nil':
      return 'null';
    case 'boolean':
      return isTrue(reply) ? 'true' : 'false';
    case 'integer':
    case 'double':
    case 'big-number':
      return textOf(reply);
    case 'map': {
      const members: string[] = [];
      for (let i = 0; i + 1 < reply.items.length; i += 2)
        members.push(`${jsonKey(reply.items[i]!, mode)}:${json(reply.items[i + 1]!, mode)}`);
      return `{${members.join(',')}}`;
    }
    default:
      return `[${reply.items.map((item) => json(item, mode)).join(',')}]`;
  }
}

/** JSON has no keys but strings. */
function jsonKey(key: WireReply, mode: JsonMode): string {
  const isString = ['error', 'status', 'string', 'verbatim'].includes(key.type);
  return isString ? json(key, mode) : quote(json(key, mode));
}

const jsonEscapes: Record<string, string> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\f': '\\f',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
};

function escapeJson(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped.
  return text.replace(/[\\"\x00-\x1f]/g, (letter) => {
    const code = letter.charCodeAt(0).toString(16).padStart(4, '0');
    return jsonEscapes[letter] ?? `\\u${code}`;
  });
}

function jsonString(text: string, mode: JsonMode): string {
  const shown = mode === 'json' ? text : quote(text).slice(1, -1);
  return `"${escapeJson(shown)}"`;
}

const escapes: Record<string, string> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\x07': '\\a',
  '\b': '\\b',
};

/** As `sdscatrepr` of Redis 7.2: what is no letter of ASCII is escaped. */
export function quote(text: string): string {
  const quoted = text.replace(/[^\x20-\x7e]|[\\"]/g, (letter) => {
    const code = letter.charCodeAt(0).toString(16).padStart(2, '0');
    return escapes[letter] ?? `\\x${code}`;
  });
  return `"${quoted}"`;
}

/** Replies that are text for people: printed as they are. @param words In lower case. */
export function isTextReply(words: readonly string[]): boolean {
  const [command, sub] = words;
  switch (command) {
    case 'info':
    case 'lolwut':
      return true;
    case 'debug':
      return sub === 'htstats' || sub === 'htstats-key' || sub === 'client-eviction';
    case 'memory':
      return sub === 'malloc-stats' || sub === 'doctor';
    case 'cluster':
      return words.length === 2 && (sub === 'nodes' || sub === 'info');
    case 'client':
      return sub === 'list' || sub === 'info';
    case 'latency':
      return (sub === 'graph' && words.length === 3) || (sub === 'doctor' && words.length === 2);
    default:
      return false;
  }
}
