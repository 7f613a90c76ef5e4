#include "core/glob.h"

#include <utility>

namespace tutti {

namespace {

constexpr size_t kNoMatch = std::string_view::npos;

// The class whose first character is at `at`. Where the pattern goes on, or kNoMatch.
size_t MatchClass(std::string_view pattern, size_t at, unsigned char character) {
  const bool is_negated = at < pattern.size() && pattern[at] == '^';
  if (is_negated) ++at;
  bool is_member = false;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      ++at;
      is_member |= static_cast<unsigned char>(pattern[at++]) == character;
      continue;
    }
    auto low = static_cast<unsigned char>(pattern[at]);
    if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      auto high = static_cast<unsigned char>(pattern[at + 2]);
      if (low > high) std::swap(low, high);
      is_member |= character >= low && character <= high;
      at += 3;
    } else {
      is_member |= low == character;
      ++at;
    }
  }
  if (is_member == is_negated) return kNoMatch;
  return at < pattern.size() ? at + 1 : at;
}

size_t MatchOne(std::string_view pattern, size_t at, char character) {
  switch (pattern[at]) {
    case '?':
      return at + 1;
    case '[':
      return MatchClass(pattern, at + 1, static_cast<unsigned char>(character));
    case '\\':
      if (at + 1 < pattern.size()) ++at;
      [[fallthrough]];
    default:
      return pattern[at] == character ? at + 1 : kNoMatch;
  }
}

}  // namespace

bool MatchesGlob(std::string_view pattern, std::string_view text) {
  if (text.empty()) return pattern.empty();
  size_t at = 0;
  size_t from = 0;
  size_t star_at = kNoMatch;  // the last `*`, and what it has taken so far
  size_t star_from = 0;
  while (from < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star_at = at++;
      star_from = from;
      continue;
    }
    const size_t next = at < pattern.size() ? MatchOne(pattern, at, text[from]) : kNoMatch;
    if (next != kNoMatch) {
      at = next;
      ++from;
    } else if (star_at != kNoMatch) {
      at = star_at + 1;
      from = ++star_from;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at >= pattern.size();
}

}  // namespace tutti
