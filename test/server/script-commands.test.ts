// What scripts call: redis.execute, redis.asList and redisAI.model_execute (compat.md 1.8), their
// values, errors and refusals.

import t from 'tap';
import { makeModels, missingModelMakers } from '../helpers/models.ts';
import {
  blobOf,
  bytesOf,
  connect,
  executeWords,
  failure,
  field,
  run,
  type ScriptLists,
  start,
  store,
  storeModel,
  storeTensor,
  storeWords,
  values,
} from '../helpers/scripts.ts';
import type { Value } from '../helpers/server.ts';

const skip = missingModelMakers();
const asNumber = 'return torch.tensor(int(str(value)))';

t.test('the acceptance cases of compat.md 1.8', { skip }, async (t) => {
  const server = await start(t);
  const cases: [string, string[], ScriptLists, Value][] = [
    [
      'SET and GET',
      [
        'redis.execute("SET", keys[0], args[0])',
        'value = redis.execute("GET", keys[0])',
        'redis.execute("DEL", keys[0])',
        asNumber,
      ],
      { keys: ['k'], args: ['1'] },
      [1],
    ],
    [
      'SET and INCR',
      [
        'redis.execute("SET", keys[0], args[0])',
        'redis.execute("INCR", keys[0])',
        'value = redis.execute("GET", keys[0])',
        'redis.execute("DEL", keys[0])',
        asNumber,
      ],
      { keys: ['k'], args: ['1'] },
      [2],
    ],
    [
      'RPUSH and LRANGE',
      [
        'redis.execute("RPUSH", keys[0], args)',
        'values = redis.asList(redis.execute("LRANGE", keys[0], str(0), str(2)))',
        'redis.execute("DEL", keys[0])',
        'return torch.tensor([int(str(v)) for v in values])',
      ],
      { keys: ['k'], args: ['1', '20', '300'] },
      [1, 20, 300],
    ],
    [
      'HSET and HVALS',
      [
        'redis.execute("HSET", keys[0], args)',
        'values = redis.asList(redis.execute("HVALS", keys[0]))',
        'redis.execute("DEL", keys[0])',
        'return torch.tensor([int(str(v)) for v in values])',
      ],
      { keys: ['k'], args: ['field', '12'] },
      [12],
    ],
  ];
  for (const [title, lines, lists, wanted] of cases) {
    await t.test(title, async (t) => {
      t.equal(await run(server, lines, { ...lists, outputs: ['o'] }), 'OK');
      t.strictSame(await values(server, 'o'), wanted);
      t.equal(await server.request('EXISTS', 'k'), 0);
    });
  }
  await run(server, ['redis.execute("SET", ["x{1}", "1"])'], {});
  t.strictSame(await server.request('GET', 'x{1}'), '1', 'the client sees what the script wrote');
});

t.test('the namespaces in any letter case, and torch', { skip }, async (t) => {
  const server = await start(t, '--loglevel', 'debug');
  for (const [redis, redisAi] of [
    ['redis', 'redisAI'],
    ['Redis', 'RedisAI'],
    ['REDIS', 'REDISAI'],
    ['rEdIs', 'redisai'],
  ] as const) {
    await store(
      server,
      'script',
      `${redis}.execute("SET", "k", "${redisAi}")`,
      `if len(args) > 0:`,
      `    return ${redisAi}.model_execute(args[0], tensors, 1)[0]`,
      `l = ${redis}.asList(${redis}.execute("LRANGE", "none", "0", "-1"))`,
      `return torch.tensor([len(l)])`,
    );
    if (redis === 'redis') t.notMatch(server.log(), /script host/, 'compiling needs no host');
    t.equal(await server.request(...executeWords('script', { outputs: ['o'] })), 'OK');
    t.strictSame(await values(server, 'o'), [0]);
    t.equal(await server.request('GET', 'k'), redisAi);
  }
  t.equal(server.log().match(/the script host is ready/g)?.length, 1, 'one host is started');
  const client = await connect(t, server);
  const refusal = (line: string) => client.refusal(...storeWords('k', line));
  t.match(
    await refusal('return Torch.zeros(1)'),
    /^undefined value Torch/,
    'torch has one spelling',
  );
  t.match(await refusal('redis.nope("x")'), /redis::nope/);
});

t.test('replies come as values of their kind', { skip }, async (t) => {
  const server = await start(t);
  const isText = (value: string, text: string) =>
    `assert isinstance(${value}, str) and str(${value}) == "${text}"`;
  await run(
    server,
    [
      'a = redis.execute("SET", "k", "v")',
      isText('a', 'OK'),
      'b = redis.execute("GET", "k")',
      isText('b', 'v'),
      'c = redis.execute("EXISTS", "k")',
      'assert isinstance(c, int) and int(str(c)) == 1',
      'd = redis.execute("GET", "none")',
      'assert not isinstance(d, str) and not isinstance(d, int) and str(d) == "None"',
      'redis.execute("PEXPIREAT", "k", "4102444800123")',
      'e = redis.execute("PEXPIRETIME", "k")',
      'assert isinstance(e, int) and int(str(e)) == 4102444800123',
      'g = redis.execute("GET", "empty")',
      'redis.execute("SET", "empty", "")',
      'h = redis.execute("GET", "empty")',
      isText('h', ''),
      'i = redis.asList(redis.execute("LRANGE", "none", "0", "-1"))',
      'assert len(i) == 0',
    ],
    {},
  );

  await server.request('AI.TENSORSET', 't', 'INT64', 2, 2, 'VALUES', 1, 2, 3, '9007199254740993');
  await run(
    server,
    [
      'reply = redis.asList(redis.execute("AI.TENSORGET", "t", "META", "VALUES"))',
      'assert str(reply[0]) == "dtype" and str(reply[1]) == "INT64" and len(reply) == 6',
      'shape = redis.asList(reply[3])',
      'numbers = redis.asList(reply[5])',
      'assert len(shape) == 2 and len(numbers) == 4',
      'return torch.tensor([int(str(n)) for n in numbers] + [int(str(n)) for n in shape])',
    ],
    { outputs: ['o'] },
  );
  const blob = await blobOf(server, 'o');
  t.strictSame(
    Array.from({ length: 6 }, (_, i) => blob.readBigInt64LE(8 * i)),
    [1n, 2n, 3n, 9007199254740993n, 2n, 2n],
    'arrays in arrays, and integers of 64 bits',
  );
});

t.test('values of a large tensor', { skip }, async (t) => {
  const server = await start(t);
  const elements = Array.from({ length: 20_000 }, (_, i) => i - 7);
  await server.request('AI.TENSORSET', 't', 'INT64', elements.length, 'VALUES', ...elements);
  await run(
    server,
    [
      'numbers = redis.asList(redis.execute("AI.TENSORGET", "t", "VALUES"))',
      'return torch.tensor([int(str(n)) for n in numbers])',
    ],
    { outputs: ['o'] },
  );
  t.strictSame(await blobOf(server, 'o'), await blobOf(server, 't'));
});

t.test('integers of 64 bits', { skip }, async (t) => {
  const server = await start(t);
  await t.test('INCR', async (t) => {
    for (const n of [2n ** 31n, 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n, -(2n ** 63n) + 1n]) {
      await server.request('SET', 'n', String(n - 1n));
      await run(
        server,
        [
          'value = redis.execute("INCR", "n")',
          'assert isinstance(value, int)',
          'return torch.tensor([value])',
        ],
        { outputs: ['o'] },
      );
      t.equal((await blobOf(server, 'o')).readBigInt64LE(0), n);
    }
  });
});

t.test('bytes are kept as they are, in words and in replies', { skip }, async (t) => {
  const server = await start(t);
  const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  for (const bytes of [Buffer.from('a\0b\0'), Buffer.from('\r\n'), Buffer.alloc(0), every]) {
    await run(
      server,
      [
        'redis.execute("SET", keys[0], args[0])',
        'value = redis.execute("GET", keys[0])',
        'redis.execute("RPUSH", keys[1], [str(value), args[0]])',
        'elements = redis.asList(redis.execute("LRANGE", keys[1], "0", "-1"))',
        'redis.execute("SET", keys[0], str(elements[0]))',
        'redis.execute("DEL", keys[1])',
        'assert str(elements[0]) == args[0] and str(elements[1]) == args[0]',
      ],
      { keys: ['k', 'l'], args: [bytes] },
    );
    t.strictSame(await bytesOf(server, 'GET', 'k'), bytes, `${bytes.length} bytes`);
  }
});

t.test('tensors of every dtype pass through scripts and models', { skip }, async (t) => {
  const server = await start(t);
  for (const dtype of [
    ...['FLOAT', 'DOUBLE', 'INT8', 'INT16', 'INT32', 'INT64', 'UINT8', 'BOOL'],
  ]) {
    await server.request('AI.TENSORSET', 'in', dtype, 3, 'VALUES', 0, 1, 1);
    await run(
      server,
      [
        'meta = redis.asList(redis.execute("AI.TENSORGET", keys[0], "META"))',
        'blob = redis.execute("AI.TENSORGET", keys[0], "BLOB")',
        'redis.execute("AI.TENSORSET", keys[1], str(meta[1]), "3", "BLOB", str(blob))',
        'return tensors[0].flip(0)',
      ],
      { keys: ['in', 'copy'], inputs: ['in'], outputs: ['out'] },
    );
    t.strictSame(await values(server, 'copy'), await values(server, 'in'), dtype);
    t.equal(String(field(await server.request('AI.TENSORGET', 'out', 'META'), 'dtype')), dtype);
    const flipped = await values(server, 'out');
    t.strictSame(Array.isArray(flipped) && flipped.map(String).map(Number), [1, 1, 0]);
  }
  // What torch has no dtype for passes as bytes.
  for (const [dtype, ...elements] of [
    ['UINT16', 1, 65535],
    ['STRING', 'a', 'long text'],
  ] as const) {
    await server.request('AI.TENSORSET', 'in', dtype, 2, 'VALUES', ...elements);
    await run(
      server,
      [
        'blob = redis.execute("AI.TENSORGET", keys[0], "BLOB")',
        'redis.execute("AI.TENSORSET", keys[1], args[0], "2", "BLOB", str(blob))',
      ],
      { keys: ['in', 'copy'], args: [dtype] },
    );
    t.strictSame(await values(server, 'copy'), await values(server, 'in'), dtype);
  }
});

t.test('models of several backends from one script', { skip }, async (t) => {
  const models = await makeModels();
  t.teardown(() => models.remove());
  const server = await start(t);
  const torch = models.model('TORCH', 'mlp-30-128-128-2');
  const onnx = models.model('ONNX', 'mlp-30-128-128-2');
  await storeModel(server, 'torch', torch);
  await storeModel(server, 'onnx', onnx);
  await storeTensor(server, 'torch-in', torch.inputs[0]!);
  await storeTensor(server, 'onnx-in', onnx.inputs[0]!);
  const before = await blobOf(server, 'torch-in');
  for (const name of ['torch', 'onnx']) {
    await server.request(
      ...['AI.MODELEXECUTE', name, 'INPUTS', 1, `${name}-in`, 'OUTPUTS', 1, `${name}-out`],
    );
    await server.request('AI.INFO', name, 'RESETSTAT');
  }
  const lines = [
    'first = redisAI.model_execute(keys[0], [tensors[0]], 1)',
    'second = redisAI.model_execute(keys[1], [tensors[1]], 1)',
    'third = redisAI.model_execute(keys[0], [tensors[0].t().contiguous().t()], 1)',
    'second[0] = second[0].add_(1.0) - 1.0',
    'return [first[0], second[0], third[0]]',
  ];
  for (let i = 0; i < 2; i++) {
    await run(server, lines, {
      keys: ['torch', 'onnx'],
      inputs: ['torch-in', 'onnx-in'],
      outputs: ['a', 'b', 'c'],
    });
    t.strictSame(await blobOf(server, 'a'), await blobOf(server, 'torch-out'), 'TORCH');
    t.strictSame(await blobOf(server, 'c'), await blobOf(server, 'torch-out'), 'strided input');
    const seen = new Float32Array(new Uint8Array(await blobOf(server, 'b')).buffer);
    const wanted = new Float32Array(new Uint8Array(await blobOf(server, 'onnx-out')).buffer);
    t.ok(
      seen.every((number, k) => Math.abs(number - wanted[k]!) < 1e-5),
      'ONNX',
    );
  }
  t.strictSame(await blobOf(server, 'torch-in'), before, 'inputs are as they were');
  const rows = torch.inputs[0]!.dims[0]!;
  const ofTorch = await server.request('AI.INFO', 'torch');
  t.strictSame(
    ['calls', 'samples', 'errors'].map((name) => field(ofTorch, name)),
    [4, 4 * rows, 0],
  );
  const ofOnnx = await server.request('AI.INFO', 'onnx');
  t.equal(field(ofOnnx, 'calls'), 2);

  const client = await connect(t, server);
  const inputs = { inputs: ['torch-in', 'onnx-in'] };
  const modelError = (call: string) => failure(client, [`redisAI.model_execute(${call})`], inputs);
  t.match(await modelError('"none", tensors, 1'), /Traceback.*ERR model key is empty$/);
  t.match(await modelError('"torch-in", tensors, 1'), /WRONGTYPE Operation against a key/);
  t.match(
    await modelError('"torch", tensors, 1'),
    /Number of keys given as INPUTS here does not match model definition/,
  );
  t.match(
    await modelError('"onnx", tensors[:1], 2'),
    /Number of keys given as OUTPUTS here does not match model definition/,
  );
  t.match(await modelError('"onnx", [torch.zeros(2, 7)], 1'), /Got invalid dimensions for input/);
  t.match(await modelError('"torch", [torch.zeros(2, 7)], 1'), /shapes cannot be multiplied/);
  t.match(await modelError('"torch", [torch.zeros(2).half()], 1'), /dtype Half/);
  for (const count of ['-1', '65537', '9223372036854775807']) {
    t.match(
      await modelError(`"torch", tensors[:1], ${count}`),
      new RegExp(`takes 0 to 65536 outputs, and was given ${count}$`),
    );
  }
  t.equal(field(await server.request('AI.INFO', 'torch'), 'errors'), 1, 'failed runs are counted');
  t.equal(await client.request('PING'), 'PONG');
});

t.test('errors stand in the traceback, on one line', { skip }, async (t) => {
  const server = await start(t);
  const client = await connect(t, server);
  await server.request('RPUSH', 'list', 'x');
  const prefix = 'Redis command returned an error: ';
  const rows: [string, string][] = [
    ['"GET", "list"', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
    ['"NOSUCH", "a"', "Invalid argument: ERR unknown command 'NOSUCH'"],
    ['"NO\\nSUCH"', "Invalid argument: ERR unknown command 'NO SUCH'"],
    ['"SET", "k"', "ERR wrong number of arguments for 'set' command"],
    ['""', "Invalid argument: ERR unknown command ''"],
    ['"EXPIRE", "k", "x"', 'ERR value is not an integer or out of range'],
    ['"AI.TENSORGET", "none"', 'ERR tensor key is empty or in a different shard'],
  ];
  for (const [words, wanted] of rows) {
    const text = await failure(client, ['pass', `redis.execute(${words})`]);
    t.match(text, 'The following operation failed in the TorchScript interpreter.', words);
    t.ok(text.includes(`RuntimeError: ${prefix}${wanted}`), `${words}: ${text}`);
    t.equal(await client.request('PING'), 'PONG');
  }
  t.match(await failure(client, ['redis.execute("GET", 1)']), /takes str and List\[str\].* int$/);
  t.match(await failure(client, ['redis.execute("GET", [1])']), /takes str and List\[str\]/);
  t.match(await failure(client, ['redis.asList(redis.execute("PING"))']), /takes a list.* str$/);
  t.match(await failure(client, ['redis.asList(redis.execute("GET", "n"))']), /takes a list.*None/);

  const long = `assert args[0] == "${'y'.repeat(9000)}" or args[0] == "${'z'.repeat(9000)}"`;
  const text = await failure(
    client,
    ['pass', `redis.execute("GET", "list", "${long.length}")`],
    {},
  );
  t.match(text, /wrong number of arguments/);
  const deep = `redis.execute("GET", "list") if args[0] == "${'y'.repeat(9000)}" else redis.execute("LLEN", "${'z'.repeat(9000)}", "x")`;
  const cut = await failure(client, [`value = ${deep}`], { args: [''] });
  t.match(
    cut,
    /^The following operation .* \.\.\. .*wrong number of arguments for 'llen' command$/,
  );
  t.ok(cut.length <= 4096, 'of a traceback that is too long the middle is left out');
});

t.test('refuses what would wait, and what is about a connection', { skip }, async (t) => {
  const server = await start(t);
  const client = await connect(t, server);
  const rows: [string[], string?][] = [
    [['MULTI']],
    [['EXEC']],
    [['DISCARD']],
    [['WATCH', 'k']],
    [['SUBSCRIBE', 'c']],
    [['UNSUBSCRIBE']],
    [['SSUBSCRIBE', 'c']],
    [['MONITOR']],
    [['BLPOP', 'l', '0']],
    [['BLMOVE', 'l', 'm', 'LEFT', 'LEFT', '0']],
    [['BZMPOP', '0', '1', 'z', 'MIN']],
    [['WAIT', '1', '0']],
    [['XREAD', 'BLOCK', '0', 'STREAMS', 's', '$']],
    [['SHUTDOWN']],
    [['Shutdown', 'NOSAVE']],
    [['SELECT', '1']],
    [['AUTH', 'x']],
    [['HELLO', '3']],
    [['RESET']],
    [['QUIT']],
    [['CLIENT', 'KILL', 'TYPE', 'normal'], 'client|kill'],
    [['CLIENT', 'REPLY', 'OFF'], 'client|reply'],
    [['CONFIG', 'SET', 'maxclients', '1'], 'config|set'],
    [['AI.MODELSTORE', 'm', 'TORCH', 'CPU', 'BLOB', 'x']],
    [['AI.MODELSET', 'm', 'TORCH', 'CPU', 'BLOB', 'x']],
    [['AI.MODELEXECUTE', 'm', 'INPUTS', '1', 'a', 'OUTPUTS', '1', 'b']],
    [['AI.MODELRUN', 'm', 'INPUTS', 'a', 'OUTPUTS', 'b']],
    [['AI.SCRIPTSTORE', 's', 'CPU', 'ENTRY_POINTS', '1', 'f', 'SOURCE', 'x']],
    [['AI.SCRIPTSET', 's', 'CPU', 'SOURCE', 'x']],
    [['AI.SCRIPTEXECUTE', 's', 'f', 'KEYS', '1', 'k']],
    [['AI.SCRIPTRUN', 's', 'f', 'INPUTS', 'a', 'OUTPUTS', 'b']],
    [['AI.DAGEXECUTE', 'PERSIST', '1', 'a', '|>', 'AI.TENSORSET', 'a', 'FLOAT', '1']],
    [['AI.DAGRUN_RO', '|>', 'AI.TENSORGET', 'a']],
    [['AI.CONFIG', 'LOADBACKEND', 'ONNX', 'x.so']],
    [['AI.CONFIG', 'MODEL_CHUNK_SIZE', '1000']],
  ];
  await store(client, 'any', 'redis.execute(args[0], args[1:])');
  for (const [words, name = words[0]?.toLowerCase()] of rows) {
    const text = await client.refusal(...executeWords('any', { args: words }));
    t.ok(
      text.endsWith(`ERR This Redis command is not allowed from script: '${name}'`),
      `${words[0]}: ${text}`,
    );
    t.equal(await client.request('PING'), 'PONG');
  }
  t.equal(await client.request('AI.CONFIG', 'GET', 'MODEL_CHUNK_SIZE'), 535822336, 'as it was');
  for (const words of [
    ['PING'],
    ['AI.CONFIG', 'GET', 'MODEL_CHUNK_SIZE'],
    ['INFO', 'everything'],
    ['COMMAND'],
    ['DBSIZE'],
    ['PUBLISH', 'c', 'x'],
    ['XREAD', 'STREAMS', 's', '0'],
    ['FLUSHALL'],
  ]) {
    t.equal(
      await client.request(...executeWords('any', { args: words })).catch(String),
      'OK',
      String(words),
    );
    if (words[0] === 'FLUSHALL') t.equal(await client.request('DBSIZE'), 0);
  }
});

t.test('commands are those of the client, in its database', { skip }, async (t) => {
  const server = await start(t);
  const client = await connect(t, server);
  await client.request('SELECT', '3');
  await store(client, 's', 'redis.execute("SET", keys[0], args[0])');
  await client.request(...executeWords('s', { keys: ['k'], args: ['third'] }));
  t.equal(await client.request('GET', 'k'), 'third');
  t.equal(await server.request('EXISTS', 'k'), 0);

  await client.request(
    'AI.SCRIPTSET',
    'plain',
    'CPU',
    'SOURCE',
    'def g(a):\n    redis.execute("SET", "by", "run")\n    return a',
  );
  await client.request('AI.TENSORSET', 'x', 'FLOAT', 1, 'VALUES', 1);
  t.equal(await client.request('AI.SCRIPTRUN', 'plain', 'g', 'INPUTS', 'x', 'OUTPUTS', 'y'), 'OK');
  t.equal(await client.request('GET', 'by'), 'run');

  const dag = [
    'AI.DAGEXECUTE',
    'ROUTING',
    'k',
    '|>',
    ...executeWords('s', { keys: ['k'], args: ['dag'] }),
  ];
  t.strictSame(await client.request(...dag), ['OK']);
  t.equal(await client.request('GET', 'k'), 'dag', 'from a DAG too');

  await server.request('CONFIG', 'SET', 'maxmemory', '1');
  await store(server, 'full', 'redis.execute("GET", "k")').catch(() => {});
  const text = await client.refusal(...executeWords('s', { keys: ['k'], args: ['x'] }));
  t.match(text, /OOM command not allowed when used memory > 'maxmemory'/);
  await server.request('CONFIG', 'SET', 'maxmemory', '0');
  t.equal(await client.request('GET', 'k'), 'dag');
});
