// The exports about hashes.
#include "keyspace/hashes.h"

#include <cmath>

#include "binding/call.h"
#include "binding/data_exports.h"
#include "core/numbers.h"

namespace tutti {

namespace {

using Answer = Result<int64_t>;

Answer HashSet(Call& call) {
  return hashes::Set(call.db(), call.Word(1), call.Words(2), call.Flag(4));
}
Answer HashRemove(Call& call) { return hashes::Remove(call.db(), call.Word(1), call.Words(2)); }

Answer HashLength(Call& call) {
  return ReadNumber<StoredHash>(call, 1, [](const StoredHash& hash) { return hash.length(); });
}

Answer HashExists(Call& call) {
  return ReadNumber<StoredHash>(
      call, 1, [&](const StoredHash& hash) { return hash.Contains(call.Word(2)) ? 1 : 0; });
}

Answer HashValueLength(Call& call) {
  return ReadNumber<StoredHash>(call, 1, [&](const StoredHash& hash) {
    const auto value = hash.Value(call.Word(2));
    return value ? value->bytes.size() : 0;
  });
}

Answer HashFind(Call& call) {
  auto found = FindContainer<StoredHash>(call.db(), call.Word(1));
  if (!found.ok()) return found.status();
  if (!found.value()) return Code::kNotFound;
  std::string_view value;
  if (!found.value()->Find(call.Word(2), &value)) return Code::kNotFound;
  return call.thread().Hold(std::move(found.value()), value.data(), value.size());
}

Answer HashValues(Call& call) {
  return call.Rows(hashes::Values(call.db(), call.Word(1), call.Words(2), call.reply()));
}

// Which halves of the pairs are wanted. Values are part of the binding's interface.
enum class Halves : int { kBoth = 0, kFields = 1, kValues = 2 };

class HashRows final : public RowSource {
 public:
  HashRows(Ref<StoredHash> hash, Halves halves) : hash_(std::move(hash)), halves_(halves) {}
  int64_t total() const override { return (is_both() ? 2 : 1) * hash_->length(); }
  void Write(int64_t first, RowWriter& writer) override {
    if (!is_both()) {
      hash_->ForEachPart(first, [&](const PackedPart& field, const PackedPart& value) {
        return writer.Put(halves_ == Halves::kFields ? field.bytes : value.bytes, hash_);
      });
      return;
    }
    bool is_field_written = first % 2 == 1;  // a piece may end between a field and its value
    hash_->ForEachPart(first / 2, [&](const PackedPart& field, const PackedPart& value) {
      if (!is_field_written && !writer.Put(field.bytes, hash_)) return false;
      is_field_written = false;
      return writer.Put(value.bytes, hash_);
    });
  }

 private:
  bool is_both() const { return halves_ == Halves::kBoth; }

  const Ref<StoredHash> hash_;
  const Halves halves_;
};

Answer HashGetAll(Call& call) {
  const int halves = call.Int(2);
  TUTTI_CHECK(halves >= 0 && halves <= 2);
  auto found = FindContainer<StoredHash>(call.db(), call.Word(1));
  if (!found.ok()) return found.status();
  if (!found.value()) found.value() = StoredHash::New();
  return call.thread().BeginRows(
      std::make_unique<HashRows>(std::move(found.value()), static_cast<Halves>(halves)));
}

Answer HashIncrement(Call& call) {
  const auto by = ParseInteger(call.Word(3));
  if (!by) return Code::kNotInteger;
  int64_t value = 0;
  const auto result = hashes::Increment(call.db(), call.Word(1), call.Word(2), *by, &value);
  if (!result.ok()) return result.status();
  call.reply().Integer(value);
  return call.Rows(Status::Ok());
}

Answer HashIncrementFloat(Call& call) {
  const auto by = ParseLongDouble(call.Word(3));
  if (!by) return Code::kNotFloat;
  if (std::isinf(*by)) return Code::kNotFinite;
  return call.Rows(
      hashes::IncrementFloat(call.db(), call.Word(1), call.Word(2), *by, call.reply()));
}

Answer HashRandom(Call& call) {
  return call.Rows(hashes::Random(call.db(), call.Word(1), call.Flag(2), call.Int64(3),
                                  call.Flag(4), call.reply()));
}

}  // namespace

std::span<const Export> HashExports() {
  static constexpr Export exports[] = {
      {"hashSet", DataCommand<HashSet>},
      {"hashRemove", DataCommand<HashRemove>},
      {"hashLength", DataCommand<HashLength>},
      {"hashExists", DataCommand<HashExists>},
      {"hashValueLength", DataCommand<HashValueLength>},
      {"hashFind", DataCommand<HashFind>},
      {"hashValues", DataCommand<HashValues>},
      {"hashGetAll", DataCommand<HashGetAll>},
      {"hashIncrement", DataCommand<HashIncrement>},
      {"hashIncrementFloat", DataCommand<HashIncrementFloat>},
      {"hashRandom", DataCommand<HashRandom>},
  };
  return exports;
}

}  // namespace tutti
