// What tells requests apart that may join one in flight (inference/run_joins.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "binding/thread_state.h"
#include "inference/run_joins.h"
#include "threads/mailbox.h"

namespace tutti {

// Words of a request put together: equal texts are equal words.
class JoinWords {
 public:
  explicit JoinWords(const ThreadState& thread) : thread_(thread) {}

  void Add(int32_t index) { AddText(thread_.Word(index)); }
  void AddText(std::string_view text) {
    AddNumber(static_cast<int64_t>(text.size()));
    if (text_.size() + text.size() > kJoinWordsBytesMax) {
      is_too_long_ = true;
    } else {
      text_ += text;
    }
  }
  void AddList(int32_t first, int32_t count) {
    AddNumber(count);
    for (int32_t i = 0; i < count && !is_too_long_; i++) Add(first + i);
  }
  void AddList(const std::vector<int32_t>& indices) {
    AddNumber(static_cast<int64_t>(indices.size()));
    for (const int32_t index : indices) Add(index);
  }
  void AddNumber(int64_t number) {
    text_.append(reinterpret_cast<const char*>(&number), sizeof(number));
  }
  // Empty if there is too much to keep. Once.
  std::string Take() { return is_too_long_ ? std::string() : std::move(text_); }

 private:
  const ThreadState& thread_;
  std::string text_;
  bool is_too_long_ = false;
};

// Who waits for the completion, of the client table; 0 if that is not known.
inline uint64_t ClientOf(const ThreadState& thread, const Completion& completion) {
  const auto client = thread.client_ids.find(completion.connection);
  return client == thread.client_ids.end() ? 0 : static_cast<uint64_t>(client->second);
}

}  // namespace tutti
