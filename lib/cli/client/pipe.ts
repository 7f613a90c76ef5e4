// --pipe: the bytes of standard input go to the server as they are, and replies are counted.

import { randomBytes } from 'node:crypto';
import type { WireReply } from '../../resp/reply-reader.ts';
import { ConnectionLost, frame, type ServerConnection } from './connection.ts';
import { warn } from './session.ts';

/** Behind all requests goes an ECHO of so many random bytes: its reply is the last. */
const MARK_BYTES = 20;

/** @returns The status to exit with: 1 if there were errors. */
export async function runPipe(connection: ServerConnection, timeoutMs: number): Promise<number> {
  const mark = randomBytes(MARK_BYTES);
  const counts = { errors: 0, replies: 0 };
  const counting = countReplies(connection, mark, counts);
  // A connection that is lost meanwhile is told below.
  counting.catch(() => {});
  for await (const chunk of process.stdin) await connection.write(chunk);
  // Requests that end in the middle of a line must not swallow the mark.
  await connection.write(Buffer.concat([Buffer.from('\r\n'), frame(['ECHO', mark])]));
  process.stdout.write('All data transferred. Waiting for the last reply...\n');
  const end = await endOf(counting, counts, timeoutMs);
  if (end === 'complete') process.stdout.write('Last reply received from server.\n');
  else {
    counts.errors++;
    if (end === 'late') warn(`No replies for ${timeoutMs / 1000} seconds: exiting.`);
    else warn(`Error: ${end.message}`);
  }
  process.stdout.write(`errors: ${counts.errors}, replies: ${counts.replies}\n`);
  return counts.errors > 0 ? 1 : 0;
}

async function countReplies(
  connection: ServerConnection,
  mark: Buffer,
  counts: { errors: number; replies: number },
): Promise<void> {
  for (;;) {
    const reply = await connection.next();
    if (isMark(reply, mark)) return;
    counts.replies++;
    if (reply.type !== 'error') continue;
    counts.errors++;
    warn(reply.text.toString('latin1'));
  }
}

function isMark({ type, text }: WireReply, mark: Buffer): boolean {
  return type === 'string' && text.equals(mark);
}

/** Waits as long as replies come. */
async function endOf(
  counting: Promise<void>,
  counts: { readonly replies: number },
  timeoutMs: number,
): Promise<'complete' | 'late' | ConnectionLost> {
  for (;;) {
    const before = counts.replies;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      if (timeoutMs > 0) timer = setTimeout(() => resolve('late'), timeoutMs);
    });
    try {
      const end = await Promise.race([counting.then(() => 'complete' as const), late]);
      if (end === 'complete' || counts.replies === before) return end;
    } catch (error) {
      if (error instanceof ConnectionLost) return error;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
