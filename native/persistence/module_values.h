// Tensors, models and scripts in RDB, as RedisAI's module values: written in its encoding 4, read
// from 0 on (RedisAI:src/serialization/RDB).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/object.h"
#include "persistence/rdb_reader.h"
#include "persistence/rdb_writer.h"

namespace tutti {

void WriteModuleValue(const Object& value, RdbWriter& writer);
// A model or script comes with its bytes alone: its first run compiles it. Null if `reader` has
// failed, as it does at the value of any other module.
Ref<Object> ReadModuleValue(RdbReader& reader);
// What a module keeps beside its values. @returns Its name.
std::string SkipModuleAux(RdbReader& reader);

}  // namespace tutti
