#include "tensor/dtype.h"

#include <array>
#include <cassert>

namespace tutti {

namespace {

constexpr std::array<DTypeRow, kDTypeCount> kRows = {{
    {"FLOAT", 4, 2, 32},
    {"DOUBLE", 8, 2, 64},
    {"INT8", 1, 0, 8},
    {"INT16", 2, 0, 16},
    {"INT32", 4, 0, 32},
    {"INT64", 8, 0, 64},
    {"UINT8", 1, 1, 8},
    {"UINT16", 2, 1, 16},
    {"BOOL", 1, 6, 8},
    {"STRING", 1, 7, 8},
}};

bool EqualsIgnoringCase(std::string_view word, std::string_view capitals) {
  if (word.size() != capitals.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    const char c = word[i] >= 'a' && word[i] <= 'z' ? static_cast<char>(word[i] - 32) : word[i];
    if (c != capitals[i]) return false;
  }
  return true;
}

}  // namespace

const DTypeRow& dtype_row(DType dtype) {
  assert(static_cast<int>(dtype) < kDTypeCount);
  return kRows[static_cast<size_t>(dtype)];
}

std::optional<DType> ParseDType(std::string_view name) {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (EqualsIgnoringCase(name, kRows[i].name)) return static_cast<DType>(i);
  }
  return std::nullopt;
}

}  // namespace tutti
