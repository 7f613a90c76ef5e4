// The exports about models, scripts and their runs.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "binding/command_words.h"
#include "binding/thread_state.h"
#include "inference/engine.h"
#include "inference/model.h"
#include "keyspace/keyspace.h"
#include "tensor/tensor.h"

namespace tutti {

namespace {

// As in lib/engine/addon.ts.
constexpr int64_t kInputMissing = 1'000'000'000;
constexpr int64_t kInputWrongType = 2'000'000'000;

Engine& engine() { return Engine::Get(); }

// An optional word: index -1 is an empty one.
std::string CopyWord(const ThreadState& thread, int32_t index) {
  return index < 0 ? std::string() : std::string(thread.Word(index));
}

// --- storing and reading ---

// A chunk that came in memory of its own is taken over, a small one copied.
Result<BlobPart> TakeChunk(const ThreadState& thread, int32_t index) {
  const std::string_view chunk = thread.Word(index);
  if (ThreadState::IsRefused(chunk)) return Code::kOutOfMemory;
  BlobPart part;
  part.bytes = chunk.size();
  if (const IncomingBlob* const incoming = thread.FindBlob(index)) {
    part.buffer = incoming->Share();
    part.buffer->SetKind(MemoryKind::kModels);
  } else {
    part.buffer = Buffer::Allocate(std::max<size_t>(chunk.size(), 1), MemoryKind::kModels);
    if (!part.buffer) return Code::kOutOfMemory;
    std::memcpy(part.buffer->data(), chunk.data(), chunk.size());
  }
  return part;
}

napi_value ModelStore(napi_env env, napi_callback_info info) {
  const Arguments<16> in(env, info);
  ThreadState& thread = this_thread();
  const std::string_view key = thread.Word(in.Int(1));
  const int32_t backend = in.Int(2);
  TUTTI_CHECK(backend >= 0 && backend < kBackendCount);
  auto device = ParseDevice(thread.Word(in.Int(3)));
  if (!device) return ToJs(env, Code::kInvalidValue);

  ModelSpec spec;
  spec.backend = static_cast<BackendKind>(backend);
  spec.device = std::move(*device);
  spec.tag = CopyWord(thread, in.Int(4));
  spec.batch_size = in.Int64(5);
  spec.min_batch_size = in.Int64(6);
  spec.min_batch_timeout_ms = in.Int64(7);
  if (ThreadState::IsRefused(key) || !CopyWords(thread, in.Int(8), in.Int(9), &spec.inputs) ||
      !CopyWords(thread, in.Int(10), in.Int(11), &spec.outputs)) {
    return ToJs(env, Code::kOutOfMemory);
  }
  const int32_t first_chunk = in.Int(12), chunk_count = in.Int(13);
  for (int32_t i = 0; i < chunk_count; i++) {
    auto part = TakeChunk(thread, first_chunk + i);
    if (!part.ok()) return ToJs(env, part.status());
    spec.blob.push_back(std::move(part.value()));
  }
  engine().StoreModel(in.Int(0), std::string(key), std::move(spec),
                      ToCompletion(thread, in.Int(14), in.Int(15)));
  return ToJs(env, Code::kOk);
}

Napi::Value ModelFind(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ThreadState& thread = this_thread();
  auto found = FindAs<Model>(ToInt32(info[0]), thread.Word(ToInt32(info[1])), ObjectKind::kModel);
  if (!found.ok()) return {env, ToJs(env, found.status())};
  const Ref<Model>& model = found.value();
  const ModelSpec& spec = model->spec();
  const auto record = Napi::Object::New(env);
  record.Set("backend", static_cast<int>(spec.backend));
  record.Set("device", spec.device.name);
  record.Set("tag", spec.tag);
  record.Set("batchSize", static_cast<double>(spec.batch_size));
  record.Set("minBatchSize", static_cast<double>(spec.min_batch_size));
  record.Set("minBatchTimeoutMs", static_cast<double>(spec.min_batch_timeout_ms));
  record.Set("inputs", FromTexts(env, spec.inputs));
  record.Set("outputs", FromTexts(env, spec.outputs));
  record.Set("blobBytes", static_cast<double>(model->blob_bytes()));
  thread.Hold(model, nullptr, model->blob_bytes());
  return record;
}

// Bytes of a model's blob as they lie in one part, or a copy of them. False: no memory.
bool FindChunk(const Ref<Model>& model, size_t offset, size_t bytes, Held* chunk) {
  size_t part_begin = 0;
  for (const BlobPart& part : model->spec().blob) {
    if (offset >= part_begin && offset + bytes <= part_begin + part.bytes) {
      *chunk = {model, part.buffer->data() + (offset - part_begin), bytes};
      return true;
    }
    part_begin += part.bytes;
  }
  Ref<Buffer> copy = Buffer::Allocate(bytes, MemoryKind::kReplies);
  if (!copy) return false;
  model->CopyBlob(offset, bytes, copy->data());
  const uint8_t* const data = copy->data();
  *chunk = {std::move(copy), data, bytes};
  return true;
}

Napi::Value ModelBlob(const Napi::CallbackInfo& info) {
  ThreadState& thread = this_thread();
  TUTTI_CHECK(thread.held.owner && thread.held.owner->kind() == ObjectKind::kModel);
  const Held held = std::exchange(thread.held, {});
  const auto model = Ref<Model>::Share(static_cast<Model*>(held.owner.get()));
  const auto chunk_bytes_max = static_cast<size_t>(ToInt64(info[0]));
  TUTTI_CHECK(chunk_bytes_max > 0);

  const auto ids = Napi::Array::New(info.Env());
  std::vector<Held> chunks;
  size_t offset = 0;
  do {
    Held chunk;
    const size_t bytes = std::min(chunk_bytes_max, model->blob_bytes() - offset);
    if (!FindChunk(model, offset, bytes, &chunk)) return ids;
    chunks.push_back(std::move(chunk));
    offset += bytes;
  } while (offset < model->blob_bytes());
  for (uint32_t i = 0; i < chunks.size(); i++) ids.Set(i, thread.replies.Add(std::move(chunks[i])));
  return ids;
}

napi_value ScriptStore(napi_env env, napi_callback_info info) {
  const Arguments<9> in(env, info);
  ThreadState& thread = this_thread();
  const std::string_view key = thread.Word(in.Int(1));
  const std::string_view source = thread.Word(in.Int(6));
  auto device = ParseDevice(thread.Word(in.Int(2)));
  if (!device) return ToJs(env, Code::kInvalidValue);
  ScriptSpec spec;
  spec.device = std::move(*device);
  spec.tag = CopyWord(thread, in.Int(3));
  if (ThreadState::IsRefused(key) || ThreadState::IsRefused(source) ||
      !CopyWords(thread, in.Int(4), in.Int(5), &spec.entry_points)) {
    return ToJs(env, Code::kOutOfMemory);
  }
  spec.source = source;
  engine().StoreScript(in.Int(0), std::string(key), std::move(spec),
                       ToCompletion(thread, in.Int(7), in.Int(8)));
  return ToJs(env, Code::kOk);
}

Napi::Value ScriptFind(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto found =
      FindAs<Script>(ToInt32(info[0]), this_thread().Word(ToInt32(info[1])), ObjectKind::kScript);
  if (!found.ok()) return {env, ToJs(env, found.status())};
  const ScriptSpec& spec = found.value()->spec();
  const auto record = Napi::Object::New(env);
  record.Set("device", spec.device.name);
  record.Set("tag", spec.tag);
  record.Set("entryPoints", FromTexts(env, spec.entry_points));
  record.Set("source", spec.source);
  return record;
}

// --- runs ---

napi_value ModelArity(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  ThreadState& thread = this_thread();
  const auto found = FindAs<Model>(in.Int(0), thread.Word(in.Int(1)), ObjectKind::kModel);
  if (!found.ok()) return ToJs(env, found.status());
  const ModelSpec& spec = found.value()->spec();
  thread.blocks->numbers[0] = static_cast<double>(spec.inputs.size());
  thread.blocks->numbers[1] =
      spec.is_output_count_known ? static_cast<double>(spec.outputs.size()) : -1;
  return ToJs(env, Code::kOk);
}

// Fetches one input. @returns 0, or what modelExecute answers for input `i`.
int64_t FetchInput(const ThreadState& thread, int db, int32_t word, int64_t i,
                   std::vector<Ref<Tensor>>* into) {
  const std::string_view key = thread.Word(word);
  if (ThreadState::IsRefused(key)) return -(kInputMissing + i);
  auto found = FindAs<Tensor>(db, key, ObjectKind::kTensor);
  if (found.ok()) {
    into->push_back(std::move(found.value()));
    return 0;
  }
  return -((found.status().code() == Code::kNotFound ? kInputMissing : kInputWrongType) + i);
}

napi_value ModelExecute(napi_env env, napi_callback_info info) {
  const Arguments<9> in(env, info);
  ThreadState& thread = this_thread();
  ModelRun run;
  run.target.db = in.Int(0);
  auto found = FindAs<Model>(run.target.db, thread.Word(in.Int(1)), ObjectKind::kModel);
  if (!found.ok()) return ToJs(env, found.status());
  run.model = std::move(found.value());

  const int32_t first_input = in.Int(2), input_count = in.Int(3);
  run.inputs.reserve(static_cast<size_t>(input_count));
  for (int32_t i = 0; i < input_count; i++) {
    const int64_t code = FetchInput(thread, run.target.db, first_input + i, i, &run.inputs);
    if (code != 0) return ToJs(env, code);
  }
  if (!CopyWords(thread, in.Int(4), in.Int(5), &run.target.output_keys)) {
    return ToJs(env, Code::kOutOfMemory);
  }
  run.target.timeout_ms = in.Int64(6);
  run.target.completion = ToCompletion(thread, in.Int(7), in.Int(8));
  engine().Enqueue(std::move(run));
  return ToJs(env, Code::kOk);
}

// False if one of the words was refused.
bool CopyWordList(const ThreadState& thread, const Napi::Value& indices,
                  std::vector<std::string>* into) {
  for (const int32_t index : ToIntegers<int32_t>(indices)) {
    if (!CopyWords(thread, index, 1, into)) return false;
  }
  return true;
}

Napi::Value ScriptExecute(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ThreadState& thread = this_thread();
  ScriptRun run;
  run.target.db = ToInt32(info[0]);
  auto found = FindAs<Script>(run.target.db, thread.Word(ToInt32(info[1])), ObjectKind::kScript);
  if (!found.ok()) return {env, ToJs(env, found.status())};
  run.script = std::move(found.value());
  run.function = CopyWord(thread, ToInt32(info[2]));

  const auto inputs = ToIntegers<int32_t>(info[4]);
  for (size_t i = 0; i < inputs.size(); i++) {
    const int64_t code =
        FetchInput(thread, run.target.db, inputs[i], static_cast<int64_t>(i), &run.inputs);
    if (code != 0) return {env, ToJs(env, code)};
  }
  if (!CopyWordList(thread, info[3], &run.keys) || !CopyWordList(thread, info[5], &run.args) ||
      !CopyWordList(thread, info[6], &run.target.output_keys)) {
    return {env, ToJs(env, Code::kOutOfMemory)};
  }
  run.variadic_from = ToInt64(info[7]);
  run.target.timeout_ms = ToInt64(info[8]);
  run.target.completion = ToCompletion(thread, ToInt32(info[9]), ToInt32(info[10]));
  engine().Enqueue(std::move(run));
  return {env, ToJs(env, Code::kOk)};
}

// --- statistics ---

struct RunSubject {
  Ref<Object> owner;
  const char* kind = nullptr;
  int backend = 0;
  const Device* device = nullptr;
  const std::string* tag = nullptr;
  RunStatistics* statistics = nullptr;
};

Result<RunSubject> FindRunSubject(int db, std::string_view key) {
  RunSubject subject;
  subject.owner = Keyspace::Get().Find(db, key);
  if (!subject.owner) return Code::kNotFound;
  if (subject.owner->kind() == ObjectKind::kModel) {
    const auto& model = static_cast<const Model&>(*subject.owner);
    subject.kind = "MODEL";
    subject.backend = static_cast<int>(model.spec().backend);
    subject.device = &model.spec().device;
    subject.tag = &model.spec().tag;
    subject.statistics = &model.statistics;
  } else if (subject.owner->kind() == ObjectKind::kScript) {
    const auto& script = static_cast<const Script&>(*subject.owner);
    subject.kind = "SCRIPT";
    subject.backend = static_cast<int>(BackendKind::kTorch);
    subject.device = &script.spec().device;
    subject.tag = &script.spec().tag;
    subject.statistics = &script.statistics;
  } else {
    return Code::kWrongType;
  }
  return subject;
}

Napi::Value RunInfo(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto found = FindRunSubject(ToInt32(info[0]), this_thread().Word(ToInt32(info[1])));
  if (!found.ok()) return {env, ToJs(env, found.status())};
  const RunSubject& subject = found.value();
  const auto record = Napi::Object::New(env);
  record.Set("kind", subject.kind);
  record.Set("backend", subject.backend);
  record.Set("device", subject.device->name);
  record.Set("tag", *subject.tag);
  record.Set("durationUs", static_cast<double>(subject.statistics->duration_us));
  record.Set("samples", static_cast<double>(subject.statistics->samples));
  record.Set("calls", static_cast<double>(subject.statistics->calls));
  record.Set("errors", static_cast<double>(subject.statistics->errors));
  return record;
}

napi_value ResetRunInfo(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  const auto found = FindRunSubject(in.Int(0), this_thread().Word(in.Int(1)));
  if (found.ok()) found.value().statistics->Reset();
  return ToJs(env, found.status());
}

// Texts that were collected, as rows; an object, since long ones are replied by reference.
class Texts final : public Object {
 public:
  Texts() : Object(ObjectKind::kBuffer) {}
  std::vector<std::string> texts;
};

class TextRows final : public RowSource {
 public:
  explicit TextRows(Ref<Texts> texts) : texts_(std::move(texts)) {}
  int64_t total() const override { return static_cast<int64_t>(texts_->texts.size()); }
  void Write(int64_t first, RowWriter& writer) override {
    for (int64_t i = first; i < total(); i++) {
      if (!writer.Put(texts_->texts[static_cast<size_t>(i)], texts_)) return;
    }
  }

 private:
  const Ref<Texts> texts_;
};

const std::string& TagOf(const Object& value) {
  return value.kind() == ObjectKind::kModel ? static_cast<const Model&>(value).spec().tag
                                            : static_cast<const Script&>(value).spec().tag;
}

template <ObjectKind kKind>
napi_value Scan(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  auto found = Ref<Texts>::Adopt(new Texts);
  Keyspace::Get().ForEach(in.Int(0), kKind, [&](std::string_view key, const Ref<Object>& value) {
    found->texts.emplace_back(key);
    found->texts.push_back(TagOf(*value));
  });
  return ToJs(env, this_thread().BeginRows(std::make_unique<TextRows>(std::move(found))));
}

// --- backends and queues ---

BackendKind ToBackend(int32_t code) {
  TUTTI_CHECK(code >= 0 && code < kBackendCount);
  return static_cast<BackendKind>(code);
}

napi_value LoadBackend(napi_env env, napi_callback_info info) {
  const Arguments<3> in(env, info);
  engine().LoadBackend(ToBackend(in.Int(0)), ToCompletion(this_thread(), in.Int(1), in.Int(2)));
  return kUndefined;
}

Napi::Value BackendVersion(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), engine().BackendVersion(ToBackend(ToInt32(info[0]))));
}

Napi::Value QueueNames(const Napi::CallbackInfo& info) {
  return FromTexts(info.Env(), engine().QueueNames());
}

Napi::Value QueueThreadCpuSeconds(const Napi::CallbackInfo& info) {
  const auto seconds = engine().QueueThreadCpuSeconds(ToText(info[0]));
  const auto answer = Napi::Array::New(info.Env(), seconds.size());
  for (uint32_t i = 0; i < seconds.size(); i++) answer.Set(i, seconds[i]);
  return answer;
}

}  // namespace

std::span<const Export> ModelExports() {
  static constexpr Export exports[] = {
      {"modelStore", ModelStore},
      {"modelFind", Wrapped<ModelFind>},
      {"modelBlob", Wrapped<ModelBlob>},
      {"scriptStore", ScriptStore},
      {"scriptFind", Wrapped<ScriptFind>},
      {"modelArity", ModelArity},
      {"modelExecute", ModelExecute},
      {"scriptExecute", Wrapped<ScriptExecute>},
      {"runInfo", Wrapped<RunInfo>},
      {"resetRunInfo", ResetRunInfo},
      {"scanModels", Scan<ObjectKind::kModel>},
      {"scanScripts", Scan<ObjectKind::kScript>},
      {"loadBackend", LoadBackend},
      {"backendVersion", Wrapped<BackendVersion>},
      {"queueNames", Wrapped<QueueNames>},
      {"queueThreadCpuSeconds", Wrapped<QueueThreadCpuSeconds>},
  };
  return exports;
}

}  // namespace tutti
