// All four runtimes in one process, used at the same time: none may harm another's results.

import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import t from 'tap';
import { makeModels, missingModelMakers } from '../helpers/models.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { missingRealModels, type RealTensor, realModels } from '../helpers/real-models.ts';
import { type RunnableModel, runModel, storeModel } from '../helpers/run-model.ts';
import { startServer } from '../helpers/server.ts';

/** Those that answer as their reference on the first run only, or that are made to be refused. */
const NOT_PLAIN = ['counter', 'keeps', 'external', 'half', 'where'];

/** Those that give a row for each row, in several backends. */
const BATCHED = ['mlp-30-128-128-2', 'cnn', 'cnn-int8', 'random-forest', 'k-means'];

const CLIENTS = 8;
const ROUNDS = 4;

t.test(
  'four runtimes at once',
  { skip: missingModelMakers() || missingRealModels() },
  async (t) => {
    const made = await makeModels();
    t.teardown(() => made.remove());
    const all: RunnableModel[] = [...made.models, ...(await realModels())];
    const models = all.filter(({ file }) => !NOT_PLAIN.some((name) => file.includes(`-${name}.`)));
    const backends = new Set(models.map(({ backend }) => backend));
    t.strictSame([...backends].sort(), ['ONNX', 'TF', 'TFLITE', 'TORCH']);

    const server = await startServer([
      '--loadmodule',
      'redisai.so',
      'THREADS_PER_QUEUE',
      '4',
      '--io-threads',
      '2',
    ]);
    t.teardown(() => server.stop());
    const connect = async () => {
      const client = await RawClient.connect(server.port);
      t.teardown(() => client.close());
      return client;
    };
    const clients = await Promise.all(Array.from({ length: CLIENTS }, connect));
    const keyOf = (model: RunnableModel) => `model-${models.indexOf(model)}`;

    await t.test('are opened by four clients at once', async (t) => {
      const replies = await Promise.all(
        [...backends].map((backend, i) => {
          const model = models.find((model) => model.backend === backend);
          const client = clients[i];
          return model && client && storeModel(client, keyOf(model), model);
        }),
      );
      t.strictSame(replies, ['+OK\r\n', '+OK\r\n', '+OK\r\n', '+OK\r\n']);
    });

    await t.test('give the reference outputs to all clients', async (t) => {
      const [first] = clients;
      for (const model of models) {
        const reply = first && (await storeModel(first, keyOf(model), model));
        t.equal(reply, '+OK\r\n', model.file);
      }
      const problems: string[] = [];
      const work = async (client: RawClient, number: number) => {
        for (let i = 0; i < ROUNDS * models.length; i++) {
          // Each begins elsewhere, with another stride, so that all backends run at every moment.
          const model = models[(number * 7 + i * (2 * number + 1)) % models.length];
          if (model === undefined) continue;
          const problem = await runModel(client, keyOf(model), model, `client-${number}-`);
          if (problem !== '') problems.push(`${model.file}: ${problem}`);
        }
      };
      await Promise.all(clients.map(work));
      t.strictSame(problems, []);
      t.match(
        await first?.call('INFO', 'ai_backends_info'),
        /ai_TensorFlow_version:2[\s\S]*ai_TensorFlowLite_version:NA\r\nai_Torch_version:NA\r\nai_onnxruntime_version:1/,
      );
    });

    await t.test('in batches of several clients too', async (t) => {
      const [first] = clients;
      const folder = t.testdir();
      const problems: string[] = [];
      for (const name of BATCHED) {
        for (const model of models.filter(({ file }) => file.includes(`-${name}.`))) {
          const key = `batched-${keyOf(model)}`;
          const batching = ['BATCHSIZE', 100, 'MINBATCHSIZE', 4, 'MINBATCHTIMEOUT', 50];
          const reply = first && (await storeModel(first, key, model, { batching }));
          t.equal(reply, '+OK\r\n', model.file);
          const rowCount = model.inputs[0]?.dims[0] ?? 1;
          const work = async (client: RawClient, number: number) => {
            const row = oneRow(model, number % rowCount, folder);
            const problem = await runModel(client, key, row, `client-${number}-`);
            if (problem !== '') problems.push(`${model.file}: ${problem}`);
          };
          await Promise.all(clients.map(work));
        }
      }
      t.strictSame(problems, []);
    });

    await t.test('and the process ends while runs go on', async (t) => {
      for (const [number, client] of clients.entries()) {
        const model = models[number * 3];
        if (model === undefined) continue;
        // Its inputs are there from before; the answer may or may not come.
        const names = (count: number, kind: string) =>
          Array.from({ length: count }, (_, i) => `client-${number}-${keyOf(model)}-${kind}${i}`);
        const inputs = names(model.inputs.length, 'in');
        const outputs = names(model.outputs.length, 'out');
        const lists = ['INPUTS', inputs.length, ...inputs, 'OUTPUTS', outputs.length, ...outputs];
        const words = ['AI.MODELEXECUTE', keyOf(model), ...lists];
        const line = words.map((word) => `$${`${word}`.length}\r\n${word}\r\n`).join('');
        client.send(`*${words.length}\r\n${line}`.repeat(200));
      }
      process.kill(server.pid, 'SIGTERM');
      t.strictSame(await server.ended, { status: 0, signal: null });
    });
  },
);

/** The model with one row of its inputs and outputs, kept in files below `folder`. */
function oneRow(model: RunnableModel, row: number, folder: string): RunnableModel {
  const cut = (tensor: RealTensor): RealTensor => {
    const bytes = readFileSync(tensor.file);
    const rowBytes = bytes.length / (tensor.dims[0] ?? 1);
    const file = join(folder, `${row}-${basename(tensor.file)}`);
    writeFileSync(file, bytes.subarray(row * rowBytes, (row + 1) * rowBytes));
    return { ...tensor, dims: [1, ...tensor.dims.slice(1)], file };
  };
  return { ...model, inputs: model.inputs.map(cut), outputs: model.outputs.map(cut) };
}
