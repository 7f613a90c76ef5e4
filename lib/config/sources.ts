// Where configuration comes from: files, standard input, and the folder they are named from.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { matchesGlob } from '../core/glob.ts';

/** What the reader needs of the machine; tests have it in memory. */
export interface ConfigSources {
  /** Reads a whole file; `-` is standard input. @throws {Error} With `code`. */
  readFile(path: string): string;
  /** The files that a pattern with `*`, `?` or `[` stands for, in the order of their names. */
  matchFiles(pattern: string): readonly string[];
  /** Makes a folder the working folder. @throws {Error} With `code`. */
  changeFolder(path: string): void;
}

const STDIN = 0;

export const machineSources: ConfigSources = {
  readFile: (path) => readFileSync(path === '-' ? STDIN : path, 'utf8'),
  matchFiles: (pattern) => matchPaths(pattern).filter((path) => isFile(path)),
  changeFolder: (path) => process.chdir(path),
};

/** As `glob(3)`: a pattern matches within one part of a path, and a leading dot only if it names it. */
function matchPaths(pattern: string): string[] {
  let found = [pattern.startsWith('/') ? '/' : ''];
  for (const part of pattern.split('/').filter((part) => part !== '')) {
    found = found.flatMap((folder) =>
      /[*?[]/.test(part)
        ? namesIn(folder || '.')
            .filter((name) => part.startsWith('.') || !name.startsWith('.'))
            .filter((name) => matchesGlob(part, name))
            .map((name) => join(folder, name))
        : [join(folder, part)],
    );
  }
  return found;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return []; // no folder, or none we may read: nothing of it matches
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
