// What calls of the native keyspace cost, without sockets and TypeScript: nanoseconds of CPU a call.
// The program says what is measured: test/tools/keyspace_calls.cc.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { topFolder } from './harness.ts';

const program = join(topFolder, 'build', 'test-tools', 'keyspace_calls');
const { error, signal, status, stdout } = spawnSync(program, { encoding: 'utf8' });
if (error) throw error;
if (status !== 0) throw new Error(`${program} ended with ${signal ?? `status ${status}`}`);
process.stdout.write(stdout);
