// BATCHSIZE, MINBATCHSIZE and MINBATCHTIMEOUT over connections of several I/O threads, and TIMEOUT
// (compat.md 1.7).

import t from 'tap';
import { makeModels, missingModelMakers } from '../helpers/models.ts';
import {
  execute,
  runningCount,
  SLOW_ROWS,
  SLOW_SCRIPT,
  statistics,
  store,
  until,
} from '../helpers/runs.ts';
import { type Connection, startServer, type Value } from '../helpers/server.ts';

/** What each dtype is filled with, told apart by a number. */
const elements: Record<string, (count: number, seed: number) => Buffer> = {
  FLOAT: (count, seed) =>
    Buffer.from(Float32Array.from({ length: count }, (_, i) => seed + i / 8).buffer),
  DOUBLE: (count, seed) =>
    Buffer.from(Float64Array.from({ length: count }, (_, i) => seed - i).buffer),
  INT64: (count, seed) =>
    Buffer.from(BigInt64Array.from({ length: count }, (_, i) => BigInt(seed * 1000 + i)).buffer),
  UINT8: (count, seed) =>
    Buffer.from(Uint8Array.from({ length: count }, (_, i) => (seed * 7 + i) % 256)),
  BOOL: (count, seed) => Buffer.from(Uint8Array.from({ length: count }, (_, i) => (seed + i) % 2)),
  STRING: (count, seed) =>
    Buffer.from(
      Array.from({ length: count }, (_, i) => `${'x'.repeat((seed + i) % 5)}\0`).join(''),
    ),
};

/** Models that answer their input. */
const copies: readonly { from: [string, string]; dtype: string; columns: readonly number[] }[] = [
  { from: ['TORCH', 'identity'], dtype: 'FLOAT', columns: [3] },
  { from: ['TORCH', 'identity'], dtype: 'DOUBLE', columns: [2, 3, 1, 2] },
  { from: ['TORCH', 'identity'], dtype: 'INT64', columns: [] },
  { from: ['TORCH', 'identity'], dtype: 'UINT8', columns: [5000] },
  { from: ['TORCH', 'identity'], dtype: 'BOOL', columns: [5] },
  { from: ['ONNX', 'identity'], dtype: 'FLOAT', columns: [3] },
  { from: ['ONNX', 'strings'], dtype: 'STRING', columns: [2] },
];

t.test('batching', { skip: missingModelMakers() }, async (t) => {
  const models = await makeModels();
  t.teardown(() => models.remove());

  for (const threads of ['1', '2']) {
    await t.test(`each client gets its own rows, ${threads} I/O threads`, async (t) => {
      const server = await startServer(['--io-threads', threads]);
      t.teardown(() => server.stop());
      const clients: Connection[] = [];
      for (let i = 0; i < 16; i++) clients.push(await server.raw());
      t.teardown(() => clients.map((client) => client.close()));
      const rowsOf = (i: number) => 1 + (i % 3);
      const rowCount = clients.reduce((sum, _, i) => sum + rowsOf(i), 0);
      for (const { from, dtype, columns } of copies) {
        const title = `${from.join(' ')} ${dtype} [${columns}]`;
        const batching = ['m', 'BATCHSIZE', 1000, 'MINBATCHSIZE', rowCount];
        t.equal(await store(server, models, batching, from), 'OK', title);
        const blobs = clients.map((_, i) => {
          const count = columns.reduce((product, dim) => product * dim, rowsOf(i));
          return elements[dtype]?.(count, i) ?? Buffer.alloc(0);
        });
        const dims = (i: number) => [rowsOf(i), ...columns];
        await Promise.all(
          clients.map(async (client, i) => {
            await client.request(
              'AI.TENSORSET',
              `in${i}`,
              dtype,
              ...dims(i),
              'BLOB',
              blobs[i] ?? '',
            );
            await client.request(...execute('m', [`in${i}`], [`out${i}`]));
          }),
        );
        const raw = await server.raw();
        for (const [i, blob] of blobs.entries()) {
          await raw.request('AI.TENSORSET', 'wanted', dtype, ...dims(i), 'BLOB', blob);
          t.strictSame(
            await raw.request('AI.TENSORGET', `out${i}`, 'META', 'VALUES'),
            await raw.request('AI.TENSORGET', 'wanted', 'META', 'VALUES'),
            `${title}: client ${i}`,
          );
        }
        raw.close();
        t.match(
          await statistics(server, 'm'),
          { calls: '16', errors: '0', samples: `${rowCount}`, executions: '1' },
          title,
        );
      }
    });
  }

  await t.test('the rows of a batch are those of a run alone', async (t) => {
    const server = await startServer(['--io-threads', '2']);
    t.teardown(() => server.stop());
    for (const backend of ['TORCH', 'ONNX']) {
      await store(server, models, ['alone'], [backend, 'mlp-30-128-128-2']);
      const options = ['m', 'BATCHSIZE', 100, 'MINBATCHSIZE', 8];
      await store(server, models, options, [backend, 'mlp-30-128-128-2']);
      const values = async (key: string) =>
        ((await server.request('AI.TENSORGET', key, 'VALUES')) as Value[]).map(Number);
      await Promise.all(
        Array.from({ length: 8 }, async (_, i) => {
          const client = await server.raw();
          const blob = elements.FLOAT?.(30, i) ?? '';
          await client.request('AI.TENSORSET', `in${i}`, 'FLOAT', 1, 30, 'BLOB', blob);
          await client.request(...execute('m', [`in${i}`], [`batch${i}`]));
          await client.request(...execute('alone', [`in${i}`], [`alone${i}`]));
          client.close();
        }),
      );
      for (let i = 0; i < 8; i++) {
        const alone = await values(`alone${i}`);
        for (const [at, value] of (await values(`batch${i}`)).entries()) {
          const wanted = alone[at] ?? NaN;
          t.ok(Math.abs(value - wanted) <= 1e-4 * (1 + Math.abs(wanted)), `${backend} ${i}`);
        }
      }
      t.match(await statistics(server, 'm'), { calls: '8', executions: '1' });
    }
  });

  const failures = [
    {
      title: 'an output that has not a row for each row',
      from: ['TORCH', 'counter'] as [string, string],
      dims: [2],
      text: /^ERR Model did not generate the expected batch size$/,
    },
    {
      title: 'inputs that the model refuses',
      from: ['TORCH', 'mlp-30-128-128-2'] as [string, string],
      dims: [1, 7],
      text: /mat1 and mat2 shapes cannot be multiplied/,
    },
    {
      title: 'inputs that the model refuses',
      from: ['ONNX', 'mlp-30-128-128-2'] as [string, string],
      dims: [1, 7],
      text: /invalid dimensions/,
    },
  ];
  await t.test('a failure is told to every member', async (t) => {
    const server = await startServer(['--io-threads', '2']);
    t.teardown(() => server.stop());
    for (const { title, from, dims, text } of failures) {
      await store(server, models, ['m', 'BATCHSIZE', 9, 'MINBATCHSIZE', 3 * (dims[0] ?? 0)], from);
      const texts = await Promise.all(
        [0, 1, 2].map(async (i) => {
          const client = await server.raw();
          await client.request('AI.TENSORSET', `in${i}`, 'FLOAT', ...dims);
          const refusal = await client.refusal(...execute('m', [`in${i}`], [`no${i}`]));
          client.close();
          return refusal;
        }),
      );
      for (const each of texts) t.match(each, text, `${from[0]}: ${title}`);
      t.equal(await server.request('EXISTS', 'no0', 'no1', 'no2'), 0, title);
      t.match(await statistics(server, 'm'), { calls: '3', errors: '3', executions: '1' }, title);
    }
  });

  await t.test('what cannot be batched does not wait', async (t) => {
    const server = await startServer(['--min-batch-wait-max', '3600000']);
    t.teardown(() => server.stop());
    await store(server, models, ['m', 'BATCHSIZE', 4, 'MINBATCHSIZE', 3], ['TORCH', 'identity']);
    await server.request('AI.TENSORSET', 'scalar', 'FLOAT', 'VALUES', 5);
    await server.request('AI.TENSORSET', 'full', 'FLOAT', 4, 2);
    await server.request('AI.TENSORSET', 'more', 'FLOAT', 5, 2);
    for (const input of ['scalar', 'full', 'more']) {
      t.equal(await server.request(...execute('m', [input], ['o'])), 'OK', input);
    }
    await store(
      server,
      models,
      ['two', 'BATCHSIZE', 9, 'MINBATCHSIZE', 3],
      ['ONNX', 'two-in-two-out'],
    );
    await server.request('AI.TENSORSET', 'a', 'FLOAT', 1, 3);
    await server.request('AI.TENSORSET', 'b', 'FLOAT', 2, 3);
    t.equal(await server.request(...execute('two', ['a', 'b'], ['o', 'p'])), 'OK', 'two dims 0');
  });

  await t.test('a batch below MINBATCHSIZE waits, and nobody else does', async (t) => {
    const server = await startServer(['--io-threads', '2', '--min-batch-wait-max', '3600000']);
    t.teardown(() => server.stop());
    await store(server, models, ['m', 'BATCHSIZE', 4, 'MINBATCHSIZE', 3], ['TORCH', 'identity']);
    await store(server, models, ['other'], ['ONNX', 'identity']);
    await server.request('AI.TENSORSET', 'in', 'FLOAT', 1, 3);
    const leaving = await server.raw();
    const waiting = await server.raw();
    const hasty = await server.raw();
    leaving.send(...execute('m', ['in'], ['first']));
    waiting.send(...execute('m', ['in'], ['second']));
    await until('two that wait', async () => (await runningCount(server)) === 2);
    t.equal(await server.request(...execute('other', ['in'], ['o'])), 'OK', 'another model runs');
    // TIMEOUT is over while it waits for more: it never begins.
    const words = [...execute('m', ['in'], ['never']), 'TIMEOUT', 30];
    await server.request('AI.TENSORSET', 'wide', 'FLOAT', 1, 9);
    words[4] = 'wide'; // another shape: it cannot join the others
    t.equal(await hasty.request(...words), 'TIMEDOUT');
    t.equal(await server.request('EXISTS', 'never'), 0);
    hasty.close();
    // A client that leaves does no harm: it counts, and its output is stored.
    leaving.close();
    await until('its end', async () => (await runningCount(server)) === 1);
    t.equal(await server.request(...execute('m', ['in'], ['third'])), 'OK');
    t.equal(await waiting.reply(), 'OK');
    t.equal(await server.request('EXISTS', 'first', 'second', 'third'), 3);
    t.match(await statistics(server, 'm'), { calls: '3', executions: '1' });
    waiting.close();
  });

  const waits = [
    { title: 'MINBATCHTIMEOUT', options: ['MINBATCHTIMEOUT', 300], max: '3600000' },
    { title: 'min-batch-wait-max', options: [], max: '300' },
  ];
  for (const { title, options, max } of waits) {
    await t.test(`a batch below MINBATCHSIZE goes after ${title}`, async (t) => {
      const server = await startServer(['--min-batch-wait-max', max]);
      t.teardown(() => server.stop());
      const words = ['m', 'BATCHSIZE', 4, 'MINBATCHSIZE', 3, ...options];
      await store(server, models, words, ['TORCH', 'identity']);
      await server.request('AI.TENSORSET', 'in', 'FLOAT', 1, 2);
      const begin = process.hrtime.bigint();
      t.equal(await server.request(...execute('m', ['in'], ['out'])), 'OK');
      const waitedMs = Number(process.hrtime.bigint() - begin) / 1e6;
      t.ok(waitedMs >= 300, `after ${waitedMs} ms`);
      const { queue_usec: queueUs } = await statistics(server, 'm');
      t.ok(Number(queueUs) >= 300_000, `the wait is queue time: ${queueUs} µs`);
    });
  }

  await t.test('a step of a DAG shares a batch with a command', async (t) => {
    const server = await startServer(['--io-threads', '2']);
    t.teardown(() => server.stop());
    await store(server, models, ['m', 'BATCHSIZE', 4, 'MINBATCHSIZE', 2], ['TORCH', 'identity']);
    await server.request('AI.TENSORSET', 'in', 'FLOAT', 1, 1, 'VALUES', 1);
    const other = await server.raw();
    other.send(...execute('m', ['in'], ['out']));
    const reply = await server.request(
      ...['AI.DAGEXECUTE', 'ROUTING', 'x', '|>', 'AI.TENSORSET', 'a', 'FLOAT', 1, 1, 'VALUES', 2],
      ...['|>', ...execute('m', ['a'], ['b']), '|>', 'AI.TENSORGET', 'b', 'VALUES'],
    );
    t.strictSame(reply, ['OK', 'OK', ['2']]);
    t.equal(await other.reply(), 'OK');
    t.strictSame(await server.request('AI.TENSORGET', 'out', 'VALUES'), ['1']);
    t.match(await statistics(server, 'm'), { calls: '2', executions: '1' });
    other.close();
  });

  await t.test('TIMEOUT bounds the wait in the queue, and no run', async (t) => {
    const server = await startServer([]);
    t.teardown(() => server.stop());
    for (const backend of ['TORCH', 'ONNX']) {
      await store(server, models, [backend], [backend, 'identity']);
    }
    await store(server, models, ['slow'], ['TORCH', 'slow']);
    await server.request('AI.SCRIPTSET', 'script', 'CPU', 'SOURCE', SLOW_SCRIPT);
    await server.request('AI.TENSORSET', 'in', 'FLOAT', 1, 3);
    await server.request('AI.TENSORSET', 'rows', 'FLOAT', SLOW_ROWS);
    const begun = await server.raw();
    // It takes longer than its TIMEOUT, but begins at once.
    begun.send(...execute('slow', ['rows'], ['begun']), 'TIMEOUT', 100);
    const waits = [
      execute('TORCH', ['in'], ['no0']),
      execute('ONNX', ['in'], ['no1']),
      ['AI.SCRIPTEXECUTE', 'script', 'slow', 'INPUTS', 1, 'in', 'OUTPUTS', 1, 'no2'],
    ];
    await until('the slow run', async () => (await runningCount(server)) === 1);
    const clients = await Promise.all(waits.map(() => server.raw()));
    const replies = await Promise.all(
      clients.map((client, i) => client.request(...(waits[i] ?? []), 'TIMEOUT', 20)),
    );
    t.strictSame(replies, ['TIMEDOUT', 'TIMEDOUT', 'TIMEDOUT']);
    t.equal(await begun.reply(), 'OK');
    t.equal(await server.request('EXISTS', 'begun', 'no0', 'no1', 'no2'), 1);
    for (const client of [begun, ...clients]) client.close();
  });

  await t.test('INFO ai_models says where the time goes, AI.INFO keeps its 18 items', async (t) => {
    const server = await startServer([]);
    t.teardown(() => server.stop());
    const key = 'a key,with=odd:bytes\r\n\0';
    await store(server, models, [key], ['TORCH', 'slow']);
    await server.request('AI.TENSORSET', 'in', 'FLOAT', 20);
    await server.request(...execute(key, ['in'], ['out']));
    const line = String(await server.request('INFO', 'ai_models')).split('\r\n')[1] ?? '';
    const escaped = 'a\\\\x20key\\\\x2cwith\\\\x3dodd:bytes\\\\x0d\\\\x0a\\\\x00';
    t.match(
      line,
      new RegExp(
        `^ai_model_0:db=0,key=${escaped},type=MODEL,backend=TORCH,device=CPU,calls=1,errors=0,samples=20,` +
          'joined=0,executions=1,queue_usec=\\d+,copy_usec=\\d+,compute_usec=\\d{3,}$',
      ),
    );
    t.equal(((await server.request('AI.INFO', key)) as Value[]).length, 18);
    await server.request('AI.INFO', key, 'RESETSTAT');
    t.match(String(await server.request('INFO', 'ai_models')), /calls=0.*compute_usec=0/);
    t.notMatch(String(await server.request('INFO', 'everything')), /ai_model_0/);
  });
});
