// Commands by lines: of a person at a terminal, with history and completion, or of a pipe.

import { appendFileSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { splitWords } from '../../config/words.ts';
import { completions, printHelp } from './help.ts';
import type { Session } from './session.ts';

const HISTORY_LINES_MAX = 1000;
const HISTORY_VARIABLE = 'REDISCLI_HISTFILE';
/** As of a program that the interrupt key has ended. */
const INTERRUPTED_STATUS = 130;

type Next = 'go on' | 'end';

/** Follows lines until there are no more, or one says `quit`. */
export async function runLines(session: Session): Promise<void> {
  if (process.stdin.isTTY) return runTerminal(session);
  for await (const line of inputLines()) {
    if ((await followLine(session, line)) === 'end') return;
  }
}

/** Lines of standard input, a letter a byte. */
async function* inputLines(): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of process.stdin) {
    const lines = (rest + (chunk as Buffer).toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/** @param line A letter a byte. */
async function followLine(session: Session, line: string): Promise<Next> {
  const words = splitWords(line);
  if (words === undefined) {
    process.stdout.write('Invalid argument(s)\n');
    return 'go on';
  }
  const [first, second, third] = words;
  switch (first?.toLowerCase()) {
    case undefined:
      return 'go on';
    case 'quit':
    case 'exit':
      return 'end';
    case 'clear':
      process.stdout.write('\x1b[H\x1b[2J');
      return 'go on';
    case 'help':
    case '?':
      await printHelp(session, words.slice(1));
      return 'go on';
    case 'connect':
      if (second === undefined || third === undefined) break;
      await session.connect({ host: second, port: Number(third), socketPath: undefined });
      return 'go on';
  }
  await runCounted(session, words);
  return 'go on';
}

/** `5 INCR x` is INCR five times. */
async function runCounted(session: Session, words: readonly string[]): Promise<void> {
  const [first = ''] = words;
  const isCounted = words.length > 1 && /^[+-]?\d+$/.test(first);
  const count = isCounted ? Number(first) : 1;
  if (!Number.isSafeInteger(count) || count <= 0) {
    process.stdout.write('Invalid redis-cli repeat command option value.\n');
    return;
  }
  const bytes = words.slice(isCounted ? 1 : 0).map((word) => Buffer.from(word, 'latin1'));
  if (!session.isConnected && !(await session.connect())) return;
  await session.run(bytes, count);
}

async function runTerminal(session: Session): Promise<void> {
  const history = new History();
  const names = await completions(session);
  const terminal = createInterface({
    input: process.stdin,
    output: process.stdout,
    history: history.lines,
    historySize: HISTORY_LINES_MAX,
    removeHistoryDuplicates: true,
    completer: (line: string) => [
      names.filter((name) => name.startsWith(line.toUpperCase())),
      line,
    ],
  });
  let isRunning = false;
  terminal.on('SIGINT', () => {
    if (isRunning) process.exit(INTERRUPTED_STATUS);
    else if (terminal.line === '') terminal.close();
    else {
      terminal.write(null, { ctrl: true, name: 'e' });
      terminal.write(null, { ctrl: true, name: 'u' });
    }
  });
  for (;;) {
    const line = await typedLine(terminal, session.prompt);
    if (line === undefined) return;
    history.add(line);
    isRunning = true;
    const next = await followLine(session, Buffer.from(line).toString('latin1'));
    isRunning = false;
    if (next === 'end') {
      terminal.close();
      return;
    }
  }
}

/** Undefined: there are no more. */
function typedLine(terminal: Interface, prompt: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const onClose = () => {
      process.stdout.write('\n');
      resolve(undefined);
    };
    terminal.once('close', onClose);
    terminal.question(prompt, (line) => {
      terminal.off('close', onClose);
      resolve(line);
    });
  });
}

/** Lines with a password in them are not kept. */
const secret =
  /^\s*(auth\b|acl\s+setuser\b|hello\b.*\bauth\b|migrate\b.*\bauth2?\b|config\s+set\b.*\b(masterauth|masteruser|requirepass|tls-\S*pass)\b)/i;

/** The lines of before, shared with redis-cli. */
class History {
  readonly #path = process.env[HISTORY_VARIABLE] ?? join(homedir(), '.rediscli_history');
  /** The newest first, as readline wants them. */
  readonly lines: string[];

  constructor() {
    this.lines = this.#read();
  }

  add(line: string): void {
    if (line.trim() === '' || secret.test(line)) return;
    try {
      appendFileSync(this.#path, `${line}\n`, { mode: 0o600 });
    } catch {
      // The folder may be read-only: the lines are known until the program ends.
    }
  }

  #read(): string[] {
    try {
      const lines = readFileSync(this.#path, 'utf8').split('\n');
      return lines.filter(Boolean).slice(-HISTORY_LINES_MAX).reverse();
    } catch {
      return []; // nothing was ever typed
    }
  }
}
