// `--check-system` and `--test-memory`: what of a machine would slow a server down, or spoil its data.

import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { openFilesMax } from '../core/open-files.ts';
import { MiB } from '../core/units.ts';

/** A check of the machine; undefined: it does not apply here, else what to change, or that all is well. */
interface Check {
  readonly name: string;
  run(): { readonly advice: string } | 'ok' | undefined;
}

const ok = 'ok';

const checks: readonly Check[] = [
  {
    name: 'overcommit',
    run() {
      const text = readLine('/proc/sys/vm/overcommit_memory');
      if (text === undefined) return undefined;
      return text === '2'
        ? {
            advice:
              'vm.overcommit_memory is 2: address space that is reserved for large tensors counts as used. Run: sysctl vm.overcommit_memory=1',
          }
        : ok;
    },
  },
  {
    name: 'transparent huge pages',
    run() {
      const text = readLine('/sys/kernel/mm/transparent_hugepage/enabled');
      if (text === undefined) return undefined;
      return text.includes('[always]')
        ? {
            advice:
              'they are on for all memory, which makes small changes of large values cost 2 MiB. Run: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled',
          }
        : ok;
    },
  },
  {
    name: 'backlog of connections',
    run() {
      const backlog = Number(readLine('/proc/sys/net/core/somaxconn') ?? Number.NaN);
      if (Number.isNaN(backlog)) return undefined;
      return backlog < 511
        ? {
            advice: `net.core.somaxconn is ${backlog}, tcp-backlog wants 511. Run: sysctl net.core.somaxconn=511`,
          }
        : ok;
    },
  },
  {
    name: 'clock',
    run() {
      const source = readLine('/sys/devices/system/clocksource/clocksource0/current_clocksource');
      if (source === undefined) return undefined;
      return ['tsc', 'kvm-clock', 'arch_sys_counter', 'hyperv_clocksource_tsc_page'].includes(
        source,
      )
        ? ok
        : { advice: `the clock source '${source}' needs a system call to be read` };
    },
  },
  {
    name: 'open files',
    run() {
      const filesMax = openFilesMax();
      if (filesMax === Number.POSITIVE_INFINITY) return ok;
      return filesMax < 10_128
        ? {
            advice: `${filesMax} files may be open, 10,000 clients need 10,128. Run: ulimit -n 10128`,
          }
        : ok;
    },
  },
];

function readLine(path: string, part?: RegExp): string | undefined {
  try {
    const text = readFileSync(path, 'latin1').trim();
    return part ? part.exec(text)?.[1] : text;
  } catch {
    return undefined;
  }
}

/** Prints a line for each check. @returns The status to exit with: 1 if there is advice. */
export function checkSystem(): number {
  let status = 0;
  for (const { name, run } of checks) {
    const found = run();
    if (found === undefined) process.stdout.write(`[${name}]...skipped\n`);
    else if (found === ok) process.stdout.write(`[${name}]...OK\n`);
    else {
      process.stdout.write(`[${name}]...WARNING:\n${found.advice}\n\n`);
      status = 1;
    }
  }
  return status;
}

const PASS_COUNT = 50;
/** Written at once, and compared at once. */
const PATTERN_BYTES = MiB;
const FIXED_PATTERNS = [0x00, 0xff, 0x55, 0xaa];

/**
 * Writes patterns over so much memory and reads them back, 50 times.
 * @returns The status to exit with: 1 if a byte was another one, or the machine has not so much memory.
 */
export function testMemory(megabytes: number): number {
  const totalMegabytes = Math.floor(totalmem() / MiB);
  if (megabytes > totalMegabytes) {
    process.stderr.write(`This machine has ${totalMegabytes} MiB, not ${megabytes}\n`);
    return 1;
  }
  const blocks: Buffer[] = [];
  for (let i = 0; i < megabytes; i++) blocks.push(Buffer.allocUnsafeSlow(PATTERN_BYTES));
  const pattern = Buffer.allocUnsafeSlow(PATTERN_BYTES);
  for (let pass = 1; pass <= PASS_COUNT; pass++) {
    const fixed = FIXED_PATTERNS[pass % (FIXED_PATTERNS.length + 1)];
    if (fixed === undefined) randomFillSync(pattern);
    else pattern.fill(fixed);
    for (const block of blocks) pattern.copy(block);
    const wrong = blocks.findIndex((block) => !block.equals(pattern));
    if (wrong !== -1) {
      process.stderr.write(`Memory error in MiB ${wrong + 1} of ${megabytes}, pass ${pass}\n`);
      return 1;
    }
    process.stdout.write(`\rPass ${pass} of ${PASS_COUNT} over ${megabytes} MiB`);
  }
  process.stdout.write('\nYour memory passed this test.\n');
  return 0;
}
