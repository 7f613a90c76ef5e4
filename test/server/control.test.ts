// The process: how it starts, what it logs, how it ends.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { freePort } from '../helpers/peers.ts';
import { Connection, startServer } from '../helpers/server.ts';

const lib = fileURLToPath(new URL('../../lib/', import.meta.url));

interface Ended {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

async function run(file: string, args: readonly string[], input = ''): Promise<Ended> {
  const child = spawn(process.execPath, [join(lib, file), ...args]);
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  child.stdin.end(input);
  const [status] = await once(child, 'close');
  return { status, output, errors };
}

t.test('logs as Redis does and ends with status 0 on signals', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const server = await startServer([]);
    const client = await server.raw();
    t.equal(await client.request('PING'), 'PONG');
    process.kill(server.pid, signal);
    t.match(await server.ended, { status: 0 });
    const line = (mark: string, text: string) =>
      new RegExp(
        `^\\d+:M \\d\\d [A-Z][a-z]{2} \\d{4} \\d\\d:\\d\\d:\\d\\d\\.\\d{3} [${mark}] ${text}`,
        'm',
      );
    t.match(server.log(), line('*', 'Ready to accept connections tcp$'));
    t.match(server.log(), line('#', `Received ${signal} scheduling shutdown\\.\\.\\.$`));
    t.match(server.log(), line('*', 'User requested shutdown\\.\\.\\.$'));
    t.match(server.log(), line('#', '.* is now ready to exit, bye bye\\.\\.\\.$'));
    client.close();
  }
});

t.test('SHUTDOWN closes without a reply and ends with status 0', async (t) => {
  const server = await startServer([]);
  const client = await server.raw();
  client.send('SHUTDOWN', 'NOSAVE');
  t.equal(await client.reply(), undefined);
  t.match(await server.ended, { status: 0 });
});

t.test('refuses a port in use with a sentence and status 1', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const second = await run('cli/server.js', ['--port', String(server.port)]);
  t.equal(second.status, 1);
  t.match(
    second.output,
    /Could not create server TCP listening socket .*: bind: Address already in use/,
  );
  t.match(
    second.output,
    new RegExp(`Failed listening on port ${server.port} \\(tcp\\), aborting\\.`),
  );
});

t.test('listens on a Unix socket with its mode, writes a log file and a pid file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-control-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 's');
  const pidFile = join(folder, 'pid');
  const server = await startServer([
    ...['--unixsocket', path, '--unixsocketperm', '770', '--pidfile', pidFile],
  ]);
  t.equal(statSync(path).mode & 0o777, 0o770);
  t.equal(Number(readFileSync(pidFile, 'utf8')), server.pid);
  const client = await server.raw('unix');
  t.equal(await client.request('PING'), 'PONG');
  t.match(String(await client.request('CLIENT', 'LIST')), `addr=${path}:0`);
  client.close();
  t.match(server.log(), /Ready to accept connections unix/);
  await server.stop();
  t.throws(() => statSync(path), { code: 'ENOENT' });
  t.throws(() => statSync(pidFile), { code: 'ENOENT' });
});

t.test('cuts io-threads to what there is', async (t) => {
  const server = await startServer(['--io-threads', '128']);
  t.teardown(() => server.stop());
  t.strictSame(await server.request('CONFIG', 'GET', 'io-threads'), ['io-threads', '128']);
  const threads = /io_threads:(\d+)/.exec(String(await server.request('INFO', 'server')))?.[1];
  t.ok(Number(threads) <= 8, `${threads} threads`);
});

t.test('CONFIG SET reaches every thread before it answers', async (t) => {
  const server = await startServer(['--io-threads', '8']);
  t.teardown(() => server.stop());
  const clients = await Promise.all(Array.from({ length: 8 }, () => server.raw()));
  t.teardown(() => {
    for (const client of clients) client.close();
  });
  for (let round = 0; round < 20; round++) {
    const value = String(1000 + round);
    await clients[round % 8]?.request('CONFIG', 'SET', 'maxclients', value);
    for (const client of clients) {
      t.strictSame(await client.request('CONFIG', 'GET', 'maxclients'), ['maxclients', value]);
    }
  }
  const refused = await clients[0]?.refusal('CONFIG', 'SET', 'maxclients', 'x');
  t.match(refused, /^ERR CONFIG SET failed \(possibly related to argument 'maxclients'\)/);
});

t.test('tutti-cli prints as redis-cli does', async (t) => {
  const server = await startServer([]);
  const port = ['-p', String(server.port)];
  const cli = (...args: string[]) => run('cli/client.js', [...port, ...args]);
  t.match(await cli('set', 'k', 'a"b'), { status: 0, output: 'OK\n' });
  t.match(await cli('get', 'k'), { status: 0, output: 'a"b\n' });
  t.match(await cli('--no-raw', 'get', 'k'), { status: 0, output: '"a\\"b"\n' });
  t.match(await cli('--no-raw', 'get', 'none'), { status: 0, output: '(nil)\n' });
  t.match(await cli('--no-raw', 'exists', 'k'), { status: 0, output: '(integer) 1\n' });
  t.match(await cli('--no-raw', 'rpush', 'l', 'x', 'y'), { output: '(integer) 2\n' });
  t.match(await cli('--no-raw', 'lrange', 'l', '0', '-1'), { output: '1) "x"\n2) "y"\n' });
  t.match(await cli('nosuch'), { status: 0, output: /^ERR unknown command 'nosuch'/ });
  t.match(await cli('-n', '1', 'get', 'k'), { status: 0, output: '\n' });
  t.match(await run('cli/client.js', [...port, '-x', 'set', 'in'], 'text'), { output: 'OK\n' });
  t.match(await run('cli/client.js', port, 'get in\nping\n'), { output: 'text\nPONG\n' });
  t.match(await cli('shutdown', 'nosave'), { status: 0, output: '' });
  t.match(await server.ended, { status: 0 });
  t.match(await cli('ping'), {
    status: 1,
    errors: `Could not connect to Redis at 127.0.0.1:${server.port}: Connection refused`,
  });
});

t.test('CONFIG SET of port and bind moves the listeners', async (t) => {
  const path = join(tmpdir(), `tutti-control-${process.pid}.sock`);
  const server = await startServer(['--unixsocket', path]);
  t.teardown(() => server.stop());
  const own = await server.raw('unix');
  const before = await server.raw();
  // A connection that is not accepted yet would end with its listener.
  await before.request('PING');
  const port = await freePort();
  const set = (...pairs: string[]) => own.request('CONFIG', 'SET', ...pairs);
  t.equal(await set('port', String(port), 'bind', '127.0.0.1'), 'OK');
  t.equal(await (await Connection.open(port)).request('QUIT'), 'OK');
  await t.rejects(Connection.open(server.port), { code: 'ECONNREFUSED' });
  t.equal(await before.request('PING'), 'PONG', 'who is in stays in');
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port: takenPort } = taken.address() as AddressInfo;
  await t.rejects(set('port', String(takenPort)), {
    message: `ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs.`,
  });
  t.strictSame(await own.request('CONFIG', 'GET', 'port'), ['port', String(port)]);
  t.equal(await (await Connection.open(port)).request('QUIT'), 'OK', 'it listens where it did');
  await t.rejects(set('bind', '192.0.2.1'), /Failed to bind to specified addresses\.$/);
  t.equal(await (await Connection.open(port)).request('QUIT'), 'OK');
  t.equal(await set('port', '0'), 'OK');
  await t.rejects(Connection.open(port), { code: 'ECONNREFUSED' });
  t.equal(await own.request('PING'), 'PONG');
  for (const connection of [own, before]) connection.close();
  taken.close();
});
