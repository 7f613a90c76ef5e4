// The element types of tensors: one row each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tutti {

// The codes are those of tutti_tensor.dtype (inference/backend.h) and of lib/engine/addon.ts.
enum class DType : uint8_t {
  kFloat = 0,
  kDouble = 1,
  kInt8 = 2,
  kInt16 = 3,
  kInt32 = 4,
  kInt64 = 5,
  kUint8 = 6,
  kUint16 = 7,
  kBool = 8,
  kString = 9,
};
inline constexpr int kDTypeCount = 10;

struct DTypeRow {
  std::string_view name;   // as AI.TENSORGET answers it
  uint32_t element_bytes;  // STRING: 1, the bytes of one NUL
  uint8_t dlpack_code;     // RedisAI's RDB encoding: Int 0, UInt 1, Float 2, Bool 6, String 7
  uint8_t bits;
};

const DTypeRow& dtype_row(DType dtype);
// Case-insensitive, as AI.TENSORSET takes it.
std::optional<DType> ParseDType(std::string_view name);

}  // namespace tutti
