// Members and fields in the order of their hashes, and cursors through them.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "keyspace/tree.h"

namespace tutti {

inline uint64_t HashOrder(std::string_view bytes) { return std::hash<std::string_view>{}(bytes); }

// Cursors are cut to 53 bits, which clients in JavaScript read as numbers: the items of one cursor
// are visited together.
inline constexpr int kCursorBits = 53;
inline constexpr int kCursorShift = 64 - kCursorBits;

// visit(const Leaf&, int at) for the items from `cursor` on until `count` are visited. An item that
// is there all the while is visited whatever comes and goes beside it. @returns The next cursor, 0
// at the end.
template <typename Leaf, typename Visit>
uint64_t ScanByHash(const Tree<Leaf>& tree, uint64_t cursor, int64_t count, Visit visit) {
  auto path = tree.SeekOrder(cursor << kCursorShift);
  uint64_t last = cursor;
  int64_t visited = 0;
  for (bool more = tree.Settle(path); more; more = tree.Next(path)) {
    const uint64_t here = path.leaf->OrderOf(path.position) >> kCursorShift;
    if (visited >= count && here != last) return here;
    visit(*path.leaf, path.position);
    ++visited;
    last = here;
  }
  return 0;
}

}  // namespace tutti
