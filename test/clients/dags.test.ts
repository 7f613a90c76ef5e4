// AI.DAGEXECUTE and its like (compat.md 1.5) in bytes: each refusal and reply, and what goes on beside them.

import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { makeModels, missingModelMakers } from '../helpers/models.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { framed, type StartedServer, startServer } from '../helpers/server.ts';
import { encodeLine } from '../oracle/notation.ts';
import { givenData, outOfMemory } from './ai-error-rows.ts';
import { dagReplies, dagRows, dagRunReplies, dagRunRows } from './dag-rows.ts';
import { prepare, refuses } from './refusals.ts';
import { SOURCE } from './script-error-rows.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
/** The bound of every wait for something to be seen; reached only where it never is. */
const SEEN_MS_MAX = 20_000;

/** Asks until `isSeen` says yes. @returns The answer it said yes to. */
async function poll<T>(ask: () => Promise<T>, isSeen: (answer: T) => boolean): Promise<T> {
  const end = Date.now() + SEEN_MS_MAX;
  for (;;) {
    const answer = await ask();
    if (isSeen(answer)) return answer;
    if (Date.now() > end) throw new Error(`not seen; the last answer was ${String(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function field(client: RawClient, section: string, name: string): Promise<number> {
  const info = await client.call('INFO', section);
  return Number(new RegExp(`\r\n${name}:(\\d+)`).exec(info)?.[1]);
}

const usedMemory = (client: RawClient) => field(client, 'memory', 'used_memory');

async function open(t: Test, server: StartedServer): Promise<RawClient> {
  const client = await RawClient.connect(server.port);
  t.teardown(() => client.close());
  return client;
}

async function ask(client: RawClient, line: string): Promise<string> {
  client.send(encodeLine(line));
  return client.reply();
}

t.test('DAGs without models', async (t) => {
  const server = await startServer(['--io-threads', '2']);
  t.teardown(() => server.stop());
  const client = await open(t, server);
  await prepare(client, givenData);

  await t.test('are refused', (t) => refuses(t, client, dagRows));

  await t.test('answer in RESP2', async (t) => {
    for (const [line, wanted] of dagReplies) t.equal(await ask(client, line), wanted, line);
  });

  await t.test('answer in RESP3', async (t) => {
    const client = await open(t, server);
    await client.call('HELLO', 3);
    for (const [line, resp2, resp3] of dagReplies)
      t.equal(await ask(client, line), resp3 ?? resp2, line);
  });

  await t.test('are refused at EXEC', async (t) => {
    const lines = ['AI.DAGEXECUTE', 'AI.DAGRUN', 'AI.DAGEXECUTE_RO', 'AI.DAGRUN_RO'].map(
      (name) => `${name} LOAD 1 t |> AI.TENSORGET t`,
    );
    client.send(encodeLine(['MULTI', ...lines, 'EXEC'].join(' ; ')));
    for (let i = 0; i < 5; i++) await client.reply();
    const refused = '-ERR Cannot run RedisAI command within a transaction or a LUA script\r\n';
    t.equal(await client.reply(), `*4\r\n${refused.repeat(4)}`);
  });

  await t.test('take names of any length and operations without number', async (t) => {
    const longName = 'n'.repeat(100 * KiB);
    t.equal(
      await client.call(
        ...['AI.DAGRUN', '|>', 'AI.TENSORSET', longName, 'INT8', '1', 'VALUES', '3'],
        ...['|>', 'AI.TENSORGET', longName, 'VALUES'],
      ),
      '*2\r\n+OK\r\n*1\r\n:3\r\n',
    );
    const operationCount = 20_000;
    const words = ['AI.DAGRUN'];
    for (let i = 0; i < operationCount; i += 2) {
      words.push('|>', 'AI.TENSORSET', `${i % 7}`, 'INT32', '1', 'VALUES', `${i}`);
      words.push('|>', 'AI.TENSORGET', `${i % 7}`, 'VALUES');
    }
    client.send(framed(words));
    const reply = await client.reply();
    t.match(reply, /^\*20000\r\n\+OK\r\n\*1\r\n:0\r\n\+OK\r\n\*1\r\n:2\r\n/);
    t.ok(reply.endsWith('+OK\r\n*1\r\n:19998\r\n'));
  });

  await t.test('keep a blob as it came and answer it from there', async (t) => {
    const blob = Buffer.alloc(64 * MiB, 'b');
    const connection = await server.raw();
    t.teardown(() => connection.close());
    const peak = () => field(client, 'memory', 'used_memory_peak');
    const before = await usedMemory(client);
    t.strictSame(
      await connection.request(
        ...['AI.DAGEXECUTE', 'PERSIST', 1, 'kept', '|>'],
        ...['AI.TENSORSET', 'kept', 'INT8', blob.length, 'BLOB', blob],
      ),
      ['OK'],
    );
    t.ok((await peak()) < before + 1.25 * blob.length, 'the memory of one blob is all it took');
    const reply = await connection.request(
      ...['AI.DAGEXECUTE', 'LOAD', 1, 'kept', '|>', 'AI.TENSORGET', 'kept', 'BLOB'],
    );
    t.ok(Array.isArray(reply) && reply[0] === blob.toString(), 'it comes back');
    t.ok((await peak()) < before + 1.25 * blob.length, 'and its reply took no other');
    await client.call('DEL', 'kept');
    await poll(
      () => usedMemory(client),
      (used) => used < before + MiB,
    );
  });

  await t.test('pass on what passes maxmemory', async (t) => {
    const used = await usedMemory(client);
    t.equal(await client.call('CONFIG', 'SET', 'maxmemory', used + 4 * MiB), '+OK\r\n');
    t.equal(
      await ask(client, `AI.DAGRUN |> AI.TENSORSET a INT8 1 |> AI.TENSORSET b INT8 ${64 * MiB}`),
      `-${outOfMemory}\r\n`,
    );
    t.equal(await client.call('CONFIG', 'SET', 'maxmemory', '1'), '+OK\r\n');
    t.equal(await ask(client, 'AI.DAGRUN |> AI.TENSORSET a INT8 1'), `-${outOfMemory}\r\n`);
    t.equal(await client.call('CONFIG', 'SET', 'maxmemory', '0'), '+OK\r\n');
  });

  await t.test('keep their place among other replies, also muted ones', async (t) => {
    client.send(
      encodeLine(
        'PING a ; AI.DAGRUN |> AI.TENSORSET a INT8 1 ; PING b ; CLIENT REPLY SKIP ; AI.DAGEXECUTE LOAD 1 t |> AI.TENSORGET t BLOB ; PING c',
      ),
    );
    t.equal(await client.reply(), '$1\r\na\r\n');
    t.equal(await client.reply(), '*1\r\n+OK\r\n');
    t.equal(await client.reply(), '$1\r\nb\r\n');
    t.equal(await client.reply(), '$1\r\nc\r\n');
  });
});

/** `slow` takes its time, most of a second; `few` adds two tensors. */
const SLOW_SOURCE = String.raw`"def slow(a):\n    b = torch.ones([200, 200])\n    for i in range(600):\n        b = torch.matmul(b, b) * 0.0001\n    return a + 0 * b.sum()\ndef few(a, b):\n    return a + b\n"`;

/** With one thread an operator, which is what it takes on a busy machine: two wait for each other. */
const serverArgs = ['--io-threads', '2', '--loadmodule', 'redisai.so', 'INTRA_OP_PARALLELISM', '1'];

t.test('DAGs with models and scripts', { skip: missingModelMakers() }, async (t) => {
  const models = await makeModels();
  t.teardown(() => models.remove());
  const server = await startServer(serverArgs);
  t.teardown(() => server.stop());
  const client = await open(t, server);
  const mlp = models.model('TORCH', 'mlp-30-128-128-2');
  const blobs = new Map([
    ['torch', readFileSync(mlp.file)],
    ['onnx', readFileSync(models.model('ONNX', 'mlp-30-128-128-2').file)],
    ['two', readFileSync(models.model('TORCH', 'two-in-two-out').file)],
    ['fits', readFileSync(mlp.inputs[0]?.file ?? '')],
  ]);
  await prepare(
    client,
    [
      ...givenData,
      `AI.TENSORSET fits FLOAT ${mlp.inputs[0]?.dims.join(' ')} BLOB <fits>`,
      'AI.TENSORSET wide FLOAT 3 7',
      'AI.MODELSTORE torch TORCH CPU BLOB <torch>',
      'AI.MODELSTORE onnx ONNX CPU BLOB <onnx>',
      'AI.MODELSTORE two TORCH CPU BLOB <two>',
      `AI.SCRIPTSTORE s CPU ENTRY_POINTS 2 entry raising SOURCE ${SOURCE}`,
      `AI.SCRIPTSET slow CPU SOURCE ${SLOW_SOURCE}`,
      `AI.SCRIPTSET slow1 cpu:1 SOURCE ${SLOW_SOURCE}`,
    ],
    blobs,
  );

  await t.test('are refused', (t) => refuses(t, client, dagRunRows, blobs));

  await t.test('answer what became of each operation', async (t) => {
    for (const [line, wanted] of dagRunReplies) {
      const reply = await ask(client, line);
      t.ok(wanted.test(reply), line, { reply, wanted });
      t.equal(
        await client.call('EXISTS', 'o', 'p', 'a', 'b', 'c', 'd'),
        ':0\r\n',
        `${line}: and nothing is left`,
      );
    }
    t.equal(await client.call('GET', 'string'), '$1\r\nx\r\n');
  });

  await t.test('give what the operations give one by one', async (t) => {
    // All but those whose answer depends on the runs before.
    const stateless = models.models.filter(
      ({ name }) => !['counter', 'keeps', 'external'].includes(name),
    );
    for (const model of stateless) {
      const inputs = model.inputs.map((_, i) => `in${i}`);
      const outputs = model.outputs.map((_, i) => `out${i}`);
      const stored = await client.call(
        ...['AI.MODELSTORE', 'm', model.backend, 'CPU', 'BLOB', readFileSync(model.file)],
      );
      t.equal(stored, '+OK\r\n', model.name);
      const run = [
        'AI.MODELEXECUTE',
        'm',
        'INPUTS',
        inputs.length,
        ...inputs,
        'OUTPUTS',
        outputs.length,
        ...outputs,
      ];
      const sets = model.inputs.map(({ dtype, dims, file }, i) => [
        ...['AI.TENSORSET', inputs[i]!, dtype, ...dims, 'BLOB', readFileSync(file)],
      ]);
      for (const set of sets) await client.call(...set);
      t.equal(await client.call(...run), '+OK\r\n', model.name);
      const wanted = [];
      for (const output of outputs) wanted.push(await client.call('AI.TENSORGET', output));
      await client.call('DEL', ...inputs, ...outputs);
      const reply = await client.call(
        ...['AI.DAGEXECUTE', 'PERSIST', 1, 'out0'],
        ...sets.flatMap((set) => ['|>', ...set]),
        ...['|>', ...run],
        ...outputs.flatMap((output) => ['|>', 'AI.TENSORGET', output]),
      );
      const oks = '+OK\r\n'.repeat(sets.length + 1);
      t.equal(
        reply,
        `*${sets.length + 1 + outputs.length}\r\n${oks}${wanted.join('')}`,
        `${model.backend} ${model.name}`,
      );
      t.equal(await client.call('AI.TENSORGET', 'out0'), wanted[0]);
      t.equal(await client.call('EXISTS', ...inputs, ...outputs.slice(1), 'never'), ':0\r\n');
    }
    await client.call('DEL', 'm', 'out0');
  });

  const duration = async (key: string) =>
    Number(/duration\r\n:(\d+)/.exec(await client.call('AI.INFO', key))?.[1]) / 1000;
  const calls = async (client: RawClient, key: string) =>
    Number(/calls\r\n:(\d+)/.exec(await client.call('AI.INFO', key))?.[1]);

  /** Sends a command that waits. When this answers it is under way: the reply to what came before it has been sent after it. */
  const begin = async (client: RawClient, line: string) => {
    client.send(encodeLine(`PING ; ${line}`));
    const reply = await client.reply();
    if (reply !== '+PONG\r\n') throw new Error(`not the reply of PING: ${reply}`);
  };

  await t.test('run at the same time what is on different devices', async (t) => {
    const measure = async (line: string, oks: number) => {
      for (const key of ['slow', 'slow1']) await client.call('AI.INFO', key, 'RESETSTAT');
      const start = performance.now();
      t.equal(await ask(client, line), `*${oks}\r\n${'+OK\r\n'.repeat(oks)}`, line);
      return performance.now() - start;
    };
    const run = (key: string, output: string) =>
      `|> AI.SCRIPTEXECUTE ${key} slow INPUTS 1 t OUTPUTS 1 ${output}`;
    const apart = await measure(
      `AI.DAGEXECUTE LOAD 1 t ${run('slow', 'a')} ${run('slow1', 'b')}`,
      2,
    );
    const both = (await duration('slow')) + (await duration('slow1'));
    t.ok(apart < both, 'two branches took less time than their runs', { apart, both });
    const inTurn = await measure(
      `AI.DAGEXECUTE LOAD 1 t ${run('slow', 'a')} ${run('slow', 'b')}`,
      2,
    );
    t.ok(inTurn >= (await duration('slow')), 'and on one device no less', { inTurn });
    const inChain = await measure(
      `AI.DAGEXECUTE LOAD 1 t ${run('slow', 't')} ${run('slow1', 't')}`,
      2,
    );
    const chained = (await duration('slow')) + (await duration('slow1'));
    t.ok(inChain >= chained, 'nor where one needs the other', { inChain, chained });
  });

  await t.test('end as TIMEDOUT as a whole', async (t) => {
    const other = await open(t, server);
    await begin(other, 'AI.SCRIPTRUN slow slow INPUTS t OUTPUTS x');
    t.equal(
      await ask(
        client,
        'AI.DAGEXECUTE TIMEOUT 1 LOAD 1 t PERSIST 2 o p |> AI.TENSORSET p INT8 1 |> AI.SCRIPTEXECUTE slow few INPUTS 2 t t OUTPUTS 1 o |> AI.TENSORGET p',
      ),
      '+TIMEDOUT\r\n',
      'behind the run of another',
    );
    t.equal(await other.reply(), '+OK\r\n');
    t.equal(
      await ask(
        client,
        'AI.DAGEXECUTE LOAD 1 t PERSIST 1 o TIMEOUT 50 |> AI.SCRIPTEXECUTE slow slow INPUTS 1 t OUTPUTS 1 o |> AI.SCRIPTEXECUTE slow few INPUTS 2 o t OUTPUTS 1 o',
      ),
      '+TIMEDOUT\r\n',
      'the second run counts from the start of the first',
    );
    t.equal(await client.call('EXISTS', 'o', 'p'), ':0\r\n');
    t.equal(
      await ask(
        client,
        'AI.DAGEXECUTE LOAD 1 t TIMEOUT 60000 |> AI.SCRIPTEXECUTE slow slow INPUTS 1 t OUTPUTS 1 o |> AI.SCRIPTEXECUTE slow few INPUTS 2 o t OUTPUTS 1 o',
      ),
      '*2\r\n+OK\r\n+OK\r\n',
    );
    await client.call('DEL', 'x');
  });

  await t.test('are carried out for a client that has left', async (t) => {
    const gone = await RawClient.connect(server.port);
    await begin(
      gone,
      'AI.DAGEXECUTE LOAD 1 t PERSIST 1 o |> AI.SCRIPTEXECUTE slow slow INPUTS 1 t OUTPUTS 1 a |> AI.SCRIPTEXECUTE slow1 few INPUTS 2 a a OUTPUTS 1 o |> AI.TENSORGET o',
    );
    gone.close();
    await poll(
      () => client.call('EXISTS', 'o'),
      (reply) => reply === ':1\r\n',
    );
    t.equal(await ask(client, 'AI.TENSORGET o VALUES'), '*2\r\n$1\r\n2\r\n$1\r\n4\r\n');
    await client.call('DEL', 'o');
  });

  await t.test(
    'keep what they have resolved while it is deleted, replaced or renamed',
    async (t) => {
      await prepare(
        client,
        ['AI.MODELSTORE m TORCH CPU BLOB <torch>', 'AI.TENSORSET in FLOAT 2 VALUES 1 2'],
        blobs,
      );
      const waiting = await open(t, server);
      const before = await calls(client, 'slow');
      await begin(
        waiting,
        'AI.DAGEXECUTE LOAD 2 in fits |> AI.SCRIPTEXECUTE slow slow INPUTS 1 in OUTPUTS 1 x |> AI.SCRIPTEXECUTE slow slow INPUTS 1 x OUTPUTS 1 x |> AI.SCRIPTEXECUTE slow slow INPUTS 1 x OUTPUTS 1 x |> AI.MODELEXECUTE m INPUTS 1 fits OUTPUTS 1 y |> AI.SCRIPTEXECUTE s few INPUTS 2 x in OUTPUTS 1 x |> AI.TENSORGET y META |> AI.TENSORGET x VALUES',
      );
      t.equal(await client.call('AI.MODELDEL', 'm'), '+OK\r\n');
      t.equal(await client.call('RENAME', 's', 's2'), '+OK\r\n');
      t.equal(
        await ask(client, `AI.SCRIPTSET s CPU SOURCE "def few(a, b):\\n    return a - b"`),
        '+OK\r\n',
      );
      t.equal(await ask(client, 'AI.TENSORSET in FLOAT 2 VALUES 5 5'), '+OK\r\n');
      t.ok((await calls(client, 'slow')) < before + 3, 'while its first operations ran');
      t.match(
        await waiting.reply(),
        /^\*7\r\n(?:\+OK\r\n){5}\*4\r\n.*\r\n\*2\r\n\$1\r\n2\r\n\$1\r\n4\r\n$/s,
      );
      await client.call('DEL', 's', 'in');
      await client.call('RENAME', 's2', 's');
    },
  );

  // Batched models on two devices in one DAG stopped RedisAI for good.
  await t.test('go on by hundreds at once, beside single runs, in batches', async (t) => {
    await prepare(
      client,
      [
        'AI.MODELSTORE batched TORCH CPU BATCHSIZE 64 BLOB <torch>',
        'AI.MODELSTORE batched1 ONNX CPU:1 BATCHSIZE 64 BLOB <onnx>',
      ],
      blobs,
    );
    const clients = await Promise.all(
      Array.from({ length: 300 }, () => RawClient.connect(server.port)),
    );
    t.teardown(() => {
      for (const client of clients) client.close();
    });
    const answer = (value: number) => `*1\r\n$${`${value}`.length}\r\n${value}\r\n`;
    const wrong: string[] = [];
    await Promise.all(
      clients.map(async (client, i) => {
        const key = `{${i}}`;
        for (let round = 0; round < 5; round++) {
          const sum = i + 1000 * round;
          const single = `AI.MODELEXECUTE batched${i % 2 ? '1' : ''} INPUTS 1 fits OUTPUTS 1 ${key}`;
          const [line, wanted] =
            i % 3 === 0
              ? [single, '+OK\r\n']
              : [
                  [
                    `AI.DAGEXECUTE LOAD 1 fits PERSIST 1 ${key} `,
                    `AI.TENSORSET a FLOAT 1 VALUES ${i} `,
                    `AI.TENSORSET b FLOAT 1 VALUES ${1000 * round} `,
                    `AI.SCRIPTEXECUTE slow1 few INPUTS 2 a b OUTPUTS 1 ${key} `,
                    'AI.MODELEXECUTE batched INPUTS 1 fits OUTPUTS 1 y ',
                    'AI.MODELEXECUTE batched1 INPUTS 1 fits OUTPUTS 1 z ',
                    `AI.SCRIPTEXECUTE s few INPUTS 2 ${key} a OUTPUTS 1 a `,
                    'AI.TENSORGET a VALUES ',
                    `AI.TENSORGET ${key} VALUES`,
                  ].join('|> '),
                  `*8\r\n${'+OK\r\n'.repeat(6)}${answer(sum + i)}${answer(sum)}`,
                ];
          const reply = await ask(client, line);
          if (reply !== wanted) wrong.push(`${line}: ${reply}`);
        }
      }),
    );
    t.strictSame(wrong, []);
    for (let i = 0; i < 300; i++) await client.call('DEL', `{${i}}`);
  });

  await t.test('go on where their scripts call the server', async (t) => {
    const source = String.raw`"def count(tensors: List[Tensor], keys: List[str], args: List[str]):\n    redis.execute('RPUSH', keys[0], 'x')\n    return redisAI.model_execute(args[0], tensors, 1)[0]\n"`;
    for (const [key, device] of [
      ['counter', 'CPU'],
      ['counter1', 'CPU:1'],
    ])
      await prepare(client, [
        `AI.SCRIPTSTORE ${key} ${device} ENTRY_POINTS 1 count SOURCE ${source}`,
      ]);
    const clients = await Promise.all(Array.from({ length: 20 }, () => open(t, server)));
    const run = (key: string, model: string, output: string) =>
      `|> AI.SCRIPTEXECUTE ${key} count KEYS 1 counted INPUTS 1 fits ARGS 1 ${model} OUTPUTS 1 ${output}`;
    const line = `AI.DAGEXECUTE LOAD 1 fits ${run('counter', 'torch', 'a')} ${run('counter1', 'onnx', 'b')} ${run('counter', 'onnx', 'c')}`;
    const replies = await Promise.all(
      clients.map(async (client) => [await ask(client, line), await ask(client, line)]),
    );
    t.strictSame([...new Set(replies.flat())], ['*3\r\n+OK\r\n+OK\r\n+OK\r\n']);
    t.equal(await client.call('LLEN', 'counted'), ':120\r\n');
    await client.call('DEL', 'counted');
  });

  await t.test('give all memory back', async (t) => {
    const rounds = 3000;
    const pieces = [
      encodeLine(
        'AI.DAGEXECUTE LOAD 1 fits PERSIST 1 o |> AI.MODELEXECUTE torch INPUTS 1 fits OUTPUTS 1 o |> AI.SCRIPTEXECUTE slow1 few INPUTS 2 o o OUTPUTS 1 o |> AI.TENSORGET o',
      ),
      encodeLine(
        'AI.DAGEXECUTE LOAD 1 t PERSIST 1 o |> AI.SCRIPTEXECUTE s raising INPUTS 1 t OUTPUTS 1 o |> AI.TENSORGET t',
      ),
      encodeLine('AI.DAGEXECUTE LOAD 1 t |> AI.TENSORSET a NOPE 1'),
    ];
    const blob = Buffer.alloc(64 * KiB);
    const large = framed([
      ...['AI.DAGRUN', '|>', 'AI.TENSORSET', 'a', 'INT8', blob.length, 'BLOB', blob],
      ...'|> AI.SCRIPTRUN s few INPUTS a a OUTPUTS b |> AI.TENSORGET b BLOB'.split(' '),
    ]);
    const work = async (count: number) => {
      const client = await RawClient.connect(server.port);
      for (let i = 0; i < count; i++) {
        client.send(Buffer.concat(pieces));
        for (const _ of pieces) await client.reply();
        if (i % 10 !== 0) continue;
        client.send(large);
        await client.reply();
        // Another one leaves before it is answered.
        const gone = await RawClient.connect(server.port);
        gone.send(large);
        gone.send(Buffer.concat(pieces));
        gone.close();
      }
      client.close();
    };
    await work(200);
    const clientCount = () =>
      client.call('CLIENT', 'LIST').then((list) => list.split(' fd=').length - 1);
    await poll(clientCount, (count) => count <= 2);
    const before = await usedMemory(client);
    await work(rounds / 2);
    await Promise.all([work(rounds / 4), work(rounds / 4)]);
    await poll(clientCount, (count) => count <= 2);
    await poll(
      () => usedMemory(client),
      (used) => used < before + 128 * KiB,
    );
    t.pass('used_memory is what it was');
    await client.call('DEL', 'o');
  });

  await t.test('do not keep a server from ending', async (t) => {
    const ending = await startServer(serverArgs);
    const client = await open(t, ending);
    await prepare(client, [
      `AI.SCRIPTSET slow CPU SOURCE ${SLOW_SOURCE}`,
      'AI.TENSORSET t FLOAT 2 VALUES 1 2',
    ]);
    const slow = '|> AI.SCRIPTRUN slow slow INPUTS t OUTPUTS t';
    client.send(encodeLine(`AI.DAGRUN LOAD 1 t ${Array(100).fill(slow).join(' ')}`));
    const other = await open(t, ending);
    await poll(
      () => calls(other, 'slow'),
      (count) => count > 0,
    );
    const start = performance.now();
    await ending.stop();
    const ms = performance.now() - start;
    t.ok(ms < 5000, 'it has not waited for the DAG', { ms });
  });
});
