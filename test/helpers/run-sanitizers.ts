/**
 * `npm run sanitize`: the native tests under AddressSanitizer with UndefinedBehaviorSanitizer and the real
 * runtimes, then under ThreadSanitizer without them, since they are not built for it.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { RuntimeLocation } from '../../lib/runtimes/locate.ts';
import { nativeTestNames, runNativeTests, runtimeVariables } from './native-tests.ts';
import { sumCounts, type TestCounts } from './tap-report.ts';

/** How long models are replaced while they run: 1,200 replacements of each backend's. */
const STORM_SECONDS = 60;

const sanitizers = [
  {
    name: 'address',
    hasRuntimes: true,
    variables: {
      ASAN_OPTIONS: 'detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  },
  {
    name: 'thread',
    hasRuntimes: false,
    // Its deadlock detector stops the process at 64 locks held at once; a flush holds every stripe's.
    variables: { TSAN_OPTIONS: 'detect_deadlocks=0' },
  },
] as const;

/** @param chosen Names of sanitizers and of native tests; all of them unless named. @returns The exit code. */
export async function runSanitizers(
  root: string,
  chosen: readonly string[],
  found: Readonly<Record<string, RuntimeLocation | undefined>>,
): Promise<number> {
  const isChosen = (name: string) => chosen.includes(name);
  const wanted = sanitizers.filter(
    ({ name }) => !sanitizers.some((s) => isChosen(s.name)) || isChosen(name),
  );
  const allNames = nativeTestNames(root);
  const names = allNames.some(isChosen) ? allNames.filter(isChosen) : allNames;
  const all: TestCounts[] = [];
  for (const sanitizer of wanted) {
    const folder = join(root, 'build', `sanitize-${sanitizer.name}`);
    const torch = sanitizer.hasRuntimes ? (found.torch?.folder ?? '') : '';
    const tensorflow = sanitizer.hasRuntimes ? (found.tensorflow?.folder ?? '') : '';
    const settings = [
      `-DTUTTI_SANITIZE=${sanitizer.name}`,
      '-DTUTTI_TESTS=ON',
      `-DTUTTI_TORCH_DIR=${torch}`,
      `-DTUTTI_TENSORFLOW_DIR=${tensorflow}`,
    ];
    console.log(`Building the native tests with the ${sanitizer.name} sanitizer`);
    const isBuilt =
      run('cmake', ['-S', root, '-B', folder, ...settings]) &&
      run('cmake', ['--build', folder, '--parallel', String(availableParallelism())]);
    if (!isBuilt) return 1;
    const variables = {
      TUTTI_STORM_SECONDS: String(STORM_SECONDS),
      ...sanitizer.variables,
      ...(sanitizer.hasRuntimes ? runtimeVariables() : {}),
    };
    all.push(await runNativeTests(join(folder, 'native-tests'), names, variables));
  }
  const { passed, failed, skipped } = sumCounts(all);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed === 0 ? 0 : 1;
}

function run(program: string, args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'inherit' }).status === 0;
}
