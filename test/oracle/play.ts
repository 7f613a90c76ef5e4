import { RawClient } from '../helpers/raw-client.ts';
import type { Scenario } from './notation.ts';
import { request } from './replies.ts';

/** Sends a scenario on a connection of its own to an emptied server. @returns The replies, masked. */
export async function play(port: number, scenario: Scenario, resp: 2 | 3): Promise<string[]> {
  const cleaner = await RawClient.connect(port);
  await cleaner.call('FLUSHALL');
  cleaner.close();
  const client = await RawClient.connect(port);
  const hello = resp === 3 ? [request('HELLO', 3)] : [];
  const quit = scenario.endsByQuit ? [request('QUIT')] : [];
  client.send(Buffer.concat([...hello, scenario.bytes, ...quit]));
  const replies = (await client.repliesUntilClose()).slice(hello.length);
  return scenario.mask ? replies.map(scenario.mask) : replies;
}
