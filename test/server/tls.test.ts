// Clients through TLS: stock ones, large values, limits, handshakes that fail, certificates that change.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import t, { type Test } from 'tap';
import { HANDSHAKE_MS_MAX } from '../../lib/server/tls-transport.ts';
import { Authority, type Certificate, tlsOptionsOf } from '../helpers/certificates.ts';
import { freePort, missingPrograms, runProcess } from '../helpers/peers.ts';
import { runPythonCases } from '../helpers/python.ts';
import { missingPython } from '../helpers/python-env.ts';
import { Connection, framed, type StartedServer, startServer } from '../helpers/server.ts';

const MiB = 1024 * 1024;

const authority = new Authority('Tutti test authority');
const stranger = new Authority('Another authority');
const ownCertificate = authority.sign('server');
const clientCertificate = authority.sign('client');
const strange = stranger.sign('stranger');
t.teardown(() => {
  authority.remove();
  stranger.remove();
});
const trusted = tlsOptionsOf(authority, clientCertificate);

interface TlsServer {
  readonly server: StartedServer;
  readonly port: number;
  open(): Promise<Connection>;
}

async function start(t: Test, ...args: string[]): Promise<TlsServer> {
  const port = await freePort();
  const server = await startServer([
    ...['--tls-port', `${port}`, '--tls-cert-file', ownCertificate.cert],
    ...['--tls-key-file', ownCertificate.key, '--tls-ca-cert-file', authority.cert],
    ...['--io-threads', '2', '--loglevel', 'verbose', ...args],
  ]);
  t.teardown(() => server.stop());
  return { server, port, open: () => open(t, port) };
}

async function open(
  t: Test,
  port: number,
  options: ConnectionOptions = trusted,
): Promise<Connection> {
  const connection = await Connection.openTls(port, options);
  t.teardown(() => connection.close());
  return connection;
}

async function figure(server: StartedServer, section: string, name: string): Promise<number> {
  const text = String(await server.request('INFO', section));
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1]);
}

function isSocket(fd: string): boolean {
  try {
    return readlinkSync(fd).startsWith('socket:');
  } catch {
    return false; // closed meanwhile
  }
}

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}

t.test('redis-cli', { skip: missingPrograms('redis-cli') }, async (t) => {
  const { server, port } = await start(t);
  await server.request('ACL', 'SETUSER', 'sim', 'on', '>pw', '~*', '+@all');
  const cli = (...args: string[]) => runProcess('redis-cli', ['-p', `${port}`, ...args]);
  const tls = ['--tls', '--cacert', authority.cert];
  const { cert, key } = clientCertificate;
  const own = ['--cert', cert, '--key', key];
  t.equal((await cli(...tls, ...own, 'PING')).stdout, 'PONG\n');
  const user = ['--user', 'sim', '--pass', 'pw', '--no-auth-warning'];
  t.equal((await cli(...tls, ...own, ...user, 'ACL', 'WHOAMI')).stdout, 'sim\n');
  t.equal((await cli(...tls, ...own, '-3', 'PING')).stdout, 'PONG\n');
  t.not((await cli(...tls, 'PING')).stdout, 'PONG\n', 'a certificate is wanted');
  t.not((await cli('PING')).stdout, 'PONG\n', 'TLS is wanted');
  const pipe = await runProcess('redis-cli', ['-p', `${port}`, ...tls, ...own, '--pipe'], {
    input: Buffer.concat(Array.from({ length: 5000 }, (_, i) => framed(['SET', `k${i}`, i]))),
  });
  t.match(pipe.stdout, /errors: 0, replies: 5000/);
  t.equal(await server.request('DBSIZE'), 5000);
  t.match(server.log(), /peer did not return a certificate/);

  await t.test('and our own', async (t) => {
    const file = fileURLToPath(new URL('../../lib/cli/client.js', import.meta.url));
    const args = [file, '-p', `${port}`, ...tls, ...own, ...user, 'ACL', 'WHOAMI'];
    t.match((await runProcess(process.execPath, args)).stdout, /^"?sim"?\n$/);
  });
});

t.test('ioredis and node-redis', async (t) => {
  const { port } = await start(t);
  const io = new Redis({ port, host: '127.0.0.1', tls: trusted, maxRetriesPerRequest: 0 });
  t.teardown(() => io.disconnect());
  const value = randomBytes(300_000);
  await io.set('k', value);
  t.strictSame(await io.getBuffer('k'), value);
  t.equal((await io.pipeline().incr('n').incr('n').incr('n').exec())?.length, 3);
  await io.quit();
  const node = createClient({
    socket: { port, host: '127.0.0.1', tls: true, ...trusted, reconnectStrategy: false },
  });
  node.on('error', (error) => t.fail(`${error}`));
  await node.connect();
  t.equal(await node.get('n'), '3');
  const listener = node.duplicate();
  await listener.connect();
  const heard = new Promise((resolve) => listener.subscribe('news', resolve));
  await until(async () => (await node.publish('news', 'x'.repeat(100_000))) === 1);
  t.equal(await heard, 'x'.repeat(100_000));
  listener.destroy();
  await node.close();
});

t.test('redis-py', { skip: missingPython('clients') }, async (t) => {
  const { port } = await start(t);
  const { cert, key } = clientCertificate;
  const env = { PORT: `${port}`, CA: authority.cert, CERT: cert, KEY: key };
  for (const environment of ['clients', 'newest'] as const) {
    if (missingPython(environment)) continue;
    await runPythonCases(t, environment, 'redis_py_tls.py', [], env);
  }
});

t.test('a reply that waits behind a limit goes out', async (t) => {
  // Such replies are not handed to the kernel before the turn is over.
  const { open } = await start(t, '--client-output-buffer-limit', 'normal 64mb 0 0');
  const client = await open();
  for (const byteCount of [16_000, 20_000, 30_000, 100_000]) {
    await client.request('SET', 'k', 'x'.repeat(byteCount));
    t.equal(String(await client.request('GET', 'k')).length, byteCount);
  }
});

t.test('large values go both ways', async (t) => {
  const { server, open } = await start(t);
  const client = await open();
  const blob = randomBytes(64 * MiB);
  t.equal(await client.request('SET', 'k', blob), 'OK');
  t.equal(await client.request('AI.TENSORSET', 't', 'FLOAT', 16 * MiB, 'BLOB', blob), 'OK');
  for (const words of [
    ['GET', 'k'],
    ['AI.TENSORGET', 't', 'BLOB'],
  ]) {
    client.send(...words);
    const reply = await client.binaryReply();
    t.ok(Buffer.isBuffer(reply) && reply.equals(blob), words.join(' '));
  }
  const elements = Array.from({ length: 40_000 }, (_, i) => i);
  await client.request('AI.TENSORSET', 'v', 'INT32', elements.length, 'VALUES', ...elements);
  t.strictSame(await client.request('AI.TENSORGET', 'v', 'VALUES'), elements);
  // What comes behind a large value is not mixed up with it.
  const mixed = await open();
  const requests: Buffer[] = [];
  const replies: Buffer[] = [];
  for (let i = 0; i < 40; i++) {
    const size = [1, 100, 20_000, 32 * 1024, 100_000][i % 5] ?? 0;
    const value = blob.subarray(i, i + size);
    requests.push(framed(['SET', `k${i}`, value]), framed(['GET', `k${i}`]));
    replies.push(Buffer.from(`+OK\r\n$${size}\r\n`), value, Buffer.from('\r\n'));
  }
  requests.push(framed(['QUIT']));
  replies.push(Buffer.from('+OK\r\n'));
  const received: Buffer[] = [];
  mixed.socket.removeAllListeners('data').on('data', (chunk) => received.push(chunk));
  mixed.write(Buffer.concat(requests));
  await once(mixed.socket, 'close');
  t.ok(Buffer.concat(received).equals(Buffer.concat(replies)), 'large and small ones in turn');
  t.equal(await client.request('FLUSHALL', 'SYNC'), 'OK');
  // Cut off in both directions: nothing stays behind.
  await until(async () => (await figure(server, 'memory', 'used_memory')) < 8 * MiB);
  const usedBefore = await figure(server, 'memory', 'used_memory');
  for (let i = 0; i < 5; i++) {
    const cut = await open();
    cut.write(Buffer.concat([framed(['SET', 'k', blob]).subarray(0, 40 * MiB)]));
    await until(async () => (await figure(server, 'memory', 'used_memory')) > usedBefore + 8 * MiB);
    cut.close();
  }
  await client.request('SET', 'k', blob);
  for (let i = 0; i < 5; i++) {
    const cut = await open();
    cut.socket.pause();
    cut.send('GET', 'k');
    await until(async () => /omem=[1-9]/.test(String(await server.request('CLIENT', 'LIST'))));
    cut.close();
    await until(async () => (await figure(server, 'clients', 'connected_clients')) === 2);
  }
  await client.request('FLUSHALL', 'SYNC');
  await until(async () => (await figure(server, 'memory', 'used_memory')) < usedBefore + MiB);
});

t.test('a pipeline that waits in the middle keeps its order', async (t) => {
  const { open } = await start(t);
  const client = await open();
  const requests: Buffer[] = [];
  for (let i = 0; i < 30; i++) {
    requests.push(framed(['CONFIG', 'SET', 'maxmemory', '0']));
    for (let k = 0; k < 200; k++) requests.push(framed(['ECHO', `${i}:${k}:${'x'.repeat(50)}`]));
  }
  client.write(Buffer.concat(requests));
  let isInOrder = true;
  for (let i = 0; i < 30; i++) {
    isInOrder &&= (await client.reply()) === 'OK';
    for (let k = 0; k < 200; k++)
      isInOrder &&= (await client.reply()) === `${i}:${k}:${'x'.repeat(50)}`;
  }
  t.ok(isInOrder);
  client.send('CLIENT', 'REPLY', 'SKIP');
  client.send('PING');
  client.send('ECHO', 'last');
  t.equal(await client.reply(), 'last');
});

t.test('is closed as others are', async (t) => {
  const { server, open } = await start(t);
  const ended = async (connection: Connection) => {
    let hasEnded = false;
    connection.socket.on('end', () => {
      hasEnded = true;
    });
    connection.socket.resume();
    if (!connection.socket.destroyed) await once(connection.socket, 'close');
    return hasEnded;
  };
  const quitting = await open();
  quitting.send('ECHO', 'x'.repeat(MiB));
  quitting.send('QUIT');
  t.equal(await quitting.reply(), 'x'.repeat(MiB));
  t.equal(await quitting.reply(), 'OK');
  t.ok(await ended(quitting), 'after all replies, in good order');

  const killed = await open();
  const id = await killed.request('CLIENT', 'ID');
  t.equal(await server.request('CLIENT', 'KILL', 'ID', String(id)), 1);
  await ended(killed);

  // One that reads nothing is not waited for.
  const socketCount = () =>
    readdirSync(`/proc/${server.pid}/fd`).filter((fd) => isSocket(`/proc/${server.pid}/fd/${fd}`))
      .length;
  const deaf = await open();
  await deaf.request('SET', 'k', Buffer.alloc(16 * MiB));
  const countBefore = socketCount();
  deaf.socket.pause();
  deaf.send('GET', 'k');
  await until(async () => /omem=[1-9]/.test(String(await server.request('CLIENT', 'LIST'))));
  await server.request('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until(() => socketCount() === countBefore - 1);
  deaf.close();

  const wrong = await open();
  wrong.write('*1\r\n$x\r\n');
  t.match(String(await wrong.reply()), /Protocol error: invalid bulk length/);
  t.ok(await ended(wrong));

  await server.request('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 4mb 0 0');
  const slow = await open();
  await slow.request('SET', 'k', Buffer.alloc(MiB));
  slow.socket.pause();
  for (let i = 0; i < 64; i++) slow.send('GET', 'k');
  await until(() => server.log().includes('overcoming of output buffer limits'));
  slow.close();

  await until(async () => (await figure(server, 'clients', 'connected_clients')) <= 1);

  const idle = await open();
  await idle.request('PING');
  await server.request('CONFIG', 'SET', 'timeout', '1');
  await ended(idle);
});

t.test('handshakes that fail are counted and hurt nobody', async (t) => {
  const { server, port, open } = await start(t, '--maxclients', '20');
  const client = await open();
  const failures = () => figure(server, 'stats', 'tls_handshake_failures');
  const attempts: [title: string, attempt: () => Promise<void>][] = [
    ['no TLS at all', () => sendPlain(port, 'PING\r\n')],
    ['garbage', () => sendPlain(port, randomBytes(1000))],
    ['half a hello', () => sendPlain(port, Buffer.from('160301020001', 'hex'), true)],
    ['no certificate', () => refused(port, tlsOptionsOf(authority))],
    ['a certificate of another authority', () => refused(port, tlsOptionsOf(authority, strange))],
    ['an old protocol', () => refused(port, { ...trusted, maxVersion: 'TLSv1.1' as const })],
  ];
  for (const [title, attempt] of attempts) {
    const before = await failures();
    await attempt();
    await until(async () => (await failures()) === before + 1);
    t.pass(title);
  }
  // Some that never say a word: they are clients until their time is over.
  const silent = Array.from({ length: 18 }, () => connectPlain(port, '127.0.0.1'));
  for (const socket of silent) socket.on('error', () => {}).resume();
  await until(async () => (await figure(server, 'clients', 'connected_clients')) === 20);
  await t.rejects(open(), 'there is no room for more');
  const before = await failures();
  const startedMs = Date.now();
  await Promise.all(silent.map((socket) => socket.destroyed || once(socket, 'close')));
  t.ok(Date.now() - startedMs < HANDSHAKE_MS_MAX + 5000);
  t.equal(await failures(), before + silent.length);
  t.equal(await client.request('PING'), 'PONG');
  t.equal(await (await open()).request('PING'), 'PONG');
});

async function sendPlain(port: number, bytes: string | Buffer, ends = false): Promise<void> {
  const socket = connectPlain(port, '127.0.0.1');
  socket.on('error', () => {}).resume();
  await once(socket, 'connect');
  socket.write(bytes);
  if (ends) socket.end();
  await new Promise((resolve) => socket.on('close', resolve));
}

/** In TLS 1.3 a client learns of it only after its own handshake is done. */
async function refused(port: number, options: ConnectionOptions): Promise<void> {
  const socket = connectTls({ ...options, port, host: '127.0.0.1' });
  socket.on('error', () => {}).resume();
  await new Promise((resolve) => socket.on('close', resolve));
}

t.test('who must have a certificate', async (t) => {
  for (const [asks, withNone, withStrange] of [
    ['no', true, true],
    ['optional', true, false],
    ['yes', false, false],
  ] as const) {
    const { port, open: openTrusted } = await start(t, '--tls-auth-clients', asks);
    t.equal(await (await openTrusted()).request('PING'), 'PONG');
    const isServed = async (own?: Certificate) => {
      try {
        const connection = await open(t, port, tlsOptionsOf(authority, own));
        connection.send('PING');
        return (await connection.reply()) === 'PONG';
      } catch {
        return false;
      }
    };
    t.equal(await isServed(), withNone, `${asks}: without one`);
    t.equal(await isServed(strange), withStrange, `${asks}: one of another authority`);
  }
});

t.test('certificates and protocols change while it runs', async (t) => {
  const { server, port, open } = await start(t);
  const old = await open();
  const nameOf = (connection: Connection) =>
    (connection.socket as TLSSocket).getPeerCertificate().subject.CN;
  t.equal(nameOf(old), 'server');
  const locked = authority.sign('renewed', 'open sesame');
  const set = (...pairs: string[]) =>
    server.request('CONFIG', 'SET', ...pairs).catch((error: Error) => error.message);
  const refusal = (name: string) =>
    `ERR CONFIG SET failed (possibly related to argument '${name}') - Unable to update TLS configuration. Check server logs.`;
  t.equal(await set('tls-cert-file', '/nowhere'), refusal('tls-cert-file'));
  t.equal(await set('tls-cert-file', locked.cert), refusal('tls-cert-file'), 'not its key');
  t.equal(await set('tls-protocols', 'SSLv3'), refusal('tls-protocols'));
  t.equal(await set('tls-ciphers', 'none'), refusal('tls-ciphers'));
  t.equal(nameOf(await open()), 'server', 'nothing has changed');
  t.strictSame(await server.request('CONFIG', 'GET', 'tls-cert-file'), [
    'tls-cert-file',
    ownCertificate.cert,
  ]);
  t.equal(
    await set(
      ...['tls-cert-file', locked.cert, 'tls-key-file', locked.key],
      ...['tls-key-file-pass', 'open sesame'],
    ),
    'OK',
  );
  for (let i = 0; i < 4; i++) t.equal(nameOf(await open()), 'renewed');
  t.equal(await old.request('PING'), 'PONG', 'who is in stays in');
  t.equal(
    await set('tls-protocols', 'TLSv1.2', 'tls-ciphers', 'ECDHE-RSA-AES256-GCM-SHA384'),
    'OK',
  );
  const { socket } = await open();
  t.equal((socket as TLSSocket).getProtocol(), 'TLSv1.2');
  t.equal((socket as TLSSocket).getCipher().name, 'ECDHE-RSA-AES256-GCM-SHA384');
  // A folder of authorities.
  copyFileSync(stranger.cert, join(authority.folder, 'stranger.pem'));
  t.equal(await set('tls-ca-cert-file', '', 'tls-ca-cert-dir', authority.folder), 'OK');
  const known = await open();
  t.equal(await known.request('PING'), 'PONG');
  const other = await Connection.openTls(port, tlsOptionsOf(authority, strange));
  t.equal(await other.request('PING'), 'PONG');
  other.close();
  // Another port, and none.
  const next = await freePort();
  t.equal(await set('tls-port', `${next}`), 'OK');
  t.equal(await (await Connection.openTls(next, trusted)).request('QUIT'), 'OK');
  await t.rejects(Connection.openTls(port, trusted));
  t.match(await set('tls-port', `${server.port}`), /Unable to listen on this port/);
  t.equal(await (await Connection.openTls(next, trusted)).request('QUIT'), 'OK');
  t.equal(await set('tls-port', '0'), 'OK');
  await t.rejects(Connection.openTls(next, trusted));
  t.equal(await known.request('PING'), 'PONG');
  t.equal(await server.request('PING'), 'PONG');
});

t.test('sessions go on, on whichever thread', async (t) => {
  const { server, port } = await start(t);
  const connectWith = async (session?: Buffer) => {
    const options = { ...trusted, port, host: '127.0.0.1', ...(session && { session }) };
    const socket = connectTls(options);
    t.teardown(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  const first = await connectWith();
  t.equal(first.isSessionReused(), false);
  const ticket = once(first, 'session');
  first.write('PING\r\n');
  const [session] = (await ticket) as [Buffer];
  for (let i = 0; i < 4; i++) t.equal((await connectWith(session)).isSessionReused(), true);
  await server.request('CONFIG', 'SET', 'tls-session-caching', 'no');
  t.equal((await connectWith(session)).isSessionReused(), false);
});

t.test('nothing but TLS, and starts that are refused', async (t) => {
  const port = await freePort();
  const { cert, key } = ownCertificate;
  const server = await startServer([
    ...['--port', '0', '--tls-port', `${port}`, '--tls-auth-clients', 'no'],
    ...['--tls-cert-file', cert, '--tls-key-file', key],
  ]);
  const client = await Connection.openTls(port, tlsOptionsOf(authority));
  t.match(await client.request('INFO', 'server'), new RegExp(`tcp_port:${port}\r`));
  client.close();
  await server.stop();
  t.match(server.log(), /Ready to accept connections tls/);

  const file = fileURLToPath(new URL('../../lib/cli/server.js', import.meta.url));
  const broken = join(authority.folder, 'broken.crt');
  writeFileSync(broken, readFileSync(cert, 'utf8').slice(0, 500));
  const cases: [args: string[], wanted: RegExp][] = [
    [[], /Failed to configure TLS: No tls-cert-file configured!/],
    [['--tls-cert-file', cert], /tls-ca-cert-file or tls-ca-cert-dir must be specified/],
    [
      ['--tls-cert-file', cert, '--tls-key-file', '/nowhere', '--tls-auth-clients', 'no'],
      /Failed to load tls-key-file '\/nowhere': No such file or directory/,
    ],
    [
      ['--tls-cert-file', broken, '--tls-key-file', key, '--tls-auth-clients', 'no'],
      /Failed to configure TLS: /,
    ],
  ];
  for (const [args, wanted] of cases) {
    const child = spawn(process.execPath, [file, '--port', '0', '--tls-port', `${port}`, ...args]);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
      });
    }
    const [status] = await once(child, 'close');
    t.equal(status, 1, args.join(' '));
    t.match(output, wanted);
  }
});
