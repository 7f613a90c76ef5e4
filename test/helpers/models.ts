// Models for the tests, made on the spot: TorchScript by `torch_make_models` on the fetched LibTorch,
// ONNX by `onnx-models.py`. Each comes with inputs and the outputs that LibTorch, run in process, or
// numpy gives for them.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProcess } from './peers.ts';
import { missingPython, pythonOf } from './python-env.ts';

export interface TestTensor {
  readonly dtype: string;
  readonly dims: readonly number[];
  /** Absolute path of the raw little-endian elements. */
  readonly file: string;
}

export interface TestModel {
  readonly name: string;
  readonly backend: 'TORCH' | 'ONNX';
  /** Absolute path of the model. */
  readonly file: string;
  readonly inputs: readonly TestTensor[];
  readonly outputs: readonly TestTensor[];
}

export interface TestModels {
  /** `models.json` in it lists `models` for the tests that are written in Python. */
  readonly folder: string;
  readonly models: readonly TestModel[];
  /** @throws If there is none of that name. */
  model(backend: 'TORCH' | 'ONNX', name: string): TestModel;
  remove(): void;
}

/** Where the build leaves the maker of TorchScript models. */
const TORCH_MAKER = 'build/test-tools/torch_make_models';

/** @returns The reason to skip, as tap's `skip` option takes it, or false if models can be made. */
export function missingModelMakers(): string | false {
  if (!existsSync(TORCH_MAKER))
    return 'torch_make_models is not built: npm run build with the TORCH runtime';
  return missingPython('clients');
}

/** Makes all the models in a folder of their own: about a second, and for MobileNet another one. */
export async function makeModels(more: readonly 'mobilenet'[] = []): Promise<TestModels> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-models-'));
  const python = pythonOf('clients');
  if (!python) throw new Error(`${missingModelMakers()}`);
  for (const [program, ...args] of [
    [TORCH_MAKER, folder, ...more],
    [python, 'test/helpers/onnx-models.py', folder, ...more],
  ] as const) {
    const end = await runProcess(program, args);
    if (end.status !== 0)
      throw new Error(`${program} ${args.join(' ')}: status ${end.status}: ${end.stderr}`);
  }
  const models = [
    ...readManifest(folder, 'torch-models.json', 'TORCH'),
    ...readManifest(folder, 'onnx-models.json', 'ONNX'),
  ];
  return {
    folder,
    models,
    model(backend, name) {
      const found = models.find((model) => model.backend === backend && model.name === name);
      if (!found)
        throw new Error(`no ${backend} model '${name}' among ${models.map((model) => model.name)}`);
      return found;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function readManifest(folder: string, file: string, backend: 'TORCH' | 'ONNX'): TestModel[] {
  const rows = JSON.parse(readFileSync(join(folder, file), 'utf8')) as TestModel[];
  const inFolder = (tensor: TestTensor) => ({ ...tensor, file: join(folder, tensor.file) });
  return rows.map((row) => ({
    name: row.name,
    backend,
    file: join(folder, row.file),
    inputs: row.inputs.map(inFolder),
    outputs: row.outputs.map(inFolder),
  }));
}
