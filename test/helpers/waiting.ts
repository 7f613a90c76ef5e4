// Waits for what a server does in its own time, and looks at what it tells of itself.

import type { Value } from './server.ts';

/** @returns A wait until something holds, looked at every 25 ms, that fails after so many seconds. */
export function untilWithin(
  seconds: number,
): (what: string, holds: () => Promise<boolean>) => Promise<void> {
  return async (what, holds) => {
    for (let tries = 0; tries < seconds * 40; tries++) {
      if (await holds()) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`${what} did not come about within ${seconds} s`);
  };
}

/** A number of INFO; NaN if there is no such field. */
export async function infoNumber(
  server: { request(...words: string[]): Promise<Value> },
  field: string,
): Promise<number> {
  const text = String(await server.request('INFO', 'everything'));
  return Number(new RegExp(`^${field}:(.*)\r$`, 'm').exec(text)?.[1]);
}
