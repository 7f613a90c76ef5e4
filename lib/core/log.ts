// The log, in Redis' format. Any thread writes it by itself: a line is one write, so that lines of
// several threads do not mix and none is lost when the process ends.

import { appendFileSync, closeSync, openSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import loglevel from 'loglevel';

export type LogLevel = 'debug' | 'verbose' | 'notice' | 'warning';

const STDOUT = 1;
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** Redis' levels as those of `loglevel`, and the marks of their lines. */
const levels: Record<LogLevel, loglevel.LogLevelNames> = {
  debug: 'trace',
  verbose: 'debug',
  notice: 'info',
  warning: 'warn',
};
const marks: Record<loglevel.LogLevelNames, string> = {
  trace: '.',
  debug: '-',
  info: '*',
  warn: '#',
  error: '#',
};

const logger = loglevel.getLogger('tutti');
/** Undefined: standard output. */
let file: string | undefined;
/** Where lines go besides. */
let systemLog: ((level: LogLevel, text: string) => void) | undefined;

function levelOf(method: loglevel.LogLevelNames): LogLevel {
  const level = Object.entries(levels).find(([, name]) => name === method)?.[0] ?? '';
  return isLogLevel(level) ? level : 'warning';
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

function line(mark: string, text: string): string {
  const now = new Date();
  const day = `${two(now.getDate())} ${MONTHS[now.getMonth()]} ${now.getFullYear()}`;
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  const ms = String(now.getMilliseconds()).padStart(3, '0');
  return `${process.pid}:M ${day} ${time}.${ms} ${mark} ${text}\n`;
}

function write(written: string): void {
  try {
    // Opened for each line: a file that was renamed or removed meanwhile is made anew.
    if (file === undefined) writeSync(STDOUT, written);
    else appendFileSync(file, written, { mode: 0o644 });
  } catch {
    // A full disk or a closed pipe must not stop the server, and there is no place left to tell.
  }
}

logger.methodFactory = (method) => (text: string) => {
  write(line(marks[method], text));
  systemLog?.(levelOf(method), text);
};
logger.setLevel('info', false);

/** @param path Where lines are added; empty: standard output. @throws {Error} With `code`, if the file cannot be opened. */
export function openLog(path: string): void {
  file = path === '' ? undefined : resolve(path);
  if (file !== undefined) closeSync(openSync(file, 'a', 0o644));
}

/** Lines of the levels that are logged also go to `send`. */
export function setSystemLog(send: (level: LogLevel, text: string) => void): void {
  systemLog = send;
}

export function setLogLevel(level: LogLevel): void {
  logger.setLevel(levels[level], false);
}

export function isLogLevel(text: string): text is LogLevel {
  return Object.hasOwn(levels, text);
}

export const log = {
  debug: (text: string) => logger.trace(text),
  verbose: (text: string) => logger.debug(text),
  notice: (text: string) => logger.info(text),
  warning: (text: string) => logger.warn(text),
  /** Without the time and the mark of a line. */
  page: write,
};
