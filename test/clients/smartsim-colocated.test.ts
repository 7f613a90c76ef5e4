// Stock SmartSim's colocated databases on the install prefix, over TCP and over a Unix socket.

import t from 'tap';
import { makeModels, missingModelMakers } from '../helpers/models.ts';
import { runPythonCases } from '../helpers/python.ts';
import { missingPython } from '../helpers/python-env.ts';
import { SMARTSIM_MS_MAX, smartSimPlace } from '../helpers/smartsim.ts';

const skip = missingPython('smartsim') || missingModelMakers();
t.test('smartsim colocated', { skip }, async (t) => {
  const models = await makeModels();
  t.teardown(() => models.remove());
  const env = { ...smartSimPlace(t).env, MODELS: models.folder };
  await runPythonCases(t, 'smartsim', 'smartsim_colocated.py', [], env, SMARTSIM_MS_MAX);
});
