// Prometheus' exporter for Redis, as Debian packages it: the program on the PATH, or fetched once
// into the build folder without installing anything.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './peers.ts';

const PROGRAM = 'prometheus-redis-exporter';
const FETCH_MS_MAX = 120_000;
const READY_MS_MAX = 30_000;
const folder = fileURLToPath(new URL('../../../redis-exporter/', import.meta.url));

/** @returns The program, or undefined if there is none to be had. */
export function findExporter(): string | undefined {
  if (spawnSync(PROGRAM, ['--version']).status === 0) return PROGRAM;
  const fetched = join(folder, 'usr', 'bin', PROGRAM);
  if (existsSync(fetched)) return fetched;
  mkdirSync(folder, { recursive: true });
  spawnSync('apt-get', ['download', PROGRAM], { cwd: folder, timeout: FETCH_MS_MAX });
  const archive = readdirSync(folder).find((name) => name.endsWith('.deb'));
  if (archive !== undefined) spawnSync('dpkg', ['--extract', archive, '.'], { cwd: folder });
  return existsSync(fetched) ? fetched : undefined;
}

/** What it tells of a server, by name and labels as they are written. */
export async function metricsOf(
  program: string,
  port: number,
): Promise<ReadonlyMap<string, number>> {
  const webPort = await freePort();
  const address = `127.0.0.1:${webPort}`;
  const args = ['--redis.addr', `redis://127.0.0.1:${port}`, '--web.listen-address', address];
  const child = spawn(program, args, { stdio: 'ignore' });
  try {
    for (const deadlineMs = Date.now() + READY_MS_MAX; ; ) {
      const text = await fetch(`http://${address}/metrics`).then(
        (response) => response.text(),
        () => undefined,
      );
      if (text !== undefined) return parsed(text);
      if (Date.now() > deadlineMs) throw new Error('the exporter does not answer');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    child.kill();
  }
}

function parsed(text: string): ReadonlyMap<string, number> {
  const lines = text.matchAll(/^(redis_\w+(?:\{.*\})?) (\S+)$/gm);
  return new Map([...lines].map(([, name = '', value]) => [name, Number(value)]));
}
