// Scripts of one entry point, stored and run on a server of a test's own.

import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import type { TestModel } from './models.ts';
import { RawClient } from './raw-client.ts';
import { type Connection, type StartedServer, startServer, type Value } from './server.ts';

const SIGNATURE = 'tensors: List[Tensor], keys: List[str], args: List[str]';

type Word = string | Buffer | number;

export interface ScriptLists {
  readonly keys?: readonly Word[];
  readonly inputs?: readonly Word[];
  readonly args?: readonly Word[];
  readonly outputs?: readonly Word[];
}

/** AI.SCRIPTEXECUTE of entry point `f`. */
export function executeWords(key: string, lists: ScriptLists): Word[] {
  const { keys = [], inputs = [], args = [], outputs = [] } = lists;
  return [
    ...['AI.SCRIPTEXECUTE', key, 'f'],
    // As in RedisAI KEYS without any is refused.
    ...(keys.length > 0 ? ['KEYS', keys.length, ...keys] : []),
    ...['INPUTS', inputs.length, ...inputs, 'ARGS', args.length, ...args],
    ...['OUTPUTS', outputs.length, ...outputs],
  ];
}

/** AI.SCRIPTSTORE of a script whose entry point `f` has this body. */
export function storeWords(key: string, ...lines: string[]): Word[] {
  const source = `def f(${SIGNATURE}):\n${lines.map((line) => `    ${line}\n`).join('')}`;
  return ['AI.SCRIPTSTORE', key, 'CPU', 'ENTRY_POINTS', 1, 'f', 'SOURCE', source];
}

export async function store(server: StartedServer | Connection, key: string, ...lines: string[]) {
  await server.request(...storeWords(key, ...lines));
}

/** Stores and runs a script. @throws {Error} An error reply. */
export async function run(
  server: StartedServer | Connection,
  lines: readonly string[],
  lists: ScriptLists = {},
): Promise<Value> {
  await store(server, 'script', ...lines);
  return server.request(...executeWords('script', lists));
}

/** How a script fails. @throws {Error} That is not one line. */
export async function failure(
  client: Connection,
  lines: readonly string[],
  lists: ScriptLists = {},
): Promise<string> {
  await store(client, 'script', ...lines);
  const text = await client.refusal(...executeWords('script', lists));
  if (/[\r\n]/.test(text)) throw new Error(`more than a line: ${text}`);
  return text;
}

/** A server that ends with the test. */
export async function start(t: Test, ...args: string[]): Promise<StartedServer> {
  const server = await startServer(args);
  t.teardown(() => server.stop());
  return server;
}

/** A connection that ends with the test. */
export async function connect(t: Test, server: StartedServer): Promise<Connection> {
  const client = await server.raw();
  t.teardown(() => client.close());
  return client;
}

export async function storeModel(server: StartedServer, key: string, model: TestModel) {
  const blob = readFileSync(model.file);
  await server.request('AI.MODELSTORE', key, model.backend, 'CPU', 'BLOB', blob);
}

export async function storeTensor(
  server: StartedServer,
  key: string,
  tensor: TestModel['inputs'][number],
) {
  const { dtype, dims, file } = tensor;
  await server.request('AI.TENSORSET', key, dtype, ...dims, 'BLOB', readFileSync(file));
}

export function values(server: StartedServer | Connection, key: string): Promise<Value> {
  return server.request('AI.TENSORGET', key, 'VALUES');
}

/** The bytes of a bulk reply, which `Value` has as text. */
export async function bytesOf(server: StartedServer, ...words: string[]): Promise<Buffer> {
  const client = await RawClient.connect(server.port);
  const reply = await client.call(...words);
  client.close();
  if (!reply.startsWith('$')) throw new Error(`no bulk reply: ${reply}`);
  return Buffer.from(reply.slice(reply.indexOf('\r\n') + 2, -2), 'latin1');
}

/** The elements of a tensor as they lie in memory. */
export function blobOf(server: StartedServer, key: string): Promise<Buffer> {
  return bytesOf(server, 'AI.TENSORGET', key, 'BLOB');
}

/** Of AI.INFO and the like: the value after a name. */
export function field(reply: Value, name: string): Value | undefined {
  if (!Array.isArray(reply)) throw new Error(`no fields: ${String(reply)}`);
  return reply[reply.findIndex((word) => String(word) === name) + 1];
}
