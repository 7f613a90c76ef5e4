// Which folder may import which, and what only one of them may use (STYLE.md "Where things live").

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** A folder of lib/ and the others it may import; core/ always. */
const arrows: Record<string, readonly string[]> = {
  core: [],
  config: [],
  runtimes: ['config'],
  resp: [],
  engine: ['runtimes'],
  keyspace: ['engine'],
  cluster: ['resp', 'keyspace'],
  commands: ['config', 'resp', 'engine', 'keyspace', 'cluster', 'auth'],
  // It builds what it hands to commands: settings, engine and keyspace.
  server: ['resp', 'commands', 'cluster', 'config', 'engine', 'keyspace', 'auth'],
  launcher: ['resp', 'cluster'],
  auth: ['config'],
  cli: [
    'config',
    'runtimes',
    'resp',
    'engine',
    'keyspace',
    'cluster',
    'commands',
    'server',
    'launcher',
    'auth',
  ],
};

/** What only some files may name: a pattern of their text, and those files' paths. */
const soleUsers: readonly { what: string; in: string; text: RegExp; by: RegExp }[] = [
  {
    what: 'napi.h',
    in: 'native',
    text: /#include [<"](napi|node_api)\.h/,
    by: /^native\/binding\//,
  },
  {
    what: "LibTorch's headers",
    in: 'native',
    text: /#include [<"](torch|ATen|c10)\//,
    by: /^native\/backends\/torch\//,
  },
  {
    what: "ONNX Runtime's headers",
    in: 'native',
    text: /#include [<"]onnxruntime/,
    by: /^native\/backends\/onnx\//,
  },
  {
    what: "TensorFlow's headers",
    in: 'native',
    text: /#include [<"]tensorflow\//,
    by: /^native\/backends\/(tensorflow|tflite)\//,
  },
  { what: 'CUDA', in: 'native', text: /#include [<"]cuda_runtime/, by: /^native\/cuda\// },
  { what: 'the addon', in: 'lib', text: /tutti\.node'/, by: /^lib\/engine\/addon\.ts$/ },
  {
    what: 'sockets',
    in: 'lib',
    text: /from 'node:(net|tls)'/,
    by: /^lib\/(server|cli|launcher|cluster)\//,
  },
  {
    what: 'the locks of slots',
    in: 'lib',
    text: /\.(un)?lockSlots\(/,
    by: /^lib\/keyspace\/keyspace\.ts$/,
  },
  {
    what: 'locked(), which runs JavaScript under locks',
    in: 'lib',
    text: /keyspace\.locked\(/,
    by: /^lib\/commands\/transaction\.ts$/,
  },
];

function filesOf(folder: string, ending: RegExp): { path: string; text: string }[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return {
        path: relative(root, path).split(sep).join('/'),
        text: readFileSync(path, 'utf8'),
      };
    });
}

const sources = filesOf('lib', /\.ts$/);

t.test('no folder of lib/ imports one that it may not', async (t) => {
  const wrong: string[] = [];
  for (const { path, text } of sources) {
    const folder = path.split('/')[1] ?? '';
    const allowed = arrows[folder];
    if (!allowed) wrong.push(`${path}: no arrows are known for this folder`);
    for (const [, other = ''] of text.matchAll(/from '\.\.\/([a-z]+)\//g)) {
      if (other !== folder && other !== 'core' && !allowed?.includes(other))
        wrong.push(`${path} imports ${other}/`);
    }
    for (const [, path_ = ''] of text.matchAll(/from '(\.[^']+)'/g)) {
      if (!path_.endsWith('.ts')) wrong.push(`${path} imports '${path_}' without .ts`);
    }
  }
  t.strictSame(wrong, []);
});

t.test('no two folders of lib/ import each other', async (t) => {
  for (const [folder, others] of Object.entries(arrows)) {
    for (const other of others) t.notOk(arrows[other]?.includes(folder), `${folder} and ${other}`);
  }
});

t.test('what has one user is used by it alone', async (t) => {
  const native = filesOf('native', /\.(h|cc|c|cu)$/);
  for (const { what, in: folder, text, by } of soleUsers) {
    const files = folder === 'lib' ? sources : native;
    const users = files.filter((file) => text.test(file.text)).map(({ path }) => path);
    t.strictSame(
      users.filter((path) => !by.test(path)),
      [],
      what,
    );
  }
});

t.test('files of TypeScript have no default export and no any', async (t) => {
  for (const { path, text } of sources) {
    t.notMatch(text, /^export default /m, path);
    t.notMatch(text, /(: |as )any\b|@ts-ignore/, path);
  }
});
