// tutti-cli beside Debian's redis-cli 7.0: the same arguments and input, the same output, byte for byte.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { quoteWord } from '../../lib/config/words.ts';
import { freePort, missingPrograms, runProcess, startRedis } from '../helpers/peers.ts';
import { startServer } from '../helpers/server.ts';

const clientFile = fileURLToPath(new URL('../../lib/cli/client.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tutti-cli-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

interface Row {
  readonly args: readonly string[];
  readonly input?: string | Buffer;
  readonly env?: NodeJS.ProcessEnv;
}

function theirs({ args, input, env }: Row) {
  return runProcess('redis-cli', args, { ...(input && { input }), ...(env && { env }) });
}

function ours({ args, input, env }: Row) {
  const options = { ...(input && { input }), ...(env && { env }) };
  return runProcess(process.execPath, [clientFile, ...args], options);
}

async function compare(
  t: Test,
  row: Row,
  places: readonly string[],
  wordsOf: (text: string) => string = (text) => text,
): Promise<void> {
  const own = { ...row, args: [...places, ...row.args] };
  const wanted = await theirs(own);
  const found = await ours(own);
  const shown = ({ status, stdout, stderr }: typeof found) => ({
    status,
    stdout: wordsOf(stdout),
    stderr: wordsOf(stderr),
  });
  const input = row.input === undefined ? '' : ` < ${JSON.stringify(row.input.toString())}`;
  t.strictSame(shown(found), shown(wanted), `${row.args.join(' ').slice(0, 100)}${input}`);
}

const styles = [[], ['--no-raw'], ['--raw'], ['--csv'], ['--json'], ['--quoted-json']] as const;

/** Replies of every type and depth: those of the server, and those that DEBUG PROTOCOL makes. */
const replies: readonly (readonly string[])[] = [
  ['PING'],
  ['GET', 'text'],
  ['GET', 'bytes'],
  ['GET', 'utf8'],
  ['GET', 'empty'],
  ['GET', 'none'],
  ['STRLEN', 'text'],
  ['LRANGE', 'list', '0', '-1'],
  ['LRANGE', 'none', '0', '-1'],
  ['HGETALL', 'hash'],
  ['HGETALL', 'none'],
  ['SMEMBERS', 'set'],
  ['SMEMBERS', 'none'],
  ['ZRANGE', 'zset', '0', '-1', 'WITHSCORES'],
  ['ZSCORE', 'zset', 'b'],
  ['XRANGE', 'stream', '-', '+'],
  ['MGET', 'text', 'none', 'utf8'],
  ['NOSUCH', 'a b'],
  ['GET'],
  ['LPUSH', 'text', 'x'],
  ['CONFIG', 'GET', 'maxmemory*'],
  ['COMMAND', 'INFO', 'get'],
  ['COMMAND', 'DOCS', 'quit', 'zmpop'],
  ['CLIENT', 'GETNAME'],
  ['ECHO', ''],
  ['ECHO', 'with "quotes" and \\ and \ttabs\r\nlines'],
  ['DEBUG', 'PROTOCOL', 'string'],
  ['DEBUG', 'PROTOCOL', 'integer'],
  ['DEBUG', 'PROTOCOL', 'double'],
  ['DEBUG', 'PROTOCOL', 'null'],
  ['DEBUG', 'PROTOCOL', 'array'],
  ['DEBUG', 'PROTOCOL', 'set'],
  ['DEBUG', 'PROTOCOL', 'map'],
  ['DEBUG', 'PROTOCOL', 'attrib'],
  ['DEBUG', 'PROTOCOL', 'verbatim'],
  ['DEBUG', 'PROTOCOL', 'true'],
  ['DEBUG', 'PROTOCOL', 'false'],
];

/** redis-cli 7.0 escapes no quotes in --quoted-json, which is then no JSON, and knows no attributes. */
function isBetterHere(args: readonly string[]): boolean {
  if (args.includes('attrib')) return args.some((word) => word === '-3' || word.includes('json'));
  const hasQuotes = ['bytes', 'hash'].includes(args.at(-1) ?? '') || args.at(-1)?.includes('"');
  return args.includes('--quoted-json') && Boolean(hasQuotes);
}

const data: readonly (readonly (string | Buffer)[])[] = [
  ['SET', 'text', 'two words'],
  ['SET', 'bytes', Buffer.from([0, 1, 7, 8, 9, 10, 13, 31, 34, 92, 127, 128, 255])],
  ['SET', 'utf8', 'Zürich €'],
  ['SET', 'empty', ''],
  ['RPUSH', 'list', ...Array.from({ length: 12 }, (_, i) => `item ${i}`)],
  ['HSET', 'hash', 'f', 'v', 'a "quoted" field', 'line\nend'],
  ['SADD', 'set', 'one'],
  ['ZADD', 'zset', '1', 'a', '2.5', 'b', '1e30', 'c'],
  ['XADD', 'stream', '1-1', 'f', 'v', 'g', 'w'],
  ['XADD', 'stream', '2-1', 'f', 'v'],
];

t.test(
  'prints what redis-cli prints',
  { skip: missingPrograms('redis-cli', 'redis-server') },
  async (t) => {
    const redis = await startRedis(['--enable-debug-command', 'yes']);
    t.teardown(() => redis.stop());
    const tutti = await startServer(['--unixsocket', join(folder, 'socket')]);
    t.teardown(() => tutti.stop());
    for (const words of data) {
      await tutti.request(...words);
      const args = ['-p', `${redis.port}`, ...words.slice(0, -1).map(String), '-'];
      args.pop();
      const last = words.at(-1) ?? '';
      await runProcess('redis-cli', ['-x', ...args], { input: Buffer.from(last) });
    }

    t.test('replies of redis-server', async (t) => {
      for (const style of styles) {
        for (const protocol of [[], ['-3']]) {
          const args = [...protocol, ...style];
          const rows = replies.filter((words) => !isBetterHere([...args, ...words]));
          const input = rows.map((words) => `${words.map(quoteWord).join(' ')}\n`).join('');
          await compare(t, { args, input }, ['-p', `${redis.port}`]);
        }
      }
    });

    t.test('replies that redis-cli gets wrong', async (t) => {
      const place = ['-p', `${redis.port}`];
      for (const [key, value] of [
        ['bytes', '\\x00\\x01\\a\\b\\t\\n\\r\\x1f\\"\\\\\\x7f\\x80\\xff'],
        ['utf8', 'Z\\xc3\\xbcrich \\xe2\\x82\\xac'],
      ] as const) {
        const { stdout } = await ours({ args: [...place, '--quoted-json', 'GET', key] });
        t.equal(JSON.parse(stdout), value);
      }
      const { stdout } = await ours({ args: [...place, '-3', 'DEBUG', 'PROTOCOL', 'attrib'] });
      t.equal(stdout, 'Some real reply following the attribute\n');
    });

    t.test('replies of Tutti, a command at a time', async (t) => {
      for (const args of replies.slice(0, 20)) {
        await compare(t, { args: ['--no-raw', ...args] }, ['-p', `${tutti.port}`]);
      }
    });

    t.test('options', async (t) => {
      for (const row of optionRows) await compare(t, row, ['-p', `${tutti.port}`]);
      await compare(t, { args: ['GET', 'text'] }, ['-s', join(folder, 'socket')]);
      await compare(t, { args: ['PING'] }, ['-s', join(folder, 'no-socket')]);
      await compare(t, { args: ['PING'] }, ['-u', `redis://127.0.0.1:${tutti.port}/3`]);
      await compare(t, { args: ['PING'] }, ['-u', `redis://me:word@127.0.0.1:${tutti.port}`]);
      await compare(t, { args: ['PING'] }, ['-u', 'http://127.0.0.1']);
      await compare(t, { args: ['PING'] }, ['-p', `${await freePort()}`]);
      await compare(t, { args: ['PING'] }, ['-h', 'no-such-host.invalid']);
      await compare(t, { args: ['PING'] }, ['--nosuch']);
      await compare(t, { args: [], input: 'PING\n' }, ['-p', `${await freePort()}`]);
    });

    t.test('scripts of lines', async (t) => {
      for (const input of inputs) {
        for (const style of [[], ['--no-raw']])
          await compare(t, { args: style, input }, ['-p', `${tutti.port}`], (text) =>
            text.replace(/\bid\b\D+\d+/, 'id'),
          );
      }
    });
  },
);

const optionRows: readonly Row[] = [
  { args: ['-n', '3', 'SET', 'k', 'v'] },
  { args: ['-n', '3', 'GET', 'k'] },
  { args: ['-n', '99', 'GET', 'k'] },
  { args: ['-r', '3', 'PING'] },
  { args: ['-r', '2', '-i', '0.01', '--no-raw', 'GET', 'text'] },
  { args: ['-x', 'SET', 'in'], input: 'a\nb\0c' },
  { args: ['-x', 'SET', 'in'], input: Buffer.from([0xff, 0xfe, 0]) },
  { args: ['--no-raw', 'GET', 'in'] },
  { args: ['-X', 'TAG', 'SET', 'TAG', 'v'], input: 'tagged' },
  { args: ['-X', 'TAG', 'SET', 'k', 'v'], input: 'tagged' },
  { args: ['-x', '-X', 'TAG', 'SET', 'k', 'v'], input: 'tagged' },
  { args: ['GET', 'tagged'] },
  { args: ['-d', ', ', 'LRANGE', 'list', '0', '2'] },
  { args: ['-D', '|', '-r', '2', 'LRANGE', 'list', '0', '2'] },
  { args: ['-e', 'NOSUCH'] },
  { args: ['-e', 'PING'] },
  { args: ['--quoted-input', 'SET', '"a\\x00b"', "'c d'"] },
  { args: ['--quoted-input', '--no-raw', 'GET', '"a\\x00b"'] },
  { args: ['--quoted-input', 'GET', '"a'] },
  { args: ['-a', 'word', 'PING'] },
  { args: ['--pass', 'word', '--no-auth-warning', 'PING'] },
  { args: ['--user', 'default', '--pass', 'word', '--no-auth-warning', 'PING'] },
  { args: ['--user', 'default', 'PING'] },
  { args: ['PING'], env: { REDISCLI_AUTH: 'word' } },
  { args: ['--no-raw', 'PING'], env: { FAKETTY: '1' } },
  { args: ['PING'], env: { FAKETTY: '1' } },
  { args: ['-2', 'HGETALL', 'hash'] },
  { args: ['-3', 'HGETALL', 'hash'] },
  { args: ['-c', 'GET', 'text'] },
  { args: ['--verbose', 'PING'] },
  { args: ['--show-pushes', 'no', 'PING'] },
  { args: ['--scan', '--pattern', 'te*'] },
  { args: ['--scan', '--pattern', 'nothing*'] },
  { args: ['--scan', '--pattern', 'te*', '--no-raw'] },
  { args: ['--scan', '--quoted-pattern', '"te*"'] },
  { args: ['--scan', '--quoted-pattern', '"te*'] },
  { args: ['--pipe'], input: 'SET p 1\r\nINCR p\r\n*2\r\n$3\r\nGET\r\n$1\r\np\r\n' },
  { args: ['--pipe'], input: 'SET p 1\r\nNOSUCH\r\nLPUSH p 1\r\n' },
  { args: ['--pipe'], input: 'SET p 1' },
  { args: ['--pipe'], input: '' },
  { args: ['CLUSTER', 'INFO'] },
  { args: ['CLIENT', 'LIST', 'ID', '99999'] },
  { args: ['CONFIG', 'GET', 'maxmemory'] },
  { args: ['-'] },
];

const inputs: readonly string[] = [
  'SET k 1\nGET k\n',
  'get k',
  '\n\n  \nPING\n\n',
  'PING\r\nECHO "a b"\r\n',
  'ECHO "unbalanced\nPING\n',
  "ECHO 'it\\'s' x\nPING\n",
  'ECHO "\\x41\\n\\xff"\n',
  '3 INCR counted\n0 PING\n-1 PING\nDEL counted\n',
  '99999999999999999999 PING\n',
  'SELECT 1\nSET only here\nSELECT 0\nGET only\n',
  'MULTI\nSET k 2\nGET k\nEXEC\n',
  'MULTI\nNOSUCH\nEXEC\nPING\n',
  'NOSUCH a\nPING\n',
  'PING\nquit\nECHO never\n',
  'EXIT\n',
  'ECHO Zürich\n',
  'HELLO 3\nHGETALL hash\n',
];

t.test(
  'tells each other server by its password',
  { skip: missingPrograms('redis-cli') },
  async (t) => {
    const server = await startServer(['--requirepass', 'secret']);
    t.teardown(async () => {
      await ours({
        args: ['-p', `${server.port}`, 'SHUTDOWN', 'NOSAVE'],
        env: { REDISCLI_AUTH: 'secret' },
      });
      await server.ended;
    });
    const rows: readonly Row[] = [
      { args: ['PING'] },
      { args: ['-a', 'secret', 'PING'] },
      { args: ['-a', 'wrong', 'PING'] },
      { args: ['-a', 'wrong', '-e', 'PING'] },
      { args: ['--user', 'default', '--pass', 'secret', 'PING'] },
      { args: ['--user', 'nobody', '--pass', 'secret', 'PING'] },
      { args: ['-3', 'PING'] },
      { args: ['-u', `redis://secret@127.0.0.1:${server.port}`, 'PING'] },
      { args: ['-u', `redis://default:sec%72et@127.0.0.1:${server.port}/2`, 'PING'] },
      { args: ['PING'], env: { REDISCLI_AUTH: 'secret' } },
      { args: ['--askpass', 'PING'], input: 'secret\n' },
      { args: ['-a', 'secret', '--no-auth-warning', '-n', '4', '-3', 'GET', 'x'] },
      { args: [], input: 'PING\nAUTH secret\nPING\n' },
    ];
    for (const row of rows) await compare(t, row, ['-p', `${server.port}`]);
    // redis-cli 7.0 takes nobody for a user of no name, and is refused.
    const uri = `redis://:secret@127.0.0.1:${server.port}`;
    t.match(await ours({ args: ['-u', uri, 'PING'] }), { status: 0, stdout: 'PONG\n' });
  },
);

/** Runs a program until it has printed what is wanted, then ends it. */
async function outputUntil(
  program: readonly string[],
  isEnough: (output: string) => boolean,
  meanwhile: (output: string) => void = () => {},
): Promise<string> {
  const [file = '', ...args] = program;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`only this: ${output}`)), 30_000);
    const note = (chunk: Buffer) => {
      output += chunk.toString();
      meanwhile(output);
      if (!isEnough(output)) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout.on('data', note);
    child.stderr.on('data', note);
  });
  child.kill('SIGKILL');
  return output;
}

async function compareListeners(t: Test, place: readonly string[]): Promise<void> {
  const client = [process.execPath, clientFile, ...place];
  const send = (...words: string[]) => runProcess('redis-cli', [...place, ...words]);
  let hasSent = false;
  const monitored = await outputUntil(
    [...client, 'MONITOR'],
    (output) => output.includes('"SET" "watched" "1"'),
    (output) => {
      if (!hasSent && output.startsWith('OK\n')) void send('SET', 'watched', '1');
      hasSent = true;
    },
  );
  t.match(monitored, /^OK\n\d+\.\d+ \[0 127\.0\.0\.1:\d+\] "SET" "watched" "1"\n$/);

  for (const style of [['--no-raw'], ['--raw'], ['--csv'], ['--json'], ['-3', '--no-raw']]) {
    const said = async (program: readonly string[]) => {
      let hasPublished = false;
      return outputUntil(
        [...program, ...style, 'SUBSCRIBE', 'news', 'more'],
        (output) => output.includes('second'),
        (output) => {
          if (hasPublished || !/more[^2]*2/.test(output)) return;
          hasPublished = true;
          void send('PUBLISH', 'news', 'first "one"').then(() => send('PUBLISH', 'more', 'second'));
        },
      );
    };
    const wanted = await said(['redis-cli', ...place]);
    t.equal(await said(client), wanted, `SUBSCRIBE ${style.join(' ')}`);
  }
}

t.test(
  'MONITOR, SUBSCRIBE, --stat and --latency go on',
  { skip: missingPrograms('redis-cli', 'redis-server') },
  async (t) => {
    const redis = await startRedis();
    t.teardown(() => redis.stop());
    const tutti = await startServer();
    t.teardown(() => tutti.stop());
    const place = ['-p', `${redis.port}`];
    const client = [process.execPath, clientFile, ...place];
    await compareListeners(t, place);
    await compareListeners(t, ['-p', `${tutti.port}`]);

    const lines = (output: string) => output.split('\n');
    const stat = (program: readonly string[]) =>
      outputUntil([...program, '--stat', '-i', '0.05'], (output) => lines(output).length > 4);
    const shape = (line: string | undefined) =>
      line?.replace(/\d+(\.\d+)?[KM]?/g, '1').replace(/ +/g, ' ');
    const [wanted, found] = [lines(await stat(['redis-cli', ...place])), lines(await stat(client))];
    t.strictSame(found.slice(0, 2), wanted.slice(0, 2), '--stat');
    t.equal(shape(found[2]), shape(wanted[2]));
    t.equal(found[2]?.length, wanted[2]?.length, 'its columns');

    const latency = await ours({ args: [...place, '--latency', '-i', '0.2'] });
    t.match(latency, { status: 0, stdout: /^\d+ \d+ \d+\.\d\d \d+\n$/ });
    const csv = await ours({ args: [...place, '--latency', '--csv', '-i', '0.1'] });
    t.match(csv, { status: 0, stdout: /^\d+,\d+,\d+\.\d\d,\d+\n$/ });
  },
);

t.test('the largest keys', async (t) => {
  const server = await startServer();
  t.teardown(() => server.stop());
  const place = ['-p', `${server.port}`];
  t.match(await ours({ args: [...place, '--bigkeys'] }), { status: 0, stdout: /Sampled 0 keys/ });
  for (const words of data) await server.request(...words);
  await server.request('AI.TENSORSET', 'tensor', 'FLOAT', '2');
  const { status, stdout } = await ours({ args: [...place, '--bigkeys', '-i', '0.001'] });
  t.equal(status, 0);
  t.match(stdout, /Biggest {3}list found "list" has 12 items/);
  t.match(stdout, /Biggest string found "bytes" has 13 bytes/);
  t.match(stdout, /Sampled 10 keys in the keyspace!/);
});

t.test('what is not supported is refused with its reason', async (t) => {
  for (const name of ['--cluster', '--rdb', '--replica', '--ldb', '--hotkeys', '--latency-dist']) {
    t.match(await ours({ args: [name, 'x'] }), {
      status: 1,
      stdout: '',
      stderr: new RegExp(`^'${name}' is not supported: .+\n$`),
    });
  }
  const script = join(folder, 'a.lua');
  writeFileSync(script, 'return 1');
  const server = await startServer();
  t.teardown(() => server.stop());
  const args = ['-p', `${server.port}`, '--eval', script, 'k', ',', 'a'];
  t.match(await ours({ args }), { status: 0, stdout: /^ERR unknown command 'EVAL'/ });
  t.match(await ours({ args: ['--eval', join(folder, 'none.lua')] }), {
    status: 1,
    stderr: /Can't open file .*No such file or directory/,
  });
  t.match(await ours({ args: ['--help'] }), { status: 0, stdout: /^tutti-cli <options>/ });
  t.match(await ours({ args: ['-h'] }), { status: 0, stdout: /^tutti-cli <options>/ });
  t.match(await ours({ args: ['--version'] }), { status: 0, stdout: /^redis-cli 7\.2\.4/ });
});

t.test('TLS', { skip: missingPrograms('redis-cli', 'redis-server') }, async (t) => {
  const file = (name: string) => join(folder, name);
  const openssl = async (...args: string[]) => {
    const { status, stderr } = await runProcess('openssl', args);
    if (status !== 0) throw new Error(stderr);
  };
  for (const name of ['ca', 'stranger']) {
    const subject = ['-subj', `/CN=${name}`, '-days', '2'];
    const files = ['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)];
    await openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...files, ...subject);
  }
  const request = ['-keyout', file('own.key'), '-out', file('own.csr'), '-subj', '/CN=own'];
  await openssl('req', '-newkey', 'rsa:2048', '-nodes', ...request);
  const signer = ['-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-CAcreateserial'];
  const signed = ['-in', file('own.csr'), '-out', file('own.crt'), '-days', '2'];
  await openssl('x509', '-req', ...signed, ...signer);

  const keys = Object.entries(tlsFiles).flatMap(([name, path]) => [`--tls-${name}`, file(path)]);
  const ports = [await freePort(), await freePort()] as const;
  const redis = await startRedis(['--tls-port', `${ports[0]}`, ...keys]);
  t.teardown(() => redis.stop());
  const tutti = await startServer(['--tls-port', `${ports[1]}`, ...keys]);
  t.teardown(() => tutti.stop());
  for (const port of ports) await compareWithTls(t, port);
});

async function compareWithTls(t: Test, port: number): Promise<void> {
  const file = (name: string) => join(folder, name);
  const own = ['--cert', file('own.crt'), '--key', file('own.key')];
  const place = ['-p', `${port}`, '--tls'];
  for (const args of [
    ['--cacert', file('ca.crt'), ...own, 'PING'],
    ['--cacert', file('ca.crt'), ...own, '--sni', 'some.name', 'PING'],
    ['--insecure', ...own, '--no-raw', 'ECHO', 'a'],
  ]) {
    await compare(t, { args }, place);
  }
  const uri = ['-u', `rediss://127.0.0.1:${port}`, '--cacert', file('ca.crt'), ...own];
  await compare(t, { args: ['PING'] }, uri);
  const refusals = [
    ['--cacert', file('stranger.crt'), ...own, 'PING'],
    ['--cacert', file('none.crt'), ...own, 'PING'],
    ['--cacert', file('ca.crt'), 'PING'],
  ];
  for (const args of refusals) {
    const [wanted, found] = await Promise.all([
      theirs({ args: [...place, ...args] }),
      ours({ args: [...place, ...args] }),
    ]);
    t.equal(found.status, wanted.status, args.join(' ').replaceAll(folder, ''));
    t.equal(found.stdout, wanted.stdout);
    t.match(found.stderr, /^(Could not connect to Redis at 127\.0\.0\.1:\d+|Error): .+\n$/);
  }
}

const tlsFiles: Record<string, string> = {
  'cert-file': 'own.crt',
  'key-file': 'own.key',
  'ca-cert-file': 'ca.crt',
};
