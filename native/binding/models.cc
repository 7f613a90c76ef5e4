// The exports about runs of models and scripts, and about what is known of them.
#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "binding/command_words.h"
#include "binding/join_words.h"
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
constexpr int64_t kDone = 1;  // and no message will come

Engine& engine() { return Engine::Get(); }

// --- runs ---

napi_value FindModelArity(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  ThreadState& thread = this_thread();
  const auto found = FindAs<Model>(in.Int(0), thread.Word(in.Int(1)), ObjectKind::kModel);
  if (!found.ok()) return ToJs(env, found.status());
  const ModelArity arity = found.value()->arity();
  thread.blocks->numbers[0] = static_cast<double>(arity.inputs);
  thread.blocks->numbers[1] = static_cast<double>(arity.outputs);
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

// Which requests are the same as this one, whose completion is set.
void SetWords(const ThreadState& thread, JoinWords& words, RunTarget* target) {
  target->client = ClientOf(thread, target->completion);
  if (target->client != 0) target->words = words.Take();
}

// What the words of a run say; its keys stand side by side.
struct RunWords {
  int32_t key = 0, first_input = 0, input_count = 0, first_output = 0, output_count = 0;
};

// A run between ModelExecute and ModelQueue of the same command. Its vectors are used again.
struct PreparedRun {
  RunWords words;
  ModelRun run;
  std::optional<Status> failed;  // it was short, and this came of it

  void Reset() {
    run.model = nullptr;
    run.inputs.clear();
    run.target.output_keys.clear();
    failed.reset();
  }
};
thread_local PreparedRun prepared;

// Nothing of the run is kept.
template <typename Answer>
napi_value Refuse(napi_env env, const Answer& answer) {
  prepared.Reset();
  return ToJs(env, answer);
}

napi_value ModelExecute(napi_env env, napi_callback_info info) {
  const Arguments<7> in(env, info);
  ThreadState& thread = this_thread();
  prepared.Reset();
  ModelRun& run = prepared.run;
  const RunWords words = {in.Int(1), in.Int(2), in.Int(3), in.Int(4), in.Int(5)};
  prepared.words = words;
  run.target.db = in.Int(0);
  auto found = FindAs<Model>(run.target.db, thread.Word(words.key), ObjectKind::kModel);
  if (!found.ok()) return ToJs(env, found.status());
  run.model = std::move(found.value());
  run.inputs.reserve(static_cast<size_t>(words.input_count));
  for (int32_t i = 0; i < words.input_count; i++) {
    const int64_t code = FetchInput(thread, run.target.db, words.first_input + i, i, &run.inputs);
    if (code != 0) return Refuse(env, code);
  }
  if (!CopyWords(thread, words.first_output, words.output_count, &run.target.output_keys)) {
    return Refuse(env, Code::kOutOfMemory);
  }
  run.target.timeout_ms = in.Int64(6);
  std::optional<Status> status = engine().RunIfShort(run);
  if (!status) return ToJs(env, Code::kOk);
  thread.short_run_watch.Note();
  const bool is_done = status->ok();
  prepared.Reset();  // the model and the inputs may go
  if (is_done) return ToJs(env, kDone);
  prepared.failed = std::move(status);
  return ToJs(env, Code::kOk);
}

napi_value ModelQueue(napi_env env, napi_callback_info info) {
  const Arguments<3> in(env, info);
  ThreadState& thread = this_thread();
  RunTarget& target = prepared.run.target;
  target.completion = ToCompletion(thread, in.Int(0), in.Int(1));
  const int32_t slot = in.Int(2);
  if (slot >= 0) target.completion.direct_reply = thread.sockets->GrantReply(slot);
  if (prepared.failed) {
    target.Fail(*std::exchange(prepared.failed, std::nullopt));
    return kUndefined;
  }
  JoinWords words(thread);
  words.Add(prepared.words.key);
  words.AddList(prepared.words.first_input, prepared.words.input_count);
  words.AddList(prepared.words.first_output, prepared.words.output_count);
  words.AddNumber(target.timeout_ms);
  SetWords(thread, words, &target);
  thread.run_watch.Begin();
  engine().Enqueue(std::exchange(prepared.run, {}));
  return kUndefined;
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
  run.function = thread.Word(ToInt32(info[2]));

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
  JoinWords words(thread);
  words.Add(ToInt32(info[1]));
  words.Add(ToInt32(info[2]));
  for (const int list : {3, 4, 5, 6}) words.AddList(ToIntegers<int32_t>(info[list]));
  words.AddNumber(run.variadic_from);
  words.AddNumber(run.target.timeout_ms);
  run.user = ToText(info[11]);
  words.AddText(run.user);
  run.target.completion = ToCompletion(thread, ToInt32(info[9]), ToInt32(info[10]));
  SetWords(thread, words, &run.target);
  thread.run_watch.Begin();
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

Result<RunSubject> ToRunSubject(Ref<Object> owner) {
  RunSubject subject;
  subject.owner = std::move(owner);
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

Result<RunSubject> FindRunSubject(int db, std::string_view key) {
  return ToRunSubject(Keyspace::Get().Find(db, key));
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

// `name=value` of what is known of a model's or script's runs, with commas between.
std::string StatisticsText(const RunSubject& subject) {
  const RunStatistics& statistics = *subject.statistics;
  std::string text = "type=" + std::string(subject.kind) +
                     ",backend=" + backend_name(static_cast<BackendKind>(subject.backend)) +
                     ",device=" + subject.device->QueueName();
  const std::pair<const char*, int64_t> numbers[] = {
      {"calls", statistics.calls},           {"errors", statistics.errors},
      {"samples", statistics.samples},       {"joined", statistics.joined},
      {"executions", statistics.executions}, {"queue_usec", statistics.queue_us},
      {"copy_usec", statistics.copy_us},     {"compute_usec", statistics.compute_us}};
  for (const auto& [name, number] : numbers) {
    text += std::string(",") + name + "=" + std::to_string(number);
  }
  return text;
}

napi_value ScanRunStatistics(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  auto found = Ref<Texts>::Adopt(new Texts);
  for (const ObjectKind kind : {ObjectKind::kModel, ObjectKind::kScript}) {
    Keyspace::Get().ForEach(in.Int(0), kind, [&](std::string_view key, const Ref<Object>& value) {
      found->texts.emplace_back(key);
      found->texts.push_back(StatisticsText(ToRunSubject(value).value()));
    });
  }
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

napi_value BackendMemory(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  const Engine::MemoryUse use = engine().BackendMemory(ToBackend(in.Int(0)));
  double* const numbers = this_thread().blocks->numbers;
  numbers[0] = static_cast<double>(use.bytes);
  numbers[1] = static_cast<double>(use.access_count);
  return kUndefined;
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
      {"modelArity", FindModelArity},
      {"modelExecute", ModelExecute},
      {"modelQueue", ModelQueue},
      {"scriptExecute", Wrapped<ScriptExecute>},
      {"runInfo", Wrapped<RunInfo>},
      {"resetRunInfo", ResetRunInfo},
      {"scanModels", Scan<ObjectKind::kModel>},
      {"scanScripts", Scan<ObjectKind::kScript>},
      {"scanRunStatistics", ScanRunStatistics},
      {"loadBackend", LoadBackend},
      {"backendVersion", Wrapped<BackendVersion>},
      {"backendMemory", BackendMemory},
      {"queueNames", Wrapped<QueueNames>},
      {"queueThreadCpuSeconds", Wrapped<QueueThreadCpuSeconds>},
  };
  return exports;
}

}  // namespace tutti
