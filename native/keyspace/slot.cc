#include "keyspace/slot.h"

#include <array>
#include <functional>

namespace tutti {

namespace {

// CRC16/XMODEM: polynomial 0x1021, no reflection, start 0 (Redis Cluster specification).
// [n][byte] is that byte followed by n zero bytes, so that eight bytes are looked up at once: the
// address of a key of 16 bytes takes 11 ns, a byte at a time 35 (test/native/keyspace_bench.cc).
constexpr int kCrcStep = 8;
using CrcTables = std::array<std::array<uint16_t, 256>, kCrcStep>;

constexpr CrcTables MakeCrcTables() {
  CrcTables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    tables[0][byte] = static_cast<uint16_t>(crc);
  }
  for (size_t zeros = 1; zeros < kCrcStep; ++zeros) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint16_t crc = tables[zeros - 1][byte];
      tables[zeros][byte] = static_cast<uint16_t>((crc << 8) ^ tables[0][crc >> 8]);
    }
  }
  return tables;
}

constexpr CrcTables kCrcTables = MakeCrcTables();

uint16_t Crc16(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t* end = bytes + text.size();
  uint32_t crc = 0;
  for (; end - bytes >= kCrcStep; bytes += kCrcStep) {
    crc = kCrcTables[7][bytes[0] ^ (crc >> 8)] ^ kCrcTables[6][bytes[1] ^ (crc & 0xff)] ^
          kCrcTables[5][bytes[2]] ^ kCrcTables[4][bytes[3]] ^ kCrcTables[3][bytes[4]] ^
          kCrcTables[2][bytes[5]] ^ kCrcTables[1][bytes[6]] ^ kCrcTables[0][bytes[7]];
  }
  for (; bytes < end; ++bytes) {
    crc = ((crc << 8) & 0xffff) ^ kCrcTables[0][(crc >> 8) ^ *bytes];
  }
  return static_cast<uint16_t>(crc);
}

// What is hashed: the part between the first `{` and the next `}`, if it is not empty.
std::string_view HashTag(std::string_view key) {
  const size_t open = key.find('{');
  if (open == std::string_view::npos) return key;
  const size_t close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

}  // namespace

uint16_t KeySlot(std::string_view key) {
  return static_cast<uint16_t>(Crc16(HashTag(key)) % kSlotCount);
}

KeyAddress AddressOf(std::string_view key) {
  const uint16_t slot = KeySlot(key);
  const uint64_t hash = std::hash<std::string_view>{}(key);
  return {slot, static_cast<uint16_t>(slot / kSlotsPerStripe), OrderOfSlot(slot) | (hash >> 4)};
}

}  // namespace tutti
