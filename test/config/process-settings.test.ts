// Settings of the process as the system sees it: oom_score_adj, its title, the system's log.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { Connection, startServer } from '../helpers/server.ts';

const adjustment = (pid: number) => readFileSync(`/proc/${pid}/oom_score_adj`, 'latin1').trim();
const title = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').replace(/\0+$/, '');

/** An error as text: lowering is refused to the unprivileged, by both servers. */
async function answerOf(connection: Connection, ...words: string[]): Promise<string> {
  return String(await connection.request(...words).catch((error: Error) => error.message));
}

/** Settings in turn; each is answered, and the process is looked at. */
const changes: readonly (readonly string[])[] = [
  ['oom-score-adj', 'absolute'],
  ['oom-score-adj-values', '10 20 30'],
  ['oom-score-adj-values', '50 60 70'],
  ['oom-score-adj', 'relative'],
  ['oom-score-adj', 'yes'],
  ['oom-score-adj', 'no'],
  ['oom-score-adj-values', '100 100 100'],
  ['oom-score-adj', 'absolute', 'oom-score-adj-values', '-100 20 30'],
  ['oom-score-adj', 'no'],
  ['oom-score-adj', 'absolute', 'oom-score-adj-values', '1500 1600 1700'],
  ['oom-score-adj-values', '-1 0 0'],
  ['oom-score-adj', 'relative', 'oom-score-adj-values', '7 0 0'],
  ['oom-score-adj', 'no', 'oom-score-adj-values', '1 2'],
  ['oom-score-adj', 'some'],
  ['oom-score-adj', 'no'],
];

t.test(
  'oom_score_adj follows the settings as that of redis-server',
  { skip: missingPrograms('redis-server') },
  async (t) => {
    const args = ['--oom-score-adj', 'relative', '--oom-score-adj-values', '300', '400', '500'];
    for (const start of [[], args]) {
      const redis = await startRedis(start);
      t.teardown(() => redis.stop());
      const server = await startServer([...start, '--save', '']);
      t.teardown(() => server.stop());
      const seen: string[][] = [];
      for (const port of [redis.port, server.port]) {
        const connection = await Connection.open(port);
        const info = String(await connection.request('INFO', 'server'));
        const pid = Number(/process_id:(\d+)/.exec(info)?.[1]);
        const answers = [`start: ${adjustment(pid)}`];
        for (const change of changes) {
          const answer = await answerOf(connection, 'CONFIG', 'SET', ...change);
          const now = await connection.request('CONFIG', 'GET', 'oom-score-adj*');
          const settings = (now as string[]).join(' ').split(' ').sort().join(' ');
          answers.push(`${change.join(' ')}: ${answer}; ${adjustment(pid)}; ${settings}`);
        }
        connection.close();
        seen.push(answers);
      }
      t.strictSame(seen[1], seen[0]);
    }
  },
);

t.test('the title follows proc-title-template while the server runs', async (t) => {
  const server = await startServer(['--save', '', '--proc-title-template', 'first {port}']);
  t.teardown(() => server.stop());
  const before = title(server.pid);
  t.equal(before, `first ${server.port}`);
  for (const [template, wanted] of [
    ['x{port}{unixsocket}', `x${server.port}`],
    ['a much longer one, of {listen-addr}', `a much longer one, of *:${server.port}`],
    ['y', 'y'],
  ] as const) {
    t.equal(await server.request('CONFIG', 'SET', 'proc-title-template', template), 'OK');
    t.equal(title(server.pid), wanted);
  }
  await t.rejects(
    server.request('CONFIG', 'SET', 'proc-title-template', '{nosuch}'),
    /template format is invalid or contains unknown variables/,
  );
  t.equal(title(server.pid), 'y');
});

/** Prints what comes to /dev/log, a line a datagram. */
const listening = `
import os, socket, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind('/dev/log')
print('ready', flush=True)
while True:
    print(log.recv(65536).decode(), flush=True)
`;

/** Takes the place of a system's log. */
async function startSystemLog(): Promise<{ child: ChildProcess; lines: string[] } | undefined> {
  const child = spawn('python3', ['-c', listening], { stdio: ['ignore', 'pipe', 'ignore'] });
  const lines: string[] = [];
  let rest = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  await new Promise<void>((resolve) => {
    child.stdout?.once('data', () => resolve());
    child.once('close', () => resolve());
  });
  return child.exitCode === null ? { child, lines } : undefined;
}

const skipLog =
  (existsSync('/dev/log') && 'this system has a log of its own') || missingPrograms('python3');

t.test('the log also goes to that of the system', { skip: skipLog }, async (t) => {
  const log = await startSystemLog();
  if (log === undefined) {
    t.pass('lines come', { skip: 'no socket may be made at /dev/log' });
    return;
  }
  t.teardown(() => {
    log.child.kill('SIGKILL');
    rmSync('/dev/log', { force: true });
  });
  const settings = ['--syslog-enabled', 'yes', '--syslog-ident', 'store'];
  const facility = ['--syslog-facility', 'local3', '--loglevel', 'verbose'];
  const server = await startServer([...settings, ...facility, '--save', '', '--io-threads', '2']);
  const until = async (wanted: RegExp) => {
    for (const deadlineMs = Date.now() + 10_000; Date.now() < deadlineMs; ) {
      if (log.lines.some((line) => wanted.test(line))) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    t.ok(
      log.lines.some((line) => wanted.test(line)),
      `${wanted}`,
    );
  };
  // 8 times the facility, which is 19, with the severity.
  const form = (severity: number) =>
    `^<${8 * 19 + severity}>[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d store\\[${server.pid}\\]: `;
  await until(new RegExp(`${form(5)}Ready to accept connections`));
  const client = await server.raw();
  client.write('*1\r\n$x\r\n');
  while ((await client.reply().catch(() => undefined)) !== undefined);
  await until(new RegExp(`${form(6)}Protocol error from client`));
  t.equal(await server.request('PING'), 'PONG');

  // Nobody reads any more: lines that the system does not take are lost to it, and nothing waits.
  log.child.kill('SIGSTOP');
  for (let i = 0; i < 600; i++) {
    const bad = await server.raw();
    bad.write('*1\r\n$x\r\n');
    while ((await bad.reply().catch(() => undefined)) !== undefined);
  }
  t.equal(await server.request('PING'), 'PONG');
  t.ok((server.log().match(/Protocol error from client/g)?.length ?? 0) > 500);
  log.child.kill('SIGCONT');
  await server.stop();
});
