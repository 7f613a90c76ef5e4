// Models in several pieces: AI.MODELSTORE takes any, AI.MODELGET answers pieces of MODEL_CHUNK_SIZE.
// With TUTTI_TEST_LARGE set, one of more than 2 GiB too.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { freemem } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { runtimeFolder } from '../../lib/runtimes/locate.ts';
import { versionedModel } from '../helpers/onnx.ts';
import { type Connection, framed, type StartedServer, startServer } from '../helpers/server.ts';
import { untilWithin } from '../helpers/waiting.ts';

const GiB = 2 ** 30;
const missing = runtimeFolder('onnx') === undefined && 'the ONNX runtime is not installed';
const model = versionedModel(1, 1_000_000);

/** Cut after these many bytes, again and again. */
function cut(blob: Buffer, ...sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, i = 0; at < blob.length; i++) {
    const size = sizes[i % sizes.length]!;
    pieces.push(blob.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

t.test('models in chunks', { skip: missing }, async (t) => {
  let server: StartedServer;
  let client: Connection;
  t.before(async () => {
    server = await startServer();
    client = await server.raw();
    await client.request('AI.TENSORSET', 'x', 'FLOAT', '1', 'VALUES', '5');
  });
  t.teardown(async () => {
    client.close();
    await server.stop();
  });
  const get = async (chunkBytes: number) => {
    await client.request('AI.CONFIG', 'MODEL_CHUNK_SIZE', chunkBytes);
    client.send('AI.MODELGET', 'm', 'BLOB');
    return client.binaryReply();
  };
  const whole = (reply: unknown) =>
    Buffer.concat(Array.isArray(reply) ? (reply as Buffer[]) : [reply as Buffer]);
  const lengths = (reply: unknown) =>
    Array.isArray(reply) ? reply.map((chunk: Buffer) => chunk.length) : undefined;

  for (const sizes of [[1_000_000], [1, 1_000_000], [100_000], [40_000, 3, 70_000, 20]]) {
    await t.test(`stored in pieces of ${sizes}`, async (t) => {
      const pieces = cut(model, ...sizes);
      await client.request('AI.MODELSTORE', 'm', 'ONNX', 'CPU', 'BLOB', ...pieces);
      await client.request('AI.MODELEXECUTE', 'm', 'INPUTS', '1', 'x', 'OUTPUTS', '2', 'y', 'z');
      t.equal(String(await client.request('AI.TENSORGET', 'y', 'VALUES')), '6');
      for (const chunkBytes of [100_000, 33_333, 50_001, 1000]) {
        const reply = await get(chunkBytes);
        t.ok(whole(reply).equals(model), `the same in chunks of ${chunkBytes}`);
        const count = Math.ceil(model.length / chunkBytes);
        t.strictSame(lengths(reply), [
          ...new Array<number>(count - 1).fill(chunkBytes),
          model.length - (count - 1) * chunkBytes,
        ]);
      }
    });
  }

  await t.test('have no empty chunk at the end', async (t) => {
    t.equal(
      lengths(await get(model.length + 1)),
      undefined,
      'smaller than a chunk: one bulk string',
    );
    t.strictSame(lengths(await get(model.length)), [model.length]);
    t.strictSame(lengths(await get(model.length - 1)), [model.length - 1, 1]);
    if (model.length % 2 === 0)
      t.strictSame(lengths(await get(model.length / 2)), [model.length / 2, model.length / 2]);
  });

  await t.test('are at most 65,536 in a reply', async (t) => {
    await client.request('AI.CONFIG', 'MODEL_CHUNK_SIZE', '1');
    t.match(
      await client.refusal('AI.MODELGET', 'm'),
      /^ERR the model has more pieces of MODEL_CHUNK_SIZE/,
    );
    t.match(await client.request('AI.MODELGET', 'm', 'META'), ['backend', 'ONNX']);
  });

  await t.test('thousands of them share the memory of what stands between them', async (t) => {
    const large = versionedModel(1, 40_000_000);
    await client.request('AI.MODELSTORE', 'large', 'ONNX', 'CPU', 'BLOB', large);
    await client.request('AI.CONFIG', 'MODEL_CHUNK_SIZE', '10000');
    const slow = connect(server.port, '127.0.0.1');
    await once(slow, 'connect');
    slow.pause();
    slow.write(framed(['CLIENT', 'SETNAME', 'slow']));
    slow.write(framed(['AI.MODELGET', 'large', 'BLOB']));
    const memoryBytes = async () =>
      Number(/name=slow .*tot-mem=(\d+)/.exec(String(await client.request('CLIENT', 'LIST')))?.[1]);
    await untilWithin(10)('most of it waits', async () => (await memoryBytes()) > 1e6);
    t.ok((await memoryBytes()) < large.length + 2e6, 'and takes little more than its length');
    const wanted = Buffer.concat([Buffer.from('+OK\r\n'), framed(cut(large, 10_000))]);
    const seen: Buffer[] = [];
    let seenBytes = 0;
    for await (const chunk of slow as AsyncIterable<Buffer>) {
      seen.push(chunk);
      seenBytes += chunk.length;
      if (seenBytes >= wanted.length) break;
    }
    t.ok(Buffer.concat(seen).equals(wanted), 'nothing is out of place');
    await client.request('DEL', 'large');
  });

  await t.test('that fail to load are told so', async (t) => {
    const broken = cut(model.subarray(0, 500_000), 70_000);
    t.match(await client.refusal('AI.MODELSTORE', 'm', 'ONNX', 'CPU', 'BLOB', ...broken), /\s/);
    await client.request('AI.MODELEXECUTE', 'm', 'INPUTS', '1', 'x', 'OUTPUTS', '2', 'y', 'z');
    t.equal(String(await client.request('AI.TENSORGET', 'y', 'VALUES')), '6', 'the old one serves');
  });
});

const maker = 'build/test-tools/torch_make_models';
const LARGE_BYTES = 2.3e9;

/** It takes a minute, 2.3 GB of disk and 8 GiB of memory. */
function whyNotLarge(): string | false {
  if (process.env.TUTTI_TEST_LARGE === undefined) return 'TUTTI_TEST_LARGE is not set';
  if (freemem() < 8 * GiB)
    return `${Math.floor(freemem() / GiB)} GiB of memory are free, it wants 8`;
  return !existsSync(maker) && `${maker} is not built`;
}

const LARGE_MS_MAX = 600_000;
if (!whyNotLarge()) t.setTimeout(LARGE_MS_MAX);

t.test('a model of more than 2 GiB', { skip: whyNotLarge(), timeout: LARGE_MS_MAX }, async (t) => {
  const server = await startServer(['--proto-max-bulk-len', '536870912']);
  t.teardown(() => server.stop());
  const file = join(server.folder, 'large.pt');
  execFileSync(maker, [file, String(LARGE_BYTES)]);
  const { size } = statSync(file);
  t.ok(size > 2 * GiB);
  const client = await server.raw();
  const chunkBytes = Number(await client.request('AI.CONFIG', 'GET', 'MODEL_CHUNK_SIZE'));
  const count = Math.ceil(size / chunkBytes);

  const sent = createHash('sha256');
  const words = ['AI.MODELSTORE', 'large', 'TORCH', 'CPU', 'BLOB'];
  const head = words.map((word) => `$${word.length}\r\n${word}\r\n`).join('');
  client.socket.write(`*${words.length + count}\r\n${head}`);
  for (let start = 0; start < size; start += chunkBytes) {
    const bytes = Math.min(chunkBytes, size - start);
    client.socket.write(`$${bytes}\r\n`);
    for await (const piece of createReadStream(file, {
      start,
      end: start + bytes - 1,
      highWaterMark: 1 << 20,
    })) {
      sent.update(piece);
      if (!client.socket.write(piece)) await once(client.socket, 'drain');
    }
    client.socket.write('\r\n');
  }
  t.equal(await client.reply(), 'OK');
  await client.request('AI.TENSORSET', 'x', 'FLOAT', '1', 'VALUES', '5');
  await client.request('AI.MODELEXECUTE', 'large', 'INPUTS', '1', 'x', 'OUTPUTS', '1', 'y');
  t.equal(String(await client.request('AI.TENSORGET', 'y', 'VALUES')), '8');

  client.send('AI.MODELGET', 'large', 'BLOB');
  const chunks = await client.binaryReply();
  t.ok(Array.isArray(chunks));
  const received = createHash('sha256');
  for (const chunk of Array.isArray(chunks) ? chunks : []) received.update(chunk as Buffer);
  t.equal(received.digest('hex'), sent.digest('hex'), 'the same bytes came back');

  const info = String(await client.request('INFO', 'memory'));
  const modelBytes = Number(/used_memory_models:(\d+)/.exec(info)?.[1]);
  t.ok(modelBytes > 2 * size * 0.99 && modelBytes < 2 * size * 1.2, `counts ${modelBytes} bytes`);
  client.close();
});
