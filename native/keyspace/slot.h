// Where a key lives: its slot, its stripe, and its place in the order of its stripe's trees.
#pragma once

#include <cstdint>
#include <string_view>

#include "keyspace/keyspace.h"

namespace tutti {

inline constexpr int kSlotCount = 16384;
inline constexpr int kSlotsPerStripe = kSlotCount / kStripeCount;

struct KeyAddress {
  uint16_t slot;
  uint16_t stripe;
  uint64_t order;  // the slot within its stripe, then the key's hash: may be shared by several keys
};

KeyAddress AddressOf(std::string_view key);

// The first order of a slot: its keys lie from here to that of the next slot.
constexpr uint64_t OrderOfSlot(uint16_t slot) {
  return static_cast<uint64_t>(slot % kSlotsPerStripe) << 60;
}

}  // namespace tutti
