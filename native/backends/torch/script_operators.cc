#include "script_operators.h"

#include <ATen/core/List.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/stack.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>
#include <vector>

#include "tensors.h"

namespace tutti {
namespace {

using torch::jit::Stack;

// More than any model gives; the memory for them is taken before the model is asked.
constexpr int64_t kModelOutputsMax = 65536;

const tutti_host* host = nullptr;  // set once, before the first run
thread_local const ScriptContext* current_context = nullptr;

const ScriptContext& Context(const char* operator_name) {
  if (host == nullptr || current_context == nullptr) {
    throw Refusal(std::string(operator_name) + " can only be called by a script, on its thread");
  }
  return *current_context;
}

// ---- redis.execute

void AppendWords(const c10::IValue& argument, std::vector<tutti_bytes>* words) {
  const auto append = [words](const c10::IValue& value) {
    const std::string& text = value.toStringRef();
    words->push_back({text.data(), text.size()});
  };
  if (argument.isString()) return append(argument);
  if (argument.isList()) {
    const c10::ArrayRef<c10::IValue> elements = argument.toListRef();
    if (std::ranges::all_of(elements, &c10::IValue::isString)) {
      std::ranges::for_each(elements, append);
      return;
    }
  }
  throw Refusal("redis.execute takes str and List[str], and was given " +
                argument.type()->annotation_str());
}

// The value at `*next` and what is in it.
c10::IValue ToIValue(const tutti_value** next) {
  const tutti_value& value = *(*next)++;
  switch (value.type) {
    case TUTTI_INTEGER:
      return value.integer;
    case TUTTI_TEXT:
      return std::string(value.text.data, value.text.bytes);
    case TUTTI_ARRAY: {
      c10::impl::GenericList list(c10::AnyType::get());
      list.reserve(static_cast<size_t>(value.integer));
      for (int64_t i = 0; i < value.integer; i++) list.push_back(ToIValue(next));
      return list;
    }
    default:
      return {};
  }
}

[[noreturn]] void ThrowCommandError(std::string_view text) {
  // What RedisAI says of an unknown command.
  const bool is_unknown = text.starts_with("ERR unknown command");
  throw Refusal("Redis command returned an error: " +
                std::string(is_unknown ? "Invalid argument: " : "") + std::string(text));
}

c10::IValue ExecuteWords(const ScriptContext& context, const std::vector<tutti_bytes>& words) {
  char error[TUTTI_ERROR_BYTES];
  error[0] = '\0';
  tutti_reply reply{};
  if (host->execute(context.caller, words.data(), words.size(), &reply, error, sizeof(error)) !=
      0) {
    ThrowCommandError(error);
  }
  const std::unique_ptr<void, void (*)(void*)> owner(reply.owner, reply.release);
  const tutti_value* next = reply.values;
  return ToIValue(&next);
}

void Execute(Stack& stack) {
  const auto argument_count = static_cast<size_t>(torch::jit::pop(stack).toInt());
  const ScriptContext& context = Context("redis.execute");
  std::vector<tutti_bytes> words;
  words.reserve(argument_count);
  for (const c10::IValue& argument : torch::jit::last(stack, argument_count)) {
    AppendWords(argument, &words);
  }
  c10::IValue value = ExecuteWords(context, words);  // the words are the stack's
  torch::jit::drop(stack, argument_count);
  stack.push_back(std::move(value));
}

// ---- redis.asList

void AsList(Stack& stack) {
  const c10::IValue value = torch::jit::pop(stack);
  if (!value.isList()) {
    throw Refusal("redis.asList takes a list, and was given " + value.type()->annotation_str());
  }
  c10::impl::GenericList list(c10::AnyType::get());
  for (const c10::IValue& element : value.toListRef()) list.push_back(element);
  stack.emplace_back(std::move(list));
}

// ---- redisAI.model_execute

// The outputs of a model's run, released unless they have become tensors.
class ModelOutputs {
 public:
  explicit ModelOutputs(size_t count) : outputs_(count) {}
  ModelOutputs(const ModelOutputs&) = delete;
  ModelOutputs& operator=(const ModelOutputs&) = delete;
  ~ModelOutputs() {
    for (const tutti_tensor& output : outputs_) {
      if (output.release != nullptr) output.release(output.owner);
    }
  }

  tutti_tensor* data() { return outputs_.data(); }
  size_t size() const { return outputs_.size(); }

  at::Tensor Take(size_t i, const ScriptContext& context) {
    const auto type = at::TensorOptions(ToScalarType(outputs_[i].dtype));
    const tutti_tensor output = std::exchange(outputs_[i], {});
    const at::IntArrayRef dims(output.dims, output.rank);
    if (output.bytes == 0) {
      const at::Tensor empty = at::empty(dims, type);
      output.release(output.owner);
      return empty.to(context.device);
    }
    const at::Tensor tensor =
        at::from_blob(output.data, dims, [output](void*) { output.release(output.owner); }, type);
    // It may be the model's own memory: a script that writes gets its own.
    if (context.device.is_cpu()) return context.may_write ? tensor.clone() : tensor;
    return tensor.to(context.device);
  }

 private:
  std::vector<tutti_tensor> outputs_;
};

void RunModel(const ScriptContext& context, const std::string& key,
              const std::vector<at::Tensor>& tensors, ModelOutputs* outputs) {
  std::vector<tutti_tensor> inputs;
  inputs.reserve(tensors.size());
  for (const at::Tensor& tensor : tensors) {
    inputs.push_back({ToDtype(tensor.scalar_type()), static_cast<uint32_t>(tensor.dim()),
                      tensor.sizes().data(), tensor.data_ptr(), tensor.nbytes(), nullptr, nullptr});
  }
  char error[TUTTI_ERROR_BYTES];
  error[0] = '\0';
  const ScriptScope none(nullptr);  // a model asks nothing, so that nobody waits for it in vain
  if (host->run_model(context.caller, {key.data(), key.size()}, inputs.data(), inputs.size(),
                      outputs->data(), outputs->size(), error, sizeof(error)) != 0) {
    throw Refusal(error);
  }
}

void ModelExecute(Stack& stack) {
  const ScriptContext& context = Context("redisAI.model_execute");
  const int64_t output_count = torch::jit::pop(stack).toInt();
  std::vector<at::Tensor> inputs = torch::jit::pop(stack).toTensorVector();
  const std::string key = torch::jit::pop(stack).toStringRef();
  if (output_count < 0 || output_count > kModelOutputsMax) {
    throw Refusal("redisAI.model_execute takes 0 to " + std::to_string(kModelOutputsMax) +
                  " outputs, and was given " + std::to_string(output_count));
  }
  for (at::Tensor& input : inputs) input = ToHostRows(input);
  ModelOutputs outputs(static_cast<size_t>(output_count));
  RunModel(context, key, inputs, &outputs);
  c10::List<at::Tensor> list;
  list.reserve(outputs.size());
  for (size_t i = 0; i < outputs.size(); i++) list.push_back(outputs.Take(i, context));
  stack.emplace_back(std::move(list));
}

// ---- names

bool EqualsInAnyCase(std::string_view name, std::string_view lower_case) {
  return std::ranges::equal(name, lower_case, {}, [](unsigned char c) { return std::tolower(c); });
}

struct ScriptResolver : torch::jit::NativeResolver {
  std::shared_ptr<torch::jit::SugaredValue> resolveValue(
      const std::string& name, torch::jit::GraphFunction& function,
      const torch::jit::SourceRange& range) override {
    if (EqualsInAnyCase(name, "redis")) return std::make_shared<torch::jit::BuiltinModule>("redis");
    if (EqualsInAnyCase(name, "redisai")) {
      return std::make_shared<torch::jit::BuiltinModule>("redisAI");
    }
    return NativeResolver::resolveValue(name, function, range);
  }
};

}  // namespace

void RegisterScriptOperators(const tutti_host* the_host) {
  host = the_host;
  // CONSERVATIVE: a call is never left out, repeated, moved or made ahead of time.
  constexpr auto kAliases = c10::AliasAnalysisKind::CONSERVATIVE;
  torch::jit::registerOperator(
      torch::jit::Operator("redis::execute(str command, ...) -> Any", Execute, kAliases));
  torch::jit::registerOperator(
      torch::jit::Operator("redis::asList(Any value) -> Any[]", AsList, kAliases));
  torch::jit::registerOperator(torch::jit::Operator(
      "redisAI::model_execute(str key, Tensor[] inputs, int n_outputs) -> Tensor[]", ModelExecute,
      kAliases));
}

std::shared_ptr<torch::jit::CompilationUnit> CompileScript(const std::string& source) {
  auto unit = std::make_shared<torch::jit::CompilationUnit>();
  unit->define(std::nullopt, source, std::make_shared<ScriptResolver>(), nullptr);
  return unit;
}

ScriptScope::ScriptScope(const ScriptContext* context) : outer_(current_context) {
  current_context = context;
}

ScriptScope::~ScriptScope() { current_context = outer_; }

}  // namespace tutti
