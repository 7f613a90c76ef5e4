// Patterns of KEYS and SCAN (redis:src/util.c `stringmatchlen`).
#pragma once

#include <string_view>

namespace tutti {

// `*`, `?`, `[abc]`, `[^a-z]` and `\x`. Takes time in proportion to the product of both lengths at
// worst: each `*` is tried once, never nested. As in Redis, an empty text matches the empty pattern
// alone: commands that take `*` for all look at it themselves.
bool MatchesGlob(std::string_view pattern, std::string_view text);

}  // namespace tutti
