// Sorted sets.

import { docsOf } from './doc.ts';

export const sortedSetsDocs = docsOf(`
zscan key cursor [MATCH pattern] [COUNT count]
  O(1) per call, O(N) for all N elements
  tips nondeterministic_output
zadd key [condition@3.0.2(NX | XX)] [comparison@6.2.0(GT | LT)] [change=CH@3.0.2]
    [increment=INCR@3.0.2] score_member(score member)...
  O(log(N)) per member, N in the set
  2.4.0 Several members.
  3.0.2 XX, NX, CH and INCR.
  6.2.0 GT and LT.
zincrby key increment member
  O(log(N)) for N members
zrem key member...
  O(M*log(N)) to remove M of N members
  2.4.0 Several members.
zcard key
zscore key member
zmscore key member...
  O(N) for N members asked about
zrank key member [WITHSCORE@7.2.0]
  O(log(N)) for N members
  7.2.0 WITHSCORE.
zrevrank key member [WITHSCORE@7.2.0]
  O(log(N)) for N members
  7.2.0 WITHSCORE.
zpopmin key [count]
  O(log(N)*M) to take M of N members
zpopmax key [count]
  O(log(N)*M) to take M of N members
zmpop numkeys key... where(MIN | MAX) [COUNT count]
  O(K) + O(M*log(N)) for K keys, M members taken, N in the set
zrandmember key [options(count [WITHSCORES])]
  O(N) for N elements returned
  tips nondeterministic_output
zrange key start:string stop:string [sortby@6.2.0(BYSCORE | BYLEX)] [REV@6.2.0]
    [LIMIT offset_count@6.2.0(offset count)] [WITHSCORES]
  O(log(N)+M) to return M of N members
  6.2.0 REV, BYSCORE, BYLEX and LIMIT.
zrevrange key start stop [WITHSCORES]
  O(log(N)+M) to return M of N members
  deprecated 6.2.0 ZRANGE with REV
zrangebyscore key min max [WITHSCORES@2.0.0] [LIMIT offset_count(offset count)]
  O(log(N)+M) to return M of N members
  2.0.0 WITHSCORES.
  deprecated 6.2.0 ZRANGE with BYSCORE
zrevrangebyscore key max min [WITHSCORES] [LIMIT offset_count(offset count)]
  O(log(N)+M) to return M of N members
  2.1.6 Bounds may be left out of the range.
  deprecated 6.2.0 ZRANGE with REV and BYSCORE
zrangebylex key min:string max:string [LIMIT offset_count(offset count)]
  O(log(N)+M) to return M of N members
  deprecated 6.2.0 ZRANGE with BYLEX
zrevrangebylex key max:string min:string [LIMIT offset_count(offset count)]
  O(log(N)+M) to return M of N members
  deprecated 6.2.0 ZRANGE with REV and BYLEX
zrangestore dst src min:string max:string [sortby(BYSCORE | BYLEX)] [REV]
    [LIMIT offset_count(offset count)]
  O(log(N)+M) to store M of N members
zremrangebyrank key start stop
  O(log(N)+M) to remove M of N members
zremrangebyscore key min max
  O(log(N)+M) to remove M of N members
zremrangebylex key min:string max:string
  O(log(N)+M) to remove M of N members
zcount key min max
  O(log(N)) for N members
zlexcount key min:string max:string
  O(log(N)) for N members
zunion numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate(SUM | MIN | MAX)] [WITHSCORES]
  O(N)+O(M*log(M)) for N members in all sets, M in the result
zinter numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate(SUM | MIN | MAX)] [WITHSCORES]
  O(N*K)+O(M*log(M)) for K sets, the smallest of N members, M in the result
zdiff numkeys key... [WITHSCORES]
  O(L + (N-K)log(N)) for L members in all sets, N in the first, K in the result
zunionstore destination numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate(SUM | MIN | MAX)]
  O(N)+O(M log(M)) for N members in all sets, M in the result
zinterstore destination numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate(SUM | MIN | MAX)]
  O(N*K)+O(M*log(M)) for K sets, the smallest of N members, M in the result
zdiffstore destination numkeys key...
  O(L + (N-K)log(N)) for L members in all sets, N in the first, K in the result
zintercard numkeys key... [LIMIT limit]
  O(N*K) for K sets, the smallest of N members
bzpopmin key... timeout:double
  O(log(N)) for N members
  6.0.0 The timeout may have a fraction.
bzpopmax key... timeout:double
  O(log(N)) for N members
  6.0.0 The timeout may have a fraction.
bzmpop timeout:double numkeys key... where(MIN | MAX) [COUNT count]
  O(K) + O(M*log(N)) for K keys, M members taken, N in the set
`);
