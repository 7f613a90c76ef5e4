// Requests that are sent again while the first is on its way join it (threads.md, "Inference").

import t from 'tap';
import { makeModels, missingModelMakers } from '../helpers/models.ts';
import { runPythonCases } from '../helpers/python.ts';
import { missingPython } from '../helpers/python-env.ts';
import {
  execute,
  runningCount,
  SLOW_ROWS,
  SLOW_SCRIPT,
  statistics,
  store,
  until,
  type Words,
} from '../helpers/runs.ts';
import { type Connection, type StartedServer, startServer, type Value } from '../helpers/server.ts';

/** A DAG of one model that takes its time. */
const dag = (key: string, ...clauses: Words): Words => [
  ...['AI.DAGEXECUTE', ...clauses, '|>', ...execute(key, ['in'], ['out'])],
  ...['|>', 'AI.TENSORGET', 'out', 'META'],
];
const DAG_REPLY = JSON.stringify(['OK', ['dtype', 'FLOAT', 'shape', [SLOW_ROWS]]]);
const countingDag: Words = [
  ...['AI.DAGRUN', 'LOAD', 1, 'in', 'PERSIST', 1, 'out', '|>'],
  ...['AI.SCRIPTRUN', 's', 'count', 'INPUTS', 'in', 'OUTPUTS', 'out'],
];

t.test('requests that are sent again', { skip: missingModelMakers() }, async (t) => {
  const models = await makeModels();
  t.teardown(() => models.remove());

  /** Sends `words` on a connection of its own, and again on another one after `between`. */
  async function sendTwice(
    server: StartedServer,
    words: Words,
    between: (first: Connection) => Promise<unknown>,
    wanted: string,
  ): Promise<Value | undefined> {
    const [first, second] = [await server.raw(), await server.raw()];
    first.send(...words);
    await until('the first', async () => (await runningCount(server)) === 1);
    await between(first);
    const reply = await second.request(...words);
    const hasFirst = first.socket.destroyed ? undefined : await first.reply();
    if (hasFirst !== undefined && JSON.stringify(hasFirst) !== wanted)
      throw new Error(`the first got ${JSON.stringify(hasFirst)}`);
    first.close();
    second.close();
    return reply;
  }
  const leave = async (server: StartedServer, first: Connection) => {
    first.close();
    await until('its end', async () => (await runningCount(server)) === 0);
  };
  const rows: readonly {
    title: string;
    words: Words;
    key: string;
    between: (server: StartedServer, first: Connection) => Promise<unknown>;
    calls: string;
    joined: string;
    counted?: number;
    /** What both are answered, as JSON; OK if it is not said. */
    reply?: string;
  }[] = [
    {
      title: 'a model joins the run of a client that is gone',
      words: execute('m', ['in'], ['out']),
      key: 'm',
      between: leave,
      calls: '1',
      joined: '1',
    },
    {
      title: 'a model joins the run of a client that is there',
      words: execute('m', ['in'], ['out']),
      key: 'm',
      between: async () => {},
      calls: '1',
      joined: '1',
    },
    {
      title: 'an input that was replaced is another one',
      words: execute('m', ['in'], ['out']),
      key: 'm',
      between: (server) => server.request('AI.TENSORSET', 'in', 'FLOAT', SLOW_ROWS),
      calls: '2',
      joined: '0',
    },
    {
      title: 'a model that was replaced is another one',
      words: execute('m', ['in'], ['out']),
      key: 'm',
      between: (server) => store(server, models, ['m'], ['TORCH', 'slow']),
      calls: '1',
      joined: '0',
    },
    {
      title: 'a model with BATCHSIZE runs for each client',
      words: execute('batched', ['in'], ['out']),
      key: 'batched',
      between: async () => {},
      calls: '2',
      joined: '0',
    },
    {
      title: 'a script runs for each client',
      words: ['AI.SCRIPTEXECUTE', 's', 'slow', 'INPUTS', 1, 'in', 'OUTPUTS', 1, 'out'],
      key: 's',
      between: async () => {},
      calls: '2',
      joined: '0',
    },
    {
      title: 'a script joins the run of a client that is gone',
      words: ['AI.SCRIPTEXECUTE', 's', 'slow', 'INPUTS', 1, 'in', 'OUTPUTS', 1, 'out'],
      key: 's',
      between: leave,
      calls: '1',
      joined: '1',
    },
    {
      title: 'two clients that count are two',
      words: ['AI.SCRIPTEXECUTE', 's', 'count', 'INPUTS', 1, 'in', 'OUTPUTS', 1, 'out'],
      key: 's',
      between: async () => {},
      calls: '2',
      joined: '0',
      counted: 2,
    },
    {
      title: 'a client that counts, and sends it again, is one',
      words: ['AI.SCRIPTRUN', 's', 'count', 'INPUTS', 'in', 'OUTPUTS', 'out'],
      key: 's',
      between: leave,
      calls: '1',
      joined: '1',
      counted: 1,
    },
    {
      title: 'AI.SCRIPTRUN joins the run of a client that is gone',
      words: ['AI.SCRIPTRUN', 's', 'slow', 'INPUTS', 'in', 'OUTPUTS', 'out'],
      key: 's',
      between: leave,
      calls: '1',
      joined: '1',
    },
    {
      title: 'a DAG joins the one of a client that is gone',
      words: dag('m', 'LOAD', 1, 'in', 'PERSIST', 1, 'out'),
      key: 'm',
      between: leave,
      calls: '1',
      joined: '1',
      reply: DAG_REPLY,
    },
    {
      title: 'a DAG joins the one of a client that is there, and both get its tensors',
      words: dag('m', 'LOAD', 1, 'in', 'PERSIST', 1, 'out'),
      key: 'm',
      between: async () => {},
      calls: '1',
      joined: '1',
      reply: DAG_REPLY,
    },
    {
      title: 'a loaded tensor that was replaced is another one',
      words: dag('m', 'LOAD', 1, 'in', 'PERSIST', 1, 'out'),
      key: 'm',
      between: (server) => server.request('AI.TENSORSET', 'in', 'FLOAT', SLOW_ROWS),
      calls: '2',
      joined: '0',
      reply: DAG_REPLY,
    },
    {
      title: 'a model of a DAG that was replaced is another one',
      words: dag('m', 'LOAD', 1, 'in', 'PERSIST', 1, 'out'),
      key: 'm',
      between: (server) => store(server, models, ['m'], ['TORCH', 'slow']),
      calls: '1',
      joined: '0',
      reply: DAG_REPLY,
    },
    {
      title: 'a key of the same name as a tensor of the DAG may be replaced',
      words: [
        ...['AI.DAGEXECUTE', 'PERSIST', 1, 'out', '|>', 'AI.TENSORSET', 'in', 'FLOAT', SLOW_ROWS],
        ...['|>', ...execute('m', ['in'], ['out'])],
      ],
      key: 'm',
      between: (server) => server.request('AI.TENSORSET', 'in', 'FLOAT', 2 * SLOW_ROWS),
      calls: '1',
      joined: '1',
      reply: '["OK","OK"]',
    },
    {
      title: 'a DAG of a model with BATCHSIZE runs for each client',
      words: dag('batched', 'LOAD', 1, 'in', 'PERSIST', 1, 'out'),
      key: 'batched',
      between: async () => {},
      calls: '2',
      joined: '0',
      reply: DAG_REPLY,
    },
    {
      title: 'a DAG with a script runs for each client',
      words: countingDag,
      key: 's',
      between: async () => {},
      calls: '2',
      joined: '0',
      counted: 2,
      reply: '["OK"]',
    },
    {
      title: 'a DAG with a script joins the one of a client that is gone',
      words: countingDag,
      key: 's',
      between: leave,
      calls: '1',
      joined: '1',
      counted: 1,
      reply: '["OK"]',
    },
  ];
  for (const { title, words, key, between, calls, joined, counted = 0, reply = '"OK"' } of rows) {
    await t.test(title, async (t) => {
      const server = await startServer(['--io-threads', '2']);
      t.teardown(() => server.stop());
      await store(server, models, ['m'], ['TORCH', 'slow']);
      await store(server, models, ['batched', 'BATCHSIZE', 1000], ['TORCH', 'slow']);
      await server.request('AI.SCRIPTSET', 's', 'CPU', 'SOURCE', SLOW_SCRIPT);
      await server.request('AI.TENSORSET', 'in', 'FLOAT', SLOW_ROWS);
      const second = await sendTwice(server, words, (first) => between(server, first), reply);
      t.equal(JSON.stringify(second), reply);
      t.equal(await server.request('EXISTS', 'out'), 1);
      t.equal(await server.request('LLEN', 'counted'), counted);
      t.match(await statistics(server, key), { calls, joined, errors: '0' });
    });
  }

  await t.test('words of more than 64 KiB join nothing', async (t) => {
    const server = await startServer(['--io-threads', '2']);
    t.teardown(() => server.stop());
    await store(server, models, ['m'], ['TORCH', 'slow']);
    await server.request('AI.TENSORSET', 'in', 'FLOAT', SLOW_ROWS);
    for (const [bytes, joined] of [
      [60_000, '1'],
      [70_000, '1'],
    ] as const) {
      const words = execute('m', ['in'], ['o'.repeat(bytes)]);
      t.equal(await sendTwice(server, words, async () => {}, '"OK"'), 'OK');
      t.match(await statistics(server, 'm'), { joined }, `${bytes} bytes`);
    }
    t.match(await statistics(server, 'm'), { calls: '3' });
  });

  await t.test(
    'SmartRedis gets the result of a slow model',
    { skip: missingPython('clients') },
    async (t) => {
      const server = await startServer(['--io-threads', '2']);
      t.teardown(() => server.stop());
      await runPythonCases(t, 'clients', 'smartredis_slow.py', [], {
        SSDB: `127.0.0.1:${server.port}`,
        SR_DB_TYPE: 'Standalone',
        SR_LOG_LEVEL: 'quiet',
        SR_SOCKET_TIMEOUT: '250',
        SR_CMD_INTERVAL: '10',
        SLOW_MODEL: models.model('TORCH', 'slow').file,
        SLOW_ROWS: String(3 * SLOW_ROWS),
      });
      // A request that is sent in the moment after the run has ended begins another one.
      const { calls, joined } = await statistics(server, 'slow');
      t.ok(Number(calls) <= 3, `${calls} runs`);
      t.ok(Number(joined) >= 1, `${joined} joined`);
    },
  );

  await t.test(
    'SmartRedis stores a model that is slow to load, once',
    { skip: missingPython('clients') },
    async (t) => {
      const server = await startServer(['--io-threads', '2', '--notify-keyspace-events', 'Ed']);
      t.teardown(() => server.stop());
      const listener = await server.raw();
      t.teardown(() => listener.close());
      await listener.request('SUBSCRIBE', '__keyevent@0__:ai.modelstore');
      // The first model of a backend takes the time in which its runtime is loaded.
      await runPythonCases(t, 'clients', 'smartredis_slow_load.py', [], {
        SSDB: `127.0.0.1:${server.port}`,
        SR_DB_TYPE: 'Standalone',
        SR_LOG_LEVEL: 'quiet',
        SR_SOCKET_TIMEOUT: '40',
        SR_CONN_INTERVAL: '10',
        SR_CMD_INTERVAL: '10',
        MODEL: models.model('TORCH', 'identity').file,
      });
      const sent = /cmdstat_ai\.modelstore:calls=(\d+)/.exec(
        String(await server.request('INFO', 'commandstats')),
      );
      // Each store that is done is told of; those that joined one are not.
      await server.request('PUBLISH', '__keyevent@0__:ai.modelstore', 'end');
      let storedCount = 0;
      while (String(((await listener.reply()) as Value[])[2]) !== 'end') storedCount++;
      t.ok(storedCount >= 1, `${storedCount} stored`);
      t.ok(Number(sent?.[1]) > storedCount, `${sent?.[1]} sent`);
    },
  );
});
