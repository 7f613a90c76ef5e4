// The script host under load: large commands, limits, many scripts at once, memory, shutdown.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { makeModels, missingModelMakers } from '../helpers/models.ts';
import { missingRealModels, type RealTensor, realModels } from '../helpers/real-models.ts';
import {
  blobOf,
  connect,
  executeWords,
  failure,
  field,
  run,
  start,
  store,
  storeModel,
  storeTensor,
  values,
} from '../helpers/scripts.ts';
import { type Connection, type StartedServer, startServer } from '../helpers/server.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const skip = missingModelMakers();

async function info(server: StartedServer, field: string): Promise<number> {
  const text = String(await server.request('INFO', 'everything'));
  return Number(new RegExp(`^${field}:(.*)\r$`, 'm').exec(text)?.[1]);
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * KiB;
}

t.test('commands of any size', { skip }, async (t) => {
  const server = await start(t);
  const large = 'x'.repeat(5 * MiB);
  await run(
    server,
    [
      'redis.execute("SET", keys[0], args[0])',
      'assert str(redis.execute("GET", keys[0])) == args[0]',
      'redis.execute("RPUSH", keys[1], [args[0], "small", args[0]])',
      'elements = redis.asList(redis.execute("LRANGE", keys[1], "0", "-1"))',
      'assert len(elements) == 3 and str(elements[2]) == args[0] and str(elements[1]) == "small"',
    ],
    { keys: ['k', 'l'], args: [large] },
  );
  t.equal(await server.request('STRLEN', 'k'), large.length);

  // More words than the thread's row has, and more bytes than its block.
  for (const [count, bytes] of [
    [20_000, 1],
    [3000, 1000],
    [16_383, 3],
    [5, 31 * KiB],
  ] as const) {
    const words = Array.from({ length: count }, (_, i) => String(i).padEnd(bytes, '.'));
    await run(
      server,
      [
        'redis.execute("DEL", keys[0])',
        'redis.execute("RPUSH", keys[0], args)',
        'elements = redis.asList(redis.execute("LRANGE", keys[0], "0", "-1"))',
        'for i in range(len(args)):',
        '    assert str(elements[i]) == args[i]',
      ],
      { keys: ['l'], args: words },
    );
    t.equal(await server.request('LLEN', 'l'), count, `${count} words of ${bytes} bytes`);
  }
});

t.test('limits of words and replies', { skip }, async (t) => {
  const server = await start(t);
  const client = await connect(t, server);
  await store(client, 's', 'redis.execute(args[0], args[1:])');
  const call = (...args: string[]) => client.refusal(...executeWords('s', { args }));

  await store(client, 'double', 'redis.execute("SET", "k", args[0] + args[0])');
  const double = (byteCount: number) =>
    client.refusal(...executeWords('double', { args: ['x'.repeat(byteCount)] }));
  await client.request('CONFIG', 'SET', 'proto-max-bulk-len', '1mb');
  t.match(await double(MiB / 2 + 1), /longer than proto-max-bulk-len \(1048576 bytes\)$/);
  t.equal(await double(MiB / 2), 'no error: OK');
  await client.request('CONFIG', 'SET', 'proto-max-bulk-len', '512mb');

  await client.request('CONFIG', 'SET', 'client-query-buffer-limit', '1mb');
  await store(
    client,
    'many',
    'words = [args[0] for i in range(int(args[1]))]',
    'redis.execute("DEL", words)',
  );
  const many = (count: number) =>
    client.refusal(...executeWords('many', { args: ['k'.repeat(1000), String(count)] }));
  t.match(await many(1100), /longer than client-query-buffer-limit \(1048576 bytes\)$/);
  t.equal(await many(1000), 'no error: OK');
  await client.request('CONFIG', 'SET', 'client-query-buffer-limit', '1gb');

  await client.request('CONFIG', 'SET', 'reply-backlog-max', '100000');
  await client.request('SET', 'large', 'x'.repeat(99_980));
  t.equal(await call('GET', 'large'), 'no error: OK');
  await client.request('SET', 'large', 'x'.repeat(100_000));
  t.match(await call('GET', 'large'), /longer than reply-backlog-max \(100000 bytes\)$/);
  await client.request('RPUSH', 'l', ...Array<string>(11).fill('y'.repeat(10_000)));
  t.match(await call('LRANGE', 'l', '0', '-1'), /longer than reply-backlog-max \(100000 bytes\)$/);
  t.equal(await call('LRANGE', 'l', '0', '8'), 'no error: OK');
  t.equal(await call('PING'), 'no error: OK');
});

t.test('a loop of 10,000 calls, while others are served', { skip }, async (t) => {
  const server = await start(t);
  await store(
    server,
    'loop',
    'for i in range(10000):',
    '    redis.execute("RPUSH", keys[0], str(i))',
    'return torch.tensor(int(str(redis.execute("LLEN", keys[0]))))',
  );
  const client = await connect(t, server);
  let isOver = false;
  const whole = client
    .request(...executeWords('loop', { keys: ['l'], outputs: ['o'] }))
    .finally(() => {
      isOver = true;
    });
  let longestMs = 0;
  let pings = 0;
  while (!isOver) {
    const begin = performance.now();
    await server.request('PING');
    longestMs = Math.max(longestMs, performance.now() - begin);
    pings++;
  }
  t.equal(await whole, 'OK');
  t.strictSame(await values(server, 'o'), [10_000]);
  t.strictSame(await server.request('LRANGE', 'l', '9999', '-1'), ['9999']);
  t.ok(pings >= 10 && longestMs < 1000, `${pings} pings, the longest took ${longestMs} ms`);
});

t.test('many more scripts than run threads, each with commands and models', { skip }, async (t) => {
  const models = await makeModels();
  t.teardown(() => models.remove());
  const runThreads = 2;
  const server = await start(t, '--loadmodule', 'redisai.so', 'THREADS_PER_QUEUE', `${runThreads}`);
  const names = ['TORCH', 'ONNX'] as const;
  for (const name of names) {
    const model = models.model(name, 'mlp-30-128-128-2');
    await storeModel(server, name, model);
    await storeTensor(server, `${name}-in`, model.inputs[0]!);
    await server.request(
      ...['AI.MODELEXECUTE', name, 'INPUTS', 1, `${name}-in`, 'OUTPUTS', 1, `${name}-out`],
    );
  }
  const rounds = 10;
  await store(
    server,
    's',
    `for i in range(${rounds}):`,
    '    redis.execute("RPUSH", keys[0], str(i))',
    '    outputs = redisAI.model_execute(keys[1], tensors, 1)',
    '    redis.execute("SET", keys[0] + "-done", str(i))',
    'return redisAI.model_execute(keys[1], tensors, 1)',
  );
  const scripts = Array.from({ length: runThreads + 8 }, async (_, i) => {
    const client = await server.raw();
    const name = names[i % 2]!;
    for (let round = 0; round < 3; round++) {
      const lists = { keys: [`l${i}`, name], inputs: [`${name}-in`], outputs: [`o${i}`] };
      t.equal(await client.request(...executeWords('s', lists)), 'OK');
      t.strictSame(await blobOf(server, `o${i}`), await blobOf(server, `${name}-out`));
    }
    t.equal(await client.request('LLEN', `l${i}`), 3 * rounds);
    client.close();
  });
  await Promise.all(scripts);
  const calls = field(await server.request('AI.INFO', 'ONNX'), 'calls');
  t.equal(calls, 1 + 5 * 3 * (rounds + 1));
});

t.test(
  'models of four backends from scripts and clients at once',
  {
    skip: skip || missingRealModels(),
  },
  async (t) => {
    const made = await makeModels();
    t.teardown(() => made.remove());
    const isPlain = ({ dtype, dims }: RealTensor) => dtype === 'FLOAT' && !dims.includes(0);
    const real = await realModels();
    const ofBackend = (backend: string) =>
      real.find((m) => m.backend === backend && [...m.inputs, ...m.outputs].every(isPlain));
    const models = [
      made.model('TORCH', 'mlp-30-128-128-2'),
      made.model('ONNX', 'mlp-30-128-128-2'),
      ofBackend('TF'),
      ofBackend('TFLITE'),
    ].filter((model) => model !== undefined);
    t.strictSame(
      models.map(({ backend }) => backend),
      ['TORCH', 'ONNX', 'TF', 'TFLITE'],
    );
    // TFLITE runs a model once at a time: scripts and the queue's runs wait for each other.
    const server = await start(t, '--loadmodule', 'redisai.so', 'THREADS_PER_QUEUE', '3');
    await store(
      server,
      's',
      'first = redisAI.model_execute(keys[0], tensors, int(args[0]))',
      'redis.execute("RPUSH", "runs", keys[0])',
      'return redisAI.model_execute(keys[0], tensors, int(args[0]))',
    );
    const names = (list: readonly unknown[], name: string) => list.map((_, i) => `${name}${i}`);
    for (const model of models) {
      const key = model.backend;
      const given = 'inputNames' in model && model.inputNames.length > 0 ? model : undefined;
      await server.request(
        ...['AI.MODELSTORE', key, key, 'CPU'],
        ...(given ? ['INPUTS', given.inputNames.length, ...given.inputNames] : []),
        ...(given ? ['OUTPUTS', given.outputNames.length, ...given.outputNames] : []),
        ...['BLOB', readFileSync(model.file)],
      );
      for (const [i, input] of model.inputs.entries()) {
        await storeTensor(server, `${key}-in${i}`, input);
      }
      const inputs = names(model.inputs, `${key}-in`);
      const outputs = names(model.outputs, `${key}-out`);
      await server.request(
        ...['AI.MODELEXECUTE', key, 'INPUTS', inputs.length, ...inputs],
        ...['OUTPUTS', outputs.length, ...outputs],
      );
    }
    const rounds = 5;
    const work = async (worker: number) => {
      const client = await server.raw();
      for (let round = 0; round < rounds; round++) {
        for (const model of models) {
          const inputs = names(model.inputs, `${model.backend}-in`);
          const outputs = names(model.outputs, `${model.backend}-${worker}-`);
          const lists = { keys: [model.backend], inputs, args: [outputs.length], outputs };
          const words =
            worker % 2 === 0
              ? executeWords('s', lists)
              : [
                  ...['AI.MODELEXECUTE', model.backend, 'INPUTS', inputs.length, ...inputs],
                  ...['OUTPUTS', outputs.length, ...outputs],
                ];
          t.equal(await client.request(...words), 'OK', `${model.backend} of ${worker}`);
        }
      }
      client.close();
    };
    await Promise.all(Array.from({ length: 8 }, (_, worker) => work(worker)));
    for (const { backend } of models) {
      const wanted = new Float32Array(
        new Uint8Array(await blobOf(server, `${backend}-out0`)).buffer,
      );
      for (let worker = 0; worker < 8; worker++) {
        const blob = await blobOf(server, `${backend}-${worker}-0`);
        const seen = new Float32Array(new Uint8Array(blob).buffer);
        t.ok(
          seen.length === wanted.length && seen.every((x, i) => Math.abs(x - wanted[i]!) < 1e-4),
          `${backend} of ${worker}`,
        );
      }
      // Each script runs it twice.
      const calls = field(await server.request('AI.INFO', backend), 'calls');
      t.equal(calls, 1 + rounds * 4 * 2 + rounds * 4, backend);
    }
  },
);

t.test('keeps no memory', { skip }, async (t) => {
  const server = await start(t);
  await store(
    server,
    's',
    'for i in range(int(args[0])):',
    '    redis.execute("SET", keys[0], args[1])',
    '    redis.execute("GET", keys[0])',
    '    redis.execute("RPUSH", keys[1], [args[1], "x", "y"])',
    '    redis.execute("LRANGE", keys[1], "0", "-1")',
    '    redis.execute("DEL", keys[1])',
    'redis.execute("DEL", keys[0])',
  );
  const round = async (count: number) => {
    for (const bytes of [100, 10_000, 100_000]) {
      const args = [count, 'v'.repeat(bytes)];
      await server.request(...executeWords('s', { keys: ['k', 'l'], args }));
    }
  };
  await round(300);
  const used = await info(server, 'used_memory');
  const resident = residentBytes(server.pid);
  await round(3000);
  // Of what is freed on a thread of its own the last may still be there.
  let usedAfter = await info(server, 'used_memory');
  for (let tries = 0; tries < 100 && usedAfter > used + 64 * KiB; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    usedAfter = await info(server, 'used_memory');
  }
  t.ok(usedAfter <= used + 64 * KiB, `used_memory ${used} before, ${usedAfter} after`);
  const grown = residentBytes(server.pid) - resident;
  t.ok(grown < 64 * MiB, `45,000 commands, ${grown} resident bytes more`);
});

t.test('settings reach the host, and its commands are counted', { skip }, async (t) => {
  const server = await start(t);
  await run(server, ['redis.execute("ECHO", "x")'], {});
  t.equal(await server.request('CONFIG', 'SET', 'proto-max-bulk-len', '2mb'), 'OK');
  const text = String(await server.request('INFO', 'commandstats'));
  if (text.includes('cmdstat_echo')) t.match(text, /cmdstat_echo:calls=1/);
  const before = await info(server, 'total_commands_processed');
  await run(server, ['for i in range(100):', '    redis.execute("PING")'], {});
  t.ok((await info(server, 'total_commands_processed')) >= before + 100);
  const client = await connect(t, server);
  const errors = await info(server, 'total_error_replies');
  await failure(client, ['redis.execute("NOSUCH")']);
  for (let tries = 0; tries < 100; tries++) {
    if ((await info(server, 'total_error_replies')) >= errors + 2) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.ok((await info(server, 'total_error_replies')) >= errors + 2, "the script's and the client's");
});

for (const signal of ['SIGTERM', 'SHUTDOWN'] as const) {
  t.test(`${signal} while scripts wait on the host`, { skip }, async (t) => {
    const server = await startServer(['--loadmodule', 'redisai.so', 'THREADS_PER_QUEUE', '3']);
    await store(server, 'endless', 'while True:', '    redis.execute("SET", keys[0], "x")');
    const clients: Connection[] = [];
    for (let i = 0; i < 6; i++) {
      const client = await server.raw();
      clients.push(client);
      client.send(...executeWords('endless', { keys: [`k${i}`] }));
    }
    const keys = clients.map((_, i) => `k${i}`);
    while ((await server.request('EXISTS', ...keys)) !== 3);
    if (signal === 'SIGTERM') {
      await server.stop();
    } else {
      clients[0] = await server.raw();
      clients[0].send('SHUTDOWN', 'NOSAVE');
    }
    t.strictSame(await server.ended, { status: 0, signal: null });
    for (const client of clients) client.close();
  });
}

t.test('SHUTDOWN while the host is being started', { skip }, async (t) => {
  const server = await startServer();
  await store(server, 's', 'while True:', '    redis.execute("PING")');
  const client = await server.raw();
  client.send(...executeWords('s', {}));
  client.send('PING');
  await server.stop();
  t.strictSame(await server.ended, { status: 0, signal: null });
  client.close();
});

t.test('a client that leaves ends nothing', { skip }, async (t) => {
  const server = await start(t);
  await store(server, 's', 'for i in range(300):', '    redis.execute("RPUSH", "l", str(i))');
  const client = await server.raw();
  client.send(...executeWords('s', {}));
  while ((await server.request('EXISTS', 'l')) === 0);
  client.close();
  while ((await server.request('LLEN', 'l')) !== 300);
  t.equal(await server.request('PING'), 'PONG');
});
