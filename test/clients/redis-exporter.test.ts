// A real redis_exporter reads Tutti, and finds what it finds in redis-server.

import t from 'tap';
import { missingPrograms, startRedis } from '../helpers/peers.ts';
import { findExporter, metricsOf } from '../helpers/redis-exporter.ts';
import { Connection, startServer } from '../helpers/server.ts';

const exporter = findExporter();
const missing =
  exporter === undefined
    ? 'prometheus-redis-exporter is not to be had: apt-get install prometheus-redis-exporter'
    : missingPrograms('redis-server');

/** Names without labels. */
const namesOf = (metrics: ReadonlyMap<string, number>) =>
  new Set([...metrics.keys()].map((name) => name.replace(/\{.*/, '')));

async function use(client: Connection): Promise<void> {
  await client.request('SET', 'k', 'v');
  await client.request('SET', 'expiring', 'v', 'EX', 1000);
  for (let i = 0; i < 10; i++) await client.request('GET', 'k');
  for (let i = 0; i < 3; i++) await client.request('GET', 'nosuch');
  await client.refusal('LPUSH', 'k', 'v');
  await client.request('SELECT', 2);
  await client.request('SET', 'other', 'v');
  await client.request('CONFIG', 'SET', 'latency-monitor-threshold', '1');
}

t.test('what redis_exporter tells', { skip: missing, timeout: 120_000 }, async (t) => {
  const server = await startServer(['--save', '', '--maxmemory', '1gb']);
  t.teardown(() => server.stop());
  const redis = await startRedis(['--maxmemory', '1gb']);
  t.teardown(() => redis.stop());
  const client = await server.raw();
  const peer = await Connection.open(redis.port);
  await use(client);
  await use(peer);
  const ours = await metricsOf(exporter ?? '', server.port);
  const theirs = await metricsOf(exporter ?? '', redis.port);

  t.test('has every figure that it has of redis-server', async (t) => {
    const found = namesOf(ours);
    t.strictSame(
      [...namesOf(theirs)].filter((name) => !found.has(name)),
      [],
    );
  });

  t.test('and the same where both have done the same', async (t) => {
    for (const name of [
      'redis_up',
      'redis_db_keys{db="db0"}',
      'redis_db_keys{db="db2"}',
      'redis_db_keys_expiring{db="db0"}',
      'redis_keyspace_hits_total',
      'redis_keyspace_misses_total',
      'redis_memory_max_bytes',
      'redis_evicted_keys_total',
      'redis_blocked_clients',
      'redis_config_maxclients',
      'redis_commands_total{cmd="get"}',
      'redis_commands_failed_calls_total{cmd="lpush"}',
      'redis_errors_total{err="WRONGTYPE"}',
      'redis_connected_slaves',
      'redis_exporter_last_scrape_error{err=""}',
    ]) {
      if (theirs.has(name)) t.equal(ours.get(name), theirs.get(name), name);
    }
    const ttl = ours.get('redis_db_avg_ttl_seconds{db="db0"}') ?? 0;
    t.ok(ttl > 900 && ttl <= 1000, `${ttl} s on average`);
    t.ok(ours.has('redis_slowlog_length'));
    t.ok((ours.get('redis_memory_used_bytes') ?? 0) > 100_000);
    t.ok((ours.get('redis_commands_duration_seconds_total{cmd="get"}') ?? -1) >= 0);
    t.ok([...ours.keys()].some((name) => /^redis_instance_info\{.*redis_version="7\.2/.test(name)));
  });
  client.close();
  peer.close();
});
