#include "persistence/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <optional>
#include <utility>

#include "inference/start_thread.h"
#include "keyspace/freeing.h"
#include "keyspace/journal.h"
#include "keyspace/snapshot.h"
#include "keyspace/stripe.h"
#include "persistence/dump.h"
#include "persistence/journal_base.h"

namespace tutti {

namespace {

constexpr int64_t kSyncMs = 1000;   // of appendfsync everysec
constexpr int64_t kRetryMs = 1000;  // after a write that failed
constexpr int64_t kIdleMs = 60'000;
// A sync that comes this late is counted as delayed, as Redis counts it.
constexpr int64_t kLateSyncMs = 2000;

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int64_t NowSeconds() { return static_cast<int64_t>(std::time(nullptr)); }

Status SystemStatus(const char* what) {
  return {Code::kFailed, std::string(what) + ": " + std::strerror(errno)};
}

}  // namespace

Journal& Journal::Get() {
  static auto* const journal = new Journal;
  return *journal;
}

void Journal::Listen(Listener listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

void Journal::Tell(Event event, const Status& status) const {
  Listener listener;
  {
    const std::lock_guard lock(mutex_);
    listener = listener_;
  }
  if (listener) listener(event, status);
}

void Journal::Set(const JournalSettings& settings) {
  const std::lock_guard lock(mutex_);
  settings_ = settings;
  JournalQueue::Get().SetHold(settings.policy == SyncPolicy::kAlways, settings.waiting_bytes_max);
  JournalQueue::Get().SetStamps(settings.with_stamps);
  JournalQueue::Get().Wake();
}

Status Journal::Start(const std::string& path, int64_t bytes) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return SystemStatus("open");
  {
    const std::lock_guard lock(mutex_);
    next_files_.push_back(fd);
    bytes_ = base_bytes_ = bytes;
  }
  JournalQueue::Get().EndFile();
  StartThread();
  const StripesLock all(StripeSet().set());
  journal::SwitchOn(true);
  return Status::Ok();
}

void Journal::StartThread() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(has_thread_, true)) return;
  }
  if (!tutti::StartThread("tutti-journal", [this] { Run(); })) std::abort();
}

Status Journal::StartRewrite(Rewrite rewrite) {
  const bool is_next = !rewrite.next_path.empty();
  int fd = -1;
  if (is_next) {
    fd = open(rewrite.next_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) return SystemStatus("open");
  }
  auto progress = std::make_shared<RdbSaveProgress>();
  {
    const std::lock_guard lock(mutex_);
    if (is_rewriting_) {
      if (is_next) close(fd);
      return Code::kSaving;
    }
    is_rewriting_ = true;
    is_manifest_due_ = false;
    ++rewrite_count_;
    rewrite_ = progress;
    rewrite_started_at_s_ = NowSeconds();
    if (is_next) next_files_.push_back(fd);
    bytes_before_rewrite_ = bytes_;
  }
  auto snapshot = std::make_shared<KeyspaceSnapshot>(KeyspaceSnapshot::Take([is_next] {
    if (!is_next) return;
    JournalQueue::Get().EndFile();
    journal::SwitchOn(true);
  }));
  if (is_next) StartThread();
  const auto thread = tutti::StartThread(
      "tutti-rewrite", [this, rewrite = std::move(rewrite), snapshot, progress]() mutable {
        WriteBase(std::move(rewrite), std::move(*snapshot), std::move(progress));
      });
  if (thread) return Status::Ok();
  const std::lock_guard lock(mutex_);
  is_rewriting_ = is_rewrite_ok_ = false;
  ++rewrite_failure_count_;
  return {Code::kFailed, "there is no thread to be had"};
}

void Journal::WriteBase(Rewrite rewrite, KeyspaceSnapshot snapshot,
                        std::shared_ptr<RdbSaveProgress> progress) {
  JournalBaseForm form = JournalBaseForm::kRdb;
  if (!rewrite.as_rdb) {
    const std::lock_guard lock(mutex_);
    form = settings_.with_stamps ? JournalBaseForm::kStampedCommands : JournalBaseForm::kCommands;
  }
  int64_t base_bytes = 0;
  const Status status = WriteJournalBase(std::move(snapshot), rewrite.base_path, form,
                                         rewrite.options, *progress, &base_bytes);
  {
    const std::lock_guard lock(mutex_);
    is_rewriting_ = false;
    is_rewrite_ok_ = is_manifest_due_ = status.ok();
    rewrite_seconds_ = NowSeconds() - rewrite_started_at_s_;
    // One that was ended is no failure.
    if (!status.ok() && status.code() != Code::kShuttingDown) ++rewrite_failure_count_;
    if (status.ok()) {
      rewrite_failure_count_ = 0;
      bytes_ = base_bytes_ = base_bytes + bytes_ - bytes_before_rewrite_;
    }
  }
  changed_.notify_all();
  Tell(Event::kRewritten, status);
}

void Journal::NoteManifest(bool is_written) {
  const std::lock_guard lock(mutex_);
  if (!is_manifest_due_) return;
  is_manifest_due_ = false;
  is_rewrite_ok_ = is_written;
}

void Journal::CancelRewrite() {
  std::unique_lock lock(mutex_);
  if (rewrite_) rewrite_->is_cancelled = true;
  changed_.wait(lock, [this] { return !is_rewriting_; });
}

Status Journal::Stop() {
  {
    const StripesLock all(StripeSet().set());
    if (!journal::IsOn()) return Status::Ok();
    journal::SwitchOn(false);
  }
  const uint64_t end = JournalQueue::Get().position();
  std::unique_lock lock(mutex_);
  waiting_.push_back({end, true, {}});
  JournalQueue::Get().Wake();
  changed_.wait(lock, [&] { return synced_ >= end || !is_write_ok_; });
  return is_write_ok_ ? Status::Ok() : Status{Code::kFailed, failure_};
}

void Journal::Resume() {
  const StripesLock all(StripeSet().set());
  journal::SwitchOn(true);
}

bool Journal::Await(Completion completion, bool must_sync) {
  if (!journal::IsOn()) return false;
  const uint64_t position = JournalQueue::Get().position();
  {
    const std::lock_guard lock(mutex_);
    must_sync |= settings_.policy == SyncPolicy::kAlways;
    if ((must_sync ? synced_ : written_) >= position) return false;
    waiting_.push_back({position, must_sync, std::move(completion)});
  }
  if (must_sync) JournalQueue::Get().Wake();
  return true;
}

Journal::Facts Journal::facts() const {
  const std::lock_guard lock(mutex_);
  Facts facts;
  facts.is_on = journal::IsOn();
  facts.is_rewriting = is_rewriting_ || is_manifest_due_;
  facts.is_write_ok = is_write_ok_;
  facts.is_rewrite_ok = is_rewrite_ok_;
  facts.rewrite_started_at_s = rewrite_started_at_s_;
  facts.rewrite_seconds = rewrite_seconds_;
  facts.rewrite_count = rewrite_count_;
  facts.rewrite_failure_count = rewrite_failure_count_;
  facts.bytes = bytes_;
  facts.base_bytes = base_bytes_;
  facts.waiting_bytes = static_cast<int64_t>(JournalQueue::Get().waiting_bytes());
  facts.delayed_sync_count = delayed_sync_count_;
  return facts;
}

void Journal::ResetCount() {
  const std::lock_guard lock(mutex_);
  rewrite_count_ = 0;
}

// --- the writing thread ---

void Journal::Run() {
  std::optional<JournalQueue::Batch> batch;
  for (;;) {
    const int64_t due_ms = std::clamp<int64_t>(synced_at_ms_ + kSyncMs - NowMs(), 1, kSyncMs);
    if (!batch) batch = JournalQueue::Get().Take(is_dirty_ ? due_ms : kIdleMs);
    if (batch) {
      const bool is_ok = Write(*batch);
      Report(is_ok);
      if (!is_ok) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::milliseconds(kRetryMs));
        continue;
      }
      Finish(*batch);
      batch.reset();
    }
    if (IsSyncDue()) Report(Sync());
    TellWaiting();
  }
}

// The batch is in the file.
void Journal::Finish(JournalQueue::Batch& batch) {
  for (JournalPiece& piece : batch.pieces) freeing::Free(std::move(piece.owner));
  JournalQueue::Get().Written(batch.bytes);
  {
    const std::lock_guard lock(mutex_);
    written_ = std::max(written_, batch.end);
  }
  if (!batch.ends_file) return;
  // What is in the next file must not be there without what is in this one.
  if (is_dirty_) Report(Sync());
  if (fd_ >= 0) close(fd_);
  const std::lock_guard lock(mutex_);
  fd_ = next_files_.front();
  next_files_.erase(next_files_.begin());
  file_bytes_ = lseek(fd_, 0, SEEK_END);
}

bool Journal::WriteText(const void* data, size_t bytes) {
  const auto* at = static_cast<const char*>(data);
  // What a write that failed has left behind, where the file could not be cut.
  const size_t skipped = std::min(skipped_bytes_, bytes);
  skipped_bytes_ -= skipped;
  at += skipped;
  bytes -= skipped;
  while (bytes > 0) {
    constexpr size_t kPieceBytes = size_t{1} << 30;  // write(2) takes no more at once
    const ssize_t written = write(fd_, at, std::min(bytes, kPieceBytes));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      if (written == 0) errno = ENOSPC;
      error_ = std::string("write: ") + std::strerror(errno);
      return false;
    }
    at += written;
    bytes -= static_cast<size_t>(written);
    batch_bytes_ += written;
  }
  return true;
}

bool Journal::WritePiece(const JournalPiece& piece) {
  if (piece.data) return WriteText(piece.data, piece.bytes);
  const Ref<String> payload = Dump(*piece.owner, true);
  if (!payload) {
    error_ = "there is no memory for a value on its way to the file";
    return false;
  }
  const std::string_view bytes = payload->view();
  const std::string head = "$" + std::to_string(bytes.size()) + "\r\n";
  return WriteText(head.data(), head.size()) && WriteText(bytes.data(), bytes.size()) &&
         WriteText("\r\n", 2);
}

bool Journal::Write(JournalQueue::Batch& batch) {
  batch_bytes_ = 0;
  size_t at = 0;
  bool is_ok = true;
  for (const JournalPiece& piece : batch.pieces) {
    is_ok = WriteText(batch.text.data() + at, piece.at - at) && WritePiece(piece);
    if (!is_ok) break;
    at = piece.at;
  }
  is_ok = is_ok && WriteText(batch.text.data() + at, batch.text.size() - at);
  is_dirty_ |= batch_bytes_ > 0;
  if (!is_ok && ftruncate(fd_, file_bytes_) == 0) return false;
  if (!is_ok) skipped_bytes_ = static_cast<size_t>(batch_bytes_);
  file_bytes_ += batch_bytes_;
  const std::lock_guard lock(mutex_);
  bytes_ += batch_bytes_;
  return is_ok;
}

bool Journal::IsSyncDue() const {
  if (fd_ < 0) return false;
  const std::lock_guard lock(mutex_);
  if (std::any_of(waiting_.begin(), waiting_.end(),
                  [](const Waiting& waiting) { return waiting.must_sync; })) {
    return true;
  }
  if (!is_dirty_ || settings_.policy == SyncPolicy::kNo) return false;
  if (settings_.policy == SyncPolicy::kAlways) return true;
  if (is_rewriting_ && !settings_.syncs_during_rewrite) return false;
  return NowMs() - synced_at_ms_ >= kSyncMs;
}

bool Journal::Sync() {
  const int64_t began_ms = NowMs();
  while (fdatasync(fd_) != 0) {
    if (errno == EINTR) continue;
    error_ = std::string("fsync: ") + std::strerror(errno);
    return false;
  }
  is_dirty_ = false;
  synced_at_ms_ = NowMs();
  const std::lock_guard lock(mutex_);
  synced_ = written_;
  delayed_sync_count_ += synced_at_ms_ - began_ms >= kLateSyncMs;
  return true;
}

void Journal::Report(bool is_ok) {
  bool is_lost;
  {
    const std::lock_guard lock(mutex_);
    if (is_ok == is_write_ok_) return;
    is_write_ok_ = is_ok;
    failure_ = is_ok ? std::string() : error_;
    is_lost = !is_ok && settings_.policy == SyncPolicy::kAlways;
  }
  changed_.notify_all();
  if (is_ok) {
    Tell(Event::kRecovered, Status::Ok());
  } else {
    Tell(is_lost ? Event::kLost : Event::kFailed, {Code::kFailed, error_});
  }
}

void Journal::TellWaiting() {
  std::vector<Waiting> told;
  {
    const std::lock_guard lock(mutex_);
    const auto is_over = [this](const Waiting& waiting) {
      return waiting.position <= (waiting.must_sync ? synced_ : written_);
    };
    for (Waiting& waiting : waiting_) {
      if (is_over(waiting)) told.push_back(waiting);
    }
    std::erase_if(waiting_, is_over);
  }
  changed_.notify_all();
  for (const Waiting& waiting : told) waiting.completion.Done(Code::kOk);
}

}  // namespace tutti
