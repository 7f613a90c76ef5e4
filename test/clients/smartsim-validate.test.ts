// `smart validate`, by which SmartSim's users see whether their installation works.

import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { runProcess } from '../helpers/peers.ts';
import { missingPython, pythonOf, sitePackagesOf } from '../helpers/python-env.ts';
import { installPrefix, SMARTSIM_MS_MAX, smartSimPlace } from '../helpers/smartsim.ts';

/** A place like the prefix, of links: without the backend whose Python package is not there. */
function linkedPrefix(folder: string): string {
  const linked = join(folder, 'linked');
  mkdirSync(join(linked, 'lib', 'backends'), { recursive: true });
  const backends = ['redisai_onnxruntime', 'redisai_tensorflow'];
  const paths = ['bin', 'lib/redisai.so', ...backends.map((name) => `lib/backends/${name}`)];
  for (const path of paths) symlinkSync(join(installPrefix, path), join(linked, path));
  return linked;
}

const skip = missingPython('smartsim') || missingPython('models');
t.test('smart validate', { skip }, async (t) => {
  const { folder, env } = smartSimPlace(t);
  const smart = join(dirname(pythonOf('smartsim') ?? ''), 'smart');
  const { status, stdout, stderr } = await runProcess(smart, ['validate'], {
    env: {
      ...env,
      SMARTSIM_DEP_INSTALL_PATH: linkedPrefix(folder),
      SMARTSIM_LOG_LEVEL: 'info',
      // It asks for scikit-learn and TensorFlow, which the environment of SmartSim has not.
      PYTHONPATH: sitePackagesOf('models') ?? '',
    },
    timeoutMs: SMARTSIM_MS_MAX,
  });
  t.equal(status, 0, 'its status', { stderr });
  for (const what of ['Tensor Transfer', 'ONNX Backend', 'TensorFlow Backend'])
    t.match(stdout + stderr, `Verifying ${what}`);
  t.match(stdout + stderr, /Success!/);
});
