// Commands as lines and what they answer, against one connection.

import type { Test } from 'tap';
import { splitWords } from '../../lib/config/words.ts';
import type { Connection, Value } from '../helpers/server.ts';

/** A line of words, and its reply: an error is a text that begins with `-`. */
export type Row = readonly [line: string, reply: Value | RegExp];

export async function expectReplies(
  t: Test,
  connection: Connection,
  rows: readonly Row[],
): Promise<void> {
  for (const [line, wanted] of rows) {
    const words = splitWords(line);
    if (words === undefined) throw new Error(`cannot be split: ${line}`);
    connection.send(...words);
    const reply = await connection.reply();
    const found = reply instanceof Error ? `-${reply.message}` : reply;
    if (wanted instanceof RegExp) t.match(String(found), wanted, line);
    else t.strictSame(found, wanted, line);
  }
}
