#include "persistence/packed_encodings.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace tutti {

namespace {

constexpr char kEndMark = static_cast<char>(0xff);
constexpr size_t kListpackHeadBytes = 6;
constexpr size_t kZiplistHeadBytes = 10;
constexpr size_t kIntsetHeadBytes = 8;
// In a head: too many to be counted there.
constexpr uint32_t kUncounted = 0xffff;

template <typename T>
T Load(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

uint8_t ByteAt(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

// An integer of so many bytes, the lowest first, with its sign.
int64_t SignedOf(std::string_view bytes) {
  int64_t value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  const int shift = 64 - 8 * static_cast<int>(bytes.size());
  return static_cast<int64_t>(static_cast<uint64_t>(value) << shift) >> shift;
}

uint64_t UnsignedBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

// The length of an entry as a listpack repeats it behind each: 7 bits a byte, the highest first.
size_t BackLength(size_t bytes, uint8_t* to) {
  size_t count = 1;
  while (count < 5 && bytes >> (7 * count) != 0) ++count;
  for (size_t i = 0; i < count; ++i) {
    const auto seven = static_cast<uint8_t>(bytes >> (7 * (count - 1 - i)) & 0x7f);
    to[i] = i == 0 ? seven : static_cast<uint8_t>(seven | 0x80);
  }
  return count;
}

// How a listpack's element begins.
struct Encoding {
  size_t head_bytes = 0;  // 0: none that there is
  size_t integer_bytes = 0;
  size_t length_bytes = 0;
};

}  // namespace

bool PackedReader::Take(size_t bytes, std::string_view* taken) {
  if (left_.size() <= bytes) return Damaged();
  *taken = left_.substr(0, bytes);
  left_.remove_prefix(bytes);
  return true;
}

CountedReader::CountedReader(std::string_view bytes, size_t head_bytes, size_t count_at) {
  if (bytes.size() <= head_bytes || Load<uint32_t>(bytes, 0) != bytes.size() ||
      bytes.back() != kEndMark) {
    is_damaged_ = true;
    return;
  }
  count_ = Load<uint16_t>(bytes, count_at);
  left_ = bytes.substr(head_bytes);
}

bool CountedReader::IsAtEnd() {
  if (left_.size() != 1) return false;
  if (count_ != kUncounted && count_ != visited_) Damaged();
  return true;
}

// --- listpacks ---

ListpackReader::ListpackReader(std::string_view bytes)
    : CountedReader(bytes, kListpackHeadBytes, 4) {}

bool ListpackReader::Next(PackedElement* element) {
  if (is_damaged_ || IsAtEnd()) return false;
  const size_t before = left_.size();
  std::string_view head, body;
  if (!Take(1, &head)) return false;
  const uint8_t first = ByteAt(head, 0);
  *element = {};
  element->is_integer = true;
  if (first < 0x80) {
    element->integer = first;
  } else if (first < 0xc0) {
    element->is_integer = false;
    if (!Take(first & 0x3f, &element->bytes)) return false;
  } else if (first < 0xe0) {
    if (!Take(1, &body)) return false;
    const int value = (first & 0x1f) << 8 | ByteAt(body, 0);
    element->integer = value >= 1 << 12 ? value - (1 << 13) : value;
  } else if (first < 0xf0) {
    element->is_integer = false;
    if (!Take(1, &body)) return false;
    const size_t bytes = static_cast<size_t>(first & 0x0f) << 8 | ByteAt(body, 0);
    if (!Take(bytes, &element->bytes)) return false;
  } else if (first == 0xf0) {
    element->is_integer = false;
    if (!Take(4, &body) || !Take(Load<uint32_t>(body, 0), &element->bytes)) return false;
  } else if (first <= 0xf4) {
    constexpr size_t kBytes[] = {2, 3, 4, 8};
    if (!Take(kBytes[first - 0xf1], &body)) return false;
    element->integer = SignedOf(body);
  } else {
    return Damaged();
  }
  uint8_t expected[5];
  const size_t back_bytes = BackLength(before - left_.size(), expected);
  if (!Take(back_bytes, &body)) return false;
  if (std::memcmp(body.data(), expected, back_bytes) != 0) return Damaged();
  ++visited_;
  return true;
}

void ListpackWriter::Clear() {
  bytes_.assign(kListpackHeadBytes, '\0');
  count_ = 0;
}

void ListpackWriter::AppendEncoded(const uint8_t* head, size_t head_bytes, std::string_view body) {
  uint8_t back[5];
  const size_t back_bytes = BackLength(head_bytes + body.size(), back);
  bytes_.append(reinterpret_cast<const char*>(head), head_bytes);
  bytes_.append(body);
  bytes_.append(reinterpret_cast<const char*>(back), back_bytes);
  ++count_;
}

void ListpackWriter::Append(int64_t integer) {
  uint8_t head[9];
  if (integer >= 0 && integer < 128) {
    head[0] = static_cast<uint8_t>(integer);
    AppendEncoded(head, 1, {});
  } else if (integer >= -(1 << 12) && integer < 1 << 12) {
    const auto bits = static_cast<uint64_t>(integer) & 0x1fff;
    head[0] = static_cast<uint8_t>(0xc0 | bits >> 8);
    head[1] = static_cast<uint8_t>(bits);
    AppendEncoded(head, 2, {});
  } else {
    const auto fits = [&](int bits) {
      const int64_t bound = int64_t{1} << (bits - 1);
      return integer >= -bound && integer < bound;
    };
    const int kind = fits(16) ? 0 : fits(24) ? 1 : fits(32) ? 2 : 3;
    constexpr size_t kBytes[] = {2, 3, 4, 8};
    head[0] = static_cast<uint8_t>(0xf1 + kind);
    std::memcpy(head + 1, &integer, kBytes[kind]);
    AppendEncoded(head, 1 + kBytes[kind], {});
  }
}

void ListpackWriter::Append(std::string_view bytes) {
  if (const auto integer = bytes.size() < 21 ? ParseInteger(bytes) : std::nullopt) {
    Append(*integer);
    return;
  }
  uint8_t head[5];
  const size_t size = bytes.size();
  if (size < 64) {
    head[0] = static_cast<uint8_t>(0x80 | size);
    AppendEncoded(head, 1, bytes);
  } else if (size < 4096) {
    head[0] = static_cast<uint8_t>(0xe0 | size >> 8);
    head[1] = static_cast<uint8_t>(size);
    AppendEncoded(head, 2, bytes);
  } else {
    const auto size32 = static_cast<uint32_t>(size);
    head[0] = 0xf0;
    std::memcpy(head + 1, &size32, sizeof size32);
    AppendEncoded(head, 5, bytes);
  }
}

std::string_view ListpackWriter::Finish() {
  bytes_.push_back(kEndMark);
  const auto bytes = static_cast<uint32_t>(bytes_.size());
  const auto count = static_cast<uint16_t>(std::min(count_, kUncounted));
  std::memcpy(bytes_.data(), &bytes, sizeof bytes);
  std::memcpy(bytes_.data() + 4, &count, sizeof count);
  return bytes_;
}

// --- ziplists ---

ZiplistReader::ZiplistReader(std::string_view bytes) : CountedReader(bytes, kZiplistHeadBytes, 8) {}

bool ZiplistReader::Next(PackedElement* element) {
  if (is_damaged_ || IsAtEnd()) return false;
  const size_t before = left_.size();
  std::string_view head, body;
  if (!Take(1, &head)) return false;
  size_t previous_bytes = ByteAt(head, 0);
  if (previous_bytes == 0xff) return Damaged();
  if (previous_bytes == 0xfe) {
    if (!Take(4, &body)) return false;
    previous_bytes = Load<uint32_t>(body, 0);
  }
  if (previous_bytes != previous_bytes_) return Damaged();
  if (!Take(1, &head)) return false;
  const uint8_t first = ByteAt(head, 0);
  *element = {};
  if (first < 0xc0) {
    size_t bytes = first & 0x3f;
    if (first >> 6 == 1) {
      if (!Take(1, &body)) return false;
      bytes = bytes << 8 | ByteAt(body, 0);
    } else if (first >> 6 == 2) {
      if (first != 0x80) return Damaged();
      if (!Take(4, &body)) return false;
      bytes = UnsignedBigEndian(body);
    }
    if (!Take(bytes, &element->bytes)) return false;
  } else {
    element->is_integer = true;
    size_t bytes;
    switch (first) {
      case 0xc0:
        bytes = 2;
        break;
      case 0xd0:
        bytes = 4;
        break;
      case 0xe0:
        bytes = 8;
        break;
      case 0xf0:
        bytes = 3;
        break;
      case 0xfe:
        bytes = 1;
        break;
      default:
        if (first < 0xf1 || first > 0xfd) return Damaged();
        bytes = 0;
        element->integer = (first & 0x0f) - 1;
    }
    if (bytes > 0) {
      if (!Take(bytes, &body)) return false;
      element->integer = SignedOf(body);
    }
  }
  previous_bytes_ = before - left_.size();
  ++visited_;
  return true;
}

// --- zipmaps ---

ZipmapReader::ZipmapReader(std::string_view bytes) {
  if (bytes.size() < 2 || bytes.back() != kEndMark) {
    is_damaged_ = true;
    return;
  }
  left_ = bytes.substr(1);  // the count in front says nothing beyond 253
}

bool ZipmapReader::Next(PackedElement* element) {
  if (is_damaged_) return false;
  if (left_.size() == 1) return is_value_ ? Damaged() : false;
  std::string_view head, body;
  if (!Take(1, &head)) return false;
  size_t bytes = ByteAt(head, 0);
  if (bytes == 0xff) return Damaged();
  if (bytes == 0xfe) {
    if (!Take(4, &body)) return false;
    bytes = Load<uint32_t>(body, 0);
  }
  size_t free_bytes = 0;
  if (is_value_) {
    if (!Take(1, &head)) return false;
    free_bytes = ByteAt(head, 0);
  }
  *element = {};
  if (!Take(bytes, &element->bytes) || !Take(free_bytes, &body)) return false;
  is_value_ = !is_value_;
  return true;
}

// --- intsets ---

IntsetReader::IntsetReader(std::string_view bytes) {
  if (bytes.size() < kIntsetHeadBytes) {
    is_damaged_ = true;
    return;
  }
  integer_bytes_ = Load<uint32_t>(bytes, 0);
  const bool is_known = integer_bytes_ == 2 || integer_bytes_ == 4 || integer_bytes_ == 8;
  left_ = bytes.substr(kIntsetHeadBytes);
  if (!is_known || uint64_t{Load<uint32_t>(bytes, 4)} * integer_bytes_ != left_.size()) {
    is_damaged_ = true;
  }
}

bool IntsetReader::Next(PackedElement* element) {
  if (is_damaged_ || left_.empty()) return false;
  *element = {};
  element->is_integer = true;
  element->integer = SignedOf(left_.substr(0, integer_bytes_));
  left_.remove_prefix(integer_bytes_);
  if (previous_ && *previous_ >= element->integer) return Damaged();
  previous_ = element->integer;
  return true;
}

std::string IntsetWriter::Finish() const {
  const size_t count = integers_.size() / sizeof(int64_t);
  assert(count > 0);
  // They ascend: the first and the last say how long all must be.
  const int64_t extremes[] = {Load<int64_t>(integers_, 0),
                              Load<int64_t>(integers_, integers_.size() - sizeof(int64_t))};
  uint32_t bytes = 2;
  for (const int64_t integer : extremes) {
    if (integer != static_cast<int32_t>(integer)) bytes = 8;
    if (integer != static_cast<int16_t>(integer)) bytes = std::max(bytes, 4u);
  }
  const uint32_t head[] = {bytes, static_cast<uint32_t>(count)};
  std::string intset(reinterpret_cast<const char*>(head), sizeof head);
  for (size_t i = 0; i < count; ++i) intset.append(integers_, i * sizeof(int64_t), bytes);
  return intset;
}

}  // namespace tutti
