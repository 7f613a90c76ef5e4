#include "core/numbers.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace tutti {

namespace {

// Redis' MAX_LONG_DOUBLE_CHARS: a longer text is no number.
constexpr size_t kDoubleTextBytesMax = 5 * 1024;

size_t Put(char* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return text.size();
}

}  // namespace

std::optional<int64_t> ParseInteger(std::string_view text) {
  if (text == "0") return 0;
  const size_t first_digit = !text.empty() && text[0] == '-' ? 1 : 0;
  if (first_digit >= text.size() || text[first_digit] < '1' || text[first_digit] > '9') {
    return std::nullopt;
  }
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<double> ParseDouble(std::string_view text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end) {
    if (std::isnan(value)) return std::nullopt;
    return value;
  }
  if (text.empty() || text.size() > kDoubleTextBytesMax) return std::nullopt;
  if (std::isspace(static_cast<unsigned char>(text[0]))) return std::nullopt;
  // What from_chars does not know: a leading +, hexadecimal, and which of its overflows are inf.
  const std::string copy(text);
  char* copy_stop = nullptr;
  errno = 0;
  value = std::strtod(copy.c_str(), &copy_stop);
  if (copy_stop != copy.c_str() + copy.size() || std::isnan(value)) return std::nullopt;
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return std::nullopt;
  return value;
}

std::optional<long double> ParseLongDouble(std::string_view text) {
  if (text.empty() || text.size() > kDoubleTextBytesMax) return std::nullopt;
  if (std::isspace(static_cast<unsigned char>(text[0]))) return std::nullopt;
  const std::string copy(text);
  char* stop = nullptr;
  errno = 0;
  const long double value = std::strtold(copy.c_str(), &stop);
  if (stop != copy.c_str() + copy.size() || std::isnan(value)) return std::nullopt;
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return std::nullopt;
  return value;
}

std::string FormatLongDouble(long double value) {
  char text[kDoubleTextBytesMax];
  const int bytes = std::snprintf(text, sizeof text, "%.17Lf", value);
  std::string_view shown(text, static_cast<size_t>(bytes));
  if (shown.find('.') != shown.npos) {
    shown.remove_suffix(shown.size() - 1 - shown.find_last_not_of('0'));
    if (shown.back() == '.') shown.remove_suffix(1);
  }
  return std::string(shown == "-0" ? "0" : shown);
}

size_t FormatInteger(int64_t value, char* to) {
  return static_cast<size_t>(std::to_chars(to, to + kNumberBytesMax, value).ptr - to);
}

size_t FormatDouble(double value, char* to) {
  if (std::isnan(value)) return Put(to, "nan");
  if (std::isinf(value)) return Put(to, value < 0 ? "-inf" : "inf");
  if (value == 0) return Put(to, std::signbit(value) ? "-0" : "0");
  constexpr double kIntegerMax = 4503599627370496;  // 2^52
  if (std::fabs(value) < kIntegerMax && value == std::trunc(value)) {
    return FormatInteger(static_cast<int64_t>(value), to);
  }

  // d.ddde[+-]xx: the digits without the dot, and the power of ten of the last of them.
  char scientific[kNumberBytesMax];
  char* const scientific_end = std::to_chars(scientific, scientific + sizeof scientific,
                                             std::fabs(value), std::chars_format::scientific)
                                   .ptr;
  const char* const e = std::find(scientific, scientific_end, 'e');
  int exponent = 0;
  std::from_chars(e + (e[1] == '+' ? 2 : 1), scientific_end, exponent);
  char digits[kNumberBytesMax];
  const int digit_count =
      static_cast<int>(std::remove_copy(scientific, const_cast<char*>(e), digits, '.') - digits);
  const int last_power = exponent - (digit_count - 1);

  char* out = to;
  if (value < 0) *out++ = '-';
  const auto put_digits = [&](int from, int count) {
    std::memcpy(out, digits + from, static_cast<size_t>(count));
    out += count;
  };
  const auto put_zeros = [&](int count) {
    std::memset(out, '0', static_cast<size_t>(count));
    out += count;
  };
  if (last_power >= 0 && std::abs(exponent) < digit_count + 7) {
    put_digits(0, digit_count);
    put_zeros(last_power);
  } else if (last_power < 0 && (last_power > -7 || std::abs(exponent) < 4)) {
    const int whole_digits = digit_count + last_power;
    if (whole_digits <= 0) {
      out += Put(out, "0.");
      put_zeros(-whole_digits);
      put_digits(0, digit_count);
    } else {
      put_digits(0, whole_digits);
      *out++ = '.';
      put_digits(whole_digits, digit_count - whole_digits);
    }
  } else {
    put_digits(0, 1);
    if (digit_count > 1) {
      *out++ = '.';
      put_digits(1, digit_count - 1);
    }
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    out += FormatInteger(std::abs(exponent), out);
  }
  return static_cast<size_t>(out - to);
}

}  // namespace tutti
