#include "keyspace/slot.h"

#include <array>
#include <functional>

namespace tutti {

namespace {

// CRC16/XMODEM: polynomial 0x1021, no reflection, start 0 (Redis Cluster specification).
constexpr std::array<uint16_t, 256> MakeCrcTable() {
  std::array<uint16_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    table[byte] = static_cast<uint16_t>(crc);
  }
  return table;
}

constexpr std::array<uint16_t, 256> kCrcTable = MakeCrcTable();

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
  uint32_t crc = 0;
  for (const char c : HashTag(key)) {
    crc = ((crc << 8) ^ kCrcTable[((crc >> 8) ^ static_cast<uint8_t>(c)) & 0xff]) & 0xffff;
  }
  return static_cast<uint16_t>(crc % kSlotCount);
}

KeyAddress AddressOf(std::string_view key) {
  const uint16_t slot = KeySlot(key);
  const uint64_t hash = std::hash<std::string_view>{}(key);
  return {slot, static_cast<uint16_t>(slot / kSlotsPerStripe), OrderOfSlot(slot) | (hash >> 4)};
}

}  // namespace tutti
