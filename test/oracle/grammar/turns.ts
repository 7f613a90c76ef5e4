// What clients say in turns to one server: some wait for keys that others fill, some watch keys that
// others change, some listen to channels. `@a` is the number of client `a` (CLIENT ID).

import { rules } from './rules.ts';
import { transactionRules } from './transactions.ts';

/** Waits without an end: until it is served, or unblocked. */
const waitsForOne = rules(
  'exact',
  `
  BLPOP <list> 0
  BLPOP <any> 0
  BRPOP <list> 0
  BLMOVE <list> <list> (LEFT|RIGHT) (LEFT|RIGHT) 0
  BLMOVE <list> <list> (LEFT|RIGHT) (LEFT|RIGHT) 0
  BRPOPLPUSH <list> <list> 0
  BLMPOP 0 1 <list> (LEFT|RIGHT) (COUNT <count>|)
  BZPOPMIN <zset> 0
  BZPOPMAX <zset> 0
  BZMPOP 0 1 <zset> (MIN|MAX) (COUNT <count>|)
  XREAD BLOCK 0 STREAMS <stream> ($|<id>)
  XREAD COUNT 1 BLOCK 0 STREAMS <stream> ($|<id>)
  `,
);
const waitsForSeveral = rules(
  'exact',
  `
  BLPOP <list>+ 0
  BRPOP <any>+ 0
  BLMPOP 0 2 <list> <list> (LEFT|RIGHT) (COUNT <count>|)
  BZPOPMIN <zset>+ 0
  BZPOPMAX <zset>+ 0
  BZMPOP 0 2 <zset> <zset> (MIN|MAX) (COUNT <count>|)
  XREAD BLOCK 0 STREAMS stream1 stream2 ($|<id>) ($|<id>)
  `,
);

/** Waits that end of themselves; nobody else speaks until then. */
const shortWaits = rules(
  'exact',
  `
  BLPOP <list>+ 0.01
  BLMOVE <list> <list> LEFT RIGHT 0.01
  BZPOPMIN <zset>+ 0.01
  BLMPOP 0.01 2 <list> <list> LEFT
  XREAD BLOCK 5 STREAMS <stream> <id>
  WAIT 1 5
  BLPOP <list> (x|-1)
  `,
);

/**
 * What may serve who waits, and what takes away again what would. Redis does not look at who waits
 * where SORT and the like store a list in place of a value of another kind; 7.0 answers XREAD when
 * its stream comes back empty.
 */
const fillings = rules(
  'exact',
  `
  RPUSH <list> <value>+
  RPUSH <list> <value>
  LPUSH <list> <value>+
  RPUSHX <list> <value>
  LINSERT <list> BEFORE a b
  LMOVE <list> <list> LEFT RIGHT
  RPOPLPUSH <list> <list>
  LPOP <list>
  LMPOP 1 <list> RIGHT COUNT 2
  LTRIM <list> 0 1
  ZADD <zset> (<score> <member>)+
  ZADD <zset> <score> <member>
  ZINCRBY <zset> 1 <member>
  ZPOPMIN <zset>
  ZREM <zset> <member>
  XADD <stream> <newid> a b
  XADD <stream> <newid> a b
  XADD <stream> MAXLEN 1 <newid> a b
  SET <any> <value>
  GET <any>
  GETDEL <string>
  SADD <list> a
  DEL <list>
  DEL <zset>
  DEL <stream>
  RENAME <list> <list>
  RENAME <zset> <list>
  RENAMENX <stream> <stream>
  COPY <list> <list> REPLACE
  COPY <zset> <zset>
  COPY <list> <list> DB 1
  COPY <stream> <stream> REPLACE
  SELECT (0|1)
  FLUSHDB
  EXPIRE <list> 10000
  PERSIST <list>
  LRANGE <list> 0 -1
  ZRANGE <zset> 0 -1
  XRANGE <stream> - +
  RESET
  CLIENT UNBLOCK (@a|@b|@c)
  CLIENT UNBLOCK (@a|@b|@c) (TIMEOUT|ERROR)
  `,
);

/**
 * What fills several keys at a time. Who waits for several is served by 7.2 from the first of them in
 * its command, in 7.0 from the first that was filled.
 */
const fillingsAtOnce = rules(
  'exact',
  `
  SWAPDB 0 1
  SWAPDB 0 1
  MULTI
  MULTI
  MULTI
  MULTI
  MULTI
  MULTI
  EXEC
  EXEC
  EXEC
  EXEC
  EXEC
  EXEC
  DISCARD
  `,
);

/** Watched keys are made before; what touches them deletes them too, so that some are watched while they are absent. */
const watches = rules(
  'exact',
  `
  WATCH (watched|wlist|wset|wzset|whash)+
  WATCH (watched|wlist|wset|wzset|whash)+
  WATCH (watched|wlist|wset|wzset|whash)+
  UNWATCH
  MULTI
  MULTI
  MULTI
  MULTI
  EXEC
  EXEC
  EXEC
  EXEC
  DISCARD
  NOSUCH x
  GET
  SELECT (0|1)
  RESET
  `,
);

/** What changes a watched key, or looks as if it did. */
const touches = rules(
  'exact',
  `
  SET watched <value>
  SETNX watched <value>
  SET watched <value> XX GET
  APPEND watched x
  APPEND watched <value>
  GETEX watched
  GETEX watched PERSIST
  EXPIRE watched 10000 (NX|XX|)
  PERSIST watched
  SETRANGE watched 0 (x|)
  SETBIT watched 0 (0|1)
  COPY wlist watched
  TOUCH watched
  TYPE watched
  RPUSH wlist a
  LPUSHX wlist a
  RPUSHX absent a
  LREM wlist 0 absent
  LSET wlist 0 a
  LINSERT wlist BEFORE absent x
  LRANGE wlist 0 -1
  SADD wset (a|<member>)
  SREM wset absent
  SMOVE wset wset a
  SMOVE wset absent absent
  ZADD wzset (1|2) (a|<member>)
  ZADD wzset (NX|XX|GT|LT) (1|2) a
  ZREM wzset absent
  ZINCRBY wzset (0|1) a
  ZREMRANGEBYSCORE wzset 77 78
  HSET whash f (a|b)
  HSETNX whash f a
  HDEL whash absent
  HINCRBY whash n (0|1)
  HGETALL absent
  MSET watched a string1 b
  MSETNX watched a string1 b
  PEXPIREAT wlist (99999999999000|99999999990000) (GT|LT|)
  SORT wlist ALPHA
  SORT wlist ALPHA STORE wlist
  SUNIONSTORE wset wset
  ZUNIONSTORE wzset 1 wzset
  COPY watched watched2 REPLACE
  DEL (watched|wlist|wset|wzset|whash)
  DEL (watched|wlist|wset|wzset|whash)+
  UNLINK (watched|wlist|wset|wzset|whash)
  GETDEL watched
  LTRIM wlist 1 0
  RENAME wlist wlist2
  RENAME wlist2 wlist
  EXPIRE watched -1
  `,
);

const publications = rules(
  'exact',
  `
  PUBLISH <channel> <value>
  PUBLISH <channel> <value>
  PUBLISH <channel> <value>
  SPUBLISH <channel> <value>
  PUBSUB NUMSUB <channel>+
  PUBSUB SHARDNUMSUB <channel>+
  PUBSUB NUMPAT
  SET string1 x
  GET string1
  PING
  PING x
  ECHO x
  RESET
  MULTI
  MULTI
  EXEC
  EXEC
  EXEC
  DISCARD
  CLIENT REPLY ON
  `,
);

const subscriptions = rules(
  'exact',
  `
  SUBSCRIBE <channel>+
  SUBSCRIBE <channel>+
  PSUBSCRIBE <channels>+
  PSUBSCRIBE <channels>
  SSUBSCRIBE <channel>+
  UNSUBSCRIBE <channel>+
  PUNSUBSCRIBE <channels>
  SUNSUBSCRIBE <channel>+
  UNSUBSCRIBE
  PUNSUBSCRIBE
  SUNSUBSCRIBE
  `,
);

const lookups = rules(
  'unordered',
  `
  PUBSUB CHANNELS
  PUBSUB CHANNELS <channels>
  PUBSUB SHARDCHANNELS
  `,
);

const times = <T>(count: number, of: readonly T[]): T[] =>
  Array.from({ length: count }, () => of).flat();

export const conversations = {
  waiting: [...times(3, waitsForOne), ...times(4, waitsForSeveral), ...shortWaits, ...fillings],
  filling: [...times(3, waitsForOne), ...times(2, fillings), ...times(2, fillingsAtOnce)],
  watching: [...times(2, watches), ...touches, ...transactionRules.slice(0, 20)],
  listening: [...publications, ...subscriptions, ...lookups],
} as const;
export type Subject = keyof typeof conversations;
