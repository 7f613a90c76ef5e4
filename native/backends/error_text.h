// How a backend hands a text to the server: one line, cut to the caller's buffer.
#ifndef TUTTI_BACKENDS_ERROR_TEXT_H_
#define TUTTI_BACKENDS_ERROR_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace tutti {

// Writes `text` on one line, without blanks at either end, and returns 1: `return Fail(...)`. Of a
// text that is too long the middle is left out: a traceback ends with what went wrong.
// redis-plus-plus refuses an error text without a space, so a single word gets "ERR " before it.
inline int Fail(char* error, size_t error_bytes, std::string_view text) {
  const std::string_view blanks = " \t\r\n\f\v";
  const size_t begin = text.find_first_not_of(blanks);
  std::string line =
      begin == std::string_view::npos
          ? std::string("ERR unknown error")
          : std::string(text.substr(begin, text.find_last_not_of(blanks) - begin + 1));
  for (char& c : line) {
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  }
  if (line.find(' ') == std::string::npos) line.insert(0, "ERR ");
  if (line.size() >= error_bytes && error_bytes > 64) {
    constexpr std::string_view kGap = " ... ";
    const size_t kept = (error_bytes - 1 - kGap.size()) / 2;
    line.replace(kept, line.size() - 2 * kept, kGap);
  }
  if (error_bytes > 0) error[line.copy(error, error_bytes - 1)] = '\0';
  return 1;
}

}  // namespace tutti

#endif  // TUTTI_BACKENDS_ERROR_TEXT_H_
