// The peers of the benchmarks of inference, without the server: the same backend library, or the
// runtime's Python package, in a process that keeps the model loaded as a server does.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { nativeFolder, runtimeFolder } from '../lib/runtimes/locate.ts';
import { pythonOf } from '../test/helpers/python-env.ts';
import { topFolder } from './harness.ts';

export interface InProcessRuns {
  readonly p50Us: number;
  readonly perSecond: number;
}

export interface InProcess {
  /** So many runs, one after the other. */
  run(count: number): Promise<InProcessRuns>;
  stop(): void;
}

/**
 * One caller of a model with one FLOAT input [rows, columns]; a run may use all cores, where that is
 * faster.
 * @throws {Error} When the backend's runtime is not installed.
 */
export function startInProcess(
  backend: 'ONNX' | 'TORCH',
  modelFile: string,
  rows: number,
  columns: number,
): InProcess {
  const name = backend.toLowerCase();
  const runtime = runtimeFolder(name);
  if (!runtime) throw new Error(`the runtime ${name} is not installed`);
  const words = [nativeFolder(), name, runtime.folder, modelFile, String(rows), String(columns)];
  const program = join(topFolder, 'build', 'test-tools', 'backend_run');
  return startCaller(program, [...words, '1', ...runtime.preload]);
}

/**
 * The same in onnxruntime's Python package, as its users call it.
 * @returns Undefined where the tests have not made the environment with it.
 */
export function startPythonInProcess(
  modelFile: string,
  rows: number,
  columns: number,
): InProcess | undefined {
  const python = pythonOf('models');
  const script = join(topFolder, 'bench', 'in_process.py');
  if (python === undefined) return undefined;
  return startCaller(python, [script, modelFile, String(rows), String(columns)]);
}

function startCaller(program: string, words: readonly string[]): InProcess {
  const child: ChildProcess = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error(`${program} has no pipes`);
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return {
    run: async (count) => {
      stdin.write(`${count}\n`);
      const line = await lines.next();
      if (line.done) throw new Error(`${program} ended`);
      const [p50Ns = NaN, , perSecond = NaN] = line.value.split(' ').map(Number);
      return { p50Us: p50Ns / 1000, perSecond };
    },
    stop: () => void stdin.end(),
  };
}
