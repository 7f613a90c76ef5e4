// INFO's sections of RedisAI (compat.md 1.6).

import { REDISAI_VERSION } from '../config/version.ts';
import { backendNames } from '../engine/addon.ts';
import type { Call } from './command.ts';
import { inSeconds, mainThreadSeconds } from './info-cpu.ts';
import type { Fields, Section } from './info-section.ts';

function backendsInfo({ engine, server }: Call): Fields {
  const version = (name: (typeof backendNames)[number]) =>
    engine.backendVersion(backendNames.indexOf(name));
  const fields: Fields = {};
  if (version('TF') !== '') fields.ai_TensorFlow_version = version('TF');
  if (version('TFLITE') !== '') fields.ai_TensorFlowLite_version = 'NA';
  if (version('TORCH') !== '') fields.ai_Torch_version = 'NA';
  if (version('ONNX') !== '') {
    const queueCount = engine.queueCpuSeconds().size;
    const { usedBytes, accessCount } = engine.backendMemory(backendNames.indexOf('ONNX'));
    fields.ai_onnxruntime_version = version('ONNX');
    fields.ai_onnxruntime_memory = usedBytes;
    fields.ai_onnxruntime_memory_access_num = accessCount;
    fields.ai_onnxruntime_maximum_run_sessions_number =
      queueCount * server.settings.number('ai.threads_per_queue');
  }
  return fields;
}

function aiCpu({ engine }: Call): Fields {
  const { system, user } = process.cpuUsage();
  const main = mainThreadSeconds();
  const fields: Fields = {
    ai_self_used_cpu_sys: inSeconds(system),
    ai_self_used_cpu_user: inSeconds(user),
    ai_children_used_cpu_sys: '0.000000',
    ai_children_used_cpu_user: '0.000000',
    ai_main_thread_used_cpu_sys: main.system,
    ai_main_thread_used_cpu_user: main.user,
  };
  for (const [queue, seconds] of engine.queueCpuSeconds()) {
    for (const [index, used] of seconds.entries())
      fields[`ai_queue_${queue}_bthread_n${index + 1}_used_cpu_total`] = used.toFixed(6);
  }
  return fields;
}

function loadTimeConfigs({ server: { settings } }: Call): Fields {
  return {
    ai_threads_per_queue: settings.text('ai.threads_per_queue'),
    ai_inter_op_parallelism: settings.text('ai.inter_op_parallelism'),
    ai_intra_op_parallelism: settings.text('ai.intra_op_parallelism'),
    ai_model_execution_timeout: settings.text('ai.model_execution_timeout'),
    ai_backend_memory_limit: settings.text('ai.backend_memory_limit'),
  };
}

function versions(): Fields {
  return {
    ai_RedisAI_version: REDISAI_VERSION,
    ai_low_level_API_version: 1,
    ai_rdb_version: 4,
  };
}

/** In this order: clients find sections by their place. */
export const moduleSections: readonly Section[] = (
  [
    ['ai_versions', versions],
    ['ai_git', () => ({ ai_git_sha: 'unknown' })],
    ['ai_load_time_configs', loadTimeConfigs],
    ['ai_backends_info', backendsInfo],
    ['ai_cpu', aiCpu],
  ] as const
).map(([name, fields]) => ({ name, title: name, isDefault: false, fields }));

/** A line for each model and script; a key's bytes other than these are written as \xNN, so that no reader trips. */
const PLAIN_KEY_BYTE = /[^A-Za-z0-9_.:{}/-]/g;

function modelStatistics({ engine, server }: Call): Fields {
  const fields: Fields = {};
  let count = 0;
  for (let db = 0; db < server.settings.databaseCount; db++) {
    let key = '';
    engine.forEachRow(engine.scanRunStatistics(db), (row, index) => {
      if (index % 2 === 0) {
        key = row
          .toString('latin1')
          .replace(PLAIN_KEY_BYTE, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
      } else {
        fields[`ai_model_${count++}`] = `db=${db},key=${key},${row.toString('latin1')}`;
      }
    });
  }
  return fields;
}

/** Only by its name: it looks at every key, and RedisAI's clients do not know it. */
export const modelSection: Section = {
  name: 'ai_models',
  title: 'ai_models',
  isDefault: false,
  fields: modelStatistics,
};
