// Streams in RDB: entries in listpacks of up to a hundred, each relative to its first (redis:
// src/t_stream.c, rdb.c).
#pragma once

#include <cstdint>

#include "core/object.h"
#include "keyspace/stream.h"
#include "persistence/rdb_reader.h"
#include "persistence/rdb_writer.h"

namespace tutti {

void WriteStream(const StoredStream& stream, RdbWriter& writer);
// Null if `reader` has failed.
Ref<Object> ReadStream(uint8_t type, RdbReader& reader);

}  // namespace tutti
