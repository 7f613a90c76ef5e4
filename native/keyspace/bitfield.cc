// BITFIELD: integers of 1 to 64 bits anywhere in a string (redis:src/bitops.c, bitfieldGeneric).
#include <algorithm>
#include <limits>

#include "core/numbers.h"
#include "keyspace/bits.h"
#include "keyspace/strings.h"

namespace tutti::bits {

namespace {

enum class Overflow { kWrap, kSaturate, kFail };

struct Field {
  enum class Action { kGet, kSet, kIncrement } action;
  int64_t offset = 0;
  int bits = 0;
  bool is_signed = false;
  Overflow overflow = Overflow::kWrap;
  int64_t value = 0;
};

bool IsName(std::string_view word, std::string_view name) {
  return word.size() == name.size() &&
         std::equal(word.begin(), word.end(), name.begin(),
                    [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 32 : a) == b; });
}

bool ParseType(std::string_view text, Field& field) {
  if (text.empty() || (text[0] != 'i' && text[0] != 'u')) return false;
  field.is_signed = text[0] == 'i';
  const auto bits = ParseInteger(text.substr(1));
  if (!bits || *bits < 1 || *bits > (field.is_signed ? 64 : 63)) return false;
  field.bits = static_cast<int>(*bits);
  return true;
}

Result<std::vector<Field>> Parse(Words words, int64_t bytes_max) {
  std::vector<Field> fields;
  Overflow overflow = Overflow::kWrap;
  for (size_t i = 0; i < words.size(); ++i) {
    const size_t left = words.size() - i - 1;
    Field field{};
    if (IsName(words[i], "GET") && left >= 2) {
      field.action = Field::Action::kGet;
    } else if (IsName(words[i], "SET") && left >= 3) {
      field.action = Field::Action::kSet;
    } else if (IsName(words[i], "INCRBY") && left >= 3) {
      field.action = Field::Action::kIncrement;
    } else if (IsName(words[i], "OVERFLOW") && left >= 1) {
      const std::string_view name = words[++i];
      if (IsName(name, "WRAP")) {
        overflow = Overflow::kWrap;
      } else if (IsName(name, "SAT")) {
        overflow = Overflow::kSaturate;
      } else if (IsName(name, "FAIL")) {
        overflow = Overflow::kFail;
      } else {
        return Code::kInvalidOverflow;
      }
      continue;
    } else {
      return Code::kSyntax;
    }
    if (!ParseType(words[i + 1], field)) return Code::kInvalidBitfieldType;
    const auto offset = ParseOffset(words[i + 2], field.bits, bytes_max);
    if (!offset.ok()) return offset.status();
    field.offset = offset.value();
    field.overflow = overflow;
    i += 2;
    if (field.action != Field::Action::kGet) {
      const auto value = ParseInteger(words[++i]);
      if (!value) return Code::kNotInteger;
      field.value = *value;
    }
    fields.push_back(field);
  }
  return fields;
}

uint64_t ReadBits(std::string_view bytes, int64_t offset, int bits) {
  uint64_t value = 0;
  for (int i = 0; i < bits; ++i, ++offset) {
    const auto at = static_cast<size_t>(offset >> 3);
    const uint64_t bit =
        at < bytes.size() ? static_cast<uint8_t>(bytes[at]) >> (7 - (offset & 7)) & 1u : 0u;
    value = value << 1 | bit;
  }
  return value;
}

void WriteBits(char* bytes, int64_t offset, int bits, uint64_t value) {
  for (int i = bits - 1; i >= 0; --i, ++offset) {
    const auto mask = static_cast<char>(1 << (7 - (offset & 7)));
    char& byte = bytes[offset >> 3];
    byte = static_cast<char>(value >> i & 1 ? byte | mask : byte & ~mask);
  }
}

// As 64 bits: the sign goes on to the left.
int64_t Extended(const Field& field, uint64_t value) {
  if (!field.is_signed || field.bits == 64) return static_cast<int64_t>(value);
  const uint64_t sign = uint64_t{1} << (field.bits - 1);
  return static_cast<int64_t>((value & sign) != 0 ? value | ~uint64_t{0} << field.bits : value);
}

// `value` + `more` in the field's range. False if it overflows and must not.
bool Fit(const Field& field, int64_t value, int64_t more, int64_t* result) {
  const __int128 sum = static_cast<__int128>(value) + more;
  const __int128 one = 1;
  const __int128 max = (one << (field.is_signed ? field.bits - 1 : field.bits)) - 1;
  const __int128 min = field.is_signed ? -max - 1 : 0;
  if (sum >= min && sum <= max) {
    *result = static_cast<int64_t>(sum);
    return true;
  }
  if (field.overflow == Overflow::kFail) return false;
  if (field.overflow == Overflow::kSaturate) {
    *result = static_cast<int64_t>(sum > max ? max : min);
    return true;
  }
  uint64_t wrapped = static_cast<uint64_t>(sum);
  if (field.bits < 64) wrapped &= (uint64_t{1} << field.bits) - 1;
  *result = Extended(field, wrapped);
  return true;
}

// What SET makes of a negative value for an unsigned field: a large one, which overflows.
bool FitNegative(const Field& field, int64_t* result) {
  const uint64_t max = (uint64_t{1} << field.bits) - 1;
  if (field.overflow == Overflow::kFail) return false;
  const auto value = static_cast<uint64_t>(field.value);
  *result = static_cast<int64_t>(field.overflow == Overflow::kSaturate ? max : value & max);
  return true;
}

// One subcommand on bytes that are long enough for what it writes. True if they have changed.
bool Apply(const Field& field, String* string, std::string_view bytes, Reply& reply) {
  const int64_t before = Extended(field, ReadBits(bytes, field.offset, field.bits));
  if (field.action == Field::Action::kGet) {
    reply.Integer(before);
    return false;
  }
  const bool is_set = field.action == Field::Action::kSet;
  int64_t after = 0;
  const int64_t base = is_set ? field.value : before;
  const bool fits = is_set && !field.is_signed && base < 0
                        ? FitNegative(field, &after)
                        : Fit(field, base, is_set ? 0 : field.value, &after);
  if (!fits) {
    reply.Nil();
    return false;
  }
  reply.Integer(is_set ? before : after);
  WriteBits(string->data(), field.offset, field.bits, static_cast<uint64_t>(after));
  return after != before;
}

}  // namespace

Status Fields(int db, std::string_view key, Words words, bool is_readonly, int64_t bytes_max,
              Reply& reply) {
  const Result<std::vector<Field>> parsed = Parse(words, bytes_max);
  if (!parsed.ok()) return parsed.status();
  const std::vector<Field>& fields = parsed.value();
  int64_t written_end = 0;
  for (const Field& field : fields) {
    if (field.action == Field::Action::kGet) continue;
    if (is_readonly) return Code::kOnlyGet;
    written_end = std::max(written_end, field.offset + field.bits);
  }
  reply.Array(static_cast<int64_t>(fields.size()));
  if (written_end == 0) {
    const Ref<Object> value = Keyspace::Get().Find(db, key);
    if (value && value->kind() != ObjectKind::kString) return Code::kWrongType;
    const std::string_view bytes = value ? static_cast<String&>(*value).view() : std::string_view();
    for (const Field& field : fields) Apply(field, nullptr, bytes, reply);
    return Status::Ok();
  }
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kString)) return Code::kWrongType;
  const auto bytes = static_cast<size_t>((written_end + 7) >> 3);
  bool is_changed =
      !locked.state.exists() || static_cast<String&>(*locked.state.value()).view().size() < bytes;
  Ref<String> string = strings::TakeString(locked.state, bytes, locked.graveyard);
  if (!string) return Code::kOutOfMemory;
  for (const Field& field : fields) {
    if (Apply(field, string.get(), string->view(), reply)) is_changed = true;
  }
  if (is_changed) {
    Commit(locked.state, std::move(string), kKeepExpiry, {events::kStringSetBit}, locked.graveyard);
  } else {
    ReturnValue(locked.state, std::move(string));
  }
  return Status::Ok();
}

}  // namespace tutti::bits
