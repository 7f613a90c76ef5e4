// Amounts of memory, as Redis writes and reads them.

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

const unitBytes: Record<string, bigint> = {
  '': 1n,
  b: 1n,
  k: 1000n,
  kb: 1024n,
  m: 1000_000n,
  mb: 1024n ** 2n,
  g: 1000_000_000n,
  gb: 1024n ** 3n,
};

const UINT64_MAX = 2n ** 64n - 1n;

/**
 * Reads `64mb`, `3gb`, `100`: whole numbers without sign, none is 0, and what does not fit into 64 bits is
 * the most that does (redis:src/util.c `memtoull`). Undefined for anything else.
 */
export function parseMemory(text: string): bigint | undefined {
  const match = /^(\d*)([a-zA-Z]*)$/.exec(text);
  const unit = match && unitBytes[match[2]?.toLowerCase() ?? ''];
  if (unit === undefined || unit === null) return undefined;
  const bytes = BigInt(match?.[1] ?? '') * unit;
  return bytes > UINT64_MAX ? UINT64_MAX : bytes;
}

/** `1.75M`, as INFO shows amounts to people. */
export function humanBytes(bytes: number): string {
  if (bytes < KiB) return `${bytes}B`;
  let amount = bytes / KiB;
  for (const letter of 'KMGTP') {
    if (amount < 1024) return `${amount.toFixed(2)}${letter}`;
    amount /= 1024;
  }
  return `${bytes}B`;
}
