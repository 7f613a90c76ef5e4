// Stores models and scripts: one thread that compiles them in order of arrival and puts them under
// their keys.
//
// Threads: any method from any thread. Never destroyed: its thread never ends.
//
// The thread keeps the usual priority: a thread inherits the nice value of the one that starts it,
// and a runtime starts its pools while a model is loaded; nobody could make those fast again.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "core/status.h"
#include "inference/compiler.h"
#include "inference/engine.h"

namespace tutti {

// One pending command per connection bounds it long before this.
inline constexpr size_t kQueuedLoadsMax = 100'000;

class ModelLoader {
 public:
  // `prepare_device` is called with each model's device before its key is written: it makes the
  // queue that its runs wait in.
  ModelLoader(Compiler* compiler, std::function<Status(const Device&)> prepare_device);
  ~ModelLoader() = delete;

  void StoreModel(int db, std::string key, ModelSpec spec, Completion completion);
  void StoreScript(int db, std::string key, ScriptSpec spec, Completion completion);
  void LoadBackend(BackendKind kind, Completion completion);

  // Drops what waits (kShuttingDown), and refuses more until Open().
  void Close();
  void Open();

 private:
  struct Load {
    std::function<Status()> work;
    Completion completion;
  };
  void Push(Load load);
  void Work();
  Status Store(int db, const std::string& key, const Ref<Model>& model);
  Status Store(int db, const std::string& key, const Ref<Script>& script);

  Compiler* const compiler_;
  const std::function<Status(const Device&)> prepare_device_;

  std::mutex mutex_;  // guards everything below
  std::condition_variable ready_;
  std::deque<Load> waiting_;
  bool closed_ = false;
  bool started_ = false;
};

}  // namespace tutti
