// Hashes, lists and sets.

import { docsOf } from './doc.ts';

export const collectionsDocs = docsOf(`
hscan key cursor [MATCH pattern] [COUNT count]
  O(1) per call, O(N) for all N elements
  tips nondeterministic_output
sscan key cursor [MATCH pattern] [COUNT count]
  O(1) per call, O(N) for all N elements
  tips nondeterministic_output
hset key field_value(field value)...
  O(1) per field, O(N) for N
  4.0.0 Several fields.
hmset key field_value(field value)...
  O(N) for N fields
  deprecated 4.0.0 HSET with several fields
hsetnx key field value
hget key field
hmget key field...
  O(N) for N fields
hgetall key
  O(N) for N fields
  tips nondeterministic_output_order
hkeys key
  O(N) for N fields
  tips nondeterministic_output_order
hvals key
  O(N) for N fields
  tips nondeterministic_output_order
hdel key field...
  O(N) for N fields
  2.4.0 Several fields.
hexists key field
hlen key
hstrlen key field
hincrby key field increment
hincrbyfloat key field increment:double
hrandfield key [options(count [WITHVALUES])]
  O(N) for N fields returned
  tips nondeterministic_output
rpush key element...
  O(1) per element, O(N) for N
  2.4.0 Several elements.
lpush key element...
  O(1) per element, O(N) for N
  2.4.0 Several elements.
rpushx key element...
  O(1) per element, O(N) for N
  4.0.0 Several elements.
lpushx key element...
  O(1) per element, O(N) for N
  4.0.0 Several elements.
lpop key [count@6.2.0]
  O(N) for N elements returned
  6.2.0 The count.
rpop key [count@6.2.0]
  O(N) for N elements returned
  6.2.0 The count.
lrange key start stop
  O(S+N) for N elements, S away from the nearer end
llen key
lindex key index
  O(N) for N elements up to the index; O(1) at both ends
lset key index element
  O(N) for N elements; O(1) at both ends
linsert key where(BEFORE | AFTER) pivot element
  O(N) for N elements up to the pivot; O(1) at the head
lrem key count element
  O(N+M) for N elements, M of them removed
ltrim key start stop
  O(N) for N elements removed
lpos key element [RANK rank] [COUNT num-matches] [MAXLEN len]
  O(N) for N elements; O(1) near the ends or within MAXLEN
lmove source destination wherefrom(LEFT | RIGHT) whereto(LEFT | RIGHT)
rpoplpush source destination
  deprecated 6.2.0 LMOVE with RIGHT and LEFT
lmpop numkeys key... where(LEFT | RIGHT) [COUNT count]
  O(N+M) for N keys, M elements taken
sadd key member...
  O(1) per member, O(N) for N
  2.4.0 Several members.
srem key member...
  O(N) for N members
  2.4.0 Several members.
smove source destination member
scard key
sismember key member
smismember key member...
  O(N) for N members asked about
smembers key
  O(N) for N members
  tips nondeterministic_output_order
spop key [count@3.2.0]
  O(1), with a count O(N) for N members
  3.2.0 The count.
  tips nondeterministic_output
srandmember key [count@2.6.0]
  O(1), with a count O(N) for N members
  2.6.0 The count.
  tips nondeterministic_output
sinter key...
  O(N*M) for M sets, the smallest of N members
  tips nondeterministic_output_order
sunion key...
  O(N) for N members in all sets
  tips nondeterministic_output_order
sdiff key...
  O(N) for N members in all sets
  tips nondeterministic_output_order
sinterstore destination key...
  O(N*M) for M sets, the smallest of N members
sunionstore destination key...
  O(N) for N members in all sets
sdiffstore destination key...
  O(N) for N members in all sets
sintercard numkeys key... [LIMIT limit]
  O(N*M) for M sets, the smallest of N members
blpop key... timeout:double
  O(N) for N keys
  6.0.0 The timeout may have a fraction.
brpop key... timeout:double
  O(N) for N keys
  6.0.0 The timeout may have a fraction.
blmove source destination wherefrom(LEFT | RIGHT) whereto(LEFT | RIGHT) timeout:double
brpoplpush source destination timeout:double
  6.0.0 The timeout may have a fraction.
  deprecated 6.2.0 BLMOVE with RIGHT and LEFT
blmpop timeout:double numkeys key... where(LEFT | RIGHT) [COUNT count]
  O(N+M) for N keys, M elements taken
`);
