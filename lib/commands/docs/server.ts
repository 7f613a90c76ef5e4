// The server itself, and what is refused of scripts and the cluster.

import { docsOf } from './doc.ts';

export const serverDocs = docsOf(`
dbsize
  tips request_policy:all_shards response_policy:agg_sum
flushdb [async(ASYNC@4.0.0 | SYNC@6.2.0)]
  O(N) for N keys of the database
  4.0.0 ASYNC.
  6.2.0 SYNC.
  tips request_policy:all_shards response_policy:all_succeeded
flushall [async(ASYNC@4.0.0 | SYNC@6.2.0)]
  O(N) for N keys of all databases
  4.0.0 ASYNC.
  6.2.0 SYNC.
  tips request_policy:all_shards response_policy:all_succeeded
time
  tips nondeterministic_output
role
lolwut [VERSION version:integer]
  no complexity
shutdown [nosave_save(NOSAVE | SAVE)] [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]
  O(N) to save N keys, otherwise O(1)
  7.0.0 NOW, FORCE and ABORT.
info [section...]
  7.0.0 Several sections.
  tips nondeterministic_output request_policy:all_shards response_policy:special
config
  That of the subcommand
config|get parameter(parameter)...
  O(N) for N parameters
  7.0.0 Several patterns.
config|set parameter_value(parameter value)...
  O(N) for N parameters
  7.0.0 Several parameters.
  tips request_policy:all_nodes response_policy:all_succeeded
config|rewrite
config|resetstat
command
  O(N) for N commands
  tips nondeterministic_output_order
command|count
command|info [command-name...]
  O(N) for N commands asked about
  7.0.0 Without names it tells of all commands.
  tips nondeterministic_output_order
command|list [FILTERBY filterby(MODULE module-name | ACLCAT category | PATTERN pattern)]
  O(N) for N commands
  tips nondeterministic_output_order
command|getkeys command [arg...]
  O(N) for N words
command|getkeysandflags command [arg...]
  O(N) for N words
command|docs [command-name...]
  O(N) for N commands asked about
  tips nondeterministic_output_order
acl
  That of the subcommand
acl|cat [categoryname]
  O(1): there are so many and no more
acl|deluser username...
  O(1), amortized, for a user of few rules
acl|dryrun username command [arg...]
acl|genpass [bits]
acl|getuser username
  O(N) for N rules
  6.2.0 Patterns of channels.
  7.0.0 Selectors; patterns as the rules that set them.
acl|list
  O(N) for N users
acl|load
  O(N) for N users
acl|log [operation(count | RESET)]
  O(N) for N entries returned
acl|save
  O(N) for N users
acl|setuser username [rule...]
  O(N) for N rules
  6.2.0 Patterns of channels.
  7.0.0 Selectors, and rights to read and to write keys.
acl|users
  O(N) for N users
acl|whoami
slowlog
  That of the subcommand
slowlog|get [count]
  O(N) for N entries returned
  4.0.0 Address and name of the client.
  tips request_policy:all_nodes nondeterministic_output
slowlog|len
  tips request_policy:all_nodes response_policy:agg_sum nondeterministic_output
slowlog|reset
  O(N) for N entries
  tips request_policy:all_nodes response_policy:all_succeeded
latency
  That of the subcommand
latency|latest
  tips nondeterministic_output request_policy:all_nodes response_policy:special
latency|history event
  tips nondeterministic_output request_policy:all_nodes response_policy:special
latency|reset [event...]
  tips request_policy:all_nodes response_policy:all_succeeded
latency|graph event
  tips nondeterministic_output request_policy:all_nodes response_policy:special
latency|doctor
  tips nondeterministic_output request_policy:all_nodes response_policy:special
latency|histogram [command...]
  O(N) for N commands that have been timed
  tips nondeterministic_output request_policy:all_nodes response_policy:special
memory
  That of the subcommand
memory|usage key [SAMPLES count]
  O(N) for N samples
memory|stats
  tips nondeterministic_output request_policy:all_shards response_policy:special
memory|doctor
  tips nondeterministic_output request_policy:all_shards response_policy:special
memory|purge
  Grows with the allocated memory
  tips request_policy:all_shards response_policy:all_succeeded
memory|malloc-stats
  Grows with the allocated memory
  tips nondeterministic_output request_policy:all_shards response_policy:special
debug
  That of the subcommand
  internal
module
  That of the subcommand
module|list
  O(N) for N modules
  tips nondeterministic_output_order
function
  That of the subcommand
function|list [LIBRARYNAME library-name-pattern] [WITHCODE]
  O(N) for N functions
  tips nondeterministic_output_order
function|stats
  tips nondeterministic_output request_policy:all_shards response_policy:special
function|dump
  O(N) for N functions
function|restore serialized-value [policy(FLUSH | APPEND | REPLACE)]
  O(N) for N functions
  tips request_policy:all_shards response_policy:all_succeeded
function|flush [async(ASYNC | SYNC)]
  O(N) for N functions deleted
  tips request_policy:all_shards response_policy:all_succeeded
function|delete library-name
  tips request_policy:all_shards response_policy:all_succeeded
function|kill
  tips request_policy:all_shards response_policy:one_succeeded
function|load [REPLACE] function-code
  O(1), compiling aside
  tips request_policy:all_shards response_policy:all_succeeded
cluster
  That of the subcommand
readonly
readwrite
asking
swapdb index1 index2
  O(N) for N clients that watch or wait for keys of both
save
  O(N) for N keys of all databases
bgsave [SCHEDULE@3.2.2]
  3.2.2 SCHEDULE.
bgrewriteaof
lastsave
  tips nondeterministic_output
monitor
  no complexity
`);
