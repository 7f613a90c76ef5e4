// tutti-server, and redis-server in an installed prefix: reads the command line, then starts the control plane.

import type { InitialUsers } from '../auth/acl.ts';
import {
  FatalConfigError,
  readCommandLine,
  type Started,
  unusable,
} from '../config/command-line.ts';
import type { Settings } from '../config/settings.ts';
import { machineSources } from '../config/sources.ts';
import { REDIS_VERSION, REDISAI_VERSION } from '../config/version.ts';
import { isLogLevel, log, openLog, setLogLevel } from '../core/log.ts';
import { OTHER_FILES_MAX, openFilesMax, possibleClientsMax } from '../core/open-files.ts';
import { systemReason } from '../core/system-error.ts';
import { Control, ListenError } from '../server/control.ts';
import { checkRenames } from '../server/first-renames.ts';
import { FirstUsersError, readFirstUsers } from '../server/first-users.ts';
import { OomScore } from '../server/oom-score.ts';
import { programName, setTitle } from '../server/process-title.ts';
import { openSystemLog } from '../server/system-log.ts';
import { becomeDaemon, daemonize, isToDaemonize, tellReady } from './background.ts';
import { checkSystem, testMemory } from './machine-checks.ts';

type Serving = Extract<Started, { kind: 'serve' }>;

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

/** Ends the process unless the configuration can be served. */
function start(): Started {
  try {
    const started = readCommandLine(process.argv.slice(2), machineSources, programName());
    if (started.kind === 'serve') openLogFile(started);
    return started;
  } catch (error) {
    if (!(error instanceof FatalConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

function openLogFile({ settings }: Serving): void {
  try {
    openLog(settings.text('logfile'));
  } catch (error) {
    throw unusable(`Can't open the log file: ${systemReason(error)}`);
  }
  const level = settings.text('loglevel');
  if (isLogLevel(level)) setLogLevel(level);
}

/** Promises no more clients than the process may have open files, which Node has raised to the hard limit. */
function fitClients(settings: Settings): void {
  const asked = settings.clientsMax;
  const clientsMax = possibleClientsMax();
  if (asked <= clientsMax) return;
  settings.set([['maxclients', String(clientsMax)]]);
  log.warning(
    `maxclients ${asked} needs ${asked + OTHER_FILES_MAX} open files, ${openFilesMax()} are allowed: it is ${clientsMax} now. See ulimit -n`,
  );
}

async function serve({ settings, warnings }: Serving, startedMs: number): Promise<void> {
  becomeDaemon(settings);
  setTitle(settings);
  openSystemLog(settings);
  process.on('uncaughtException', (error) => {
    log.warning(`The main thread failed: ${error.stack ?? error.message}`);
    process.exit(1);
  });
  log.notice(`Tutti starts as Redis ${REDIS_VERSION}, pid=${process.pid}`);
  if (settings.configFile === undefined && process.argv.length <= 2)
    log.notice('No configuration file is given: all settings have their defaults');
  for (const warning of warnings) log.warning(warning);
  fitClients(settings);
  const oomScore = new OomScore();
  oomScore.begin(settings);
  tellWho(settings);
  const users = await orEnd(() => readUsers(settings));
  await orEnd(async () => {
    new Control(settings, users, oomScore, startedMs).listen(() => tellReady(settings));
  });
}

/** What only the command table tells of the settings. @throws {FatalConfigError | FirstUsersError} */
async function readUsers(settings: Settings): Promise<InitialUsers> {
  await checkRenames(settings);
  return readFirstUsers(settings);
}

/** Ends the process, with the reason, if it cannot serve. */
async function orEnd<Done>(step: () => Promise<Done>): Promise<Done> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof FatalConfigError) process.stderr.write(`${error.message}\n`);
    else if (error instanceof ListenError || error instanceof FirstUsersError)
      log.warning(error.message);
    else throw error;
    process.exit(1);
  }
}

/** As Redis does: a title page for people, which programs that start servers look for the PID in, or one line. */
function tellWho(settings: Settings): void {
  const toTerminal = process.stdout.isTTY && settings.text('logfile') === '';
  if (!settings.isOn('always-show-logo') && !toTerminal) {
    log.notice(`Running mode=standalone, port=${settings.port}.`);
    return;
  }
  const lines = [
    `Tutti, as Redis ${REDIS_VERSION} with RedisAI ${REDISAI_VERSION}`,
    '',
    'Running in standalone mode',
    `Port: ${settings.port}`,
    `PID: ${process.pid}`,
  ];
  log.page(`\n${lines.map((line) => `     ${line}\n`).join('')}\n`);
}

const startedMs = Date.now();
const folder = process.cwd();
calmOpenMp();
const started = start();
switch (started.kind) {
  case 'print':
    (started.status === 0 ? process.stdout : process.stderr).write(started.text);
    process.exitCode = started.status;
    break;
  case 'check-system':
    process.exitCode = checkSystem();
    break;
  case 'test-memory':
    process.exitCode = testMemory(started.megabytes);
    break;
  case 'serve':
    if (isToDaemonize(started.settings)) {
      // Whoever starts it is told what is wrong; the daemon has nobody to tell.
      await orEnd(() => readUsers(started.settings));
      await daemonize(folder, started.standardInput);
    } else await serve(started, startedMs);
}
