import { rules } from './rules.ts';

export const anyKeyRules = [
  ...rules(
    'exact',
    `
    SET <any> <value>
    RPUSH <any> <value>
    HSET <any> <member> <value>
    SADD <set> <member>+
    ZADD <zset> <score> <member>
    COPY <any> <any> (REPLACE|DB 0|DB 1|DB x|DB 99|)
    RENAMENX <any> <any>
    TOUCH <any>+
    UNLINK <any>+
    SWAPDB (0|1|x|99) (0|1)
    DBSIZE
    OBJECT REFCOUNT <any>
    OBJECT ENCODING <string>
    OBJECT FREQ <any>
    EXPIREAT <any> (99999999999|99999999990|1|x) (NX|XX|GT|LT|)
    EXPIRETIME <any>
    SORT <set> (ALPHA|LIMIT <int> <int>|DESC|)
    SORT <zset> (ALPHA|ALPHA DESC|)
    SORT <any> ALPHA STORE <any>
    WAIT 0 10
    `,
  ),
  ...rules('unordered', 'KEYS <pattern>'),
  // A key that has been renamed may hold a set, whose order is its own.
  ...rules('unordered', 'SORT <zset> BY nosort (DESC|)'),
  ...rules(
    'scan',
    `
    SCAN 0 COUNT 1000 (MATCH <pattern>|) (TYPE (string|list|set|zset|hash|nosuch)|)
    SCAN (x|0|-) COUNT (x|0|-1)
    SSCAN <set> 0 COUNT 1000 (MATCH <pattern>|)
    ZSCAN <zset> 0 COUNT 1000 (MATCH <pattern>|)
    HSCAN <any> (0|x) (COUNT x|MATCH|FOO 1|)
    `,
  ),
];

export const keyRules = rules(
  'exact',
  `
  DEL <key>
  EXISTS <key>+
  TYPE <key>
  RENAME <key> <key>
  EXPIREAT <key> (99999999999|99999999990) (NX|XX|GT|LT|)
  EXPIRETIME <key>
  PERSIST <key>
  `,
);
