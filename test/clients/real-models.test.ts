// Models that users have, made by their own libraries, in bytes and by stock clients.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { locateRuntime } from '../../lib/runtimes/locate.ts';
import { runtimes } from '../../lib/runtimes/manifest.ts';
import { runPythonCases } from '../helpers/python.ts';
import { missingPython, pythonOf } from '../helpers/python-env.ts';
import { RawClient } from '../helpers/raw-client.ts';
import {
  missingRealModels,
  type RealModel,
  realModelFolder,
  realModels,
} from '../helpers/real-models.ts';
import { runModel, storeModel } from '../helpers/run-model.ts';
import { startServer } from '../helpers/server.ts';

/** Those whose second run differs from the first, or whose outputs cannot be had. */
const NOT_PLAIN = ['keeps', 'half', 'where'];

/** Slow machines may take longer than SmartRedis' 250 ms, and a resend would hide what went wrong. */
const PATIENT = { SR_SOCKET_TIMEOUT: '20000', SR_CMD_TIMEOUT: '20000' };

t.test('models of real users', { skip: missingRealModels() }, async (t) => {
  const models = await realModels();
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const client = await RawClient.connect(server.port);
  t.teardown(() => client.close());

  await t.test('give what their own library gives', async (t) => {
    for (const model of models) {
      const key = `${model.backend}-${model.name}`;
      t.equal(await storeModel(client, key, model), '+OK\r\n', `${key} is stored`);
      if (NOT_PLAIN.includes(model.name)) continue;
      t.equal(await runModel(client, key, model), '', `${key} gives the reference outputs`);
      t.equal(await runModel(client, key, model), '', `${key} gives them again`);
    }
  });

  await t.test('without a word on standard error', async (t) => {
    t.notMatch(server.log(), /oneDNN|absl|XNNPACK|INFO:|W0000|I0000/);
  });

  await t.test('the TF backend refuses', (t) => refuseTensorflow(t, client, models));
  await t.test('the TFLITE backend refuses', (t) => refuseTflite(t, client, models));

  const env = { ...PATIENT, REAL_MODELS: await realModelFolder(), PORT: `${server.port}` };
  await t.test('through redisai-py', { skip: missingPython('clients') }, (t) =>
    runPythonCases(t, 'clients', 'redisai_real_models.py', [], env),
  );
  await t.test('through SmartRedis', { skip: missingPython('clients') }, (t) =>
    runPythonCases(t, 'clients', 'smartredis_real_models.py', [], {
      ...env,
      SSDB: `127.0.0.1:${server.port}`,
      SR_DB_TYPE: 'Standalone',
      SR_LOG_LEVEL: 'quiet',
    }),
  );
});

t.test('with the runtimes of a site-packages', { skip: missingRealModels() }, async (t) => {
  const python = pythonOf('models') ?? '';
  const sitePackages = join(dirname(python), '..', 'lib', 'python3.11', 'site-packages');
  const { TUTTI_RUNTIMES_PATH } = process.env;
  process.env.TUTTI_RUNTIMES_PATH = sitePackages;
  const server = await startServer([]);
  if (TUTTI_RUNTIMES_PATH === undefined) delete process.env.TUTTI_RUNTIMES_PATH;
  else process.env.TUTTI_RUNTIMES_PATH = TUTTI_RUNTIMES_PATH;
  t.teardown(() => server.stop());
  const client = await RawClient.connect(server.port);
  t.teardown(() => client.close());
  for (const model of await realModels()) {
    if (!['mlp-30-128-128-2', 'random-forest'].includes(model.name)) continue;
    t.equal(await storeModel(client, model.backend, model), '+OK\r\n', model.backend);
    t.equal(await runModel(client, model.backend, model), '', `${model.backend} runs`);
  }
  const opened = readFileSync(`/proc/${server.pid}/maps`, 'utf8');
  for (const library of ['libtensorflow_cc.so.2', 'libLiteRt.so', 'libonnxruntime.so']) {
    t.match(opened, new RegExp(`${sitePackages.split('/').at(-4)}.*/${library}`), library);
  }
});

const missing = runtimes.find((runtime) => locateRuntime(runtime) === undefined);
const needs = missing !== undefined && `needs ${missing.title}`;

t.test('AI.CONFIG LOADBACKEND loads each backend once', { skip: needs }, async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const client = await RawClient.connect(server.port);
  t.teardown(() => client.close());
  for (const { backend } of runtimes) {
    const load = () => client.call('AI.CONFIG', 'LOADBACKEND', backend, 'ignored.so');
    t.equal(await load(), '+OK\r\n', backend);
    t.equal(await load(), '-ERR error loading backend\r\n', `${backend} again`);
  }
  t.match(
    await client.call('INFO', 'ai_backends_info'),
    /ai_TensorFlow_version:2[^\r]*\r\nai_TensorFlowLite_version:NA\r\nai_Torch_version:NA\r\nai_onnxruntime_version:1/,
  );
});

t.test('without their runtimes', async (t) => {
  const { XDG_CACHE_HOME, TUTTI_RUNTIMES_PATH } = process.env;
  process.env.XDG_CACHE_HOME = t.testdir();
  process.env.TUTTI_RUNTIMES_PATH = '';
  const server = await startServer([]);
  t.teardown(() => server.stop());
  for (const [name, value] of Object.entries({ XDG_CACHE_HOME, TUTTI_RUNTIMES_PATH })) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  const client = await RawClient.connect(server.port);
  t.teardown(() => client.close());
  for (const { name, backend } of runtimes) {
    const names = backend === 'TF' ? ['INPUTS', 1, 'x', 'OUTPUTS', 1, 'y'] : [];
    await expectRefusal(
      t,
      client,
      await client.call('AI.MODELSTORE', 'bad', backend, 'CPU', ...names, 'BLOB', 'x'),
      `ERR Could not load backend ${backend}: its runtime is not installed, run 'tutti runtimes install ${name}'`,
    );
    await expectRefusal(
      t,
      client,
      await client.call('AI.CONFIG', 'LOADBACKEND', backend, 'x.so'),
      'ERR error loading backend',
    );
  }
});

/** After each refusal the connection goes on and nothing was written. */
async function expectRefusal(t: Test, client: RawClient, reply: string, wanted: string | RegExp) {
  const title = reply.slice(0, 120);
  if (typeof wanted === 'string') t.equal(reply, `-${wanted}\r\n`, title);
  else t.match(reply, wanted, title);
  t.equal(await client.call('PING'), '+PONG\r\n', `${title}: and the connection goes on`);
  t.equal(await client.call('EXISTS', 'bad', 'bad-out'), ':0\r\n', 'and nothing was written');
}

function modelOf(models: readonly RealModel[], backend: string, name: string): RealModel {
  const found = models.find((model) => model.backend === backend && model.name === name);
  if (found === undefined) throw new Error(`no ${backend} model ${name}`);
  return found;
}

async function refuseTensorflow(t: Test, client: RawClient, models: readonly RealModel[]) {
  const mlp = modelOf(models, 'TF', 'mlp-30-128-128-2');
  const [output = ''] = mlp.outputNames;
  for (const [change, wanted] of [
    [{ blob: Buffer.from('no model') }, 'Invalid GraphDef'],
    [{ device: 'GPU' }, "ERR GPU requested but TF couldn't find CUDA"],
    [{ device: 'GPU:12' }, "ERR GPU requested but TF couldn't find CUDA"],
  ] as const) {
    await expectRefusal(t, client, await storeModel(client, 'bad', mlp, change), wanted);
  }
  for (const [change, wanted] of [
    [{ inputNames: ['nope'] }, 'ERR Input node named "nope" not found in TF graph.'],
    [{ inputNames: [output] }, `ERR Input node named "${output}" not found in TF graph.`],
    [{ outputNames: ['nope'] }, 'ERR Output node named "nope" not found in TF graph'],
  ] as const) {
    const reply = await storeModel(client, 'bad', { ...mlp, ...change });
    await expectRefusal(t, client, reply, wanted);
  }
  await client.call('AI.TENSORSET', 'square', 'FLOAT', 3, 3);
  await client.call('AI.TENSORSET', 'integers', 'INT32', 8, 30);
  const run = (...lists: (string | number)[]) =>
    client.call('AI.MODELEXECUTE', 'TF-mlp-30-128-128-2', ...lists);
  for (const [input, wanted] of [
    ['square', /^-Matrix size-incompatible: In\[0\]: \[3,3\], In\[1\]: \[30,128\][^\r\n]*\r\n$/],
    ['integers', /^-Expects arg\[0\] to be float but int32 is provided\r\n$/],
  ] as const) {
    const reply = await run('INPUTS', 1, input, 'OUTPUTS', 1, 'bad-out');
    await expectRefusal(t, client, reply, wanted);
  }
  await expectRefusal(
    t,
    client,
    await run('INPUTS', 2, 'square', 'square', 'OUTPUTS', 1, 'bad-out'),
    'Number of keys given as INPUTS here does not match model definition',
  );
  await storeModel(client, 'TF-half', modelOf(models, 'TF', 'half'));
  await client.call('AI.TENSORSET', 'six', 'FLOAT', 2, 3);
  await expectRefusal(
    t,
    client,
    await client.call('AI.MODELEXECUTE', 'TF-half', 'INPUTS', 1, 'six', 'OUTPUTS', 1, 'bad-out'),
    "ERR output 'out0' has dtype 19 of TensorFlow, which no tensor key can hold",
  );
}

async function refuseTflite(t: Test, client: RawClient, models: readonly RealModel[]) {
  const mlp = modelOf(models, 'TFLITE', 'mlp-30-128-128-2');
  for (const [change, wanted] of [
    [{ blob: Buffer.from('no model') }, 'Failed to load model from buffer'],
    [{ device: 'GPU' }, 'ERR Unsupported device'],
    [{ device: 'GPU:1' }, 'ERR Unsupported device'],
  ] as const) {
    await expectRefusal(t, client, await storeModel(client, 'bad', mlp, change), wanted);
  }
  await expectRefusal(
    t,
    client,
    await storeModel(client, 'bad', { ...mlp, inputNames: ['x'], outputNames: ['y'] }),
    'ERR INPUTS argument should not be specified for this backend',
  );
  await client.call('AI.TENSORSET', 'square', 'FLOAT', 3, 3);
  await client.call('AI.TENSORSET', 'six', 'FLOAT', 2, 3);
  for (const dtype of ['DOUBLE', 'INT8', 'UINT16', 'BOOL', 'STRING']) {
    await client.call('AI.TENSORSET', `as-${dtype}`, dtype, 8, 30);
  }
  const run = (key: string, ...lists: (string | number)[]) =>
    client.call('AI.MODELEXECUTE', key, ...lists);
  const wrongType = "Input tensor type doesn't match the type expected by the model definition";
  for (const [key, input, wanted] of [
    ['mlp-30-128-128-2', 'as-DOUBLE', wrongType],
    ['mlp-30-128-128-2', 'as-INT8', wrongType],
    ['mlp-30-128-128-2', 'as-UINT16', wrongType],
    ['mlp-30-128-128-2', 'as-BOOL', wrongType],
    ['mlp-30-128-128-2', 'as-STRING', wrongType],
    [
      'mlp-30-128-128-2',
      'square',
      "ERR input 'serving_default_keras_tensor:0' has shape [3,3], the model takes [N,30]",
    ],
    // How many elements the output has, only the data tell: LiteRT cannot give it.
    ['where', 'six', 'Failed to invoke TfLite'],
  ] as const) {
    const reply = await run(`TFLITE-${key}`, 'INPUTS', 1, input, 'OUTPUTS', 1, 'bad-out');
    await expectRefusal(t, client, reply, wanted);
  }
  await expectRefusal(
    t,
    client,
    await run('TFLITE-two-in-two-out', 'INPUTS', 1, 'six', 'OUTPUTS', 2, 'bad-out', 'bad'),
    'Number of keys given as INPUTS here does not match model definition',
  );
  t.equal(await runModel(client, 'TFLITE-mlp-30-128-128-2', mlp), '', 'and runs after that');
}
