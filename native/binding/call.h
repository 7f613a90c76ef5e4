// One call of a command about plain values: the database, then words of the request by their index
// and integers. It answers a number, or rows, or the negative of a Code.
#pragma once

#include <vector>

#include "binding/thread_state.h"
#include "core/status.h"
#include "keyspace/change.h"

namespace tutti {

// Thrown where a word is a blob that found no memory, and caught by DataCommand(): words are read
// before anything is done.
struct RefusedWord {};

class Call {
 public:
  static constexpr size_t kArgumentsMax = 12;

  Call(napi_env env, napi_callback_info info) : in_(env, info), thread_(this_thread()) {}

  int db() const { return in_.Int(0); }
  int Int(size_t i) const { return in_.Int(i); }
  int64_t Int64(size_t i) const { return in_.Int64(i); }
  int64_t Int64Exact(size_t i) const { return in_.Int64Exact(i); }
  bool Flag(size_t i) const { return in_.Int(i) != 0; }
  // The word that argument `i` names.
  std::string_view Word(size_t i) const { return WordAt(in_.Int(i)); }
  std::string_view WordAt(int32_t index) const {
    const std::string_view word = thread_.Word(index);
    if (ThreadState::IsRefused(word)) throw RefusedWord();
    return word;
  }
  // As many words as argument `i` + 1 says, from the one that argument `i` names on; valid until
  // the next call of this.
  std::span<const std::string_view> Words(size_t i) const {
    bool is_refused = false;
    const auto words = thread_.Words(in_.Int(i), in_.Int(i + 1), &is_refused);
    if (is_refused) throw RefusedWord();
    return words;
  }
  // Every second of them.
  std::vector<std::string_view> EverySecond(size_t i, int32_t first) const {
    std::vector<std::string_view> words;
    for (int32_t at = first; at < in_.Int(i + 1); at += 2) words.push_back(WordAt(in_.Int(i) + at));
    return words;
  }

  // Begins the rows.
  Reply& reply() {
    thread_.reply.Begin();
    return thread_.reply;
  }
  // Their end: rows in the first piece.
  Result<int64_t> Rows(const Status& status) {
    if (!status.ok()) return status;
    return thread_.reply.Finish();
  }
  ThreadState& thread() { return thread_; }

 private:
  const Arguments<kArgumentsMax> in_;
  ThreadState& thread_;
};

template <Result<int64_t> (*kCommand)(Call&)>
napi_value DataCommand(napi_env env, napi_callback_info info) {
  Call call(env, info);
  try {
    return ToJs(env, kCommand(call));
  } catch (const RefusedWord&) {
    return ToJs(env, Code::kOutOfMemory);
  }
}

// The container under the key that argument `i` names, a number of it; 0 without one.
template <typename Stored, typename Read>
Result<int64_t> ReadNumber(const Call& call, size_t i, Read read) {
  const auto found = FindContainer<Stored>(call.db(), call.Word(i));
  if (!found.ok()) return found.status();
  return found.value() ? static_cast<int64_t>(read(*found.value())) : int64_t{0};
}

}  // namespace tutti
