// syslog-enabled: each line of the log also goes to the system's, in the form of RFC 3164 section 4.1.
// By a datagram that nobody waits for: what the system does not take at once is lost to it, and no event
// loop stands still for a log.

import type { Settings } from '../config/settings.ts';
import { type LogLevel, setSystemLog } from '../core/log.ts';
import { addon } from '../engine/addon.ts';

const SOCKET = '/dev/log';
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const FACILITY_USER = 1;
const FACILITY_LOCAL0 = 16;
const severities: Readonly<Record<LogLevel, number>> = {
  warning: 4,
  notice: 5,
  verbose: 6,
  debug: 7,
};

/** Of this thread. */
export function openSystemLog(settings: Settings): void {
  if (!settings.isOn('syslog-enabled')) return;
  const ident = settings.text('syslog-ident');
  const facility = facilityOf(settings.text('syslog-facility'));
  setSystemLog((level, text) => {
    const priority = 8 * facility + severities[level];
    addon().sendDatagram(SOCKET, `<${priority}>${timestamp()} ${ident}[${process.pid}]: ${text}`);
  });
}

function facilityOf(name: string): number {
  return name === 'user' ? FACILITY_USER : FACILITY_LOCAL0 + Number(name.slice('local'.length));
}

function timestamp(): string {
  const now = new Date();
  const two = (value: number) => String(value).padStart(2, '0');
  const day = String(now.getDate()).padStart(2, ' ');
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  return `${MONTHS[now.getMonth()]} ${day} ${time}`;
}
