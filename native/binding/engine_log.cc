#include "binding/engine_log.h"

#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "binding/thread_state.h"
#include "inference/backend.h"

namespace tutti {

namespace {

struct Line {
  int level;
  std::string text;
};

class EngineLog {
 public:
  void Start(std::unique_ptr<Waker> waker) {
    const std::lock_guard lock(mutex_);
    waker_ = std::move(waker);
  }

  void Add(int level, std::string_view text) {
    const std::lock_guard lock(mutex_);
    if (!waker_) {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
      return;
    }
    if (lines_.size() >= kLogLinesMax) {
      dropped_count_++;
      return;
    }
    lines_.push_back({level, std::string(text)});
    if (lines_.size() == 1) waker_->Wake();
  }

  std::vector<Line> Take() {
    const std::lock_guard lock(mutex_);
    std::vector<Line> lines = std::exchange(lines_, {});
    if (dropped_count_ > 0) {
      lines.push_back({TUTTI_LOG_WARNING, std::to_string(std::exchange(dropped_count_, 0)) +
                                              " more lines of the inference engine are left out"});
    }
    return lines;
  }

  void Close() {
    const std::lock_guard lock(mutex_);
    waker_ = nullptr;
  }

 private:
  std::mutex mutex_;  // guards everything below
  std::unique_ptr<Waker> waker_;
  std::vector<Line> lines_;
  size_t dropped_count_ = 0;
};

void CloseLog(void* log) { static_cast<EngineLog*>(log)->Close(); }

}  // namespace

std::function<void(int, std::string_view)> LogTo(Napi::Env env, Napi::Function on_line) {
  // The engine's threads never end.
  auto* const log = new EngineLog;
  auto waker = std::make_unique<Waker>(
      env, on_line, "tutti engine log", [log](napi_env env, napi_value function) {
        for (const Line& line : log->Take()) {
          const Napi::HandleScope scope(env);
          if (!CallFunction(
                  env, function,
                  {Napi::Number::New(env, line.level), Napi::String::New(env, line.text)})) {
            return;
          }
        }
      });
  waker->Unref(env);
  log->Start(std::move(waker));
  napi_add_env_cleanup_hook(env, CloseLog, log);
  return [log](int level, std::string_view text) { log->Add(level, text); };
}

}  // namespace tutti
