/** Runs the native test programs: each prints TAP, or says with its exit code alone whether it passed. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runtimeFolder } from '../../lib/runtimes/locate.ts';
import { runtimes } from '../../lib/runtimes/manifest.ts';
import { makeModels, missingModelMakers } from './models.ts';
import { missingRealModels, realModelFolder } from './real-models.ts';
import { sumCounts, type TestCounts } from './tap-report.ts';

/** They are hammered by threads, also on small machines and under sanitizers. */
const NATIVE_TEST_MS_MAX = 300_000;

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** The names of the tests that have a source: a program may be left from one that was deleted. */
export function nativeTestNames(root: string): string[] {
  const folder = join(root, 'test', 'native');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('_test.cc'))
    .map((name) => basename(name, '.cc'))
    .sort();
}

/**
 * What a native test knows of the runtimes: `TUTTI_TEST_TORCH` and the like, each the full paths to open
 * before the backend, in order, with colons between, and what the runtimes want in the environment. One
 * that is not set is not installed.
 */
export function runtimeVariables(): NodeJS.ProcessEnv {
  const variables: NodeJS.ProcessEnv = {};
  for (const { name } of runtimes) {
    const location = runtimeFolder(name);
    if (location === undefined) continue;
    variables[`TUTTI_TEST_${name.toUpperCase()}`] = location.preload.join(':');
    Object.assign(variables, location.environment);
  }
  return variables;
}

/**
 * Runs the programs one after another, since they use all processors themselves. Those of the backends
 * get models; without the makers of models they say so and skip.
 */
export async function runNativeTests(
  folder: string,
  names: readonly string[],
  variables: NodeJS.ProcessEnv,
): Promise<TestCounts> {
  const wantsModels = names.some((name) => name.startsWith('backend_'));
  const models = wantsModels && !missingModelMakers() ? await makeModels() : undefined;
  const realModels = wantsModels && !missingRealModels() ? await realModelFolder() : undefined;
  const all: TestCounts[] = [];
  for (const name of names) {
    const run = spawnSync(join(folder, name), {
      cwd: folder,
      env: {
        ...process.env,
        ...variables,
        ...(models && { TUTTI_MODEL_FOLDER: models.folder }),
        ...(realModels && { TUTTI_REAL_MODEL_FOLDER: realModels }),
      },
      encoding: 'utf8',
      timeout: NATIVE_TEST_MS_MAX,
      killSignal: 'SIGKILL',
      maxBuffer: OUTPUT_BYTES_MAX,
    });
    const counts = countRun(run.status === 0, run.stdout ?? '');
    all.push(counts);
    console.log(`${counts.failed === 0 ? 'ok' : 'NOT OK'} ${name}`);
    if (counts.failed > 0) {
      const cause = run.error?.message ?? run.signal ?? `exit code ${run.status}`;
      console.log(`${run.stdout ?? ''}${run.stderr ?? ''}${name}: ${cause}`);
    }
  }
  models?.remove();
  return sumCounts(all);
}

function countRun(hasPassed: boolean, output: string): TestCounts {
  if (hasPassed && /^1\.\.0 # SKIP/m.test(output)) return { passed: 0, failed: 0, skipped: 1 };
  if (!/^(?:not )?ok\b/m.test(output)) {
    return { passed: hasPassed ? 1 : 0, failed: hasPassed ? 0 : 1, skipped: 0 };
  }
  const counts = countLines(output);
  // A program that crashes after its last line, or that a sanitizer ended, failed whatever it printed.
  if (!hasPassed && counts.failed === 0) counts.failed = 1;
  return counts;
}

/** In a native test every line of TAP is a test of its own. */
function countLines(output: string): TestCounts {
  const counts: TestCounts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, not, rest] of output.matchAll(/^(not )?ok\b(.*)$/gm)) {
    if (/#\s*(?:skip|todo)/i.test(rest ?? '')) counts.skipped += 1;
    else if (not) counts.failed += 1;
    else counts.passed += 1;
  }
  return counts;
}
