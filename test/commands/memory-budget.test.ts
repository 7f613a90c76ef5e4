// One memory budget: what models and runs take counts against `maxmemory`, and BACKEND_MEMORY_LIMIT.

import t from 'tap';
import { runtimeFolder } from '../../lib/runtimes/locate.ts';
import { onnxModel, versionedModel } from '../helpers/onnx.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { missingRealModels, realModels } from '../helpers/real-models.ts';
import { storeModel } from '../helpers/run-model.ts';
import { type Connection, type StartedServer, startServer } from '../helpers/server.ts';

const missing = (name: string) =>
  runtimeFolder(name) === undefined && `the runtime ${name} is not installed`;
const MB = 1_000_000;
const OOM = "OOM command not allowed when used memory > 'maxmemory'.";

/** FLOAT [N] to FLOAT [N, 100000] of zeros; its scratch is as large as its output. */
const widener = onnxModel({
  nodes: [
    { op: 'Sub', inputs: ['x', 'x'], outputs: ['zeros'] },
    { op: 'Unsqueeze', inputs: ['zeros', 'axis'], outputs: ['column'] },
    { op: 'Add', inputs: ['column', 'row'], outputs: ['wide'] },
    { op: 'Neg', inputs: ['wide'], outputs: ['y'] },
  ],
  weights: [
    { name: 'axis', dtype: 'INT64', dims: [1], data: Buffer.from(new BigInt64Array([1n]).buffer) },
    { name: 'row', dtype: 'FLOAT', dims: [100_000], data: Buffer.alloc(400_000) },
  ],
  inputs: [{ name: 'x', dtype: 'FLOAT', dims: ['N'] }],
  outputs: [{ name: 'y', dtype: 'FLOAT', dims: ['N', 100_000] }],
});

async function memory(client: Connection): Promise<Record<string, number>> {
  const info = String(await client.request('INFO', 'everything'));
  const fields = info.matchAll(/^(\w+):(\d+)\r$/gm);
  return Object.fromEntries([...fields].map(([, name, value]) => [name, Number(value)]));
}

/** Waits until the freeing thread has done its work. */
async function untilBelow(client: Connection, field: string, bytes: number): Promise<number> {
  const deadlineMs = Date.now() + 10_000;
  for (;;) {
    const value = (await memory(client))[field] ?? 0;
    if (value < bytes || Date.now() > deadlineMs) return value;
  }
}

const store = (client: Connection, key: string, blob: Buffer) =>
  client.refusal('AI.MODELSTORE', key, 'ONNX', 'CPU', 'BLOB', blob);

t.test('memory of models and runs', { skip: missing('onnx') }, async (t) => {
  let server: StartedServer;
  let client: Connection;
  t.before(async () => {
    server = await startServer();
    client = await server.raw();
    await store(client, 'first', versionedModel(1));
  });
  t.teardown(async () => {
    client.close();
    await server.stop();
  });
  const setRows = (count: number) =>
    client.request('AI.TENSORSET', 'x', 'FLOAT', count, 'BLOB', Buffer.alloc(4 * count));
  const run = () =>
    client.refusal('AI.MODELEXECUTE', 'wide', 'INPUTS', '1', 'x', 'OUTPUTS', '1', 'y');

  await t.test('counts a model by its bytes and its compiled form', async (t) => {
    const before = (await memory(client)).used_memory_models ?? 0;
    await store(client, 'm', versionedModel(1, 8 * MB));
    const grown = (await memory(client)).used_memory_models! - before;
    t.ok(grown > 16 * MB && grown < 22 * MB, `an 8 MB model counts ${grown} bytes`);
    await client.request('DEL', 'm');
    const left = (await untilBelow(client, 'used_memory_models', before + 1000)) - before;
    t.ok(left < 1000, `${left} bytes are left of it`);
  });

  await t.test('counts an output once, and nothing for a run that is over', async (t) => {
    await store(client, 'wide', widener);
    await setRows(25);
    const before = await memory(client);
    t.equal(await run(), 'no error: OK');
    const after = await memory(client);
    const grown = after.used_memory_tensors! - before.used_memory_tensors!;
    t.ok(grown >= 10 * MB && grown < 11 * MB, `10 MB of output count ${grown} bytes`);
    t.ok(after.used_memory_runtimes! < 100_000, `${after.used_memory_runtimes} bytes of runs`);
    t.ok(after.ai_onnxruntime_memory! > 400_000);
    t.ok(after.ai_onnxruntime_memory_access_num! > before.ai_onnxruntime_memory_access_num!);
    await client.request('DEL', 'y');
  });

  await t.test('refuses a run that would pass maxmemory', async (t) => {
    await setRows(50);
    // What was deleted before is freed by a thread of its own.
    await untilBelow(client, 'used_memory_tensors', MB);
    const { used_memory: used } = await memory(client);
    // By the shapes that the model tells: it has not run at this batch size.
    await client.request('CONFIG', 'SET', 'maxmemory', used! + 15 * MB);
    t.equal(await run(), `${OOM}`);
    t.equal(await client.request('EXISTS', 'y'), 0);
    await client.request('CONFIG', 'SET', 'maxmemory', used! + 60 * MB);
    t.equal(await run(), 'no error: OK');
    await client.request('DEL', 'y');
    // By what the last run has taken, which is more than its outputs.
    await client.request('CONFIG', 'SET', 'maxmemory', used! + 30 * MB);
    t.equal(await run(), `${OOM}`);
    t.equal(await client.request('EXISTS', 'y'), 0);
    await setRows(10);
    t.equal(await run(), 'no error: OK', 'a smaller batch has room');
    await client.request('CONFIG', 'SET', 'maxmemory', '0');
    await setRows(50);
    t.equal(await run(), 'no error: OK');
  });

  await t.test('refuses a model that would pass maxmemory, and keeps the old one', async (t) => {
    await store(client, 'kept', versionedModel(1));
    const { used_memory: used } = await memory(client);
    await client.request('CONFIG', 'SET', 'maxmemory', used! + 12 * MB);
    t.equal(await store(client, 'kept', versionedModel(2, 8 * MB)), OOM);
    await client.request('CONFIG', 'SET', 'maxmemory', '0');
    await setRows(1);
    await client.request('AI.MODELEXECUTE', 'kept', 'INPUTS', '1', 'x', 'OUTPUTS', '2', 'y', 'z');
    t.equal(String(await client.request('AI.TENSORGET', 'y', 'VALUES')), '1');
  });
});

t.test('BACKEND_MEMORY_LIMIT', { skip: missing('onnx') }, async (t) => {
  const server = await startServer(['--loadmodule', 'redisai.so', 'BACKEND_MEMORY_LIMIT', '6']);
  t.teardown(() => server.stop());
  const client = await server.raw();
  const limit = /Onnxruntime memory limit exceeded, memory allocation failed\./;
  t.match(await store(client, 'large', versionedModel(1, 8 * MB)), limit);
  t.equal(await store(client, 'wide', widener), 'no error: OK');
  const run = async (rows: number) => {
    await client.request('AI.TENSORSET', 'x', 'FLOAT', rows, 'BLOB', Buffer.alloc(4 * rows));
    return client.refusal('AI.MODELEXECUTE', 'wide', 'INPUTS', '1', 'x', 'OUTPUTS', '1', 'y');
  };
  t.match(await run(20), limit);
  t.equal(await run(2), 'no error: OK', 'what has been refused keeps no memory');
  for (let i = 0; i < 20; i++) t.equal(await run(2), 'no error: OK');
  const { ai_onnxruntime_memory: used } = await memory(client);
  t.ok(used! > 400_000 && used! < 2 * MB, `${used} bytes`);
  client.close();
});

/** Of models whose one output is a copy of their one input, FLOAT `[N, 3]`. */
t.test('runtimes that count nothing', { skip: missingRealModels() }, async (t) => {
  const server = await startServer(['--loadmodule', 'redisai.so', 'BACKEND_MEMORY_LIMIT', '1']);
  t.teardown(() => server.stop());
  const client = await RawClient.connect(server.port);
  t.teardown(() => client.close());
  const connection = await server.raw();
  t.teardown(() => connection.close());
  const rowCount = 1_000_000;
  await client.call('AI.TENSORSET', 'x', 'FLOAT', rowCount, 3);
  for (const model of await realModels()) {
    if (model.name !== 'identity' || model.backend === 'ONNX') continue;
    await t.test(`${model.backend} runs within its known shapes`, async (t) => {
      t.equal(await storeModel(client, 'm', model), '+OK\r\n');
      const run = () => client.call('AI.MODELEXECUTE', 'm', 'INPUTS', 1, 'x', 'OUTPUTS', 1, 'y');
      const { used_memory: used = 0 } = await memory(connection);
      const limit = (bytes: number) => client.call('CONFIG', 'SET', 'maxmemory', used + bytes);
      // 12 MB by the shape that the model tells: it has not run at this batch size.
      await limit(8 * MB);
      t.equal(await run(), `-${OOM}\r\n`, 'a run that would pass maxmemory does not begin');
      t.equal(await client.call('EXISTS', 'y'), ':0\r\n');
      t.match(await client.call('AI.INFO', 'm'), /calls\r\n:1\r\n\$6\r\nerrors\r\n:1\r\n/);
      await limit(16 * MB);
      t.equal(await run(), '+OK\r\n', 'BACKEND_MEMORY_LIMIT is not for it');
      t.equal(await client.call('DEL', 'y'), ':1\r\n');
      await untilBelow(connection, 'used_memory', used + MB);
      // By its outputs at the last run: a runtime that counts nothing tells no more.
      await limit(8 * MB);
      t.equal(await run(), `-${OOM}\r\n`, 'nor does it after a run');
      t.equal(await client.call('EXISTS', 'y'), ':0\r\n');
      await client.call('CONFIG', 'SET', 'maxmemory', 0);
      await client.call('DEL', 'm');
      await untilBelow(connection, 'used_memory', used + MB);
    });
  }
});

t.test('lines of the engine', { skip: missing('torch'), timeout: 120_000 }, async (t) => {
  const server = await startServer([
    '--loadmodule',
    'redisai.so',
    'MODEL_EXECUTION_TIMEOUT',
    '1000',
  ]);
  t.teardown(() => server.stop());
  const client = await server.raw();
  const source = `
def slow(x):
    y = x
    for i in range(100000000):
        y = y + 1
        if y.sum().item() > 400000:
            break
    return y
`;
  await client.request('AI.SCRIPTSET', 's', 'CPU', 'SOURCE', source);
  await client.request('AI.TENSORSET', 'x', 'DOUBLE', '1', 'VALUES', '0');
  for (let i = 0; i < 2; i++) {
    await client.request('AI.SCRIPTRUN', 's', 'slow', 'INPUTS', 'x', 'OUTPUTS', 'y');
  }
  const lines = server.log().match(/^\d+:M .* # A run of TORCH took \d+ ms: .*$/gm);
  t.equal(lines?.length, 1, 'the log tells once of runs that nobody can end');
  client.close();
});
