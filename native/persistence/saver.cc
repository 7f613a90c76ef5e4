#include "persistence/saver.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <utility>

#include "core/memory_account.h"
#include "inference/start_thread.h"

namespace tutti {

namespace {

// What does not matter to clients yields to what does, while no lock is held. At 19 a save of 512
// MB was seen to take a minute beside ten times as much work as there are cores.
constexpr int kBackgroundNice = 10;

int64_t NowSeconds() { return static_cast<int64_t>(std::time(nullptr)); }

}  // namespace

Saver& Saver::Get() {
  static auto* const saver = new Saver;
  return *saver;
}

Saver::Saver() { facts_.last_save_at_s = NowSeconds(); }

Status Saver::Start(Request request, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (facts_.is_saving) return Code::kSaving;
    facts_.is_saving = true;
    facts_.is_background = request.is_background;
    facts_.started_at_s = NowSeconds();
    facts_.keys_saved = 0;
    ++facts_.save_count;
    progress_ = std::make_shared<RdbSaveProgress>();
  }
  auto snapshot = std::make_shared<KeyspaceSnapshot>(KeyspaceSnapshot::Take());
  {
    const std::lock_guard lock(mutex_);
    facts_.key_count = snapshot->key_count();
  }
  const auto thread = StartThread("tutti-save", [this, request = std::move(request), snapshot,
                                                 done = std::move(done)]() mutable {
    Save(std::move(request), std::move(*snapshot), done);
  });
  if (thread) return Status::Ok();
  const std::lock_guard lock(mutex_);
  facts_.is_saving = false;
  if (facts_.is_background) facts_.is_last_ok = false;
  ended_.notify_all();
  return {Code::kCannotSave, "there is no thread to be had"};
}

void Saver::Save(Request request, KeyspaceSnapshot snapshot, const Done& done) {
  if (request.is_background)
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kBackgroundNice);
  const auto began = std::chrono::steady_clock::now();
  const int64_t dirty = snapshot.dirty();
  const Status status = SaveRdbFile(std::move(snapshot), request.path, request.temporary_path,
                                    request.options, *progress_);
  const auto took = std::chrono::steady_clock::now() - began;
  {
    const std::lock_guard lock(mutex_);
    facts_.is_saving = false;
    if (request.is_background) {
      facts_.last_seconds = std::chrono::duration_cast<std::chrono::seconds>(took).count();
      if (status.code() != Code::kShuttingDown) facts_.is_last_ok = status.ok();
    }
    if (status.ok()) {
      saved_dirty_ = dirty;
      facts_.last_save_at_s = NowSeconds();
      facts_.is_last_ok = true;
    }
  }
  ended_.notify_all();
  if (done) done(status);
}

void Saver::Cancel() {
  {
    const std::lock_guard lock(mutex_);
    if (facts_.is_saving) progress_->is_cancelled = true;
  }
  Wait();
}

void Saver::Wait() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return !facts_.is_saving; });
}

void Saver::NoteLoaded() {
  const int64_t dirty = Keyspace::Get().Counters().dirty;
  const std::lock_guard lock(mutex_);
  saved_dirty_ = dirty;
  facts_.last_save_at_s = NowSeconds();
}

Saver::Facts Saver::facts() const {
  const int64_t dirty = Keyspace::Get().Counters().dirty;
  const std::lock_guard lock(mutex_);
  Facts facts = facts_;
  facts.changes = dirty - saved_dirty_;
  if (progress_) facts.keys_saved = progress_->key_count.load(std::memory_order_relaxed);
  return facts;
}

void Saver::ResetCount() {
  const std::lock_guard lock(mutex_);
  facts_.save_count = 0;
}

StartLoader& StartLoader::Get() {
  static auto* const loader = new StartLoader;
  return *loader;
}

void StartLoader::Start(const std::string& path, RdbLoadOptions options,
                        std::function<void(const Status&)> done) {
  is_loading_ = true;
  started_at_s_ = NowSeconds();
  progress_.bytes_total = progress_.bytes_loaded = 0;
  progress_.key_count = progress_.expired_count = progress_.empty_count = 0;
  const auto load = [this, path, options = std::move(options), done] {
    const Status status = LoadRdbFile(path, options, progress_);
    if (status.ok()) Saver::Get().NoteLoaded();
    is_loading_ = false;
    done(status);
  };
  if (StartThread("tutti-load", load)) return;
  is_loading_ = false;
  done({Code::kFailed, "there is no thread to be had"});
}

StartLoader::Facts StartLoader::facts() const {
  return {
      is_loading_,         started_at_s_,           progress_.bytes_total, progress_.bytes_loaded,
      progress_.key_count, progress_.expired_count, progress_.empty_count};
}

}  // namespace tutti
