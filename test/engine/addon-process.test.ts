// Listeners, sockets, threads and the end of a process that has tutti.node.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { MiB } from '../../lib/core/units.ts';
import { EAGAIN, socketEvents } from '../../lib/engine/addon.ts';
import {
  addon,
  blocks,
  cleanUp,
  drain,
  getString,
  inWorker,
  nextReady,
  noEviction,
  OUT_BYTES,
  out,
  request,
  scratch,
  setString,
} from './addon-thread.ts';

t.beforeEach(cleanUp);

/** Listens, and answers what `Listener` needs: connections as they come. */
function listen(address: Parameters<typeof addon.listen>[0]) {
  const waiting: ((connection: [number, string, string, boolean]) => void)[] = [];
  const id = addon.listen(address, (...connection) => waiting.shift()?.(connection));
  const next = () =>
    new Promise<[number, string, string, boolean]>((resolve) => waiting.push(resolve));
  return { id, next };
}

async function readAll(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

t.test('listens on TCP and sends', async (t) => {
  for (const host of ['127.0.0.1', '::1']) {
    let listener: ReturnType<typeof listen>;
    try {
      listener = listen({ host, port: 0, backlog: 16 });
    } catch (error) {
      t.equal((error as { code: string }).code, 'EADDRNOTAVAIL');
      continue; // a machine without IPv6
    }
    const port = addon.listenerPort(listener.id);
    t.ok(port > 0);
    const accepted = listener.next();
    const socket = connect({ host, port });
    const [fd, address, localAddress, isUnix] = await accepted;
    const shown = host === '::1' ? '[::1]' : host;
    t.equal(localAddress, `${shown}:${port}`);
    t.equal(address, `${shown}:${socket.localPort}`);
    t.equal(isUnix, false);

    out.write('0123456789', 0);
    const slot = addon.socketOpen(fd, 300);
    t.equal(addon.socketSend(slot, 2, 6, 1), 4);
    setString('k', 'a value');
    request('k');
    addon.stringFind(0, 0);
    const id = addon.heldKeep();
    t.equal(addon.socketSendBlob(slot, 0, 1, id, 2), 1 + 5);
    addon.replyBlobRelease(id);
    const rest = Buffer.from('__of a block__');
    t.equal(addon.socketSendBlock(slot, rest, 2, 12), 10);
    addon.socketClose(slot);
    t.equal(await readAll(socket), '23450valueof a block');
    t.throws(() => listen({ host, port, backlog: 16 }), {
      code: 'EADDRINUSE',
      address: `${host}:${port}`,
      message: `cannot listen on ${host}:${port}: Address already in use`,
    });
    addon.closeListener(listener.id);
    const refused = connect({ host, port });
    const [error] = (await once(refused, 'error')) as [{ code: string }];
    t.equal(error.code, 'ECONNREFUSED');
  }
});

t.test('a socket that cannot be watched is refused', async (t) => {
  t.equal(addon.socketOpen(-1, 0), -9, 'EBADF');
});

/** Two ends of one connection: ours as a slot. */
async function connected() {
  const listener = listen({ host: '127.0.0.1', port: 0, backlog: 16 });
  const accepted = listener.next();
  const socket = connect({ host: '127.0.0.1', port: addon.listenerPort(listener.id) });
  const [fd] = await accepted;
  addon.closeListener(listener.id);
  return { socket, slot: addon.socketOpen(fd, 0) };
}

t.test('tells of sockets that are ready, and reads', async (t) => {
  const { socket, slot } = await connected();
  let ready = nextReady();
  socket.write('to scratch');
  t.strictSame(await ready, [[slot, socketEvents.readable]]);
  t.equal(addon.socketRead(slot), 10);
  t.equal(scratch.toString('utf8', 0, 10), 'to scratch');
  t.equal(addon.socketRead(slot), EAGAIN);

  const bytes = Buffer.alloc(3 * MiB, 'blob');
  const blob = addon.blobBegin(bytes.length);
  socket.write(bytes);
  for (let received = 0; received < bytes.length; ) {
    await nextReady();
    const count = addon.socketReadBlob(slot, blob);
    t.ok(count > 0 && count <= MiB, `${count} bytes`);
    received += count;
  }
  t.equal(setString('k', { blob }), 0);
  addon.blobRelease(blob);
  t.ok(bytes.equals(getString('k') as Buffer));

  addon.socketWatch(slot, socketEvents.readable | socketEvents.writable);
  t.strictSame(await nextReady(), [[slot, socketEvents.writable]]);
  addon.socketWatch(slot, socketEvents.readable);
  ready = nextReady();
  socket.end();
  t.strictSame(await ready, [[slot, socketEvents.readable]]);
  t.equal(addon.socketRead(slot), 0, 'the end');
  addon.socketClose(slot);
});

t.test('reads a refused blob and throws it away', async (t) => {
  const { socket, slot } = await connected();
  addon.setLimits({
    maxmemoryBytes: addon.statistics().usedMemory + MiB,
    poolIdleMaxBytes: 0,
    ...noEviction,
  });
  const blob = addon.blobBegin(16 * MiB);
  t.equal(addon.blobIsRefused(blob), 1);
  socket.write(Buffer.alloc(16 * MiB));
  socket.write('next');
  for (let received = 0; received < 16 * MiB; ) {
    await nextReady();
    received += addon.socketReadBlob(slot, blob);
  }
  addon.blobRelease(blob);
  addon.setLimits({ maxmemoryBytes: 0, poolIdleMaxBytes: 64 * MiB, ...noEviction });
  await nextReady();
  t.equal(addon.socketRead(slot), 4, 'not a byte of what follows');
  addon.socketClose(slot);
});

t.test('sends the replies of several clients at once', async (t) => {
  const clients = [await connected(), await connected(), await connected()] as const;
  const [full, ...others] = clients;
  while (addon.socketSend(full.slot, 0, OUT_BYTES, 0) > 0);
  out.write('abcdef', 0);
  const rows = [
    [others[0].slot, 0, 2],
    [full.slot, 2, 4],
    [others[1].slot, 4, 6],
    [full.slot, 0, 1],
  ];
  blocks.sends.set(rows.flat());
  t.equal(addon.socketSendMany(4), 2);
  const starts = [0, 1, 2, 3].map((i) => blocks.sends[3 * i + 1]);
  t.strictSame(starts, [2, 2, 6, 0], 'the full one took nothing, in order');
  for (const { slot } of clients) addon.socketClose(slot);
  full.socket.destroy();
  t.equal(await readAll(others[0].socket), 'ab');
  t.equal(await readAll(others[1].socket), 'ef');
});

t.test('a client that has gone is an error, not a signal', async (t) => {
  const { socket, slot } = await connected();
  const ready = nextReady();
  socket.resetAndDestroy();
  await ready;
  t.equal(addon.socketRead(slot), -104, 'ECONNRESET');
  t.equal(addon.socketSend(slot, 0, 1, 0), -32, 'EPIPE');
  blocks.sends.set([slot, 0, 1]);
  t.equal(addon.socketSendMany(1), 1);
  t.equal(blocks.sends[1], -32);
  addon.socketClose(slot);
});

t.test('a thread that ends closes its sockets', async (t) => {
  const listener = listen({ host: '127.0.0.1', port: 0, backlog: 16 });
  const accepted = listener.next();
  const socket = connect({ host: '127.0.0.1', port: addon.listenerPort(listener.id) });
  const [fd] = await accepted;
  const ended = readAll(socket);
  const body = `parentPort.postMessage(addon.socketOpen(${fd}, 0));`;
  const worker = new Worker(inWorker(body), { eval: true });
  const [slot] = (await once(worker, 'message')) as [number];
  t.equal(slot, 0);
  await worker.terminate();
  t.equal(await ended, '');
  addon.closeListener(listener.id);
});

t.test('a full socket takes nothing more', async (t) => {
  const { socket, slot } = await connected();
  let sent = 0;
  for (let taken = 1; taken > 0; ) {
    taken = addon.socketSend(slot, 0, OUT_BYTES, 0);
    t.ok(taken >= 0);
    sent += taken;
  }
  addon.socketClose(slot);
  t.equal((await readAll(socket)).length, sent);
});

t.test('listens on a Unix socket', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'socket');
  const listener = listen({ path, mode: 0o600, backlog: 16 });
  t.equal(addon.listenerPort(listener.id), 0);
  t.equal(statSync(path).mode & 0o777, 0o600);
  const accepted = listener.next();
  const socket = connect({ path });
  const [fd, address, localAddress, isUnix] = await accepted;
  t.strictSame([address, localAddress, isUnix], [`${path}:0`, `${path}:0`, true]);
  addon.refuse(fd, 'bye');
  t.equal(await readAll(socket), 'bye');

  t.throws(() => listen({ path, backlog: 16 }), { code: 'EADDRINUSE' }, 'another serves it');
  addon.closeListener(listener.id);
  t.notOk(existsSync(path));
  t.throws(() => listen({ path: `/tmp/${'x'.repeat(200)}`, backlog: 16 }), {
    code: 'ENAMETOOLONG',
  });
  writeFileSync(path, 'not a socket');
  t.throws(() => listen({ path, backlog: 16 }), { code: 'EADDRINUSE' });
  t.equal(readFileSync(path, 'utf8'), 'not a socket');

  // A process that was killed leaves its file behind.
  rmSync(path);
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['--eval', script]);
  t.ok(existsSync(path));
  const next = listen({ path, backlog: 16 });
  addon.closeListener(next.id);
});

t.test('hands over many connections, all of them', async (t) => {
  const listener = listen({ host: '127.0.0.1', port: 0, backlog: 511 });
  const port = addon.listenerPort(listener.id);
  const accepted = Array.from({ length: 200 }, () => listener.next());
  const sockets = accepted.map(() => connect({ host: '127.0.0.1', port }));
  const fds = (await Promise.all(accepted)).map(([fd]) => fd);
  t.equal(new Set(fds).size, 200);
  for (const fd of fds) addon.refuse(fd, 'x');
  for (const text of await Promise.all(sockets.map(readAll))) t.equal(text, 'x');
  addon.closeListener(listener.id);
});

t.test('threads share one keyspace, and end', async (t) => {
  const body = `
    onWake = () => {
      if (addon.drainMailbox() === 0) return;
      addon.detachThread();
      clearInterval(timer);
    };
    const timer = setInterval(() => {}, 1000);
    request('from worker', 'v' + blocks.threadIndex);
    addon.stringSet(0, 0, 1, -1, 0);
    addon.clientOpen(1, 2, 'a', 'b', false, 100);
    parentPort.postMessage(blocks.threadIndex);`;
  for (let round = 0; round < 3; round++) {
    const worker = new Worker(inWorker(body), { eval: true });
    const [threadIndex] = (await once(worker, 'message')) as [number];
    t.equal(threadIndex, 1);
    t.equal(String(getString('from worker')), 'v1');
    t.equal(addon.clientCount(), 1);
    addon.postNotice('end');
    const [exitCode] = await once(worker, 'exit');
    t.equal(exitCode, 0);
    t.equal(addon.clientCount(), 0);
    drain();
  }
  for (let round = 0; round < 3; round++) {
    const worker = new Worker(inWorker('parentPort.postMessage(1); setInterval(() => {}, 1000);'), {
      eval: true,
    });
    await once(worker, 'message');
    const flood = setInterval(() => addon.postNotice('x'), 0);
    await worker.terminate();
    clearInterval(flood);
    drain();
  }
});

t.test('a process with everything going on exits cleanly', async (t) => {
  const body = `
    const { Worker, isMainThread } = require('node:worker_threads');
    const { connect } = require('node:net');
    addon.startBackground();
    const id = addon.listen({ host: '127.0.0.1', port: 0, backlog: 9 }, (fd) => addon.socketOpen(fd, 0));
    connect(addon.listenerPort(id), '127.0.0.1').write('read by nobody');
    addon.blobBegin(1 << 20);
    for (let i = 0; i < 3; i++) {
      new Worker(workerSource, { eval: true }).on('message', () => {
        addon.postNotice('x');
        if (i === 2) setImmediate(() => process.exit(0));
      });
    }`;
  const workerSource = inWorker(
    `setInterval(() => addon.postNotice('y'), 0); parentPort.postMessage(1);`,
  );
  const script = `const workerSource = ${JSON.stringify(workerSource)};${inWorker(body)}`;
  for (let round = 0; round < 5; round++) {
    const run = spawnSync(process.execPath, ['--eval', script], { timeout: 30_000 });
    t.equal(run.status, 0, String(run.stderr));
    t.equal(String(run.stderr), '');
  }
});

t.test('a process without descriptors goes on accepting when it has some again', async (t) => {
  const body = `
    let fds = [];
    let failures = 0;
    let total = 0;
    const id = addon.listen({ host: '127.0.0.1', port: 0, backlog: 511 }, (fd) => {
      if (fd >= 0) {
        fds.push(fd);
        if (++total === 100) {
          process.stdout.write('failures ' + failures + '\\n', () => process.exit(0));
        }
        return;
      }
      if (fd !== -24) process.exit(2);
      failures++;
      for (const fd of fds.splice(0)) addon.refuse(fd, '');
    });
    process.stdout.write('port ' + addon.listenerPort(id) + '\\n');`;
  const child = spawn('sh', [
    '-c',
    'ulimit -n 60; exec "$0" --eval "$1"',
    process.execPath,
    inWorker(body),
  ]);
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await once(child.stdout, 'data');
  const port = Number(/port (\d+)/.exec(text)?.[1]);
  const sockets = Array.from({ length: 100 }, () => connect({ port, host: '127.0.0.1' }));
  for (const socket of sockets) socket.on('error', () => {}).resume();
  const [exitCode] = await once(child, 'exit');
  t.equal(exitCode, 0);
  t.ok(Number(/failures (\d+)/.exec(text)?.[1]) >= 1, text);
});

t.test('a wrong index ends the process, and says which fact was wrong', async (t) => {
  for (const call of [
    'addon.replyBlobRelease(7)',
    'addon.heldCopy(0)',
    'addon.stringFind(0, 16384)',
  ]) {
    const run = spawnSync(process.execPath, ['--eval', inWorker(call)]);
    t.equal(run.signal, 'SIGABRT', call);
    t.match(String(run.stderr), 'not so');
  }
});

t.test('an idle mailbox does not keep a process going', async (t) => {
  const run = spawnSync(process.execPath, ['--eval', inWorker('')], { timeout: 30_000 });
  t.equal(run.status, 0);
});
