// AI.MODELSTORE and AI.SCRIPTSTORE inside MULTI: compiled before the locks are taken, stored under them.

import t from 'tap';
import { runtimeFolder } from '../../lib/runtimes/locate.ts';
import { versionedModel } from '../helpers/onnx.ts';
import { type Connection, type StartedServer, startServer } from '../helpers/server.ts';

const missing = runtimeFolder('onnx') === undefined && 'the ONNX runtime is not installed';
const model = versionedModel(1);

function store(client: Connection, key: string, blob: Buffer): Promise<unknown> {
  return client.request('AI.MODELSTORE', key, 'ONNX', 'CPU', 'BLOB', blob);
}

/** Sends MULTI, these commands and EXEC. @returns The reply of EXEC, error texts for its errors. */
async function transact(
  client: Connection,
  ...commands: readonly (readonly (string | Buffer)[])[]
): Promise<unknown> {
  await client.request('MULTI');
  for (const words of commands) await client.request(...words);
  const replies = await client.request('EXEC');
  if (!Array.isArray(replies)) return replies;
  return replies.map((reply) => (reply instanceof Error ? reply.message : reply));
}

t.test('models in a transaction', { skip: missing }, async (t) => {
  let server: StartedServer;
  let client: Connection;
  t.before(async () => {
    server = await startServer(['--io-threads', '2']);
    client = await server.raw();
  });
  t.teardown(async () => {
    client.close();
    await server.stop();
  });
  const storeWords = (key: string, blob = model) =>
    ['AI.MODELSTORE', key, 'ONNX', 'CPU', 'TAG', 'in', 'BLOB', blob] as const;

  await t.test('are stored with what is before and after them', async (t) => {
    const replies = await transact(
      client,
      ['SET', 'a', '1'],
      storeWords('m'),
      ['AI.MODELGET', 'm', 'META'],
      ['SELECT', '1'],
      storeWords('m'),
      ['SELECT', '0'],
      ['EXISTS', 'm', 'a'],
    );
    t.match(replies, ['OK', 'OK', Array, 'OK', 'OK', 'OK', 2]);
    t.match(await client.request('AI._MODELSCAN'), [['m', 'in']]);
    await client.request('SELECT', '1');
    t.match(await client.request('AI._MODELSCAN'), [['m', 'in']]);
    await client.request('SELECT', '0');
    await client.request('AI.TENSORSET', 'x', 'FLOAT', '1', 'VALUES', '1');
    await client.request('AI.MODELEXECUTE', 'm', 'INPUTS', '1', 'x', 'OUTPUTS', '2', 'y', 'z');
    t.equal(String(await client.request('AI.TENSORGET', 'y', 'VALUES')), '2');
  });

  await t.test('answer their error in its place', async (t) => {
    await client.request('SET', 'text', 'x');
    const replies = await transact(
      client,
      ['SET', 'b', '1'],
      storeWords('bad', Buffer.from('no model')),
      ['AI.MODELSTORE', 'bad', 'NONE', 'CPU', 'BLOB', 'x'],
      storeWords('text'),
      ['GET', 'b'],
    );
    t.match(replies, [
      'OK',
      /^(?!OK)/,
      'ERR unsupported backend',
      'WRONGTYPE Operation against a key holding the wrong kind of value',
      '1',
    ]);
    t.equal(await client.request('EXISTS', 'bad'), 0);
    t.equal(await client.request('GET', 'text'), 'x');
  });

  await t.test('are not stored if a watched key has changed', async (t) => {
    const other = await server.raw();
    t.teardown(() => other.close());
    await client.request('WATCH', 'watched');
    await other.request('SET', 'watched', '1');
    t.equal(await transact(client, storeWords('unseen')), null);
    t.equal(await client.request('EXISTS', 'unseen'), 0);
  });

  await t.test('are not stored if a watched key changes while they are compiled', async (t) => {
    // Large enough for the other client to come in between; should it come too late, all is stored.
    const large = versionedModel(3, 8_000_000);
    const other = await server.raw();
    t.teardown(() => other.close());
    let refusedCount = 0;
    for (let round = 0; round < 20; round++) {
      await client.request('DEL', 'large');
      await client.request('WATCH', 'watched');
      await client.request('MULTI');
      await client.request(...storeWords('large', large));
      client.send('EXEC');
      await other.request('SET', 'watched', String(round));
      const replies = await client.reply();
      if (replies === null) refusedCount++;
      t.equal(await client.request('EXISTS', 'large'), replies === null ? 0 : 1);
    }
    t.ok(refusedCount > 0, `${refusedCount} of 20 were refused`);
  });

  await t.test('of a client that is gone are freed', async (t) => {
    await client.request('DEL', 'large');
    const large = versionedModel(4, 8_000_000);
    for (let round = 0; round < 5; round++) {
      const gone = await server.raw();
      await gone.request('MULTI');
      await gone.request(...storeWords('gone', large));
      gone.send('EXEC');
      gone.close();
    }
    const clientCount = async () =>
      String(await client.request('CLIENT', 'LIST'))
        .trim()
        .split('\n').length;
    const deadlineMs = Date.now() + 10_000;
    while ((await clientCount()) > 1 && Date.now() < deadlineMs) await client.request('PING');
    await store(client, 'last', model); // after all that they have left in the queue
    const usedBytes = async () => {
      await client.request('DEL', 'gone');
      const info = String(await client.request('INFO', 'memory'));
      return Number(/used_memory_models:(\d+)/.exec(info)?.[1]);
    };
    while ((await usedBytes()) > 4_000_000 && Date.now() < deadlineMs) await client.request('PING');
    t.ok((await usedBytes()) < 4_000_000, `${await usedBytes()} bytes of models are left`);
  });
});
