// The exports of tutti.node about requests, replies and the process, each called as TypeScript does.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { KiB, MiB } from '../../lib/core/units.ts';
import {
  BLOB_BYTES_MIN,
  codes,
  messageKinds,
  NO_EXPIRY,
  tensorSources,
} from '../../lib/engine/addon.ts';
import {
  addon,
  blocks,
  cleanUp,
  drain,
  getString,
  heldBytes,
  nextMessage,
  noEviction,
  numbers,
  OUT_BYTES,
  out,
  pattern,
  receiveBlob,
  request,
  row,
  rows,
  scratch,
  setString,
  setTensor,
  sourceRoot,
} from './addon-thread.ts';

t.beforeEach(cleanUp);

t.test('exports what the interface names, and nothing else', async (t) => {
  const read = (name: string) => readFileSync(join(sourceRoot, 'lib/engine', name), 'utf8');
  const body = [
    /export interface Addon\b[^{]*\{\n(.*?)\n\}/s.exec(read('addon.ts'))?.[1],
    ...[
      'data-commands.ts',
      'event-commands.ts',
      'blocking-commands.ts',
      'client-commands.ts',
      'journal-commands.ts',
      'model-commands.ts',
      'observation-commands.ts',
      'stored-data.ts',
    ].flatMap((file) =>
      [...read(file).matchAll(/export interface \w+Commands \{\n(.*?)\n\}/gs)].map(
        (match) => match[1],
      ),
    ),
  ].join('\n');
  const names = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map((match) => match[1]);
  t.ok(names.length > 80);
  t.strictSame(Object.keys(addon).sort(), names.sort());
});

t.test('gives a thread its blocks', async (t) => {
  t.equal(addon.abiVersion, 1);
  t.equal(scratch.length, 64 * KiB);
  t.equal(row.length, 2 * 16_384);
  t.equal(out.length, OUT_BYTES);
  t.equal(rows.length, 64 * KiB);
  t.equal(numbers.length, 512);
  t.equal(blocks.threadIndex, 0);
});

t.test('takes a request from another block', async (t) => {
  const block = Buffer.from('..key.value');
  const words = new Uint32Array([2, 3, 6, 5]);
  addon.useRequest(block, words);
  t.equal(addon.stringSet(0, 0, 1, NO_EXPIRY, 0), 0);
  t.equal(String(getString('key')), 'value');

  const memory = addon.allocateBlock(100_000);
  t.equal(memory.byteLength, 100_000);
  const copy = Buffer.from(memory);
  copy.write('keyother', 99_000);
  addon.useRequest(copy, new Uint32Array([99_000, 3, 99_003, 5]));
  t.equal(addon.stringSet(0, 0, 1, NO_EXPIRY, 0), 0);
  const used = addon.statistics().usedMemoryByKind.requests;
  t.ok(used >= 100_000);
  addon.freeBlock(memory);
  t.equal(memory.byteLength, 0);
  t.ok(addon.statistics().usedMemoryByKind.requests <= used - 100_000);
  t.equal(String(getString('key')), 'other');
});

t.test('stores long arguments in the memory they came in', async (t) => {
  for (const byteCount of [BLOB_BYTES_MIN, 64 * KiB, 64 * KiB + 1, 3 * MiB]) {
    const bytes = pattern(byteCount);
    const id = receiveBlob(bytes);
    t.equal(addon.blobIsRefused(id), 0);
    t.equal(setString('k', { blob: id }), 0);
    addon.blobRelease(id);
    t.ok(bytes.equals(getString('k') as Buffer), `a string of ${byteCount} bytes`);

    const blob = receiveBlob(bytes);
    const source = tensorSources.blob;
    t.equal(setTensor('tensor', 'UINT8', [`${byteCount}`], source, { blob }), 0);
    addon.blobRelease(blob);
    request('tensor');
    t.equal(addon.tensorFind(0, 0), byteCount);
    t.ok(bytes.equals(heldBytes(byteCount)), `a tensor of ${byteCount} bytes`);
  }
});

t.test('a blob that is dropped gives its memory back', async (t) => {
  const before = addon.statistics().usedMemory;
  const id = addon.blobBegin(64 * MiB);
  const claimed = addon.statistics().usedMemory;
  t.ok(claimed - before < 128 * KiB, 'a claim is not memory');
  addon.blobRelease(id);
  t.equal(addon.statistics().usedMemory, before);
});

t.test('refuses what passes maxmemory', async (t) => {
  const limit = (maxmemoryBytes: number) =>
    addon.setLimits({ maxmemoryBytes, poolIdleMaxBytes: 64 * MiB, ...noEviction });
  t.equal(addon.isOverMaxmemory(), 0);
  limit(addon.statistics().usedMemory + 256 * KiB);
  const blob = receiveBlob(pattern(1 * MiB));
  t.equal(addon.blobIsRefused(blob), 1);
  t.equal(setString('k', { blob }), -codes.outOfMemory);
  const { blob: source } = tensorSources;
  t.equal(setTensor('k', 'UINT8', [`${MiB}`], source, { blob }), -codes.outOfMemory);
  t.equal(
    setTensor('k', 'UINT8', [`${MiB}`], tensorSources.zeros),
    -codes.outOfMemory,
    'zeros count too',
  );
  request('k', 'field', { blob });
  t.equal(addon.hashSet(0, 0, 1, 2), -codes.outOfMemory);
  t.equal(addon.listPush(0, 0, 1, 2, 1), -codes.outOfMemory);
  t.equal(addon.databaseSize(0), 0);
  addon.blobRelease(blob);
  limit(0);
  setString('k', 'v');
  limit(1);
  t.equal(addon.isOverMaxmemory(), 1);
  limit(0);
});

t.test('a held value outlives its key', async (t) => {
  setString('k', 'value');
  request('k');
  const byteCount = addon.stringFind(0, 0);
  addon.keysDelete(0, 0, 1);
  const id = addon.heldKeep();
  t.equal(addon.replyBlobBytes(id), byteCount);
  const view = addon.replyBlobView(id, 1, 3);
  t.equal(String(view), 'alu');
  addon.detach(view.buffer);
  t.equal(view.length, 0);
  addon.replyBlobRelease(id);
});

t.test('memory of replies returns without a collection', async (t) => {
  const bytes = pattern(16 * MiB);
  const before = addon.statistics().usedMemory;
  for (let i = 0; i < 50; i++) {
    const blob = receiveBlob(bytes);
    setString('k', { blob });
    addon.blobRelease(blob);
    request('k');
    addon.stringFind(0, 0);
    const id = addon.heldKeep();
    const views = [addon.replyBlobView(id, 0, bytes.length), addon.replyBlobView(id, 5, 1000)];
    for (const view of views) addon.detach(view.buffer);
    addon.keysDelete(0, 0, 1);
    addon.replyBlobRelease(id);
  }
  t.ok(addon.statistics().usedMemory - before < 64 * KiB);
});

t.test('a notice wakes the thread', async (t) => {
  addon.postNotice('{"maxmemory":1}');
  t.strictSame(await nextMessage(), {
    kind: messageKinds.notice,
    connection: 0,
    sequence: 0,
    code: 0,
    text: '{"maxmemory":1}',
  });
  const long = 'n'.repeat(50_000);
  for (let i = 0; i < 1500; i++) addon.postNotice(i % 500 === 0 ? long : `${i}`);
  const messages = drain();
  t.equal(messages.length, 1500);
  t.ok(messages.every(({ text }, i) => text === (i % 500 === 0 ? long : `${i}`)));
  t.equal(addon.drainMailbox(), 0);
});

t.test('clients', async (t) => {
  const before = addon.statistics();
  const id = addon.clientOpen(7, 12, '127.0.0.1:5', '127.0.0.1:6379', false, 10_000);
  const other = addon.clientOpen(8, 13, '/tmp/x:0', '/tmp/x:0', true, 10_000);
  t.equal(other, id + 1);
  t.equal(addon.clientOpen(9, 14, 'a', 'b', false, 2), -1);
  t.equal(addon.clientCount(), 2);
  const figures = [6, 7, 8, 5_000_000_000, 9, 10, 11, 12, 13, 14, 15, 16, 1] as const;
  t.equal(addon.clientUpdate(id, 1_700_000_000_000, 3, 3, 4, 5, ...figures), 16);
  for (const field of ['name', 'libName', 'libVersion', 'user', 'lastCommand', 'flags'] as const) {
    addon.clientSetText(id, field, `a ${field}`);
  }
  const [first, second] = addon.clientList();
  const { createdMs, ...rest } = first ?? { createdMs: 0 };
  t.ok(Math.abs(createdMs - Date.now()) < 60_000);
  t.strictSame(rest, {
    id,
    threadIndex: 0,
    connection: 7,
    fd: 12,
    address: '127.0.0.1:5',
    localAddress: '127.0.0.1:6379',
    lastCommand: 'a lastCommand',
    flags: 'a flags',
    name: 'a name',
    libName: 'a libName',
    libVersion: 'a libVersion',
    user: 'a user',
    lastSeenMs: 1_700_000_000_000,
    db: 3,
    resp: 3,
    multiCount: 4,
    watchCount: 5,
    channelCount: 6,
    patternCount: 7,
    shardChannelCount: 8,
    queryBytes: 5_000_000_000,
    queryUnusedBytes: 9,
    argumentBytes: 10,
    multiBytes: 11,
    replyBlockBytes: 12,
    replyPeakBytes: 13,
    outputBytes: 14,
    outputCount: 15,
    memoryBytes: 16,
  });
  t.equal(second?.flags, 'U');
  t.equal(second?.user, 'default');

  t.strictSame(addon.clientsEvict(16), []);
  t.equal(addon.clientKill([id, 999_999]), 1);
  const message = await nextMessage();
  t.equal(message.kind, messageKinds.kill);
  t.equal(message.connection, 7);
  addon.clientClose(id);
  addon.clientClose(other);
  t.equal(addon.clientCount(), 0);
  t.strictSame(addon.clientList(), []);
  t.equal(addon.statistics().totalConnections, before.totalConnections + 2);
});

t.test('statistics', async (t) => {
  addon.resetStatistics();
  addon.count(1000, 5_000_000_000);
  addon.count(0, 0);
  setString('k', 'v');
  getString('k');
  getString('absent');
  const statistics = addon.statistics();
  t.equal(statistics.netInputBytes, 1000);
  t.equal(statistics.netOutputBytes, 5_000_000_000);
  t.equal(statistics.hits, 1);
  t.equal(statistics.misses, 1);
  t.ok(statistics.dirty > 0);
  t.ok(statistics.rss > 10 * MiB && statistics.totalSystemMemory > statistics.rss);
  t.ok(statistics.usedMemoryPeak >= statistics.usedMemory);
  addon.resetStatistics();
  t.equal(addon.statistics().netInputBytes, 0);
});
