// Patterns of KEYS, SCAN, CONFIG GET and PSUBSCRIBE (redis:src/util.c `stringmatchlen`).

/**
 * Whether `text` matches `pattern`: `*`, `?`, `[abc]`, `[^a-z]` and `\x`. Takes time in proportion
 * to the product of both lengths at worst: each `*` is tried once, never nested. As in Redis, an
 * empty text matches the empty pattern alone: commands that take `*` for all look at it themselves.
 */
export function matchesGlob(pattern: string, text: string, ignoreCase = false): boolean {
  if (text === '') return pattern === '';
  if (ignoreCase) return matchesGlob(pattern.toLowerCase(), text.toLowerCase());
  let at = 0;
  let from = 0;
  let starAt = -1; // the last `*`, and what it has taken so far
  let starFrom = 0;
  while (from < text.length) {
    if (pattern[at] === '*') {
      starAt = at++;
      starFrom = from;
      continue;
    }
    const next = at < pattern.length ? matchOne(pattern, at, text.charAt(from)) : -1;
    if (next !== -1) {
      at = next;
      from++;
    } else if (starAt !== -1) {
      at = starAt + 1;
      from = ++starFrom;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at >= pattern.length;
}

/** @returns Where the pattern goes on after matching `character`, or -1. */
function matchOne(pattern: string, at: number, character: string): number {
  switch (pattern[at]) {
    case '?':
      return at + 1;
    case '[':
      return matchClass(pattern, at + 1, character);
    case '\\':
      if (at + 1 < pattern.length) at++;
      return pattern[at] === character ? at + 1 : -1;
    default:
      return pattern[at] === character ? at + 1 : -1;
  }
}

function matchClass(pattern: string, at: number, character: string): number {
  const isNegated = pattern[at] === '^';
  if (isNegated) at++;
  let isMember = false;
  while (at < pattern.length && pattern[at] !== ']') {
    if (pattern[at] === '\\' && at + 1 < pattern.length) at++;
    let low = pattern.charAt(at);
    if (pattern[at + 1] === '-' && at + 2 < pattern.length) {
      let high = pattern.charAt(at + 2);
      if (low > high) [low, high] = [high, low];
      if (character >= low && character <= high) isMember = true;
      at += 3;
    } else {
      if (low === character) isMember = true;
      at++;
    }
  }
  return isMember !== isNegated ? Math.min(at + 1, pattern.length) : -1;
}
