// The packed forms in which Redis keeps small values, and writes them to RDB as one string each:
// listpacks, and the ziplists, zipmaps and intsets of before (redis:src/listpack.c, ziplist.c,
// zipmap.c, intset.c). Read with every bound looked at.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/numbers.h"

namespace tutti {

// An element: bytes, or an integer.
struct PackedElement {
  std::string_view bytes;
  int64_t integer = 0;
  bool is_integer = false;

  // The bytes, for an integer written to `scratch`.
  std::string_view Text(char (&scratch)[kNumberBytesMax]) const {
    return is_integer ? std::string_view(scratch, FormatInteger(integer, scratch)) : bytes;
  }
  // The integer, be it one or bytes that read as one.
  std::optional<int64_t> Integer() const {
    return is_integer ? std::optional(integer) : ParseInteger(bytes);
  }
};

// What the readers share: elements one after the other, and whether something was wrong.
class PackedReader {
 public:
  virtual ~PackedReader() = default;
  // False at the end, or where it is damaged.
  virtual bool Next(PackedElement* element) = 0;
  bool is_damaged() const { return is_damaged_; }

 protected:
  bool Damaged() {
    is_damaged_ = true;
    return false;
  }
  // The next bytes, unless there are not as many in front of the end mark.
  bool Take(size_t bytes, std::string_view* taken);

  std::string_view left_;  // with the end mark
  bool is_damaged_ = false;
};

// With a head that begins with the length of all of it.
class CountedReader : public PackedReader {
 protected:
  // `count_at`: where the head has the number of elements.
  CountedReader(std::string_view bytes, size_t head_bytes, size_t count_at);
  // It is damaged if the head has counted otherwise.
  bool IsAtEnd();

  uint32_t visited_ = 0;

 private:
  uint32_t count_ = 0;
};

class ListpackReader final : public CountedReader {
 public:
  explicit ListpackReader(std::string_view bytes);
  bool Next(PackedElement* element) override;
};

class ZiplistReader final : public CountedReader {
 public:
  explicit ZiplistReader(std::string_view bytes);
  bool Next(PackedElement* element) override;

 private:
  size_t previous_bytes_ = 0;
};

// Keys and values in turn.
class ZipmapReader final : public PackedReader {
 public:
  explicit ZipmapReader(std::string_view bytes);
  bool Next(PackedElement* element) override;

 private:
  bool is_value_ = false;
};

class IntsetReader final : public PackedReader {
 public:
  explicit IntsetReader(std::string_view bytes);
  bool Next(PackedElement* element) override;

 private:
  size_t integer_bytes_ = 0;
  std::optional<int64_t> previous_;
};

// Builds a listpack. What reads as an integer is kept as one, as Redis does.
class ListpackWriter {
 public:
  ListpackWriter() { Clear(); }
  void Append(std::string_view bytes);
  void Append(int64_t integer);
  // Whole, with its head and end mark. Valid until the next call.
  std::string_view Finish();
  void Clear();
  size_t bytes() const { return bytes_.size() + 1; }

 private:
  void AppendEncoded(const uint8_t* head, size_t head_bytes, std::string_view body);

  std::string bytes_;
  uint32_t count_ = 0;
};

// An intset of integers that are given in ascending order.
class IntsetWriter {
 public:
  void Append(int64_t integer) {
    integers_.append(reinterpret_cast<char*>(&integer), sizeof integer);
  }
  std::string Finish() const;

 private:
  std::string integers_;  // of 8 bytes
};

}  // namespace tutti
