// Every setting, one row each: the directives of Redis 7.2 (redis:src/config.c), RedisAI's load
// arguments, and ours. The command line, the file, CONFIG and the README follow from it.

import { KiB } from '../core/units.ts';
import {
  fitted,
  flag,
  INT_MAX,
  integer,
  LONG_MAX,
  list,
  memory,
  memoryOrPercent,
  octal,
  oneOf,
  oomScoreAdj,
  row,
  type SettingRow,
  someOf,
  string,
  type Traits,
  UINT_MAX,
  ULONG_MAX,
} from './setting-kinds.ts';
import {
  isFileName,
  isHostName,
  isNoCluster,
  isTitleTemplate,
  readBind,
  readEvents,
  readOomScores,
  readOutputBufferLimit,
  readPercentiles,
  readReplicaOf,
  readSave,
} from './setting-readers.ts';

/** `kDatabaseCountMax` of native/keyspace/keyspace.h. */
const DATABASES_MAX = 16;

const fixed: Traits = { isMutable: false };
const load: Traits = { isInternal: true, isMutable: false };

const actions = ['no', 'yes', 'local'];

export const settingRows: readonly SettingRow[] = [
  // Ours.
  memory('reply-backlog-max', '0', 0, LONG_MAX, {
    effect:
      'Closes a client whose unsent replies pass it. 0: a quarter of the memory limit, at least 1 GiB.',
  }),
  memory('pool-idle-max', '0', 0, LONG_MAX, {
    effect: 'Most memory that idle buffers keep. 0: an eighth of the memory limit.',
  }),
  integer('min-batch-wait-max', 10_000, 1, INT_MAX, {
    ...fixed,
    effect:
      'Milliseconds that runs below MINBATCHSIZE wait for more if their model has no MINBATCHTIMEOUT.',
  }),

  // RedisAI's load arguments: words after `loadmodule PATH`, and AI.CONFIG.
  integer('ai.threads_per_queue', 1, 1, INT_MAX, { ...load, effect: 'Run threads of a device.' }),
  integer('ai.intra_op_parallelism', 0, 0, INT_MAX, {
    ...load,
    effect: 'CPU threads within an operator; 0: as the runtime likes.',
  }),
  integer('ai.inter_op_parallelism', 0, 0, INT_MAX, {
    ...load,
    effect: 'CPU threads across operators; 0: as the runtime likes.',
  }),
  integer('ai.model_chunk_size', 535_822_336, 1, LONG_MAX, {
    ...load,
    effect: 'Bytes of a piece of AI.MODELGET.',
  }),
  integer('ai.model_execution_timeout', 5000, 1000, LONG_MAX, {
    ...load,
    effect: 'Milliseconds after which a run is ended, where the runtime can (ONNX).',
  }),
  integer('ai.backend_memory_limit', 0, 1, LONG_MAX, {
    ...load,
    effect: "Megabytes (10^6 bytes) of ONNX Runtime's CPU allocator; 0: no limit.",
  }),
  string('ai.backendspath', '', { ...load, effect: 'Stored and answered.' }),
  string('ai.tf', '', load),
  string('ai.tflite', '', load),
  string('ai.torch', '', load),
  string('ai.onnx', '', load),

  // Redis: the network.
  integer('port', 6379, 0, 65535, { effect: 'TCP port; 0: none.' }),
  list('bind', '* -::*', { effect: 'Addresses to listen at.' }, readBind),
  string('bind-source-addr', '', { effect: 'Later: the address of the cluster bus.' }),
  string('unixsocket', '', { ...fixed, effect: 'Path of a Unix socket.' }),
  octal('unixsocketperm', '0', 0o777, { ...fixed, effect: 'Octal mode of the Unix socket.' }),
  integer('tcp-backlog', 511, 0, INT_MAX, { ...fixed, effect: 'Backlog of listeners.' }),
  integer('tcp-keepalive', 300, 0, INT_MAX, { effect: 'Seconds; 0: off.' }),
  integer('timeout', 0, 0, INT_MAX, { effect: 'Seconds after which idle clients are closed.' }),
  integer('maxclients', 10_000, 1, UINT_MAX, { effect: 'Most clients at a time.' }),
  flag('protected-mode', 'yes', {
    effect: 'Only this host may connect while the default user needs no password.',
  }),
  integer('io-threads', 1, 1, 128, {
    ...fixed,
    effect: 'Threads that serve clients; unless given, as many as there are cores, at most 8.',
  }),
  flag('io-threads-do-reads', 'no', fixed),
  integer('socket-mark-id', 0, 0, UINT_MAX, fixed),
  memory('proto-max-bulk-len', '512mb', 1024 * 1024, LONG_MAX, {
    effect: 'Most bytes of one argument.',
  }),
  memory('client-query-buffer-limit', '1gb', 1024 * 1024, LONG_MAX, {
    effect: 'Most bytes of one unfinished request, without its blobs.',
  }),
  list(
    'client-output-buffer-limit',
    'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60',
    { effect: 'Closes clients with more unsent replies.' },
    readOutputBufferLimit,
  ),
  memoryOrPercent('maxmemory-clients', '0', {
    effect:
      'Bytes that all clients may take, or a percentage of maxmemory; beyond, the largest are closed. 0: no limit.',
  }),

  // Redis: the process.
  flag('daemonize', 'no', {
    ...fixed,
    effect: 'Whether the server goes into the background, without standard output.',
  }),
  oneOf('supervised', 'no', ['upstart', 'systemd', 'auto', 'no'], {
    ...fixed,
    effect: 'Whom the server tells that it is ready; it then stays in the foreground.',
  }),
  string('pidfile', '', {
    ...fixed,
    effect: 'File with the process id while the server runs; /var/run/redis.pid with daemonize.',
  }),
  oneOf('loglevel', 'notice', ['debug', 'verbose', 'notice', 'warning'], {
    effect: 'What is logged.',
  }),
  string('logfile', '', { ...fixed, effect: 'Empty: standard output.' }),
  flag('syslog-enabled', 'no', {
    ...fixed,
    effect: "Whether the log also goes to the system's, by /dev/log.",
  }),
  string('syslog-ident', 'redis', { ...fixed, effect: 'The name of the server there.' }),
  oneOf(
    'syslog-facility',
    'local0',
    ['user', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
    { ...fixed, effect: 'The facility that it logs as there.' },
  ),
  flag('always-show-logo', 'no', {
    ...fixed,
    effect: 'Whether the log begins with a title page, also where it is no terminal.',
  }),
  flag('set-proc-title', 'yes', {
    ...fixed,
    effect: 'Whether `ps` shows proc-title-template.',
  }),
  string('proc-title-template', '{title} {listen-addr} {server-mode}', {
    check: isTitleTemplate,
    effect: 'The title: also of {port}, {tls-port}, {unixsocket}, {config-file}.',
  }),
  integer('databases', 16, 1, DATABASES_MAX, { ...fixed, effect: 'Number of databases.' }),
  string('dir', '.', { isProtected: true, effect: 'Working folder.' }),
  string('locale-collate', ''),
  string('requirepass', '', { effect: 'Password of the default user.' }),
  string('aclfile', '', { ...fixed, effect: 'File of users, one `user` line each; see Security.' }),
  integer('acllog-max-len', 128, 0, LONG_MAX, { effect: 'Most entries of ACL LOG.' }),
  oneOf('acl-pubsub-default', 'resetchannels', ['allchannels', 'resetchannels'], {
    effect: 'Which channels new users may use.',
  }),
  oneOf('enable-protected-configs', 'no', actions, {
    ...fixed,
    effect: 'Whether CONFIG SET may change protected settings.',
  }),
  oneOf('enable-debug-command', 'no', actions, {
    ...fixed,
    effect: 'Whether DEBUG is allowed to all, or to clients on this machine.',
  }),
  oneOf('enable-module-command', 'no', actions, fixed),
  integer('shutdown-timeout', 10, 0, INT_MAX),
  someOf('shutdown-on-sigint', 'default', ['default', 'save', 'nosave', 'now', 'force']),
  someOf('shutdown-on-sigterm', 'default', ['default', 'save', 'nosave', 'now', 'force']),
  flag('crash-log-enabled', 'yes'),
  flag('crash-memcheck-enabled', 'yes'),
  flag('use-exit-on-panic', 'no', { isHidden: true }),
  flag('disable-thp', 'yes', fixed),
  string('server-cpulist', '', { ...fixed, aliases: ['server_cpulist'] }),
  string('bio-cpulist', '', { ...fixed, aliases: ['bio_cpulist'] }),
  string('aof-rewrite-cpulist', '', { ...fixed, aliases: ['aof_rewrite_cpulist'] }),
  string('bgsave-cpulist', '', { ...fixed, aliases: ['bgsave_cpulist'] }),
  string('ignore-warnings', ''),
  oomScoreAdj(),
  list(
    'oom-score-adj-values',
    '0 200 800',
    { effect: 'What is written there: the first value, for a primary.' },
    readOomScores,
  ),
  fitted(integer('hz', 10, 0, INT_MAX), 1, 500),
  flag('dynamic-hz', 'yes'),
  integer('busy-reply-threshold', 5000, 0, LONG_MAX, { aliases: ['lua-time-limit'] }),
  flag('lua-enable-deprecated-api', 'no', { ...fixed, isHidden: true }),
  integer('watchdog-period', 0, 0, INT_MAX, { isHidden: true }),
  oneOf('propagation-error-behavior', 'ignore', ['ignore', 'panic', 'panic-on-replicas']),

  // Redis: memory.
  memory('maxmemory', '0', 0, ULONG_MAX, { effect: 'Most memory of data; 0: no limit.' }),
  oneOf(
    'maxmemory-policy',
    'noeviction',
    [
      'volatile-lru',
      'volatile-lfu',
      'volatile-random',
      'volatile-ttl',
      'allkeys-lru',
      'allkeys-lfu',
      'allkeys-random',
      'noeviction',
    ],
    {
      effect:
        'Which keys go to make room, models and scripts too: of all, or of those that expire; unless any, what would grow is refused.',
    },
  ),
  integer('maxmemory-samples', 5, 1, INT_MAX, {
    effect: 'Keys that are looked at for each that goes.',
  }),
  integer('maxmemory-eviction-tenacity', 10, 0, 100, {
    effect: 'How long a command may take to make room: 50 µs each up to 10, 100 for ever.',
  }),
  integer('lfu-log-factor', 10, 0, INT_MAX, {
    effect: 'How slowly uses of a key are counted, where maxmemory-policy is one by frequency.',
  }),
  integer('lfu-decay-time', 1, 0, INT_MAX, {
    effect: 'Minutes after which one is taken off; 0: never.',
  }),
  integer('active-expire-effort', 1, 1, 10),
  flag('activerehashing', 'yes'),
  flag('jemalloc-bg-thread', 'yes'),
  flag('activedefrag', 'no'),
  integer('active-defrag-cycle-min', 1, 1, 99),
  integer('active-defrag-cycle-max', 25, 1, 99),
  integer('active-defrag-threshold-lower', 10, 0, 1000),
  integer('active-defrag-threshold-upper', 100, 0, 1000),
  integer('active-defrag-max-scan-fields', 1000, 1, LONG_MAX),
  memory('active-defrag-ignore-bytes', '100mb', 1, LONG_MAX),
  flag('lazyfree-lazy-eviction', 'no'),
  flag('lazyfree-lazy-expire', 'no'),
  flag('lazyfree-lazy-server-del', 'no'),
  flag('lazyfree-lazy-user-del', 'no'),
  flag('lazyfree-lazy-user-flush', 'no'),
  integer('hash-max-listpack-entries', 512, 0, LONG_MAX, {
    aliases: ['hash-max-ziplist-entries'],
    effect: 'Most fields of a hash in its small form, in the order of their coming.',
  }),
  memory('hash-max-listpack-value', '64', 0, LONG_MAX, {
    aliases: ['hash-max-ziplist-value'],
    effect: 'Longest field or value of it.',
  }),
  integer('list-max-listpack-size', -2, -INT_MAX - 1n, INT_MAX, {
    aliases: ['list-max-ziplist-size'],
    effect: 'What OBJECT ENCODING calls a listpack: so many elements, or -1 to -5: 4 to 64 KiB.',
  }),
  integer('list-compress-depth', 0, 0, INT_MAX),
  integer('set-max-intset-entries', 512, 0, LONG_MAX, {
    effect: 'Most members of a set of integers that is kept in their order.',
  }),
  integer('set-max-listpack-entries', 128, 0, LONG_MAX, {
    effect: 'Most members of a set in its small form.',
  }),
  memory('set-max-listpack-value', '64', 0, LONG_MAX, { effect: 'Longest member of it.' }),
  integer('zset-max-listpack-entries', 128, 0, LONG_MAX, {
    aliases: ['zset-max-ziplist-entries'],
    effect: 'Most members of a sorted set in its small form.',
  }),
  memory('zset-max-listpack-value', '64', 0, LONG_MAX, {
    aliases: ['zset-max-ziplist-value'],
    effect: 'Longest member of it.',
  }),
  memory('hll-sparse-max-bytes', '3000', 0, LONG_MAX),
  memory('stream-node-max-bytes', '4096', 0, LONG_MAX),
  integer('stream-node-max-entries', 100, 0, LONG_MAX, {
    effect: 'What XADD and XTRIM with `~` remove at a time.',
  }),
  integer('tracking-table-max-keys', 1_000_000, 0, LONG_MAX),

  // Redis: what is watched.
  integer('slowlog-log-slower-than', 10_000, -1, LONG_MAX, {
    effect:
      'Microseconds from which on the slow log takes a command, a run of a model with all its time; negative: never. Commands about one value are each timed only below 1,000, or with large arguments.',
  }),
  integer('slowlog-max-len', 128, 0, LONG_MAX, { effect: 'Most commands in the slow log.' }),
  integer('latency-monitor-threshold', 0, 0, LONG_MAX, {
    effect: 'Milliseconds from which on LATENCY notes an event; 0: never.',
  }),
  flag('latency-tracking', 'yes', { effect: 'Whether INFO has percentiles of latencies.' }),
  list(
    'latency-tracking-info-percentiles',
    '50 99 99.9',
    { effect: 'Which percentiles of latencies INFO has.' },
    readPercentiles,
  ),
  row(
    'notify-keyspace-events',
    'flags',
    '',
    { effect: 'Which changes of keys are published, as letters; none unless K or E is there.' },
    false,
    readEvents,
  ),

  // Redis: files.
  list(
    'save',
    '3600 1 300 100 60 10000',
    { effect: 'Save points: after so many seconds, if so many keys have changed.' },
    readSave,
  ),
  flag('stop-writes-on-bgsave-error', 'yes', {
    effect: 'Whether changes are refused while save points fail.',
  }),
  flag('rdbcompression', 'yes', {
    effect:
      'Whether strings are compressed in the file and by DUMP; blobs of tensors and models never are.',
  }),
  flag('rdbchecksum', 'yes', { ...fixed, effect: 'Whether the file ends in a checksum.' }),
  string('dbfilename', 'dump.rdb', {
    effect: 'The file in `dir` that keys are saved to, and loaded from at the start.',
    isProtected: true,
    check: isFileName('dbfilename'),
  }),
  flag('rdb-del-sync-files', 'no'),
  flag('rdb-save-incremental-fsync', 'yes', {
    effect: 'Whether the file goes to the disk bit by bit, and not all at the end.',
  }),
  integer('rdb-key-save-delay', 0, -INT_MAX - 1n, INT_MAX, {
    isHidden: true,
    effect:
      'Microseconds of rest after each key saved; below 0, one after so many keys. For tests.',
  }),
  integer('key-load-delay', 0, -INT_MAX - 1n, INT_MAX, {
    isHidden: true,
    effect: 'The same for keys loaded.',
  }),
  memory('loading-process-events-interval-bytes', '2mb', 1024, INT_MAX, { isHidden: true }),
  oneOf('sanitize-dump-payload', 'no', ['no', 'yes', 'clients']),
  flag('appendonly', 'no', {
    effect: 'Whether changes are written to the append-only file, and read from it at the start.',
  }),
  string('appendfilename', 'appendonly.aof', {
    ...fixed,
    effect: 'What the names of the append-only files begin with.',
    check: isFileName('appendfilename'),
  }),
  string('appenddirname', 'appendonlydir', {
    ...fixed,
    effect: 'The folder of the append-only files, in `dir`.',
    check: isFileName('appenddirname', 'dirname'),
  }),
  oneOf('appendfsync', 'everysec', ['everysec', 'always', 'no'], {
    effect: 'When changes are on the disk: once a second, before they are answered, or some time.',
  }),
  flag('no-appendfsync-on-rewrite', 'no', {
    effect: 'Whether the disk is left to a rewrite while it goes on.',
  }),
  integer('auto-aof-rewrite-percentage', 100, 0, INT_MAX, {
    effect: 'By how many percent the append-only files grow until they are rewritten. 0: never.',
  }),
  memory('auto-aof-rewrite-min-size', '64mb', 0, LONG_MAX, {
    effect: 'Files that are smaller are not.',
  }),
  memory('journal-backlog-max', '64mb', 1, LONG_MAX, {
    effect:
      'Bytes on their way to the append-only file; while it is more, replies to changes wait.',
  }),
  flag('aof-load-truncated', 'yes', {
    effect: 'Whether an append-only file that ends within a command is cut there, or refused.',
  }),
  flag('aof-use-rdb-preamble', 'yes', {
    effect: 'Whether a rewrite writes RDB, or commands.',
  }),
  flag('aof-timestamp-enabled', 'no', {
    effect: 'Whether the append-only files say when what was done, for redis-check-aof.',
  }),
  flag('aof-rewrite-incremental-fsync', 'yes', {
    effect: 'Whether a rewrite goes to the disk bit by bit.',
  }),
  flag('aof-disable-auto-gc', 'no', {
    effect: 'Whether append-only files that a rewrite has replaced are kept.',
  }),

  // Redis: replication.
  list('replicaof', '', { ...fixed, aliases: ['slaveof'] }, readReplicaOf),
  string('masteruser'),
  string('masterauth'),
  flag('replica-serve-stale-data', 'yes', { aliases: ['slave-serve-stale-data'] }),
  flag('replica-read-only', 'yes', { aliases: ['slave-read-only'] }),
  flag('replica-ignore-maxmemory', 'yes', { aliases: ['slave-ignore-maxmemory'] }),
  flag('replica-ignore-disk-write-errors', 'no'),
  flag('replica-lazy-flush', 'no', { aliases: ['slave-lazy-flush'] }),
  flag('replica-announced', 'yes'),
  integer('replica-priority', 100, 0, INT_MAX, { aliases: ['slave-priority'] }),
  string('replica-announce-ip', '', { aliases: ['slave-announce-ip'] }),
  integer('replica-announce-port', 0, 0, 65535, { aliases: ['slave-announce-port'] }),
  flag('repl-diskless-sync', 'yes'),
  integer('repl-diskless-sync-delay', 5, 0, INT_MAX),
  integer('repl-diskless-sync-max-replicas', 0, 0, INT_MAX),
  oneOf('repl-diskless-load', 'disabled', ['disabled', 'on-empty-db', 'swapdb']),
  flag('repl-disable-tcp-nodelay', 'no'),
  integer('repl-timeout', 60, 1, INT_MAX),
  integer('repl-ping-replica-period', 10, 1, INT_MAX, { aliases: ['repl-ping-slave-period'] }),
  fitted(memory('repl-backlog-size', '1mb', 1, LONG_MAX), 16 * KiB, Number.POSITIVE_INFINITY),
  integer('repl-backlog-ttl', 3600, 0, LONG_MAX),
  integer('min-replicas-to-write', 0, 0, INT_MAX, {
    aliases: ['min-slaves-to-write'],
    effect: 'Above 0: commands that change data are refused, as there are no replicas.',
  }),
  integer('min-replicas-max-lag', 10, 0, INT_MAX, {
    aliases: ['min-slaves-max-lag'],
    effect: '0: min-replicas-to-write does not count.',
  }),

  // Redis: the cluster.
  flag('cluster-enabled', 'no', { ...fixed, check: isNoCluster }),
  string('cluster-config-file', 'nodes.conf', fixed),
  integer('cluster-node-timeout', 15_000, 0, LONG_MAX),
  integer('cluster-port', 0, 0, 65535, fixed),
  string('cluster-announce-ip'),
  string('cluster-announce-hostname', '', { check: isHostName }),
  string('cluster-announce-human-nodename'),
  integer('cluster-announce-port', 0, 0, 65535),
  integer('cluster-announce-tls-port', 0, 0, 65535),
  integer('cluster-announce-bus-port', 0, 0, 65535),
  oneOf('cluster-preferred-endpoint-type', 'ip', ['ip', 'hostname', 'unknown-endpoint']),
  flag('cluster-require-full-coverage', 'yes'),
  flag('cluster-replica-no-failover', 'no', { aliases: ['cluster-slave-no-failover'] }),
  integer('cluster-replica-validity-factor', 10, 0, INT_MAX, {
    aliases: ['cluster-slave-validity-factor'],
  }),
  integer('cluster-migration-barrier', 1, 0, INT_MAX),
  flag('cluster-allow-replica-migration', 'yes'),
  flag('cluster-allow-reads-when-down', 'no'),
  flag('cluster-allow-pubsubshard-when-down', 'yes'),
  memory('cluster-link-sendbuf-limit', '0', 0, ULONG_MAX),

  // Redis: TLS.
  integer('tls-port', 0, 0, 65535, { effect: 'Port for clients through TLS; 0: none.' }),
  flag('tls-cluster', 'no'),
  flag('tls-replication', 'no'),
  oneOf('tls-auth-clients', 'yes', ['no', 'yes', 'optional'], {
    effect: 'Whether clients must have a certificate; `optional`: a right one or none.',
  }),
  flag('tls-prefer-server-ciphers', 'no', {
    effect: "Whether the server's order of ciphers counts.",
  }),
  flag('tls-session-caching', 'yes', {
    effect: 'Whether clients may go on with a session, by a ticket that they keep.',
  }),
  integer('tls-session-cache-size', 20_480, 0, INT_MAX),
  integer('tls-session-cache-timeout', 300, 0, INT_MAX, {
    effect: 'Seconds that a ticket is good.',
  }),
  string('tls-cert-file', '', { effect: "The server's certificate, PEM." }),
  string('tls-key-file', '', { effect: 'Its key; if empty, in `tls-cert-file` too.' }),
  string('tls-key-file-pass', '', { effect: 'The passphrase of the key.' }),
  string('tls-ca-cert-file', '', { effect: "Authorities of clients' certificates, PEM." }),
  string('tls-ca-cert-dir', '', { effect: 'A folder of them.' }),
  string('tls-dh-params-file', '', { effect: 'Diffie-Hellman parameters, PEM.' }),
  string('tls-protocols', '', {
    effect: 'Of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3; by default the last two.',
  }),
  string('tls-ciphers', '', { effect: 'Ciphers before TLS 1.3, with colons between.' }),
  string('tls-ciphersuites', '', { effect: 'Those of TLS 1.3.' }),
  ...['tls-client-cert-file', 'tls-client-key-file', 'tls-client-key-file-pass'].map((name) =>
    string(name),
  ),
];
