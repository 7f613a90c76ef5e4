// Numbers as clients write and read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tutti {

// Strictly, as Redis' string2ll: no leading `+`, blank or zero, no `-0`.
std::optional<int64_t> ParseInteger(std::string_view text);
// As Redis' string2d: what strtod takes as a whole, without blanks before it, neither nan nor out
// of range. `inf` is a number.
std::optional<double> ParseDouble(std::string_view text);

// As Redis' string2ld, of whole decimal or hexadecimal texts; neither nan nor out of range.
std::optional<long double> ParseLongDouble(std::string_view text);

inline constexpr size_t kNumberBytesMax = 32;  // room for any of these

// Writes at most kNumberBytesMax bytes, no NUL. @returns How many.
size_t FormatInteger(int64_t value, char* to);
// The shortest text that reads back as the same double, laid out as Redis 7.2 does (util.c
// d2string, fpconv_dtoa.c emit_digits): integers below 2^52 in full, 1e+21, 1.5e-7, inf, nan, -0.
size_t FormatDouble(double value, char* to);
// With up to 17 digits behind the point, without zeros at the end, as Redis' ld2string for people.
std::string FormatLongDouble(long double value);

}  // namespace tutti
