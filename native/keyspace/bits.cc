#include "keyspace/bits.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/numbers.h"
#include "keyspace/strings.h"

namespace tutti::bits {

namespace {

bool BitAt(std::string_view bytes, int64_t offset) {
  const auto at = static_cast<size_t>(offset >> 3);
  if (at >= bytes.size()) return false;
  return static_cast<uint8_t>(bytes[at]) >> (7 - (offset & 7)) & 1;
}

// How many of [first, last] are 1.
int64_t CountOnes(std::string_view bytes, int64_t first, int64_t last) {
  int64_t count = 0;
  while (first <= last && (first & 7) != 0) count += BitAt(bytes, first++);
  while (last - first >= 63) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + (first >> 3), sizeof word);
    count += std::popcount(word);
    first += 64;
  }
  while (first <= last) count += BitAt(bytes, first++);
  return count;
}

// The first of [first, last] that is `bit`, or -1.
int64_t FindBit(std::string_view bytes, bool bit, int64_t first, int64_t last) {
  const uint64_t none = bit ? 0 : ~uint64_t{0};
  while (first <= last) {
    if ((first & 7) == 0 && last - first >= 63) {
      uint64_t word;
      std::memcpy(&word, bytes.data() + (first >> 3), sizeof word);
      if (word == none) {
        first += 64;
        continue;
      }
    }
    if (BitAt(bytes, first) == bit) return first;
    ++first;
  }
  return -1;
}

// The first and the last bit, the first above the last if there are none.
std::pair<int64_t, int64_t> BitsOf(const Range& range, size_t bytes) {
  int64_t length = static_cast<int64_t>(bytes);
  if (range.is_in_bits) length *= 8;
  const int64_t start = std::max<int64_t>(range.start < 0 ? range.start + length : range.start, 0);
  int64_t end = std::max<int64_t>(range.end < 0 ? range.end + length : range.end, 0);
  end = std::min(end, length - 1);
  if (start > end) return {0, -1};
  if (range.is_in_bits) return {start, end};
  return {start * 8, end * 8 + 7};
}

Result<Ref<Object>> FindString(int db, std::string_view key) {
  Ref<Object> value = Keyspace::Get().Find(db, key);
  if (value && value->kind() != ObjectKind::kString) return Code::kWrongType;
  return value;
}

std::string_view ViewOf(const Ref<Object>& value) {
  return value ? static_cast<const String&>(*value).view() : std::string_view();
}

char Combined(Operation operation, char a, char b) {
  switch (operation) {
    case Operation::kAnd:
      return static_cast<char>(a & b);
    case Operation::kOr:
      return static_cast<char>(a | b);
    default:
      return static_cast<char>(a ^ b);
  }
}

}  // namespace

Result<int64_t> ParseOffset(std::string_view text, int field_bits, int64_t bytes_max) {
  const bool is_counted = field_bits > 0 && !text.empty() && text[0] == '#';
  const auto offset = ParseInteger(is_counted ? text.substr(1) : text);
  int64_t bits = 0;
  if (!offset || __builtin_mul_overflow(*offset, is_counted ? field_bits : 1, &bits) || bits < 0 ||
      bits >> 3 >= bytes_max) {
    return Code::kInvalidBitOffset;
  }
  return bits;
}

Result<int64_t> Set(int db, std::string_view key, int64_t offset, bool bit) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kString)) return Code::kWrongType;
  const auto at = static_cast<size_t>(offset >> 3);
  const std::string_view bytes = ViewOf(locked.state.exists() ? locked.state.value() : nullptr);
  if (at < bytes.size() && BitAt(bytes, offset) == bit) return int64_t{bit};  // no change
  Ref<String> string = strings::TakeString(locked.state, at + 1, locked.graveyard);
  if (!string) return Code::kOutOfMemory;
  const bool before = BitAt(string->view(), offset);
  const auto mask = static_cast<char>(1 << (7 - (offset & 7)));
  char& byte = string->data()[at];
  byte = static_cast<char>(bit ? byte | mask : byte & ~mask);
  Commit(locked.state, std::move(string), kKeepExpiry, {events::kStringSetBit}, locked.graveyard);
  return int64_t{before};
}

Result<int64_t> Get(int db, std::string_view key, int64_t offset) {
  const auto found = FindString(db, key);
  if (!found.ok()) return found.status();
  return int64_t{BitAt(ViewOf(found.value()), offset)};
}

Result<int64_t> Count(int db, std::string_view key, const Range& range) {
  const auto found = FindString(db, key);
  if (!found.ok()) return found.status();
  const std::string_view bytes = ViewOf(found.value());
  // BITCOUNT looks at this before it moves what lies before the first byte, BITPOS does not.
  if (range.start < 0 && range.end < 0 && range.start > range.end) return int64_t{0};
  const auto [first, last] = BitsOf(range, bytes.size());
  return CountOnes(bytes, first, last);
}

Status Position(int db, std::string_view key, bool bit, const Range& range, bool has_end,
                Reply& reply) {
  const auto found = FindString(db, key);
  if (!found.ok()) return found.status();
  if (!found.value()) {
    reply.Integer(bit ? -1 : 0);
    return Status::Ok();
  }
  const std::string_view bytes = ViewOf(found.value());
  const auto [first, last] = BitsOf(range, bytes.size());
  int64_t place = first > last ? -1 : FindBit(bytes, bit, first, last);
  if (place < 0 && first <= last && !bit && !has_end) place = last + 1;
  reply.Integer(place);
  return Status::Ok();
}

Result<int64_t> Combine(int db, Operation operation, Words keys) {
  LockedKeys locked(keys);
  std::vector<Ref<Object>> sources;
  size_t length = 0;
  for (size_t i = 1; i < keys.size(); ++i) {
    const KeyState state = locked.ForRead(db, i);
    if (!state.HoldsOrAbsent(ObjectKind::kString)) return Code::kWrongType;
    sources.push_back(state.exists() ? state.value() : nullptr);
    length = std::max(length, ViewOf(sources.back()).size());
  }
  Ref<String> result;
  if (length > 0) {
    result = String::Make(length, length);
    if (!result) return Code::kOutOfMemory;
    result->set_form(StringForm::kRaw);
    char* to = result->data();
    const std::string_view first = ViewOf(sources[0]);
    std::memcpy(to, first.data(), first.size());
    std::memset(to + first.size(), 0, length - first.size());
    for (size_t i = 1; i < sources.size(); ++i) {
      const std::string_view from = ViewOf(sources[i]);
      for (size_t at = 0; at < from.size(); ++at) to[at] = Combined(operation, to[at], from[at]);
      for (size_t at = from.size(); at < length; ++at) to[at] = Combined(operation, to[at], 0);
    }
    for (size_t at = 0; operation == Operation::kNot && at < length; ++at) {
      to[at] = static_cast<char>(~to[at]);
    }
  }
  for (Ref<Object>& source : sources) locked.graveyard.Add(std::move(source));
  KeyState target = locked.ForWrite(db, 0);
  if (result) {
    Commit(target, std::move(result), kNoExpiry, {events::kStringSet}, locked.graveyard);
  } else if (target.exists()) {
    Commit(target, nullptr, kNoExpiry, {events::kDelete}, locked.graveyard);
  }
  return static_cast<int64_t>(length);
}

}  // namespace tutti::bits
