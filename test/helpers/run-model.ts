// Stores and runs a test model over the wire, and compares what comes back with what it must give.

import { readFileSync } from 'node:fs';
import type { RawClient } from './raw-client.ts';
import type { RealModel, RealTensor } from './real-models.ts';

/** What a runtime adds up in another order, on as many threads as it likes, differs in the last bits. */
const TOLERANCE = 1e-4;

/** Of TF the names too. */
export type RunnableModel = Pick<RealModel, 'file' | 'inputs' | 'outputs'> &
  Partial<Pick<RealModel, 'inputNames' | 'outputNames'>> & { readonly backend: string };

/** @param change Words that take the place of the model's own, and BATCHSIZE and what follows it. @returns The reply. */
export function storeModel(
  client: RawClient,
  key: string,
  model: RunnableModel,
  change: { device?: string; blob?: Buffer; batching?: readonly (string | number)[] } = {},
): Promise<string> {
  const { inputNames = [], outputNames = [] } = model;
  const names =
    inputNames.length > 0
      ? ['INPUTS', inputNames.length, ...inputNames, 'OUTPUTS', outputNames.length, ...outputNames]
      : [];
  const { device = 'CPU', batching = [] } = change;
  const words = ['AI.MODELSTORE', key, model.backend, device, ...batching, ...names, 'BLOB'];
  return client.call(...words, change.blob ?? readFileSync(model.file));
}

/**
 * Puts the inputs under keys with `prefix`, runs the model and reads its outputs.
 * @returns What is wrong with them, or an empty string.
 */
export async function runModel(
  client: RawClient,
  key: string,
  model: RunnableModel,
  prefix = '',
): Promise<string> {
  const inputs = model.inputs.map((_, i) => `${prefix}${key}-in${i}`);
  const outputs = model.outputs.map((_, i) => `${prefix}${key}-out${i}`);
  for (const [i, { dtype, dims, file }] of model.inputs.entries()) {
    const words = ['AI.TENSORSET', inputs[i] ?? '', dtype, ...dims, 'BLOB'];
    const reply = await client.call(...words, readFileSync(file));
    if (reply !== '+OK\r\n') return `input ${i}: ${reply}`;
  }
  const lists = ['INPUTS', inputs.length, ...inputs, 'OUTPUTS', outputs.length, ...outputs];
  const reply = await client.call('AI.MODELEXECUTE', key, ...lists);
  if (reply !== '+OK\r\n') return reply;
  for (const [i, wanted] of model.outputs.entries()) {
    const problem = await compareKey(client, outputs[i] ?? '', wanted);
    if (problem !== '') return `output ${i}: ${problem}`;
  }
  return '';
}

async function compareKey(client: RawClient, key: string, wanted: RealTensor): Promise<string> {
  if (wanted.dtype === '') {
    return (await client.call('EXISTS', key)) === ':0\r\n' ? '' : 'stored, and it is no tensor';
  }
  const meta = await client.call('AI.TENSORGET', key, 'META');
  const { dtype, dims } = wanted;
  const wantedMeta = [
    `*4\r\n$5\r\ndtype\r\n$${dtype.length}\r\n${dtype}\r\n$5\r\nshape\r\n*${dims.length}\r\n`,
    ...dims.map((dim) => `:${dim}\r\n`),
  ].join('');
  if (meta !== wantedMeta) return `${meta}, wanted ${wantedMeta}`;
  const reply = await client.call('AI.TENSORGET', key, 'BLOB');
  const blob = Buffer.from(reply.slice(reply.indexOf('\r\n') + 2, -2), 'latin1');
  return compareBytes(blob, readFileSync(wanted.file), dtype);
}

function compareBytes(seen: Buffer, wanted: Buffer, dtype: string): string {
  if (seen.length !== wanted.length) return `${seen.length} bytes, wanted ${wanted.length}`;
  if (dtype !== 'FLOAT') return seen.equals(wanted) ? '' : 'other bytes';
  for (let at = 0; at < wanted.length; at += 4) {
    const [value, reference] = [seen.readFloatLE(at), wanted.readFloatLE(at)];
    if (!(Math.abs(value - reference) <= TOLERANCE * (1 + Math.abs(reference))))
      return `element ${at / 4} is ${value}, wanted ${reference}`;
  }
  return '';
}
