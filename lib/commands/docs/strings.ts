// Strings, and the bits in them.

import { docsOf } from './doc.ts';

export const stringsDocs = docsOf(`
get key
set key value [condition@2.6.12(NX | XX)] [GET@6.2.0] [expiration(EX seconds@2.6.12 | PX
    milliseconds@2.6.12 | EXAT unix-time-seconds@6.2.0 | PXAT unix-time-milliseconds@6.2.0 |
    KEEPTTL@6.0.0)]
  2.6.12 EX, PX, NX and XX.
  6.0.0 KEEPTTL.
  6.2.0 GET, EXAT and PXAT.
  7.0.0 NX goes with GET.
setnx key value
setex key seconds value
psetex key milliseconds value
getset key value
  deprecated 6.2.0 SET with GET
getdel key
getex key [expiration(EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT
    unix-time-milliseconds | PERSIST)]
mget key...
  O(N) for N keys
  tips request_policy:multi_shard
mset key_value(key value)...
  O(N) for N keys
  tips request_policy:multi_shard response_policy:all_succeeded
msetnx key_value(key value)...
  O(N) for N keys
  tips request_policy:multi_shard response_policy:agg_min
strlen key
append key value
  O(1), amortized: a string grows with room to spare
getrange key start end
  O(N) for N bytes returned
substr key start end
  O(N) for N bytes returned
  deprecated 2.0.0 GETRANGE
setrange key offset value
  O(1), and O(M) to copy M bytes
incr key
decr key
incrby key increment
decrby key decrement
incrbyfloat key increment:double
lcs key1 key2#0 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]
  O(N*M) for strings of N and M bytes
setbit key offset value:integer
getbit key offset
bitcount key [index(start end [index_unit@7.0.0(BYTE | BIT)])]
  O(N) for N bytes
  7.0.0 BYTE and BIT.
bitpos key bit [index(start [end_index(end [index_unit@7.0.0(BYTE | BIT)])])]
  O(N) for N bytes
  7.0.0 BYTE and BIT.
bitop operation(AND | OR | XOR | NOT) destkey key...
  O(N) for N bytes
bitfield key [operation(GET encoding_offset(encoding offset) | write([OVERFLOW wrap_sat_fail(WRAP
    | SAT | FAIL)] write_operation(SET encoding_offset_value(encoding offset value:integer) |
    INCRBY encoding_offset_increment(encoding offset increment))))...]
  O(1) per operation
bitfield_ro key [{GET encoding_offset(encoding offset)}...]
  O(1) per operation
`);
