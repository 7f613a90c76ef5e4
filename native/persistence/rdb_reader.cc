#include "persistence/rdb_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/units.h"
#include "persistence/crc64.h"
#include "persistence/lzf.h"

namespace tutti {

namespace {

constexpr size_t kShortBytesMin = 256;
constexpr size_t kShortBytesMax = 64 * kKiB;

}  // namespace

uint8_t* RdbReader::Room::Take(size_t bytes) {
  if (bytes <= kShortBytesMax) {
    if (short_.size() < bytes) short_.resize(std::max<size_t>(bytes, kShortBytesMin));
    long_ = nullptr;
    return reinterpret_cast<uint8_t*>(short_.data());
  }
  if (!long_ || long_->capacity() < bytes) {
    long_ = nullptr;
    long_ = Buffer::Allocate(bytes, MemoryKind::kRequests);
  }
  return long_ ? long_->data() : nullptr;
}

void RdbReader::Fail(std::string_view reason) {
  if (!ok()) return;
  status_ = {Code::kBadFormat,
             std::string(reason) + " (at offset " + std::to_string(offset()) + ')'};
}

void RdbReader::FailWith(Code code) {
  if (ok()) status_ = code;
}

void RdbReader::Raw(void* to, size_t bytes) {
  if (ok() && source_.Read(to, bytes)) {
    checksum_ = Crc64(checksum_, to, bytes);
    return;
  }
  if (bytes > 0) std::memset(to, 0, bytes);
  Fail(source_.error().empty() ? "the data end too early" : source_.error());
}

uint8_t RdbReader::Byte() {
  uint8_t byte;
  Raw(&byte, 1);
  return byte;
}

int64_t RdbReader::Int64() {
  int64_t value;
  Raw(&value, sizeof value);
  return value;
}

double RdbReader::Double() {
  double value;
  Raw(&value, sizeof value);
  return value;
}

double RdbReader::TextDouble() {
  const uint8_t bytes = Byte();
  if (bytes == 253) return std::numeric_limits<double>::quiet_NaN();
  if (bytes == 254) return std::numeric_limits<double>::infinity();
  if (bytes == 255) return -std::numeric_limits<double>::infinity();
  char text[256];
  Raw(text, bytes);
  if (!ok()) return 0;
  const auto value = ParseDouble({text, bytes});
  if (!value) Fail("a score that is no number");
  return value.value_or(0);
}

uint64_t RdbReader::LengthOrEncoding(bool* is_encoded) {
  const uint8_t first = Byte();
  *is_encoded = false;
  switch (first >> 6) {
    case rdb::kLength6:
      return first & 0x3f;
    case rdb::kLength14:
      return static_cast<uint64_t>(first & 0x3f) << 8 | Byte();
    case rdb::kEncoded:
      *is_encoded = true;
      return first & 0x3f;
  }
  if (first == rdb::kLength32) {
    uint32_t swapped;
    Raw(&swapped, sizeof swapped);
    return __builtin_bswap32(swapped);
  }
  if (first == rdb::kLength64) {
    uint64_t swapped;
    Raw(&swapped, sizeof swapped);
    return __builtin_bswap64(swapped);
  }
  Fail("a length of an unknown kind");
  return 0;
}

uint64_t RdbReader::Length() {
  bool is_encoded;
  const uint64_t length = LengthOrEncoding(&is_encoded);
  if (is_encoded) Fail("an encoded string where a length belongs");
  return ok() ? length : 0;
}

uint64_t RdbReader::Count(size_t item_bytes_min) {
  const uint64_t count = Length();
  if (count <= left() / item_bytes_min) return count;
  Fail("it counts " + std::to_string(count) + " items, for which there are no bytes");
  return 0;
}

RdbReader::StringHead RdbReader::Head() {
  StringHead head;
  bool is_encoded;
  const uint64_t length = LengthOrEncoding(&is_encoded);
  if (!ok()) return head;
  if (!is_encoded) {
    if (length > left()) {
      Fail("a string of " + std::to_string(length) + " bytes, of which there are " +
           std::to_string(left()));
    } else {
      head.bytes = length;
    }
    return head;
  }
  if (length <= rdb::kInt32) {
    const int bits = 8 << length;
    int64_t value = 0;
    Raw(&value, size_t{1} << length);
    value = value << (64 - bits) >> (64 - bits);
    head.is_integer = true;
    head.bytes = ok() ? FormatInteger(value, head.integer) : 0;
    return head;
  }
  if (length != rdb::kLzf) {
    Fail("a string of an unknown encoding");
    return head;
  }
  const uint64_t packed_bytes = Length();
  const uint64_t bytes = Length();
  if (!ok()) return head;
  if (packed_bytes == 0 || packed_bytes > left() || bytes / lzf::kRatioMax > packed_bytes) {
    Fail("a compressed string of impossible lengths");
    return head;
  }
  head.packed_bytes = packed_bytes;
  head.bytes = bytes;
  return head;
}

void RdbReader::Body(const StringHead& head, uint8_t* to) {
  if (head.is_integer) {
    std::copy_n(head.integer, head.bytes, to);
  } else if (head.packed_bytes == 0) {
    Raw(to, head.bytes);
  } else {
    uint8_t* const packed = packed_.Take(head.packed_bytes);
    if (!packed) return FailWith(Code::kOutOfMemory);
    Raw(packed, head.packed_bytes);
    if (ok() && !lzf::Decompress(packed, head.packed_bytes, to, head.bytes)) {
      Fail("a compressed string that cannot be unpacked");
    }
  }
}

std::string_view RdbReader::Text() {
  const StringHead head = Head();
  if (!ok()) return {};
  uint8_t* const text = text_.Take(head.bytes);
  if (!text) FailWith(Code::kOutOfMemory);
  if (ok()) Body(head, text);
  return ok() ? std::string_view(reinterpret_cast<char*>(text), head.bytes) : std::string_view();
}

Ref<String> RdbReader::StringValue() {
  const StringHead head = Head();
  if (!ok()) return nullptr;
  Ref<String> string = String::Make(head.bytes, head.bytes);
  if (!string) {
    FailWith(Code::kOutOfMemory);
    return nullptr;
  }
  Body(head, reinterpret_cast<uint8_t*>(string->data()));
  return ok() ? string : nullptr;
}

Ref<Buffer> RdbReader::Blob(MemoryKind kind, size_t* bytes) {
  const StringHead head = Head();
  if (!ok()) return nullptr;
  Ref<Buffer> buffer = Buffer::Allocate(std::max<size_t>(head.bytes, 1), kind);
  if (!buffer) {
    FailWith(Code::kOutOfMemory);
    return nullptr;
  }
  *bytes = head.bytes;
  Body(head, buffer->data());
  return ok() ? buffer : nullptr;
}

void RdbReader::SkipString() {
  const StringHead head = Head();
  if (head.is_integer) return;
  char skipped[4096];
  for (size_t left = head.packed_bytes ? head.packed_bytes : head.bytes; ok() && left > 0;) {
    const size_t piece = std::min(left, sizeof skipped);
    Raw(skipped, piece);
    left -= piece;
  }
}

}  // namespace tutti
