// tutti-cli at a terminal: its prompt, its history, its help; and what redis-cli helps with there.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import t from 'tap';
import { missingPrograms, runProcess } from '../helpers/peers.ts';
import { startServer } from '../helpers/server.ts';

const clientFile = fileURLToPath(new URL('../../lib/cli/client.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tutti-terminal-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

/** Python has terminals; each line is typed when the prompt is there. */
const terminal = `
import os, pty, sys
lines = sys.stdin.read().split('\\n')
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b''
while True:
    try:
        chunk = os.read(fd, 4096)
    except OSError:
        break
    if not chunk:
        break
    seen += chunk
    if seen.rstrip(b' ').endswith(b'>') or b'> \\x1b' in seen[-12:]:
        if lines:
            os.write(fd, lines.pop(0).encode() + b'\\r')
            seen += b'\\n'
status = os.waitpid(pid, 0)[1]
sys.stdout.write(seen.decode())
sys.exit(os.waitstatus_to_exitcode(status))
`;

function atTerminal(
  words: readonly string[],
  lines: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ReturnType<typeof runProcess> {
  return runProcess('python3', ['-c', terminal, ...words], {
    input: lines.join('\n'),
    env: { TERM: 'dumb', REDISCLI_HISTFILE: join(folder, 'no-history'), ...env },
  });
}

t.test('a person at a terminal', async (t) => {
  const server = await startServer();
  t.teardown(() => server.stop());
  const history = join(folder, 'history');
  writeFileSync(history, 'ECHO remembered\n');
  const lines = [
    'SET k "a b"',
    'GET k',
    'SELECT 2',
    'MULTI',
    'PING',
    'EXEC',
    'AUTH hunter2',
    'help get',
    'help',
    'NOSUCH',
    'SHUTDOWN NOSAVE',
    'PING',
    'exit',
  ];
  const end = await atTerminal([process.execPath, clientFile, '-p', `${server.port}`], lines, {
    REDISCLI_HISTFILE: history,
  });
  t.equal(end.status, 0, end.stderr);
  for (const wanted of [
    `127.0.0.1:${server.port}> `,
    '"a b"',
    `127.0.0.1:${server.port}[2]> `,
    `127.0.0.1:${server.port}[2](TX)> `,
    'QUEUED',
    '1) PONG',
    '(error) ERR AUTH <password> called',
    'help <command>',
    "(error) ERR unknown command 'NOSUCH'",
    'not connected> ',
    'Connection refused',
  ]) {
    t.ok(end.stdout.includes(wanted), wanted);
  }
  t.match(end.stdout, / GET( key)?\s+summary: /i, 'help tells what GET does');
  const kept = readFileSync(history, 'utf8');
  t.match(kept, /^ECHO remembered\nSET k "a b"\nGET k\n/);
  t.notMatch(kept, /hunter2/, 'no password is kept');
});

/** RedisAI's commands too, as COMMAND DOCS tells of them. */
const helped: readonly (readonly [string, string])[] = [
  ['ai.tensorget', 'AI.TENSORGET key [META] [BLOB|VALUES]'],
  ['AI.DAGEXECUTE_RO', '[TIMEOUT milliseconds] |> operation [|> operation ...]'],
  ['ai.modelrun', 'INPUTS input [input ...] OUTPUTS output [output ...]'],
  [
    'client tracking',
    'CLIENT TRACKING ON|OFF [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]]',
  ],
  ['zrank', 'ZRANK key member [WITHSCORE]'],
];

t.test('help at the prompt', { skip: missingPrograms('redis-cli') }, async (t) => {
  const server = await startServer();
  t.teardown(() => server.stop());
  const lines = [...helped.map(([name]) => `help ${name}`), 'exit'];
  for (const program of [['redis-cli'], [process.execPath, clientFile]]) {
    const end = await atTerminal([...program, '-p', `${server.port}`], lines);
    // redis-cli writes names bold, and arguments in grey.
    const shown = stripVTControlCharacters(end.stdout);
    for (const [name, wanted] of helped) t.ok(shown.includes(wanted), `${program[0]}: ${name}`);
  }
});
