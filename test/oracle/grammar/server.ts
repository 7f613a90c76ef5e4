import { rules } from './rules.ts';

/** Commands about the server and the connection, whose answers are those of an idle one. */
export const serverRules = [
  ...rules(
    'exact',
    `
    PING (<value>|)
    ECHO <value>
    SELECT (0|1|15|16|-1|x)
    DBSIZE
    SWAPDB (0|1|x|99) (0|1|x)
    FLUSHDB (ASYNC|SYNC|x|)
    CONFIG GET (maxmemory|maxmemory-policy|hz|databases|lfu-log-factor|nosuch)
    CONFIG SET (hz 10|hz x|hz 10 hz 10|maxmemory-samples 5|maxmemory-samples 0|maxmemory x|nosuch 1|databases 4)
    CONFIG SET maxmemory-eviction-tenacity (10|101|-1|x)
    CONFIG SET slowlog-log-slower-than (10000|-2|x)
    CONFIG SET maxmemory-policy (noeviction|nosuch)
    CONFIG (NOSUCH|GET|SET|SET hz)
    COMMAND GETKEYS (GET|SET|MSET|XADD|ZADD|OBJECT|MEMORY USAGE|DEL) <key> <value> <key> <value>
    COMMAND GETKEYS (ZUNIONSTORE|ZINTERSTORE|SINTERCARD|LMPOP|ZDIFF) <key> (2|1|x|9) <key> <key>
    COMMAND GETKEYS (SORT|SORT_RO) <key> (STORE <key>|ALPHA|)
    COMMAND GETKEYS (PING|NOSUCH|GET|XREAD STREAMS)
    COMMAND GETKEYS XREAD COUNT 2 STREAMS <key> <key> 1 2
    COMMAND GETKEYS OBJECT ENCODING <key>
    COMMAND GETKEYSANDFLAGS (GET|LPOP|GETDEL|APPEND|EXPIRE|COPY) <key> <key>
    COMMAND GETKEYSANDFLAGS (PING|NOSUCH|HSET <key> <value> x|XREAD STREAMS <key> 1)
    COMMAND (NOSUCH|COUNT x|GETKEYS)
    COMMAND LIST (FILTERBY|FILTERBY x|FILTERBY x y|x)
    CLIENT SETNAME (me|you|<int>)
    CLIENT GETNAME
    CLIENT NO-EVICT (ON|OFF|x)
    CLIENT (GETREDIR|TRACKINGINFO|CACHING YES|TRACKING OFF|TRACKING x)
    CLIENT (KILL x|KILL ID x|KILL ID 0|KILL TYPE x|KILL ID 99999999|KILL ADDR x|KILL SKIPME x)
    CLIENT (UNBLOCK x|UNBLOCK 99999999|UNBLOCK 1 x|PAUSE x|PAUSE -1|PAUSE 0 x|UNPAUSE)
    CLIENT (LIST TYPE x|LIST ID x|LIST x|REPLY x|NOSUCH|ID x)
    SLOWLOG (GET x|GET -2|GET 1 2|RESET|NOSUCH|LEN x)
    LATENCY (LATEST|HISTORY nosuch|RESET nosuch|GRAPH nosuch|NOSUCH|HISTORY)
    MEMORY (USAGE nosuch|USAGE|USAGE nosuch SAMPLES|USAGE nosuch SAMPLES x|USAGE nosuch SAMPLES -1|NOSUCH)
    FUNCTION (LIST|LIST WITHCODE|LIST x|LIST LIBRARYNAME|FLUSH|FLUSH x|DELETE x|KILL|STATS|NOSUCH|DUMP)
    FUNCTION RESTORE (x|<value>) (APPEND|FLUSH|REPLACE|x|)
    OBJECT (FREQ|IDLETIME|NOSUCH|ENCODING) nosuch
    OBJECT FREQ <any>
    DEBUG (SLEEP|OBJECT nosuch|DIGEST-VALUE|NOSUCH|SET-ACTIVE-EXPIRE)
    DEBUG DIGEST-VALUE <key>+
    DEBUG DIGEST
    PUBLISH channel <value>
    PUBSUB (CHANNELS|CHANNELS x*|NUMSUB|NUMSUB a b|NUMPAT|SHARDNUMSUB a|SHARDCHANNELS|NOSUCH)
    SAVE x
    WAIT (0|1|x) (0|x|-1) x
    TIME x
    SET <string> <value>
    RPUSH <list> <value>+
    `,
  ),
  ...rules('unordered', 'CONFIG GET maxmemory hz'),
  ...rules('shape', 'TIME'),
];
