// Where the time of runs goes: AI.INFO and INFO ai_models, for each backend, for DAGs, scripts and models that scripts run.

import t, { type Test } from 'tap';
import { makeModels, missingModelMakers } from '../helpers/models.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { missingRealModels, realModels } from '../helpers/real-models.ts';
import { type RunnableModel, runModel, storeModel } from '../helpers/run-model.ts';
import {
  execute,
  runningCount,
  SLOW_ROWS,
  SLOW_SCRIPT,
  statistics,
  store,
  until,
} from '../helpers/runs.ts';
import { type StartedServer, startServer, type Value } from '../helpers/server.ts';

/** What AI.INFO tells of a key, by name. */
async function runInfo(server: StartedServer, key: string): Promise<Record<string, Value>> {
  const fields = (await server.request('AI.INFO', key)) as Value[];
  return Object.fromEntries(
    fields.flatMap((field, i) => (i % 2 === 0 ? [[String(field), fields[i + 1] ?? '']] : [])),
  );
}

/** The microseconds of a key's queue, copies and runs. */
async function times(server: StartedServer, key: string) {
  const { queue_usec, copy_usec, compute_usec } = await statistics(server, key);
  return { queue: Number(queue_usec), copy: Number(copy_usec), compute: Number(compute_usec) };
}

/** Both tell the same of runs that were no batch, and each part is a time that may be. */
async function agrees(t: Test, server: StartedServer, key: string, wanted: Record<string, number>) {
  const info = await runInfo(server, key);
  const line = await statistics(server, key);
  const { calls = 0, samples = 0, errors = 0, executions = calls } = wanted;
  t.match(info, { key, calls, errors }, `${key}: AI.INFO`);
  if (info.type === 'MODEL') t.equal(info.samples, samples, `${key}: samples`);
  const counts = { calls: `${calls}`, errors: `${errors}`, executions: `${executions}` };
  t.match(line, counts, `${key}: INFO ai_models`);
  const { queue, copy, compute } = await times(server, key);
  t.equal(compute, info.duration, `${key}: the time in the backend is AI.INFO's duration`);
  t.ok(compute > 0 && queue >= 0 && copy >= 0, `${key}: ${queue}, ${copy} and ${compute} us`);
}

t.test(
  'statistics of each backend',
  { skip: missingRealModels() || missingModelMakers() },
  async (t) => {
    const torchModels = await makeModels();
    t.teardown(() => torchModels.remove());
    const server = await startServer([]);
    t.teardown(() => server.stop());
    const client = await RawClient.connect(server.port);
    t.teardown(() => client.close());
    const models: readonly (RunnableModel & { name: string })[] = [
      ...(await realModels()).filter(({ name }) => name === 'mlp-30-128-128-2'),
      torchModels.model('TORCH', 'mlp-30-128-128-2'),
      torchModels.model('ONNX', 'mlp-30-128-128-2'),
    ];
    t.strictSame(models.map(({ backend }) => backend).sort(), ['ONNX', 'TF', 'TFLITE', 'TORCH']);
    const runCount = 5;
    for (const model of models) {
      const key = model.backend;
      t.equal(await storeModel(client, key, model), '+OK\r\n');
      t.match(await runInfo(server, key), { backend: key, duration: 0, samples: 0, calls: 0 }, key);
      let before = 0;
      for (let run = 1; run <= runCount; run++) {
        t.equal(await runModel(client, key, model), '', key);
        const { compute } = await times(server, key);
        t.ok(compute > before, `${key}: run ${run} took its time`);
        before = compute;
      }
      const rows = model.inputs[0]?.dims[0] ?? 0;
      await agrees(t, server, key, { calls: runCount, samples: runCount * rows });

      await client.call('AI.TENSORSET', 'odd', 'FLOAT', 3, 3);
      t.match(
        await client.call('AI.MODELEXECUTE', key, 'INPUTS', 1, 'odd', 'OUTPUTS', 1, 'o'),
        /^-/,
      );
      const wanted = { calls: runCount + 1, samples: runCount * rows, errors: 1 };
      await agrees(t, server, key, wanted);

      t.equal(await client.call('AI.INFO', key, 'RESETSTAT'), '+OK\r\n');
      t.match(await runInfo(server, key), { duration: 0, samples: 0, calls: 0, errors: 0 });
      t.strictSame(await times(server, key), { queue: 0, copy: 0, compute: 0 });
    }
  },
);

t.test('statistics of DAGs and scripts', { skip: missingModelMakers() }, async (t) => {
  const models = await makeModels();
  t.teardown(() => models.remove());
  const server = await startServer(['--io-threads', '2']);
  t.teardown(() => server.stop());
  await store(server, models, ['m'], ['TORCH', 'slow']);
  await store(server, models, ['quick'], ['ONNX', 'identity']);
  const caller = `${SLOW_SCRIPT}
def calling(x):
    return redisAI.model_execute("quick", [x], 1)[0]
`;
  await server.request('AI.SCRIPTSET', 's', 'CPU', 'SOURCE', caller);
  await server.request('AI.TENSORSET', 'in', 'FLOAT', SLOW_ROWS);
  await server.request('AI.TENSORSET', 'six', 'FLOAT', 2, 3);

  await t.test('a DAG counts its runs where they belong', async (t) => {
    await server.request(
      ...['AI.DAGEXECUTE', 'LOAD', 2, 'in', 'six', 'PERSIST', 1, 'a'],
      ...['|>', ...execute('m', ['in'], ['a'])],
      ...['|>', ...execute('quick', ['six'], ['b'])],
      ...['|>', 'AI.SCRIPTEXECUTE', 's', 'slow', 'INPUTS', 1, 'six', 'OUTPUTS', 1, 'c'],
    );
    await agrees(t, server, 'm', { calls: 1, samples: SLOW_ROWS });
    await agrees(t, server, 'quick', { calls: 1, samples: 2 });
    await agrees(t, server, 's', { calls: 1 });
    t.equal((await runInfo(server, 's')).samples, -1, 'a script has no samples');
    const { compute, queue } = await times(server, 'm');
    t.ok(queue < compute, 'the first run of an idle device did not wait');
  });

  await t.test('a model that a script runs waits in no queue', async (t) => {
    for (const key of ['quick', 's']) await server.request('AI.INFO', key, 'RESETSTAT');
    for (let i = 0; i < 3; i++) {
      await server.request('AI.SCRIPTRUN', 's', 'calling', 'INPUTS', 'six', 'OUTPUTS', 'o');
    }
    await agrees(t, server, 'quick', { calls: 3, samples: 6 });
    await agrees(t, server, 's', { calls: 3 });
    t.equal((await times(server, 'quick')).queue, 0);
    const [inner, outer] = [await times(server, 'quick'), await times(server, 's')];
    t.ok(outer.compute >= inner.compute, 'its time is within that of the script');
  });

  await t.test('a run that waits for another counts how long', async (t) => {
    for (const key of ['m', 'quick']) await server.request('AI.INFO', key, 'RESETSTAT');
    const [slow, quick] = [await server.raw(), await server.raw()];
    t.teardown(() => {
      slow.close();
      quick.close();
    });
    slow.send(...execute('m', ['in'], ['o']));
    await until('the first', async () => (await runningCount(server)) === 1);
    const begin = Date.now();
    // Of a shape that was not run before: once it is known to be short, it waits for nobody.
    await server.request('AI.TENSORSET', 'nine', 'FLOAT', 3, 3);
    t.equal(await quick.request(...execute('quick', ['nine'], ['p'])), 'OK');
    const waitedMs = Date.now() - begin;
    t.equal(await slow.reply(), 'OK');
    const { queue, compute } = await times(server, 'quick');
    t.ok(queue <= 1000 * (waitedMs + 1), `${queue} us in the queue of ${waitedMs} ms in all`);
    t.ok(queue > compute, `more than its own ${compute} us`);
    t.ok((await times(server, 'm')).queue < queue, 'the first did not wait');
  });

  await t.test('steps of a DAG wait as other runs do', async (t) => {
    for (const key of ['m', 'quick']) await server.request('AI.INFO', key, 'RESETSTAT');
    const slow = await server.raw();
    t.teardown(() => slow.close());
    slow.send(...execute('m', ['in'], ['o']));
    await until('the first', async () => (await runningCount(server)) === 1);
    const reply = await server.request(
      ...['AI.DAGEXECUTE', 'LOAD', 1, 'six', '|>', ...execute('quick', ['six'], ['b'])],
      ...['|>', ...execute('quick', ['b'], ['c'])],
    );
    t.strictSame(reply, ['OK', 'OK']);
    t.equal(await slow.reply(), 'OK');
    const { queue, compute } = await times(server, 'quick');
    t.ok(queue > compute, `${queue} us in the queue, ${compute} us of runs`);
    await agrees(t, server, 'quick', { calls: 2, samples: 4 });
  });
});
