#include "core/sha1.h"

#include <bit>
#include <cstring>

namespace tutti {

namespace {

constexpr size_t kBlockBytes = 64;
constexpr size_t kLengthBytes = 8;

using State = std::array<uint32_t, 5>;

uint32_t ReadWord(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

void AddBlock(State& state, const uint8_t* block) {
  uint32_t words[80];
  for (size_t t = 0; t < 16; ++t) words[t] = ReadWord(block + 4 * t);
  for (size_t t = 16; t < 80; ++t) {
    words[t] = std::rotl(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1);
  }
  auto [a, b, c, d, e] = state;
  for (size_t t = 0; t < 80; ++t) {
    uint32_t mixed, constant;
    if (t < 20) {
      mixed = (b & c) | (~b & d);
      constant = 0x5a827999;
    } else if (t < 40) {
      mixed = b ^ c ^ d;
      constant = 0x6ed9eba1;
    } else if (t < 60) {
      mixed = (b & c) | (b & d) | (c & d);
      constant = 0x8f1bbcdc;
    } else {
      mixed = b ^ c ^ d;
      constant = 0xca62c1d6;
    }
    const uint32_t next = std::rotl(a, 5) + mixed + e + constant + words[t];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

}  // namespace

Sha1Digest Sha1(std::string_view bytes) {
  State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  const auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t left = bytes.size();
  for (; left >= kBlockBytes; left -= kBlockBytes, at += kBlockBytes) AddBlock(state, at);

  // The rest, a bit that is 1, zeros, and the length in bits.
  uint8_t tail[2 * kBlockBytes] = {};
  if (left > 0) std::memcpy(tail, at, left);
  tail[left] = 0x80;
  const size_t tail_bytes = left + 1 + kLengthBytes <= kBlockBytes ? kBlockBytes : 2 * kBlockBytes;
  const uint64_t bit_count = uint64_t{bytes.size()} * 8;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    tail[tail_bytes - 1 - i] = static_cast<uint8_t>(bit_count >> (8 * i));
  }
  for (size_t i = 0; i < tail_bytes; i += kBlockBytes) AddBlock(state, tail + i);

  Sha1Digest digest;
  for (size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

}  // namespace tutti
