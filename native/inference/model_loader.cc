#include "inference/model_loader.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "inference/start_thread.h"
#include "keyspace/keyspace.h"

namespace tutti {
namespace {

bool IsLong(const ModelSpec& spec) {
  size_t bytes = 0;
  for (const BlobPart& part : spec.blob) bytes += part.bytes;
  return bytes > kShortLoadBytesMax;
}

// Goes through the parts of both in step: they need not be cut at the same places.
bool HaveSameBytes(const std::vector<BlobPart>& a, const std::vector<BlobPart>& b) {
  size_t a_index = 0, a_offset = 0, b_index = 0, b_offset = 0;
  while (a_index < a.size() && b_index < b.size()) {
    const size_t bytes = std::min(a[a_index].bytes - a_offset, b[b_index].bytes - b_offset);
    const uint8_t* const a_bytes = a[a_index].buffer->data() + a_offset;
    const uint8_t* const b_bytes = b[b_index].buffer->data() + b_offset;
    if (bytes > 0 && std::memcmp(a_bytes, b_bytes, bytes) != 0) return false;
    a_offset += bytes;
    b_offset += bytes;
    if (a_offset == a[a_index].bytes) a_index++, a_offset = 0;
    if (b_offset == b[b_index].bytes) b_index++, b_offset = 0;
  }
  return true;  // their sizes are equal
}

// Whether the same words were stored. Of other backends the names come from the model itself.
bool AreSameModels(const Model& a, const Model& b) {
  const ModelSpec& x = a.spec();
  const ModelSpec& y = b.spec();
  const bool names_given = x.backend == BackendKind::kTensorFlow;
  return x.backend == y.backend && x.device.name == y.device.name && x.tag == y.tag &&
         x.batch_size == y.batch_size && x.min_batch_size == y.min_batch_size &&
         x.min_batch_timeout_ms == y.min_batch_timeout_ms &&
         (!names_given || (x.inputs == y.inputs && x.outputs == y.outputs)) &&
         a.blob_bytes() == b.blob_bytes() && HaveSameBytes(x.blob, y.blob);
}

bool AreSame(const Object& a, const Object& b) {
  if (a.kind() != b.kind()) return false;
  if (a.kind() == ObjectKind::kModel) {
    return AreSameModels(static_cast<const Model&>(a), static_cast<const Model&>(b));
  }
  const ScriptSpec& x = static_cast<const Script&>(a).spec();
  const ScriptSpec& y = static_cast<const Script&>(b).spec();
  return x.device.name == y.device.name && x.tag == y.tag && x.entry_points == y.entry_points &&
         x.source == y.source;
}

}  // namespace

Status CommitLoaded(int db, std::string_view key, Ref<Object> value) {
  const ObjectKind kind = value->kind();
  const Change change = {.db = db, .key = key, .value = std::move(value), .required_kind = kind};
  return Keyspace::Get().CommitAll({&change, 1});
}

ModelLoader::ModelLoader(Compiler* compiler, std::function<Status(const Device&)> prepare_device,
                         size_t queued_max)
    : compiler_(compiler), prepare_device_(std::move(prepare_device)), queued_max_(queued_max) {}

template <typename Value>
ModelLoader::Load ModelLoader::LoadOf(Ref<Value> value, std::optional<Place> place, bool is_long,
                                      Completion completion) {
  Load load;
  load.prepare = [this, value] { return Prepare(value); };
  load.value = std::move(value);
  load.place = std::move(place);
  load.is_long = is_long;
  load.completion = std::move(completion);
  return load;
}

void ModelLoader::StoreModel(int db, std::string key, ModelSpec spec, Completion completion) {
  const bool is_long = IsLong(spec);
  Push(LoadOf(Ref<Model>::Adopt(new Model(std::move(spec))), Place(db, std::move(key)), is_long,
              std::move(completion)));
}

void ModelLoader::StoreScript(int db, std::string key, ScriptSpec spec, Completion completion) {
  Push(LoadOf(Ref<Script>::Adopt(new Script(std::move(spec))), Place(db, std::move(key)), false,
              std::move(completion)));
}

Ref<Model> ModelLoader::PrepareModel(ModelSpec spec, Completion completion) {
  const bool is_long = IsLong(spec);
  const auto model = Ref<Model>::Adopt(new Model(std::move(spec)));
  Push(LoadOf(model, std::nullopt, is_long, std::move(completion)));
  return model;
}

Ref<Script> ModelLoader::PrepareScript(ScriptSpec spec, Completion completion) {
  const auto script = Ref<Script>::Adopt(new Script(std::move(spec)));
  Push(LoadOf(script, std::nullopt, false, std::move(completion)));
  return script;
}

void ModelLoader::LoadBackend(BackendKind kind, Completion completion) {
  Load load;
  load.prepare = [this, kind] {
    if (compiler_->Opened(kind)) return Status(Code::kFailed, "ERR error loading backend");
    // Compared word for word by clients' tests; the cause is in the log.
    if (!compiler_->Open(kind).ok()) return Status(Code::kFailed, "ERR error loading backend");
    return Status::Ok();
  };
  load.completion = std::move(completion);
  Push(std::move(load));
}

void ModelLoader::Divide(Ref<const Model> model) {
  Load load;
  load.is_long = IsLong(model->spec());
  load.prepare = [this, model = std::move(model)] {
    auto divided = compiler_->CompileDivided(*model);
    if (divided.ok()) model->set_divided(std::move(divided).value());
    return divided.status();
  };
  Push(std::move(load));
}

Status ModelLoader::Prepare(const Ref<Model>& model) {
  auto compiled = compiler_->Compile(*model);
  if (!compiled.ok()) return compiled.status();
  if (Status status = prepare_device_(model->spec().device); !status.ok()) return status;
  if (model->spec().backend != BackendKind::kTensorFlow) {
    model->set_names(compiled.value()->InputNames(), compiled.value()->OutputNames());
  }
  model->set_compiled(compiled.value());
  return Status::Ok();
}

Status ModelLoader::Prepare(const Ref<Script>& script) {
  auto compiled = compiler_->Compile(*script);
  if (!compiled.ok()) return compiled.status();
  if (Status status = prepare_device_(script->spec().device); !status.ok()) return status;
  script->set_compiled(compiled.value());
  return Status::Ok();
}

// Called with the lock held. The second thread is a help, not a need.
bool ModelLoader::Start() {
  if (started_) return true;
  started_ = StartThread("load models", [this] { Work(true); }).has_value();
  if (started_) (void)StartThread("load small", [this] { Work(false); });
  return started_;
}

void ModelLoader::Push(Load load) {
  Code refusal = Code::kOk;
  std::string text;
  {
    std::lock_guard lock(mutex_);
    if (closed_) {
      refusal = Code::kShuttingDown;
    } else if (!Start()) {
      refusal = Code::kFailed;
      text = "ERR Could not start the thread that loads models";
    } else if (waiting_count_ >= queued_max_) {
      refusal = Code::kFailed;
      text = "ERR the queue of models to load is full";
    } else {
      load.sequence = ++next_sequence_;
      Queue(load);
      waiting_count_++;
    }
  }
  if (refusal != Code::kOk) load.completion.Done(refusal, std::move(text));
}

// Behind the others of its key. Without memory it throws, and nothing has changed. Called with the
// lock held.
void ModelLoader::Queue(Load& load) {
  if (!load.place) return PutBack(load);
  const auto [found, is_new] = places_.try_emplace(*load.place);
  if (!is_new) {
    found->second.push_back(std::move(load));
    return;
  }
  try {
    PutBack(load);
  } catch (...) {  // the key must not seem to have a load under way
    places_.erase(found);
    throw;
  }
}

// Lets it begin, in its turn. Without memory it throws, and nothing has changed. Called with the
// lock held.
void ModelLoader::PutBack(Load& load) {
  const bool is_long = load.is_long;
  auto& loads = is_long ? long_loads_ : short_loads_;
  Load& place = loads[load.sequence];
  place = std::move(load);
  any_ready_.notify_one();
  if (!is_long) short_ready_.notify_one();
}

// Called with the lock held.
std::optional<ModelLoader::Load> ModelLoader::Take(bool takes_long) {
  const bool has_short = !short_loads_.empty();
  const bool is_long_next =
      takes_long && !long_loads_.empty() &&
      (!has_short || long_loads_.begin()->first < short_loads_.begin()->first);
  if (!is_long_next && !has_short) return std::nullopt;
  auto& loads = is_long_next ? long_loads_ : short_loads_;
  Load load = std::move(loads.begin()->second);
  loads.erase(loads.begin());
  waiting_count_--;
  return load;
}

void ModelLoader::Work(bool takes_long) {
  std::condition_variable& ready = takes_long ? any_ready_ : short_ready_;
  while (true) {
    std::unique_lock lock(mutex_);
    std::optional<Load> load = Take(takes_long);
    if (!load) {
      ready.wait(lock);
      continue;
    }
    lock.unlock();
    Do(std::move(*load));
  }
}

void ModelLoader::Do(Load load) {
  Status status;
  uint64_t last_to_join = 0;
  try {
    status = load.prepare();
    load.prepare = nullptr;
    // A store that comes later must see what was done to the key since this one put its value
    // there.
    last_to_join = LastSequence();
    if (status.ok() && load.place) {
      status = CommitLoaded(load.place->first, load.place->second, load.value);
    }
  } catch (const std::bad_alloc&) {
    status = Code::kOutOfMemory;
  }
  load.completion.Done(status.code(), status.message());
  if (load.place) EndPlace(load, status, last_to_join);
}

uint64_t ModelLoader::LastSequence() {
  std::lock_guard lock(mutex_);
  return next_sequence_;
}

// Answers the stores of the key that join the one that is done, and lets the next one begin.
void ModelLoader::EndPlace(const Load& done, const Status& status, uint64_t last_to_join) {
  while (std::optional<Load> next = TakeNextOf(*done.place)) {
    // Here and not where it arrived: the bytes of a large model take long to compare. What failed
    // for want of memory may have it by now.
    const bool may_join = next->sequence <= last_to_join && status.code() != Code::kOutOfMemory;
    if (may_join && AreSame(*done.value, *next->value)) {
      next->completion.Done(status.code(), status.message());
      continue;
    }
    Code refusal = Code::kShuttingDown;
    try {
      std::unique_lock lock(mutex_);
      if (!closed_) {
        PutBack(*next);
        waiting_count_++;
        return;
      }
    } catch (const std::bad_alloc&) {
      refusal = Code::kOutOfMemory;
    }
    next->completion.Done(refusal);
  }
}

std::optional<ModelLoader::Load> ModelLoader::TakeNextOf(const Place& place) {
  std::lock_guard lock(mutex_);
  const auto found = places_.find(place);
  if (found->second.empty()) {
    places_.erase(found);
    return std::nullopt;
  }
  Load next = std::move(found->second.front());
  found->second.pop_front();
  waiting_count_--;
  return next;
}

void ModelLoader::Close() {
  std::deque<Load> dropped;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    for (auto* loads : {&short_loads_, &long_loads_}) {
      for (auto& [sequence, load] : *loads) {
        // Nothing of its key is under way: those that wait for it go with it.
        if (load.place) {
          for (Load& next : places_[*load.place]) dropped.push_back(std::move(next));
          places_.erase(*load.place);
        }
        dropped.push_back(std::move(load));
      }
      loads->clear();
    }
    // The keys that are left have a load under way, which ends them.
    for (auto& [place, loads] : places_) {
      for (Load& load : loads) dropped.push_back(std::move(load));
      loads.clear();
    }
    waiting_count_ = 0;
  }
  std::ranges::sort(dropped, {}, &Load::sequence);
  for (const Load& load : dropped) load.completion.Done(Code::kShuttingDown);
}

void ModelLoader::Open() {
  std::lock_guard lock(mutex_);
  closed_ = false;
}

}  // namespace tutti
