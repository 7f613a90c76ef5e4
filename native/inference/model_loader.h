// Stores models and scripts: compiles them on threads of its own and puts them under their keys.
//
// One thread takes every load in order of arrival; a second one takes only short ones, so that a
// small model does not wait for a large one. Loads of one key are done one after the other. A store
// that equals the one before it of its key, and came while that was in flight, joins it: it is
// answered the same and not compiled again (clients that time out send everything again).
//
// Threads: any method from any thread. Never destroyed: its threads never end.
//
// The threads keep the usual priority: a thread inherits the nice value of the one that starts it,
// and a runtime starts its pools while a model is loaded; nobody could make those fast again.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/status.h"
#include "core/units.h"
#include "inference/compiler.h"
#include "inference/engine.h"

namespace tutti {

// One pending command per connection bounds it long before this.
inline constexpr size_t kQueuedLoadsMax = 100'000;
// A model of more bytes is a long load.
inline constexpr size_t kShortLoadBytesMax = 16 * kMiB;

class ModelLoader {
 public:
  // `prepare_device` is called with each model's device before its key is written: it makes the
  // queue that its runs wait in.
  ModelLoader(Compiler* compiler, std::function<Status(const Device&)> prepare_device,
              size_t queued_max = kQueuedLoadsMax);
  ~ModelLoader() = delete;

  void StoreModel(int db, std::string key, ModelSpec spec, Completion completion);
  void StoreScript(int db, std::string key, ScriptSpec spec, Completion completion);
  // All of these throw std::bad_alloc, and have done nothing, where memory is short.

  // Compiles without a key, for the caller to commit once the completion has been told kOk.
  Ref<Model> PrepareModel(ModelSpec spec, Completion completion);
  Ref<Script> PrepareScript(ScriptSpec spec, Completion completion);
  void LoadBackend(BackendKind kind, Completion completion);
  // Gives the model its divided form; nobody is told, as runs go on without one.
  void Divide(Ref<const Model> model);

  // Drops what waits (kShuttingDown), and refuses more until Open().
  void Close();
  void Open();

 private:
  using Place = std::pair<int, std::string>;  // database, key
  struct Load {
    uint64_t sequence = 0;       // of arrival
    std::optional<Place> place;  // where the value goes; nothing for what is no store
    Ref<Object> value;           // a model or script; null for what is no store
    bool is_long = true;
    std::function<Status()> prepare;
    Completion completion;
  };

  void Push(Load load);
  bool Start();
  void Work(bool takes_long);
  std::optional<Load> Take(bool takes_long);
  void Do(Load load);
  uint64_t LastSequence();
  void EndPlace(const Load& done, const Status& status, uint64_t last_to_join);
  std::optional<Load> TakeNextOf(const Place& place);
  void Queue(Load& load);
  void PutBack(Load& load);

  Status Prepare(const Ref<Model>& model);
  Status Prepare(const Ref<Script>& script);
  template <typename Value>
  Load LoadOf(Ref<Value> value, std::optional<Place> place, bool is_long, Completion completion);

  Compiler* const compiler_;
  const std::function<Status(const Device&)> prepare_device_;
  const size_t queued_max_;

  std::mutex mutex_;  // guards everything below
  std::condition_variable short_ready_, any_ready_;
  // Loads that may begin, by order of arrival.
  std::map<uint64_t, Load> short_loads_, long_loads_;
  // Keys with a load that may begin or has begun, and those that must wait for it.
  std::map<Place, std::deque<Load>> places_;
  uint64_t next_sequence_ = 0;
  size_t waiting_count_ = 0;  // of all of the above
  bool closed_ = false;
  bool started_ = false;
};

// Puts a compiled model or script under the key: kWrongType if that holds anything else.
Status CommitLoaded(int db, std::string_view key, Ref<Object> value);

}  // namespace tutti
