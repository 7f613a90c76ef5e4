// How many clients fit into the files that this process may have open.

import { readFileSync } from 'node:fs';

/** Descriptors that are no clients: of listeners, threads, libraries and files. */
export const OTHER_FILES_MAX = 128;

/** How many descriptors this process may have; without /proc nobody knows. */
export function openFilesMax(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    const [, files] = /^Max open files +(\d+)/m.exec(limits) ?? [];
    return files === undefined ? Number.POSITIVE_INFINITY : Number(files);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

export function possibleClientsMax(): number {
  return Math.max(1, openFilesMax() - OTHER_FILES_MAX);
}
