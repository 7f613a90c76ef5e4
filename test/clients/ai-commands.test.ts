// How the AI commands are described: COMMAND INFO, COMMAND GETKEYS, HELLO and INFO, as compat.md 1.1
// and 1.6 have them.

import t from 'tap';
import { RawClient } from '../helpers/raw-client.ts';
import { startServer } from '../helpers/server.ts';
import { encodeLine } from '../oracle/notation.ts';

/** Name, flags, and the positions of the first key, the last and the step. */
const commands: readonly (readonly [string, readonly string[], string])[] = [
  ['ai.tensorset', ['denyoom', 'write'], '1 1 1'],
  ['ai.tensorget', ['readonly'], '1 1 1'],
  ['ai.modelset', ['denyoom', 'write'], '1 1 1'],
  ['ai.modelstore', ['denyoom', 'write'], '1 1 1'],
  ['ai.scriptset', ['denyoom', 'write'], '1 1 1'],
  ['ai.scriptstore', ['denyoom', 'write'], '1 1 1'],
  ['ai.modelget', ['readonly'], '1 1 1'],
  ['ai.scriptget', ['readonly'], '1 1 1'],
  ['ai.modeldel', ['write'], '1 1 1'],
  ['ai.scriptdel', ['write'], '1 1 1'],
  ['ai.modelexecute', ['denyoom', 'movablekeys', 'write'], '4 4 1'],
  ['ai.modelrun', ['denyoom', 'movablekeys', 'write'], '3 3 1'],
  ['ai.scriptexecute', ['denyoom', 'movablekeys', 'write'], '5 5 1'],
  ['ai.scriptrun', ['denyoom', 'movablekeys', 'write'], '4 4 1'],
  ['ai.dagexecute', ['denyoom', 'movablekeys', 'write'], '3 3 1'],
  ['ai.dagexecute_ro', ['movablekeys', 'readonly'], '3 3 1'],
  ['ai.dagrun', ['denyoom', 'movablekeys', 'write'], '3 3 1'],
  ['ai.dagrun_ro', ['movablekeys', 'readonly'], '3 3 1'],
  ['ai._modelscan', ['readonly'], '0 0 0'],
  ['ai._scriptscan', ['readonly'], '0 0 0'],
  ['ai.info', ['readonly'], '1 1 1'],
  ['ai.config', ['write'], '0 0 0'],
];

const keys: readonly (readonly [string, string])[] = [
  ['AI.TENSORSET k FLOAT 1 VALUES 1', 'k'],
  ['AI.TENSORGET k META', 'k'],
  ['AI.MODELSTORE m TORCH CPU BLOB x', 'm'],
  ['AI.MODELEXECUTE m INPUTS 2 a b OUTPUTS 1 c', 'm a b c'],
  ['AI.MODELEXECUTE m INPUTS 1 a OUTPUTS 2 b c TIMEOUT 10', 'm a b c'],
  ['ai.modelexecute m inputs 1 a outputs 1 b', 'm a b'],
  ['AI.MODELRUN m INPUTS a b OUTPUTS c', 'm a b c'],
  ['AI.SCRIPTEXECUTE s f INPUTS 1 a OUTPUTS 1 b', 's a b'],
  ['AI.SCRIPTEXECUTE s f KEYS 2 k l INPUTS 1 a ARGS 1 x OUTPUTS 2 b c TIMEOUT 5', 's k l a b c'],
  ['AI.SCRIPTRUN s f INPUTS a $ b c OUTPUTS d', 's a b c d'],
  ['AI.DAGEXECUTE LOAD 2 a b PERSIST 1 c TIMEOUT 5 ROUTING r |> AI.TENSORGET a', 'a b c r'],
  ['ai.dagexecute routing r |> ai.modelexecute m INPUTS 1 a OUTPUTS 1 b', 'r m'],
  ['AI.DAGEXECUTE ROUTING r |> AI.TENSORSET LOAD FLOAT 1 |> AI.SCRIPTEXECUTE s f KEYS 1 k', 'r s'],
  [
    'AI.DAGEXECUTE_RO LOAD 1 a |> AI.MODELEXECUTE m INPUTS 1 a OUTPUTS 1 b |> AI.TENSORGET b',
    'a m',
  ],
  ['AI.DAGRUN PERSIST 2 a b |> AI.TENSORSET a FLOAT 1 |> AI.TENSORSET b FLOAT 1', 'a b'],
  ['AI.DAGRUN_RO NOPE LOAD 1 a |> AI.TENSORGET a', 'a'],
];

t.test('AI commands', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const client = await RawClient.connect(server.port);
  t.teardown(() => client.close());
  const ask = (line: string) => {
    client.send(encodeLine(line));
    return client.reply();
  };

  await t.test('are described by COMMAND INFO', async (t) => {
    for (const [name, flags, positions] of commands) {
      const reply = await ask(`COMMAND INFO ${name}`);
      const entry = new RegExp(
        `^\\*1\\r\\n\\*10\\r\\n\\$${name.length}\\r\\n${name}\\r\\n:(-1)\\r\\n\\*\\d+\\r\\n((?:\\+\\S+\\r\\n)*):(-?\\d+)\\r\\n:(-?\\d+)\\r\\n:(-?\\d+)\\r\\n`,
      ).exec(reply);
      const seen = entry && {
        arity: entry[1],
        // Redis adds `module` to whatever a module registers.
        flags: (entry[2] ?? '')
          .split(/[+\r\n]+/)
          .filter((flag) => flag !== '' && flag !== 'module')
          .sort(),
        positions: entry.slice(3, 6).join(' '),
      };
      t.strictSame(seen, { arity: '-1', flags, positions }, name, { reply });
    }
  });

  await t.test('name their keys to COMMAND GETKEYS', async (t) => {
    for (const [line, wanted] of keys) {
      const bulks = wanted.split(' ').map((key) => `$${key.length}\r\n${key}\r\n`);
      t.equal(await ask(`COMMAND GETKEYS ${line}`), `*${bulks.length}\r\n${bulks.join('')}`, line);
    }
  });

  await t.test('refuse COMMAND GETKEYS what does not parse', async (t) => {
    for (const line of [
      'AI.DAGEXECUTE LOAD 4 a |> AI.TENSORGET',
      'AI.DAGEXECUTE PERSIST -1 a |> AI.TENSORGET',
      'AI.DAGEXECUTE LOAD x a |> AI.TENSORGET',
      'AI.DAGEXECUTE LOAD',
      'AI.DAGEXECUTE ROUTING',
      'AI.DAGRUN |> AI.TENSORSET a FLOAT 1',
    ]) {
      const reply = await ask(`COMMAND GETKEYS ${line}`);
      t.equal(reply, '-ERR Invalid arguments specified for command\r\n', line);
    }
    const many = 130_000;
    const keys = Array.from({ length: many }, () => 'k');
    for (const words of [
      ['AI.DAGEXECUTE', 'LOAD', `${many}`, ...keys, '|>', 'AI.TENSORGET', 'k'],
      ['AI.SCRIPTEXECUTE', 'k', 'f', 'KEYS', `${many - 1}`, ...keys.slice(1)],
    ]) {
      const bulks = ['COMMAND', 'GETKEYS', ...words].map(
        (word) => `$${word.length}\r\n${word}\r\n`,
      );
      client.send(`*${bulks.length}\r\n${bulks.join('')}`);
      t.equal(await client.reply(), `*${many}\r\n${'$1\r\nk\r\n'.repeat(many)}`);
    }
  });

  await t.test('belong to the module that HELLO and INFO name', async (t) => {
    t.match(
      await ask('HELLO 2'),
      /modules\r\n\*1\r\n\*\d+\r\n\$4\r\nname\r\n\$2\r\nai\r\n\$3\r\nver\r\n:10207\r\n/,
    );
    t.match(
      await ask('INFO'),
      /# Modules\r\nmodule:name=ai,ver=10207,api=1,filters=0,usedby=\[\],using=\[\],options=\[[^\]]*\]\r\n/,
    );
    t.notMatch(await ask('INFO'), /# ai_/, 'plain INFO has no sections of the module');
    const sections = [
      'ai_versions',
      'ai_git',
      'ai_load_time_configs',
      'ai_backends_info',
      'ai_cpu',
    ];
    for (const section of ['modules', 'everything', 'ai']) {
      const headings = [...(await ask(`INFO ${section}`)).matchAll(/# (ai_\w+)\r\n/g)].map(
        ([, name]) => name,
      );
      t.strictSame(headings, sections, `INFO ${section}`);
    }
    t.match(
      await ask('INFO ai_versions'),
      /^\$\d+\r\n# ai_versions\r\nai_RedisAI_version:\S+\r\nai_low_level_API_version:1\r\nai_rdb_version:4\r\n/,
    );
    t.match(await ask('INFO modules'), /ai_threads_per_queue:1\r\n/);
  });

  await t.test('and INFO has the fields that clients read', async (t) => {
    const info = await ask('INFO everything');
    for (const field of [
      'redis_version:7.2.4',
      'redis_mode:standalone',
      'process_id',
      'run_id',
      'tcp_port',
      'uptime_in_seconds',
      'executable',
      'config_file',
      'connected_clients',
      'blocked_clients',
      'used_memory',
      'used_memory_peak',
      'total_system_memory',
      'maxmemory',
      'maxmemory_policy',
      'mem_fragmentation_ratio',
      'loading:0',
      'rdb_last_save_time',
      'rdb_bgsave_in_progress:0',
      'rdb_last_bgsave_status',
      'aof_enabled:0',
      'aof_rewrite_in_progress:0',
      'total_connections_received',
      'total_commands_processed',
      'instantaneous_ops_per_sec',
      'expired_keys',
      'evicted_keys',
      'keyspace_hits',
      'keyspace_misses',
      'role:master',
      'connected_slaves:0',
      'master_repl_offset',
      'used_cpu_sys',
      'used_cpu_user',
      'cluster_enabled:0',
    ]) {
      t.ok(info.includes(`\r\n${field.includes(':') ? `${field}\r` : `${field}:`}`), field);
    }
    t.notMatch(info, /\r\ndb0:/, 'an empty database is not listed');
    await ask('SET k v');
    t.match(await ask('INFO keyspace'), /# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n/);
  });
});
