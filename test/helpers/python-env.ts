/** The Python environments with the stock clients, built once per user and named by what is in them. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../../lib/runtimes/cache.ts';

/** Everything is pinned, what the named packages need included: pip resolves nothing. */
const requirements = {
  /** The clients that SmartSim's users have, and what makes ONNX models for the tests. */
  clients: [
    'Deprecated==1.3.1',
    'hiredis==3.5.0',
    'iniconfig==2.3.1',
    'numpy==1.26.4',
    'onnx==1.17.0',
    'packaging==26.3',
    'pluggy==1.7.0',
    'protobuf==3.20.3',
    'pytest==7.4.4',
    'redis==4.6.0',
    'redisai==1.3.0',
    'six==1.17.0',
    'smartredis==0.6.1',
    'wrapt==2.5.2',
  ],
  /** redis-py as of today, which opens with `HELLO 3`. */
  newest: ['hiredis==3.5.0', 'redis==8.1.0'],
  /** A site-packages that brings a runtime of its own, of another release than the pinned one. */
  runtimes: ['onnxruntime==1.20.1'],
  /** What users make models with: TensorFlow and Keras, TF-Lite, scikit-learn, LightGBM, XGBoost. */
  models: [
    'absl-py==2.5.1',
    'ai-edge-litert==2.3.0',
    'astunparse==1.6.3',
    'backports.strenum==1.2.8',
    'certifi==2026.10.18',
    'charset-normalizer==3.5.2',
    'cloudpickle==3.1.2',
    'flatbuffers==25.12.19',
    'gast==0.7.0',
    'google-pasta==0.2.0',
    'grpcio==1.85.1',
    'h5py==3.14.0',
    'idna==3.20',
    'joblib==1.6.0',
    'keras==3.15.1',
    'libclang==18.1.1',
    'lightgbm==4.7.0',
    'markdown-it-py==4.3.0',
    'mdurl==0.1.2',
    'ml_dtypes==0.6.0',
    'namex==0.1.0',
    'narwhals==2.29.0',
    'numpy==2.4.6',
    'onnx==1.23.2',
    'onnxmltools==1.16.0',
    'onnxruntime==1.30.0',
    'opt_einsum==3.4.0',
    'optree==0.20.0',
    'packaging==26.3',
    'protobuf==7.36.2',
    'Pygments==2.21.0',
    'requests==2.34.2',
    'rich==15.0.0',
    'scikit-learn==1.9.1',
    'scipy==1.17.1',
    'six==1.17.0',
    'skl2onnx==1.20.0',
    'tensorflow_cpu==2.21.0',
    'termcolor==3.3.0',
    'threadpoolctl==3.8.0',
    'tqdm==4.70.1',
    'typing_extensions==4.16.0',
    'urllib3==2.8.0',
    'wrapt==2.5.2',
    'xgboost_cpu==3.2.0',
  ],
  /** Stock SmartSim, whose needs are not those of `clients`. */
  smartsim: [
    'annotated-types==0.8.0',
    'certifi==2026.10.18',
    'cffi==2.1.1',
    'charset-normalizer==3.5.2',
    'coloredlogs==15.0.1',
    'cryptography==50.0.2',
    'filelock==4.2.12',
    'gitdb==4.0.12',
    'GitPython==3.1.43',
    'humanfriendly==10.0',
    'idna==3.20',
    'Jinja2==3.1.6',
    'MarkupSafe==3.0.4',
    'numpy==1.26.4',
    'packaging==26.3',
    'protobuf==3.20.3',
    'psutil==7.2.2',
    'pycparser==3.12',
    'pydantic==2.14.3',
    'pydantic_core==2.50.4',
    'PyGithub==2.10.0',
    'PyJWT==2.15.1',
    'PyNaCl==1.6.2',
    'pyzmq==27.3.0',
    'redis==8.1.0',
    'requests==2.34.2',
    'smartredis==0.6.1',
    'smartsim==0.8.0',
    'smmap==5.0.3',
    'tabulate==0.10.0',
    'tqdm==4.70.1',
    'typing-inspection==0.4.5',
    'typing_extensions==4.16.0',
    'urllib3==2.8.0',
    'watchdog==4.0.2',
  ],
  /** What `npm run check` formats C++ with. */
  tools: ['clang-format==23.1.5'],
} as const;

export type PythonEnvName = keyof typeof requirements;

export const pythonEnvNames: readonly PythonEnvName[] = [
  'clients',
  'newest',
  'runtimes',
  'models',
  'smartsim',
  'tools',
];

/** Folders below site-packages that must be there, if only empty: SmartSim looks into its own for a server. */
const emptyFolders: { readonly [name in PythonEnvName]?: readonly string[] } = {
  smartsim: ['smartsim/_core/bin'],
};

/** Interpreters that the clients' wheels (cp311) fit, the likeliest first. */
const INTERPRETERS = ['python3', 'python3.11'];

const WANTED_VERSION = '3.11';

/** The last file of an environment: without it, it is half built. */
const STAMP_FILE = 'tutti-complete';

/** An environment cannot be had; the message is one sentence that says what to do. */
export class PythonEnvError extends Error {}

/** The `python` of an environment, or undefined if `npm test` has not built it on this machine. */
export function pythonOf(name: PythonEnvName): string | undefined {
  const folder = envFolder(name);
  return existsSync(join(folder, STAMP_FILE)) ? join(folder, 'bin', 'python') : undefined;
}

/** The reason to skip, as tap's `skip` option takes it, or false if the environment is there. */
export function missingPython(name: PythonEnvName): string | false {
  return (
    pythonOf(name) === undefined &&
    `the Python environment '${name}' is not there: npm test builds it`
  );
}

/** Where the packages of an environment lie, or undefined as for `pythonOf`. */
export function sitePackagesOf(name: PythonEnvName): string | undefined {
  return pythonOf(name) && packagesFolder(envFolder(name));
}

function packagesFolder(environment: string): string {
  return join(environment, 'lib', `python${WANTED_VERSION}`, 'site-packages');
}

/**
 * Builds the environment unless it is there.
 * @returns Its `python`.
 * @throws {PythonEnvError} No such Python here, no venv, or no network.
 */
export async function buildPythonEnv(name: PythonEnvName): Promise<string> {
  const existing = pythonOf(name);
  if (existing) return existing;
  const interpreter = findInterpreter();
  const folder = envFolder(name);
  // An environment holds its own path, so it is built where it stays; the stamp tells whether it is whole.
  await rm(folder, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true });
  process.stderr.write(`Building the Python environment '${name}'\n`);
  if ((await run(interpreter, ['-m', 'venv', folder])) !== 0) {
    throw new PythonEnvError(
      `${interpreter} cannot make environments: apt-get install python3-venv`,
    );
  }
  const python = join(folder, 'bin', 'python');
  const list = join(folder, 'requirements.txt');
  await writeFile(list, requirements[name].map((line) => `${line}\n`).join(''));
  const flags = ['--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'];
  const args = ['-m', 'pip', 'install', ...flags, '--requirement', list];
  if ((await run(python, args)) !== 0) {
    throw new PythonEnvError(
      `the Python environment '${name}' could not be filled: see what pip says above`,
    );
  }
  for (const path of emptyFolders[name] ?? [])
    await mkdir(join(packagesFolder(folder), path), { recursive: true });
  await writeFile(join(folder, STAMP_FILE), '');
  return python;
}

function envFolder(name: PythonEnvName): string {
  const hash = createHash('sha256').update(requirements[name].join('\n')).digest('hex').slice(0, 8);
  return join(cacheFolder(), 'python', `${name}-${hash}`);
}

function findInterpreter(): string {
  const seen: string[] = [];
  for (const interpreter of INTERPRETERS) {
    const code = 'import sys; print("%d.%d" % sys.version_info[:2])';
    const version = spawnSync(interpreter, ['-c', code], { encoding: 'utf8' }).stdout?.trim();
    if (version === WANTED_VERSION) return interpreter;
    if (version) seen.push(`${interpreter} is ${version}`);
  }
  const found = seen.join(', ') || 'there is no python3';
  throw new PythonEnvError(
    `the stock clients have wheels for Python ${WANTED_VERSION} and ${found}: put a python${WANTED_VERSION} on the PATH`,
  );
}

function run(program: string, args: string[]): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', process.stderr, process.stderr] });
    child.on('error', reject);
    child.on('close', resolve);
  });
}
