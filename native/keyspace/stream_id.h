// The id of a stream's entry.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace tutti {

struct StreamId {
  uint64_t ms = 0;
  uint64_t sequence = 0;

  auto operator<=>(const StreamId&) const = default;
  std::string Text() const;
  // False behind the last, or before the first.
  bool Increment();
  bool Decrement();
};

inline constexpr StreamId kStreamIdMax{UINT64_MAX, UINT64_MAX};

}  // namespace tutti
