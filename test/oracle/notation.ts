// How the tables of scenarios are written: every line is one, on a fresh connection to an empty server:
// commands in redis-cli's notation, parted by ` ; `.

import { request } from './replies.ts';

export interface Scenario {
  /** What is sent, as it is written in the table. */
  readonly title: string;
  readonly bytes: Buffer;
  /** Whether a QUIT is to be appended: false where the bytes themselves make the server hang up. */
  readonly endsByQuit: boolean;
  /** Takes out of a reply what two servers cannot agree on: ids, times, versions, memory. */
  readonly mask?: (reply: string) => string;
}

export const table = (lines: string, mask?: (reply: string) => string): Scenario[] =>
  lines
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('// '))
    .map((line) => ({
      title: line,
      bytes: encodeLine(line),
      endsByQuit: true,
      ...(mask && { mask }),
    }));

/** Encodes a line: commands parted by ` ; `, words by blanks; "quoted words" know \r \n \\ \" and \xHH. */
export function encodeLine(line: string): Buffer {
  return Buffer.concat(line.split(' ; ').map((command) => request(...splitWords(command))));
}

export function splitWords(command: string): Buffer[] {
  return [...command.matchAll(/"((?:\\.|[^"\\])*)"|\S+/g)].map(([word, quoted]) =>
    Buffer.from(quoted === undefined ? word : unescapeWord(quoted), 'latin1'),
  );
}

function unescapeWord(quoted: string): string {
  return quoted.replace(
    /\\(?:x([0-9a-f]{2})|(.))/gi,
    (_, hex: string | undefined, letter: string) =>
      hex
        ? String.fromCharCode(Number.parseInt(hex, 16))
        : ({ r: '\r', n: '\n' }[letter] ?? letter),
  );
}
