// What the tests with stock SmartSim 0.8.0 share. It finds the server and redis-cli of the install
// prefix by SMARTSIM_DEP_INSTALL_PATH, and starts, asks and stops them by itself.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

export const installPrefix = fileURLToPath(new URL('../../../prefix', import.meta.url));

/** SmartSim sleeps seconds at each start; this is below the bound of a whole test. */
export const SMARTSIM_MS_MAX = 290_000;

/** A folder for the test's experiments, removed with it, and the environment that SmartSim needs. */
export function smartSimPlace(t: Test): { folder: string; env: NodeJS.ProcessEnv } {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-smartsim-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const env = {
    SMARTSIM_DEP_INSTALL_PATH: installPrefix,
    // Looks each second, not each ten, whether a job has ended; and its monitor ends soon after the last.
    SMARTSIM_JM_INTERVAL: '1',
    SMARTSIM_TELEMETRY_FREQUENCY: '1',
    SMARTSIM_TELEMETRY_COOLDOWN: '1',
    // Python is slow to start where other tests run too.
    SMARTSIM_DB_FILE_PARSE_TRIALS: '100',
    SMARTSIM_DB_FILE_PARSE_INTERVAL: '1',
    SMARTSIM_LOG_LEVEL: 'quiet',
    SR_LOG_LEVEL: 'quiet',
    // Any name is a file's, 'stdout' too.
    SR_LOG_FILE: join(folder, 'smartredis.log'),
    PYTHONDONTWRITEBYTECODE: '1',
    FOLDER: folder,
  };
  return { folder, env };
}
