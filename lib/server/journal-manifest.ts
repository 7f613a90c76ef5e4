// The manifest of the append-only files (redis:src/aof.c of version 7): a line a file, which says what
// they are and in which order they are read.

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { quoteWord, splitWords } from '../config/words.ts';

/** A line is no longer in Redis. */
const LINE_BYTES_MAX = 1024;

const types = { base: 'b', increment: 'i', history: 'h' } as const;

export interface JournalFile {
  readonly name: string;
  readonly sequence: number;
}

/** What is wrong with a manifest. */
export class ManifestError extends Error {}

export class Manifest {
  base: JournalFile | undefined;
  /** Ascending. */
  increments: readonly JournalFile[] = [];
  /** Replaced by others, and to be deleted. */
  history: readonly JournalFile[] = [];

  /** @throws {ManifestError} */
  static parse(text: string): Manifest {
    if (text === '') throw new ManifestError('the manifest is empty');
    const manifest = new Manifest();
    const lines = text.split('\n');
    const isWhole = lines.at(-1) === '';
    if (isWhole) lines.pop();
    for (const [index, line] of lines.entries()) {
      const complain = (what: string) =>
        new ManifestError(`line ${index + 1} of the manifest: ${what}: '${line.slice(0, 80)}'`);
      if (!isWhole && index === lines.length - 1) throw complain('it has no end');
      if (Buffer.byteLength(line) >= LINE_BYTES_MAX) throw complain('too long');
      if (line.startsWith('#')) continue;
      const words = splitWords(line.trim());
      if (words === undefined || words.length < 6 || words.length % 2 !== 0)
        throw complain('no row of names and values');
      manifest.#add(words, complain);
    }
    return manifest;
  }

  #add(words: readonly string[], complain: (what: string) => ManifestError): void {
    let name = '';
    let sequence = 0;
    let type = '';
    for (let i = 0; i < words.length; i += 2) {
      const value = words[i + 1] ?? '';
      if (words[i] === 'file') name = value;
      else if (words[i] === 'seq') sequence = Number(value);
      else if (words[i] === 'type') type = value;
      // Others are of versions to come.
    }
    if (name === '' || name.includes('/')) throw complain("'file' is no name of a file");
    if (!Number.isSafeInteger(sequence) || sequence <= 0)
      throw complain("'seq' is no number above 0");
    const file = { name, sequence };
    if (type === types.base) {
      if (this.base) throw complain('a second base');
      this.base = file;
    } else if (type === types.history) {
      this.history = [...this.history, file];
    } else if (type === types.increment) {
      const last = this.increments.at(-1);
      if (last && last.sequence >= sequence) throw complain('out of order');
      this.increments = [...this.increments, file];
    } else {
      throw complain("'type' is none of b, i and h");
    }
  }

  get text(): string {
    const line = (type: string, { name, sequence }: JournalFile) => {
      const shown = /[^\x21-\x7e]|["'\\]/.test(name) ? quoteWord(name) : name;
      return `file ${shown} seq ${sequence} type ${type}\n`;
    };
    return [
      ...(this.base ? [line(types.base, this.base)] : []),
      ...this.history.map((file) => line(types.history, file)),
      ...this.increments.map((file) => line(types.increment, file)),
    ].join('');
  }

  /** Base and increments, as they are read. */
  get files(): readonly JournalFile[] {
    return [...(this.base ? [this.base] : []), ...this.increments];
  }

  copy(): Manifest {
    const copy = new Manifest();
    copy.base = this.base;
    copy.increments = this.increments;
    copy.history = this.history;
    return copy;
  }

  /** Undefined: there is none. @throws {ManifestError} */
  static read(path: string): Manifest | undefined {
    return existsSync(path) ? Manifest.parse(readFileSync(path, 'utf8')) : undefined;
  }

  /** Replaces the file at once, on the disk. */
  write(path: string, temporaryPath: string): void {
    const fd = openSync(temporaryPath, 'w', 0o644);
    try {
      writeSync(fd, this.text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporaryPath, path);
    syncFolder(dirname(path));
  }
}

/** Names that were made, changed or deleted in it are on the disk. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
