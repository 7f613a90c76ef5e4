import type { Connection, StartedServer } from './server.ts';

/** How long others were kept from being served while something went on. */
export interface Pings {
  readonly count: number;
  readonly longestMs: number;
  /** What went on took so long. */
  readonly totalMs: number;
}

const PAUSE_MS = 1;

/** Sends PING after PING on a connection of its own until `work` is done. */
export async function pingDuring(
  server: StartedServer,
  work: () => Promise<unknown>,
): Promise<Pings> {
  const connection: Connection = await server.raw();
  await connection.request('PING');
  let isDone = false;
  const begin = performance.now();
  const working = work().finally(() => {
    isDone = true;
  });
  let count = 0;
  let longestMs = 0;
  // One is sent in any case, so that the longest is of at least one.
  do {
    const sentMs = performance.now();
    await connection.request('PING');
    longestMs = Math.max(longestMs, performance.now() - sentMs);
    count++;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  } while (!isDone);
  await working;
  connection.close();
  return { count, longestMs, totalMs: performance.now() - begin };
}
