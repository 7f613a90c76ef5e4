/** Small wheels and a runtime made of them, for tests of the installer: the same code path, without network. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeptPiece, Runtime, Wheel } from '../../lib/runtimes/manifest.ts';

/** Zips folders without any package of ours: what it makes is read by another implementation. */
const ZIP_SCRIPT = `
import json, sys, zipfile
path, files = sys.argv[1], json.loads(sys.stdin.read())
with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as wheel:
    for name, text in files.items():
        wheel.writestr(name, text)
`;

/** Writes `<project>-1.0-py3-none-manylinux_2_17_x86_64.whl` into `folder`, with the metadata that pip asks for. */
export function makeWheel(
  folder: string,
  project: string,
  files: Record<string, string>,
  keep: readonly KeptPiece[],
): Wheel {
  mkdirSync(folder, { recursive: true });
  const tag = 'py3-none-manylinux_2_17_x86_64';
  const fileName = `${project}-1.0-${tag}.whl`;
  const path = join(folder, fileName);
  const info = `${project}-1.0.dist-info`;
  const all = {
    ...files,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${project}\nVersion: 1.0\n`,
    [`${info}/WHEEL`]: `Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: ${tag}\n`,
    [`${info}/RECORD`]: '',
  };
  execFileSync('python3', ['-c', ZIP_SCRIPT, path], { input: JSON.stringify(all) });
  const content = readFileSync(path);
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { project, version: '1.0', fileName, sha256, downloadBytes: content.length, keep };
}

/** A runtime of two wheels: one file, and one folder, are kept of the first; a library of the second. */
export function makeRuntime(wheelFolder: string, change: Partial<Runtime> = {}): Runtime {
  const engine = makeWheel(
    wheelFolder,
    'tuttifake',
    {
      'fake/lib/libfake.so': 'the library\n'.repeat(1000),
      'fake/lib/libunwanted.so': 'unwanted',
      'fake/include/a.h': '// a\n',
      'fake/include/deep/b.h': '// b\n',
    },
    [
      { from: 'fake/lib/libfake.so', to: 'lib/libfake.so' },
      { from: 'fake/include/', to: 'include/' },
    ],
  );
  const helper = makeWheel(wheelFolder, 'tuttifakehelper', { 'helper/libhelper.so': 'helper' }, [
    { from: 'helper/libhelper.so', to: 'lib/libhelper.so' },
  ]);
  return {
    name: 'fake',
    title: 'Fake 1.0',
    version: '1.0',
    backend: 'FAKE',
    glibcMin: '2.17',
    unpackedBytes: 12_000,
    wheels: [engine, helper],
    preload: ['lib/libhelper.so', 'lib/libfake.so'],
    inSitePackages: { folder: 'fake', preload: ['fake/lib/libfake.so.*'], projects: ['tuttifake'] },
    ...change,
  };
}

/** Spoils one byte in the middle. */
export function corrupt(path: string): void {
  const content = readFileSync(path);
  const middle = Math.floor(content.length / 2);
  content.writeUInt8(content.readUInt8(middle) ^ 0xff, middle);
  writeFileSync(path, content);
}
