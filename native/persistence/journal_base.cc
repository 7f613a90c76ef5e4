#include "persistence/journal_base.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "core/units.h"
#include "keyspace/clock.h"
#include "keyspace/journal.h"
#include "persistence/dump.h"
#include "persistence/file_bytes.h"

namespace tutti {

namespace {

constexpr size_t kTextBytes = 256 * kKiB;

// Records on their way into a file.
class RecordWriter {
 public:
  explicit RecordWriter(FileSink& sink) : sink_(sink) {}

  void Stamp() { text_ += TimeStamp(UnixTimeMs() / 1000); }

  bool Write(JournalRecord& record) {
    size_t at = 0;
    for (const JournalPiece& piece : record.pieces()) {
      text_.append(record.text(), at, piece.at - at);
      at = piece.at;
      if (!WritePiece(piece)) return false;
    }
    text_.append(record.text(), at);
    if (text_.size() >= kTextBytes) Flush();
    return sink_.status().ok();
  }
  void Flush() {
    sink_.Write(text_.data(), text_.size());
    text_.clear();
  }

 private:
  bool WritePiece(const JournalPiece& piece) {
    if (piece.data) {
      Flush();
      sink_.Write(piece.data, piece.bytes);
      return true;
    }
    const Ref<String> payload = Dump(*piece.owner, true);
    if (!payload) return false;
    const std::string_view bytes = payload->view();
    text_ += "$" + std::to_string(bytes.size()) + "\r\n";
    Flush();
    sink_.Write(bytes.data(), bytes.size());
    text_ += "\r\n";
    return true;
  }

  FileSink& sink_;
  std::string text_;
};

Status WriteCommands(KeyspaceSnapshot snapshot, bool is_stamped, RdbSaveProgress& progress,
                     FileSink& sink) {
  RecordWriter writer(sink);
  if (is_stamped) writer.Stamp();
  std::vector<JournalRecord> records;
  for (int db = 0; db < kDatabaseCountMax; ++db) {
    if (snapshot.key_count(db) == 0) continue;
    JournalRecord select;
    select.Begin(db, 2);
    select.Word("SELECT");
    select.Integer(db);
    bool is_ok = writer.Write(select);
    snapshot.TakeEach(db, [&](const Entry& entry) {
      records.clear();
      journal::Describe(db, entry.key(), *entry.value, entry.expire_at_ms, records);
      for (JournalRecord& record : records) is_ok = is_ok && writer.Write(record);
      progress.key_count.fetch_add(1, std::memory_order_relaxed);
      return is_ok && !progress.is_cancelled.load(std::memory_order_relaxed);
    });
    if (progress.is_cancelled) return Code::kShuttingDown;
    if (!sink.status().ok()) return sink.status();
    if (!is_ok) return {Code::kCannotSave, "out of memory"};
  }
  writer.Flush();
  sink.Finish();
  return sink.status();
}

Status SaveCommands(KeyspaceSnapshot snapshot, bool is_stamped, const std::string& path,
                    const std::string& temporary_path, const RdbSaveOptions& options,
                    RdbSaveProgress& progress) {
  FileSink sink(temporary_path, options.syncs_often);
  if (!sink.status().ok()) return sink.status();
  Status status = WriteCommands(std::move(snapshot), is_stamped, progress, sink);
  if (status.ok() && std::rename(temporary_path.c_str(), path.c_str()) != 0) {
    status = {Code::kCannotSave, std::string("rename: ") + std::strerror(errno)};
  } else if (status.ok() && !SyncFolderOf(path)) {
    status = {Code::kCannotSave, std::string("fsync of the folder: ") + std::strerror(errno)};
  }
  if (!status.ok()) unlink(temporary_path.c_str());
  return status;
}

}  // namespace

Status WriteJournalBase(KeyspaceSnapshot snapshot, const std::string& path, JournalBaseForm form,
                        RdbSaveOptions options, RdbSaveProgress& progress, int64_t* bytes) {
  const std::string temporary_path = path + ".tmp";
  options.is_aof_base = true;
  try {
    const bool is_stamped = form == JournalBaseForm::kStampedCommands;
    const Status status =
        form == JournalBaseForm::kRdb
            ? SaveRdbFile(std::move(snapshot), path, temporary_path, options, progress)
            : SaveCommands(std::move(snapshot), is_stamped, path, temporary_path, options,
                           progress);
    if (!status.ok()) return status;
  } catch (const std::bad_alloc&) {
    unlink(temporary_path.c_str());
    return {Code::kCannotSave, "out of memory"};
  }
  struct stat facts;
  if (stat(path.c_str(), &facts) == 0) *bytes = facts.st_size;
  return Status::Ok();
}

}  // namespace tutti
