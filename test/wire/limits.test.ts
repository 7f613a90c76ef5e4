// The limits of the protocol and of clients, in Redis' words (compat.md 4.1, 4.5, 4.6).

import t from 'tap';
import { replyErrors } from '../../lib/core/errors.ts';
import { type Connection, framed, startServer, type Value } from '../helpers/server.ts';

/** Its end may be a reset. */
async function closed({ socket }: Connection): Promise<void> {
  if (socket.closed) return;
  await new Promise((resolve) => socket.once('close', resolve));
}

async function replies(connection: Connection, count: number): Promise<(Value | undefined)[]> {
  const all = [];
  for (let i = 0; i < count; i++) all.push(await connection.reply());
  return all;
}

const lost = [
  { title: 'an invalid count', wire: '*x\r\n', complaint: 'invalid multibulk length' },
  { title: 'a count above 2^31-1', wire: '*2147483648\r\n', complaint: 'invalid multibulk length' },
  { title: 'a wrong type', wire: '*1\r\n!3\r\n', complaint: "expected '$', got '!'" },
  { title: 'a negative length', wire: '*1\r\n$-2\r\n', complaint: 'invalid bulk length' },
  { title: 'an oversized length', wire: '*1\r\n$536870913\r\n', complaint: 'invalid bulk length' },
  { title: 'open quotes', wire: 'ECHO "a\r\n', complaint: 'unbalanced quotes in request' },
  { title: 'a long line', wire: 'x'.repeat(70_000), complaint: 'too big inline request' },
  {
    title: 'a long count',
    wire: `*${'1'.repeat(70_000)}`,
    complaint: 'too big mbulk count string',
  },
  {
    title: 'a long length',
    wire: `*1\r\n$${'1'.repeat(70_000)}`,
    complaint: 'too big bulk count string',
  },
];

t.test('answers what came before, complains and closes', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  for (const { title, wire, complaint } of lost) {
    const connection = await server.raw();
    connection.write(`PING\r\n${wire}`);
    t.equal(await connection.reply(), 'PONG');
    t.match(await connection.reply(), new Error(`ERR Protocol error: ${complaint}`), title);
    t.equal(await connection.reply(), undefined, 'closed');
  }
});

t.test('words unknown commands, subcommands and wrong arity', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const connection = await server.raw();
  t.teardown(() => connection.close());
  const long = 'x'.repeat(200);
  for (const [words, complaint] of [
    [['foo', 'a', 'b'], "ERR unknown command 'foo', with args beginning with: 'a' 'b' "],
    [['foo'], "ERR unknown command 'foo', with args beginning with: "],
    [
      [long, long],
      `ERR unknown command '${'x'.repeat(128)}', with args beginning with: '${'x'.repeat(128)}' `,
    ],
    [['foo', 'a\r\nb'], "ERR unknown command 'foo', with args beginning with: 'a  b' "],
    [['client', 'nosuch'], "ERR unknown subcommand 'nosuch'. Try CLIENT HELP."],
    [['get'], "ERR wrong number of arguments for 'get' command"],
    [['GET', 'a', 'b'], "ERR wrong number of arguments for 'get' command"],
    [['client', 'setname'], "ERR wrong number of arguments for 'client|setname' command"],
    [['client'], "ERR wrong number of arguments for 'client' command"],
  ] as [string[], string][]) {
    t.equal(await connection.refusal(...words), complaint);
  }
});

t.test('closes a browser', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const connection = await server.raw();
  connection.write('POST / HTTP/1.1\r\nHost: x\r\n\r\nSET k v\r\n');
  await closed(connection);
  t.equal(await server.request('EXISTS', 'k'), 0);
});

t.test('refuses clients above maxclients', async (t) => {
  const server = await startServer(['--maxclients', '3', '--io-threads', '2']);
  t.teardown(() => server.stop());
  const clients = [await server.raw(), await server.raw(), await server.raw()];
  for (const client of clients) t.equal(await client.request('PING'), 'PONG');
  const refused = await server.raw();
  t.match(await refused.reply(), new Error('ERR max number of clients reached'));
  t.equal(await refused.reply(), undefined, 'closed');
  clients[0]?.close();
  // Its place is free once the server has seen it go.
  for (let tries = 0; ; tries++) {
    const next = await server.raw();
    next.send('PING');
    const reply = await next.reply();
    next.close();
    if (reply === 'PONG') break;
    if (tries === 100) t.fail('the place was not given back');
  }
  for (const client of clients) client.close();
  t.end();
});

t.test('closes idle clients after `timeout`', async (t) => {
  const server = await startServer(['--timeout', '1']);
  t.teardown(() => server.stop());
  const connection = await server.raw();
  const listener = await server.raw();
  await listener.request('SUBSCRIBE', 'quiet');
  const waiting = await server.raw();
  waiting.send('BLPOP', 'none', 0);
  t.equal(await connection.request('PING'), 'PONG');
  await closed(connection);
  const other = await server.raw();
  t.equal(await other.request('PUBLISH', 'quiet', 'x'), 1, 'who listens stays');
  t.equal(await other.request('RPUSH', 'none', 'x'), 1);
  t.strictSame(await waiting.reply(), ['none', 'x'], 'so does who waits');
  for (const client of [listener, waiting, other]) client.close();
});

t.test('closes the client that passes client-query-buffer-limit', async (t) => {
  const server = await startServer(['--client-query-buffer-limit', '1mb']);
  t.teardown(() => server.stop());
  const words = Array.from({ length: 100 }, () => 'x'.repeat(30_000));
  const connection = await server.raw();
  connection.send('MSETNX', ...words);
  await closed(connection);
  const queue = await server.raw();
  queue.send('MULTI');
  for (let i = 0; i < 100; i++) queue.send('SET', 'k', 'x'.repeat(30_000));
  await closed(queue);
  t.match(server.log(), /max query buffer length/);
  t.equal(await server.request('PING'), 'PONG');
});

t.test('counts the large arguments that MULTI queues', async (t) => {
  const server = await startServer([
    ...['--client-query-buffer-limit', '1mb', '--proto-max-bulk-len', '4mb'],
  ]);
  t.teardown(() => server.stop());
  const connection = await server.raw();
  t.equal(await connection.request('MULTI'), 'OK');
  const large = Buffer.alloc(4 * 1024 * 1024, 'x');
  t.equal(await connection.request('SET', 'k', large), 'QUEUED', 'what may be sent may be queued');
  // The record follows within a second.
  const queuedBytes = async () =>
    /\bmulti=1\b.* multi-mem=(\d+)/.exec(String(await server.request('CLIENT', 'LIST')))?.[1];
  while (!(Number(await queuedBytes()) >= large.length)) await new Promise(setImmediate);
  t.equal(await connection.request('EXISTS', 'k'), 'QUEUED');
  t.strictSame(await connection.request('EXEC'), ['OK', 1]);
  t.equal(await connection.request('STRLEN', 'k'), large.length);

  t.equal(await connection.request('MULTI'), 'OK');
  for (let i = 0; i < 41; i++) connection.send('SET', `k${i}`, large.subarray(0, 100 * 1024));
  for (let i = 0; i < 40; i++) t.equal(await connection.reply(), 'QUEUED');
  await closed(connection);
  t.match(server.log(), /MULTI queues more than client-query-buffer-limit/);
  t.equal(await server.request('EXISTS', 'k0'), 0);
  // Those of one unfinished request do not count: a model is sent in pieces.
  const pieces = Array.from({ length: 30 }, () => large.subarray(0, 1024 * 1024));
  t.equal(await server.request('DEL', ...pieces), 0);
});

t.test('reads a body of more than 4 GiB', async (t) => {
  const server = await startServer([
    ...['--proto-max-bulk-len', '8gb', '--maxmemory', '64mb', '--io-threads', '1'],
  ]);
  t.teardown(() => server.stop());
  const connection = await server.raw();
  const byteCount = 2 ** 32 + 1;
  connection.write(
    `*6\r\n$12\r\nAI.TENSORSET\r\n$1\r\nk\r\n$5\r\nUINT8\r\n$10\r\n${byteCount}\r\n$4\r\nBLOB\r\n$${byteCount}\r\n`,
  );
  const piece = Buffer.alloc(16 * 1024 * 1024);
  for (let left = byteCount; left > 0; left -= piece.length) {
    const bytes = piece.subarray(0, Math.min(left, piece.length));
    await new Promise<void>((resolve) => connection.socket.write(bytes, () => resolve()));
  }
  connection.write('\r\nPING\r\n');
  t.match(await connection.reply(), new Error(replyErrors.outOfMemory().line));
  t.equal(await connection.reply(), 'PONG');
});

t.test('proto-max-bulk-len can be raised and lowered', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  await server.request('CONFIG', 'SET', 'proto-max-bulk-len', '1mb');
  const connection = await server.raw();
  t.equal(await connection.request('SET', 'k', Buffer.alloc(1024 * 1024)), 'OK');
  connection.write('*1\r\n$1048577\r\n');
  t.match(await connection.reply(), new Error('ERR Protocol error: invalid bulk length'));
});

t.test('limits what a client may send before its password', async (t) => {
  const server = await startServer(['--requirepass', 'secret']);
  t.teardown(() => server.stop());
  const connection = await server.raw();
  t.equal(await connection.refusal('PING'), 'NOAUTH Authentication required.');
  t.equal(await connection.refusal('GET', 'a'), 'NOAUTH Authentication required.');
  for (const [wire, complaint] of [
    ['*11\r\n', 'unauthenticated multibulk length'],
    ['*1\r\n$16385\r\n', 'unauthenticated bulk length'],
  ] as const) {
    const other = await server.raw();
    other.write(wire);
    t.match(await other.reply(), new Error(`ERR Protocol error: ${complaint}`));
    t.equal(await other.reply(), undefined);
  }
  // What follows the password in the same packet is no longer limited.
  const many = ['SET', 'k', 'x'.repeat(20_000)];
  connection.write(Buffer.concat([framed(['AUTH', 'secret']), framed(many)]));
  t.strictSame(await replies(connection, 2), ['OK', 'OK']);
  connection.close();
});

t.test('CLIENT REPLY silences', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const connection = await server.raw();
  t.teardown(() => connection.close());
  const echo = (text: string) => framed(['ECHO', text]);
  connection.write(
    Buffer.concat([
      echo('1'),
      framed(['CLIENT', 'REPLY', 'SKIP']),
      echo('skipped'),
      echo('2'),
      framed(['CLIENT', 'REPLY', 'OFF']),
      echo('off'),
      framed(['NOSUCH']),
      framed(['CLIENT', 'REPLY', 'ON']),
      echo('3'),
    ]),
  );
  t.strictSame(await replies(connection, 4), ['1', '2', 'OK', '3']);
});

t.test('refuses writes above maxmemory, and bodies that do not fit', async (t) => {
  const server = await startServer(['--maxmemory', '8mb']);
  t.teardown(() => server.stop());
  const connection = await server.raw();
  t.teardown(() => connection.close());
  const oom = "OOM command not allowed when used memory > 'maxmemory'.";
  t.equal(await connection.refusal('SET', 'big', Buffer.alloc(64 * 1024 * 1024)), oom);
  t.equal(await connection.request('PING'), 'PONG', 'the stream goes on');
  t.equal(await connection.request('EXISTS', 'big'), 0);
  t.equal(await connection.request('SET', 'small', 'x'), 'OK');
});

t.test('MULTI queues, EXEC runs all or nothing', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const connection = await server.raw();
  const other = await server.raw();
  t.teardown(() => connection.close());
  t.teardown(() => other.close());
  t.equal(await connection.refusal('EXEC'), 'ERR EXEC without MULTI');
  t.equal(await connection.refusal('DISCARD'), 'ERR DISCARD without MULTI');
  const multi = async (...commands: (string | Buffer)[][]) => {
    t.equal(await connection.request('MULTI'), 'OK');
    for (const words of commands) connection.send(...words);
    const queued = await replies(connection, commands.length);
    connection.send('EXEC');
    return { queued, reply: await connection.reply() };
  };
  const big = Buffer.alloc(100_000, 'z');
  const right = await multi(
    ['SET', 'a', '1'],
    ['SET', 'b', big],
    ['GET', 'b'],
    ['LLEN', 'a'],
    ['PING'],
  );
  t.strictSame(right.queued, Array(5).fill('QUEUED'));
  t.match(right.reply, ['OK', 'OK', big.toString(), /WRONGTYPE/, 'PONG']);
  const wrong = await multi(['SET', 'a', '2'], ['GET']);
  t.match(wrong.reply, new Error('EXECABORT Transaction discarded because of previous errors.'));
  t.equal(await connection.request('GET', 'a'), '1');
  t.equal(await connection.request('MULTI'), 'OK');
  t.equal(await connection.refusal('MULTI'), 'ERR MULTI calls can not be nested');
  t.equal(await connection.refusal('WATCH', 'a'), 'ERR WATCH inside MULTI is not allowed');
  t.equal(await connection.request('DISCARD'), 'OK');

  t.equal(await connection.request('WATCH', 'a', 'none'), 'OK');
  await other.request('SET', 'none', '1');
  t.equal((await multi(['SET', 'a', '3'])).reply, null);
  t.equal(await connection.request('WATCH', 'a'), 'OK');
  t.equal(await connection.request('UNWATCH'), 'OK');
  await other.request('SET', 'a', '4');
  t.strictSame((await multi(['GET', 'a'])).reply, ['4']);
  t.equal(await connection.request('WATCH', 'a'), 'OK');
  t.strictSame((await multi(['GET', 'a'], ['FLUSHALL'], ['DBSIZE'])).reply, ['4', 'OK', 0]);
  t.strictSame((await multi()).reply, []);
  const prepared = await multi(
    ['SET', 'a', '5'],
    ['CONFIG', 'SET', 'maxclients', '777'],
    ['GET', 'a'],
  );
  t.strictSame(prepared.reply, ['OK', 'OK', '5']);
});
