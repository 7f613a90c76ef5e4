// Runs the tests that are written in Python, beside the tap test that starts them. Each prints one
// JSON line a case and a last line with their count (`cases.py`), which become tap's assertions.

import type { Test } from 'tap';
import { runProcess } from './peers.ts';
import { type PythonEnvName, pythonOf } from './python-env.ts';

interface CaseLine {
  readonly name: string;
  /** Empty if the case passed, else the traceback. */
  readonly failure: string;
}

/**
 * Runs `test/clients/<script>` with the Python of `environment`.
 * @param env What the script reads from its environment, e.g. `SSDB`.
 */
export async function runPythonCases(
  t: Test,
  environment: PythonEnvName,
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  timeoutMs = 120_000,
): Promise<void> {
  const python = pythonOf(environment);
  if (!python) throw new Error(`no Python environment '${environment}'`);
  const end = await runProcess(python, [`test/clients/${script}`, ...args], {
    env: { ...env, PYTHONDONTWRITEBYTECODE: '1' },
    timeoutMs,
  });
  const lines = end.stdout.split('\n').filter((line) => line.startsWith('{'));
  const cases = lines
    .filter((line) => line.startsWith('{"name"'))
    .map((line) => JSON.parse(line) as CaseLine);
  for (const { name, failure } of cases) t.equal(failure, '', name);
  t.equal(lines.at(-1), `{"cases": ${cases.length}}`, `${script} runs to its end`);
  t.ok(cases.length > 0, `${script} has cases`);
  if (end.status !== 0)
    t.fail(`${script} ends with status ${end.status} ${end.signal ?? ''}`, { stderr: end.stderr });
}
