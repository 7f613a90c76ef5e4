// Batches of models as users have them, on every runtime: each client gets what it gets alone.

import t from 'tap';
import { locateRuntime } from '../../lib/runtimes/locate.ts';
import { runtimes } from '../../lib/runtimes/manifest.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { missingRealModels, type RealModel, realModels } from '../helpers/real-models.ts';
import { runModel, storeModel } from '../helpers/run-model.ts';
import { statistics } from '../helpers/runs.ts';
import { startServer } from '../helpers/server.ts';

/** Their outputs have no row for each row of their inputs. */
const REFUSED = new Set(['TF-reshape', 'TF-bools', 'TF-empty']);

/** Those whose rows depend on one another, or on the run before, or whose outputs cannot be had. */
const NOT_BY_ROW = new Set(['keeps', 'half', 'where', 'two-in-two-out']);

const CLIENTS = 3;

t.test('batches of real models', { skip: missingRealModels() }, async (t) => {
  const models = await realModels();
  const server = await startServer(['--io-threads', '2', '--min-batch-wait-max', '3600000']);
  t.teardown(() => server.stop());
  const clients: RawClient[] = [];
  for (let i = 0; i < CLIENTS; i++) clients.push(await RawClient.connect(server.port));
  t.teardown(() => clients.map((client) => client.close()));
  const [first] = clients;
  if (!first) throw new Error('no client');

  /** Stores it so that a batch begins when all clients are there. @returns What is wrong for each. */
  async function runTogether(key: string, model: RealModel): Promise<string[]> {
    const rows = (model.inputs[0]?.dims[0] ?? 0) * CLIENTS;
    const batching = ['BATCHSIZE', 10 * rows, 'MINBATCHSIZE', rows];
    t.equal(await storeModel(first as RawClient, key, model, { batching }), '+OK\r\n', key);
    return Promise.all(clients.map((client, i) => runModel(client, key, model, `${i}-`)));
  }

  const named = runtimes.flatMap((runtime) => (locateRuntime(runtime) ? [runtime.name] : []));
  for (const model of models) {
    const key = `${model.backend}-${model.name}`;
    const runtime = model.backend === 'TF' ? 'tensorflow' : model.backend.toLowerCase();
    const isScalar = model.inputs.some(({ dims }) => dims.length === 0);
    if (NOT_BY_ROW.has(model.name) || isScalar || !named.includes(runtime)) continue;
    await t.test(key, async (t) => {
      const problems = await runTogether(key, model);
      if (REFUSED.has(key)) {
        const text =
          '-ERR Tensorflow batching error: model did not generate the expected batch size\r\n';
        t.strictSame(problems, new Array(CLIENTS).fill(text));
        t.match(await statistics(server, key), { calls: '3', errors: '3', executions: '1' });
        return;
      }
      t.strictSame(problems, new Array(CLIENTS).fill(''));
      // TFLITE has no batches: its runs do not wait for one.
      const executions = model.backend === 'TFLITE' ? '3' : '1';
      t.match(await statistics(server, key), { calls: '3', errors: '0', executions });
    });
  }
});
