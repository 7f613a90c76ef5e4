// Sizes as they are written in code: `64 * kKiB`.
#pragma once

#include <cstddef>

namespace tutti {

inline constexpr size_t kKiB = 1024;
inline constexpr size_t kMiB = 1024 * kKiB;
inline constexpr size_t kGiB = 1024 * kMiB;

}  // namespace tutti
