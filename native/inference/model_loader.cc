#include "inference/model_loader.h"

#include <utility>

#include "inference/start_thread.h"
#include "keyspace/keyspace.h"

namespace tutti {
namespace {

Status Commit(int db, const std::string& key, Ref<Object> value) {
  const ObjectKind kind = value->kind();
  const Change change = {.db = db, .key = key, .value = std::move(value), .required_kind = kind};
  return Keyspace::Get().CommitAll({&change, 1});
}

}  // namespace

ModelLoader::ModelLoader(Compiler* compiler, std::function<Status(const Device&)> prepare_device)
    : compiler_(compiler), prepare_device_(std::move(prepare_device)) {}

void ModelLoader::StoreModel(int db, std::string key, ModelSpec spec, Completion completion) {
  auto model = Ref<Model>::Adopt(new Model(std::move(spec)));
  Push(
      {[this, db, key = std::move(key), model = std::move(model)] { return Store(db, key, model); },
       std::move(completion)});
}

void ModelLoader::StoreScript(int db, std::string key, ScriptSpec spec, Completion completion) {
  auto script = Ref<Script>::Adopt(new Script(std::move(spec)));
  Push({[this, db, key = std::move(key), script = std::move(script)] {
          return Store(db, key, script);
        },
        std::move(completion)});
}

void ModelLoader::LoadBackend(BackendKind kind, Completion completion) {
  Push({[this, kind] {
          if (compiler_->Opened(kind)) return Status(Code::kFailed, "ERR error loading backend");
          // Compared word for word by clients' tests; the cause is in the log.
          if (!compiler_->Open(kind).ok())
            return Status(Code::kFailed, "ERR error loading backend");
          return Status::Ok();
        },
        std::move(completion)});
}

Status ModelLoader::Store(int db, const std::string& key, const Ref<Model>& model) {
  auto compiled = compiler_->Compile(*model);
  if (!compiled.ok()) return compiled.status();
  if (Status status = prepare_device_(model->spec().device); !status.ok()) return status;
  if (model->spec().backend != BackendKind::kTensorFlow) {
    model->set_names(compiled.value()->InputNames(), compiled.value()->OutputNames());
  }
  model->set_compiled(compiled.value());
  return Commit(db, key, model);
}

Status ModelLoader::Store(int db, const std::string& key, const Ref<Script>& script) {
  auto compiled = compiler_->Compile(*script);
  if (!compiled.ok()) return compiled.status();
  if (Status status = prepare_device_(script->spec().device); !status.ok()) return status;
  script->set_compiled(compiled.value());
  return Commit(db, key, script);
}

void ModelLoader::Push(Load load) {
  Code refusal = Code::kOk;
  std::string text;
  {
    std::lock_guard lock(mutex_);
    if (!started_) started_ = StartThread("load models", [this] { Work(); }).has_value();
    if (closed_) {
      refusal = Code::kShuttingDown;
    } else if (!started_) {
      refusal = Code::kFailed;
      text = "ERR Could not start the thread that loads models";
    } else if (waiting_.size() >= kQueuedLoadsMax) {
      refusal = Code::kFailed;
      text = "ERR the queue of models to load is full";
    } else {
      waiting_.push_back(std::move(load));
    }
  }
  if (refusal == Code::kOk) {
    ready_.notify_one();
  } else {
    load.completion.Done(refusal, std::move(text));
  }
}

void ModelLoader::Work() {
  while (true) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return !waiting_.empty(); });
    Load load = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    const Status status = load.work();
    load.completion.Done(status.code(), status.message());
  }
}

void ModelLoader::Close() {
  std::deque<Load> dropped;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    dropped.swap(waiting_);
  }
  for (const Load& load : dropped) load.completion.Done(Code::kShuttingDown);
}

void ModelLoader::Open() {
  std::lock_guard lock(mutex_);
  closed_ = false;
}

}  // namespace tutti
