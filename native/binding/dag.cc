// The exports about DAGs.
#include "inference/dag.h"

#include <string_view>
#include <unordered_map>
#include <utility>

#include "binding/command_words.h"
#include "binding/join_words.h"
#include "binding/tensor_words.h"
#include "inference/model.h"

namespace tutti {

namespace {

// As in lib/engine/addon.ts, `dagPlaces`: of what a code says that it is missing or wrong.
enum class Place : int32_t {
  kLoad = 0,
  kTensor = 1,
  kModel = 2,
  kScript = 3,
  kInput = 4,
  kPersist = 5,
};

// As in lib/engine/dag-words.ts.
enum class Operation : int32_t { kSetTensor = 0, kGetTensor = 1, kRunModel = 2, kRunScript = 3 };

// The packed words of a DAG.
class PackedWords {
 public:
  PackedWords(napi_env env, napi_value array, size_t count) {
    void* numbers = nullptr;
    napi_typedarray_type type;
    TUTTI_CHECK(napi_get_typedarray_info(env, array, &type, &left_, &numbers, nullptr, nullptr) ==
                napi_ok);
    TUTTI_CHECK(type == napi_int32_array && count <= left_);
    next_ = static_cast<const int32_t*>(numbers);
    left_ = count;
  }
  bool has_more() const { return left_ > 0; }
  int32_t Next() {
    TUTTI_CHECK(left_ > 0);
    left_--;
    return *next_++;
  }

 private:
  const int32_t* next_ = nullptr;
  size_t left_ = 0;
};

// Builds a plan from words, in the order of the text; stops at the first that is wrong.
class PlanBuilder {
 public:
  PlanBuilder(ThreadState& thread, int db, std::string user)
      : thread_(thread), user_(std::move(user)) {
    plan_.db = db;
  }

  // The first code that is not kOk, and `place` says of what.
  Code Read(PackedWords words);
  // Whether all names were made before they are read.
  Code CheckNames() const { return is_input_missing_ ? Code::kNotFound : Code::kOk; }
  Code ReadPersisted(int32_t first, int32_t count);

  Place place = Place::kLoad;
  DagPlan& plan() { return plan_; }

 private:
  Code Load(int32_t first, int32_t count);
  Code SetTensor(PackedWords& words);
  void GetTensor(PackedWords& words);
  Code RunModel(PackedWords& words);
  Code RunScript(PackedWords& words);
  void SetName(int32_t word, Ref<Tensor> tensor);
  size_t FindName(int32_t word);
  bool CopyList(PackedWords& words, std::vector<std::string>* into);

  ThreadState& thread_;
  const std::string user_;
  DagPlan plan_;
  // The latest tensor of each name.
  std::unordered_map<std::string_view, size_t> tensors_;
  bool is_input_missing_ = false;
};

Code PlanBuilder::Read(PackedWords words) {
  place = Place::kLoad;
  const int32_t first_loaded = words.Next(), loaded_count = words.Next();
  Code code = Load(first_loaded, loaded_count);
  while (code == Code::kOk && words.has_more()) {
    switch (static_cast<Operation>(words.Next())) {
      case Operation::kSetTensor:
        code = SetTensor(words);
        break;
      case Operation::kGetTensor:
        GetTensor(words);
        break;
      case Operation::kRunModel:
        code = RunModel(words);
        break;
      case Operation::kRunScript:
        code = RunScript(words);
        break;
      default:
        TUTTI_CHECK(false);
    }
  }
  return code;
}

Code PlanBuilder::Load(int32_t first, int32_t count) {
  for (int32_t word = first; word < first + count; word++) {
    auto found = FindAs<Tensor>(plan_.db, thread_.Word(word), ObjectKind::kTensor);
    if (!found.ok()) return found.status().code();
    plan_.loaded.push_back(found.value());
    SetName(word, std::move(found.value()));
  }
  return Code::kOk;
}

Code PlanBuilder::SetTensor(PackedWords& words) {
  place = Place::kTensor;
  const int32_t name = words.Next();
  const TensorWords tensor = {.dtype = static_cast<DType>(words.Next()),
                              .first_dim = words.Next(),
                              .dim_count = words.Next(),
                              .source = static_cast<TensorSource>(words.Next()),
                              .first_data = words.Next(),
                              .data_count = words.Next()};
  TUTTI_CHECK(static_cast<int>(tensor.dtype) < kDTypeCount);
  auto made = MakeTensor(thread_, tensor);
  if (!made.ok()) return made.status().code();
  SetName(name, std::move(made.value()));
  plan_.operations.emplace_back(DagSet{});
  return Code::kOk;
}

void PlanBuilder::GetTensor(PackedWords& words) {
  plan_.operations.emplace_back(DagGet{FindName(words.Next())});
}

Code PlanBuilder::RunModel(PackedWords& words) {
  place = Place::kModel;
  auto found = FindAs<Model>(plan_.db, thread_.Word(words.Next()), ObjectKind::kModel);
  if (!found.ok()) return found.status().code();
  ModelRun model_run;
  model_run.model = std::move(found.value());
  DagRun run;
  run.work = std::move(model_run);
  const int32_t first_input = words.Next(), input_count = words.Next();
  for (int32_t i = 0; i < input_count; i++) run.inputs.push_back(FindName(first_input + i));
  const int32_t first_output = words.Next(), output_count = words.Next();
  run.first_output = plan_.tensors.size();
  run.output_count = static_cast<size_t>(output_count);
  for (int32_t i = 0; i < output_count; i++) SetName(first_output + i, nullptr);
  plan_.operations.emplace_back(std::move(run));
  return Code::kOk;
}

Code PlanBuilder::RunScript(PackedWords& words) {
  place = Place::kScript;
  auto found = FindAs<Script>(plan_.db, thread_.Word(words.Next()), ObjectKind::kScript);
  if (!found.ok()) return found.status().code();
  ScriptRun script_run;
  script_run.script = std::move(found.value());
  script_run.function = thread_.Word(words.Next());
  script_run.variadic_from = words.Next();
  if (!CopyList(words, &script_run.keys) || !CopyList(words, &script_run.args)) {
    return Code::kOutOfMemory;
  }
  script_run.user = user_;
  DagRun run;
  run.work = std::move(script_run);
  const int32_t input_count = words.Next();
  for (int32_t i = 0; i < input_count; i++) run.inputs.push_back(FindName(words.Next()));
  const int32_t output_count = words.Next();
  run.first_output = plan_.tensors.size();
  run.output_count = static_cast<size_t>(output_count);
  for (int32_t i = 0; i < output_count; i++) SetName(words.Next(), nullptr);
  plan_.operations.emplace_back(std::move(run));
  return Code::kOk;
}

Code PlanBuilder::ReadPersisted(int32_t first, int32_t count) {
  for (int32_t word = first; word < first + count; word++) {
    const auto found = tensors_.find(thread_.Word(word));
    if (found == tensors_.end()) return Code::kNotFound;
    plan_.persisted.push_back({std::string(found->first), found->second});
  }
  return Code::kOk;
}

void PlanBuilder::SetName(int32_t word, Ref<Tensor> tensor) {
  tensors_[thread_.Word(word)] = plan_.tensors.size();
  plan_.tensors.push_back(std::move(tensor));
}

size_t PlanBuilder::FindName(int32_t word) {
  const auto found = tensors_.find(thread_.Word(word));
  if (found != tensors_.end()) return found->second;
  // Told after all that is wrong with the operations by themselves.
  is_input_missing_ = true;
  return 0;
}

// A count and as many words. False if one of them was refused.
bool PlanBuilder::CopyList(PackedWords& words, std::vector<std::string>* into) {
  const int32_t count = words.Next();
  for (int32_t i = 0; i < count; i++) {
    if (!CopyWords(thread_, words.Next(), 1, into)) return false;
  }
  return true;
}

napi_value Refusal(napi_env env, ThreadState& thread, Code code, Place place) {
  thread.blocks->numbers[0] = static_cast<double>(place);
  return ToJs(env, code);
}

napi_value DagExecute(napi_env env, napi_callback_info info) {
  const Arguments<11> in(env, info);
  ThreadState& thread = this_thread();
  const std::string user = ToText({env, in[9]});
  // Before tensors take over the memory of blobs.
  JoinWords words(thread);
  words.AddList(0, in.Int(10));
  words.AddText(user);
  PlanBuilder builder(thread, in.Int(2), user);
  Code code = builder.Read({env, in[0], static_cast<size_t>(in.Int(1))});
  if (code != Code::kOk) return Refusal(env, thread, code, builder.place);
  const bool is_whole = in.Int(3) != 0;
  if (!is_whole) return ToJs(env, Code::kOk);

  code = builder.CheckNames();
  if (code != Code::kOk) return Refusal(env, thread, code, Place::kInput);
  code = builder.ReadPersisted(in.Int(4), in.Int(5));
  if (code != Code::kOk) return Refusal(env, thread, code, Place::kPersist);
  DagPlan& plan = builder.plan();
  plan.timeout_ms = in.Int64(6);
  plan.completion = ToCompletion(thread, in.Int(7), in.Int(8));
  plan.client = ClientOf(thread, plan.completion);
  if (plan.client != 0) plan.words = words.Take();
  thread.dag = ExecuteDag(Engine::Get(), std::move(plan));
  return ToJs(env, thread.dag ? 1 : 0);
}

// The result that came with the message about this command, if it did not come at once.
napi_value DagOpen(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  ThreadState& thread = this_thread();
  if (!thread.dag) {
    thread.dag =
        thread.TakeResult(static_cast<uint32_t>(in.Int(0)), static_cast<uint32_t>(in.Int(1)));
  }
  TUTTI_CHECK(thread.dag);
  const auto& result = static_cast<const DagResult&>(*thread.dag);
  return ToJs(env, static_cast<int64_t>(result.elements.size()));
}

const DagResult::Element& ElementAt(const ThreadState& thread, int32_t i) {
  TUTTI_CHECK(thread.dag);
  const auto& elements = static_cast<const DagResult&>(*thread.dag).elements;
  TUTTI_CHECK(i >= 0 && static_cast<size_t>(i) < elements.size());
  return elements[static_cast<size_t>(i)];
}

napi_value DagElement(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ThreadState& thread = this_thread();
  const DagResult::Element& element = ElementAt(thread, in.Int(0));
  if (!element.status.ok()) return ToJs(env, element.status);
  if (!element.tensor) return ToJs(env, Code::kOk);
  return ToJs(env, HoldTensor(thread, Ref<Tensor>(element.tensor)));
}

Napi::Value DagText(const Napi::CallbackInfo& info) {
  const DagResult::Element& element = ElementAt(this_thread(), ToInt32(info[0]));
  return Napi::String::New(info.Env(), element.status.message());
}

napi_value DagClose(napi_env, napi_callback_info) {
  this_thread().dag = nullptr;
  return kUndefined;
}

}  // namespace

std::span<const Export> DagExports() {
  static constexpr Export exports[] = {
      {"dagExecute", DagExecute},    {"dagOpen", DagOpen},   {"dagElement", DagElement},
      {"dagText", Wrapped<DagText>}, {"dagClose", DagClose},
  };
  return exports;
}

}  // namespace tutti
