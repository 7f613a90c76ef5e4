// INFO (compat.md 4.2; the sections of RedisAI are in info-ai.ts). Names and order follow Redis 7.2, and clients
// read both; what has no meaning here is left out, or 0 where a program looks for it.

import { arch, release, type as systemName } from 'node:os';
import { MODULE_VERSION, REDIS_VERSION } from '../config/version.ts';
import { humanBytes } from '../core/units.ts';
import { addon, type ProcessStatistics } from '../engine/addon.ts';
import { denialReasons } from '../engine/client-commands.ts';
import { subscriptionKinds } from '../engine/event-commands.ts';
import type { JournalFacts } from '../engine/journal-commands.ts';
import type { DataFacts } from '../engine/stored-data.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { modelSection, moduleSections } from './info-ai.ts';
import { inSeconds, mainThreadSeconds } from './info-cpu.ts';
import type { Fields, Section } from './info-section.ts';
import { shown } from './words.ts';

export const infoCommands: readonly Command[] = [
  {
    name: 'info',
    summary: 'Returns facts and figures about the server, by section.',
    since: '1.0.0',
    group: 'server',
    arity: -1,
    flags: ['loading', 'stale'],
    categories: ['@dangerous'],
    keys: noKeys,
    readsAllKeys: true,
    run: info,
  },
];

function info(call: Call): void {
  const { reply, request } = call;
  const wanted = new Set<string>();
  for (let i = 1; i < request.count; i++) wanted.add(shown(request, i).toLowerCase());
  const isPlain = wanted.size === 0 || wanted.has('default');
  const isEverything = wanted.has('everything');
  const isAll = isEverything || wanted.has('all');
  call.server.shareTraffic();
  const statistics = addon().statistics();
  const texts: string[] = [];
  for (const section of sections) {
    const isWanted = isAll || (isPlain && section.isDefault) || wanted.has(section.name);
    if (isWanted) texts.push(written(section, call, statistics));
  }
  const hasModules = isEverything || wanted.has('modules') || wanted.has('ai');
  for (const section of moduleSections) {
    if (hasModules || wanted.has(section.name)) texts.push(written(section, call, statistics));
  }
  if (wanted.has(modelSection.name)) texts.push(written(modelSection, call, statistics));
  reply.verbatim(texts.join('\r\n'));
}

function written(section: Section, call: Call, statistics: ProcessStatistics): string {
  const lines = Object.entries(section.fields(call, statistics)).map(
    ([name, value]) => `${name}:${value}\r\n`,
  );
  return `# ${section.title}\r\n${lines.join('')}`;
}

const SECONDS_A_DAY = 86_400;

function server({ server }: Call): Fields {
  const now = Date.now();
  const uptimeSeconds = Math.floor((now - server.startedMs) / 1000);
  const hz = server.settings.number('hz');
  return {
    redis_version: REDIS_VERSION,
    redis_git_sha1: '00000000',
    redis_git_dirty: 0,
    redis_build_id: '0',
    redis_mode: 'standalone',
    os: `${systemName()} ${release()} ${arch() === 'x64' ? 'x86_64' : arch()}`,
    arch_bits: 64,
    monotonic_clock: 'POSIX clock_gettime',
    multiplexing_api: 'epoll',
    atomicvar_api: 'c11-builtin',
    gcc_version: addon().compilerVersion,
    process_id: process.pid,
    process_supervised: 'no',
    run_id: server.runId,
    tcp_port: server.tcpPort,
    server_time_usec: addon().unixMicroseconds(),
    uptime_in_seconds: uptimeSeconds,
    uptime_in_days: Math.floor(uptimeSeconds / SECONDS_A_DAY),
    hz,
    configured_hz: hz,
    lru_clock: Math.floor(now / 1000) & 0xff_ffff,
    executable: server.executable,
    config_file: server.configFile ?? '',
    io_threads_active: server.threadCount > 1 ? 1 : 0,
    io_threads: server.threadCount,
    ...listeners(server),
  };
}

/** As of 7.2: a line for each kind of listener. */
function listeners({ settings, tcpPort }: Call['server']): Fields {
  const lines: string[] = [];
  const addresses = settings.text('bind').split(' ');
  if (tcpPort > 0)
    lines.push(
      `name=tcp,${addresses.map((address) => `bind=${address}`).join(',')},port=${tcpPort}`,
    );
  const path = settings.text('unixsocket');
  if (path !== '') lines.push(`name=unix,bind=${path}`);
  return Object.fromEntries(lines.map((line, i) => [`listener${i}`, line]));
}

function clients({ server }: Call, statistics: ProcessStatistics): Fields {
  return {
    connected_clients: statistics.connectedClients,
    cluster_connections: 0,
    maxclients: server.settings.clientsMax,
    client_recent_max_input_buffer: 0,
    client_recent_max_output_buffer: 0,
    blocked_clients: server.blockedCount(),
    tracking_clients: 0,
    pubsub_clients: addon().listenerCount(),
    clients_in_timeout_table: 0,
    total_blocking_keys: addon().awaitedKeyCount(),
    total_blocking_keys_on_nokey: 0,
  };
}

function ratio(a: number, b: number): string {
  return (b > 0 ? a / b : 0).toFixed(2);
}

function memory({ server }: Call, statistics: ProcessStatistics): Fields {
  const { usedMemory, usedMemoryByKind, usedMemoryPeak, rss, totalSystemMemory } = statistics;
  const { keys, tensors, models, runtimes, requests, replies } = usedMemoryByKind;
  const datasetBytes = keys + tensors + models;
  const { maxmemoryBytes } = server.settings;
  return {
    used_memory: usedMemory,
    used_memory_human: humanBytes(usedMemory),
    used_memory_rss: rss,
    used_memory_rss_human: humanBytes(rss),
    used_memory_peak: usedMemoryPeak,
    used_memory_peak_human: humanBytes(usedMemoryPeak),
    used_memory_peak_perc: `${ratio(100 * usedMemory, usedMemoryPeak)}%`,
    used_memory_overhead: Math.max(usedMemory - datasetBytes, 0),
    used_memory_startup: 0,
    used_memory_dataset: datasetBytes,
    used_memory_dataset_perc: `${ratio(100 * datasetBytes, usedMemory)}%`,
    used_memory_keys: keys,
    used_memory_tensors: tensors,
    used_memory_models: models,
    used_memory_runtimes: runtimes,
    used_memory_requests: requests,
    used_memory_replies: replies,
    mem_pool_idle: statistics.poolIdleBytes,
    allocator_allocated: usedMemory,
    allocator_active: usedMemory + statistics.poolIdleBytes,
    allocator_resident: rss,
    total_system_memory: totalSystemMemory,
    total_system_memory_human: humanBytes(totalSystemMemory),
    used_memory_lua: 0,
    used_memory_vm_eval: 0,
    used_memory_lua_human: '0B',
    used_memory_scripts_eval: 0,
    number_of_cached_scripts: 0,
    number_of_functions: 0,
    number_of_libraries: 0,
    used_memory_vm_functions: 0,
    used_memory_vm_total: 0,
    used_memory_vm_total_human: '0B',
    used_memory_functions: 0,
    used_memory_scripts: 0,
    used_memory_scripts_human: '0B',
    maxmemory: server.settings.text('maxmemory'),
    maxmemory_human: humanBytes(maxmemoryBytes),
    maxmemory_policy: server.settings.text('maxmemory-policy'),
    allocator_frag_ratio: ratio(usedMemory + statistics.poolIdleBytes, usedMemory),
    allocator_frag_bytes: statistics.poolIdleBytes,
    allocator_rss_ratio: ratio(rss, usedMemory + statistics.poolIdleBytes),
    allocator_rss_bytes: rss - usedMemory - statistics.poolIdleBytes,
    rss_overhead_ratio: '1.00',
    rss_overhead_bytes: 0,
    mem_fragmentation_ratio: ratio(rss, usedMemory),
    mem_fragmentation_bytes: rss - usedMemory,
    mem_not_counted_for_evict: statistics.notCountedBytes,
    mem_replication_backlog: 0,
    mem_total_replication_buffers: 0,
    mem_clients_slaves: 0,
    mem_clients_normal: requests + replies,
    mem_cluster_links: 0,
    mem_aof_buffer: addon().journalFacts().waitingBytes,
    mem_allocator: 'libc',
    active_defrag_running: 0,
    lazyfree_pending_objects: statistics.freeingCount,
    lazyfreed_objects: statistics.freedCount,
  };
}

function persistence(): Fields {
  const facts = addon().dataFacts();
  const journal = addon().journalFacts();
  const isInBackground = facts.isSaving && facts.isBackground;
  return {
    loading: facts.isLoading ? 1 : 0,
    async_loading: 0,
    current_cow_peak: 0,
    current_cow_size: 0,
    current_cow_size_age: 0,
    current_fork_perc: isInBackground ? ratio(100 * facts.keysSaved, facts.keyCount) : '0.00',
    current_save_keys_processed: isInBackground ? facts.keysSaved : 0,
    current_save_keys_total: isInBackground ? facts.keyCount : 0,
    rdb_changes_since_last_save: facts.changes,
    rdb_bgsave_in_progress: isInBackground ? 1 : 0,
    rdb_last_save_time: facts.lastSaveAtSeconds,
    rdb_last_bgsave_status: facts.isLastOk ? 'ok' : 'err',
    rdb_last_bgsave_time_sec: facts.lastSeconds,
    rdb_current_bgsave_time_sec: isInBackground ? nowSeconds() - facts.startedAtSeconds : -1,
    rdb_saves: facts.saveCount,
    rdb_last_cow_size: 0,
    rdb_last_load_keys_expired: facts.keysExpired,
    rdb_last_load_keys_loaded: facts.keysLoaded,
    aof_enabled: journal.isOn ? 1 : 0,
    aof_rewrite_in_progress: journal.isRewriting ? 1 : 0,
    aof_rewrite_scheduled: 0,
    aof_last_rewrite_time_sec: journal.rewriteSeconds,
    aof_current_rewrite_time_sec: journal.isRewriting
      ? nowSeconds() - journal.rewriteStartedAtSeconds
      : -1,
    aof_last_bgrewrite_status: journal.isRewriteOk ? 'ok' : 'err',
    aof_rewrites: journal.rewriteCount,
    aof_rewrites_consecutive_failures: journal.rewriteFailureCount,
    aof_last_write_status: journal.isWriteOk ? 'ok' : 'err',
    aof_last_cow_size: 0,
    module_fork_in_progress: 0,
    module_fork_last_cow_size: 0,
    ...journalFields(journal),
    ...loading(facts),
  };
}

/** While there is an append-only file. */
function journalFields(journal: JournalFacts): Fields {
  if (!journal.isOn) return {};
  return {
    aof_current_size: journal.bytes,
    aof_base_size: journal.baseBytes,
    aof_pending_rewrite: 0,
    aof_buffer_length: journal.waitingBytes,
    aof_pending_bio_fsync: 0,
    aof_delayed_fsync: journal.delayedSyncCount,
  };
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** While the file is being loaded. */
function loading(facts: DataFacts): Fields {
  if (!facts.isLoading) return {};
  const { loadBytesTotal, loadBytesLoaded, loadStartedAtSeconds } = facts;
  const seconds = nowSeconds() - loadStartedAtSeconds;
  const left = loadBytesTotal - loadBytesLoaded;
  return {
    loading_start_time: loadStartedAtSeconds,
    loading_total_bytes: loadBytesTotal,
    loading_rdb_used_mem: 0,
    loading_loaded_bytes: loadBytesLoaded,
    loading_loaded_perc: ratio(100 * loadBytesLoaded, loadBytesTotal),
    loading_eta_seconds: loadBytesLoaded > 0 ? Math.floor((seconds * left) / loadBytesLoaded) : 1,
  };
}

function stats({ server }: Call, statistics: ProcessStatistics): Fields {
  let errorCount = 0;
  for (const count of server.errorCounts().values()) errorCount += count;
  const rates = server.rates();
  const refusals = addon().aclLogCounts();
  const denied = (reason: (typeof denialReasons)[number]) =>
    refusals[denialReasons.indexOf(reason)] ?? 0;
  return {
    total_connections_received: statistics.totalConnections,
    total_commands_processed: server.commandCount(),
    instantaneous_ops_per_sec: Math.round(rates.commands),
    total_net_input_bytes: statistics.netInputBytes,
    total_net_output_bytes: statistics.netOutputBytes,
    total_net_repl_input_bytes: 0,
    total_net_repl_output_bytes: 0,
    instantaneous_input_kbps: (rates.inputBytes / 1024).toFixed(2),
    instantaneous_output_kbps: (rates.outputBytes / 1024).toFixed(2),
    instantaneous_input_repl_kbps: '0.00',
    instantaneous_output_repl_kbps: '0.00',
    rejected_connections: statistics.rejectedConnections,
    sync_full: 0,
    sync_partial_ok: 0,
    sync_partial_err: 0,
    expired_keys: statistics.expired,
    expired_stale_perc: '0.00',
    expired_time_cap_reached_count: 0,
    expire_cycle_cpu_milliseconds: 0,
    evicted_keys: statistics.evicted,
    evicted_clients: statistics.evictedClients,
    total_eviction_exceeded_time: 0,
    current_eviction_exceeded_time: 0,
    keyspace_hits: statistics.hits,
    keyspace_misses: statistics.misses,
    pubsub_channels: addon().channelCount(subscriptionKinds.channel),
    pubsub_patterns: addon().channelCount(subscriptionKinds.pattern),
    pubsubshard_channels: addon().channelCount(subscriptionKinds.shardChannel),
    latest_fork_usec: 0,
    total_forks: 0,
    migrate_cached_sockets: addon().migrationPeers(),
    slave_expires_tracked_keys: 0,
    active_defrag_hits: 0,
    active_defrag_misses: 0,
    active_defrag_key_hits: 0,
    active_defrag_key_misses: 0,
    total_active_defrag_time: 0,
    current_active_defrag_time: 0,
    tracking_total_keys: 0,
    tracking_total_items: 0,
    tracking_total_prefixes: 0,
    unexpected_error_replies: 0,
    total_error_replies: errorCount,
    tls_handshake_failures: server.handshakeFailureCount(),
    dump_payload_sanitizations: 0,
    total_reads_processed: 0,
    total_writes_processed: 0,
    io_threaded_reads_processed: 0,
    io_threaded_writes_processed: 0,
    reply_buffer_shrinks: 0,
    reply_buffer_expands: 0,
    ...loops(server),
    acl_access_denied_auth: denied('auth'),
    acl_access_denied_cmd: denied('command'),
    acl_access_denied_key: denied('key'),
    acl_access_denied_channel: denied('channel'),
  };
}

/** Of the event loops of all I/O threads, as of 7.2, and whom they have closed. */
function loops(server: Call['server']): Fields {
  const totals = server.threadTotals();
  const rates = server.rates();
  let commandMicroseconds = 0;
  for (const { microseconds } of server.commandFigures().values())
    commandMicroseconds += microseconds;
  return {
    client_query_buffer_limit_disconnections: totals.queryLimitClosed,
    client_output_buffer_limit_disconnections: totals.outputLimitClosed,
    eventloop_cycles: totals.cycles,
    eventloop_duration_sum: totals.busyMicroseconds,
    eventloop_duration_cmd_sum: Math.round(commandMicroseconds),
    instantaneous_eventloop_cycles_per_sec: Math.round(rates.cycles),
    instantaneous_eventloop_duration_usec: Math.round(rates.cycleMicroseconds),
  };
}

function replication({ server }: Call): Fields {
  return {
    role: 'master',
    connected_slaves: 0,
    ...(server.settings.number('min-replicas-to-write') > 0 &&
      server.settings.number('min-replicas-max-lag') > 0 && { min_slaves_good_slaves: 0 }),
    master_failover_state: 'no-failover',
    master_replid: server.runId,
    master_replid2: '0'.repeat(40),
    master_repl_offset: 0,
    second_repl_offset: -1,
    repl_backlog_active: 0,
    repl_backlog_size: server.settings.text('repl-backlog-size'),
    repl_backlog_first_byte_offset: 0,
    repl_backlog_histlen: 0,
  };
}

function cpu(): Fields {
  const { system, user } = process.cpuUsage();
  const main = mainThreadSeconds();
  return {
    used_cpu_sys: inSeconds(system),
    used_cpu_user: inSeconds(user),
    used_cpu_sys_children: '0.000000',
    used_cpu_user_children: '0.000000',
    used_cpu_sys_main_thread: main.system,
    used_cpu_user_main_thread: main.user,
  };
}

function modules(): Fields {
  return {
    module: `name=ai,ver=${MODULE_VERSION},api=1,filters=0,usedby=[],using=[],options=[]`,
  };
}

function commandStats({ server }: Call): Fields {
  const fields: Fields = {};
  for (const [name, figures] of server.commandFigures()) {
    const { calls, microseconds, rejected, failed } = figures;
    const perCall = ratio(microseconds, calls);
    fields[`cmdstat_${name}`] =
      `calls=${calls},usec=${Math.round(microseconds)},usec_per_call=${perCall},rejected_calls=${rejected},failed_calls=${failed}`;
  }
  return fields;
}

function latencyStats({ server }: Call): Fields {
  const fields: Fields = {};
  if (server.settings.text('latency-tracking') !== 'yes') return fields;
  const given = server.settings.text('latency-tracking-info-percentiles');
  const percents = given.split(' ').filter((percent) => percent !== '');
  for (const [name, limits] of server.commandPercentiles(percents.map(Number))) {
    fields[`latency_percentiles_usec_${name}`] = percents
      .map((percent, i) => `p${percent}=${limits[i]?.toFixed(3)}`)
      .join(',');
  }
  return fields;
}

function errorStats({ server }: Call): Fields {
  const fields: Fields = {};
  for (const [code, count] of server.errorCounts()) fields[`errorstat_${code}`] = `count=${count}`;
  return fields;
}

function keyspaceSizes({ keyspace, server }: Call): Fields {
  const fields: Fields = {};
  for (let db = 0; db < server.settings.databaseCount; db++) {
    const keys = keyspace.size(db);
    if (keys === 0) continue;
    const expires = keyspace.expiringCount(db);
    const averageTtlMs = expires > 0 ? addon().databaseAverageTtlMs(db) : 0;
    fields[`db${db}`] = `keys=${keys},expires=${expires},avg_ttl=${averageTtlMs}`;
  }
  return fields;
}

const sections: readonly Section[] = [
  { name: 'server', title: 'Server', isDefault: true, fields: server },
  { name: 'clients', title: 'Clients', isDefault: true, fields: clients },
  { name: 'memory', title: 'Memory', isDefault: true, fields: memory },
  { name: 'persistence', title: 'Persistence', isDefault: true, fields: persistence },
  { name: 'stats', title: 'Stats', isDefault: true, fields: stats },
  { name: 'replication', title: 'Replication', isDefault: true, fields: replication },
  { name: 'cpu', title: 'CPU', isDefault: true, fields: cpu },
  { name: 'modules', title: 'Modules', isDefault: true, fields: modules },
  { name: 'commandstats', title: 'Commandstats', isDefault: false, fields: commandStats },
  { name: 'errorstats', title: 'Errorstats', isDefault: true, fields: errorStats },
  { name: 'latencystats', title: 'Latencystats', isDefault: false, fields: latencyStats },
  { name: 'cluster', title: 'Cluster', isDefault: true, fields: () => ({ cluster_enabled: 0 }) },
  { name: 'keyspace', title: 'Keyspace', isDefault: true, fields: keyspaceSizes },
];
