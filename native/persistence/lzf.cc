#include "persistence/lzf.h"

#include <algorithm>
#include <cstring>

namespace tutti::lzf {

namespace {

constexpr size_t kLiteralsMax = 32;
constexpr size_t kMatchMin = 3;
constexpr size_t kMatchMax = 264;
constexpr size_t kDistanceMax = 8192;
constexpr int kHashBits = 14;

size_t HashOf(const uint8_t* at) {
  const uint32_t three = at[0] << 16 | at[1] << 8 | at[2];
  return three * 2654435761u >> (32 - kHashBits);
}

// Writes what is compressed, and notes when there is no room for it.
class Output {
 public:
  Output(uint8_t* to, size_t bytes_max) : to_(to), bytes_max_(bytes_max) {}

  void Literals(const uint8_t* from, size_t count) {
    while (count > 0) {
      const size_t run = std::min(count, kLiteralsMax);
      if (!HasRoom(run + 1)) return;
      to_[bytes_++] = static_cast<uint8_t>(run - 1);
      std::memcpy(to_ + bytes_, from, run);
      bytes_ += run;
      from += run;
      count -= run;
    }
  }
  void Match(size_t distance, size_t length) {
    if (!HasRoom(3)) return;
    const size_t offset = distance - 1, more = length - 2;
    to_[bytes_++] = static_cast<uint8_t>((more < 7 ? more : 7) << 5 | offset >> 8);
    if (more >= 7) to_[bytes_++] = static_cast<uint8_t>(more - 7);
    to_[bytes_++] = static_cast<uint8_t>(offset);
  }
  bool is_full() const { return is_full_; }
  size_t bytes() const { return is_full_ ? 0 : bytes_; }

 private:
  bool HasRoom(size_t bytes) {
    if (bytes > bytes_max_ - bytes_) is_full_ = true;
    return !is_full_;
  }

  uint8_t* const to_;
  const size_t bytes_max_;
  size_t bytes_ = 0;
  bool is_full_ = false;
};

}  // namespace

size_t Compressor::Compress(const uint8_t* in, size_t in_bytes, uint8_t* out, size_t out_bytes) {
  if (!seen_) seen_ = std::make_unique<uint64_t[]>(size_t{1} << kHashBits);
  const uint64_t before = before_;
  before_ += in_bytes + 1;
  Output output(out, out_bytes);
  size_t literals_from = 0;
  size_t at = 0;
  while (at + kMatchMin <= in_bytes && !output.is_full()) {
    uint64_t& last = seen_[HashOf(in + at)];
    const bool is_of_this = last > before;
    const size_t from = is_of_this ? static_cast<size_t>(last - before - 1) : 0;
    const bool is_near = is_of_this && at - from <= kDistanceMax;
    last = before + at + 1;
    if (!is_near || std::memcmp(in + from, in + at, kMatchMin) != 0) {
      ++at;
      continue;
    }
    const size_t length_max = std::min(in_bytes - at, kMatchMax);
    size_t length = kMatchMin;
    while (length < length_max && in[from + length] == in[at + length]) ++length;
    output.Literals(in + literals_from, at - literals_from);
    output.Match(at - from, length);
    at += length;
    literals_from = at;
  }
  output.Literals(in + literals_from, in_bytes - literals_from);
  return output.bytes();
}

bool Decompress(const uint8_t* in, size_t in_bytes, uint8_t* out, size_t out_bytes) {
  const uint8_t* const end = in + in_bytes;
  size_t made = 0;
  while (in < end) {
    const size_t control = *in++;
    if (control < kLiteralsMax) {
      const size_t count = control + 1;
      if (count > static_cast<size_t>(end - in) || count > out_bytes - made) return false;
      std::memcpy(out + made, in, count);
      in += count;
      made += count;
      continue;
    }
    size_t length = (control >> 5) + 2;
    if (control >> 5 == 7) {
      if (in == end) return false;
      length += *in++;
    }
    if (in == end) return false;
    const size_t distance = ((control & 0x1f) << 8 | *in++) + 1;
    if (distance > made || length > out_bytes - made) return false;
    // A reference may reach into what it makes.
    for (size_t i = 0; i < length; ++i, ++made) out[made] = out[made - distance];
  }
  return made == out_bytes;
}

}  // namespace tutti::lzf
