// Scenarios and conversations about channels, keyspace events, monitors and blocking commands.

import { type Scenario, table } from './notation.ts';
import { commandEntry } from './table.ts';

export const eventScenarios: readonly Scenario[] = [
  ...table(String.raw`
  SUBSCRIBE
  SUBSCRIBE a
  SUBSCRIBE a b a
  SUBSCRIBE "" "\x00\xff\r\n"
  SUBSCRIBE a ; GET k
  SUBSCRIBE a ; SET k v ; PING ; PING x ; PING x y
  SUBSCRIBE a ; NOSUCH ; GET ; ECHO x ; CLIENT ID x ; CLIENT NOSUCH
  SUBSCRIBE a ; MULTI ; EXEC ; PUBLISH b x
  SUBSCRIBE a ; UNSUBSCRIBE a ; GET k
  SUBSCRIBE a ; UNSUBSCRIBE ; GET k
  SUBSCRIBE a ; UNSUBSCRIBE b ; UNSUBSCRIBE a a ; PING
  SUBSCRIBE a ; PSUBSCRIBE b* ; SSUBSCRIBE c ; UNSUBSCRIBE ; PUNSUBSCRIBE ; SUNSUBSCRIBE ; PING
  SUBSCRIBE a ; RESET ; GET k ; PUBSUB CHANNELS
  SUBSCRIBE a ; AUTH x ; TIME x
  SUBSCRIBE a ; SELECT 1 ; QUIT
  UNSUBSCRIBE
  UNSUBSCRIBE a
  UNSUBSCRIBE a b
  PUNSUBSCRIBE
  PUNSUBSCRIBE a*
  SUNSUBSCRIBE
  SUNSUBSCRIBE a
  PSUBSCRIBE
  PSUBSCRIBE a* b?
  PSUBSCRIBE a* ; SUBSCRIBE a ; PUNSUBSCRIBE a* ; UNSUBSCRIBE a ; PING
  SSUBSCRIBE
  SSUBSCRIBE a ; SSUBSCRIBE b ; SUNSUBSCRIBE a ; SUNSUBSCRIBE ; PING
  SSUBSCRIBE a ; PING
  SSUBSCRIBE a ; GET k
  PUBLISH
  PUBLISH a
  PUBLISH a b
  PUBLISH a b c
  SPUBLISH
  SPUBLISH a
  SPUBLISH a b
  PUBSUB
  PUBSUB NOSUCH
  PUBSUB CHANNELS
  PUBSUB CHANNELS *
  PUBSUB CHANNELS a b
  PUBSUB NUMSUB
  PUBSUB NUMSUB a b
  PUBSUB NUMPAT
  PUBSUB NUMPAT x
  PUBSUB SHARDCHANNELS
  PUBSUB SHARDCHANNELS a b
  PUBSUB SHARDNUMSUB a
  MULTI ; SUBSCRIBE a ; PING ; EXEC ; PING
  MULTI ; SUBSCRIBE a b ; EXEC
  MULTI ; UNSUBSCRIBE ; EXEC ; PING
  MULTI ; SUBSCRIBE a ; UNSUBSCRIBE a ; GET k ; EXEC ; GET k
  MULTI ; PUBLISH a b ; PUBSUB NUMPAT ; EXEC
  MULTI ; MONITOR ; EXEC
  MONITOR x
  MONITOR ; RESET ; PING
  CLIENT REPLY OFF ; SUBSCRIBE a ; UNSUBSCRIBE ; PING
  CLIENT LIST TYPE pubsub
  CLIENT KILL TYPE pubsub
  CONFIG SET notify-keyspace-events KEA ; CONFIG GET notify-keyspace-events
  CONFIG SET notify-keyspace-events gKx ; CONFIG GET notify-keyspace-events
  CONFIG SET notify-keyspace-events KEg$lshzxetd ; CONFIG GET notify-keyspace-events
  CONFIG SET notify-keyspace-events mEntK ; CONFIG GET notify-keyspace-events
  CONFIG SET notify-keyspace-events KEy ; CONFIG GET notify-keyspace-events
  CONFIG SET notify-keyspace-events "" ; CONFIG GET notify-keyspace-events
  BLPOP
  BLPOP l
  BLPOP l x
  BLPOP l -1
  BLPOP l nan
  BLPOP l "" ; BLPOP l " 1" ; BLPOP l 1x
  BLPOP l 0.01
  BLPOP l m 0.01 ; PING
  BRPOP l 1e-2
  RPUSH l a b c ; BLPOP l 0 ; BRPOP l 0 ; BLPOP no l 0 ; EXISTS l
  SET s v ; BLPOP s 0 ; BLPOP no s 0
  RPUSH l a ; SET s v ; BLPOP l s 0 ; BLPOP s l 0
  RPUSH l a b c d ; BLMPOP 0 1 l LEFT ; BLMPOP 0 2 no l RIGHT COUNT 2 ; BLMPOP 0.01 1 no LEFT ; LRANGE l 0 -1
  BLMPOP
  BLMPOP x 1 l LEFT
  BLMPOP 0 0 l LEFT ; BLMPOP 0 x l LEFT ; BLMPOP 0 1 l MIDDLE ; BLMPOP 0 1 l LEFT COUNT 0 ; BLMPOP 0 3 l LEFT
  BLMPOP -1 0 l LEFT ; BLMPOP x 1 l MIDDLE ; BLMPOP x 1 l LEFT COUNT 0 ; BZMPOP x 0 z MIN ; BZMPOP -1 1 z MIN
  RPUSH l a b c ; BLMOVE l m LEFT RIGHT 0 ; BLMOVE l m RIGHT LEFT 1 ; BRPOPLPUSH l m 0 ; LRANGE m 0 -1
  RPUSH l a b c ; BLMOVE l l LEFT RIGHT 0 ; BRPOPLPUSH l l 0 ; LRANGE l 0 -1
  BLMOVE l m LEFT RIGHT 0.01 ; BRPOPLPUSH l m 0.01
  BLMOVE l m MIDDLE RIGHT 0 ; BLMOVE l m LEFT x 0 ; BLMOVE l m LEFT RIGHT x ; BLMOVE l m LEFT RIGHT ; BRPOPLPUSH l m x
  SET s v ; RPUSH l a ; BLMOVE s l LEFT RIGHT 0 ; BLMOVE l s LEFT RIGHT 0 ; LRANGE l 0 -1
  ZADD z 1 a 2 b 3 c ; BZPOPMIN z 0 ; BZPOPMAX no z 0 ; BZPOPMIN no 0.01 ; ZRANGE z 0 -1
  ZADD z 1 a 2.5 b 3 c inf d ; BZMPOP 0 1 z MIN ; BZMPOP 0 2 no z MAX COUNT 2 ; BZMPOP 0.01 1 no MIN ; ZCARD z
  BZPOPMIN z x ; BZMPOP x 1 z MIN ; BZMPOP 0 1 z LEFT ; BZMPOP 0 0 z MIN ; BZPOPMIN z -1
  SET s v ; BZPOPMIN s 0 ; BZMPOP 0 1 s MIN
  XADD s 1-1 f v ; XREAD BLOCK 0 STREAMS s 0 ; XREAD COUNT 1 BLOCK 10 STREAMS s t 0-0 0-0 ; XREAD BLOCK 10 STREAMS s 1-1
  XREAD BLOCK 10 STREAMS s $ ; XREAD BLOCK x STREAMS s $ ; XREAD BLOCK -1 STREAMS s $ ; XREAD BLOCK 10 STREAMS s x
  XREAD BLOCK STREAMS s 0 ; XREAD BLOCK 10
  SET k v ; XREAD BLOCK 10 STREAMS k 0
  MULTI ; BLPOP l 0 ; BLMOVE l m LEFT RIGHT 0 ; BRPOPLPUSH l m 0 ; BLMPOP 0 1 l LEFT ; BZPOPMIN z 0 ; BZMPOP 0 1 z MIN ; XREAD BLOCK 0 STREAMS s $ ; WAIT 1 0 ; EXEC
  MULTI ; RPUSH l a ; BLPOP l 0 ; BLPOP l 0 ; EXEC
  MULTI ; BLPOP l x ; BLPOP l -1 ; EXEC
  WAIT 0 0 ; WAIT 1 10 ; WAIT x 0 ; WAIT 1 x ; WAIT 1 -1
  CLIENT UNBLOCK 99999 ; CLIENT UNBLOCK x ; CLIENT UNBLOCK 1 ERROR
  COMMAND GETKEYS BLPOP a b 0 ; COMMAND GETKEYS BLMPOP 0 2 a b LEFT ; COMMAND GETKEYS XREAD BLOCK 0 STREAMS a b 0 0
`),
  ...table(
    'blmpop bzmpop xread subscribe unsubscribe psubscribe punsubscribe ssubscribe sunsubscribe publish spublish monitor'
      .split(' ')
      .map((name) => `COMMAND INFO ${name}`)
      .join('\n'),
    commandEntry,
  ),
];

/** `who: <` reads one reply more, `who> command` blocks. */
export const eventConversations: readonly string[] = [
  'a: SUBSCRIBE x / b: PUBLISH x hello / a: < / b: PUBLISH y no / b: PUBLISH x "" / a: <',
  'a: SUBSCRIBE x / a: PSUBSCRIBE x* / b: PUBLISH x 1 / a: < / a: <',
  'a: PSUBSCRIBE [xy]? / b: PUBLISH xa 1 / a: < / b: PUBLISH za 1 / b: PUBLISH ya 2 / a: <',
  'a: PSUBSCRIBE * / b: PUBLISH "" 1 / a: SUBSCRIBE "" / b: PUBLISH "" 2 / a: < / b: PUBSUB CHANNELS * / b: PUBSUB CHANNELS',
  'a: SSUBSCRIBE x / b: SPUBLISH x 1 / a: < / b: PUBLISH x 2 / a: PING',
  'a: SUBSCRIBE x / b: SPUBLISH x 1 / b: PUBSUB CHANNELS / b: PUBSUB SHARDCHANNELS',
  'a: SSUBSCRIBE x / b: PUBSUB CHANNELS / b: PUBSUB SHARDCHANNELS / b: PUBSUB SHARDNUMSUB x y',
  'a: SUBSCRIBE x / b: SUBSCRIBE x / a: PUBSUB NUMSUB x y',
  'a: SUBSCRIBE xa / b: PUBSUB CHANNELS x* / b: PUBSUB CHANNELS y* / b: PUBSUB NUMSUB xa / b: PUBSUB NUMPAT',
  'a: PSUBSCRIBE xa / b: PUBSUB CHANNELS / b: PUBSUB NUMPAT / a: PUNSUBSCRIBE / b: PUBSUB NUMPAT',
  'a: SUBSCRIBE x / a: UNSUBSCRIBE x / b: PUBLISH x 1 / a: PING',
  'a: SUBSCRIBE x / a: RESET / b: PUBLISH x 1 / a: GET k',
  'a: SUBSCRIBE x / b: MULTI / b: PUBLISH x 1 / b: PUBLISH x 2 / b: EXEC / a: < / a: <',
  'a: SUBSCRIBE x / b: CLIENT KILL TYPE pubsub / b: PUBLISH x 1',
  'a: SUBSCRIBE x / b: CLIENT KILL TYPE normal SKIPME no',

  'a> BLPOP l 0 / b: RPUSH l x y / b: LLEN l / a: < / b: LRANGE l 0 -1',
  'a> BRPOP l 0 / b: LPUSH l x / a: < / b: EXISTS l',
  'a> BLPOP l m 0 / b: RPUSH m x / a: < / b: RPUSH l y / b: LLEN l / a: LLEN l',
  'a> BLPOP l 0 / c> BLPOP l 0 / b: RPUSH l 1 / a: < / b: RPUSH l 2 / c: <',
  'a> BLPOP l 0 / c> BLPOP l 0 / b: RPUSH l 1 2 3 / a: < / c: < / b: LRANGE l 0 -1',
  'a> BLPOP l 0 / c> BRPOP l 0 / b: RPUSH l 1 2 3 / a: < / c: < / b: LRANGE l 0 -1',
  'a> BLPOP l 0 / b: MULTI / b: RPUSH l x / b: LLEN l / b: DEL l / b: EXEC / b: RPUSH l y / a: <',
  'a> BLPOP l 0 / b: MULTI / b: RPUSH l x y / b: LPOP l / b: EXEC / a: <',
  'a> BLPOP l 0 / b: SET l v / b: DEL l / b: RPUSH l x / a: <',
  'a> BLPOP l 0 / b: ZADD l 1 x / b: DEL l / b: RPUSH l y / a: <',
  'a> BLPOP l 0 / b: RPUSH m x / b: RENAME m l / a: < / b: EXISTS l m',
  'a> BLPOP l 0 / b: RPUSH m x y / b: COPY m l / a: < / b: LRANGE l 0 -1',
  'a> BLPOP l 0 / b: RPUSH m 3 1 2 / b: SORT m STORE l / a: <',
  'a> BLPOP l 0 / b: SELECT 1 / b: RPUSH l x / b: SWAPDB 0 1 / a: < / b: LLEN l',
  'a> BLPOP l 0 / b: SELECT 1 / b: RPUSH l x / b: SELECT 0 / b: RPUSH l y / a: <',
  'a> BLPOP l 0 / b: FLUSHALL / b: RPUSH l x / a: <',
  'a> BLPOP l 0 / b: LINSERT l BEFORE p x / b: LPUSHX l x / b: LPUSH l x / a: <',
  'a> BLMOVE l m LEFT RIGHT 0 / b: RPUSH l x / a: < / b: LRANGE m 0 -1 / b: EXISTS l',
  'a> BLMOVE l l LEFT RIGHT 0 / b: RPUSH l x y / a: < / b: LRANGE l 0 -1',
  'a> BRPOPLPUSH l m 0 / b: SET m v / b: RPUSH l x / a: < / b: LRANGE l 0 -1',
  'a> BLMOVE l m LEFT RIGHT 0 / c> BLPOP m 0 / b: RPUSH l x / a: < / c: < / b: EXISTS l m',
  'a> BLMOVE l m LEFT RIGHT 0 / c> BLMOVE m n LEFT RIGHT 0 / b: RPUSH l x / a: < / c: < / b: LRANGE n 0 -1',
  'a> BLMOVE l m LEFT RIGHT 0 / c> BLMOVE m l LEFT RIGHT 0 / b: RPUSH l x / a: < / c: < / b: LRANGE l 0 -1',
  'a> BLMOVE l m LEFT RIGHT 0 / c> BLPOP l 0 / b: RPUSH l x y / a: < / c: < / b: LRANGE m 0 -1',
  'a> BLMPOP 0 2 l m LEFT COUNT 2 / b: RPUSH m x y z / a: < / b: LRANGE m 0 -1',
  'a> BLMPOP 0 1 l RIGHT COUNT 10 / b: RPUSH l x y z / a: < / b: EXISTS l',
  'a> BZPOPMIN z 0 / b: ZADD z 1 a 2 b / a: < / b: ZRANGE z 0 -1',
  'a> BZPOPMAX z 0 / b: ZINCRBY z 1.5 a / a: < / b: EXISTS z',
  'a> BZPOPMIN z y 0 / b: ZADD x 1 a / b: ZUNIONSTORE y 1 x / a: <',
  'a> BZPOPMIN z 0 / b: RPUSH z a / b: DEL z / b: ZADD z 1 a / a: <',
  'a> BZMPOP 0 1 z MAX COUNT 2 / b: ZADD z 1 a 2 b 3 c / a: < / b: ZRANGE z 0 -1',
  'a> BZPOPMIN k 0 / c> BLPOP k 0 / b: RPUSH k x / c: < / b: ZADD k 1 m / a: <',
  'a> XREAD BLOCK 0 STREAMS s $ / b: XADD s 5-1 f v / a: <',
  'a> XREAD BLOCK 0 STREAMS s 0 / c> XREAD BLOCK 0 STREAMS s $ / b: XADD s 5-1 f v / a: < / c: <',
  'b: XADD s 5-1 f v / a> XREAD BLOCK 0 STREAMS s 7-0 / b: XADD s 6-1 f v / b: XADD s 8-1 f v / a: <',
  'a> XREAD BLOCK 0 STREAMS s $ / b: MULTI / b: XADD s 5-1 f v / b: DEL s / b: EXEC / b: XADD s 6-1 f v / a: <',
  'a> BLPOP l 0 / b: CLIENT PAUSE 50 WRITE / b: RPUSH l x / a: <',
  'a> BLPOP l 0.05 / b: CLIENT PAUSE 100 / a: < / b: PING',
  'a> WAIT 1 30 / a: <',
];
