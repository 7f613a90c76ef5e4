#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "keyspace/clock.h"
#include "persistence/file_bytes.h"
#include "persistence/functions.h"
#include "persistence/module_values.h"
#include "persistence/rdb_file.h"
#include "persistence/rdb_reader.h"
#include "persistence/restore.h"
#include "persistence/values.h"

namespace tutti {

namespace {

// Since when files end in a checksum.
constexpr int kChecksumVersionMin = 5;

class Loader {
 public:
  Loader(ByteSource& source, const RdbLoadOptions& options, RdbLoadProgress& progress)
      : source_(source), reader_(source), options_(options), progress_(progress) {}

  Status Load() {
    const int version = ReadHeader();
    while (reader_.ok()) {
      const uint8_t opcode = reader_.Byte();
      if (opcode == rdb::kEnd) {
        if (reader_.ok() && version >= kChecksumVersionMin) CheckChecksum();
        break;
      }
      Take(opcode);
      progress_.bytes_loaded.store(static_cast<int64_t>(source_.offset()),
                                   std::memory_order_relaxed);
    }
    progress_.bytes_loaded.store(static_cast<int64_t>(source_.offset()), std::memory_order_relaxed);
    return reader_.status();
  }

 private:
  int ReadHeader() {
    char header[rdb::kHeaderBytes + 1] = {};
    reader_.Raw(header, rdb::kHeaderBytes);
    if (!reader_.ok()) return 0;
    if (std::memcmp(header, "REDIS", 5) != 0) {
      reader_.Fail("no RDB file: it does not begin with REDIS");
      return 0;
    }
    const int version = std::atoi(header + 5);
    if (version < 1 || version > rdb::kVersionMax) {
      reader_.Fail("RDB version " + std::string(header + 5) + ", which this server cannot read");
    }
    return version;
  }

  void Take(uint8_t opcode) {
    switch (opcode) {
      case rdb::kExpireSeconds: {
        int32_t seconds;
        reader_.Raw(&seconds, sizeof seconds);
        expire_at_ms_ = int64_t{seconds} * 1000;
        return;
      }
      case rdb::kExpireMs:
        expire_at_ms_ = reader_.Int64();
        return;
      case rdb::kIdle:
        facts_.idle_seconds = static_cast<int64_t>(reader_.Length());
        return;
      case rdb::kFrequency:
        facts_.frequency = reader_.Byte();
        return;
      case rdb::kSelect:
        Select();
        return;
      case rdb::kResize:
        reader_.Length();
        reader_.Length();
        return;
      case rdb::kAux:
        reader_.SkipString();
        reader_.SkipString();
        return;
      case rdb::kModuleAux:
        Note("Left out what the module '" + SkipModuleAux(reader_) + "' keeps beside its values");
        return;
      case rdb::kFunction: {
        std::string code(reader_.Text());
        if (!reader_.ok()) return;
        functions::Keep(std::move(code));
        Note("Kept a library of functions, which this server does not run");
        return;
      }
      default:
        TakeKey(opcode);
    }
  }

  void Select() {
    const uint64_t db = reader_.Length();
    if (!reader_.ok()) return;
    if (db >= static_cast<uint64_t>(options_.database_count)) {
      reader_.Fail("a database " + std::to_string(db) + ", of which there are " +
                   std::to_string(options_.database_count));
      return;
    }
    db_ = static_cast<int>(db);
  }

  void TakeKey(uint8_t type) {
    const std::string key(reader_.Text());
    Ref<Object> value = reader_.ok() ? ReadValue(type, reader_) : nullptr;
    const std::optional<int64_t> expire_at_ms = std::exchange(expire_at_ms_, std::nullopt);
    KeyFacts facts = std::exchange(facts_, {});
    if (reader_.status().code() == Code::kEmptyValue) {
      reader_.Forget();
      progress_.empty_count.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    if (!reader_.ok()) return;
    if (expire_at_ms && *expire_at_ms < UnixTimeMs() && !NothingExpires()) {
      progress_.expired_count.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    if (expire_at_ms) facts.expire_at_ms = *expire_at_ms;
    if (!LoadKey(db_, key, std::move(value), facts, options_.replaces).ok()) {
      reader_.Fail("a key that is there already");
      return;
    }
    progress_.key_count.fetch_add(1, std::memory_order_relaxed);
    Delay();
  }

  void Delay() {
    const int64_t delay_us = options_.key_delay_us;
    if (delay_us == 0) return;
    if (delay_us < 0 && ++undelayed_ < -delay_us) return;
    undelayed_ = 0;
    std::this_thread::sleep_for(std::chrono::microseconds(delay_us > 0 ? delay_us : 1));
  }

  void CheckChecksum() {
    const uint64_t computed = reader_.checksum();
    uint64_t stored;
    reader_.Raw(&stored, sizeof stored);
    // 0: it was written without.
    if (reader_.ok() && stored != 0 && stored != computed) {
      reader_.Fail("the checksum is not that of the content");
    }
  }

  void Note(const std::string& line) {
    if (reader_.ok() && options_.note) options_.note(line);
  }

  ByteSource& source_;
  RdbReader reader_;
  const RdbLoadOptions& options_;
  RdbLoadProgress& progress_;
  int db_ = 0;
  // Of the next key.
  std::optional<int64_t> expire_at_ms_;
  KeyFacts facts_;
  int64_t undelayed_ = 0;
};

}  // namespace

Status LoadRdb(ByteSource& source, const RdbLoadOptions& options, RdbLoadProgress& progress) {
  try {
    return Loader(source, options, progress).Load();
  } catch (const std::bad_alloc&) {  // of a name or a packed value
    return Code::kOutOfMemory;
  }
}

Status LoadRdbFile(const std::string& path, const RdbLoadOptions& options,
                   RdbLoadProgress& progress) {
  FileSource source(path);
  if (source.open_error() == ENOENT) return Code::kNotFound;
  if (source.open_error() != 0) return {Code::kFailed, std::strerror(source.open_error())};
  progress.bytes_total.store(static_cast<int64_t>(source.size()));
  return LoadRdb(source, options, progress);
}

}  // namespace tutti
