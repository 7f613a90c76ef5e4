// tutti-server: reads the command line, then starts the control plane.

import { readFileSync } from 'node:fs';
import { FatalConfigError, readCommandLine, type Started } from '../config/command-line.ts';
import { isLogLevel, log, openLog, setLogLevel } from '../core/log.ts';
import { Control, ListenError } from '../server/control.ts';

const STDIN = 0;

/**
 * OpenMP, which LibTorch computes with, reads its settings from the environment when it is loaded. By
 * default its idle threads spin for milliseconds, on the cores that clients, I/O threads and simulations
 * need: seen with other work on the machine, 16 connections got 200 to 2,000 runs a second of a small
 * net in place of 3,000 to 7,000. A user's own settings stay.
 */
function calmOpenMp(): void {
  const { env } = process;
  if (env.OMP_WAIT_POLICY === undefined) env.GOMP_SPINCOUNT ??= '0';
}

function start(): Started {
  try {
    return readCommandLine(process.argv.slice(2), (path) =>
      readFileSync(path === '-' ? STDIN : path, 'utf8'),
    );
  } catch (error) {
    if (!(error instanceof FatalConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

function serve({ settings, warnings }: Extract<Started, { kind: 'serve' }>): void {
  const startedMs = Date.now();
  try {
    process.chdir(settings.text('dir'));
    openLog(settings.text('logfile'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(`Can't use the log file or the working folder: ${reason}\n`);
    process.exit(1);
  }
  const level = settings.text('loglevel');
  if (isLogLevel(level)) setLogLevel(level);
  process.on('uncaughtException', (error) => {
    log.warning(`The main thread failed: ${error.stack ?? error.message}`);
    process.exit(1);
  });
  for (const warning of warnings) log.warning(warning);
  log.notice(`Running mode=standalone, port=${settings.port}.`);
  try {
    new Control(settings, startedMs).listen();
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    log.warning(error.message);
    process.exit(1);
  }
}

calmOpenMp();
const started = start();
if (started.kind === 'print') process.stdout.write(started.text);
else serve(started);
