// Runs so short that the thread that reads the request makes them itself: whoever sends them sees no
// difference but the time.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { makeModels, missingModelMakers } from '../helpers/models.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { runModel, storeModel } from '../helpers/run-model.ts';
import { SLOW_ROWS, SLOW_SCRIPT, statistics } from '../helpers/runs.ts';
import { startServer } from '../helpers/server.ts';

/** After the first one the server finds out how long they take. */
const TEACHING_RUNS = 100;
const name = 'mlp-30-128-128-2';

t.test('with models', { skip: missingModelMakers() }, async (t) => {
  const models = await makeModels();
  t.teardown(() => models.remove());
  const model = models.model('ONNX', name);
  const rowCount = model.inputs[0]?.dims[0] ?? 0;
  const run = ['AI.MODELEXECUTE', 'm', 'INPUTS', 1, 'm-in0', 'OUTPUTS', 1] as const;

  const startTaught = async (...settings: string[]) => {
    const server = await startServer(['--io-threads', '2', ...settings]);
    t.teardown(() => server.stop());
    const client = await RawClient.connect(server.port);
    t.equal(await storeModel(client, 'm', model), '+OK\r\n');
    t.equal(await runModel(client, 'm', model), '');
    for (let i = 1; i < TEACHING_RUNS; i++) await client.call(...run, 'm-out0');
    return { server, client };
  };

  await t.test('they do not wait for a long run', async (t) => {
    const { server, client } = await startTaught();
    await server.request('AI.SCRIPTSET', 's', 'CPU', 'SOURCE', SLOW_SCRIPT);
    const rows = Buffer.alloc(4 * SLOW_ROWS);
    await server.request('AI.TENSORSET', 'rows', 'FLOAT', SLOW_ROWS, 1, 'BLOB', rows);
    const slow = await RawClient.connect(server.port);
    let shortRuns = 0;
    // Again, as on a busy machine the server may just have come to doubt them.
    for (let attempt = 0; attempt < 5 && shortRuns < 20; attempt++) {
      let isOver = false;
      const end = slow
        .call('AI.SCRIPTRUN', 's', 'slow', 'INPUTS', 'rows', 'OUTPUTS', 'slowed')
        .then((reply) => {
          isOver = true;
          return reply;
        });
      for (shortRuns = 0; shortRuns < 20 && !isOver; shortRuns++) {
        t.equal(await runModel(client, 'm', model, `${attempt}-`), '');
      }
      if (isOver) shortRuns = 0;
      t.equal(await end, '+OK\r\n');
    }
    t.equal(shortRuns, 20, 'before the script on the only run thread was done');
  });

  await t.test('they are counted as others', async (t) => {
    const { server, client } = await startTaught();
    await server.request('AI.INFO', 'm', 'RESETSTAT');
    for (let i = 0; i < 100; i++) await client.call(...run, 'out');
    const seen = await statistics(server, 'm');
    t.equal(seen.calls, '100');
    t.equal(seen.samples, String(100 * rowCount));
    t.equal(seen.errors, '0');
    t.match(await server.request('AI.INFO', 'm'), ['key', 'm']);
    t.match(await server.request('INFO', 'commandstats'), /cmdstat_ai.modelexecute:calls=200,/);
  });

  await t.test('they fail as others', async (t) => {
    const { client } = await startTaught();
    await client.call('RPUSH', 'list', 'a');
    const wrong = /^-WRONGTYPE/;
    for (let i = 0; i < 3; i++) t.match(await client.call(...run, 'list'), wrong);
    t.equal(await client.call('LRANGE', 'list', 0, -1), '*1\r\n$1\r\na\r\n');
    await client.call('DEL', 'm-in0');
    t.match(await client.call(...run, 'out'), /^-ERR .*m-in0|^-ERR tensor key is empty/);
    t.equal(await client.call('AI.MODELDEL', 'm'), '+OK\r\n');
    t.match(await client.call(...run, 'out'), /^-ERR model key is empty/);
  });

  await t.test('a model stored anew runs at once', async (t) => {
    const { client } = await startTaught();
    const other = models.model('ONNX', 'conv-28x28-10');
    t.equal(await storeModel(client, 'm', other), '+OK\r\n');
    t.equal(await runModel(client, 'm', other), '');
    t.equal(await storeModel(client, 'm', model), '+OK\r\n');
    t.equal(await runModel(client, 'm', model), '');
  });

  await t.test('a client that wants no replies gets none', async (t) => {
    const { client } = await startTaught();
    client.send(Buffer.from('CLIENT REPLY SKIP\r\n'));
    client.send(Buffer.from(`${[...run, 'skipped'].join(' ')}\r\n`));
    t.equal(await client.call('EXISTS', 'skipped'), ':1\r\n');
  });

  await t.test('the journal has their outputs', async (t) => {
    const { client } = await startTaught(
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
      '--enable-debug-command',
      'yes',
    );
    const blob = readFileSync(model.inputs[0]?.file ?? '');
    for (let i = 0; i < 20; i++) {
      await client.call('AI.TENSORSET', 'm-in0', 'FLOAT', 1, 30, 'BLOB', blob.subarray(0, 120));
      await client.call(...run, `out${i}`);
      blob.writeFloatLE(i, 0);
    }
    const read = async () => {
      const outputs = [];
      for (let i = 0; i < 20; i++)
        outputs.push(await client.call('AI.TENSORGET', `out${i}`, 'META', 'BLOB'));
      return outputs;
    };
    const before = await read();
    t.equal(new Set(before).size, 20, 'all are different');
    t.equal(await client.call('DEBUG', 'LOADAOF'), '+OK\r\n');
    t.strictSame(await read(), before);
  });
});
