#include "threads/monitor_line.h"

#include <chrono>
#include <cstdio>

namespace tutti {

namespace {

int64_t UnixMicroseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

void AppendEscaped(std::string& to, unsigned char byte) {
  static constexpr std::string_view kEscaped = "\\\"\n\r\t\a\b";
  static constexpr std::string_view kLetters = "\\\"nrtab";
  const size_t at = kEscaped.find(static_cast<char>(byte));
  if (at != kEscaped.npos) {
    to += '\\';
    to += kLetters[at];
  } else if (byte >= 0x20 && byte < 0x7f) {
    to += static_cast<char>(byte);
  } else {
    char text[5];
    std::snprintf(text, sizeof text, "\\x%02x", byte);
    to += text;
  }
}

}  // namespace

MonitorLine::MonitorLine(int db, std::string_view address) {
  const int64_t now = UnixMicroseconds();
  char text[64];
  std::snprintf(text, sizeof text, "+%lld.%06lld [%d ", static_cast<long long>(now / 1'000'000),
                static_cast<long long>(now % 1'000'000), db);
  line_ = text;
  line_ += address;
  line_ += ']';
}

void MonitorLine::Add(std::string_view word) {
  line_.reserve(line_.size() + word.size() + 3);
  line_ += " \"";
  for (const char byte : word) AppendEscaped(line_, static_cast<unsigned char>(byte));
  line_ += '"';
}

void MonitorLine::AddHidden() { line_ += " \"(redacted)\""; }

std::string MonitorLine::Finish() {
  line_ += "\r\n";
  return std::move(line_);
}

}  // namespace tutti
