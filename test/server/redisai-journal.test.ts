// Append-only files of a Redis with RedisAI: its commands as clients have sent them, the forms that
// rewrites have made of its values, and both layouts of the files.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { runtimeFolder } from '../../lib/runtimes/locate.ts';
import {
  fact,
  journalFiles,
  kill,
  newFolder,
  startJournal,
  startJournalIn,
  startRefusal,
  waitUntil,
} from '../helpers/journal.ts';
import { versionedModel } from '../helpers/onnx.ts';
import type { Connection } from '../helpers/server.ts';
import { request } from '../oracle/replies.ts';

type Words = readonly (string | Buffer)[];

const fixtures = fileURLToPath(new URL('../../../../test/fixtures/redisai/', import.meta.url));
/** In which no runtime is installed. */
const bare = { XDG_CACHE_HOME: '/nowhere', TUTTI_RUNTIMES_PATH: '/nowhere' };

const model = versionedModel(1);
const cut = model.length >> 1;
const chunks = [model.subarray(0, cut), model.subarray(cut)];
const source = 'def double(a):\n    return a + a\n';
const entrySource =
  'def entry(tensors: List[Tensor], keys: List[str], args: List[str]):\n    return tensors[0] * 3\n';
const graph = Buffer.from('a graph that nobody runs');

/** As clients send them, in the current words and the deprecated ones. */
const sent: readonly Words[] = [
  ['AI.TENSORSET', 'blob', 'FLOAT', '2', 'BLOB', Buffer.from(new Float32Array([1, 2]).buffer)],
  ['AI.TENSORSET', 'values', 'INT64', '2', '1', 'VALUES', '3', '4'],
  ['ai.tensorset', 'zeros', 'uint8', '3'],
  ['AI.TENSORSET', 'words', 'STRING', '2', 'VALUES', 'a', 'bc'],
  [
    ...['AI.MODELSTORE', 'stored', 'ONNX', 'CPU', 'TAG', 'one', 'BATCHSIZE', '4'],
    ...['MINBATCHSIZE', '2', 'MINBATCHTIMEOUT', '10', 'BLOB'],
    ...chunks,
  ],
  [
    'AI.MODELSET',
    'deprecated',
    'ONNX',
    'CPU',
    'TAG',
    'two',
    'INPUTS',
    'x',
    'OUTPUTS',
    'y',
    'BLOB',
    model,
  ],
  [
    ...['AI.MODELSTORE', 'graph', 'TF', 'CPU', 'INPUTS', '2', 'a', 'b'],
    ...['OUTPUTS', '1', 'c', 'BLOB', graph],
  ],
  [
    ...['AI.MODELSET', 'old-graph', 'TF', 'CPU', 'INPUTS', '1', 'b'],
    ...['OUTPUTS', 'c', 'BLOB', graph],
  ],
  ['AI.SCRIPTSTORE', 'entries', 'CPU', 'ENTRY_POINTS', '1', 'entry', 'SOURCE', entrySource],
  ['AI.SCRIPTSET', 'script', 'CPU', 'TAG', 'three', 'SOURCE', source],
  // What a run leaves, and what a client has deleted.
  ['MULTI'],
  ['AI.TENSORSET', 'out', 'FLOAT', '1', 'BLOB', Buffer.from(new Float32Array([7]).buffer)],
  ['EXEC'],
  ['AI.MODELSTORE', 'gone', 'ONNX', 'CPU', 'BLOB', model],
  ['AI.MODELDEL', 'gone'],
  ['AI.SCRIPTSET', 'gone', 'CPU', 'SOURCE', source],
  ['AI.SCRIPTDEL', 'gone'],
];

/** As rewrites of the versions write them, most of which the commands themselves would refuse. */
const rewritten: readonly Words[] = [
  ...sent.slice(0, 4),
  [
    ...['AI.MODELSTORE', 'stored', 'ONNX', 'CPU', 'TAG', 'one', 'BATCHSIZE', '4'],
    ...['MINBATCHSIZE', '2', 'MINBATCHTIMEOUT', '10', 'BLOB'],
    ...chunks,
    Buffer.alloc(0),
  ],
  [
    ...['AI.MODELSTORE', 'deprecated', 'ONNX', 'CPU', 'two', 'BATCHSIZE', '0', 'MINBATCHSIZE', '0'],
    ...['MINBATCHTIMEOUT', '0', 'BLOB', model],
  ],
  [
    ...['AI.MODELSTORE', 'graph', 'TF', 'CPU', 'TAG', '', 'BATCHSIZE', '0', 'MINBATCHSIZE', '0'],
    ...['INPUTS', 'a', 'b', 'OUTPUTS', 'c', 'BLOB', graph],
  ],
  [
    ...['AI.MODELSET', 'old-graph', 'TF', 'CPU', '', 'BATCHSIZE', '0', 'MINBATCHSIZE', '0'],
    ...['INPUTS', '1', 'b', 'OUTPUTS', 'c', 'BLOB', graph],
  ],
  [
    ...['AI.SCRIPTSTORE', 'entries', 'CPU', 'TAG', '', 'ENTRY_POINTS', '1', 'entry'],
    ...['SOURCE', entrySource],
  ],
  ['AI.SCRIPTSET', 'script', 'CPU', 'three', 'SOURCE', source],
  ['AI.TENSORSET', 'out', 'FLOAT', '1', 'BLOB', Buffer.from(new Float32Array([7]).buffer)],
];

/** Other forms of the script, which all come to the same. */
const scripts: readonly Words[] = [
  ['AI.SCRIPTSTORE', 'script', 'CPU', 'TAG', 'three', 'SOURCE', source],
  ['AI.SCRIPTSET', 'script', 'CPU', 'three', source],
];

const bytesOf = (all: readonly Words[]) => Buffer.concat(all.map((words) => request(...words)));

/** What is there, whether anything can be run or not. */
async function checkStored(t: Test, connection: Connection): Promise<void> {
  const texts = async (...words: string[]) => connection.request(...words);
  t.strictSame(await texts('AI.TENSORGET', 'blob', 'VALUES'), ['1', '2']);
  t.strictSame(await texts('AI.TENSORGET', 'values', 'META'), [
    ...['dtype', 'INT64'],
    ...['shape', [2, 1]],
  ]);
  t.strictSame(await texts('AI.TENSORGET', 'values', 'VALUES'), [3, 4]);
  t.strictSame(await texts('AI.TENSORGET', 'zeros', 'VALUES'), [0, 0, 0]);
  t.strictSame(await texts('AI.TENSORGET', 'words', 'VALUES'), ['a', 'bc']);
  t.strictSame(await texts('AI.TENSORGET', 'out', 'VALUES'), ['7']);
  t.equal(await texts('EXISTS', 'gone'), 0);
  for (const [key, blob, wanted] of [
    ['stored', model, { device: 'CPU', tag: 'one', batch: [4, 2, 10] }],
    ['deprecated', model, { device: 'CPU', tag: 'two', batch: [0, 0, 0] }],
    ['graph', graph, { device: 'CPU', tag: '', batch: [0, 0, 0], names: [['a', 'b'], ['c']] }],
    ['old-graph', graph, { device: 'CPU', tag: '', batch: [0, 0, 0], names: [['1', 'b'], ['c']] }],
  ] as const) {
    const all = (await texts('AI.MODELGET', key, 'META')) as (string | number | string[])[];
    const facts = new Map(all.flatMap((name, i) => (i % 2 === 0 ? [[name, all[i + 1]]] : [])));
    t.equal(facts.get('device'), wanted.device, key);
    t.equal(facts.get('tag'), wanted.tag);
    t.strictSame(
      ['batchsize', 'minbatchsize', 'minbatchtimeout'].map((name) => facts.get(name)),
      wanted.batch,
    );
    if ('names' in wanted)
      t.strictSame([facts.get('inputs'), facts.get('outputs')], wanted.names, `${key}: its names`);
    connection.send('AI.MODELGET', key, 'BLOB');
    const got = await connection.binaryReply();
    t.ok(Buffer.isBuffer(got) && got.equals(blob), `${key}: its bytes`);
  }
  t.strictSame(await texts('AI.SCRIPTGET', 'entries'), [
    ...['device', 'CPU', 'tag', '', 'Entry Points', ['entry']],
    ...['source', entrySource],
  ]);
  t.strictSame(await texts('AI.SCRIPTGET', 'script'), [
    ...['device', 'CPU', 'tag', 'three', 'Entry Points', []],
    ...['source', source],
  ]);
}

/** Runs a model and both scripts on [1, 2]. */
async function checkRuns(t: Test, connection: Connection): Promise<void> {
  for (const key of ['stored', 'deprecated']) {
    t.match(
      await connection.refusal(
        ...['AI.MODELEXECUTE', key, 'INPUTS', 2, 'blob', 'blob', 'OUTPUTS', 2, 'y', 'z'],
      ),
      /^Number of keys given as INPUTS here does not match model definition/,
    );
    t.equal(
      await connection.request(
        ...['AI.MODELEXECUTE', key, 'INPUTS', 1, 'blob', 'OUTPUTS', 2, 'y', 'z'],
      ),
      'OK',
      `${key} runs`,
    );
    t.strictSame(await connection.request('AI.TENSORGET', 'y', 'VALUES'), ['2', '3']);
    const meta = (await connection.request('AI.MODELGET', key, 'META')) as unknown[];
    t.strictSame(meta.slice(10, 14), ['inputs', ['x'], 'outputs', ['y', 'z']]);
  }
  await connection.request('AI.SCRIPTRUN', 'script', 'double', 'INPUTS', 'y', 'OUTPUTS', 'out2');
  t.strictSame(await connection.request('AI.TENSORGET', 'out2', 'VALUES'), ['4', '6']);
  await connection.request(
    ...['AI.SCRIPTEXECUTE', 'entries', 'entry', 'INPUTS', 1, 'y', 'OUTPUTS', 1, 'out2'],
  );
  t.strictSame(await connection.request('AI.TENSORGET', 'out2', 'VALUES'), ['6', '9']);
  await connection.request('DEL', 'y', 'z', 'out2');
}

function writeManifest(folder: string, lines: readonly string[]): void {
  writeFileSync(join(folder, 'appendonlydir', 'appendonly.aof.manifest'), `${lines.join('\n')}\n`);
}

const layouts: readonly {
  title: string;
  /** Of the fixture, an RDB file. */
  hasPreamble: boolean;
  write(folder: string): void;
}[] = [
  {
    title: 'the one file of Redis 6, of commands',
    hasPreamble: false,
    write: (folder) => writeFileSync(join(folder, 'appendonly.aof'), bytesOf(sent)),
  },
  {
    title: 'the one file of Redis 6, an RDB file and commands',
    hasPreamble: true,
    write: (folder) =>
      writeFileSync(
        join(folder, 'appendonly.aof'),
        Buffer.concat([readFileSync(join(fixtures, 'dump.rdb')), bytesOf(sent)]),
      ),
  },
  {
    title: 'the files of Redis 7, rewritten to commands',
    hasPreamble: false,
    write(folder) {
      mkdirSync(join(folder, 'appendonlydir'));
      writeFileSync(
        join(folder, 'appendonlydir', 'appendonly.aof.3.base.aof'),
        bytesOf([['SELECT', '0'], ...rewritten]),
      );
      writeFileSync(
        join(folder, 'appendonlydir', 'appendonly.aof.4.incr.aof'),
        bytesOf([['SELECT', '0'], ...sent.slice(-4)]),
      );
      writeManifest(folder, [
        'file appendonly.aof.3.base.aof seq 3 type b',
        'file appendonly.aof.4.incr.aof seq 4 type i',
      ]);
    },
  },
  {
    title: 'the files of Redis 7, an RDB file and commands',
    hasPreamble: true,
    write(folder) {
      mkdirSync(join(folder, 'appendonlydir'));
      const base = join(folder, 'appendonlydir', 'appendonly.aof.1.base.rdb');
      copyFileSync(join(fixtures, 'dump.rdb'), base);
      writeFileSync(
        join(folder, 'appendonlydir', 'appendonly.aof.1.incr.aof'),
        bytesOf([['SELECT', '0'], ...sent]),
      );
      writeManifest(folder, [
        'file appendonly.aof.1.base.rdb seq 1 type b',
        'file appendonly.aof.1.incr.aof seq 1 type i',
      ]);
    },
  },
];

const keyCount = new Set(rewritten.map(([, key]) => key)).size;
const contents = JSON.parse(readFileSync(join(fixtures, 'contents.json'), 'utf8')) as object;
const missingRuntimes = ['onnx', 'torch'].filter((name) => runtimeFolder(name) === undefined);

for (const { title, hasPreamble, write } of layouts) {
  t.test(`${title}, without a runtime`, async (t) => {
    const folder = newFolder(t);
    write(folder);
    const server = await startJournalIn(t, bare, folder);
    t.notMatch(server.log(), /answered errors/);
    const connection = await server.raw();
    const preambleCount = hasPreamble ? Object.keys(contents).length : 0;
    t.equal(await connection.request('DBSIZE'), keyCount + preambleCount);
    await checkStored(t, connection);
    t.match(
      await connection.refusal(
        ...['AI.MODELEXECUTE', 'stored', 'INPUTS', 1, 'blob', 'OUTPUTS', 2, 'y', 'z'],
      ),
      /onnx/i,
      'a run says what is missing',
    );
    // As the server itself writes them.
    await connection.request('BGREWRITEAOF');
    await waitUntil(
      'the rewrite',
      async () => (await fact(connection, 'aof_rewrite_in_progress')) === '0',
    );
    t.equal(await fact(connection, 'aof_last_bgrewrite_status'), 'ok');
    await waitUntil('the end of the old files', () => journalFiles(folder).length === 3);
    connection.close();
    await kill(server);
    const second = await startJournalIn(t, bare, folder);
    const again = await second.raw();
    await checkStored(t, again);
    again.close();
    await kill(second);
  });

  t.test(
    `${title}: its models and scripts run`,
    { skip: missingRuntimes.length > 0 && `${missingRuntimes.join(', ')} not installed` },
    async (t) => {
      const folder = newFolder(t);
      write(folder);
      for (const round of ['as it came', 'as it was rewritten']) {
        const server = await startJournal(t, folder, '--aof-use-rdb-preamble', 'no');
        const connection = await server.raw();
        t.comment(round);
        await checkStored(t, connection);
        await checkRuns(t, connection);
        await connection.request('BGREWRITEAOF');
        await waitUntil(
          'the rewrite',
          async () => (await fact(connection, 'aof_rewrite_in_progress')) === '0',
        );
        await connection.request('WAITAOF', 1, 0, 0);
        connection.close();
        await kill(server);
      }
    },
  );
}

t.test('a script is the same in all its forms', async (t) => {
  for (const words of scripts) {
    const folder = newFolder(t);
    writeFileSync(join(folder, 'appendonly.aof'), bytesOf([words]));
    const server = await startJournalIn(t, bare, folder);
    t.strictSame(await server.request('AI.SCRIPTGET', 'script'), [
      ...['device', 'CPU', 'tag', 'three', 'Entry Points', []],
      ...['source', source],
    ]);
    await kill(server);
  }
});

t.test('words that are none answer errors, which the log counts', async (t) => {
  const folder = newFolder(t);
  const bad: Words[] = [
    ['AI.MODELSTORE', 'm', 'ONNX', 'CPU', 'BLOB'],
    ['AI.MODELSTORE', 'm', 'CAFFE', 'CPU', 'BLOB', 'x'],
    ['AI.MODELSTORE', 'm', 'ONNX', 'TPU', 'BLOB', 'x'],
    ['AI.MODELSTORE', 'm', 'ONNX', 'CPU', 'TAG', 't', 'BATCHSIZE', 'x', 'BLOB', 'x'],
    ['AI.MODELSTORE', 'm', 'TF', 'CPU', 'INPUTS', '1', 'a', 'OUTPUTS', '1', 'b'],
    ['AI.SCRIPTSTORE', 's', 'CPU'],
    ['AI.SCRIPTSTORE', 's', 'CPU', 'ENTRY_POINTS', 'x', 'a', 'SOURCE', 'b'],
    ['AI.SCRIPTSTORE', 's', 'CPU', 'ENTRY_POINTS', '9', 'a', 'SOURCE', 'b'],
    ['AI.SCRIPTSET', 's', 'CPU', 'SOURCE', 'a', 'b'],
    ['AI.SCRIPTSET', 's', 'TPU', 'SOURCE', 'a'],
    ['SET', 'text', 'v'],
    ['AI.SCRIPTSET', 'text', 'CPU', 'SOURCE', 'a'],
  ];
  writeFileSync(join(folder, 'appendonly.aof'), bytesOf(bad));
  const server = await startJournalIn(t, bare, folder);
  t.match(server.log(), /11 commands of .* answered errors; the first: ERR /);
  t.strictSame(await server.request('KEYS', '*'), ['text']);
  await kill(server);
});

t.test('a run that is written as such is refused', async (t) => {
  const folder = newFolder(t);
  const words = ['AI.MODELRUN', 'stored', 'INPUTS', 'blob', 'OUTPUTS', 'y', 'z'];
  const before = bytesOf(sent);
  writeFileSync(join(folder, 'appendonly.aof'), Buffer.concat([before, request(...words)]));
  t.match(
    await startRefusal(t, folder),
    new RegExp(`at offset ${before.length}: the command ai.modelrun cannot be read from a file`),
  );
});
