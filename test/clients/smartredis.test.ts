// Stock SmartRedis 0.6.1 against Tutti, over TCP and over a Unix socket.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { makeModels, missingModelMakers } from '../helpers/models.ts';
import { runPythonCases } from '../helpers/python.ts';
import { missingPython } from '../helpers/python-env.ts';
import { startServer } from '../helpers/server.ts';

/** Slow machines may take longer than SmartRedis' 250 ms, and a resend would hide what went wrong. */
const PATIENT = { SR_SOCKET_TIMEOUT: '20000', SR_CMD_TIMEOUT: '20000' };

t.test('SmartRedis', { skip: missingPython('clients') }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-smartredis-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'socket');
  const server = await startServer(['--unixsocket', path]);
  t.teardown(() => server.stop());
  const common = { SR_DB_TYPE: 'Standalone', SR_LOG_LEVEL: 'quiet' };
  const tcp = { ...common, SSDB: `127.0.0.1:${server.port}` };
  const unix = { ...common, SSDB: `unix://${path}` };

  t.test('stores data over TCP', (t) =>
    runPythonCases(t, 'clients', 'smartredis_data.py', [], { ...tcp, ...PATIENT }),
  );

  t.test('stores data over a Unix socket', (t) =>
    runPythonCases(t, 'clients', 'smartredis_data.py', [], { ...unix, ...PATIENT }),
  );

  t.test('stores data within its own 250 ms', (t) =>
    runPythonCases(t, 'clients', 'smartredis_data.py', [], tcp),
  );

  t.test('reads and writes under prefixes', (t) =>
    runPythonCases(t, 'clients', 'smartredis_prefixes.py', [], {
      ...tcp,
      ...PATIENT,
      SSKEYIN: 'left,right',
      SSKEYOUT: 'left',
    }),
  );

  t.test('runs models and scripts', { skip: missingModelMakers() }, async (t) => {
    const models = await makeModels();
    t.teardown(() => models.remove());
    const env = { ...PATIENT, MODELS: models.folder };
    await t.test('over TCP', (t) =>
      runPythonCases(t, 'clients', 'smartredis_models.py', [], { ...tcp, ...env }),
    );
    await t.test('over a Unix socket', (t) =>
      runPythonCases(t, 'clients', 'smartredis_models.py', [], { ...unix, ...env }),
    );
  });
});
