// Keys of any type.

import { docsOf } from './doc.ts';

export const keysDocs = docsOf(`
del key...
  O(N) for N keys, and O(M) for one of M elements
  tips request_policy:multi_shard response_policy:agg_sum
unlink key...
  O(1) per key; its N parts are freed elsewhere in O(N)
  tips request_policy:multi_shard response_policy:agg_sum
exists key...
  O(N) for N keys
  3.0.3 Several keys.
  tips request_policy:multi_shard response_policy:agg_sum
touch key...
  O(N) for N keys
  tips request_policy:multi_shard response_policy:agg_sum
type key
rename key newkey
renamenx key newkey
  3.2.0 The same name twice is no error.
expire key seconds [condition@7.0.0(NX | XX | GT | LT)]
  7.0.0 NX, XX, GT and LT.
pexpire key milliseconds [condition@7.0.0(NX | XX | GT | LT)]
  7.0.0 NX, XX, GT and LT.
expireat key unix-time-seconds [condition@7.0.0(NX | XX | GT | LT)]
  7.0.0 NX, XX, GT and LT.
pexpireat key unix-time-milliseconds [condition@7.0.0(NX | XX | GT | LT)]
  7.0.0 NX, XX, GT and LT.
ttl key
  2.8.0 -2 for no key.
  tips nondeterministic_output
pttl key
  2.8.0 -2 for no key.
  tips nondeterministic_output
expiretime key
pexpiretime key
persist key
object
  That of the subcommand
object|encoding key
  tips nondeterministic_output
object|freq key
  tips nondeterministic_output
object|idletime key
  tips nondeterministic_output
object|refcount key
  tips nondeterministic_output
copy source destination [DB destination-db] [REPLACE]
  O(N) for a collection of N elements, O(1) for a string
randomkey
  tips request_policy:all_shards nondeterministic_output
wait numreplicas timeout
  tips request_policy:all_shards response_policy:agg_min
dump key
  O(1) to find the key, O(N*M) to write its N elements of M bytes
  tips nondeterministic_output
restore key ttl serialized-value [REPLACE@3.0.0] [ABSTTL@5.0.0] [IDLETIME seconds@5.0.0]
    [FREQ frequency@5.0.0]
  O(1) for the key, O(N*M) for N elements of M bytes; a sorted set takes O(N*M*log(N))
  3.0.0 REPLACE.
  5.0.0 ABSTTL.
  5.0.0 IDLETIME and FREQ.
migrate host port key_or_empty_string(key | empty_string="") destination-db timeout [COPY@3.0.0]
    [REPLACE@3.0.0] [authentication([AUTH password@4.0.7] | [AUTH2
    username_password@6.0.0(username password)])] [KEYS key@3.0.6...]
  DUMP and DEL here, RESTORE there, and O(N) to send N bytes
  3.0.0 COPY and REPLACE.
  3.0.6 KEYS.
  4.0.7 AUTH.
  6.0.0 AUTH2.
  tips nondeterministic_output
waitaof numlocal numreplicas timeout
  tips request_policy:all_shards response_policy:agg_min
keys pattern
  O(N) for N keys of the database, with short names and pattern
  tips request_policy:all_shards nondeterministic_output_order
scan cursor [MATCH pattern] [COUNT count] [TYPE type@6.0.0]
  O(1) per call, O(N) for all N elements
  6.0.0 TYPE.
  tips nondeterministic_output request_policy:special
sort key [BY pattern#1] [LIMIT offset_count(offset count)] [{GET pattern#1}...] [order(ASC | DESC)]
    [sorting=ALPHA] [STORE destination]
  O(N+M*log(M)) for N elements, M returned; O(N) unsorted
sort_ro key [BY pattern#1] [LIMIT offset_count(offset count)] [{GET pattern#1}...]
    [order(ASC | DESC)] [sorting=ALPHA]
  O(N+M*log(M)) for N elements, M returned; O(N) unsorted
`);
