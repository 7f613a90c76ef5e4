// One request argument of kBlobBytesMin or more on its way in. The kernel writes its bytes straight
// into the memory that the stored value will own.
//
// A claim is not memory: of an announced length of kMappedBytesMin and more the first kHeadBytes
// arrive in a small mapping; only then is it extended to the whole, without reserve, and charged as
// it arrives (threads.md "A claim reserves address space"). If an idle pool block of the class
// exists it is used from the start.
//
// Threads: one at a time; it belongs to a connection.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/object.h"
#include "core/units.h"
#include "tensor/buffer_pool.h"

namespace tutti {

inline constexpr size_t kBlobBytesMin = 32 * kKiB;

class IncomingBlob {
 public:
  explicit IncomingBlob(size_t announced_bytes);

  // Where the next bytes go: at most `bytes_max` of them, none when it is refused or complete.
  struct Target {
    uint8_t* data;
    size_t bytes;
  };
  Target NextTarget(size_t bytes_max);
  // `bytes` have been written at the last target. May move the contents (when the head is
  // extended), after which the old target is gone. On a refusal (no memory) the rest is only
  // counted.
  void Received(size_t bytes);
  // Copies bytes that arrived elsewhere (the scratch buffer). Counts only, once refused.
  void Append(const uint8_t* bytes, size_t count);

  size_t announced() const { return announced_; }
  size_t received() const { return received_; }
  bool is_complete() const { return received_ == announced_; }
  // The body is read and thrown away: answer OOM in its place.
  bool is_refused() const { return refused_; }
  const uint8_t* data() const { return buffer_ ? buffer_->data() : nullptr; }
  // The finished memory, to be owned by a value. Null when refused.
  Ref<Buffer> Share() const { return buffer_; }

 private:
  size_t announced_;
  size_t received_ = 0;
  bool refused_ = false;
  bool whole_ = false;
  Ref<Buffer> buffer_;
};

}  // namespace tutti
