// The exports about keys of any type, strings, hashes and lists.
#include <algorithm>
#include <memory>
#include <utility>

#include "binding/thread_state.h"
#include "core/numbers.h"
#include "keyspace/keyspace.h"
#include "keyspace/value.h"

namespace tutti {

namespace {

Keyspace& keyspace() { return Keyspace::Get(); }

// The value of `kind` under the key, or why there is none.
template <typename T>
Result<Ref<T>> FindAs(int db, std::string_view key, ObjectKind kind) {
  if (ThreadState::IsRefused(key)) return Code::kOutOfMemory;
  Ref<Object> value = keyspace().Find(db, key);
  if (!value) return Code::kNotFound;
  if (value->kind() != kind) return Code::kWrongType;
  return Ref<T>::Adopt(static_cast<T*>(value.Leave()));
}

// --- any type ---

napi_value KeySlot(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env, tutti::KeySlot(this_thread().Word(in.Int(0))));
}

napi_value KeyKind(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  const std::string_view key = this_thread().Word(in.Int(1));
  if (ThreadState::IsRefused(key)) return ToJs(env, Code::kOutOfMemory);
  const Ref<Object> value = keyspace().Find(in.Int(0), key);
  return ToJs(env, static_cast<int64_t>(value ? value->kind() : ObjectKind::kNone));
}

napi_value KeysDelete(napi_env env, napi_callback_info info) {
  const Arguments<3> in(env, info);
  const auto keys = this_thread().Words(in.Int(1), in.Int(2), nullptr);
  return ToJs(env, keyspace().Delete(in.Int(0), keys));
}

napi_value KeysExisting(napi_env env, napi_callback_info info) {
  const Arguments<3> in(env, info);
  const auto keys = this_thread().Words(in.Int(1), in.Int(2), nullptr);
  return ToJs(env, keyspace().CountExisting(in.Int(0), keys));
}

napi_value KeyRename(napi_env env, napi_callback_info info) {
  const Arguments<4> in(env, info);
  const std::string_view from = this_thread().Word(in.Int(1));
  const std::string_view to = this_thread().Word(in.Int(2));
  if (ThreadState::IsRefused(from) || ThreadState::IsRefused(to)) {
    return ToJs(env, Code::kOutOfMemory);
  }
  const Status status = keyspace().Rename(in.Int(0), from, to, in.Int(3) != 0);
  if (status.ok()) return ToJs(env, 1);
  return status.code() == Code::kNotPerformed ? ToJs(env, 0) : ToJs(env, status);
}

napi_value KeyExpire(napi_env env, napi_callback_info info) {
  const Arguments<4> in(env, info);
  const std::string_view key = this_thread().Word(in.Int(1));
  const auto conditions = static_cast<uint32_t>(in.Int(3));
  return ToJs(env, keyspace().Expire(in.Int(0), key, in.Int64Exact(2), conditions) ? 1 : 0);
}

napi_value KeyPersist(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  return ToJs(env, keyspace().Persist(in.Int(0), this_thread().Word(in.Int(1))) ? 1 : 0);
}

napi_value KeyExpireTime(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  return ToJsExact(env, keyspace().ExpireTime(in.Int(0), this_thread().Word(in.Int(1))));
}

napi_value KeyVersion(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  const uint64_t version = keyspace().Version(in.Int(0), this_thread().Word(in.Int(1)));
  return ToJs(env, static_cast<int64_t>(version));
}

napi_value DatabaseSize(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env, keyspace().Size(in.Int(0)));
}

napi_value DatabaseExpiringCount(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env, keyspace().ExpiringCount(in.Int(0)));
}

napi_value Flush(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  keyspace().Flush(in.Int(0));
  return kUndefined;
}

Napi::Value LockSlots(const Napi::CallbackInfo& info) {
  const auto slots = ToIntegers<uint16_t>(info[0]);
  keyspace().LockStripes(slots);
  return info.Env().Undefined();
}

napi_value UnlockSlots(napi_env, napi_callback_info) {
  keyspace().UnlockStripes();
  return kUndefined;
}

napi_value IsOverMaxmemory(napi_env env, napi_callback_info) {
  return ToJs(env, memory_account::WouldExceed(0) ? 1 : 0);
}

// --- strings ---

napi_value StringFind(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  ThreadState& thread = this_thread();
  auto found = FindAs<String>(in.Int(0), thread.Word(in.Int(1)), ObjectKind::kString);
  if (!found.ok()) return ToJs(env, found.status());
  const std::string_view bytes = found.value()->view();
  return ToJs(env, thread.Hold(std::move(found.value()), bytes.data(), bytes.size()));
}

// Bits of `setConditions`.
constexpr int kIfAbsent = 1, kIfPresent = 2, kWantPrevious = 4;

napi_value StringSet(napi_env env, napi_callback_info info) {
  const Arguments<5> in(env, info);
  ThreadState& thread = this_thread();
  const std::string_view key = thread.Word(in.Int(1)), value = thread.Word(in.Int(2));
  if (ThreadState::IsRefused(key) || ThreadState::IsRefused(value)) {
    return ToJs(env, Code::kOutOfMemory);
  }
  const IncomingBlob* const blob = thread.FindBlob(in.Int(2));
  Ref<String> string = blob ? String::FromBuffer(blob->Share(), value.size()) : String::Copy(value);
  if (!string) return ToJs(env, Code::kOutOfMemory);

  const int conditions = in.Int(4);
  SetOptions options;
  options.only_if_absent = conditions & kIfAbsent;
  options.only_if_present = conditions & kIfPresent;
  options.want_previous = conditions & kWantPrevious;
  options.expire_at_ms = in.Int64Exact(3);
  Ref<Object> previous;
  const Status status = keyspace().Set(in.Int(0), key, std::move(string), options,
                                       options.want_previous ? &previous : nullptr);
  if (options.want_previous) {
    thread.blocks->numbers[0] = -1;
    if (previous && previous->kind() == ObjectKind::kString) {
      const std::string_view bytes = static_cast<const String&>(*previous).view();
      thread.blocks->numbers[0] = static_cast<double>(bytes.size());
      thread.Hold(std::move(previous), bytes.data(), bytes.size());
    }
  }
  return ToJs(env, status);
}

// --- hashes ---

napi_value HashSet(napi_env env, napi_callback_info info) {
  const Arguments<4> in(env, info);
  ThreadState& thread = this_thread();
  const std::string_view key = thread.Word(in.Int(1));
  bool is_refused = false;
  const auto words = thread.Words(in.Int(2), in.Int(3), &is_refused);
  if (is_refused || ThreadState::IsRefused(key)) return ToJs(env, Code::kOutOfMemory);
  return ToJs(env, keyspace().HashSet(in.Int(0), key, words));
}

napi_value HashExists(napi_env env, napi_callback_info info) {
  const Arguments<3> in(env, info);
  ThreadState& thread = this_thread();
  const auto found = FindAs<Hash>(in.Int(0), thread.Word(in.Int(1)), ObjectKind::kHash);
  if (found.ok()) return ToJs(env, found.value()->Contains(thread.Word(in.Int(2))) ? 1 : 0);
  return found.status().code() == Code::kNotFound ? ToJs(env, 0) : ToJs(env, found.status());
}

napi_value HashLength(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  const auto found = FindAs<Hash>(in.Int(0), this_thread().Word(in.Int(1)), ObjectKind::kHash);
  if (found.ok()) return ToJs(env, found.value()->length());
  return found.status().code() == Code::kNotFound ? ToJs(env, 0) : ToJs(env, found.status());
}

napi_value HashFind(napi_env env, napi_callback_info info) {
  const Arguments<3> in(env, info);
  ThreadState& thread = this_thread();
  auto found = FindAs<Hash>(in.Int(0), thread.Word(in.Int(1)), ObjectKind::kHash);
  if (!found.ok()) return ToJs(env, found.status());
  std::string_view value;
  if (!found.value()->Find(thread.Word(in.Int(2)), &value)) return ToJs(env, Code::kNotFound);
  return ToJs(env, thread.Hold(std::move(found.value()), value.data(), value.size()));
}

class HashRows final : public RowSource {
 public:
  explicit HashRows(Ref<Hash> hash) : hash_(std::move(hash)) {}
  int64_t total() const override { return 2 * hash_->length(); }
  void Write(int64_t first, RowWriter& writer) override {
    bool is_field_written = first % 2 == 1;  // a piece may end between a field and its value
    hash_->ForEach(first / 2, [&](std::string_view field, std::string_view value) {
      if (!is_field_written && !writer.Put(field, hash_)) return false;
      is_field_written = false;
      return writer.Put(value, hash_);
    });
  }

 private:
  const Ref<Hash> hash_;
};

// Rows of what is not there.
napi_value NoRows(napi_env env, ThreadState& thread) {
  thread.rows = nullptr;
  thread.blocks->numbers[0] = thread.blocks->numbers[1] = 0;
  return ToJs(env, 0);
}

napi_value HashGetAll(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  ThreadState& thread = this_thread();
  auto found = FindAs<Hash>(in.Int(0), thread.Word(in.Int(1)), ObjectKind::kHash);
  if (found.status().code() == Code::kNotFound) return NoRows(env, thread);
  if (!found.ok()) return ToJs(env, found.status());
  return ToJs(env, thread.BeginRows(std::make_unique<HashRows>(std::move(found.value()))));
}

// --- lists ---

napi_value ListPush(napi_env env, napi_callback_info info) {
  const Arguments<5> in(env, info);
  ThreadState& thread = this_thread();
  const std::string_view key = thread.Word(in.Int(1));
  bool is_refused = false;
  const auto words = thread.Words(in.Int(2), in.Int(3), &is_refused);
  if (is_refused || ThreadState::IsRefused(key)) return ToJs(env, Code::kOutOfMemory);
  return ToJs(env, keyspace().ListPush(in.Int(0), key, words, in.Int(4) != 0, false));
}

napi_value ListLength(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  const auto found = FindAs<List>(in.Int(0), this_thread().Word(in.Int(1)), ObjectKind::kList);
  if (found.ok()) return ToJs(env, found.value()->length());
  return found.status().code() == Code::kNotFound ? ToJs(env, 0) : ToJs(env, found.status());
}

class ListRows final : public RowSource {
 public:
  // Elements first..last, within bounds.
  ListRows(Ref<List> list, int64_t first, int64_t last)
      : list_(std::move(list)), first_(first), last_(last) {}
  int64_t total() const override { return last_ - first_ + 1; }
  void Write(int64_t first, RowWriter& writer) override {
    list_->ForRange(first_ + first, last_,
                    [&](std::string_view element) { return writer.Put(element, list_); });
  }

 private:
  const Ref<List> list_;
  const int64_t first_, last_;
};

napi_value ListRange(napi_env env, napi_callback_info info) {
  const Arguments<4> in(env, info);
  ThreadState& thread = this_thread();
  const auto start = ParseInteger(thread.Word(in.Int(2)));
  const auto stop = ParseInteger(thread.Word(in.Int(3)));
  if (!start || !stop) return ToJs(env, Code::kNotInteger);
  auto found = FindAs<List>(in.Int(0), thread.Word(in.Int(1)), ObjectKind::kList);
  if (found.status().code() == Code::kNotFound) return NoRows(env, thread);
  if (!found.ok()) return ToJs(env, found.status());

  const int64_t length = found.value()->length();
  const int64_t first = std::max<int64_t>(*start < 0 ? *start + length : *start, 0);
  const int64_t last = std::min(*stop < 0 ? *stop + length : *stop, length - 1);
  if (first > last) return NoRows(env, thread);
  return ToJs(env,
              thread.BeginRows(std::make_unique<ListRows>(std::move(found.value()), first, last)));
}

}  // namespace

std::span<const Export> KeyExports() {
  static constexpr Export exports[] = {
      {"keySlot", KeySlot},
      {"keyKind", KeyKind},
      {"keysDelete", KeysDelete},
      {"keysExisting", KeysExisting},
      {"keyRename", KeyRename},
      {"keyExpire", KeyExpire},
      {"keyPersist", KeyPersist},
      {"keyExpireTime", KeyExpireTime},
      {"keyVersion", KeyVersion},
      {"databaseSize", DatabaseSize},
      {"databaseExpiringCount", DatabaseExpiringCount},
      {"flush", Flush},
      {"lockSlots", Wrapped<LockSlots>},
      {"unlockSlots", UnlockSlots},
      {"isOverMaxmemory", IsOverMaxmemory},
      {"stringFind", StringFind},
      {"stringSet", StringSet},
      {"hashSet", HashSet},
      {"hashExists", HashExists},
      {"hashLength", HashLength},
      {"hashFind", HashFind},
      {"hashGetAll", HashGetAll},
      {"listPush", ListPush},
      {"listLength", ListLength},
      {"listRange", ListRange},
  };
  return exports;
}

}  // namespace tutti
