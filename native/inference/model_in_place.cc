#include "inference/model_in_place.h"

#include <string>

#include "inference/model.h"
#include "inference/run.h"
#include "inference/run_queue.h"
#include "keyspace/keyspace.h"

namespace tutti {
namespace {

// The texts of lib/core/errors.ts, `modelMissing` and `wrongType`.
Result<Ref<Model>> FindModel(int db, std::string_view key) {
  Ref<Object> value = Keyspace::Get().Find(db, key);
  if (!value) return Status(Code::kFailed, "ERR model key is empty");
  if (value->kind() != ObjectKind::kModel) {
    return Status(Code::kFailed,
                  "WRONGTYPE Operation against a key holding the wrong kind of value");
  }
  return Ref<Model>::Adopt(static_cast<Model*>(value.Leave()));
}

// The model's turn, from Begin() to End(). Runs of the queue that had to wait for it go on after.
class Turn {
 public:
  explicit Turn(const Model& model) : model_(model) { model_.gate.Begin(); }
  ~Turn() {
    model_.gate.End();
    if (RunQueue* const queue = model_.gate.queue) queue->Unpark(&model_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  const Model& model_;
};

}  // namespace

Status RunModelInPlace(Compiler& compiler, int db, std::string_view key,
                       std::span<const tutti_tensor> inputs, std::span<tutti_tensor> outputs) {
  auto found = FindModel(db, key);
  if (!found.ok()) return found.status();
  const Model& model = *found.value();
  if (Status status = model.CheckArity(inputs.size(), outputs.size()); !status.ok()) return status;
  const Turn turn(model);
  return RunHere(compiler, model, inputs, outputs);
}

}  // namespace tutti
