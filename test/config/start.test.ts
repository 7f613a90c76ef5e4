// Starting the built server as init systems and scripts start redis-server, beside Debian's.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { freePort, missingPrograms, runProcess } from '../helpers/peers.ts';
import { missingPython, sitePackagesOf } from '../helpers/python-env.ts';
import { Connection, startServer } from '../helpers/server.ts';

const serverFile = fileURLToPath(new URL('../../lib/cli/server.js', import.meta.url));
const WAIT_MS_MAX = 30_000;

const folder = mkdtempSync(join(tmpdir(), 'tutti-start-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Looks again until it is so. */
async function until<Found>(look: () => Found | undefined | false, what: string): Promise<Found> {
  for (const startedMs = Date.now(); Date.now() - startedMs < WAIT_MS_MAX; ) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not so after ${WAIT_MS_MAX} ms: ${what}`);
}

function ours(args: readonly string[], options: { input?: string } = {}) {
  return runProcess(process.execPath, [serverFile, ...args], options);
}

/** What cannot start, and is told in the same words by redis-server 7.0. */
const fatal: readonly (readonly string[])[] = [
  ['--port', 'x'],
  ['--port', '70000'],
  ['--port', '1', '2'],
  ['--port'],
  ['--nosuch', '1'],
  ['--nosuch'],
  ['--hz', '1', '--port x'],
  ['--daemonize', 'maybe'],
  ['--maxmemory', '1.5gb'],
  ['--maxmemory', '-1'],
  ['--maxmemory-policy', 'some'],
  ['--unixsocketperm', '9'],
  ['--unixsocketperm', '1777'],
  ['--save', '1'],
  ['--save', 'a b'],
  ['--dir', '/nowhere'],
  ['--logfile', '/nowhere/log'],
  ['--appendfilename', 'a/b'],
  ['--client-output-buffer-limit', 'normal', '0', '0'],
  ['--client-output-buffer-limit', 'some', '0', '0', '0'],
  ['--oom-score-adj-values', '1', '2'],
  ['--notify-keyspace-events', 'Q'],
  ['--include'],
  ['--rename-command', 'NOSUCH', 'x'],
  ['--rename-command', 'GET'],
  ['--rename-command', 'GET', 'sEt'],
  ['--rename-command', 'GET', 'a', '--rename-command', 'get', 'b'],
  ['--loadmodule'],
  ['--proc-title-template', '{nosuch}'],
  [write('quotes.conf', 'hz 5\n\nrequirepass "a\n')],
  [write('behind.conf', 'requirepass "a"b\n')],
  [write('value.conf', '# one\n  port   y  \n')],
  [write('outer.conf', `hz 5\ninclude ${write('inner.conf', '\n\nport z\n')}\n`)],
  [write('args.conf', 'hz 5\n'), '--hz', 'x'],
  [write('noend.conf', 'hz 5'), '--hz', 'x'],
];

t.test(
  'bad configurations end as those of redis-server',
  { skip: missingPrograms('redis-server') },
  async (t) => {
    for (const args of fatal) {
      const [wanted, found] = await Promise.all([runProcess('redis-server', args), ours(args)]);
      const block = (text: string) => text.replace(/\(Redis [\d.]+\)/, '(Redis)');
      t.strictSame(
        { status: found.status, stderr: block(found.stderr) },
        { status: wanted.status, stderr: block(wanted.stderr) },
        args.join(' ').replaceAll(folder, ''),
      );
    }
  },
);

/** Where nobody can listen; each with a free port. */
const nowhere: readonly (readonly string[])[] = [
  ['--bind', ''],
  ['--bind', '192.0.2.1'],
  ['--bind', '-192.0.2.1'],
  ['--bind', '127.0.0.1', '192.0.2.1'],
  ['--bind', 'nosuch.invalid'],
  ['--bind', '-nosuch.invalid', '127.0.0.1'],
  ['--unixsocket', '/nowhere/s'],
  ['--port', '0'],
];

t.test(
  'a server that cannot listen ends as redis-server',
  { skip: missingPrograms('redis-server') },
  async (t) => {
    for (const args of nowhere) {
      const all = ['--port', `${await freePort()}`, '--save', '', ...args];
      const wanted = await runProcess('redis-server', all);
      const found = await ours(all);
      const told = (log: string) =>
        log
          .split('\n')
          .filter((line) => /listen|Unix socket/.test(line))
          .map((line) => line.replace(/^.*? # /, '').replace('(TCP)', '(tcp)'));
      t.strictSame(told(found.stdout), told(wanted.stdout), args.join(' '));
      t.equal(found.status, wanted.status, args.join(' '));
      t.ok(told(found.stdout).length > 0, 'it says why');
    }
  },
);

t.test('whoever starts a daemon is told what it cannot start with', async (t) => {
  for (const [args, words] of [
    [['--rename-command', 'NOSUCH', 'x'], /\nNo such command in rename-command\n$/],
    [['--user', 'a', '+nosuch'], /Error in user declaration '\+nosuch'/],
    [['--port', 'x'], /argument couldn't be parsed into an integer\n$/],
  ] as const) {
    const end = await ours(['--daemonize', 'yes', '--port', `${await freePort()}`, ...args]);
    t.match(end, { status: 1, stderr: words });
  }
});

t.test('a file that cannot be read', async (t) => {
  t.match(await ours([join(folder, 'none.conf')]), {
    status: 1,
    stderr: /Fatal error, can't open config file '.*none\.conf': No such file or directory\n$/,
  });
  t.match(await ours([folder]), { status: 1, stderr: /can't open config file .*: Is a directory/ });
});

t.test('programs that serve nobody', async (t) => {
  t.match(await ours(['--version']), { status: 0, stdout: /^Redis server v=7\.2\.4 / });
  t.match(await ours(['--help']), { status: 1, stderr: /^Usage: tutti-server / });
  const check = await ours(['--check-system']);
  t.match(check.stdout, /^\[overcommit\]\.\.\.(OK|WARNING|skipped)/);
  t.equal(check.status, check.stdout.includes('WARNING') ? 1 : 0);
  t.match(await ours(['--test-memory', '2']), { status: 0, stdout: /passed this test/ });
  t.match(await ours(['--test-memory', '99999999']), { status: 1, stderr: /has \d+ MiB, not/ });
});

/** Values unlike the defaults, in all the forms that lines have. */
const rich = `# a comment
tcp-backlog 128
TIMEOUT 77
tcp-keepalive 33
loglevel verbose
databases 8
save 900 1
save 300 10
stop-writes-on-bgsave-error no
rdbcompression no
dbfilename "with blank.rdb"
slave-read-only no
repl-diskless-sync-delay 7
maxclients 200
maxmemory 3gb
maxmemory-policy allkeys-lfu
maxmemory-samples 7
lazyfree-lazy-eviction yes
appendfsync always
auto-aof-rewrite-min-size 1mb
slowlog-log-slower-than -1
slowlog-max-len 5
latency-monitor-threshold 100
notify-keyspace-events "Ex"
hash-max-ziplist-entries 99
hash-max-listpack-value 50
list-max-listpack-size -3
zset-max-ziplist-value 51
client-output-buffer-limit normal 1mb 512kb 9
client-output-buffer-limit replica 256mb 64mb 60
client-output-buffer-limit pubsub 32mb 8mb 60
client-query-buffer-limit 2gb
proto-max-bulk-len 1gb
hz 33
dynamic-hz no
oom-score-adj-values 1 2 3
maxmemory-clients 5%
latency-tracking-info-percentiles 50 90
shutdown-timeout 3
lua-time-limit 4000
`;

t.test(
  'a file and options give the settings that redis-server has',
  { skip: missingPrograms('redis-server') },
  (t) => compareSettings(t, write('rich.conf', rich)),
);

const packages = sitePackagesOf('smartsim');
t.test(
  "SmartSim's file and options give the settings that redis-server has",
  { skip: missingPrograms('redis-server') || missingPython('smartsim') },
  (t) => compareSettings(t, join(packages ?? '', 'smartsim', '_core', 'config', 'redis.conf')),
);

async function compareSettings(t: Test, conf: string): Promise<void> {
  const socket = join(folder, 'redis.sock');
  const options = ['--timeout', '78', '--save 60 5', '--unixsocketperm', '755', '--hz', '34'];
  const port = await freePort();
  const args = [conf, '--port', `${port}`, '--dir', folder, '--unixsocket', socket];
  const peer = spawn('redis-server', [...args, ...options], { stdio: 'ignore' });
  const peerEnd = new Promise((resolve) => peer.on('close', resolve));
  await until(() => existsSync(socket), 'redis-server listens');
  const wanted = await settingsOf(await Connection.open(socket));
  peer.kill('SIGKILL');
  await peerEnd;
  rmSync(socket, { force: true });
  const server = await startServer([conf, '--port', `${port}`, ...args.slice(3), ...options]);
  const found = await settingsOf(await Connection.open(socket));
  await server.stop();

  t.ok(wanted.size > 150, `${wanted.size} settings are compared`);
  for (const [name, value] of wanted) {
    if (!byBuild.has(name)) t.equal(found.get(name), value, name);
  }
}

/**
 * Settings of 7.0 that 7.2 has not, whose default follows from how redis-server was built or packaged,
 * or that depend on how many files each server has open beside its clients.
 */
const byBuild = new Set([
  'maxclients',
  'list-max-ziplist-size',
  'appendonly',
  'jemalloc-bg-thread',
  'set-proc-title',
]);

async function settingsOf(connection: Connection): Promise<Map<string, string>> {
  const reply = await connection.request('CONFIG', 'GET', '*');
  connection.close();
  const words = Array.isArray(reply) ? reply.map(String) : [];
  const settings = new Map<string, string>();
  for (let i = 0; i < words.length; i += 2) settings.set(words[i] ?? '', words[i + 1] ?? '');
  return settings;
}

t.test('daemonize: in the background, with pidfile and logfile, until SHUTDOWN', async (t) => {
  const port = await freePort();
  const pidFile = join(folder, 'daemon.pid');
  const logFile = join(folder, 'daemon.log');
  const end = await ours(
    ['-', '--daemonize', 'yes', '--pidfile', pidFile, '--logfile', 'daemon.log', '--dir', folder],
    { input: `port ${port}\nbind 127.0.0.1\n` },
  );
  t.match(end, { status: 0, stdout: '', stderr: '' });
  await until(
    () => existsSync(logFile) && readFileSync(logFile, 'utf8').includes('Ready to accept'),
    'the daemon is ready',
  );
  const pid = Number(readFileSync(pidFile, 'utf8'));
  t.ok(pid > 0 && pid !== process.pid);
  // A session of its own, so that no terminal ends it.
  const sessionOf = (of: number) =>
    readFileSync(`/proc/${of}/stat`, 'latin1').split(') ')[1]?.split(' ')[3];
  t.equal(sessionOf(pid), `${pid}`);
  const connection = await Connection.open(port);
  t.equal(await connection.request('PING'), 'PONG');
  t.match(await connection.request('CONFIG', 'GET', 'dir'), ['dir', folder]);
  connection.send('SHUTDOWN', 'NOSAVE');
  await until(() => !existsSync(pidFile), 'the pid file is gone');
  await until(() => !existsSync(`/proc/${pid}`), 'the daemon has ended');
});

t.test('daemonize tells what is wrong before it goes to the background', async (t) => {
  t.match(await ours(['--daemonize', 'yes', '--port', 'x']), {
    status: 1,
    stderr: /FATAL CONFIG FILE ERROR/,
  });
});

t.test('supervised systemd: tells its socket when clients are served', async (t) => {
  const path = join(folder, 'notify');
  const code =
    'import socket,sys; s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.bind(sys.argv[1]); print("bound",flush=True); print(s.recv(999).decode(),flush=True)';
  const systemd = spawn('python3', ['-c', code, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => systemd.kill());
  let told = '';
  systemd.stdout.on('data', (chunk: Buffer) => {
    told += chunk.toString();
  });
  await until(() => told.includes('bound'), 'the socket is there');
  // It stays in the foreground whatever daemonize says.
  const args = ['--supervised', 'auto', '--daemonize', 'yes'];
  const server = await startServer(args, { NOTIFY_SOCKET: path });
  await until(() => told.includes('READY=1\n'), 'systemd is told');
  t.equal(await server.request('PING'), 'PONG');
  await server.stop();
});

t.test('supervised upstart: stops once', async (t) => {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [serverFile, '--supervised', 'upstart', '--port', `${port}`],
    { env: { ...process.env, UPSTART_JOB: 'redis' }, cwd: folder, stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => child.on('close', resolve));
  const state = () => readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(') ')[1]?.[0];
  await until(() => state() === 'T', 'it is stopped');
  child.kill('SIGCONT');
  const connection = await Connection.open(port);
  t.equal(await connection.request('PING'), 'PONG');
  connection.close();
  child.kill('SIGTERM');
  t.equal(await ended, 0);
});

t.test('supervised without a supervisor serves, and says so', async () => {
  const server = await startServer(['--supervised', 'systemd'], { NOTIFY_SOCKET: '' });
  await until(() => server.log().includes('there is no NOTIFY_SOCKET'), 'it is logged');
  await server.stop();
});

t.test('ps shows the title, and the program by its name', async (t) => {
  const show = (pid: number) => ({
    title: readFileSync(`/proc/${pid}/cmdline`, 'latin1').replace(/\0.*$/s, ''),
    name: readFileSync(`/proc/${pid}/comm`, 'latin1').trim(),
  });
  const server = await startServer(['--bind', '127.0.0.1']);
  t.match(show(server.pid), {
    title: `tutti-server 127.0.0.1:${server.port}`,
    name: 'tutti-server',
  });
  await server.stop();
  const own = await startServer(['--proc-title-template', 'db on {port}']);
  t.equal(show(own.pid).title, `db on ${own.port}`);
  await own.stop();
  const none = await startServer(['--set-proc-title', 'no']);
  t.match(show(none.pid), { title: process.execPath, name: 'tutti-server' });
  await none.stop();
});

t.test('maxclients is no more than there may be open files', async (t) => {
  const port = await freePort();
  const command = `ulimit -n 500; exec "$0" "$1" --port ${port} --maxclients 400`;
  const child = spawn('sh', ['-c', command, process.execPath, serverFile], { cwd: folder });
  const ended = new Promise((resolve) => child.on('close', resolve));
  let log = '';
  child.stdout.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  await until(() => log.includes('Ready to accept'), 'it is ready');
  t.match(log, /maxclients 400 needs 528 open files, 500 are allowed: it is 372 now/);
  const connection = await Connection.open(port);
  t.strictSame(await connection.request('CONFIG', 'GET', 'maxclients'), ['maxclients', '372']);
  connection.close();
  child.kill('SIGTERM');
  t.equal(await ended, 0);
});

t.test('the log file is written anew after it was renamed', async (t) => {
  const logFile = join(folder, 'rotated.log');
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [serverFile, '--port', `${port}`, '--logfile', logFile, '--dir', folder],
    { stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => child.on('close', resolve));
  const hasLine = (text: string) => () =>
    existsSync(logFile) && readFileSync(logFile, 'utf8').includes(text);
  await until(hasLine('Ready to accept'), 'it is ready');
  rmSync(logFile);
  child.kill('SIGTERM');
  t.equal(await ended, 0);
  t.ok(hasLine('bye bye')());
});

t.test('a stale Unix socket is replaced, with the mode that was asked for', async (t) => {
  const path = join(folder, 'stale.sock');
  const code = 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])';
  spawnSync('python3', ['-c', code, path]);
  t.ok(existsSync(path), 'a socket that nobody serves');
  mkdirSync(join(folder, 'sub'));
  const server = await startServer([
    '--unixsocket',
    path,
    '--unixsocketperm',
    '700',
    '--port',
    '0',
  ]);
  const connection = await Connection.open(path);
  t.equal(await connection.request('PING'), 'PONG');
  connection.close();
  t.equal((spawnSync('stat', ['-c', '%a', path]).stdout ?? '').toString().trim(), '700');
  await server.stop();
  t.notOk(existsSync(path));
});

t.test('bind of no address leaves the Unix socket', async (t) => {
  const server = await startServer(['--unixsocket', join(folder, 'alone.sock')]);
  t.teardown(() => server.stop());
  const client = await server.raw('unix');
  t.equal(await client.request('CONFIG', 'SET', 'bind', ''), 'OK');
  t.strictSame(await client.request('CONFIG', 'GET', 'bind'), ['bind', '']);
  await t.rejects(server.raw('tcp'), { code: 'ECONNREFUSED' });
  t.equal(await client.request('CONFIG', 'SET', 'bind', '127.0.0.1'), 'OK');
  const other = await server.raw('tcp');
  t.equal(await other.request('PING'), 'PONG');
  for (const connection of [client, other]) connection.close();
});
