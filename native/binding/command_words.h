// What the exports of several files make of a command's words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "binding/thread_state.h"
#include "keyspace/keyspace.h"
#include "tensor/tensor.h"

namespace tutti {

// As `PENDING` of lib/engine/stored-data.ts: the answer comes by mailbox.
inline constexpr int64_t kPending = -1'000'000;

// Whom to tell of a pending command.
inline Completion ToCompletion(const ThreadState& thread, int32_t connection, int32_t sequence) {
  // After detachThread nobody is there to be told.
  return {thread.context ? thread.context->mailbox : nullptr, static_cast<uint32_t>(connection),
          static_cast<uint32_t>(sequence)};
}

// What the key holds. kNotFound, kWrongType.
template <typename T>
Result<Ref<T>> FindAs(int db, std::string_view key, ObjectKind kind) {
  Ref<Object> value = Keyspace::Get().Find(db, key);
  if (!value) return Code::kNotFound;
  if (value->kind() != kind) return Code::kWrongType;
  return Ref<T>::Adopt(static_cast<T*>(value.Leave()));
}

// False if one of the words was refused.
inline bool CopyWords(const ThreadState& thread, int32_t first, int32_t count,
                      std::vector<std::string>* into) {
  into->reserve(into->size() + static_cast<size_t>(count));
  for (int32_t i = 0; i < count; i++) {
    const std::string_view word = thread.Word(first + i);
    if (ThreadState::IsRefused(word)) return false;
    into->emplace_back(word);
  }
  return true;
}

// Holds the tensor for a reply: numbers = [dtype, rank, dims ...]. @returns Its bytes.
int64_t HoldTensor(ThreadState& thread, Ref<Object> tensor);

}  // namespace tutti
