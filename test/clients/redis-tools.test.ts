// Debian's redis-cli and redis-benchmark against Tutti.

import t from 'tap';
import { missingPrograms, runProcess } from '../helpers/peers.ts';
import { startServer } from '../helpers/server.ts';

t.test('redis-cli', { skip: missingPrograms('redis-cli') }, async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const cli = async (args: readonly string[], input?: string) => {
    const end = await runProcess(
      'redis-cli',
      ['-p', `${server.port}`, ...args],
      input === undefined ? {} : { input },
    );
    return { status: end.status, output: end.stdout };
  };

  const rows: readonly { args: readonly string[]; output: string }[] = [
    { args: ['PING'], output: 'PONG\n' },
    { args: ['SET', 'k', 'two words'], output: 'OK\n' },
    { args: ['GET', 'k'], output: 'two words\n' },
    { args: ['--no-raw', 'GET', 'k'], output: '"two words"\n' },
    { args: ['--no-raw', 'GET', 'nope'], output: '(nil)\n' },
    { args: ['--no-raw', 'STRLEN', 'k'], output: '(integer) 9\n' },
    { args: ['RPUSH', 'l', 'a', 'b"c', ''], output: '3\n' },
    { args: ['--raw', 'LRANGE', 'l', '0', '-1'], output: 'a\nb"c\n\n' },
    { args: ['--csv', 'LRANGE', 'l', '0', '-1'], output: '"a","b\\"c",""\n' },
    { args: ['--json', 'LRANGE', 'l', '0', '-1'], output: '["a","b\\"c",""]\n' },
    { args: ['HSET', 'h', 'f', 'v'], output: '1\n' },
    { args: ['-3', '--no-raw', 'HGETALL', 'h'], output: '1# "f" => "v"\n' },
    { args: ['--json', 'HGETALL', 'h'], output: '{"f":"v"}\n' },
    { args: ['-3', '--no-raw', 'GET', 'nope'], output: '(nil)\n' },
    { args: ['-n', '5', 'GET', 'k'], output: '\n' },
    { args: ['GET'], output: "ERR wrong number of arguments for 'get' command\n\n" },
    { args: ['AI.TENSORSET', 't', 'FLOAT', '2', 'VALUES', '1.5', '-0.25'], output: 'OK\n' },
    { args: ['AI.TENSORGET', 't', 'VALUES'], output: '1.5\n-0.25\n' },
    { args: ['--json', 'AI.TENSORGET', 't', 'VALUES'], output: '[1.5,-0.25]\n' },
    {
      args: ['-3', '--no-raw', 'AI.TENSORGET', 't', 'VALUES'],
      output: '1) (double) 1.5\n2) (double) -0.25\n',
    },
    { args: ['--no-raw', 'TYPE', 't'], output: 'AI_TENSOR\n' },
  ];
  for (const { args, output } of rows) {
    t.strictSame(await cli(args), { status: 0, output }, `redis-cli ${args.join(' ')}`);
  }
  t.match(await cli(['-e', 'GET']), { status: 1 }, 'redis-cli -e tells an error by its status');
  t.match(await cli(['INFO', 'server']), { status: 0, output: /redis_version:7\.2\.4\r\n/ });
  t.strictSame(await cli(['-x', 'SET', 'k'], 'from\nstdin'), { status: 0, output: 'OK\n' });
  t.strictSame(await cli(['GET', 'k']), { status: 0, output: 'from\nstdin\n' });
  t.strictSame(
    await cli([], 'SET k 1\nGET k\nNOSUCH\n'),
    { status: 0, output: "OK\n1\nERR unknown command 'NOSUCH', with args beginning with: \n\n" },
    'commands are read from a pipe',
  );

  const inserts = Array.from({ length: 10_000 }, (_, i) => `SET pipe:${i} ${i}\r\n`).join('');
  t.match(
    await cli(['--pipe'], inserts),
    { status: 0, output: /errors: 0, replies: 10000/ },
    'redis-cli --pipe',
  );
  t.strictSame(await cli(['GET', 'pipe:9999']), { status: 0, output: '9999\n' });

  t.strictSame(await cli(['shutdown']), { status: 0, output: '' }, 'redis-cli shutdown');
  t.strictSame(
    await server.ended,
    { status: 0, signal: null },
    'and the server ends with status 0',
  );
});

t.test('redis-benchmark', { skip: missingPrograms('redis-benchmark') }, async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const runs: readonly (readonly string[])[] = [
    ['-t', 'ping,set,get', '-n', '20000'],
    ['-t', 'ping,set,get', '-n', '40000', '-P', '16'],
    ['-t', 'ping,set,get,rpush,hset', '-n', '20000', '-P', '16', '-3', '-d', '1000', '-r', '1000'],
    [
      '-n',
      '10000',
      'AI.TENSORSET',
      'tensor:__rand_int__',
      'FLOAT',
      '4',
      'VALUES',
      '1',
      '2',
      '3',
      '4',
    ],
    ['-n', '20000', '-P', '16', 'AI.TENSORSET', 't', 'FLOAT', '4', 'BLOB', 'sixteen bytes...'],
    ['-n', '20000', '-P', '16', 'AI.TENSORGET', 't', 'META', 'BLOB'],
  ];
  for (const args of runs) {
    const end = await runProcess('redis-benchmark', ['-p', `${server.port}`, '-q', ...args]);
    const title = `redis-benchmark ${args.join(' ')}`;
    t.equal(end.status, 0, title);
    t.match(end.stdout, /requests per second/, title);
    t.notMatch(end.stdout + end.stderr, /error/i, `${title}: no errors`);
  }
});
