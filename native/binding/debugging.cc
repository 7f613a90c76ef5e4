// The exports about what DEBUG shows and makes.
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "binding/call.h"
#include "binding/command_words.h"
#include "keyspace/keys.h"
#include "keyspace/populate.h"
#include "persistence/background.h"
#include "persistence/digest.h"
#include "persistence/dump.h"

namespace tutti {

namespace {

// `make` answers the text of the completion, as values take as long as they are large.
template <typename Make>
void TellLater(Completion completion, Make make) {
  background::Run(background::Queue::kValues,
                  [completion = std::move(completion), make = std::move(make)] {
                    completion.Done(Code::kOk, make());
                  });
}

std::string HexOf(const Sha1Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Napi::Value KeyspaceDigest(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), HexOf(DigestOfAll()));
}

napi_value KeyspaceDigestLater(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  TellLater(ToCompletion(this_thread(), in.Int(0), in.Int(1)), [] { return HexOf(DigestOfAll()); });
  return kUndefined;
}

// Without a value where the key is refused.
keys::ValueFacts FactsOfWord(int db, int32_t word) {
  const std::string_view key = this_thread().Word(word);
  return ThreadState::IsRefused(key) ? keys::ValueFacts() : keys::FactsOf(db, key);
}

std::string DigestOf(const keys::ValueFacts& facts) {
  return HexOf(DigestOfValue(facts.value.get(), facts.expire_at_ms >= 0));
}

Napi::Value ValueDigest(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), DigestOf(FactsOfWord(ToInt32(info[0]), ToInt32(info[1]))));
}

// valueDigestsLater(db, firstKey, count, connection, sequence): the text is that of all of them.
napi_value ValueDigestsLater(napi_env env, napi_callback_info info) {
  const Arguments<5> in(env, info);
  std::vector<keys::ValueFacts> all;
  for (int32_t i = 0; i < in.Int(2); i++) all.push_back(FactsOfWord(in.Int(0), in.Int(1) + i));
  TellLater(ToCompletion(this_thread(), in.Int(3), in.Int(4)), [all = std::move(all)] {
    std::string text;
    for (const keys::ValueFacts& facts : all) text += DigestOf(facts);
    return text;
  });
  return kUndefined;
}

std::string TextOf(const keys::ValueFacts& facts) {
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
  return {text, static_cast<size_t>(bytes)};
}

// Empty if there is no such key.
Napi::Value DebugObject(const Napi::CallbackInfo& info) {
  const keys::ValueFacts facts = FactsOfWord(ToInt32(info[0]), ToInt32(info[1]));
  return Napi::String::New(info.Env(), facts.value ? TextOf(facts) : "");
}

// debugObjectLater(db, key, connection, sequence)
napi_value DebugObjectLater(napi_env env, napi_callback_info info) {
  const Arguments<4> in(env, info);
  keys::ValueFacts facts = FactsOfWord(in.Int(0), in.Int(1));
  if (!facts.value) return ToJs(env, Code::kNotFound);
  TellLater(ToCompletion(this_thread(), in.Int(2), in.Int(3)),
            [facts = std::move(facts)] { return TextOf(facts); });
  return ToJs(env, Code::kOk);
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
      {"keyspaceDigestLater", KeyspaceDigestLater},
      {"valueDigest", Wrapped<ValueDigest>},
      {"valueDigestsLater", ValueDigestsLater},
      {"debugObject", Wrapped<DebugObject>},
      {"debugObjectLater", DebugObjectLater},
      {"populate", StartPopulate},
  };
  return exports;
}

}  // namespace tutti
