#include "inference/model.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "inference/compiler.h"
#include "keyspace/freeing.h"

namespace tutti {

// An event loop or a run thread may be the last to hold a model: 100 MB take 20 ms to free.
class Remains final : public Object {
 public:
  Remains() : Object(ObjectKind::kBuffer) {}
  bool is_slow_to_free() const override { return true; }

  std::vector<BlobPart> blob;
  std::shared_ptr<void> compiled, divided;
};

const char* backend_name(BackendKind kind) {
  switch (kind) {
    case BackendKind::kTensorFlow:
      return "TF";
    case BackendKind::kTfLite:
      return "TFLITE";
    case BackendKind::kTorch:
      return "TORCH";
    case BackendKind::kOnnx:
      return "ONNX";
  }
  return "";
}

bool RunGate::TryBegin() {
  const uint32_t max = max_;
  uint32_t active = active_;
  do {
    if (max != 0 && (active >= max || waiting_ > 0)) return false;
  } while (!active_.compare_exchange_weak(active, active + 1));
  return true;
}

void RunGate::Begin() {
  ++waiting_;
  uint32_t active = active_;
  while (true) {
    const uint32_t max = max_;
    if (max != 0 && active >= max) {
      active_.wait(active);
      active = active_;
    } else if (active_.compare_exchange_weak(active, active + 1)) {
      break;
    }
  }
  --waiting_;
}

void RunGate::End() {
  --active_;
  // Whoever is not counted yet has not looked at `active_` yet.
  if (waiting_ > 0) active_.notify_all();
}

size_t RunGate::FreeCount() const {
  const uint32_t max = max_;
  const uint32_t active = active_;
  if (max == 0) return SIZE_MAX;
  return active < max ? max - active : 0;
}

Model::Model(ModelSpec spec)
    : Object(ObjectKind::kModel),
      spec_(std::move(spec)),
      remains_(Ref<Remains>::Adopt(new Remains)) {
  for (const BlobPart& part : spec_.blob) {
    part.buffer->SetKind(MemoryKind::kModels);
    blob_bytes_ += part.bytes;
  }
}

Model::~Model() {
  remains_->blob = std::move(spec_.blob);
  remains_->compiled = std::move(compiled_);
  remains_->divided = std::move(divided_);
  freeing::Free(std::move(remains_));
}

void Model::CopyBlob(size_t offset, size_t count, uint8_t* to) const {
  assert(offset <= blob_bytes_ && count <= blob_bytes_ - offset);
  for (const BlobPart& part : spec_.blob) {
    if (count == 0) return;
    if (offset >= part.bytes) {
      offset -= part.bytes;
      continue;
    }
    const size_t copied = std::min(count, part.bytes - offset);
    std::memcpy(to, part.buffer->data() + offset, copied);
    to += copied;
    count -= copied;
    offset = 0;
  }
}

size_t Model::footprint(int64_t) const {
  size_t bytes = sizeof(*this) + spec_.tag.capacity();
  for (const BlobPart& part : spec_.blob) bytes += part.buffer->capacity();
  for (const auto& form : {compiled(), divided()}) {
    if (form) bytes += form->charged_bytes();
  }
  return bytes;
}

std::shared_ptr<CompiledModel> Model::compiled() const {
  std::lock_guard lock(mutex_);
  return compiled_;
}

void Model::set_compiled(std::shared_ptr<CompiledModel> compiled) const {
  gate.SetMax(compiled ? compiled->backend().max_concurrent_runs : 1);
  std::lock_guard lock(mutex_);
  compiled_.swap(compiled);  // the old form is freed after the lock, by `compiled`
}

std::shared_ptr<CompiledModel> Model::divided() const {
  std::lock_guard lock(mutex_);
  return divided_;
}

void Model::set_divided(std::shared_ptr<CompiledModel> divided) const {
  std::lock_guard lock(mutex_);
  divided_ = std::move(divided);
}

void Model::set_names(std::vector<std::string> inputs,
                      std::optional<std::vector<std::string>> outputs) {
  spec_.inputs = std::move(inputs);
  spec_.is_output_count_known = outputs.has_value();
  spec_.outputs = std::move(outputs).value_or(std::vector<std::string>{});
}

std::optional<ModelNames> Model::names() const {
  if (spec_.has_names()) {
    return ModelNames{spec_.inputs,
                      spec_.is_output_count_known ? std::optional(spec_.outputs) : std::nullopt};
  }
  const auto form = compiled();
  if (!form) return std::nullopt;
  return ModelNames{form->InputNames(), form->OutputNames()};
}

ModelArity Model::arity() const {
  if (spec_.has_names()) {
    return {static_cast<int64_t>(spec_.inputs.size()),
            spec_.is_output_count_known ? static_cast<int64_t>(spec_.outputs.size()) : -1};
  }
  const auto known = names();
  if (!known) return {-1, -1};
  return {static_cast<int64_t>(known->inputs.size()),
          known->outputs ? static_cast<int64_t>(known->outputs->size()) : -1};
}

// The text of lib/core/errors.ts, `notAsModelDefines`.
Status Model::CheckArity(size_t input_count, size_t output_count) const {
  const ModelArity wanted = arity();
  const auto fits = [](size_t count, int64_t defined) {
    return defined < 0 || count == static_cast<size_t>(defined);
  };
  const char* list = nullptr;
  if (!fits(input_count, wanted.inputs)) list = "INPUTS";
  if (!list && !fits(output_count, wanted.outputs)) list = "OUTPUTS";
  if (!list) return Status::Ok();
  return Status(Code::kFailed, std::string("Number of keys given as ") + list +
                                   " here does not match model definition");
}

Script::Script(ScriptSpec spec)
    : Object(ObjectKind::kScript),
      spec_(std::move(spec)),
      remains_(Ref<Remains>::Adopt(new Remains)) {}

Script::~Script() {
  remains_->compiled = std::move(compiled_);
  freeing::Free(std::move(remains_));
}

size_t Script::footprint(int64_t) const {
  size_t bytes = sizeof(*this) + spec_.source.capacity() + spec_.tag.capacity();
  if (const auto form = compiled()) bytes += form->charged_bytes();
  return bytes;
}

std::shared_ptr<CompiledScript> Script::compiled() const {
  std::lock_guard lock(mutex_);
  return compiled_;
}

void Script::set_compiled(std::shared_ptr<CompiledScript> compiled) const {
  gate.SetMax(compiled ? compiled->backend().max_concurrent_runs : 1);
  std::lock_guard lock(mutex_);
  compiled_.swap(compiled);
}

}  // namespace tutti
