// Connections, messages between them, and transactions.

import { docsOf } from './doc.ts';

export const clientsDocs = docsOf(`
ping [message]
  tips request_policy:all_shards response_policy:all_succeeded
echo message
quit
select index
auth [username@6.0.0] password
  O(N) for N passwords of the user
  6.0.0 The username.
hello [arguments(protover [AUTH username_password(username password)] [SETNAME clientname])]
  6.2.0 Without a version it only tells about the connection.
reset
client
  That of the subcommand
client|id
client|getname
client|setname connection-name
client|setinfo attr(LIB-NAME libname | LIB-VER libver)
client|info
  tips nondeterministic_output
client|list [TYPE normal_master_replica_pubsub@5.0.0(NORMAL | MASTER | REPLICA | PUBSUB)]
    [ID id@6.2.0(client-id...)]
  O(N) for N clients
  2.8.12 The field id.
  5.0.0 TYPE.
  6.0.0 The field user.
  6.2.0 ID, and the fields argv-mem, tot-mem, laddr and redir.
  7.0.0 The fields resp, multi-mem, rbs and rbp.
  7.0.3 The field ssub.
  tips nondeterministic_output
client|kill filter(ip:port!2.8.12 | new-format([ID client-id@2.8.12] | [TYPE
    normal_master_slave_pubsub@2.8.12(NORMAL | MASTER@3.2.0 | SLAVE | REPLICA@5.0.0 | PUBSUB)] |
    [USER username] | [ADDR ip:port] | [LADDR ip:port@6.2.0] | [SKIPME yes/no])...)
  O(N) for N clients
  2.8.12 Filters by name.
  2.8.12 ID.
  3.2.0 TYPE master.
  5.0.0 TYPE replica, for slave.
  6.2.0 LADDR.
client|pause timeout [mode@6.2.0(WRITE | ALL)]
  6.2.0 Modes: all commands, or those that write.
client|unpause
  O(N) for N paused clients
client|unblock client-id [timeout_error(TIMEOUT | ERROR)]
  O(log N) for N clients
client|reply on_off_skip(ON | OFF | SKIP)
client|no-evict enabled(ON | OFF)
client|tracking status(ON | OFF) [REDIRECT client-id] [{PREFIX prefix}...] [BCAST] [OPTIN]
    [OPTOUT] [NOLOOP]
  O(1), and what the options add
client|trackinginfo
client|getredir
client|caching mode(YES | NO)
client|no-touch enabled(ON | OFF)
multi
exec
  That of the queued commands
discard
  O(N) for N queued commands
watch key...
  O(1) per key
unwatch
subscribe channel...
  O(N) for N channels
unsubscribe [channel...]
  O(N) for N subscribers of the channels
psubscribe pattern(pattern)...
  O(N) for N patterns of the client
punsubscribe [pattern...]
  O(N+M) for N patterns of the client, M of all clients
ssubscribe shardchannel...
  O(N) for N channels
sunsubscribe [shardchannel...]
  O(N) for N subscribers of the channels
publish channel message
  O(N+M) for N subscribers of the channel, M patterns of all clients
spublish shardchannel message
  O(N) for N subscribers
pubsub
  That of the subcommand
pubsub|channels [pattern]
  O(N) for N channels, with short names and pattern
pubsub|numsub [channel...]
  O(N) for N channels asked about
pubsub|numpat
pubsub|shardchannels [pattern]
  O(N) for N channels, with short names and pattern
pubsub|shardnumsub [shardchannel...]
  O(N) for N channels asked about
`);
