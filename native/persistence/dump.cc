#include "persistence/dump.h"

#include <cstring>
#include <new>

#include "persistence/crc64.h"
#include "persistence/values.h"

namespace tutti {

namespace {

constexpr size_t kFooterBytes = sizeof(uint16_t) + rdb::kChecksumBytes;

}  // namespace

Ref<String> Dump(const Object& value, bool compresses) {
  MemorySink sink;
  RdbWriter writer(sink, compresses);
  writer.Byte(RdbTypeOf(value));
  WriteValue(value, writer);
  const uint16_t version = rdb::kVersionWritten;
  writer.Raw(&version, sizeof version);
  const uint64_t checksum = writer.Checksum();
  writer.Raw(&checksum, sizeof checksum);
  writer.Flush();
  return sink.Take();
}

Result<Ref<Object>> Undump(std::string_view payload) {
  if (payload.size() < kFooterBytes) return Code::kBadChecksum;
  const char* const footer = payload.data() + payload.size() - kFooterBytes;
  uint16_t version;
  std::memcpy(&version, footer, sizeof version);
  uint64_t checksum;
  std::memcpy(&checksum, footer + sizeof version, sizeof checksum);
  const size_t checked_bytes = payload.size() - sizeof checksum;
  if (version > rdb::kVersionMax || Crc64(0, payload.data(), checked_bytes) != checksum) {
    return Code::kBadChecksum;
  }
  MemorySource source(payload.substr(0, payload.size() - kFooterBytes));
  RdbReader reader(source);
  try {
    Ref<Object> value = ReadValue(reader.Byte(), reader);
    if (reader.ok() && reader.left() > 0) reader.Fail("bytes behind the value");
    if (reader.status().code() == Code::kEmptyValue) return Code::kBadFormat;
    if (!reader.ok()) return reader.status();
    return value;
  } catch (const std::bad_alloc&) {  // of a name or a packed value
    return Code::kOutOfMemory;
  }
}

}  // namespace tutti
