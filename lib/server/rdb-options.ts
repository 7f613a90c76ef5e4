// How a snapshot is written, be it to the file or as the base of the append-only files.

import type { Settings } from '../config/settings.ts';
import { REDIS_VERSION } from '../config/version.ts';
import { addon } from '../engine/addon.ts';

/** Policies that keep keys by their use: it is saved with them. */
const policyByUse = /-l[rf]u$/;

/** @param syncSetting Whether what is written is brought to the disk now and then, not only at the end. */
export function rdbOptions(
  settings: Settings,
  syncSetting: 'rdb-save-incremental-fsync' | 'aof-rewrite-incremental-fsync',
) {
  return {
    compresses: settings.isOn('rdbcompression'),
    withChecksum: settings.isOn('rdbchecksum'),
    withUse: policyByUse.test(settings.text('maxmemory-policy')),
    syncsOften: settings.isOn(syncSetting),
    keyDelayUs: settings.number('rdb-key-save-delay'),
    aux: [
      ...['redis-ver', REDIS_VERSION],
      ...['redis-bits', '64'],
      ...['ctime', String(Math.floor(Date.now() / 1000))],
      ...['used-mem', String(addon().statistics().usedMemory)],
    ],
  };
}
