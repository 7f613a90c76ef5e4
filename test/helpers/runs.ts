// What tests of runs over several connections share.

import { readFileSync } from 'node:fs';
import type { TestModels } from './models.ts';
import type { StartedServer } from './server.ts';
import { untilWithin } from './waiting.ts';

/** A script whose `slow` takes some milliseconds for each row; `count` adds to a list before it. */
export const SLOW_SCRIPT = `
def slow(x):
    y = torch.ones(500, 500)
    for i in range(x.size(0)):
        y = torch.matmul(y, y) * 0.001
    return x + 1

def count(x):
    redis.execute("RPUSH", "counted", "1")
    return slow(x)
`;
/** Rows of what takes about a second: two I/O threads and their clients have long sent all they have. */
export const SLOW_ROWS = 100;

export type Words = readonly (string | Buffer | number)[];

/** The line of INFO ai_models about a key of database 0. */
export async function statistics(
  server: StartedServer,
  key: string,
): Promise<Record<string, string>> {
  const info = String(await server.request('INFO', 'ai_models'));
  const line = info.split('\r\n').find((each) => each.includes(`:db=0,key=${key},`)) ?? '';
  return Object.fromEntries(
    line
      .slice(line.indexOf(':') + 1)
      .split(',')
      .map((pair) => pair.split('=')),
  );
}

export const until = untilWithin(20);

/** How many connections have an execution as their last command. */
export async function runningCount(server: StartedServer): Promise<number> {
  const lines = String(await server.request('CLIENT', 'LIST')).split('\n');
  return lines.filter((line) => /cmd=ai\.(model|script|dag)(execute|run)\b/.test(line)).length;
}

export function store(
  server: StartedServer,
  models: TestModels,
  words: Words,
  from: [string, string],
) {
  const [backend, name] = from;
  const { file } = models.model(backend as 'TORCH' | 'ONNX', name);
  const [key, ...options] = words;
  return server.request(
    ...['AI.MODELSTORE', key ?? '', backend, 'CPU', ...options, 'BLOB', readFileSync(file)],
  );
}

export const execute = (key: string, inputs: string[], outputs: string[]): Words => [
  ...['AI.MODELEXECUTE', key, 'INPUTS', inputs.length, ...inputs],
  ...['OUTPUTS', outputs.length, ...outputs],
];
