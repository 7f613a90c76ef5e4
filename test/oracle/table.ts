// What is sent to Debian's redis-server and to Tutti: each line at once, in RESP2 and again in RESP3, and
// the two servers' bytes must be equal.

import { type Scenario, table } from './notation.ts';
import { valueScenarios } from './value-table.ts';

const connection = table(String.raw`
  PING
  ping
  PiNg
  PING hello
  PING ""
  PING "\r\n\x00\xff"
  PING a b
  ECHO
  ECHO hello
  ECHO ""
  ECHO a b
  ECHO "\x00\x01\xfe\xff"
  QUIT
  QUIT now
  SELECT
  SELECT 0
  SELECT 1 ; SET k v ; SELECT 0 ; GET k ; SELECT 1 ; GET k
  SELECT 15
  SELECT 16
  SELECT 2147483648 ; SELECT -2147483649 ; SELECT 2147483647
  SWAPDB 4294967296 1 ; SWAPDB 0 4294967296
  SET a 1 ; COPY a b DB 4294967296
  SELECT -1
  SELECT abc
  SELECT 1 2
  SELECT 99999999999999999999
  AUTH
  AUTH pw
  AUTH default pw
  AUTH nobody pw
  AUTH a b c
  RESET
  RESET now
  MULTI ; SET k v ; RESET ; EXEC ; GET k
  SELECT 3 ; SET k v ; RESET ; GET k ; SELECT 3 ; GET k
  CLIENT SETNAME me ; RESET ; CLIENT GETNAME
  HELLO 1
  HELLO 4
  HELLO abc
  HELLO -1
  HELLO 3 NOPE
  HELLO 3 AUTH
  HELLO 3 AUTH default
  HELLO 3 AUTH nobody pw
  HELLO 3 SETNAME
  HELLO 3 SETNAME "a b"
  HELLO 2 SETNAME "a\nb"
  NOSUCH
  NOSUCH a b c
  nosuch "a b" "\r\n" "\x00"
  "NO SUCH" x
  "" x
  NOSUCH aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb cccccccccccccccccccccccccccccccccccccccccc ddd
  NOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCHNOSUCH
  PING ; NOSUCH ; PING
  DBSIZE
  DBSIZE x
  SET a 1 ; SET b 2 ; DBSIZE ; SELECT 1 ; DBSIZE
  FLUSHDB
  FLUSHDB SYNC
  FLUSHDB ASYNC
  FLUSHDB NOW
  FLUSHDB SYNC ASYNC
  SET a 1 ; SELECT 1 ; SET b 2 ; FLUSHDB ; DBSIZE ; SELECT 0 ; DBSIZE
  FLUSHALL
  FLUSHALL SYNC
  FLUSHALL ASYNC
  FLUSHALL NOW
  SET a 1 ; SELECT 1 ; SET b 2 ; FLUSHALL ; DBSIZE ; SELECT 0 ; DBSIZE
  TIME x
  ROLE
  ROLE x
  MULTI ; ROLE ; EXEC
  XADD s 1-1 f v ; XADD s 2-1 f v ; XTRIM s MAXLEN ~ 1 ; XTRIM s MAXLEN ~ 0 ; XLEN s
  XADD s 1-1 f v ; XADD s 2-1 f v ; XTRIM s MINID ~ 2 ; XTRIM s MINID ~ 3 ; XLEN s
  XADD s 1-1 f v ; XADD s 2-1 f v ; XTRIM s MAXLEN ~ 0 LIMIT 1 ; XTRIM s MAXLEN ~ 0 LIMIT 2 ; XLEN s
  XREVRANGE s x - NOSUCH
  XREVRANGE s + x COUNT
  XREVRANGE s ( - COUNT x
  XRANGE s (18446744073709551615-18446744073709551615 + NOSUCH x
  XREVRANGE s + (18446744073709551615-18446744073709551615 NOSUCH x
  XRANGE s - (0-0 COUNT x
  SET s v ; XRANGE s - + NOSUCH ; XRANGE s x + ; XRANGE s - + COUNT x ; XRANGE s - + COUNT 1
  XADD s 1-1 f v ; XADD s 2-1 f v ; XADD s MAXLEN ~ 0 3-1 f v ; XLEN s
  CLIENT PAUSE
  CLIENT PAUSE x
  CLIENT PAUSE -1
  CLIENT PAUSE 1.5
  CLIENT PAUSE x foo
  CLIENT PAUSE 1 WRITE x
  client pause 0 all ; PING
  CLIENT PAUSE 100000 WRITE ; GET k ; CLIENT UNPAUSE ; SET k v
  CLIENT PAUSE 20 WRITE ; SET k v ; GET k
  CLIENT PAUSE 20 ; SET k v ; GET k
  CLIENT PAUSE 20 WRITE ; MULTI ; SET k v ; GET k ; EXEC ; GET k
  CLIENT UNPAUSE
  CLIENT UNPAUSE x
  CLIENT UNBLOCK
  CLIENT UNBLOCK x
  CLIENT UNBLOCK 99999
  CLIENT UNBLOCK 99999 TIMEOUT
  CLIENT UNBLOCK 99999 error
  CLIENT UNBLOCK x foo
  CLIENT UNBLOCK 1 TIMEOUT x
  READONLY
  READWRITE
  ASKING
  ASKING x
  CLUSTER
  CLUSTER INFO
  CLUSTER SLOTS
  CLUSTER NODES
  CLUSTER MYID
  CLUSTER KEYSLOT a
`);

const client = table(String.raw`
  CLIENT
  CLIENT NOSUCH
  CLIENT NOSUCH a b
  client nosuch
  CLIENT GETNAME
  CLIENT GETNAME x
  CLIENT SETNAME
  CLIENT SETNAME a b
  CLIENT SETNAME me ; CLIENT GETNAME
  CLIENT SETNAME me ; CLIENT SETNAME "" ; CLIENT GETNAME
  CLIENT SETNAME "a b" ; CLIENT GETNAME
  CLIENT SETNAME "a\nb"
  CLIENT SETNAME "caf\xe9"
  CLIENT SETNAME "~!{}"
  CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-ip
  CLIENT ID x
  CLIENT REPLY
  CLIENT REPLY ON
  CLIENT REPLY OFF ; PING ; SET k v ; CLIENT REPLY ON ; GET k
  CLIENT REPLY SKIP ; PING ; PING hello
  CLIENT REPLY OFF ; NOSUCH ; GET ; CLIENT REPLY ON
  CLIENT REPLY MAYBE
  CLIENT NO-EVICT ON
  CLIENT NO-EVICT OFF
  CLIENT NO-EVICT MAYBE
  CLIENT NO-EVICT
  CLIENT LIST TYPE nosuch
  CLIENT LIST NOSUCH
  CLIENT LIST ID
  CLIENT LIST ID abc
  CLIENT LIST ID 9999999
  CLIENT LIST TYPE pubsub
  CLIENT INFO x
  CLIENT KILL
  CLIENT KILL 1.2.3.4:5
  CLIENT KILL ID
  CLIENT KILL ID abc
  CLIENT KILL ID 0
  CLIENT KILL ID -1
  CLIENT KILL ID 9999999
  CLIENT KILL ADDR 1.2.3.4:5
  CLIENT KILL LADDR 1.2.3.4:5
  CLIENT KILL TYPE nosuch
  CLIENT KILL USER nosuch
  CLIENT KILL SKIPME maybe ID 3
  CLIENT KILL NOSUCH x
  CLIENT KILL ID 9999999 ADDR
`);

const transactions = table(`
  MULTI
  MULTI x
  MULTI ; EXEC
  EXEC
  EXEC x
  DISCARD
  MULTI ; DISCARD
  MULTI ; DISCARD ; DISCARD
  MULTI ; MULTI ; EXEC
  MULTI ; SET k v ; GET k ; EXEC ; GET k
  MULTI ; SET k v ; DISCARD ; GET k
  MULTI ; GET ; EXEC
  MULTI ; NOSUCH ; SET k v ; EXEC ; GET k
  MULTI ; SET k v ; EXEC x ; EXEC
  MULTI ; CLIENT NOSUCH ; EXEC
  MULTI ; SET k v ; HGET k f ; GET k ; EXEC
  MULTI ; SET k v EX abc ; GET k ; EXEC
  MULTI ; PING ; PING x ; ECHO y ; EXEC
  MULTI ; SELECT 1 ; SET k v ; EXEC ; GET k ; SELECT 0 ; GET k
  MULTI ; HSET h f v ; HGETALL h ; RPUSH l a b ; LRANGE l 0 -1 ; DEL h l ; EXEC
  MULTI ; WATCH k ; EXEC
  MULTI ; UNWATCH ; EXEC
  MULTI ; QUIT
  MULTI ; CLIENT SETNAME me ; CLIENT GETNAME ; EXEC
  MULTI ; EXPIRE k 10 ; SET k v ; EXPIRE k 100 ; TTL k ; PERSIST k ; TTL k ; EXEC
  MULTI ; FLUSHALL ; DBSIZE ; EXEC
  MULTI ; CONFIG GET maxmemory ; EXEC
  MULTI ; AUTH x ; EXEC
  MULTI ; EXEC ; EXEC
  MULTI ; EXEC ; MULTI ; EXEC
  MULTI ; GET ; DISCARD ; MULTI ; PING ; EXEC
  WATCH
  WATCH k
  WATCH a b a
  UNWATCH
  UNWATCH x
  WATCH k ; MULTI ; PING ; EXEC
  WATCH k ; SET k v ; MULTI ; PING ; EXEC
  WATCH k ; SET k v ; UNWATCH ; MULTI ; PING ; EXEC
  WATCH k ; SET k v ; MULTI ; DISCARD ; MULTI ; PING ; EXEC
  WATCH k ; SET k v ; MULTI ; GET ; EXEC
  WATCH k ; GET k ; MULTI ; PING ; EXEC
  SET k v ; WATCH k ; DEL k ; SET k v ; MULTI ; PING ; EXEC
  SET k v ; WATCH k ; EXPIRE k 100 ; MULTI ; PING ; EXEC
  SET k v ; WATCH k ; PERSIST k ; MULTI ; PING ; EXEC
  SET k v ; WATCH k ; TOUCH k ; MULTI ; PING ; EXEC
  WATCH k ; DEL k ; MULTI ; PING ; EXEC
  WATCH k ; FLUSHALL ; MULTI ; PING ; EXEC
  SET k v ; WATCH k ; FLUSHALL ; MULTI ; PING ; EXEC
  SET k v ; WATCH k ; FLUSHDB ; MULTI ; PING ; EXEC
  SET k v ; WATCH k ; SELECT 1 ; FLUSHDB ; SELECT 0 ; MULTI ; PING ; EXEC
  WATCH k ; SELECT 1 ; SET k v ; SELECT 0 ; MULTI ; PING ; EXEC
  SET a 1 ; WATCH a ; RENAME a b ; MULTI ; PING ; EXEC
  SET a 1 ; WATCH b ; RENAME a b ; MULTI ; PING ; EXEC
  HSET h f v ; WATCH h ; HSET h f v ; MULTI ; PING ; EXEC
  RPUSH l a ; WATCH l ; LRANGE l 0 -1 ; MULTI ; PING ; EXEC
  RPUSH l a ; WATCH l ; RPUSH l b ; MULTI ; PING ; EXEC
  SET k v PXAT 1 ; WATCH k ; MULTI ; PING ; EXEC
  WATCH k ; MULTI ; SET k v ; EXEC ; MULTI ; GET k ; EXEC
  WATCH k ; SET k v ; DEL k ; MULTI ; PING ; EXEC
  WATCH k ; SET k v ; DEL k ; UNWATCH ; WATCH k ; MULTI ; PING ; EXEC
  WATCH k ; SET k v ; DEL k ; WATCH k ; MULTI ; PING ; EXEC
  WATCH k ; SET k v ; FLUSHALL ; MULTI ; PING ; EXEC
  WATCH k ; SET other v ; DEL other ; MULTI ; PING ; EXEC
  WATCH k ; RPUSH k a ; LPOP k ; MULTI ; PING ; EXEC ; MULTI ; PING ; EXEC
  WATCH k ; SET a 1 ; RENAME a k ; RENAME k b ; MULTI ; PING ; EXEC
  WATCH k ; SET k v PXAT 1 ; MULTI ; PING ; EXEC
  WATCH k ; SELECT 1 ; SET k v ; DEL k ; SELECT 0 ; MULTI ; PING ; EXEC
  WATCH k ; SWAPDB 0 1 ; MULTI ; PING ; EXEC
  SET k v ; WATCH k ; SWAPDB 0 1 ; MULTI ; PING ; EXEC
  SET k v ; WATCH k ; SWAPDB 0 1 ; SWAPDB 0 1 ; MULTI ; PING ; EXEC
  SELECT 1 ; SET k v ; SELECT 0 ; WATCH k ; SWAPDB 0 1 ; MULTI ; PING ; EXEC
  SELECT 1 ; SET k v ; SELECT 0 ; WATCH k ; SWAPDB 0 1 ; SWAPDB 0 1 ; MULTI ; PING ; EXEC
  SET k v ; SELECT 1 ; SET k v ; SELECT 0 ; WATCH k ; SWAPDB 0 1 ; MULTI ; PING ; EXEC
  SET k v ; WATCH k ; SWAPDB 2 3 ; MULTI ; PING ; EXEC
`);

const config = table(`
  CONFIG
  CONFIG NOSUCH
  CONFIG GET
  CONFIG GET no-such-setting
  CONFIG GET no-such-*
  CONFIG GET key-load-delay ; CONFIG GET key-load-dela? ; CONFIG GET watchdog*
  CONFIG GET maxmemory
  CONFIG GET MAXMEMORY
  CONFIG GET maxmemory maxmemory
  CONFIG GET maxmemory no-such-setting
  CONFIG GET maxmemory-p[o]licy
  CONFIG GET maxm?mory
  CONFIG GET proto-max-bulk-len
  CONFIG GET timeout
  CONFIG GET tcp-keepalive
  CONFIG GET maxclients
  CONFIG GET databases
  CONFIG GET appendonly
  CONFIG GET save
  CONFIG GET lua-time-limit
  CONFIG GET client-output-buffer-limit
  CONFIG GET client-query-buffer-limit
  CONFIG SET
  CONFIG SET maxmemory
  CONFIG SET no-such-setting 1
  CONFIG SET maxmemory abc
  CONFIG SET maxmemory -1
  CONFIG SET maxmemory 1gb timeout
  CONFIG SET maxmemory 1gb maxmemory 2gb
  CONFIG SET maxmemory 1gb no-such-setting 1 ; CONFIG GET maxmemory
  CONFIG SET maxmemory 1gb timeout abc ; CONFIG GET maxmemory
  CONFIG SET maxmemory 100mb ; CONFIG GET maxmemory ; CONFIG SET maxmemory 0
  CONFIG SET maxmemory 1k ; CONFIG GET maxmemory ; CONFIG SET maxmemory 0
  CONFIG SET maxmemory 1kb timeout 100 ; CONFIG GET maxmemory ; CONFIG GET timeout ; CONFIG SET maxmemory 0 timeout 0
  CONFIG SET timeout abc
  CONFIG SET timeout -1
  CONFIG SET tcp-keepalive 60 ; CONFIG GET tcp-keepalive ; CONFIG SET tcp-keepalive 300
  CONFIG SET lua-time-limit 6000 ; CONFIG GET lua-time-limit ; CONFIG SET lua-time-limit 5000
  CONFIG SET maxmemory-policy nosuch
  CONFIG SET min-replicas-to-write 1 ; SET k v ; GET k ; MULTI ; SET k v ; PING ; EXEC ; CONFIG SET min-replicas-to-write 0
  CONFIG SET min-replicas-to-write 1 min-replicas-max-lag 0 ; SET k v ; CONFIG SET min-replicas-to-write 0 min-replicas-max-lag 10
  CONFIG SET maxmemory-policy noeviction ; CONFIG GET maxmemory-policy
  CONFIG SET proto-max-bulk-len 1
  CONFIG SET proto-max-bulk-len 8gb ; CONFIG GET proto-max-bulk-len ; CONFIG SET proto-max-bulk-len 512mb
  CONFIG SET databases 20
  CONFIG SET save "900 1" ; CONFIG GET save ; CONFIG SET save ""
  CONFIG RESETSTAT
  CONFIG RESETSTAT x
  CONFIG SET maxmemory 1 ; SET k v ; GET k ; HSET h f v ; RPUSH l x ; DEL k ; CONFIG SET maxmemory 0 ; SET k v
  CONFIG SET maxmemory 1 ; MULTI ; SET k v ; EXEC ; CONFIG SET maxmemory 0
`);

/** Of a command's entry only the first six: name, arity, flags (a set) and the key positions. */
export const commandEntry = (reply: string) => {
  const entry =
    /^\*1\r\n\*10\r\n(\$\d+\r\n\S+\r\n:-?\d+\r\n)([*~]\d+\r\n)((?:\+\S+\r\n)*)(:-?\d+\r\n:-?\d+\r\n:-?\d+\r\n)/.exec(
      reply,
    );
  return entry
    ? [entry[1], entry[2], ...(entry[3] ?? '').split('\r\n').sort(), entry[4]].join(' ')
    : reply;
};

const command = [
  ...table(String.raw`
  COMMAND NOSUCH
  COMMAND COUNT x
  COMMAND INFO nosuch
  COMMAND INFO nosuch nosuch2
  COMMAND GETKEYS
  COMMAND GETKEYS nosuch
  COMMAND GETKEYS PING
  COMMAND GETKEYS GET
  COMMAND GETKEYS GET k
  COMMAND GETKEYS GET k x
  COMMAND GETKEYS SET k v EX 10
  COMMAND GETKEYS DEL a b c
  COMMAND GETKEYS RENAME a b
  COMMAND GETKEYS HSET h f v
  COMMAND GETKEYS RPUSH l a b
  COMMAND GETKEYS MULTI
  COMMAND GETKEYS WATCH a b
  COMMAND GETKEYS EXISTS "\x00\xff"
  COMMAND LIST NOSUCH
  COMMAND LIST FILTERBY NOSUCH x
  COMMAND DOCS nosuch
`),
  ...table(
    [
      'ping echo quit select auth hello reset client info config command dbsize flushdb flushall time',
      'del unlink exists touch rename renamenx type expire pexpire expireat pexpireat ttl pttl expiretime',
      'pexpiretime persist get set strlen hset hmset hget hgetall hexists hlen rpush lpush lrange llen',
      'multi exec discard watch unwatch cluster readonly readwrite asking shutdown',
    ]
      .join(' ')
      .split(' ')
      .map((name) => `COMMAND INFO ${name}`)
      .join('\n'),
    commandEntry,
  ),
];

const anyNumber = (reply: string) => reply.replace(/^:\d+/, ':<number>');
const anyHello = (reply: string) =>
  reply
    .replace(/(\$7\r\nversion\r\n)\$\d+\r\n\S+/, '$1<version>')
    .replace(/(\$2\r\nid\r\n):\d+/, '$1<id>')
    .replace(/(\$7\r\nmodules\r\n)[\s\S]*$/, '$1<modules>');
const anyTime = (reply: string) => reply.replace(/\$10\r\n\d{10}\r\n\$\d\r\n\d{1,6}/, '<time>');

/** Fields of CLIENT LIST that the two servers must agree on in value too. */
const comparedClientFields = /^(name|db|flags|sub|psub|multi|user|resp|cmd|redir|events)=/;
const anyClientLine = (reply: string) =>
  reply
    .replace(/^(?:\*1\r\n)?[$=]\d+\r\n/, (head) => head[0] ?? '')
    .split(' ')
    // 7.2 appends these two and 7.0 has neither.
    .filter((field) => !/^lib-(name|ver)=/.test(field))
    .map((field) =>
      comparedClientFields.test(field) ? field.trimEnd() : field.replace(/=[\s\S]*/, '=<any>'),
    )
    .join(' ');

const masked = [
  ...table(
    'HELLO ; HELLO 2 ; HELLO 3 ; HELLO ; HELLO 2 SETNAME me ; CLIENT GETNAME\nHELLO 3 SETNAME "" ; GET k ; HSET h f v ; HGETALL h\nHELLO 3 ; RESET ; GET k\nMULTI ; HELLO 3 ; EXEC',
    anyHello,
  ),
  ...table('TIME', anyTime),
  ...table('CLIENT ID\nMULTI ; CLIENT ID ; EXEC', (reply) =>
    anyNumber(reply).replace(/^\*1\r\n:\d+/, '*1<number>'),
  ),
  ...table('SET k v PX 100000 ; PTTL k', (reply) =>
    reply.replace(/^:(99\d\d\d|100000)\r/, ':<about 100000>\r'),
  ),
  ...table('COMMAND COUNT', anyNumber),
  ...table(
    'CLIENT INFO\nCLIENT SETNAME me ; CLIENT INFO\nSELECT 3 ; CLIENT INFO\nMULTI ; CLIENT INFO ; EXEC',
    anyClientLine,
  ),
  // The order of a hash's fields is nobody's promise.
  ...table('HSET h a 1 b 2 c 3 ; HGETALL h', (reply) => reply.split('\r\n').sort().join(' ')),
];

const raw = (title: string, bytes: string, endsByQuit = true): Scenario => ({
  title,
  bytes: Buffer.from(bytes, 'latin1'),
  endsByQuit,
});
const fatal = (title: string, bytes: string) => raw(title, bytes, false);
const big = 'x'.repeat(300_000);

const protocol = [
  raw('an inline command', 'PING\r\n'),
  raw('an inline command that ends in LF', 'PING\n'),
  raw('an inline command in blanks', '   PING    hello   \r\n'),
  raw('inline quotes', 'SET k "a b\\x00\\n\\"c"\r\nGET k\r\nECHO \'it\\\'s\'\r\nECHO ""\r\n'),
  raw('empty lines', '\r\n\r\nPING\r\n\r\n\n'),
  raw('a line of blanks', '   \r\nPING\r\n'),
  raw(
    'inline and multibulk in turn',
    'PING\r\n*1\r\n$4\r\nPING\r\nECHO x\r\n*2\r\n$4\r\nECHO\r\n$1\r\ny\r\n',
  ),
  raw('an empty multibulk', '*0\r\nPING\r\n'),
  raw('a negative multibulk', '*-1\r\n*-2147483648\r\nPING\r\n'),
  raw('a bulk without its multibulk', '$4\r\nPING\r\n'),
  raw('whatever stands where a bulk ends', '*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n'),
  raw('an empty command name', '*1\r\n$0\r\n\r\n'),
  raw('a command name of bytes', '*1\r\n$4\r\n\x00\r\n\xff\r\n'),
  raw(
    'a big value',
    `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${big.length}\r\n${big}\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`,
  ),
  raw(
    'a big key',
    `*3\r\n$3\r\nSET\r\n$${big.length}\r\n${big}\r\n$1\r\nv\r\n*2\r\n$3\r\nGET\r\n$${big.length}\r\n${big}\r\n`,
  ),
  raw('a big inline command', `SET k ${'x'.repeat(60_000)}\r\nSTRLEN k\r\n`),
  raw(
    'many arguments',
    `*5002\r\n$5\r\nRPUSH\r\n$1\r\nl\r\n${'$1\r\ne\r\n'.repeat(5000)}*2\r\n$4\r\nLLEN\r\n$1\r\nl\r\n`,
  ),
  raw('many commands', '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'.repeat(3000)),
  raw('lengths with leading zeros', '*01\r\n$4\r\nPING\r\n'),
  fatal('a multibulk count that is no number', '*abc\r\n'),
  fatal('a multibulk count that is empty', '*\r\n'),
  fatal('a multibulk count above 2^31-1', '*2147483648\r\n'),
  fatal('a multibulk count far above', '*99999999999999999999\r\n'),
  fatal('a bulk length that is no number', '*1\r\n$abc\r\n'),
  fatal('a bulk length that is empty', '*1\r\n$\r\n'),
  fatal('a negative bulk length', '*1\r\n$-1\r\n'),
  fatal('a bulk length above proto-max-bulk-len', '*1\r\n$536870913\r\n'),
  fatal('a bulk length far above', '*2\r\n$3\r\nGET\r\n$99999999999999999999\r\n'),
  fatal('no bulk where one is due', '*1\r\nPING\r\n'),
  fatal('a multibulk where a bulk is due', '*1\r\n*1\r\n'),
  fatal('an empty line where a bulk is due', '*1\r\n\r\n'),
  fatal('a byte of no letter where a bulk is due', '*1\r\n\x01\r\n'),
  fatal('unbalanced double quotes', 'SET k "abc\r\n'),
  fatal('unbalanced single quotes', "SET k 'abc\r\n"),
  fatal('a quote in the middle of a word', 'SET k "a"b\r\n'),
  fatal('an inline command above 64 KiB', 'x'.repeat(64 * 1024 + 1)),
  fatal('a multibulk count line above 64 KiB', `*${'1'.repeat(64 * 1024 + 1)}`),
  fatal('a bulk length line above 64 KiB', `*1\r\n$${'1'.repeat(64 * 1024 + 1)}`),
  fatal('a protocol error after good commands', 'PING\r\n*1\r\n$4\r\nPING\r\n*1\r\n$-5\r\n'),
  fatal('a protocol error within MULTI', 'MULTI\r\nSET k v\r\n*1\r\n$-5\r\n'),
  fatal('QUIT before other commands', 'PING\r\nQUIT\r\nPING\r\n'),
];

export const scenarios: readonly Scenario[] = [
  ...connection,
  ...client,
  ...valueScenarios,
  ...transactions,
  ...config,
  ...command,
  ...masked,
  ...protocol,
];

/** Two clients taking turns: each line is `who: command`, sent when the last one's reply is there. */
export const conversations: readonly string[] = [
  'a: WATCH k / b: SET k v / a: MULTI / a: GET k / a: EXEC',
  'a: WATCH k / b: GET k / a: MULTI / a: SET k v / a: EXEC / b: GET k',
  'a: WATCH k / b: DEL k / a: MULTI / a: PING / a: EXEC',
  'a: WATCH k / b: SET k v / b: DEL k / a: MULTI / a: PING / a: EXEC',
  'a: WATCH k / b: SET k v / c: WATCH k / b: DEL k / c: MULTI / c: PING / c: EXEC / a: MULTI / a: PING / a: EXEC',
  'a: WATCH k / b: WATCH k / c: SET k v / c: DEL k / b: UNWATCH / b: WATCH k / b: MULTI / b: PING / b: EXEC / a: MULTI / a: PING / a: EXEC',
  'b: SET k v / a: WATCH k / b: DEL k / b: SET k v / a: MULTI / a: PING / a: EXEC',
  'a: WATCH k / b: SET k v / a: UNWATCH / a: MULTI / a: GET k / a: EXEC',
  'a: WATCH k / a: MULTI / a: SET k a / b: SET k b / a: EXEC / b: GET k',
  'b: SET k v / a: WATCH k / b: FLUSHALL / a: MULTI / a: PING / a: EXEC',
  'a: WATCH k / b: FLUSHALL / a: MULTI / a: PING / a: EXEC',
  'a: WATCH k / b: SELECT 1 / b: SET k v / a: MULTI / a: PING / a: EXEC',
  'b: SET x 1 / a: WATCH k / b: RENAME x k / a: MULTI / a: PING / a: EXEC',
  'b: SET k v / a: WATCH k / b: EXPIRE k 100 / a: MULTI / a: PING / a: EXEC',
  'b: SET k v / a: WATCH k / b: EXPIRE k -1 / a: MULTI / a: PING / a: EXEC',
  'a: MULTI / a: SET k a / b: GET k / a: EXEC / b: GET k',
  'a: MULTI / b: MULTI / a: RPUSH l a / b: RPUSH l b / b: EXEC / a: EXEC / a: LRANGE l 0 -1',
  'a: CLIENT SETNAME me / b: CLIENT GETNAME / a: CLIENT GETNAME',
  'a: SELECT 2 / b: SET k v / a: GET k / b: SELECT 2 / b: SET k w / a: GET k',
  'a: MULTI / a: INCR n / b: CONFIG SET min-replicas-to-write 1 / a: EXEC / b: CONFIG SET min-replicas-to-write 0 / b: GET n',
  'a: CONFIG SET maxmemory 1 / b: SET k v / a: CONFIG SET maxmemory 0 / b: SET k v',
];
