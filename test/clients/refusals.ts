// Commands that a server must refuse, one after the other, and go on.

import type { Test } from 'tap';
import type { RawClient } from '../helpers/raw-client.ts';
import { encodeLine } from '../oracle/notation.ts';
import type { Row } from './ai-error-rows.ts';

/** Sends every row, and after each a PING that must be answered, and looks that nothing was written. */
export async function refuses(
  t: Test,
  client: RawClient,
  rows: readonly Row[],
  blobs: ReadonlyMap<string, Buffer> = new Map(),
) {
  for (const [command, wanted] of rows) {
    client.send(encode(command, blobs));
    const reply = await client.reply();
    const title = command.length > 100 ? `${command.slice(0, 97)}...` : command;
    if (typeof wanted === 'string') t.equal(reply, `-${wanted}\r\n`, title);
    else
      t.ok(reply.startsWith('-') && wanted.test(reply.slice(1, -2)), `${title}: ${wanted}`, {
        reply,
      });
    t.equal(await client.call('PING'), '+PONG\r\n', `${title}: and the connection goes on`);
    t.equal(
      await client.call('EXISTS', 'k', 'o', 'p'),
      ':0\r\n',
      `${title}: and nothing was written`,
    );
  }
  t.strictSame(
    [
      await client.call('GET', 'string'),
      await client.call('LLEN', 'list'),
      await client.call('AI.TENSORGET', 't', 'VALUES'),
    ],
    ['$1\r\nx\r\n', ':1\r\n', '*2\r\n$1\r\n1\r\n$1\r\n2\r\n'],
    'what was there is as it was',
  );
}

/** As `encodeLine`, with the bytes of a blob where `<its name>` stands. */
export function encode(command: string, blobs: ReadonlyMap<string, Buffer>): Buffer {
  const placed = command.replace(/<([^>]+)>/g, (_, name: string) => {
    const blob = blobs.get(name);
    if (!blob) throw new Error(`no blob '${name}'`);
    return `"${blob.toString('latin1').replace(/[^a-z0-9]/gi, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`;
  });
  return encodeLine(placed);
}

export async function prepare(
  client: RawClient,
  commands: readonly string[],
  blobs: ReadonlyMap<string, Buffer> = new Map(),
) {
  for (const command of commands) {
    client.send(encode(command, blobs));
    const reply = await client.reply();
    if (reply.startsWith('-')) throw new Error(`${command.slice(0, 100)}: ${reply}`);
  }
}
