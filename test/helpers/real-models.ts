// Models as users have them, made once per user by the libraries that they use: Keras models frozen for
// TF, scikit-learn's as ONNX-ML and the like, each with inputs and the outputs that the same library gives for them in process.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../lib/runtimes/cache.ts';
import { runProcess } from './peers.ts';
import { missingPython, pythonOf } from './python-env.ts';

export interface RealTensor {
  /** Empty where the model gives what is no tensor. */
  readonly dtype: string;
  readonly dims: readonly number[];
  /** Absolute path of the raw little-endian elements. */
  readonly file: string;
}

export interface RealModel {
  readonly name: string;
  readonly backend: RealBackend;
  /** Absolute path of the model. */
  readonly file: string;
  /** Of TF only: what AI.MODELSTORE wants after INPUTS and OUTPUTS. */
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputs: readonly RealTensor[];
  readonly outputs: readonly RealTensor[];
}

export type RealBackend = 'TF' | 'TFLITE' | 'ONNX';

const MAKER_FOLDER = 'test/helpers';

/** A maker and the manifests it leaves, `<backend>-models.json`. */
const MAKERS: readonly { script: string; backends: readonly RealBackend[] }[] = [
  { script: 'tensorflow-models.py', backends: ['TF'] },
  { script: 'tflite-models.py', backends: ['TFLITE'] },
  { script: 'sklearn-models.py', backends: ['ONNX'] },
];

/** Importing TensorFlow alone takes seconds, more where the disk is busy. */
const MAKER_MS_MAX = 300_000;

/** @returns The reason to skip, as tap's `skip` option takes it, or false if models can be made. */
export function missingRealModels(): string | false {
  return missingPython('models');
}

/** The folder of the models, made if this user has none by these makers: half a minute. */
export async function realModelFolder(): Promise<string> {
  const python = pythonOf('models');
  if (!python) throw new Error(`${missingRealModels()}`);
  const parent = join(cacheFolder(), 'test-models');
  const target = join(parent, makersHash(python));
  if (existsSync(target)) return target;
  await mkdir(parent, { recursive: true });
  const partial = await mkdtemp(join(parent, '.partial-'));
  try {
    for (const { script } of MAKERS) {
      const args = [join(MAKER_FOLDER, script), partial];
      const env = { PYTHONDONTWRITEBYTECODE: '1' };
      const end = await runProcess(python, args, { env, timeoutMs: MAKER_MS_MAX });
      if (end.status !== 0) throw new Error(`${script}: status ${end.status}: ${end.stderr}`);
    }
    await rename(partial, target).catch((error) => {
      // Another test was faster.
      if (!existsSync(target)) throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return target;
}

export async function realModels(): Promise<readonly RealModel[]> {
  const folder = await realModelFolder();
  return MAKERS.flatMap(({ backends }) => backends).flatMap((backend) =>
    readManifest(folder, backend),
  );
}

/** Of all that decides what is made. */
function makersHash(python: string): string {
  const hash = createHash('sha256').update(python);
  for (const name of readdirSync(MAKER_FOLDER).sort()) {
    if (name.endsWith('.py')) hash.update(readFileSync(join(MAKER_FOLDER, name)));
  }
  return hash.digest('hex').slice(0, 16);
}

interface ManifestRow extends Omit<RealModel, 'backend' | 'inputNames' | 'outputNames'> {
  readonly input_names?: string[];
  readonly output_names?: string[];
}

function readManifest(folder: string, backend: RealBackend): RealModel[] {
  const file = join(folder, `${backend.toLowerCase()}-models.json`);
  const rows = JSON.parse(readFileSync(file, 'utf8')) as ManifestRow[];
  const inFolder = (tensor: RealTensor) => ({ ...tensor, file: join(folder, tensor.file) });
  return rows.map((row) => ({
    name: row.name,
    backend,
    file: join(folder, row.file),
    inputNames: row.input_names ?? [],
    outputNames: row.output_names ?? [],
    inputs: row.inputs.map(inFolder),
    outputs: row.outputs.map(inFolder),
  }));
}
