// Streams.

import { docsOf } from './doc.ts';

export const streamsDocs = docsOf(`
xadd key [NOMKSTREAM@6.2.0] [trim(strategy(MAXLEN | MINID@6.2.0) [operator(equal== |
    approximately=~)] threshold [LIMIT count@6.2.0])] id_or_auto(auto_id=* | id)
    field_value(field value)...
  O(1) to add, O(N) to trim N entries
  6.2.0 NOMKSTREAM, MINID and LIMIT.
  7.0.0 Ids of the form <ms>-*.
  tips nondeterministic_output
xlen key
xrange key start:string end:string [COUNT count]
  O(N) for N entries returned
  6.2.0 Ranges that leave their ends out.
xrevrange key end:string start:string [COUNT count]
  O(N) for N entries returned
  6.2.0 Ranges that leave their ends out.
xread [COUNT count] [BLOCK milliseconds] STREAMS streams(key... id...)
  O(N) per stream for N entries returned; with BLOCK, each XADD pays O(M) for M waiting clients
xdel key id...
  O(1) per entry, however long the stream
xtrim key trim(strategy(MAXLEN | MINID@6.2.0) [operator(equal== | approximately=~)] threshold
    [LIMIT count@6.2.0])
  O(N) for N entries removed, whole nodes at once
  6.2.0 MINID and LIMIT.
  tips nondeterministic_output
xsetid key last-id [ENTRIESADDED entries_added:integer@7.0.0]
    [MAXDELETEDID max_deleted_entry_id@7.0.0]
  7.0.0 ENTRIESADDED and MAXDELETEDID.
xinfo
  That of the subcommand
xinfo|groups key
  7.0.0 entries-read and lag.
xinfo|consumers key group
  7.2.0 inactive.
  tips nondeterministic_output
xinfo|stream key [FULL full([COUNT count])]
  6.0.0 FULL.
  7.0.0 max-deleted-entry-id, entries-added, recorded-first-entry-id; of groups entries-read, lag.
`);
