// The exports that store and read models and scripts.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "binding/command_words.h"
#include "binding/thread_state.h"
#include "inference/engine.h"
#include "inference/model.h"

namespace tutti {

namespace {

Engine& engine() { return Engine::Get(); }

// An optional word: index -1 is an empty one.
std::string CopyWord(const ThreadState& thread, int32_t index) {
  return index < 0 ? std::string() : std::string(thread.Word(index));
}

// Of one reply. Beyond, a loop would be busy with one client's reply for tenths of a second.
constexpr size_t kReplyChunksMax = 65'536;

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

// The words of a model from argument `at` on: backend, device, tag, the batching, inputs, outputs
// and chunks.
template <size_t kCount>
Result<ModelSpec> ToModelSpec(const ThreadState& thread, const Arguments<kCount>& in, size_t at) {
  const int32_t backend = in.Int(at);
  TUTTI_CHECK(backend >= 0 && backend < kBackendCount);
  auto device = ParseDevice(thread.Word(in.Int(at + 1)));
  if (!device) return Code::kInvalidValue;
  ModelSpec spec;
  spec.backend = static_cast<BackendKind>(backend);
  spec.device = std::move(*device);
  spec.tag = CopyWord(thread, in.Int(at + 2));
  spec.batch_size = in.Int64(at + 3);
  spec.min_batch_size = in.Int64(at + 4);
  spec.min_batch_timeout_ms = in.Int64(at + 5);
  if (!CopyWords(thread, in.Int(at + 6), in.Int(at + 7), &spec.inputs) ||
      !CopyWords(thread, in.Int(at + 8), in.Int(at + 9), &spec.outputs)) {
    return Code::kOutOfMemory;
  }
  const int32_t first_chunk = in.Int(at + 10), chunk_count = in.Int(at + 11);
  for (int32_t i = 0; i < chunk_count; i++) {
    auto part = TakeChunk(thread, first_chunk + i);
    if (!part.ok()) return part.status();
    spec.blob.push_back(std::move(part.value()));
  }
  return spec;
}

// The words of a script from argument `at` on: device, tag, entry points and source.
template <size_t kCount>
Result<ScriptSpec> ToScriptSpec(const ThreadState& thread, const Arguments<kCount>& in, size_t at) {
  auto device = ParseDevice(thread.Word(in.Int(at)));
  if (!device) return Code::kInvalidValue;
  const std::string_view source = thread.Word(in.Int(at + 4));
  ScriptSpec spec;
  spec.device = std::move(*device);
  spec.tag = CopyWord(thread, in.Int(at + 1));
  if (ThreadState::IsRefused(source) ||
      !CopyWords(thread, in.Int(at + 2), in.Int(at + 3), &spec.entry_points)) {
    return Code::kOutOfMemory;
  }
  spec.source = source;
  return spec;
}

napi_value ModelStore(napi_env env, napi_callback_info info) {
  const Arguments<16> in(env, info);
  ThreadState& thread = this_thread();
  const std::string_view key = thread.Word(in.Int(1));
  if (ThreadState::IsRefused(key)) return ToJs(env, Code::kOutOfMemory);
  auto spec = ToModelSpec(thread, in, 2);
  if (!spec.ok()) return ToJs(env, spec.status());
  engine().StoreModel(in.Int(0), std::string(key), std::move(spec.value()),
                      ToCompletion(thread, in.Int(14), in.Int(15)));
  return ToJs(env, Code::kOk);
}

napi_value ScriptStore(napi_env env, napi_callback_info info) {
  const Arguments<9> in(env, info);
  ThreadState& thread = this_thread();
  const std::string_view key = thread.Word(in.Int(1));
  if (ThreadState::IsRefused(key)) return ToJs(env, Code::kOutOfMemory);
  auto spec = ToScriptSpec(thread, in, 2);
  if (!spec.ok()) return ToJs(env, spec.status());
  engine().StoreScript(in.Int(0), std::string(key), std::move(spec.value()),
                       ToCompletion(thread, in.Int(7), in.Int(8)));
  return ToJs(env, Code::kOk);
}

// --- out of a file: compiled by the first run, so that no runtime need be there ---

napi_value ModelKeep(napi_env env, napi_callback_info info) {
  const Arguments<14> in(env, info);
  ThreadState& thread = this_thread();
  const std::string_view key = thread.Word(in.Int(1));
  if (ThreadState::IsRefused(key)) return ToJs(env, Code::kOutOfMemory);
  auto spec = ToModelSpec(thread, in, 2);
  if (!spec.ok()) return ToJs(env, spec.status());
  return ToJs(env, Engine::CommitPrepared(in.Int(0), key,
                                          Ref<Model>::Adopt(new Model(std::move(spec.value())))));
}

napi_value ScriptKeep(napi_env env, napi_callback_info info) {
  const Arguments<7> in(env, info);
  ThreadState& thread = this_thread();
  const std::string_view key = thread.Word(in.Int(1));
  if (ThreadState::IsRefused(key)) return ToJs(env, Code::kOutOfMemory);
  auto spec = ToScriptSpec(thread, in, 2);
  if (!spec.ok()) return ToJs(env, spec.status());
  return ToJs(env, Engine::CommitPrepared(in.Int(0), key,
                                          Ref<Script>::Adopt(new Script(std::move(spec.value())))));
}

// --- inside EXEC: prepared before the locks are taken, committed under them ---

napi_value ModelPrepare(napi_env env, napi_callback_info info) {
  const Arguments<14> in(env, info);
  ThreadState& thread = this_thread();
  auto spec = ToModelSpec(thread, in, 0);
  if (!spec.ok()) return ToJs(env, spec.status());
  return ToJs(env, thread.prepared.Add(engine().PrepareModel(
                       std::move(spec.value()), ToCompletion(thread, in.Int(12), in.Int(13)))));
}

napi_value ScriptPrepare(napi_env env, napi_callback_info info) {
  const Arguments<7> in(env, info);
  ThreadState& thread = this_thread();
  auto spec = ToScriptSpec(thread, in, 0);
  if (!spec.ok()) return ToJs(env, spec.status());
  return ToJs(env, thread.prepared.Add(engine().PrepareScript(
                       std::move(spec.value()), ToCompletion(thread, in.Int(5), in.Int(6)))));
}

napi_value PreparedCommit(napi_env env, napi_callback_info info) {
  const Arguments<3> in(env, info);
  ThreadState& thread = this_thread();
  const std::string_view key = thread.Word(in.Int(1));
  if (ThreadState::IsRefused(key)) return ToJs(env, Code::kOutOfMemory);
  return ToJs(env, Engine::CommitPrepared(in.Int(0), key, thread.prepared.At(in.Int(2))));
}

napi_value PreparedDrop(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  this_thread().prepared.Remove(in.Int(0));
  return kUndefined;
}

// --- reading ---

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
  const ModelNames names = model->names().value_or(ModelNames{});
  record.Set("inputs", FromTexts(env, names.inputs));
  record.Set("outputs", FromTexts(env, names.outputs.value_or(std::vector<std::string>{})));
  record.Set("blobBytes", static_cast<double>(model->blob_bytes()));
  thread.Hold(model, nullptr, model->blob_bytes());
  return record;
}

// Calls take(bytes, count) for the parts of the blob in order, cut where a chunk ends.
template <typename Take>
void ForEachPiece(const Model& model, size_t chunk_bytes_max, const Take& take) {
  size_t left_in_chunk = chunk_bytes_max;
  for (const BlobPart& part : model.spec().blob) {
    for (size_t offset = 0; offset < part.bytes;) {
      const size_t bytes = std::min(left_in_chunk, part.bytes - offset);
      take(part.buffer->data() + offset, bytes);
      offset += bytes;
      left_in_chunk -= bytes;
      if (left_in_chunk == 0) left_in_chunk = chunk_bytes_max;
    }
  }
}

napi_value ModelBlob(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ThreadState& thread = this_thread();
  TUTTI_CHECK(thread.held.owner && thread.held.owner->kind() == ObjectKind::kModel);
  const Held held = std::exchange(thread.held, {});
  const auto& model = static_cast<const Model&>(*held.owner);
  const auto chunk_bytes_max = static_cast<size_t>(in.Int64(0));
  TUTTI_CHECK(chunk_bytes_max > 0);

  size_t piece_count = 0;
  ForEachPiece(model, chunk_bytes_max, [&](const uint8_t*, size_t) { piece_count++; });
  if (piece_count > kReplyChunksMax) return ToJs(env, Code::kOverflow);
  napi_value ids = nullptr;
  napi_create_array_with_length(env, piece_count, &ids);
  uint32_t index = 0;
  ForEachPiece(model, chunk_bytes_max, [&](const uint8_t* data, size_t bytes) {
    napi_set_element(env, ids, index++, ToJs(env, thread.KeepReply(held.owner, data, bytes)));
  });
  return ids;
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

}  // namespace

std::span<const Export> StoredModelExports() {
  static constexpr Export exports[] = {
      {"modelStore", ModelStore},
      {"modelPrepare", ModelPrepare},
      {"scriptStore", ScriptStore},
      {"scriptPrepare", ScriptPrepare},
      {"modelKeep", ModelKeep},
      {"scriptKeep", ScriptKeep},
      {"preparedCommit", PreparedCommit},
      {"preparedDrop", PreparedDrop},
      {"modelFind", Wrapped<ModelFind>},
      {"modelBlob", ModelBlob},
      {"scriptFind", Wrapped<ScriptFind>},
  };
  return exports;
}

}  // namespace tutti
