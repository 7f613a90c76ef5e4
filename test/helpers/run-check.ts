/** `npm run check` and `npm run format`: layout and lint of both languages, layers, documentation. tsc ran before. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildPythonEnv, PythonEnvError } from './python-env.ts';

export interface CheckResult {
  name: string;
  isOk: boolean;
}

/** Tests that read the sources only: part of the check, and of a whole test run like any other. */
const SOURCE_TESTS = ['layers.test.js', 'documented.test.js'];

/** In a file, colours are noise; where there is a terminal, biome sees that itself. */
const colorFlags = process.stdout.isTTY ? [] : ['--colors=off'];

export async function runCheck(root: string): Promise<CheckResult[]> {
  const results = await runFormatCheck(root);
  for (const name of SOURCE_TESTS) {
    const file = join(root, 'build', 'js', 'test', name);
    if (!existsSync(file)) continue;
    results.push(tell({ name, isOk: run(root, process.execPath, [file]) }));
  }
  return results;
}

/** What of the check is not a test. */
export async function runFormatCheck(root: string): Promise<CheckResult[]> {
  return [
    {
      name: 'biome',
      isOk: run(root, biome(root), ['check', '--error-on-warnings', ...colorFlags]),
    },
    { name: 'clang-format', isOk: await clangFormat(root, ['--dry-run', '-Werror']) },
  ].map(tell);
}

function tell(result: CheckResult): CheckResult {
  console.log(`${result.isOk ? 'ok' : 'NOT OK'} check: ${result.name}`);
  return result;
}

/** Changes the files. @returns The exit code. */
export async function runFormat(root: string): Promise<number> {
  const isBiomeOk = run(root, biome(root), ['check', '--write', ...colorFlags]);
  const isClangOk = await clangFormat(root, ['-i']);
  return isBiomeOk && isClangOk ? 0 : 1;
}

async function clangFormat(root: string, flags: string[]): Promise<boolean> {
  const sources = ['native', 'test', 'bench'].flatMap((folder) =>
    nativeSources(join(root, folder)),
  );
  if (sources.length === 0) return true;
  try {
    const python = await buildPythonEnv('tools');
    return run(root, join(python, '..', 'clang-format'), ['--style=file', ...flags, ...sources]);
  } catch (error) {
    if (!(error instanceof PythonEnvError)) throw error;
    console.log(`C++ is not checked: ${error.message}`);
    return false;
  }
}

function nativeSources(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:c|cc|h)$/.test(name))
    .map((name) => join(folder, name));
}

function biome(root: string): string {
  return join(root, 'node_modules', '.bin', 'biome');
}

function run(root: string, program: string, args: string[]): boolean {
  return spawnSync(program, args, { cwd: root, stdio: 'inherit' }).status === 0;
}
