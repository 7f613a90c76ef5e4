// Stock redisai-py 1.3.0, and redis-py in its oldest and newest supported version.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { makeModels, missingModelMakers } from '../helpers/models.ts';
import { runPythonCases } from '../helpers/python.ts';
import { missingPython } from '../helpers/python-env.ts';
import { startServer } from '../helpers/server.ts';

t.test('Python clients', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-python-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'socket');
  const server = await startServer(['--unixsocket', path]);
  t.teardown(() => server.stop());
  const env = { PORT: `${server.port}`, SOCKET: path };

  t.test('redis-py 4.6', { skip: missingPython('clients') }, (t) =>
    runPythonCases(t, 'clients', 'redis_py.py', [], env),
  );

  t.test('redis-py 8', { skip: missingPython('newest') }, (t) =>
    runPythonCases(t, 'newest', 'redis_py.py', [], env),
  );

  t.test('redisai-py without models', { skip: missingPython('clients') }, (t) =>
    runPythonCases(t, 'clients', 'redisai_py.py', [], env),
  );

  t.test(
    'redisai-py with models and scripts',
    { skip: missingPython('clients') || missingModelMakers() },
    async (t) => {
      const models = await makeModels();
      t.teardown(() => models.remove());
      await runPythonCases(t, 'clients', 'redisai_py.py', [], { ...env, MODELS: models.folder });
    },
  );

  t.test(
    'DAGs of redisai-py',
    { skip: missingPython('clients') || missingModelMakers() },
    async (t) => {
      const models = await makeModels();
      t.teardown(() => models.remove());
      const server = await startServer();
      t.teardown(() => server.stop());
      const env = { PORT: `${server.port}`, MODELS: models.folder };
      await runPythonCases(t, 'clients', 'redisai_dags.py', [], env);
    },
  );
});
