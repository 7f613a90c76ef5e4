// What of the machine this process may use.

import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';

/** The cores this process may use: its affinity, and its cgroup's share. */
export function coreCount(): number {
  const affinity = availableParallelism();
  try {
    const [quota, period] = readFileSync('/sys/fs/cgroup/cpu.max', 'utf8').trim().split(' ');
    const share = Number(quota) / Number(period);
    if (share > 0) return Math.max(1, Math.min(affinity, Math.round(share)));
  } catch {
    // No cgroup of version 2: nothing but the affinity limits us.
  }
  return affinity;
}

export function memoryLimitBytes(): number {
  // 0 or more than there is: no limit.
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
