// The letters of notify-keyspace-events.

/** Bits of `EventClass` and where to tell of them, as native/keyspace/events.h has them. */
const letterBits: Readonly<Record<string, number>> = {
  g: 1 << 0,
  $: 1 << 1,
  l: 1 << 2,
  s: 1 << 3,
  h: 1 << 4,
  z: 1 << 5,
  x: 1 << 6,
  e: 1 << 7,
  t: 1 << 8,
  d: 1 << 9,
  n: 1 << 10,
  m: 1 << 11,
  K: 1 << 12,
  E: 1 << 13,
};
/** What `A` stands for: all classes but new keys and misses. */
const ALL_CLASSES = 'g$lshzxetd';

/** The same flags in the order that CONFIG GET has them. Undefined: a letter that is none. */
export function canonicalEvents(text: string): string | undefined {
  if (/[^AKEgxe$lshztdmn]/.test(text)) return undefined;
  const has = (letter: string) =>
    text.includes(letter) || (text.includes('A') && ALL_CLASSES.includes(letter));
  const isAll = [...ALL_CLASSES].every(has);
  const classes = isAll ? 'A' : [...ALL_CLASSES].filter(has).join('');
  return classes + [...'nKEm'].filter(has).join('');
}

/** For the native core: 0 unless both a channel and a class are asked for, as Redis tells of nothing then. */
export function eventBits(text: string): number {
  let bits = 0;
  for (const letter of text.replace('A', ALL_CLASSES)) bits |= letterBits[letter] ?? 0;
  const channels = letterBits.K! | letterBits.E!;
  return (bits & channels) === 0 || (bits & ~channels) === 0 ? 0 : bits;
}
