// Lines about users and what they may do, played in order on one connection of each server.

const hash = '30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4'; // of `pw`

export const aclLines: readonly string[] = String.raw`
  ACL WHOAMI
  ACL LIST
  ACL USERS
  ACL GETUSER default
  ACL GETUSER nobody
  ACL SETUSER alice
  ACL GETUSER alice
  ACL LIST
  ACL SETUSER alice on >pw ~a* %R~r* %W~w* %RW~x +get +set +config|get &news.* &x
  ACL GETUSER alice
  ACL LIST
  ACL SETUSER alice #${hash} >other <pw
  ACL GETUSER alice
  ACL SETUSER alice !${hash}
  ACL SETUSER alice #${hash.toUpperCase()}
  ACL SETUSER alice #12
  ACL SETUSER alice !12
  ACL SETUSER alice <nope
  ACL SETUSER alice resetpass >pw
  ACL SETUSER alice foo
  ACL SETUSER alice +foo
  ACL SETUSER alice -foo
  ACL SETUSER alice +@foo
  ACL SETUSER alice +
  ACL SETUSER alice +@
  ACL SETUSER alice +config|foo
  ACL SETUSER alice -config|foo
  ACL SETUSER alice +config|
  ACL SETUSER alice +config|get|x
  ACL SETUSER alice +get|
  ACL SETUSER alice -select|0
  ACL SETUSER alice +SELECT|0
  ACL GETUSER alice
  ACL SETUSER alice %~x
  ACL SETUSER alice %X~x
  ACL SETUSER alice %RR~x
  ACL SETUSER alice "~a b"
  ACL SETUSER alice "&a b"
  ACL SETUSER alice ""
  ACL SETUSER "a b"
  ACL SETUSER "a\x00b"
  ACL SETUSER alice "(~x +get"
  ACL SETUSER alice "(~x foo)"
  ACL SETUSER alice "(~x +get)" "(%W~y +set &c)"
  ACL SETUSER alice (~z +del)
  ACL GETUSER alice
  ACL LIST
  ACL SETUSER alice clearselectors
  ACL GETUSER alice
  ACL SETUSER alice ~* ~b
  ACL SETUSER alice &* &b
  ACL SETUSER alice allkeys allchannels allcommands
  ACL GETUSER alice
  ACL SETUSER alice -get resetkeys resetchannels nopass
  ACL GETUSER alice
  ACL SETUSER alice skip-sanitize-payload
  ACL GETUSER alice
  ACL SETUSER alice nocommands off
  ACL GETUSER alice
  ACL SETUSER alice ON NOPASS ALLKEYS +GET +@Hash -HGET
  ACL SETUSER alice reset
  ACL GETUSER alice
  ACL DELUSER default
  ACL DELUSER nobody
  ACL SETUSER bob
  ACL DELUSER bob default
  ACL USERS
  ACL DELUSER bob nobody bob
  ACL USERS
  ACL CAT
  ACL CAT foo
  ACL CAT a b
  ACL GENPASS 0
  ACL GENPASS -1
  ACL GENPASS 4097
  ACL GENPASS x
  ACL GENPASS 5 6
  ACL LOG x
  ACL LOG -1
  ACL LOG 1 2
  ACL LOG RESET
  ACL LOG
  ACL SAVE
  ACL LOAD
  ACL SETUSER
  ACL GETUSER
  ACL DELUSER
  ACL DRYRUN alice
  ACL WHOAMI x
  ACL USERS x
  ACL LIST x
  ACL NOPE
  ACL
  ACL SETUSER alice on >pw ~a* %R~r* +get +set +config|get +select|1 +lrange +rpush +mget
  ACL DRYRUN nobody get x
  ACL DRYRUN alice nocmd
  ACL DRYRUN alice get
  ACL DRYRUN alice config|get x
  ACL DRYRUN alice config nope
  ACL DRYRUN alice config set
  ACL DRYRUN alice get ab
  ACL DRYRUN alice get bb
  ACL DRYRUN alice GET rr
  ACL DRYRUN alice set rr v
  ACL DRYRUN alice set ab v GET
  ACL DRYRUN alice mget ab rr bb
  ACL DRYRUN alice del ab
  ACL DRYRUN alice config get x
  ACL DRYRUN alice select 1
  ACL DRYRUN alice select 2
  ACL DRYRUN alice auth x
  AUTH alice wrong
  AUTH nobody pw
  AUTH alice
  AUTH pw
  HELLO 2 AUTH alice wrong
  AUTH alice pw
  ACL WHOAMI
  GET ab
  GET bb
  SET rr v
  DEL ab
  SELECT 1
  SELECT 2
  CONFIG GET maxmemory
  CONFIG SET maxmemory 0
  NOSUCH
  GET
  MULTI
  PING
  AUTH default x
  MULTI
  GET ab
  EXEC
  ACL SETUSER alice +multi +exec +discard
  AUTH alice pw
  MULTI
  GET ab
  GET bb
  EXEC
  MULTI
  SET ab 1
  GET ab
  EXEC
  RESET
  ACL WHOAMI
  CLIENT KILL USER nobody
  CLIENT KILL USER
  ACL DELUSER alice
  AUTH alice pw
`
  .split('\n')
  .map((line) => line.trim())
  .filter((line) => line !== '');

/** A request of each command that names keys or channels; which of them a user may, both servers must say alike. */
export const accessLines: readonly string[] = String.raw`
  get a / mget a b / getrange a 0 1 / substr a 0 1 / strlen a / lcs a b / getex a / getdel a
  set a v / set a v get / set a v ex 10 / set a v ex 10 get / setnx a 1 / setex a 1 v / psetex a 1 v
  getset a v / mset a 1 b 2 / msetnx a 1 / append a b / setrange a 0 v / incr a / decr a
  incrby a 1 / decrby a 1 / incrbyfloat a 1
  setbit a 0 1 / getbit a 0 / bitcount a / bitpos a 1 / bitop and d a b / bitfield_ro a get u8 0
  bitfield a / bitfield a get u8 0 / bitfield a set u8 0 1 / bitfield a get u8 0 incrby u8 0 1
  del a b / unlink a / exists a b / touch a / type a / rename a b / rename a d / renamenx a b
  expire a 1 / pexpire a 1 / expireat a 1 / pexpireat a 1 / ttl a / pttl a / expiretime a
  pexpiretime a / persist a / copy a b / copy a d / sort a / sort a store b / sort a store d
  sort a limit 0 1 store d store b / sort_ro a
  object encoding a / object freq a / object idletime a / object refcount a
  hset a f v / hmset a f v / hsetnx a f v / hget a f / hmget a f / hgetall a / hkeys a / hvals a
  hdel a f / hexists a f / hlen a / hstrlen a f / hincrby a f 1 / hincrbyfloat a f 1 / hrandfield a
  hscan a 0 / sscan a 0 / zscan a 0
  lpush a v / rpush a v / lpushx a v / rpushx a v / lpop a / rpop a / lrange a 0 1 / llen a
  lindex a 0 / lset a 0 v / linsert a before x y / lrem a 0 x / ltrim a 0 1 / lpos a x
  lmove a b left right / lmove a d left right / rpoplpush a b / lmpop 2 a b left
  sadd a x / srem a x / smove a b x / scard a / sismember a x / smismember a x / smembers a / spop a
  srandmember a / sinter a b / sunion a b / sdiff a b / sintercard 2 a b
  sinterstore d a b / sunionstore d a b / sdiffstore d a b / sdiffstore a d
  zadd a 1 x / zincrby a 1 x / zrem a x / zcard a / zscore a x / zmscore a x / zrank a x
  zrevrank a x / zcount a 0 1 / zlexcount a - + / zrange a 0 1 / zrevrange a 0 1
  zrangebyscore a 0 1 / zrevrangebyscore a 0 1 / zrangebylex a - + / zrevrangebylex a - +
  zrangestore d a 0 1 / zremrangebyrank a 0 1 / zremrangebyscore a 0 1 / zremrangebylex a - +
  zpopmin a / zpopmax a / zmpop 1 a min / zrandmember a / zunion 2 a b / zinter 2 a b / zdiff 2 a b
  zintercard 2 a b / zunionstore d 2 a b / zinterstore d 2 a b / zdiffstore d 2 a b
  xadd a * f v / xlen a / xrange a - + / xrevrange a - + / xread streams a b 0 0 / xdel a 1-1
  xtrim a maxlen 1 / xsetid a 1-1 / xinfo stream a / watch a b
  publish c m / publish d m / subscribe c / subscribe c d / psubscribe c* / psubscribe c
  psubscribe cc / unsubscribe d / punsubscribe d* / spublish c m / spublish d m / ssubscribe c d
  flushall / keys * / scan 0 / randomkey / dbsize / ping / echo a / info / select 0 / quit / auth x
  dump a / restore a 0 x / move a 1 / memory usage a / pfadd a x / pfcount a
  blpop a b 1 / brpop a b 1 / blmove a b left right 1 / blmove a d left right 1
  brpoplpush a b 1 / blmpop 1 2 a b left / bzpopmin a 1 / bzpopmax a 1 / bzmpop 1 1 a min
`
  .split(/\n|\/ /)
  .map((line) => line.trim())
  .filter((line) => line !== '');

/** Users that see different parts of them. */
export const accessUsers: Readonly<Record<string, string>> = {
  reader: '+@all %R~*',
  writer: '+@all %W~*',
  mover: '+@all %W~d %R~a %R~b &c*',
  single: '+@all ~a',
  split: '(+@all ~a) (+@all ~b &c) (+@all ~d)',
  keyless: '+@all',
  channels: '+@all ~* &c* &d',
};
