#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <new>
#include <thread>
#include <utility>

#include "keyspace/access.h"
#include "persistence/file_bytes.h"
#include "persistence/functions.h"
#include "persistence/rdb_file.h"
#include "persistence/values.h"

namespace tutti {

namespace {

// What makes saving slow on purpose, for tests (rdb-key-save-delay).
class Delay {
 public:
  explicit Delay(int64_t delay_us) : delay_us_(delay_us) {}
  void AfterKey() {
    if (delay_us_ == 0) return;
    if (delay_us_ < 0 && ++skipped_ < -delay_us_) return;
    skipped_ = 0;
    std::this_thread::sleep_for(std::chrono::microseconds(delay_us_ > 0 ? delay_us_ : 1));
  }

 private:
  const int64_t delay_us_;
  int64_t skipped_ = 0;
};

void WriteKey(const Entry& entry, const RdbSaveOptions& options, RdbWriter& writer) {
  writer.Expiry(entry.expire_at_ms);
  if (options.with_idle) {
    const uint32_t access = entry.access.load(std::memory_order_relaxed);
    if (access_settings.counts_frequency.load(std::memory_order_relaxed)) {
      writer.Frequency(static_cast<uint8_t>(AccessFrequency(access)));
    } else {
      writer.Idle(IdleSeconds(access));
    }
  }
  writer.Byte(RdbTypeOf(*entry.value));
  writer.String(entry.key());
  WriteValue(*entry.value, writer);
}

}  // namespace

Status WriteRdb(KeyspaceSnapshot snapshot, const RdbSaveOptions& options, RdbSaveProgress& progress,
                ByteSink& sink) {
  try {
    RdbWriter writer(sink, options.compresses);
    writer.Header();
    for (const auto& [name, value] : options.aux) writer.Aux(name, value);
    writer.Aux("aof-base", options.is_aof_base ? "1" : "0");
    for (const std::string& code : functions::Kept()) writer.Function(code);
    Delay delay(options.key_delay_us);
    for (int db = 0; db < kDatabaseCountMax; ++db) {
      if (snapshot.key_count(db) == 0) continue;
      writer.SelectDatabase(db, snapshot.key_count(db), snapshot.expiring_count(db));
      snapshot.TakeEach(db, [&](const Entry& entry) {
        WriteKey(entry, options, writer);
        progress.key_count.fetch_add(1, std::memory_order_relaxed);
        delay.AfterKey();
        return writer.status().ok() && !progress.is_cancelled.load(std::memory_order_relaxed);
      });
      if (progress.is_cancelled) return Code::kShuttingDown;
      if (!writer.status().ok()) return writer.status();
    }
    writer.End(options.with_checksum);
    return writer.status();
  } catch (const std::bad_alloc&) {  // of a buffer for compressing
    return {Code::kCannotSave, "out of memory"};
  }
}

bool SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  // Some file systems cannot: there the rename is all that there is.
  const bool is_synced = fsync(fd) == 0 || errno == EINVAL;
  close(fd);
  return is_synced;
}

Status SaveRdbFile(KeyspaceSnapshot snapshot, const std::string& path,
                   const std::string& temporary_path, const RdbSaveOptions& options,
                   RdbSaveProgress& progress) {
  FileSink sink(temporary_path, options.syncs_often);
  Status status = sink.status();
  if (status.ok()) {
    status = WriteRdb(std::move(snapshot), options, progress, sink);
    if (status.ok()) {
      sink.Finish();
      status = sink.status();
    }
    if (status.ok() && std::rename(temporary_path.c_str(), path.c_str()) != 0) {
      status = {Code::kCannotSave, std::string("rename: ") + std::strerror(errno)};
    } else if (status.ok() && !SyncFolderOf(path)) {
      status = {Code::kCannotSave, std::string("fsync of the folder: ") + std::strerror(errno)};
    }
    if (!status.ok()) unlink(temporary_path.c_str());
  }
  return status;
}

}  // namespace tutti
