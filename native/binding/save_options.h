// How a snapshot is to be written, as TypeScript says it (lib/engine/stored-data.ts,
// RdbSaveOptions).
#pragma once

#include <string>
#include <vector>

#include "binding/convert.h"
#include "persistence/rdb_file.h"

namespace tutti {

inline RdbSaveOptions ToSaveOptions(const Napi::Object& given) {
  const auto flag = [&](const char* name) { return given.Get(name).As<Napi::Boolean>().Value(); };
  RdbSaveOptions options;
  options.compresses = flag("compresses");
  options.with_checksum = flag("withChecksum");
  options.with_idle = flag("withUse");
  options.syncs_often = flag("syncsOften");
  options.key_delay_us = ToInt64(given.Get("keyDelayUs"));
  const std::vector<std::string> aux = ToTexts(given.Get("aux"));
  for (size_t i = 0; i + 1 < aux.size(); i += 2) options.aux.emplace_back(aux[i], aux[i + 1]);
  return options;
}

}  // namespace tutti
