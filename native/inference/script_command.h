// A command on its way from a script to the script host, and its reply on the way back.
//
// Threads: the script's thread makes it, then only the host touches it; whoever finishes it hands
// the reply over. A script that has been told no longer looks at it, so the host may go on with one
// that a shutdown has finished.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/object.h"
#include "core/status.h"
#include "inference/backend.h"
#include "tensor/incoming_blob.h"

namespace tutti {

// A command's words as a thread of the server wants them: those of kBlobBytesMin and more in memory
// of their own, which a stored value can take over, the others in one block.
class ScriptWords {
 public:
  explicit ScriptWords(std::span<const tutti_bytes> words);
  ~ScriptWords();
  ScriptWords(const ScriptWords&) = delete;
  ScriptWords& operator=(const ScriptWords&) = delete;

  // Offset and length within the block; of a blob, its index and `is_blob`.
  struct Word {
    size_t at;
    size_t bytes;
    bool is_blob;
  };

  const std::vector<Word>& words() const { return words_; }
  std::string_view block() const { return block_; }
  std::vector<IncomingBlob>& blobs() { return blobs_; }
  size_t longest_bytes() const { return longest_bytes_; }

 private:
  std::vector<Word> words_;
  std::string block_;
  std::vector<IncomingBlob> blobs_;
  size_t longest_bytes_ = 0;
  int64_t charged_bytes_ = 0;  // to the memory account, of words and block
};

// A framed RESP2 reply. Large values are not in the bytes: they stand at an offset, by reference.
class ScriptReply {
 public:
  struct Blob {
    size_t at;
    Ref<Object> owner;
    const uint8_t* data;
    size_t bytes;
  };

  ScriptReply() = default;
  ScriptReply(ScriptReply&& other) noexcept;
  ScriptReply& operator=(ScriptReply&& other) noexcept;
  ~ScriptReply();

  void Append(std::string_view framed);
  // The value stands after what has been appended so far.
  void AppendBlob(Ref<Object> owner, const uint8_t* data, size_t bytes);

  const std::string& framed() const { return framed_; }
  const std::vector<Blob>& blobs() const { return blobs_; }

 private:
  std::string framed_;
  std::vector<Blob> blobs_;
  int64_t charged_bytes_ = 0;  // to the memory account, of `framed_`
};

class ScriptCommand {
 public:
  ScriptCommand(int db, std::string user, std::span<const tutti_bytes> words)
      : db(db), user(std::move(user)), words(words) {}

  const int db;
  const std::string user;
  ScriptWords words;

  // The first call counts, later ones are dropped.
  void Finish(ScriptReply reply);
  void Fail(Status status);

  // Blocks until it is finished.
  Result<ScriptReply> Wait();

 private:
  std::mutex mutex_;  // guards everything below
  std::condition_variable finished_;
  bool is_finished_ = false;
  ScriptReply reply_;
  Status status_;
};

}  // namespace tutti
