import { rules } from './rules.ts';

export const setRules = [
  ...rules(
    'exact',
    `
    SADD <set> <member>+
    SADD <set> <member>+
    SADD <set> <member>+
    SREM <set> <member>+
    SCARD <set>
    SISMEMBER <set> <member>
    SMISMEMBER <set> <member>+
    SMOVE <set> <set> <member>
    SINTERSTORE <set> <set>+
    SUNIONSTORE <set> <set>+
    SDIFFSTORE <set> <set>+
    SINTERCARD (1|2|3|0|x) <set>+ (LIMIT <int>|)
    `,
  ),
  ...rules(
    'unordered',
    `
    SMEMBERS <set>
    SINTER <set>+
    SUNION <set>+
    SDIFF <set>+
    SPOP <set> 1000
    SPOP <set> 0
    `,
  ),
  ...rules(
    'shape',
    `
    SRANDMEMBER <set>
    SRANDMEMBER <set> <random>
    `,
  ),
];

export const zsetRules = [
  ...rules(
    'exact',
    `
    ZADD <zset> <score> <member>
    ZADD <zset> (<score> <member>)+
    ZADD <zset> (<score> <member>)+
    ZADD <zset> (0 <member>)+
    ZADD <zset> (NX|XX|GT|LT|CH|NX CH|XX CH|GT CH|LT XX|NX XX|GT LT|INCR) (<score> <member>)+
    ZADD <zset> (INCR|INCR NX|INCR XX|INCR GT) <score> <member>
    ZINCRBY <zset> <score> <member>
    ZREM <zset> <member>+
    ZCARD <zset>
    ZSCORE <zset> <member>
    ZMSCORE <zset> <member>+
    ZRANK <zset> <member>
    ZREVRANK <zset> <member>
    ZCOUNT <zset> <bound> <bound>
    ZRANGE <zset> <index> <index> (WITHSCORES|REV|REV WITHSCORES|)
    ZRANGE <zset> <bound> <bound> BYSCORE (WITHSCORES|REV|REV WITHSCORES|) (LIMIT <int> <int>|)
    ZRANGE <zset> <bound> <bound> (LIMIT <int> <int>|BYSCORE BYLEX|BYLEX WITHSCORES|REV BYSCORE)
    ZREVRANGE <zset> <index> <index> (WITHSCORES|)
    ZRANGEBYSCORE <zset> <bound> <bound> (WITHSCORES|) (LIMIT <int> <int>|)
    ZREVRANGEBYSCORE <zset> <bound> <bound> (WITHSCORES|) (LIMIT <int> <int>|)
    ZRANGESTORE <zset> <zset> <index> <index> (REV|)
    ZRANGESTORE <zset> <zset> <bound> <bound> BYSCORE (REV|) (LIMIT <int> <int>|)
    ZREMRANGEBYRANK <zset> <index> <index>
    ZREMRANGEBYSCORE <zset> <bound> <bound>
    ZPOPMIN <zset> (<count>|)
    ZPOPMAX <zset> (<count>|)
    ZMPOP (1|2|0|x) <zset>+ (MIN|MAX) (COUNT <int>|)
    ZUNION (1|2|3|0) <both>+ (WEIGHTS <weight>+|) (AGGREGATE (SUM|MIN|MAX)|) (WITHSCORES|)
    ZUNION 2 <both> <both> (WEIGHTS <weight> <weight>|) (AGGREGATE (SUM|MIN|MAX)|) (WITHSCORES|)
    ZINTER 2 <both> <both> (WEIGHTS <weight> <weight>|) (AGGREGATE (SUM|MIN|MAX)|) (WITHSCORES|)
    ZDIFF 2 <both> <both> (WITHSCORES|)
    ZUNIONSTORE <zset> 2 <both> <both> (WEIGHTS <weight> <weight>|) (AGGREGATE (SUM|MIN|MAX)|)
    ZINTERSTORE <zset> 2 <both> <both> (WEIGHTS <weight> <weight>|) (AGGREGATE (SUM|MIN|MAX)|)
    ZDIFFSTORE <zset> (1|2|3) <both>+
    ZINTERCARD (1|2) <both>+ (LIMIT <int>|)
    `,
  ),
  // Names are only in order where all scores are one.
  ...rules(
    'exact',
    `
    DEL zlex
    ZADD zlex (0 <member>)+
    ZADD zlex (0 <member>)+
    ZLEXCOUNT zlex <lex> <lex>
    ZRANGEBYLEX zlex <lex> <lex> (LIMIT <int> <int>|)
    ZREVRANGEBYLEX zlex <lex> <lex> (LIMIT <int> <int>|)
    ZRANGE zlex <lex> <lex> BYLEX (REV|) (LIMIT <int> <int>|)
    ZRANGESTORE zset3 zlex <lex> <lex> BYLEX
    ZREMRANGEBYLEX zlex <lex> <lex>
    `,
  ),
  ...rules(
    'shape',
    `
    ZRANDMEMBER <zset>
    ZRANDMEMBER <zset> <random> (WITHSCORES|)
    `,
  ),
];
