// The LZF format, in which RDB keeps compressed strings: runs of up to 32 literals, and references
// of 3 to 264 bytes to at most 8 KiB before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace tutti::lzf {

// A reference of 3 bytes stands for 264.
inline constexpr size_t kRatioMax = 88;

// Compresses strings one after the other. Keeps 128 KiB, which need not be cleared in between.
class Compressor {
 public:
  // The bytes written, 0 if they do not fit into `out_bytes`.
  size_t Compress(const uint8_t* in, size_t in_bytes, uint8_t* out, size_t out_bytes);

 private:
  // Where three bytes of a hash were seen last, counted over all strings.
  std::unique_ptr<uint64_t[]> seen_;
  uint64_t before_ = 0;  // bytes of the strings before
};

// True if all of `in` is valid and makes exactly `out_bytes`.
bool Decompress(const uint8_t* in, size_t in_bytes, uint8_t* out, size_t out_bytes);

}  // namespace tutti::lzf
