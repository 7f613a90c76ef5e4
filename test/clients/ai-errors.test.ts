// Every refusal of compat.md sections 1.1 to 1.4, 1.6 and 1.9, sent in bytes. After each one a PING on
// the same connection must be answered PONG: one error, and the stream goes on.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { makeModels, missingModelMakers, type TestModel } from '../helpers/models.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startServer } from '../helpers/server.ts';
import { encodeLine, splitWords } from '../oracle/notation.ts';
import {
  givenData,
  infoRows,
  modelRunRows,
  modelStoreRows,
  noTensor,
  outOfMemory,
  tensorRows,
  wrongArity,
} from './ai-error-rows.ts';
import { encode, prepare, refuses } from './refusals.ts';
import { SOURCE, scriptRows } from './script-error-rows.ts';

t.test('without models', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const client = await RawClient.connect(server.port);
  t.teardown(() => client.close());
  await prepare(client, givenData);

  await t.test('AI.TENSORSET and AI.TENSORGET refuse', (t) => refuses(t, client, tensorRows));
  await t.test('AI.MODELSTORE and its like refuse', (t) => refuses(t, client, modelStoreRows));
  await t.test('AI.INFO and AI.CONFIG refuse', (t) => refuses(t, client, infoRows));

  await t.test('scalars, empty strings and zeros are no errors', async (t) => {
    for (const [command, get, wanted] of [
      [
        'AI.TENSORSET x FLOAT VALUES 1.5',
        'AI.TENSORGET x META VALUES',
        '*6\r\n$5\r\ndtype\r\n$5\r\nFLOAT\r\n$5\r\nshape\r\n*0\r\n$6\r\nvalues\r\n*1\r\n$3\r\n1.5\r\n',
      ],
      ['AI.TENSORSET x INT8 BLOB a', 'AI.TENSORGET x VALUES', '*1\r\n:97\r\n'],
      ['AI.TENSORSET x INT16 2', 'AI.TENSORGET x VALUES', '*2\r\n:0\r\n:0\r\n'],
      ['AI.TENSORSET x STRING 2', 'AI.TENSORGET x VALUES', '*2\r\n$0\r\n\r\n$0\r\n\r\n'],
      ['AI.TENSORSET x STRING 2 VALUES "" b', 'AI.TENSORGET x BLOB', '$3\r\n\x00b\x00\r\n'],
      ['AI.TENSORSET x BOOL 3 VALUES 1 0 1', 'AI.TENSORGET x VALUES', '*3\r\n:1\r\n:0\r\n:1\r\n'],
      ['AI.TENSORSET x INT8 2 VALUES -128 127', 'AI.TENSORGET x VALUES', '*2\r\n:-128\r\n:127\r\n'],
      ['AI.TENSORSET x UINT16 2 VALUES 0 65535', 'AI.TENSORGET x VALUES', '*2\r\n:0\r\n:65535\r\n'],
      [
        'ai.tensorset x float 2 values 1.1 -0',
        'ai.tensorget x values',
        '*2\r\n$17\r\n1.100000023841858\r\n$2\r\n-0\r\n',
      ],
      [
        'AI.TENSORSET x DOUBLE 3 VALUES 0.1 inf -inf',
        'AI.TENSORGET x VALUES',
        '*3\r\n$3\r\n0.1\r\n$3\r\ninf\r\n$4\r\n-inf\r\n',
      ],
      [
        'AI.TENSORSET x FLOAT 1 BLOB "\\x00\\x00\\xc0\\x7f"',
        'AI.TENSORGET x VALUES',
        '*1\r\n$3\r\nnan\r\n',
      ],
      [
        'AI.TENSORSET x INT8 1 BLOB a',
        'AI.TENSORGET x BLOB META',
        '*6\r\n$5\r\ndtype\r\n$4\r\nINT8\r\n$5\r\nshape\r\n*1\r\n:1\r\n$4\r\nblob\r\n$1\r\na\r\n',
      ],
      [
        'AI.TENSORSET x INT8 1 BLOB a',
        'AI.TENSORGET x',
        '*6\r\n$5\r\ndtype\r\n$4\r\nINT8\r\n$5\r\nshape\r\n*1\r\n:1\r\n$4\r\nblob\r\n$1\r\na\r\n',
      ],
    ] as const) {
      client.send(encodeLine(command));
      t.equal(await client.reply(), '+OK\r\n', command);
      client.send(encodeLine(get));
      t.equal(await client.reply(), wanted, `${command}: ${get}`);
    }
  });

  await t.test('AI.CONFIG answers what was set', async (t) => {
    t.equal(await client.call('AI.CONFIG', 'GET', 'MODEL_CHUNK_SIZE'), ':535822336\r\n');
    t.equal(await client.call('AI.CONFIG', 'GET', 'NOPE'), '$-1\r\n');
    t.equal(await client.call('AI.CONFIG', 'MODEL_CHUNK_SIZE', '1000'), '+OK\r\n');
    t.equal(await client.call('ai.config', 'get', 'model_chunk_size'), ':1000\r\n');
    t.equal(await client.call('AI.CONFIG', 'BACKENDSPATH', '/nowhere'), '+OK\r\n');
    t.equal(await client.call('AI.CONFIG', 'GET', 'BACKENDSPATH'), '$8\r\n/nowhere\r\n');
    const loaded = await client.call('AI.CONFIG', 'LOADBACKEND', 'TORCH', '/etc/passwd');
    t.ok(
      ['+OK\r\n', '-ERR error loading backend\r\n'].includes(loaded),
      'LOADBACKEND never opens what a client names',
      { loaded },
    );
  });

  await t.test('what has not even a key is refused in a transaction too', async (t) => {
    const names = ['TENSORSET', 'TENSORGET', 'INFO'];
    for (const kind of ['MODEL', 'SCRIPT'])
      for (const verb of ['STORE', 'SET', 'GET', 'DEL', 'EXECUTE', 'RUN']) names.push(kind + verb);
    for (const verb of ['EXECUTE', 'EXECUTE_RO', 'RUN', 'RUN_RO']) names.push(`DAG${verb}`);
    const repeated = names.flatMap((name) => Array.from({ length: 8 }, () => `AI.${name}`));
    const transact = async (commands: readonly (readonly string[])[]) => {
      for (const words of [['MULTI'], ...commands]) await client.call(...words);
      return client.call('EXEC');
    };
    // Argument blocks of large keys lie where words of the next requests would.
    for (let round = 0; round < 3; round++) {
      const large = 'k'.repeat(33_000 + round);
      await transact(names.map(() => ['AI.TENSORGET', large, 'META']));
      const reply = await transact(repeated.map((name) => [name]));
      t.match(
        reply,
        new RegExp(`^\\*${repeated.length}\\r\\n(-[^\\r]+\\r\\n){${repeated.length}}$`),
      );
      t.equal(await client.call('PING'), '+PONG\r\n');
    }
  });

  await t.test('what would pass maxmemory is refused', async (t) => {
    t.equal(await client.call('CONFIG', 'SET', 'maxmemory', '1'), '+OK\r\n');
    await refuses(t, client, [
      ['AI.TENSORSET k FLOAT 2 VALUES 1 2', outOfMemory],
      ['AI.TENSORSET k FLOAT 2', outOfMemory],
      ['AI.MODELSTORE k TORCH CPU BLOB x', outOfMemory],
      ['AI.MODELSET k TORCH CPU BLOB x', outOfMemory],
      ['AI.SCRIPTSET k CPU SOURCE x', outOfMemory],
      ['AI.SCRIPTSTORE k CPU ENTRY_POINTS 1 f SOURCE x', outOfMemory],
      ['AI.MODELEXECUTE k INPUTS 1 t OUTPUTS 1 o', outOfMemory],
      ['AI.MODELRUN k INPUTS t OUTPUTS o', outOfMemory],
      ['AI.SCRIPTRUN k f INPUTS t OUTPUTS o', outOfMemory],
      ['AI.SCRIPTEXECUTE k f INPUTS 1 t OUTPUTS 1 o', outOfMemory],
      ['SET k v', outOfMemory],
    ]);
    t.equal(await client.call('CONFIG', 'SET', 'maxmemory', '0'), '+OK\r\n');
    t.equal(await client.call('AI.TENSORSET', 'x', 'FLOAT', '1'), '+OK\r\n');
  });

  await t.test('a tensor larger than what is left is refused, a smaller one taken', async (t) => {
    const mebibyte = Buffer.alloc(1024 * 1024);
    const info = await client.call('INFO', 'memory');
    const used = Number(/used_memory:(\d+)/.exec(info)?.[1]);
    t.equal(await client.call('CONFIG', 'SET', 'maxmemory', used + 4 * mebibyte.length), '+OK\r\n');
    t.equal(
      await client.call('AI.TENSORSET', 'x', 'INT8', mebibyte.length, 'BLOB', mebibyte),
      '+OK\r\n',
    );
    const large = Buffer.concat(Array.from({ length: 16 }, () => mebibyte));
    t.equal(
      await client.call('AI.TENSORSET', 'k', 'INT8', large.length, 'BLOB', large),
      `-${outOfMemory}\r\n`,
    );
    t.equal(await client.call('EXISTS', 'k'), ':0\r\n');
    t.equal(await client.call('CONFIG', 'SET', 'maxmemory', '0'), '+OK\r\n');
    t.equal(await client.call('AI.TENSORSET', 'x', 'INT8', large.length, 'BLOB', large), '+OK\r\n');
  });

  await t.test('inside MULTI', async (t) => {
    const replies = async (line: string) => {
      client.send(encodeLine(line));
      const all: string[] = [];
      for (let i = 0; i < line.split(' ; ').length; i++) all.push(await client.reply());
      return all.at(-1);
    };
    t.equal(
      await replies(
        'MULTI ; AI.TENSORSET x INT8 1 BLOB a ; AI.TENSORGET x BLOB ; AI.TENSORGET nope ; AI.TENSORSET x NOPE 1 ; EXEC',
      ),
      `*4\r\n+OK\r\n$1\r\na\r\n-${noTensor}\r\n-ERR invalid data type\r\n`,
    );
    t.equal(
      await replies('MULTI ; AI.TENSORSET ; EXEC'),
      `*1\r\n-${wrongArity('ai.tensorset')}\r\n`,
      'the core never counts',
    );
    t.equal(
      await replies('MULTI ; AI.CONFIG GET MODEL_CHUNK_SIZE ; AI.INFO nope ; AI._MODELSCAN ; EXEC'),
      '*3\r\n:1000\r\n-ERR cannot find run info for key\r\n*0\r\n',
    );
    const refused = '-ERR Cannot run RedisAI command within a transaction or a LUA script\r\n';
    t.equal(
      await replies(
        'MULTI ; AI.MODELEXECUTE m INPUTS 1 t OUTPUTS 1 o ; AI.MODELRUN m INPUTS t OUTPUTS o ; AI.SCRIPTRUN s f INPUTS t OUTPUTS o ; AI.SCRIPTEXECUTE s f INPUTS 1 t OUTPUTS 1 o ; EXEC',
      ),
      `*4\r\n${refused}${refused}${refused}${refused}`,
    );
    t.equal(
      await replies('WATCH x ; AI.TENSORSET x INT8 1 BLOB b ; MULTI ; PING ; EXEC'),
      '*-1\r\n',
      'a tensor set is a change',
    );
    t.equal(
      await replies('WATCH x ; AI.TENSORGET x ; MULTI ; PING ; EXEC'),
      '*1\r\n+PONG\r\n',
      'a tensor read is none',
    );
  });
});

t.test('with models and scripts', { skip: missingModelMakers() }, async (t) => {
  const models = await makeModels();
  t.teardown(() => models.remove());
  // One I/O thread and one run thread, so that what is sent first is queued first.
  const server = await startServer(['--io-threads', '1']);
  t.teardown(() => server.stop());
  const client = await RawClient.connect(server.port);
  t.teardown(() => client.close());

  const bytesOf = (model: TestModel) => readFileSync(model.file);
  const mlp = models.model('TORCH', 'mlp-30-128-128-2');
  const torch = bytesOf(mlp);
  const onnx = bytesOf(models.model('ONNX', 'mlp-30-128-128-2'));
  const blobs = new Map([
    ['torch', torch],
    ['onnx', onnx],
    ['two', bytesOf(models.model('TORCH', 'two-in-two-out'))],
    ['external', bytesOf(models.model('ONNX', 'external'))],
    ['half of torch', torch.subarray(0, torch.length / 2)],
    ['half of onnx', onnx.subarray(0, onnx.length / 2)],
    ['fits', readFileSync(mlp.inputs[0]?.file ?? '')],
  ]);
  await prepare(
    client,
    [
      ...givenData,
      `AI.TENSORSET fits FLOAT ${mlp.inputs[0]?.dims.join(' ')} BLOB <fits>`,
      'AI.TENSORSET wide FLOAT 3 7',
      'AI.TENSORSET doubles DOUBLE 8 30',
      'AI.TENSORSET sixteen UINT16 8 30',
      'AI.MODELSTORE torch TORCH CPU BLOB <torch>',
      'AI.MODELSTORE onnx ONNX CPU BLOB <onnx>',
      'AI.MODELSTORE two TORCH CPU BLOB <two>',
      `AI.SCRIPTSTORE s CPU ENTRY_POINTS 2 entry raising SOURCE ${SOURCE}`,
    ],
    blobs,
  );

  await t.test('models refuse', (t) => refuses(t, client, modelRunRows, blobs));
  await t.test('scripts refuse', (t) => refuses(t, client, scriptRows, blobs));

  await t.test('and run after all that', async (t) => {
    for (const command of [
      'AI.MODELEXECUTE torch INPUTS 1 fits OUTPUTS 1 x',
      'AI.MODELEXECUTE onnx INPUTS 1 fits OUTPUTS 1 x TIMEOUT 60000',
      'ai.modelexecute torch inputs 1 fits outputs 1 x timeout 60000',
      'AI.MODELRUN torch INPUTS fits OUTPUTS x',
      'AI.MODELRUN torch TIMEOUT 60000 INPUTS fits OUTPUTS x',
      'AI.SCRIPTEXECUTE s entry INPUTS 1 t OUTPUTS 1 x',
      'AI.SCRIPTEXECUTE s entry KEYS 1 q INPUTS 1 t ARGS 1 a OUTPUTS 1 x TIMEOUT 60000',
      'AI.SCRIPTRUN s few INPUTS t u OUTPUTS x',
      'AI.SCRIPTRUN s few INPUTS t u OUTPUTS x TIMEOUT 60000',
      'AI.MODELSTORE torch TORCH CPU:1 BATCHSIZE 3.00 MINBATCHSIZE 2 MINBATCHTIMEOUT 0 BLOB <torch>',
      'AI.MODELSTORE torch TORCH CPU BATCHSIZE 0 MINBATCHSIZE 0 MINBATCHTIMEOUT 0 BLOB <torch>',
      'AI.MODELSTORE torch TORCH CPU MINBATCHSIZE 0 BLOB <torch>',
      'AI.MODELSTORE torch TORCH CPU MINBATCHTIMEOUT 0 BLOB <torch>',
      'AI.MODELSET torch TORCH CPU TAG x whatever BLOB <torch>',
    ]) {
      client.send(encode(command, blobs));
      t.equal(await client.reply(), '+OK\r\n', command);
    }
  });

  await t.test('a model is described as it was stored', async (t) => {
    const [first = Buffer.alloc(0), second] = [onnx.subarray(0, 100), onnx.subarray(100)];
    t.equal(
      await client.call(
        'ai.modelstore',
        'd',
        'onnx',
        'cpu',
        'tag',
        'v',
        'batchsize',
        '4',
        'minbatchsize',
        '2',
        'minbatchtimeout',
        '7',
        'blob',
        first,
        second,
      ),
      '+OK\r\n',
      'a blob may come in chunks',
    );
    const fields = (pairs: readonly (readonly [string, string])[]) =>
      `*${2 * pairs.length}\r\n${pairs.map(([name, value]) => `$${name.length}\r\n${name}\r\n${value}`).join('')}`;
    t.equal(
      await client.call('AI.MODELGET', 'd', 'META'),
      fields([
        ['backend', '$4\r\nONNX\r\n'],
        ['device', '$3\r\ncpu\r\n'],
        ['tag', '$1\r\nv\r\n'],
        ['batchsize', ':4\r\n'],
        ['minbatchsize', ':2\r\n'],
        ['inputs', '*1\r\n$1\r\nx\r\n'],
        ['outputs', '*1\r\n$1\r\ny\r\n'],
        ['minbatchtimeout', ':7\r\n'],
      ]),
    );
    t.equal(
      await client.call('AI.MODELGET', 'd', 'BLOB'),
      `$${onnx.length}\r\n${onnx.toString('latin1')}\r\n`,
    );
    t.match(
      await client.call('AI.MODELGET', 'torch', 'META'),
      /inputs\r\n\*1\r\n\$1\r\nx\r\n\$7\r\noutputs\r\n\*1\r\n\$0\r\n\r\n/,
    );
    t.match(
      await client.call('AI.MODELGET', 'two', 'META'),
      /inputs\r\n\*2\r\n\$1\r\na\r\n\$1\r\nb\r\n\$7\r\noutputs\r\n\*2\r\n\$0\r\n\r\n\$0\r\n\r\n/,
    );
    t.equal(await client.call('TYPE', 'd'), '+AI__MODEL\r\n');
    t.equal(await client.call('TYPE', 's'), '+AI_SCRIPT\r\n');
    t.equal(await client.call('TYPE', 't'), '+AI_TENSOR\r\n');
  });

  await t.test('a pipeline of set, run and get reads the new tensor', async (t) => {
    client.send(
      encodeLine(
        'AI.TENSORSET p1 FLOAT 1 VALUES 5 ; AI.SCRIPTEXECUTE s entry INPUTS 1 p1 OUTPUTS 1 p2 ; AI.SCRIPTEXECUTE s entry INPUTS 1 p2 OUTPUTS 1 p2 ; AI.TENSORGET p2 VALUES',
      ),
    );
    const replies = [
      await client.reply(),
      await client.reply(),
      await client.reply(),
      await client.reply(),
    ];
    t.strictSame(replies, ['+OK\r\n', '+OK\r\n', '+OK\r\n', '*1\r\n$1\r\n7\r\n']);
  });

  await t.test('MODELSTORE inside MULTI stores, or answers its error in its place', async (t) => {
    client.send(
      Buffer.concat([
        encodeLine('MULTI'),
        encode('AI.MODELSTORE q1 TORCH CPU BLOB <torch>', blobs),
        encode('AI.MODELSTORE q2 TORCH CPU BLOB "no model"', blobs),
        encodeLine(`AI.SCRIPTSET q3 CPU SOURCE ${SOURCE}`),
        encodeLine('EXISTS q1 q2 q3 ; EXEC'),
      ]),
    );
    for (let i = 0; i < 5; i++) await client.reply();
    t.match(await client.reply(), /^\*4\r\n\+OK\r\n-[^\r]+\r\n\+OK\r\n:2\r\n$/);
  });

  await t.test(
    'a run whose wait is over before it begins answers TIMEDOUT and writes nothing',
    async (t) => {
      const slow = String.raw`"def slow(a):\n    x = torch.ones(700, 700)\n    for i in range(60):\n        x = torch.matmul(x, x) * 0.001\n    return x[0]\n"`;
      await prepare(client, [`AI.SCRIPTSET slow CPU SOURCE ${slow}`]);
      const busy = await RawClient.connect(server.port);
      t.teardown(() => busy.close());
      await busy.call('PING');
      busy.send(encodeLine('AI.SCRIPTRUN slow slow INPUTS t OUTPUTS slow-out'));
      // Reaches the same I/O thread later than the run above.
      t.equal(await client.call('PING'), '+PONG\r\n');
      client.send(encodeLine('AI.MODELEXECUTE torch INPUTS 1 fits OUTPUTS 1 o TIMEOUT 1'));
      t.equal(await client.reply(), '+TIMEDOUT\r\n');
      t.equal(await busy.reply(), '+OK\r\n');
      t.equal(await client.call('EXISTS', 'o'), ':0\r\n');
      client.send(encodeLine('AI.MODELEXECUTE torch INPUTS 1 fits OUTPUTS 1 o TIMEOUT 60000'));
      t.equal(await client.reply(), '+OK\r\n');
      t.equal(await client.call('DEL', 'o'), ':1\r\n');
    },
  );
});

t.test('the rows are told apart', async (t) => {
  const all = [...tensorRows, ...modelStoreRows, ...modelRunRows, ...scriptRows, ...infoRows].map(
    ([command]) => command,
  );
  t.strictSame(
    all.filter((command, i) => all.indexOf(command) !== i),
    [],
    'none stands twice',
  );
  t.ok(all.every((command) => command === '' || splitWords(command).length > 0));
});
