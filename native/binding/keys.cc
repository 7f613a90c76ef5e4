// The exports about keys of any type, and about strings as SET and GET have them.
#include <algorithm>
#include <memory>
#include <utility>

#include "binding/thread_state.h"
#include "core/numbers.h"
#include "keyspace/access.h"
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
  const Ref<Object> value = keyspace().Find(in.Int(0), key, false);
  return ToJs(env, static_cast<int64_t>(value ? value->kind() : ObjectKind::kNone));
}

napi_value KeysDelete(napi_env env, napi_callback_info info) {
  const Arguments<3> in(env, info);
  const auto keys = this_thread().Words(in.Int(1), in.Int(2), nullptr);
  return ToJs(env, keyspace().Delete(in.Int(0), keys));
}

napi_value KeysExisting(napi_env env, napi_callback_info info) {
  const Arguments<4> in(env, info);
  const auto keys = this_thread().Words(in.Int(1), in.Int(2), nullptr);
  return ToJs(env, keyspace().CountExisting(in.Int(0), keys, in.Int(3) != 0));
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
  this_thread().ended_watches.clear();
  return kUndefined;
}

napi_value SetTouching(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  SetThreadTouches(in.Int(0) != 0);
  return kUndefined;
}

napi_value IsOverMaxmemory(napi_env env, napi_callback_info) {
  return ToJs(env, memory_account::MakeRoom(0) ? 0 : 1);
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
      {"databaseSize", DatabaseSize},
      {"databaseExpiringCount", DatabaseExpiringCount},
      {"flush", Flush},
      {"lockSlots", Wrapped<LockSlots>},
      {"unlockSlots", UnlockSlots},
      {"isOverMaxmemory", IsOverMaxmemory},
      {"setTouching", SetTouching},
      {"stringFind", StringFind},
      {"stringSet", StringSet},
  };
  return exports;
}

}  // namespace tutti
