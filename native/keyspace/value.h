// The plain value types. Strings are immutable blobs; lists and hashes are copy-on-write trees of
// nodes of at most 4 KiB below one root (threads.md "Values"; keyspace/tree.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "core/object.h"
#include "tensor/buffer_pool.h"

namespace tutti {

// How OBJECT ENCODING tells a string: by its bytes, unless a command has made it for being changed
// (as it is when it has grown in place), or as a text that is no integer whatever it looks like.
enum class StringForm : uint8_t { kByContent, kText, kRaw };

class String final : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kString;

  // With room for `capacity` bytes, whose first `bytes` are the string's and are the caller's to
  // write, before anybody else sees it. Null: no memory.
  static Ref<String> Make(size_t bytes, size_t capacity);
  // Copies into one block with the header; above kBlobBytesMin into a pool block. Null: no memory.
  static Ref<String> Copy(std::string_view bytes);
  static Ref<String> FromBuffer(Ref<Buffer> buffer, size_t bytes);

  std::string_view view() const { return {data_, bytes_}; }
  StringForm form() const { return form_; }
  void set_form(StringForm form) { form_ = form; }
  // For the sole holder: bytes that may be written, and how many a Resize() can reach. 0 if others
  // read the memory.
  char* data() { return data_; }
  size_t capacity() const;
  void Resize(size_t bytes) { bytes_ = bytes; }
  size_t footprint(int64_t sample_count = 0) const override;
  bool is_slow_to_free() const override;

 private:
  String() : Object(ObjectKind::kString) {}
  ~String() override;
  static void operator delete(void* block);

  char* data_ = nullptr;
  size_t bytes_ = 0;
  StringForm form_ = StringForm::kByContent;
  Ref<Buffer> buffer_;
};

// Answers whether to go on.
using ElementVisitor = std::function<bool(std::string_view)>;
using PairVisitor = std::function<bool(std::string_view field, std::string_view value)>;

// A frozen view of a list or hash: taken under the stripe's lock in O(1), read without it.
class List : public Object {
 public:
  virtual int64_t length() const = 0;
  // Elements first..last, 0-based, inclusive, within bounds. O(log n + elements).
  virtual void ForRange(int64_t first, int64_t last, const ElementVisitor& visit) const = 0;

 protected:
  List() : Object(ObjectKind::kList) {}
};

class Hash : public Object {
 public:
  virtual int64_t length() const = 0;
  virtual bool Contains(std::string_view field) const = 0;
  // False if there is no such field. The view is valid as long as the hash.
  virtual bool Find(std::string_view field, std::string_view* value) const = 0;
  // From pair `first` on, in insertion order while small, else by hash.
  virtual void ForEach(int64_t first, const PairVisitor& visit) const = 0;

 protected:
  Hash() : Object(ObjectKind::kHash) {}
};

}  // namespace tutti
