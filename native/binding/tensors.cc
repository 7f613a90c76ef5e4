// The exports about tensors.
#include <memory>
#include <string>
#include <utility>

#include "binding/command_words.h"
#include "binding/tensor_words.h"
#include "binding/thread_state.h"
#include "keyspace/freeing.h"
#include "keyspace/keyspace.h"
#include "persistence/background.h"
#include "tensor/tensor.h"

namespace tutti {

int64_t HoldTensor(ThreadState& thread, Ref<Object> tensor) {
  const auto& held = static_cast<const Tensor&>(*tensor);
  double* const numbers = thread.blocks->numbers;
  const auto dims = held.dims();
  numbers[0] = static_cast<double>(held.dtype());
  numbers[1] = static_cast<double>(dims.size());
  for (size_t i = 0; i < dims.size(); i++) numbers[2 + i] = static_cast<double>(dims[i]);
  return thread.Hold(std::move(tensor), held.data(), held.bytes());
}

namespace {

// Stores what was made, or answers why not.
Status Store(int db, std::string_view key, Result<Ref<Tensor>> made) {
  if (!made.ok()) {
    // RedisAI opens the key before it looks at the rest.
    const Ref<Object> present = Keyspace::Get().Find(db, key);
    if (present && present->kind() != ObjectKind::kTensor) return Code::kWrongType;
    return made.status();
  }
  SetOptions options;
  options.required_kind = ObjectKind::kTensor;
  return Keyspace::Get().Set(db, key, std::move(made.value()), options, nullptr);
}

template <size_t kCount>
TensorWords WordsOf(const Arguments<kCount>& in) {
  const int32_t dtype = in.Int(2);
  TUTTI_CHECK(dtype >= 0 && dtype < kDTypeCount);
  return {static_cast<DType>(dtype),
          in.Int(3),
          in.Int(4),
          static_cast<TensorSource>(in.Int(5)),
          in.Int(6),
          in.Int(7)};
}

napi_value TensorSet(napi_env env, napi_callback_info info) {
  const Arguments<8> in(env, info);
  ThreadState& thread = this_thread();
  const int db = in.Int(0);
  const std::string_view key = thread.Word(in.Int(1));
  if (ThreadState::IsRefused(key)) return ToJs(env, Code::kOutOfMemory);
  return ToJs(env, Store(db, key, MakeTensor(thread, WordsOf(in))));
}

// The same off the event loop, where the elements' words stay.
napi_value TensorSetLater(napi_env env, napi_callback_info info) {
  const Arguments<10> in(env, info);
  ThreadState& thread = this_thread();
  const int db = in.Int(0);
  const std::string_view key = thread.Word(in.Int(1));
  if (ThreadState::IsRefused(key)) return ToJs(env, Code::kOutOfMemory);
  const TensorWords words = WordsOf(in);
  auto maker = MakeTensorLater(thread, words);
  if (!maker.ok()) return ToJs(env, Store(db, key, maker.status()));
  if (!maker.value()) return ToJs(env, Store(db, key, MakeTensor(thread, words)));
  background::Run(background::Queue::kTensors,
                  [db, key = std::string(key), make = std::move(maker.value()),
                   completion = ToCompletion(thread, in.Int(8), in.Int(9))] {
                    completion.Done(Store(db, key, make()).code());
                  });
  return ToJs(env, kPending);
}

// --- AI.TENSORGET ---

napi_value TensorFind(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  ThreadState& thread = this_thread();
  const std::string_view key = thread.Word(in.Int(1));
  if (ThreadState::IsRefused(key)) return ToJs(env, Code::kNotFound);
  Ref<Object> value = Keyspace::Get().Find(in.Int(0), key);
  if (!value) return ToJs(env, Code::kNotFound);
  if (value->kind() != ObjectKind::kTensor) return ToJs(env, Code::kWrongType);
  return ToJs(env, HoldTensor(thread, std::move(value)));
}

// The tensor that is held, which is let go of.
Ref<Tensor> TakeHeldTensor(ThreadState& thread) {
  TUTTI_CHECK(thread.held.owner && thread.held.owner->kind() == ObjectKind::kTensor);
  Held held = std::exchange(thread.held, {});
  return Ref<Tensor>::Adopt(static_cast<Tensor*>(held.owner.Leave()));
}

napi_value TensorValues(napi_env env, napi_callback_info) {
  ThreadState& thread = this_thread();
  return ToJs(env, thread.BeginRows(MakeElementRows(TakeHeldTensor(thread))));
}

// --- elements that are framed as the client takes them ---

napi_value ElementsBegin(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ThreadState& thread = this_thread();
  const int32_t form = in.Int(0);
  TUTTI_CHECK(form >= 0 && form <= static_cast<int32_t>(ElementForm::kDouble));
  const uint32_t id = thread.elements.Add(TakeHeldTensor(thread), static_cast<ElementForm>(form));
  thread.blocks->numbers[0] = static_cast<double>(thread.elements.At(id).total());
  return ToJs(env, id);
}

napi_value ElementsFrame(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  void* block = nullptr;
  size_t block_bytes = 0;
  napi_typedarray_type type;
  TUTTI_CHECK(napi_get_typedarray_info(env, in[1], &type, &block_bytes, &block, nullptr, nullptr) ==
              napi_ok);
  ElementFramer& elements = this_thread().elements.At(in.Int(0));
  return ToJs(env, static_cast<int64_t>(elements.Frame(static_cast<uint8_t*>(block), block_bytes)));
}

napi_value ElementsLeftBytes(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env, static_cast<int64_t>(this_thread().elements.At(in.Int(0)).left_bytes()));
}

napi_value ElementsRelease(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ThreadState& thread = this_thread();
  // The reply may have been the last to hold it.
  freeing::Free(thread.elements.At(in.Int(0)).TakeTensor());
  thread.elements.Remove(in.Int(0));
  return kUndefined;
}

}  // namespace

std::span<const Export> TensorExports() {
  static constexpr Export exports[] = {
      {"tensorSet", TensorSet},
      {"tensorSetLater", TensorSetLater},
      {"tensorFind", TensorFind},
      {"tensorValues", TensorValues},
      {"elementsBegin", ElementsBegin},
      {"elementsFrame", ElementsFrame},
      {"elementsLeftBytes", ElementsLeftBytes},
      {"elementsRelease", ElementsRelease},
  };
  return exports;
}

}  // namespace tutti
