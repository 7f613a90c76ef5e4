#include "inference/script_command.h"

#include <algorithm>
#include <utility>

#include "core/memory_account.h"

namespace tutti {

ScriptWords::ScriptWords(std::span<const tutti_bytes> words) {
  words_.reserve(words.size());
  size_t block_bytes = 0;
  for (const tutti_bytes& word : words) {
    if (word.bytes < kBlobBytesMin) block_bytes += word.bytes;
  }
  block_.reserve(block_bytes);
  for (const tutti_bytes& word : words) {
    longest_bytes_ = std::max<size_t>(longest_bytes_, word.bytes);
    if (word.bytes < kBlobBytesMin) {
      words_.push_back({block_.size(), word.bytes, false});
      block_.append(word.data, word.bytes);
    } else {
      words_.push_back({blobs_.size(), word.bytes, true});
      blobs_.emplace_back(word.bytes);
      blobs_.back().Append(reinterpret_cast<const uint8_t*>(word.data), word.bytes);
    }
  }
  charged_bytes_ = static_cast<int64_t>(block_.capacity() + words_.capacity() * sizeof(Word));
  memory_account::Add(MemoryKind::kRequests, charged_bytes_);
}

ScriptWords::~ScriptWords() { memory_account::Add(MemoryKind::kRequests, -charged_bytes_); }

ScriptReply::ScriptReply(ScriptReply&& other) noexcept
    : framed_(std::move(other.framed_)),
      blobs_(std::move(other.blobs_)),
      charged_bytes_(std::exchange(other.charged_bytes_, 0)) {}

ScriptReply& ScriptReply::operator=(ScriptReply&& other) noexcept {
  std::swap(framed_, other.framed_);
  std::swap(blobs_, other.blobs_);
  std::swap(charged_bytes_, other.charged_bytes_);
  return *this;
}

ScriptReply::~ScriptReply() { memory_account::Add(MemoryKind::kReplies, -charged_bytes_); }

void ScriptReply::Append(std::string_view framed) {
  framed_.append(framed);
  const auto bytes = static_cast<int64_t>(framed_.capacity());
  if (bytes == charged_bytes_) return;
  memory_account::Add(MemoryKind::kReplies, bytes - charged_bytes_);
  charged_bytes_ = bytes;
}

void ScriptReply::AppendBlob(Ref<Object> owner, const uint8_t* data, size_t bytes) {
  blobs_.push_back({framed_.size(), std::move(owner), data, bytes});
}

void ScriptCommand::Finish(ScriptReply reply) {
  std::lock_guard lock(mutex_);
  if (is_finished_) return;
  is_finished_ = true;
  reply_ = std::move(reply);
  finished_.notify_one();
}

void ScriptCommand::Fail(Status status) {
  std::lock_guard lock(mutex_);
  if (is_finished_) return;
  is_finished_ = true;
  status_ = std::move(status);
  finished_.notify_one();
}

Result<ScriptReply> ScriptCommand::Wait() {
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [this] { return is_finished_; });
  if (!status_.ok()) return status_;
  return std::move(reply_);
}

}  // namespace tutti
