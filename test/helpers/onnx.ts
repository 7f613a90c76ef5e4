// Writes ONNX models, as large as a test wants them, without Python: the messages of onnx.proto3
// (IR version 8) that such models need.

const FLOAT = 1;
const INT64 = 7;
const OPSET = 17;

type Dims = readonly (number | string)[];

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export interface OnnxValue {
  readonly name: string;
  readonly dtype: 'FLOAT' | 'INT64';
  /** A name is a dim that may be any. */
  readonly dims: Dims;
}

export interface OnnxWeights {
  readonly name: string;
  readonly dtype: 'FLOAT' | 'INT64';
  readonly dims: readonly number[];
  /** Little-endian elements. */
  readonly data: Buffer;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly weights?: readonly OnnxWeights[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return Buffer.from(bytes);
}

const number = (field: number, value: number) => [varint(field * 8), varint(value)];

/** A field of bytes, text or a message. */
function bytes(field: number, value: string | readonly Buffer[]): Buffer[] {
  const parts = typeof value === 'string' ? [Buffer.from(value)] : value;
  const byteCount = parts.reduce((sum, part) => sum + part.length, 0);
  return [varint(field * 8 + 2), varint(byteCount), ...parts];
}

const elementType = (dtype: 'FLOAT' | 'INT64') => (dtype === 'FLOAT' ? FLOAT : INT64);

function nodeMessage({ op, inputs, outputs }: OnnxNode): Buffer[] {
  return [
    ...inputs.flatMap((name) => bytes(1, name)),
    ...outputs.flatMap((name) => bytes(2, name)),
    ...bytes(4, op),
  ];
}

function valueMessage({ name, dtype, dims }: OnnxValue): Buffer[] {
  const shape = dims.flatMap((dim) =>
    bytes(1, typeof dim === 'number' ? number(1, dim) : bytes(2, dim)),
  );
  const tensor = [...number(1, elementType(dtype)), ...bytes(2, shape)];
  return [...bytes(1, name), ...bytes(2, bytes(1, tensor))];
}

function weightsMessage({ name, dtype, dims, data }: OnnxWeights): Buffer[] {
  return [
    ...dims.flatMap((dim) => number(1, dim)),
    ...number(2, elementType(dtype)),
    ...bytes(8, name),
    ...bytes(9, [data]),
  ];
}

/** @returns A model as AI.MODELSTORE takes it. */
export function onnxModel(graph: OnnxGraph): Buffer {
  const message = [
    ...graph.nodes.flatMap((node) => bytes(1, nodeMessage(node))),
    ...bytes(2, 'graph'),
    ...(graph.weights ?? []).flatMap((weights) => bytes(5, weightsMessage(weights))),
    ...graph.inputs.flatMap((value) => bytes(11, valueMessage(value))),
    ...graph.outputs.flatMap((value) => bytes(12, valueMessage(value))),
  ];
  return Buffer.concat([
    ...number(1, 8),
    ...bytes(7, message),
    ...bytes(8, [...bytes(1, ''), ...number(2, OPSET)]),
  ]);
}

/**
 * A model of about `byteCount` bytes whose run costs nothing: FLOAT x of any shape to y = x + version
 * and z = x - version. Most of its weights are looked up by an INT64 index that is always 0.
 */
export function versionedModel(version: number, byteCount = 0): Buffer {
  const count = Math.max(1, Math.floor(byteCount / 4));
  const table = Buffer.from(new Float32Array(count).fill(version).buffer);
  const one = Buffer.from(new Float32Array([version]).buffer);
  return onnxModel({
    nodes: [
      { op: 'Sub', inputs: ['x', 'x'], outputs: ['zeros'] },
      { op: 'Size', inputs: ['zeros'], outputs: ['count'] },
      { op: 'Sub', inputs: ['count', 'count'], outputs: ['index'] },
      { op: 'Gather', inputs: ['table', 'index'], outputs: ['looked_up'] },
      { op: 'Add', inputs: ['x', 'looked_up'], outputs: ['y'] },
      { op: 'Sub', inputs: ['x', 'one'], outputs: ['z'] },
    ],
    weights: [
      { name: 'table', dtype: 'FLOAT', dims: [count], data: table },
      { name: 'one', dtype: 'FLOAT', dims: [], data: one },
    ],
    inputs: [{ name: 'x', dtype: 'FLOAT', dims: ['N'] }],
    outputs: [
      { name: 'y', dtype: 'FLOAT', dims: ['N'] },
      { name: 'z', dtype: 'FLOAT', dims: ['N'] },
    ],
  });
}
