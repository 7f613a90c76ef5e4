// Commands that crashed the reference (RedisAI 1.2.7): each is answered, and a PING after it too.

import t, { type Test } from 'tap';
import { runtimeFolder } from '../../lib/runtimes/locate.ts';
import { onnxModel, versionedModel } from '../helpers/onnx.ts';
import { type Connection, type StartedServer, startServer } from '../helpers/server.ts';

type Words = readonly (string | Buffer)[];

const missing = runtimeFolder('onnx') === undefined && 'the ONNX runtime is not installed';

/** FLOAT x of any length to its elements from `start` on, of which there may be none. */
const tail = (start: number) =>
  onnxModel({
    nodes: [{ op: 'Slice', inputs: ['x', 'start', 'end'], outputs: ['y'] }],
    weights: ['start', 'end'].map((name) => ({
      name,
      dtype: 'INT64',
      dims: [1],
      data: Buffer.from(new BigInt64Array([BigInt(name === 'start' ? start : 1 << 30)]).buffer),
    })),
    inputs: [{ name: 'x', dtype: 'FLOAT', dims: ['N'] }],
    outputs: [{ name: 'y', dtype: 'FLOAT', dims: ['M'] }],
  });

const zeroDimModel = onnxModel({
  nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }],
  inputs: [{ name: 'x', dtype: 'FLOAT', dims: [0, 3] }],
  outputs: [{ name: 'y', dtype: 'FLOAT', dims: [0, 3] }],
});

const invalidShape = 'ERR invalid or negative value found in tensor shape';

/** Refused, with this text or one like it. */
const refused: readonly { title: string; words: Words; text: string | RegExp }[] = [
  ...[
    '-1',
    '0',
    '-9223372036854775808',
    '9223372036854775808',
    '99999999999999999999999999',
    '9223372036854775807 2',
    '4294967296 4294967296',
    '3037000500 3037000500',
  ].map((dims) => ({
    title: `the shape ${dims}`,
    words: ['AI.TENSORSET', 'huge', 'DOUBLE', ...dims.split(' '), 'VALUES', '1'],
    text: invalidShape,
  })),
  {
    title: 'a shape of 2^62 bytes without data',
    words: ['AI.TENSORSET', 'huge', 'INT8', '2147483648', '2147483648'],
    text: "OOM command not allowed when used memory > 'maxmemory'.",
  },
  {
    title: 'a shape of 2^62 bytes with a small blob',
    words: ['AI.TENSORSET', 'huge', 'INT8', '2147483648', '2147483648', 'BLOB', 'x'],
    text: 'ERR data length does not match tensor shape and type',
  },
  {
    title: 'AI.MODELEXECUTE without the count of its inputs',
    words: ['AI.MODELEXECUTE', 'm', 'INPUTS', 'x', 'OUTPUTS', 'y', 'z', 'w'],
    text: 'ERR Invalid argument for input_count',
  },
  {
    title: 'AI.MODELEXECUTE without the count of its outputs',
    words: ['AI.MODELEXECUTE', 'm', 'INPUTS', '1', 'x', 'OUTPUTS', 'y', 'z'],
    text: 'ERR Invalid argument for output_count',
  },
  {
    title: 'AI.MODELEXECUTE without any count',
    words: ['AI.MODELEXECUTE', 'm', 'INPUTS', 'OUTPUTS', 'TIMEOUT', '1', '1', '1'],
    text: 'ERR Invalid argument for input_count',
  },
  {
    title: 'AI.MODELEXECUTE that ends at INPUTS',
    words: ['AI.MODELEXECUTE', 'm', 'a', 'b', 'c', 'd', 'e', 'INPUTS'],
    text: 'ERR INPUTS not specified',
  },
  {
    title: 'AI.SCRIPTEXECUTE of three words',
    words: ['AI.SCRIPTEXECUTE', 's', 'f'],
    text: /^ERR /,
  },
  { title: 'AI.SCRIPTEXECUTE of two words', words: ['AI.SCRIPTEXECUTE', 's'], text: /^ERR / },
  { title: 'AI.SCRIPTEXECUTE alone', words: ['AI.SCRIPTEXECUTE'], text: /^ERR / },
];

t.test('what crashed the reference', { skip: missing }, async (t) => {
  let server: StartedServer;
  let client: Connection;
  t.before(async () => {
    server = await startServer(['--io-threads', '2']);
    client = await server.raw();
    await store('m', versionedModel(1));
    await client.request('AI.TENSORSET', 'x', 'FLOAT', '2', 'VALUES', '1', '2');
  });
  t.teardown(async () => {
    client.close();
    await server.stop();
  });
  const store = (key: string, blob: Buffer, ...options: string[]) =>
    client.request('AI.MODELSTORE', key, 'ONNX', 'CPU', ...options, 'BLOB', blob);
  const run = (connection: Connection, key: string, outputs: Words = ['y', 'z']) =>
    connection.request(
      ...['AI.MODELEXECUTE', key, 'INPUTS', '1', 'x'],
      ...['OUTPUTS', String(outputs.length), ...outputs],
    );

  const survives = (title: string, body: (t: Test) => Promise<unknown>) =>
    t.test(title, async (t) => {
      await body(t);
      t.equal(await client.request('PING'), 'PONG');
    });

  for (const { title, words, text } of refused) {
    await survives(title, async (t) => t.match(await client.refusal(...words), text));
  }

  await survives('BATCHSIZE with MINBATCHSIZE', async (t) => {
    await store('batched', versionedModel(1), 'BATCHSIZE', '2', 'MINBATCHSIZE', '2');
    const others = await Promise.all([server.raw(), server.raw(), server.raw()]);
    await client.request('AI.TENSORSET', 'x', 'FLOAT', '1', 'VALUES', '1');
    const runs = others.map((other, i) => run(other, 'batched', [`y${i}`, `z${i}`]));
    t.strictSame(await Promise.all(runs), ['OK', 'OK', 'OK']);
    for (const other of others) other.close();
  });

  await survives('an ONNX output with a dim of 0', async (t) => {
    await client.request('AI.TENSORSET', 'x', 'FLOAT', '2', 'VALUES', '1', '2');
    await store('tail', tail(2));
    t.equal(await run(client, 'tail', ['empty']), 'OK');
    t.strictSame(await client.request('AI.TENSORGET', 'empty', 'META', 'VALUES'), [
      'dtype',
      'FLOAT',
      'shape',
      [0],
      'values',
      [],
    ]);
    t.equal(await client.request('AI.TENSORGET', 'empty', 'BLOB'), '');
    await store('zero', zeroDimModel);
    t.match(
      await client.refusal('AI.MODELEXECUTE', 'zero', 'INPUTS', '1', 'x', 'OUTPUTS', '1', 'y'),
      /\s/,
    );
    t.match(
      await client.refusal(
        'AI.MODELEXECUTE',
        'm',
        'INPUTS',
        '1',
        'nothing',
        'OUTPUTS',
        '2',
        'y',
        'z',
      ),
      'ERR tensor key is empty or in a different shard',
    );
    // What a run has made may be given to the next one.
    const replies = await client.request(
      ...['AI.MODELEXECUTE', 'm', 'INPUTS', '1', 'empty', 'OUTPUTS', '2', 'y', 'z'],
    );
    t.equal(replies, 'OK');
  });

  await survives('AI.MODELDEL while the model runs', async (t) => {
    await client.request('AI.TENSORSET', 'x', 'FLOAT', '2', 'VALUES', '1', '2');
    const deleter = await server.raw();
    t.teardown(() => deleter.close());
    let isOver = false;
    const deleting = (async () => {
      while (!isOver) {
        await deleter.request('AI.MODELSTORE', 'brief', 'ONNX', 'CPU', 'BLOB', versionedModel(1));
        deleter.send('AI.MODELDEL', 'brief');
        await deleter.reply();
      }
    })();
    const seen = new Map<string, number>();
    for (let i = 0; i < 500; i++) {
      client.send(...['AI.MODELEXECUTE', 'brief', 'INPUTS', '1', 'x', 'OUTPUTS', '2', 'y', 'z']);
      const reply = await client.reply();
      const text = reply instanceof Error ? reply.message : String(reply);
      seen.set(text, (seen.get(text) ?? 0) + 1);
    }
    isOver = true;
    await deleting;
    seen.delete('OK');
    seen.delete('ERR model key is empty');
    t.strictSame([...seen], [], 'nothing but these two replies');
  });

  await survives('RENAME while the model runs', async (t) => {
    await store('name0', versionedModel(1));
    const renamer = await server.raw();
    const runner = await server.raw();
    const names = ['name0', 'name1'];
    let runCount = 0;
    for (let i = 0; i < 500; i++) {
      runner.send(...['AI.MODELEXECUTE', names[0]!, 'INPUTS', '1', 'x', 'OUTPUTS', '2', 'y', 'z']);
      t.equal(await renamer.request('RENAME', names[0]!, names[1]!), 'OK');
      const reply = await runner.reply();
      if (reply === 'OK') runCount++;
      else t.equal(reply instanceof Error && reply.message, 'ERR model key is empty');
      names.reverse();
    }
    const info = await client.request('AI.INFO', names[0]!);
    t.ok(Array.isArray(info));
    const calls = Array.isArray(info) ? info[info.indexOf('calls') + 1] : undefined;
    t.equal(calls, runCount, 'statistics follow the model to its new name');
    renamer.close();
    runner.close();
  });

  await survives('INFO while a model is loaded', async (t) => {
    const loader = await server.raw();
    let isOver = false;
    let infoCount = 0;
    const asking = (async () => {
      while (!isOver) {
        t.match(String(await client.request('INFO', 'everything')), /# ai_cpu/);
        infoCount++;
      }
    })();
    const large = versionedModel(2, 10_000_000);
    for (let i = 0; i < 10; i++)
      await loader.request('AI.MODELSTORE', 'large', 'ONNX', 'CPU', 'BLOB', large);
    isOver = true;
    await asking;
    t.ok(infoCount > 10, `${infoCount} times`);
    loader.close();
  });
});
