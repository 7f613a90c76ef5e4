// The base file of the journal: a snapshot as RDB, or as commands that make it.
#pragma once

#include <cstdint>
#include <string>

#include "core/status.h"
#include "keyspace/snapshot.h"
#include "persistence/rdb_file.h"

namespace tutti {

enum class JournalBaseForm { kRdb, kCommands, kStampedCommands };

// Writes it to `path`, which is there as a whole, on the disk, or not at all. kShuttingDown:
// cancelled; kCannotSave with the system's words.
Status WriteJournalBase(KeyspaceSnapshot snapshot, const std::string& path, JournalBaseForm form,
                        RdbSaveOptions options, RdbSaveProgress& progress, int64_t* bytes);

}  // namespace tutti
