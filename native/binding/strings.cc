// The exports about strings and their bits, beside what SET and GET need.
#include "keyspace/strings.h"

#include <algorithm>

#include "binding/call.h"
#include "binding/data_exports.h"
#include "core/numbers.h"
#include "keyspace/bits.h"

namespace tutti {

namespace {

using Answer = Result<int64_t>;

// The word's bytes as a string of its own; those of a blob are not copied.
Ref<String> StringOf(ThreadState& thread, int32_t index) {
  const std::string_view word = thread.Word(index);
  const IncomingBlob* const blob = thread.FindBlob(index);
  return blob ? String::FromBuffer(blob->Share(), word.size()) : String::Copy(word);
}

Answer StringIncrement(Call& call) {
  int64_t by = call.Int(3);
  if (call.Int(2) >= 0) {
    const auto given = ParseInteger(call.Word(2));
    if (!given) return Code::kNotInteger;
    if (call.Int(3) < 0 && *given == INT64_MIN) return Code::kDecrementOverflow;
    by = call.Int(3) < 0 ? -*given : *given;
  }
  int64_t value = 0;
  const auto result = strings::Increment(call.db(), call.Word(1), by, &value);
  if (!result.ok()) return result.status();
  call.reply().Integer(value);
  return call.Rows(Status::Ok());
}

Answer StringIncrementFloat(Call& call) {
  const auto by = ParseLongDouble(call.Word(2));
  if (!by) return Code::kNotFloat;
  return call.Rows(strings::IncrementFloat(call.db(), call.Word(1), *by, call.reply()));
}

Answer StringAppend(Call& call) {
  return strings::Append(call.db(), call.Word(1), call.Word(2), call.Int64(3));
}

Answer StringSetRange(Call& call) {
  const auto offset = ParseInteger(call.Word(2));
  if (!offset) return Code::kNotInteger;
  if (*offset < 0) return Code::kOffsetOutOfRange;
  return strings::SetRange(call.db(), call.Word(1), *offset, call.Word(3), call.Int64(4));
}

Answer StringGetRange(Call& call) {
  const auto start = ParseInteger(call.Word(2));
  const auto stop = ParseInteger(call.Word(3));
  if (!start || !stop) return Code::kNotInteger;
  Ref<Object> value = Keyspace::Get().Find(call.db(), call.Word(1));
  if (!value) return Code::kNotFound;
  if (value->kind() != ObjectKind::kString) return Code::kWrongType;
  const std::string_view bytes = static_cast<const String&>(*value).view();
  const auto length = static_cast<int64_t>(bytes.size());
  const int64_t first = std::max<int64_t>(*start < 0 ? *start + length : *start, 0);
  const int64_t stop_at = std::max<int64_t>(*stop < 0 ? *stop + length : *stop, 0);
  const int64_t last = std::min(stop_at, length - 1);
  const bool is_backwards = *start < 0 && *stop < 0 && *start > *stop;
  if (is_backwards || first > last) return Code::kNotFound;
  const std::string_view part =
      bytes.substr(static_cast<size_t>(first), static_cast<size_t>(last - first + 1));
  return call.thread().Hold(std::move(value), part.data(), part.size());
}

Answer StringGetAnd(Call& call) {
  const int after = call.Int(2);
  TUTTI_CHECK(after >= 0 && after <= 3);
  auto found = strings::GetAnd(call.db(), call.Word(1), static_cast<strings::After>(after),
                               call.Int64Exact(3));
  if (!found.ok()) return found.status();
  if (!found.value()) return Code::kNotFound;
  const std::string_view bytes = found.value()->view();
  return call.thread().Hold(std::move(found.value()), bytes.data(), bytes.size());
}

Answer StringsGet(Call& call) {
  strings::GetAll(call.db(), call.Words(1), call.reply());
  return call.Rows(Status::Ok());
}

Answer StringsSet(Call& call) {
  std::vector<Ref<String>> values;
  for (int32_t at = 1; at < call.Int(2); at += 2) {
    values.push_back(StringOf(call.thread(), call.Int(1) + at));
    if (!values.back()) return Code::kOutOfMemory;
  }
  const auto keys = call.EverySecond(1, 0);
  return int64_t{strings::SetAll(call.db(), keys, std::move(values), call.Flag(3))};
}

Answer StringsLongestCommon(Call& call) {
  const int wanted = call.Int(3);
  TUTTI_CHECK(wanted >= 0 && wanted <= 2);
  return call.Rows(strings::LongestCommon(call.db(), call.Word(1), call.Word(2),
                                          static_cast<strings::LcsWanted>(wanted), call.Int64(4),
                                          call.Flag(5), call.Int64(6), call.reply()));
}

// --- bits ---

Answer BitSet(Call& call) {
  const auto offset = bits::ParseOffset(call.Word(2), 0, call.Int64(4));
  if (!offset.ok()) return offset.status();
  const auto bit = ParseInteger(call.Word(3));
  if (!bit || *bit < 0 || *bit > 1) return Code::kInvalidBit;
  return bits::Set(call.db(), call.Word(1), offset.value(), *bit == 1);
}

Answer BitGet(Call& call) {
  const auto offset = bits::ParseOffset(call.Word(2), 0, call.Int64(3));
  if (!offset.ok()) return offset.status();
  return bits::Get(call.db(), call.Word(1), offset.value());
}

// Arguments from `i` on: start and end, words or -1, and whether they are in bits.
Result<bits::Range> RangeOf(const Call& call, size_t i) {
  bits::Range range;
  const auto read = [&](size_t argument, int64_t& to) {
    if (call.Int(argument) < 0) return true;
    const auto value = ParseInteger(call.Word(argument));
    if (value) to = *value;
    return value.has_value();
  };
  if (!read(i, range.start) || !read(i + 1, range.end)) return Code::kNotInteger;
  range.is_in_bits = call.Flag(i + 2);
  return range;
}

Answer BitCount(Call& call) {
  const auto range = RangeOf(call, 2);
  if (!range.ok()) return range.status();
  return bits::Count(call.db(), call.Word(1), range.value());
}

Answer BitPosition(Call& call) {
  const auto range = RangeOf(call, 3);
  if (!range.ok()) return range.status();
  return call.Rows(bits::Position(call.db(), call.Word(1), call.Flag(2), range.value(),
                                  call.Int(4) >= 0, call.reply()));
}

Answer BitCombine(Call& call) {
  const int operation = call.Int(1);
  TUTTI_CHECK(operation >= 0 && operation <= 3);
  return bits::Combine(call.db(), static_cast<bits::Operation>(operation), call.Words(2));
}

Answer BitFields(Call& call) {
  return call.Rows(bits::Fields(call.db(), call.Word(1), call.Words(2), call.Flag(4), call.Int64(5),
                                call.reply()));
}

}  // namespace

std::span<const Export> StringExports() {
  static constexpr Export exports[] = {
      {"stringIncrement", DataCommand<StringIncrement>},
      {"stringIncrementFloat", DataCommand<StringIncrementFloat>},
      {"stringAppend", DataCommand<StringAppend>},
      {"stringSetRange", DataCommand<StringSetRange>},
      {"stringGetRange", DataCommand<StringGetRange>},
      {"stringGetAnd", DataCommand<StringGetAnd>},
      {"stringsGet", DataCommand<StringsGet>},
      {"stringsSet", DataCommand<StringsSet>},
      {"stringsLongestCommon", DataCommand<StringsLongestCommon>},
      {"bitSet", DataCommand<BitSet>},
      {"bitGet", DataCommand<BitGet>},
      {"bitCount", DataCommand<BitCount>},
      {"bitPosition", DataCommand<BitPosition>},
      {"bitCombine", DataCommand<BitCombine>},
      {"bitFields", DataCommand<BitFields>},
  };
  return exports;
}

}  // namespace tutti
