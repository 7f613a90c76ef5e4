// Requests that wait for a run, in bytes: what is sent behind one sees its outputs, and a run goes on
// without its client.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { makeModels, missingModelMakers, type TestTensor } from '../helpers/models.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { framed, startServer } from '../helpers/server.ts';
import { infoNumber, untilWithin } from '../helpers/waiting.ts';

const SLOW = `
def slow(a):
    x = torch.ones(500, 500)
    for i in range(40):
        x = torch.matmul(x, x) * 0.001
    return a + 1

def next(a):
    return a + 1
`;

/** Their outputs depend on all their inputs and on nothing else. */
const pure = ['mlp-30-128-128-2', 'conv-28x28-10', 'two-in-two-out'];

const until = untilWithin(20);

t.test('with models', { skip: missingModelMakers() }, async (t) => {
  const models = await makeModels();
  t.teardown(() => models.remove());

  for (const threads of ['1', '2']) {
    await t.test(`set, run and get in one write read the new result, ${threads}`, async (t) => {
      const server = await startServer(['--io-threads', threads]);
      t.teardown(() => server.stop());
      for (const model of pure.flatMap((name) => [
        models.model('TORCH', name),
        models.model('ONNX', name),
      ])) {
        const client = await RawClient.connect(server.port);
        const { backend, name } = model;
        const stored = await client.call(
          ...['AI.MODELSTORE', 'm', backend, 'CPU', 'BLOB', readFileSync(model.file)],
        );
        t.equal(stored, '+OK\r\n', `${backend} ${name}`);
        const set = (tensor: TestTensor, i: number, bytes: Buffer) =>
          framed(['AI.TENSORSET', `in${i}`, tensor.dtype, ...tensor.dims, 'BLOB', bytes]);
        const given = model.inputs.map((tensor) => readFileSync(tensor.file));
        const wires = [given, given.map((bytes) => Buffer.alloc(bytes.length))].map((blobs) =>
          Buffer.concat([
            ...model.inputs.map((tensor, i) => set(tensor, i, blobs[i] ?? Buffer.alloc(0))),
            framed([
              ...['AI.MODELEXECUTE', 'm', 'INPUTS', given.length],
              ...given.map((_, i) => `in${i}`),
              ...['OUTPUTS', model.outputs.length],
              ...model.outputs.map((_, i) => `out${i}`),
            ]),
            ...model.outputs.map((_, i) => framed(['AI.TENSORGET', `out${i}`, 'META', 'BLOB'])),
          ]),
        );
        const replyCount = given.length + 1 + model.outputs.length;
        const replies = async () => {
          const all = [];
          for (let i = 0; i < replyCount; i++) all.push(await client.reply());
          return all;
        };
        const alone = [];
        for (const wire of wires) {
          client.send(wire);
          alone.push(await replies());
        }
        const heads = alone.map((all) => all.slice(0, given.length + 1));
        const ok = new Array(given.length + 1).fill('+OK\r\n');
        t.strictSame(heads, [ok, ok], 'all are stored and run');
        t.notSame(alone[0], alone[1], 'the inputs tell the results apart');
        const rounds = 30; // the last of them are short runs, made at once
        client.send(Buffer.concat(new Array<Buffer[]>(rounds).fill(wires).flat()));
        for (let i = 0; i < 2 * rounds; i++) {
          t.strictSame(await replies(), alone[i % 2], `run ${i} of one write`);
        }
        client.close();
      }
    });
  }

  await t.test('the run of a client that resets is stored, and no more of it', async (t) => {
    const server = await startServer(['--io-threads', '2']);
    t.teardown(() => server.stop());
    t.equal(await server.request('AI.SCRIPTSET', 's', 'CPU', 'SOURCE', SLOW), 'OK');
    await server.request('AI.TENSORSET', 'a', 'FLOAT', 1, 'VALUES', 1);
    const clients = 20;
    const requestBytes = await infoNumber(server, 'used_memory_requests');
    const inputBytes = await infoNumber(server, 'total_net_input_bytes');
    let sentBytes = 0;
    for (let i = 0; i < clients; i++) {
      const connection = await server.raw();
      const wire = Buffer.concat([
        framed([
          'AI.SCRIPTRUN',
          's',
          i % 4 === 0 ? 'slow' : 'next',
          'INPUTS',
          'a',
          'OUTPUTS',
          `o${i}`,
        ]),
        framed(['SET', 'never', '1']),
        framed(['SET', 'never', Buffer.alloc(50_000)]),
      ]);
      // The second command may be carried out if the run has ended by then.
      const isSlow = i % 4 === 0;
      const part = isSlow ? wire : wire.subarray(0, wire.indexOf('*3\r\n$3\r\nSET'));
      sentBytes += part.length;
      connection.write(part);
      await until('the request read', async () => {
        return (await infoNumber(server, 'total_net_input_bytes')) >= inputBytes + sentBytes;
      });
      connection.socket.resetAndDestroy();
    }
    const outputs = Array.from({ length: clients }, (_, i) => `o${i}`);
    await until(
      'all outputs',
      async () => (await server.request('EXISTS', ...outputs)) === clients,
    );
    for (const output of outputs) {
      t.strictSame(await server.request('AI.TENSORGET', output, 'VALUES'), ['2'], output);
    }
    await until(
      'all clients gone',
      async () => (await infoNumber(server, 'connected_clients')) === 1,
    );
    await until('their memory back', async () => {
      return (await infoNumber(server, 'used_memory_requests')) <= requestBytes;
    });
    t.equal(await server.request('PING'), 'PONG');
  });
});
