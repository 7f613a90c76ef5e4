// What `ps`, `top`, `pgrep` and `killall` know this process by.

import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expandTitle } from '../config/setting-readers.ts';
import type { Settings } from '../config/settings.ts';

/** The name by which the program was called. */
export function programName(): string {
  const name = basename(process.argv[1] ?? '');
  return name === '' || name.endsWith('.js') ? 'tutti-server' : name;
}

/** What `ps` and `top` show of this process, in place of `node`. */
export function setTitle(settings: Settings): void {
  const name = programName();
  if (settings.isOn('set-proc-title')) {
    const called = basename(process.argv[1] ?? '') === name ? (process.argv[1] ?? name) : name;
    const title = titleOf(settings, called);
    process.title = title.length < roomForTitle() ? title : titleOf(settings, name);
  }
  try {
    // The name that `pgrep` and `killall` look for; the kernel keeps 15 letters of it.
    writeFileSync('/proc/self/comm', name);
  } catch {
    // No /proc in this container.
  }
}

function titleOf(settings: Settings, title: string): string {
  const { port } = settings;
  const tlsPort = settings.number('tls-port');
  const address = settings.isGiven('bind') ? (settings.bind[0] ?? '*') : '*';
  const fields: Record<string, string> = {
    title,
    'listen-addr':
      port === 0 && tlsPort === 0 ? settings.unixSocket : `${address}:${port || tlsPort}`,
    'server-mode': '',
    port: String(port),
    'tls-port': String(tlsPort),
    unixsocket: settings.unixSocket,
    'config-file': settings.configFile ?? '',
  };
  const template = settings.text('proc-title-template');
  return expandTitle(template, (name) => fields[name] ?? '') ?? title;
}

let room: number | undefined;

/** As much as the arguments took at the start. */
function roomForTitle(): number {
  try {
    room ??= readFileSync('/proc/self/cmdline').length;
    return room;
  } catch {
    return 0;
  }
}
