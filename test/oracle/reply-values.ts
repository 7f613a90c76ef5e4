// Replies as values, to be compared where Redis gives their elements no order.

type Reply = { readonly kind: string; readonly text: string; readonly items: readonly Reply[] };

function read(bytes: string, start: number): { reply: Reply; end: number } {
  const lineEnd = bytes.indexOf('\r\n', start);
  const kind = bytes[start] ?? '';
  const text = bytes.slice(start + 1, lineEnd);
  const count = Number(text);
  const end = lineEnd + 2;
  if ((kind === '$' || kind === '=') && count >= 0) {
    const body = bytes.slice(end, end + count);
    return { reply: { kind, text: body, items: [] }, end: end + count + 2 };
  }
  if ('$*'.includes(kind) && count < 0) return { reply: { kind: '_', text: kind, items: [] }, end };
  const itemCount = kind === '%' ? 2 * count : '*~>'.includes(kind) ? count : 0;
  const items: Reply[] = [];
  let at = end;
  for (let i = 0; i < itemCount; i++) {
    const item = read(bytes, at);
    items.push(item.reply);
    at = item.end;
  }
  return { reply: { kind, text, items }, end: at };
}

/** One reply, with its elements, or pairs of a map, in an order of their own. */
export function sorted(bytes: string): string {
  const { reply } = read(bytes, 0);
  if (reply.items.length === 0) return bytes;
  const step = reply.kind === '%' ? 2 : 1;
  const elements: string[] = [];
  for (let i = 0; i < reply.items.length; i += step) {
    elements.push(JSON.stringify(reply.items.slice(i, i + step)));
  }
  return `${reply.kind}${reply.text} ${elements.sort().join(' ')}`;
}

/** As `sorted`, for pairs in one row (HGETALL of RESP2). */
export function sortedPairs(bytes: string): string {
  const { reply } = read(bytes, 0);
  const elements: string[] = [];
  for (let i = 0; i < reply.items.length; i += 2) {
    elements.push(JSON.stringify(reply.items.slice(i, i + 2)));
  }
  return `${reply.kind}${reply.text} ${elements.sort().join(' ')}`;
}

/** A cursor, and what was found, in an order of its own: elements, or pairs. */
export function sortedScan(bytes: string, isPairs: boolean): string {
  const { reply } = read(bytes, 0);
  const [cursor, found] = reply.items;
  const step = isPairs ? 2 : 1;
  const elements: string[] = [];
  for (let i = 0; i < (found?.items.length ?? 0); i += step) {
    elements.push(JSON.stringify(found?.items.slice(i, i + step)));
  }
  return `${cursor?.text} ${elements.sort().join(' ')}`;
}

/** What can be said of members drawn at random: how many, and of which types. */
export function shape(bytes: string): string {
  const kindsOf = (reply: Reply): string =>
    reply.items.length > 0
      ? `${reply.kind}${reply.items.length}(${reply.items.map(kindsOf).join('')})`
      : reply.kind;
  return bytes.startsWith('-') ? bytes : kindsOf(read(bytes, 0).reply);
}
