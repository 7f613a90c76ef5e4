// The time that the process has spent, as INFO tells it.

import { readFileSync } from 'node:fs';

/** Of Linux on all machines that Node runs on. */
const CLOCK_TICKS_A_SECOND = 100;

/** From /proc/PID/task/PID/stat: fields 14 and 15, counted after the name in parentheses. */
export function mainThreadSeconds(): { user: string; system: string } {
  try {
    const stat = readFileSync(`/proc/${process.pid}/task/${process.pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const seconds = (field: string | undefined) =>
      (Number(field) / CLOCK_TICKS_A_SECOND).toFixed(6);
    return { user: seconds(fields[11]), system: seconds(fields[12]) };
  } catch {
    return { user: '0.000000', system: '0.000000' }; // no /proc in this container
  }
}

export function inSeconds(microseconds: number): string {
  return (microseconds / 1e6).toFixed(6);
}
