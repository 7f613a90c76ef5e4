// Scenarios about keys, and the values of each type.

import { type Scenario, table } from './notation.ts';

const keys = table(String.raw`
  DEL
  DEL k
  SET k v ; DEL k ; GET k
  SET "" v ; SCAN 0 MATCH "" ; SCAN 0 MATCH ** ; SCAN 0 MATCH * ; KEYS "" ; KEYS ** ; KEYS *
  SCAN 99999999999999999999 ; SCAN 18446744073709551616 ; SCAN 18446744073709551615 ; SCAN -1 ; SCAN +0 ; SCAN "" ; SCAN " 0" ; SCAN 0x ; SCAN -
  SADD s a ; SRANDMEMBER s -9223372036854775808 ; HSET h a b ; HRANDFIELD h -9223372036854775808 ; ZADD z 1 a ; ZRANDMEMBER z -9223372036854775808
  SET k v ; SCAN 0 MATCH "" ; SCAN 0 MATCH ** ; KEYS ""
  SADD s "" ; SSCAN s 0 MATCH "" ; SSCAN s 0 MATCH ** ; SSCAN s 0 MATCH *
  SET a 1 ; SET b 2 ; DEL a b c a
  SET a 1 ; HSET b f v ; RPUSH c x ; DEL a b c ; DBSIZE
  UNLINK
  UNLINK k
  SET a 1 ; SET b 2 ; UNLINK a b c ; DBSIZE
  EXISTS
  EXISTS k
  SET k v ; EXISTS k ; EXISTS k k k nope
  TOUCH
  TOUCH k
  SET k v ; TOUCH k k nope
  TYPE
  TYPE k
  TYPE k k
  SET s v ; HSET h f v ; RPUSH l x ; TYPE s ; TYPE h ; TYPE l
  RENAME
  RENAME a
  RENAME a b
  RENAME a a
  RENAME a b c
  SET a 1 ; RENAME a b ; GET a ; GET b
  SET a 1 ; RENAME a a ; GET a
  SET a 1 ; SET b 2 ; RENAME a b ; GET b ; DBSIZE
  SET a 1 EX 100 ; RENAME a b ; TTL b
  SET a 1 ; SET b 2 EX 100 ; RENAME a b ; TTL b
  HSET h f v ; RPUSH l x ; RENAME h l ; TYPE l ; HGET l f
  RENAMENX
  RENAMENX a b
  SET a 1 ; RENAMENX a b ; GET b
  SET a 1 ; SET b 2 ; RENAMENX a b ; GET a ; GET b
  SET a 1 ; RENAMENX a a
  SET "\x00\xff\r\n" v ; EXISTS "\x00\xff\r\n" ; TYPE "\x00\xff\r\n" ; RENAME "\x00\xff\r\n" "" ; GET "" ; DEL ""
  SET "{\x00\x00}.m" v ; GET "{\x00\x00}.m" ; DEL "{\x00\x00}.m"
`);

const expiry = table(`
  EXPIRE
  EXPIRE k
  EXPIRE k 10
  EXPIRE k abc
  EXPIRE k 10 NOSUCH
  EXPIRE k 10 NX XX
  EXPIRE k 10 GT LT
  EXPIRE k 10 NX GT
  SET k v ; EXPIRE k abc
  SET k v ; EXPIRE k 1.5
  SET k v ; EXPIRE k "" ; TTL k
  SET k v ; EXPIRE k 100 ; TTL k
  SET k v ; EXPIRE k -1 ; EXISTS k
  SET k v ; EXPIRE k 0 ; EXISTS k
  SET k v ; EXPIRE k 9223372036854775807
  SET k v ; EXPIRE k -9223372036854775808
  SET k v ; EXPIRE k 9223372036854775808
  SET k v ; EXPIRE k 9223372036854775
  SET k v ; PEXPIRE k 9223372036854775807
  SET k v ; EXPIRE k 100 NX ; EXPIRE k 200 NX ; TTL k
  SET k v ; EXPIRE k 100 XX ; TTL k ; EXPIRE k 100 ; EXPIRE k 200 XX ; TTL k
  SET k v ; EXPIRE k 100 GT ; TTL k ; EXPIRE k 100 ; EXPIRE k 50 GT ; EXPIRE k 200 GT ; TTL k
  SET k v ; EXPIRE k 100 LT ; TTL k ; EXPIRE k 200 LT ; EXPIRE k 50 LT ; TTL k
  SET k v EX 100 ; EXPIRE k 200 xx gt ; TTL k
  SET k v ; EXPIRE k -1 GT ; EXISTS k
  SET k v ; EXPIRE k -1 LT ; EXISTS k
  PEXPIRE
  PEXPIRE k 1000
  SET k v ; PEXPIRE k 100000 ; TTL k
  SET k v ; PEXPIRE k -1 ; EXISTS k
  SET k v ; PEXPIRE k 100000 NX ; PEXPIRE k 200000 XX ; TTL k
  EXPIREAT k 1
  SET k v ; EXPIREAT k 1 ; EXISTS k ; DBSIZE
  SET k v ; EXPIREAT k 9999999999 ; EXPIRETIME k ; PEXPIRETIME k
  SET k v ; EXPIREAT k -1 ; GET k
  SET k v ; PEXPIREAT k 1 ; EXISTS k
  SET k v ; PEXPIREAT k 9223372036854775807 ; EXPIRETIME k ; PEXPIRETIME k
  SET k v ; PEXPIREAT k 9223372036854775806 ; EXPIRETIME k ; PEXPIRETIME k
  SET k v ; PEXPIREAT k 9223372036854775000 ; EXPIRETIME k ; PEXPIRETIME k
  SET k v ; PEXPIREAT k 9007199254740991 ; EXPIRETIME k ; PEXPIRETIME k
  SET k v ; PEXPIREAT k 9007199254740992 ; EXPIRETIME k ; PEXPIRETIME k
  SET k v ; PEXPIREAT k 9007199254740993 ; EXPIRETIME k ; PEXPIRETIME k
  SET k v ; PEXPIREAT k 4611686018427387907 ; EXPIRETIME k ; PEXPIRETIME k
  SET k v ; EXPIREAT k 9223372036854775 ; EXPIRETIME k ; PEXPIRETIME k
  SET k v ; EXPIREAT k 9223372036854776 ; EXPIRETIME k ; PEXPIRETIME k
  SET k v ; EXPIREAT k 9007199254740993 ; EXPIRETIME k ; PEXPIRETIME k
  SET k v ; EXPIREAT k -9223372036854775 ; EXPIRETIME k ; PEXPIRETIME k
  SET k v ; EXPIREAT k -9223372036854775808 ; EXPIRETIME k ; PEXPIRETIME k
  SET k v PXAT 9223372036854775807 ; PEXPIRETIME k ; SET k w PXAT 9223372036854775806 GET ; PEXPIRETIME k ; SET k w KEEPTTL ; RENAME k j ; PEXPIRETIME j
  SET k v PXAT 9223372036854775806 ; PEXPIREAT k 9223372036854775806 GT ; PEXPIREAT k 9223372036854775807 GT ; PEXPIREAT k 9223372036854775807 LT ; PEXPIREAT k 9223372036854775806 LT ; PEXPIRETIME k ; PERSIST k ; PEXPIRETIME k
  SET k v EXAT 9223372036854775 ; PEXPIRETIME k
  SET k v EXAT 9223372036854776
  SET k v PX 9223372036854775807
  SET k v ; PEXPIRE k 9223372036854775807
  SET k v ; PEXPIREAT k 9999999999123 ; EXPIRETIME k ; PEXPIRETIME k
  TTL
  TTL k
  TTL k k
  SET k v ; TTL k
  PTTL
  PTTL k
  SET k v ; PTTL k
  EXPIRETIME
  EXPIRETIME k
  SET k v ; EXPIRETIME k
  PEXPIRETIME k
  SET k v ; PEXPIRETIME k
  PERSIST
  PERSIST k
  SET k v ; PERSIST k
  SET k v EX 100 ; PERSIST k ; TTL k ; PERSIST k
  HSET h f v ; EXPIRE h 100 ; TTL h ; HSET h g w ; TTL h ; PERSIST h ; TTL h
  RPUSH l x ; EXPIRE l 100 ; TTL l ; RPUSH l y ; TTL l ; DEL l ; TTL l
  SET k v EX 100 ; SET k w ; TTL k
  SET k v PXAT 1 ; GET k ; EXISTS k ; TTL k ; TYPE k
`);

const strings = table(String.raw`
  GET
  GET k
  GET a b
  SET
  SET k
  SET k v
  set K v ; GET k ; GET K
  SET k "" ; GET k ; STRLEN k
  SET k "\x00\r\n\xff" ; GET k ; STRLEN k
  SET "" v ; GET ""
  SET k v ; SET k w ; GET k
  SET k v NOSUCH
  SET k v NX ; GET k
  SET k v ; SET k w NX ; GET k
  SET k v XX ; GET k
  SET k v ; SET k w XX ; GET k
  SET k v NX XX
  SET k v XX NX
  SET k v GET ; SET k w GET ; GET k
  SET k v ; SET k w NX GET ; GET k
  SET k v NX GET ; GET k
  SET k v XX GET ; GET k
  SET k v ; SET k w XX GET ; GET k
  RPUSH k x ; SET k v GET ; TYPE k
  RPUSH k x ; SET k v ; TYPE k ; GET k
  SET k v EX
  SET k v EX abc
  SET k v EX 0
  SET k v EX -1
  SET k v EX 1.5
  SET k v EX 100 ; TTL k
  SET k v ex 100 ; TTL k
  SET k v EX 9223372036854775807
  SET k v EX 9223372036854775
  SET k v PX
  SET k v PX abc
  SET k v PX 0
  SET k v PX -1
  SET k v PX 100000 ; TTL k
  SET k v PX 9223372036854775807
  SET k v EXAT
  SET k v EXAT 0
  SET k v EXAT -1
  SET k v EXAT 9999999999 ; EXPIRETIME k
  SET k v EXAT 1 ; GET k
  SET k v PXAT 9999999999999 ; PEXPIRETIME k
  SET k v PXAT 0
  SET k v EX 100 PX 100
  SET k v EX 100 EX 100
  SET k v EX 100 KEEPTTL
  SET k v KEEPTTL EX 100
  SET k v EXAT 100 PXAT 100
  SET k v KEEPTTL ; TTL k
  SET k v EX 100 ; SET k w KEEPTTL ; TTL k ; GET k
  SET k v EX 100 NX GET ; TTL k
  SET k v NX EX 100 ; TTL k
  SET k v GET GET
  SET k v KEEPTTL KEEPTTL ; TTL k
  SET k v NX NX ; GET k
  SET k NX EX 100
  STRLEN
  STRLEN k
  STRLEN a b
  SET k 12345 ; STRLEN k
  HSET h f v ; GET h
  RPUSH l x ; GET l ; STRLEN l
  SET k -0 ; GET k ; SET k 007 ; GET k ; SET k 9223372036854775807 ; GET k
`);

const hashes = table(String.raw`
  HSET
  HSET h
  HSET h f
  HSET h f v
  HSET h f v g
  HSET h f v g w
  HSET h f v ; HSET h f w ; HGET h f
  HSET h f v f w ; HGET h f ; HLEN h
  HSET h "" "" ; HGET h "" ; HEXISTS h "" ; HLEN h
  HSET h "\x00\r\n" "\xff\x00" ; HGET h "\x00\r\n" ; HGETALL h
  HMSET
  HMSET h f
  HMSET h f v
  HMSET h f v g
  HMSET h f v g w ; HGET h f ; HGET h g ; HLEN h
  hmset h F v ; HGET h f ; HGET h F
  HGET
  HGET h
  HGET h f
  HGET h f g
  HSET h f v ; HGET h nope
  HGETALL
  HGETALL h
  HGETALL h h
  HSET h f v ; HGETALL h
  HEXISTS
  HEXISTS h
  HEXISTS h f
  HSET h f v ; HEXISTS h f ; HEXISTS h g
  HLEN
  HLEN h
  HLEN h h
  HSET h a 1 b 2 c 3 ; HLEN h ; HGET h b
  HSET {ds}.meta .tensor_names "\x07\x01\x00\x00\x00\x00\x00\x00\x00t" ; HSET {ds}.meta .COMPLETE 1 ; HEXISTS {ds}.meta .COMPLETE ; HLEN {ds}.meta
  SET k v ; HSET k f v ; HMSET k f v ; HGET k f ; HGETALL k ; HEXISTS k f ; HLEN k
  SET k v ; HSET k f
  RPUSH l x ; HSET l f v ; HGETALL l
`);

const lists = table(String.raw`
  RPUSH
  RPUSH l
  RPUSH l a
  RPUSH l a b c ; LRANGE l 0 -1 ; LLEN l
  LPUSH
  LPUSH l
  LPUSH l a b c ; LRANGE l 0 -1 ; LLEN l
  RPUSH l b ; LPUSH l a ; RPUSH l c ; LRANGE l 0 -1
  RPUSH l "" "\x00\r\n\xff" ; LRANGE l 0 -1
  LRANGE
  LRANGE l 0
  LRANGE l 0 -1
  LRANGE l a b
  LRANGE l 0 1.5
  LRANGE l 0 99999999999999999999
  LRANGE l 0 -1 2
  RPUSH l a b c d e ; LRANGE l 1 3
  RPUSH l a b c d e ; LRANGE l -3 -2
  RPUSH l a b c d e ; LRANGE l -100 100
  RPUSH l a b c d e ; LRANGE l 3 1
  RPUSH l a b c d e ; LRANGE l 5 10
  RPUSH l a b c d e ; LRANGE l -2 -4
  RPUSH l a b c d e ; LRANGE l 0 -6
  RPUSH l a b c d e ; LRANGE l 4 4
  RPUSH l a b c d e ; LRANGE l -9223372036854775808 9223372036854775807
  LLEN
  LLEN l
  LLEN l l
  RPUSH l a a a ; LLEN l
  SET k v ; RPUSH k a ; LPUSH k a ; LRANGE k 0 -1 ; LLEN k
  SET k v ; LRANGE k a b
  HSET h f v ; RPUSH h a ; LLEN h
`);

export const valueScenarios: readonly Scenario[] = [
  ...keys,
  ...expiry,
  ...strings,
  ...hashes,
  ...lists,
];
