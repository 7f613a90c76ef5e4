import { rules } from './rules.ts';

export const hashRules = [
  ...rules(
    'exact',
    `
    HSET <hash> (<member> <value>)+
    HSET <hash> (<member> <value>)+
    HMSET <hash> (<member> <value>)+
    HSETNX <hash> <member> <value>
    HGET <hash> <member>
    HMGET <hash> <member>+
    HDEL <hash> <member>+
    HLEN <hash>
    HEXISTS <hash> <member>
    HSTRLEN <hash> <member>
    HINCRBY <hash> <member> <number>
    HINCRBY <hash> <member> <large>
    HINCRBYFLOAT <hash> <member> <float>
    OBJECT ENCODING <hash>
    `,
  ),
  ...rules(
    'unordered',
    `
    HGETALL <hash>
    HKEYS <hash>
    HVALS <hash>
    `,
  ),
  ...rules('scan', 'HSCAN <hash> 0 COUNT 1000 (MATCH <pattern>|)'),
  ...rules(
    'shape',
    `
    HRANDFIELD <hash>
    HRANDFIELD <hash> <random> (WITHVALUES|)
    `,
  ),
];

export const listRules = rules(
  'exact',
  `
  RPUSH <list> <value>+
  RPUSH <list> <value>+
  LPUSH <list> <value>+
  LPUSHX <list> <value>+
  RPUSHX <list> <value>
  LPOP <list> (<count>|)
  RPOP <list> (<count>|)
  LLEN <list>
  LRANGE <list> <index> <index>
  LINDEX <list> <index>
  LSET <list> <index> <value>
  LINSERT <list> (BEFORE|AFTER) <value> <value>
  LREM <list> <int> <value>
  LTRIM <list> <index> <index>
  LMOVE <list> <list> (LEFT|RIGHT) (LEFT|RIGHT)
  RPOPLPUSH <list> <list>
  LMPOP (1|2|0) <list>+ (LEFT|RIGHT) (COUNT <int>|)
  LPOS <list> <value> (RANK <int>|) (COUNT <int>|) (MAXLEN <int>|)
  SORT <list> (ALPHA|DESC|ALPHA DESC|LIMIT <int> <int>|ALPHA LIMIT <int> <int>|)
  SORT <list> ALPHA STORE <list>
  SORT_RO <list> (ALPHA|DESC|)
  SORT_RO list1 BY nosort
  `,
);

export const streamRules = rules(
  'exact',
  `
  XADD <stream> <newid> (<member> <value>)+
  XADD <stream> <newid> (<member> <value>)+
  XADD <stream> (NOMKSTREAM|MAXLEN <int>|MAXLEN = <count>|MINID <id>) <newid> <member> <value>
  XADD <stream> (LIMIT 3|MAXLEN 5 LIMIT 1) <id> <member> <value>
  XLEN <stream>
  XRANGE <stream> <from> <to> (COUNT <int>|)
  XREVRANGE <stream> <to> <from> (COUNT <int>|)
  XREAD (COUNT <int>|) STREAMS <stream> <id>
  XREAD (COUNT <int>|) STREAMS <stream> <stream> <id> (<id>|$|x|>)
  XDEL <stream> <id>+
  XTRIM <stream> (MAXLEN|MAXLEN =) <int>
  XTRIM <stream> MINID <id>
  XSETID <stream> 5-0 ENTRIESADDED -1
  XSETID <stream> (99-1|120-3|x|5-) (ENTRIESADDED <count>|) (MAXDELETEDID <id>|)
  TYPE <stream>
  XINFO STREAM <stream>
  XINFO STREAM <stream> FULL (COUNT <int>|)
  `,
);
