// The exports of tutti.node about models, scripts and runs, with the echo backend.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  backendNames,
  codes,
  INPUT_MISSING,
  INPUT_WRONG_TYPE,
  messageKinds,
  tensorSources,
} from '../../lib/engine/addon.ts';
import { nativeFolder } from '../../lib/runtimes/locate.ts';
import {
  addon,
  allRows,
  cleanUp,
  inWorker,
  nextMessage,
  numbers,
  pattern,
  receiveBlob,
  replyBlobBytes,
  request,
  setString,
  setTensor,
  tensorValues,
  type Word,
} from './addon-thread.ts';

t.beforeEach(cleanUp);

const echo = join(nativeFolder(), 'tutti_backend_echo.so');
const skip = existsSync(echo) ? false : 'no echo backend';

t.test('models and scripts', { skip }, async (t) => {
  const none = { library: '', runtimeFolder: '', preload: [] };
  addon.configureEngine({
    threadsPerQueue: 1,
    intraOpThreads: 1,
    interOpThreads: 1,
    coreCount: 1,
    executionTimeoutMs: 5000,
    memoryLimitBytes: 0,
    minBatchWaitMsMax: 10_000,
    backends: backendNames.map((name) =>
      name === 'TORCH' ? { library: echo, runtimeFolder: '', preload: [] } : none,
    ),
  });
  addon.startBackground();
  t.strictSame(addon.queueNames(), ['CPU']);
  t.equal(addon.queueThreadCpuSeconds('CPU').length, 1);
  const torch = backendNames.indexOf('TORCH');

  const bytes = pattern(100_000);
  const chunk = receiveBlob(bytes);
  const storeWords: Word[] = ['m', 'CPU', 'a tag', { blob: chunk }, 'small chunk'];
  request(...storeWords);
  t.equal(addon.modelStore(0, 0, torch, 1, 2, 4, 2, 100, 0, 0, 0, 0, 3, 2, 5, 6), 0);
  addon.blobRelease(chunk);
  const stored = await nextMessage();
  t.strictSame(stored, {
    kind: messageKinds.completion,
    connection: 5,
    sequence: 6,
    code: 0,
    text: '',
  });
  t.type(addon.backendVersion(torch), 'string');
  t.equal(addon.backendVersion(backendNames.indexOf('ONNX')), '');

  request('m', 'absent');
  t.equal(addon.modelFind(0, 1), -codes.notFound);
  const model = addon.modelFind(0, 0);
  t.match(model, {
    backend: torch,
    device: 'CPU',
    tag: 'a tag',
    batchSize: 4,
    minBatchSize: 2,
    minBatchTimeoutMs: 100,
    blobBytes: 100_011,
  });
  const ids = addon.modelBlob(30_000);
  const parts = typeof ids === 'number' ? [] : ids.map(replyBlobBytes);
  t.strictSame(
    parts.map((part) => part.length),
    [30_000, 30_000, 30_000, 10_000, 11],
    'cut where a chunk ends and where it was cut when it was stored',
  );
  t.ok(Buffer.concat(parts).equals(Buffer.concat([bytes, Buffer.from('small chunk')])));

  request('m');
  t.type(addon.modelFind(0, 0), 'object');
  t.equal(addon.modelBlob(1), -codes.overflow, 'pieces beyond 65,536 are refused');

  t.equal(addon.modelArity(0, 0), 0);
  const inputCount = numbers[0];
  t.type(inputCount, 'number');

  setTensor('in', 'INT8', ['2'], tensorSources.values, '1', '2');
  setString('text', 'x');
  request('m', 'in', 'out', 'absent', 'text');
  const execute = (key: number, input: number) => addon.modelExecute(0, key, input, 1, 2, 1, 0);
  t.equal(execute(3, 1), -codes.notFound);
  t.equal(execute(1, 1), -codes.wrongType);
  t.equal(execute(0, 3), -INPUT_MISSING);
  t.equal(addon.modelExecute(0, 0, 1, 2, 2, 1, 0), -(INPUT_MISSING + 1));
  t.equal(execute(0, 4), -INPUT_WRONG_TYPE);
  t.equal(execute(0, 1), 0);
  addon.modelQueue(5, 7, -1);
  t.match(await nextMessage(), { connection: 5, sequence: 7, code: 0 });
  t.strictSame(tensorValues('out'), ['1', '2']);
  request('m', 'absent', 'text');
  t.match(addon.runInfo(0, 0), {
    kind: 'MODEL',
    backend: torch,
    tag: 'a tag',
    calls: 1,
    samples: 2,
  });
  t.equal(addon.runInfo(0, 1), -codes.notFound);
  t.equal(addon.runInfo(0, 2), -codes.wrongType);
  t.equal(addon.resetRunInfo(0, 0), 0);
  t.match(addon.runInfo(0, 0), { calls: 0, samples: 0 });

  request('s', 'CPU', 'f', 'def f(): ...', 'fail', 'in', 'out2', 'nonsense');
  t.equal(addon.scriptStore(0, 0, 7, -1, 2, 0, 3, 1, 2), -codes.invalidValue);
  t.equal(addon.scriptStore(0, 0, 1, -1, 2, 0, 4, 1, 2), 0);
  t.match(await nextMessage(), { connection: 1, sequence: 2, code: codes.failed, text: / / });
  t.equal(addon.scriptStore(0, 0, 1, -1, 2, 0, 3, 1, 3), 0);
  t.match(await nextMessage(), { sequence: 3, code: 0 });
  t.strictSame(addon.scriptFind(0, 0), {
    device: 'CPU',
    tag: '',
    entryPoints: [],
    source: 'def f(): ...',
  });
  t.equal(addon.scriptFind(0, 1), -codes.notFound);
  t.equal(addon.scriptExecute(0, 0, 2, [], [5], [], [6], -1, 0, 1, 4, 'default'), 0);
  t.match(await nextMessage(), { sequence: 4, code: 0 });
  t.strictSame(tensorValues('out2'), ['1', '2']);
  request('s');
  t.match(addon.runInfo(0, 0), { kind: 'SCRIPT', calls: 1 });
  t.strictSame(allRows(addon.scanModels(0)).texts.map(String), ['m', 'a tag']);
  t.strictSame(allRows(addon.scanScripts(0)).texts.map(String), ['s', '']);

  addon.loadBackend(torch, 9, 9);
  t.match(await nextMessage(), { connection: 9, code: codes.failed }, 'it is loaded already');
  addon.stopBackground();
});

t.test('a process exits while a run goes on', { skip }, async (t) => {
  const body = `
    const place = { library: ${JSON.stringify(echo)}, runtimeFolder: '', preload: [] };
    const none = { library: '', runtimeFolder: '', preload: [] };
    addon.configureEngine({
      threadsPerQueue: 2, intraOpThreads: 1, interOpThreads: 1, coreCount: 1, executionTimeoutMs: 5000,
      memoryLimitBytes: 0,
      minBatchWaitMsMax: 10_000, backends: [none, none, place, none],
    });
    addon.startBackground();
    const timer = setInterval(() => {}, 1000);
    request('m', 'CPU', 'slow 60000', 'in', 'out');
    addon.tensorSet(0, 3, 0, 0, 0, 0, 0, 0);
    addon.modelStore(0, 0, 2, 1, -1, 0, 0, 0, 0, 0, 0, 0, 2, 1, 1, 1);
    onWake = () => {
      if (addon.drainMailbox() === 0) return;
      for (let i = 0; i < 5; i++) addon.modelExecute(0, 0, 3, 1, 4, 1, 0, 1, 2);
      setTimeout(() => process.exit(0), 20);
    };`;
  const run = spawnSync(process.execPath, ['--eval', inWorker(body)], { timeout: 30_000 });
  t.equal(run.status, 0);
  t.equal(String(run.stderr), '');
});
