// The exports about what DEBUG shows and makes.
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "binding/call.h"
#include "binding/command_words.h"
#include "keyspace/keys.h"
#include "keyspace/populate.h"
#include "persistence/background.h"
#include "persistence/digest.h"
#include "persistence/dump.h"

namespace tutti {

namespace {

Napi::Value ToBuffer(Napi::Env env, const Sha1Digest& digest) {
  return Napi::Buffer<uint8_t>::Copy(env, digest.data(), digest.size());
}

Napi::Value KeyspaceDigest(const Napi::CallbackInfo& info) {
  return ToBuffer(info.Env(), DigestOfAll());
}

Napi::Value ValueDigest(const Napi::CallbackInfo& info) {
  const std::string_view key = this_thread().Word(ToInt32(info[1]));
  if (ThreadState::IsRefused(key)) return ToBuffer(info.Env(), {});
  const keys::ValueFacts facts = keys::FactsOf(ToInt32(info[0]), key);
  return ToBuffer(info.Env(), DigestOfValue(facts.value.get(), facts.expire_at_ms >= 0));
}

// Empty if there is no such key.
Napi::Value DebugObject(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string_view key = this_thread().Word(ToInt32(info[1]));
  if (ThreadState::IsRefused(key)) return Napi::String::New(env, "");
  const keys::ValueFacts facts = keys::FactsOf(ToInt32(info[0]), key);
  if (!facts.value) return Napi::String::New(env, "");
  constexpr size_t kFrameBytes = 11;  // of a DUMP: the type, the version and the checksum
  const Ref<String> dump = Dump(*facts.value, true);
  const size_t dump_bytes = dump ? dump->view().size() - kFrameBytes : 0;
  char text[256];
  const int bytes = std::snprintf(
      text, sizeof text,
      "Value at:%p refcount:%lld encoding:%s serializedlength:%zu lru:%u lru_seconds_idle:%lld",
      static_cast<const void*>(facts.value.get()), static_cast<long long>(facts.references),
      facts.encoding, dump_bytes, facts.access & 0xffffff,
      static_cast<long long>(facts.idle_seconds));
  return Napi::String::New(env, text, static_cast<size_t>(bytes));
}

// populate(db, prefix, count, valueBytes, connection, sequence): without a prefix (-1) it is `key`;
// below 0 each value is as long as it needs to be.
napi_value StartPopulate(napi_env env, napi_callback_info info) {
  const Arguments<6> in(env, info);
  ThreadState& thread = this_thread();
  std::string prefix = "key";
  if (in.Int(1) >= 0) {
    const std::string_view word = thread.Word(in.Int(1));
    if (ThreadState::IsRefused(word)) return ToJs(env, Code::kOutOfMemory);
    prefix = word;
  }
  std::optional<size_t> value_bytes;
  if (in.Int64(3) >= 0) value_bytes = static_cast<size_t>(in.Int64(3));
  background::Run(background::Queue::kValues,
                  [db = in.Int(0), prefix = std::move(prefix), count = in.Int64(2), value_bytes,
                   completion = ToCompletion(thread, in.Int(4), in.Int(5))] {
                    completion.Done(Populate(db, prefix, count, value_bytes).code());
                  });
  return ToJs(env, Code::kOk);
}

}  // namespace

std::span<const Export> DebugExports() {
  static constexpr Export exports[] = {
      {"keyspaceDigest", Wrapped<KeyspaceDigest>},
      {"valueDigest", Wrapped<ValueDigest>},
      {"debugObject", Wrapped<DebugObject>},
      {"populate", StartPopulate},
  };
  return exports;
}

}  // namespace tutti
