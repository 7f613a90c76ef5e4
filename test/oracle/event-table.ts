// Scenarios and conversations about channels, keyspace events, monitors and blocking commands.

import { type Scenario, table } from './table.ts';

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
`),
];

/** `who: <` reads one reply more. */
export const eventConversations: readonly string[] = [
  'a: SUBSCRIBE x / b: PUBLISH x hello / a: < / b: PUBLISH y no / b: PUBLISH x "" / a: <',
  'a: SUBSCRIBE x / a: PSUBSCRIBE x* / b: PUBLISH x 1 / a: < / a: <',
  'a: PSUBSCRIBE [xy]? / b: PUBLISH xa 1 / a: < / b: PUBLISH za 1 / b: PUBLISH ya 2 / a: <',
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
];
