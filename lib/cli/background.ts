// The settings by which init systems run a server: daemonize and supervised.

import { spawn } from 'node:child_process';
import type { Settings } from '../config/settings.ts';
import { log } from '../core/log.ts';
import { addon } from '../engine/addon.ts';

/** Set in a server that another one has put into the background. */
const DAEMON_VARIABLE = 'TUTTI_IS_DAEMON';
/** As Redis names it where nobody does. */
const DAEMON_PID_FILE = '/var/run/redis.pid';

type Supervisor = 'systemd' | 'upstart';

/** Who waits for this process to be ready; `auto` is whoever says so in the environment. */
function supervisor(settings: Settings): Supervisor | undefined {
  const { NOTIFY_SOCKET, UPSTART_JOB } = process.env;
  const wanted = settings.text('supervised');
  if (wanted === 'systemd' || (wanted === 'auto' && NOTIFY_SOCKET)) return 'systemd';
  if (wanted === 'upstart' || (wanted === 'auto' && UPSTART_JOB)) return 'upstart';
  return undefined;
}

/** Whether this process is to start another one that serves, and end. */
export function isToDaemonize(settings: Settings): boolean {
  return settings.isOn('daemonize') && !isDaemon() && supervisor(settings) === undefined;
}

function isDaemon(): boolean {
  return process.env[DAEMON_VARIABLE] === '1';
}

/**
 * Starts this program again in a session of its own, without standard input and output. A process
 * with threads cannot be forked, so it reads its settings a second time.
 * @param folder        The working folder that the arguments are named from.
 * @param standardInput What the settings on standard input were, if they were read from there.
 */
export async function daemonize(folder: string, standardInput: string | undefined): Promise<void> {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    cwd: folder,
    detached: true,
    env: { ...process.env, [DAEMON_VARIABLE]: '1' },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.stdin?.on('error', reject);
    child.stdin?.end(standardInput ?? '', resolve);
  });
  child.unref();
}

/** In a daemon: its process id is written, whoever asked for a file. */
export function becomeDaemon(settings: Settings): void {
  if (!isDaemon()) return;
  delete process.env[DAEMON_VARIABLE];
  if (settings.text('pidfile') === '') settings.set([['pidfile', DAEMON_PID_FILE]]);
}

/** Tells the supervisor, if there is one, that clients are served. */
export function tellReady(settings: Settings): void {
  switch (supervisor(settings)) {
    case 'systemd':
      tellSystemd('STATUS=Ready to accept connections\nREADY=1\n');
      break;
    case 'upstart':
      if (!process.env.UPSTART_JOB) {
        log.warning('supervised upstart: there is no UPSTART_JOB in the environment');
        break;
      }
      log.notice('supervised upstart: stops once, to say that it is ready');
      delete process.env.UPSTART_JOB;
      process.kill(process.pid, 'SIGSTOP');
      break;
  }
}

/** The protocol of `sd_notify(3)`. */
function tellSystemd(text: string): void {
  const path = process.env.NOTIFY_SOCKET;
  if (!path) {
    log.warning('supervised systemd: there is no NOTIFY_SOCKET in the environment');
    return;
  }
  const errno = addon().sendDatagram(path, text);
  if (errno !== 0) log.warning(`supervised systemd: ${path} cannot be told (errno ${errno})`);
}
