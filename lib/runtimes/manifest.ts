/** The pinned runtimes: where each comes from, what is kept of it, and in which order it is opened. */
import { createHash } from 'node:crypto';

/** One piece of a wheel that is kept: a file or, where `from` ends in a slash, a folder with all that is in it. */
export interface KeptPiece {
  from: string;
  to: string;
}

/** One file of the Python package index; `fileName` is what pip saves and what `--from` looks for. */
export interface Wheel {
  project: string;
  version: string;
  fileName: string;
  sha256: string;
  downloadBytes: number;
  keep: readonly KeptPiece[];
}

/** A shared library without content whose only use is to be found under its name and to bring others. */
export interface StubLibrary {
  /** Relative to the installed folder, as all paths here. */
  path: string;
  needs: readonly string[];
}

export interface Runtime {
  name: string;
  title: string;
  version: string;
  /** As in AI.MODELSTORE. */
  backend: string;
  glibcMin: string;
  unpackedBytes: number;
  wheels: readonly Wheel[];
  stub?: StubLibrary;
  /** Opened by full path, in this order, before the backend: then no search path of the user's matters. */
  preload: readonly string[];
  /** The backend opens them itself, out of their folder. */
  isOpenedByBackend?: boolean;
  /** Set, unless the user has, before the libraries are opened: what they read as they are. */
  environment?: Readonly<Record<string, string>>;
  inSitePackages: SitePackagesPlace;
}

/** Where an existing Python installation has it: `folder` and `preload` within its site-packages. */
export interface SitePackagesPlace {
  folder: string;
  preload: readonly string[];
  /** The names of its packages, as of their metadata: one of them is enough. */
  projects: readonly string[];
  /** Whether only the pinned version will do: the library's interface changes from one to the next. */
  isPinned?: boolean;
}

/** Of the interpreter that the wheels are made for. It is not the user's: no Python code of theirs is used. */
export const WHEEL_PYTHON = { version: '3.11', abi: 'cp311' } as const;

/** Every tag that one of the wheels carries: pip takes a wheel only if one of its own tags is listed. */
export const WHEEL_PLATFORMS = [
  'manylinux_2_28_x86_64',
  'manylinux_2_27_x86_64',
  'manylinux_2_25_x86_64',
  'manylinux2014_x86_64',
  'manylinux_2_17_x86_64',
] as const;

const torch: Runtime = {
  name: 'torch',
  title: 'LibTorch 2.11.0',
  version: '2.11.0',
  backend: 'TORCH',
  glibcMin: '2.28',
  unpackedBytes: 497_066_472,
  wheels: [
    {
      // A CUDA build whose CPU part runs alone: all it takes of NVIDIA's are the two small libraries below.
      project: 'torch',
      version: '2.11.0',
      fileName: 'torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl',
      sha256: '7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a',
      downloadBytes: 530_604_548,
      keep: [
        { from: 'torch/lib/libtorch_cpu.so', to: 'lib/libtorch_cpu.so' },
        { from: 'torch/lib/libc10.so', to: 'lib/libc10.so' },
        { from: 'torch/lib/libgomp.so.1', to: 'lib/libgomp.so.1' },
        { from: 'torch/include/', to: 'include/' },
        { from: 'torch-2.11.0.dist-info/licenses/', to: 'licenses/torch/' },
      ],
    },
    {
      project: 'nvidia-cuda-cupti',
      version: '13.0.85',
      fileName: 'nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl',
      sha256: '4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8',
      downloadBytes: 10_715_597,
      keep: [
        { from: 'nvidia/cu13/lib/libcupti.so.13', to: 'lib/libcupti.so.13' },
        { from: 'nvidia_cuda_cupti-13.0.85.dist-info/licenses/', to: 'licenses/cupti/' },
      ],
    },
    {
      project: 'nvidia-cuda-runtime',
      version: '13.0.96',
      fileName:
        'nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
      sha256: '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548',
      downloadBytes: 2_243_632,
      keep: [
        { from: 'nvidia/cu13/lib/libcudart.so.13', to: 'lib/libcudart.so.13' },
        { from: 'nvidia_cuda_runtime-13.0.96.dist-info/licenses/', to: 'licenses/cudart/' },
      ],
    },
  ],
  // The wheel's own libtorch.so needs the whole of CUDA. Ahead-of-time compiled models ask for this name
  // too, and where it is not open already they would take the system's, of whatever version.
  stub: { path: 'lib/libtorch.so', needs: ['lib/libtorch_cpu.so', 'lib/libc10.so'] },
  preload: [
    'lib/libgomp.so.1',
    'lib/libcudart.so.13',
    'lib/libcupti.so.13',
    'lib/libc10.so',
    'lib/libtorch_cpu.so',
    'lib/libtorch.so',
  ],
  inSitePackages: {
    folder: 'torch',
    projects: ['torch'],
    // Their rpaths lead to the NVIDIA libraries beside them; libtorch.so brings libtorch_cuda.so.
    preload: ['torch/lib/libc10.so', 'torch/lib/libtorch_cpu.so', 'torch/lib/libtorch.so'],
  },
};

const onnx: Runtime = {
  name: 'onnx',
  title: 'ONNX Runtime 1.30.0',
  version: '1.30.0',
  backend: 'ONNX',
  glibcMin: '2.28',
  unpackedBytes: 29_324_313,
  wheels: [
    {
      project: 'onnxruntime',
      version: '1.30.0',
      fileName: 'onnxruntime-1.30.0-cp311-cp311-manylinux_2_28_x86_64.whl',
      sha256: 'fd54b314ea385bcecac69ab431f020ba503e3878dad4ebb645fec5a24b041242',
      downloadBytes: 23_561_046,
      keep: [
        { from: 'onnxruntime/capi/libonnxruntime.so.1.30.0', to: 'libonnxruntime.so.1' },
        { from: 'onnxruntime/LICENSE', to: 'licenses/LICENSE' },
        { from: 'onnxruntime/ThirdPartyNotices.txt', to: 'licenses/ThirdPartyNotices.txt' },
      ],
    },
  ],
  preload: ['libonnxruntime.so.1'],
  inSitePackages: {
    folder: 'onnxruntime/capi',
    projects: ['onnxruntime', 'onnxruntime_gpu'],
    preload: ['onnxruntime/capi/libonnxruntime.so.*'],
  },
};

/** Of 9,373 header files in the wheel, those that `tensorflow/c/c_api.h` includes. */
const tensorflowHeaders = [
  'tensorflow/c/c_api.h',
  'tensorflow/c/c_api_macros.h',
  'tensorflow/c/tf_attrtype.h',
  'tensorflow/c/tf_buffer.h',
  'tensorflow/c/tf_datatype.h',
  'tensorflow/c/tf_status.h',
  'tensorflow/c/tf_tensor.h',
  'tensorflow/c/tf_tstring.h',
  'tensorflow/core/platform/ctstring.h',
  'tsl/platform/ctstring.h',
  'tsl/platform/ctstring_internal.h',
  'xla/tsl/c/tsl_status.h',
];

const tensorflow: Runtime = {
  name: 'tensorflow',
  title: 'TensorFlow 2.21.0',
  version: '2.21.0',
  backend: 'TF',
  glibcMin: '2.27',
  unpackedBytes: 853_917_719,
  wheels: [
    {
      project: 'tensorflow-cpu',
      version: '2.21.0',
      fileName: 'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl',
      sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
      downloadBytes: 273_829_956,
      keep: [
        { from: 'tensorflow/libtensorflow_cc.so.2', to: 'libtensorflow_cc.so.2' },
        { from: 'tensorflow/libtensorflow_framework.so.2', to: 'libtensorflow_framework.so.2' },
        ...tensorflowHeaders.map((path) => ({
          from: `tensorflow/include/${path}`,
          to: `include/${path}`,
        })),
        { from: 'tensorflow/include/LICENSE', to: 'licenses/LICENSE' },
        { from: 'tensorflow/THIRD_PARTY_NOTICES.txt', to: 'licenses/THIRD_PARTY_NOTICES.txt' },
      ],
    },
  ],
  preload: ['libtensorflow_framework.so.2', 'libtensorflow_cc.so.2'],
  isOpenedByBackend: true,
  environment: { TF_CPP_MIN_LOG_LEVEL: '3' },
  inSitePackages: {
    folder: 'tensorflow',
    projects: ['tensorflow', 'tensorflow_cpu'],
    preload: ['tensorflow/libtensorflow_framework.so.2', 'tensorflow/libtensorflow_cc.so.2'],
  },
};

const tflite: Runtime = {
  name: 'tflite',
  title: 'LiteRT 2.3.0',
  version: '2.3.0',
  backend: 'TFLITE',
  glibcMin: '2.27',
  unpackedBytes: 8_050_781,
  wheels: [
    {
      project: 'ai-edge-litert',
      version: '2.3.0',
      fileName: 'ai_edge_litert-2.3.0-cp311-cp311-manylinux_2_27_x86_64.whl',
      sha256: '1f15078a6725d2357d9de9221664c29afa0545d807559c5f7199ce5e40b96b23',
      downloadBytes: 21_778_233,
      keep: [
        { from: 'ai_edge_litert/libLiteRt.so', to: 'libLiteRt.so' },
        { from: 'ai_edge_litert-2.3.0.dist-info/licenses/LICENSE', to: 'licenses/LICENSE' },
      ],
    },
  ],
  preload: ['libLiteRt.so'],
  inSitePackages: {
    folder: 'ai_edge_litert',
    projects: ['ai_edge_litert'],
    preload: ['ai_edge_litert/libLiteRt.so'],
    // Its functions have changed their arguments from one release to the next.
    isPinned: true,
  },
};

export const runtimes: readonly Runtime[] = [torch, onnx, tensorflow, tflite];

/** The name of the folder it is installed in: another pin or another choice of pieces is another folder. */
export function runtimeFolderName(runtime: Runtime): string {
  const { name, version, wheels, stub, preload } = runtime;
  const recipe = JSON.stringify([wheels, stub, preload]);
  return `${name}-${version}-${createHash('sha256').update(recipe).digest('hex').slice(0, 8)}`;
}

export function downloadBytes(runtime: Runtime): number {
  return runtime.wheels.reduce((sum, wheel) => sum + wheel.downloadBytes, 0);
}
