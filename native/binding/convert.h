// Between JavaScript and C++. The hot exports speak Node-API directly: a wrapped call costs some
// 20 ns more than the 9 ns of an empty one.
#pragma once

// A worker that is being terminated refuses exceptions too: that is no reason to stop the process.
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace tutti {

struct Export {
  const char* name;
  napi_callback function;
};

// By file: requests.cc, sockets.cc, replies.cc, keys.cc, tensors.cc, stored_models.cc, models.cc,
// dag.cc, clients.cc, events.cc, blocking.cc, process.cc, scripts.cc, persistence.cc, journal.cc,
// observation.cc.
std::span<const Export> RequestExports();
std::span<const Export> SocketExports();
std::span<const Export> ReplyExports();
std::span<const Export> KeyExports();
std::span<const Export> TensorExports();
std::span<const Export> StoredModelExports();
std::span<const Export> ModelExports();
std::span<const Export> DagExports();
std::span<const Export> ClientExports();
std::span<const Export> EventExports();
std::span<const Export> BlockingExports();
std::span<const Export> ProcessExports();
std::span<const Export> ScriptExports();
std::span<const Export> PersistenceExports();
std::span<const Export> ObservationExports();
std::span<const Export> DebugExports();
std::span<const Export> JournalExports();
// The commands about plain values: data_exports.cc names their files.
std::span<const std::span<const Export>> DataExports();

// TypeScript has checked what came from outside: what is wrong here is a bug of ours.
#define TUTTI_CHECK(fact)                                                            \
  do {                                                                               \
    if (!(fact)) [[unlikely]] {                                                      \
      std::fprintf(stderr, "tutti: %s:%d: not so: %s\n", __FILE__, __LINE__, #fact); \
      std::abort();                                                                  \
    }                                                                                \
  } while (false)

// The arguments of one call. A missing one reads as 0.
template <size_t kCount>
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = kCount;
    napi_get_cb_info(env, info, &count, values_, nullptr, nullptr);
  }

  int32_t Int(size_t i) const {
    int32_t number = 0;
    napi_get_value_int32(env_, values_[i], &number);
    return number;
  }
  // Whole numbers up to 2^53; a fraction is cut off.
  int64_t Int64(size_t i) const {
    int64_t number = 0;
    napi_get_value_int64(env_, values_[i], &number);
    return number;
  }
  // All of 64 bits: a BigInt where a number would not do.
  int64_t Int64Exact(size_t i) const {
    int64_t number = 0;
    if (napi_get_value_int64(env_, values_[i], &number) == napi_ok) [[likely]]
      return number;
    bool is_lossless = false;
    napi_get_value_bigint_int64(env_, values_[i], &number, &is_lossless);
    TUTTI_CHECK(is_lossless);
    return number;
  }
  napi_value operator[](size_t i) const { return values_[i]; }

 private:
  napi_env env_;
  napi_value values_[kCount];
};

inline napi_value ToJs(napi_env env, int64_t number) {
  napi_value result;
  if (number >= std::numeric_limits<int32_t>::min() &&
      number <= std::numeric_limits<int32_t>::max()) [[likely]] {
    napi_create_int32(env, static_cast<int32_t>(number), &result);
  } else {
    napi_create_double(env, static_cast<double>(number), &result);
  }
  return result;
}
// A BigInt where a number would not do.
inline napi_value ToJsExact(napi_env env, int64_t number) {
  constexpr int64_t kSafeIntegerMax = (int64_t{1} << 53) - 1;
  if (number >= -kSafeIntegerMax && number <= kSafeIntegerMax) [[likely]]
    return ToJs(env, number);
  napi_value result;
  napi_create_bigint_int64(env, number, &result);
  return result;
}
inline napi_value ToJs(napi_env env, Code code) { return ToJs(env, -static_cast<int64_t>(code)); }
inline napi_value ToJs(napi_env env, const Status& status) { return ToJs(env, status.code()); }
inline napi_value ToJs(napi_env env, const Result<int64_t>& result) {
  return result.ok() ? ToJs(env, result.value()) : ToJs(env, result.status());
}

// What a function without a result answers.
inline constexpr napi_value kUndefined = nullptr;

// A cold export, written with node-addon-api.
template <Napi::Value (*kFunction)(const Napi::CallbackInfo&)>
napi_value Wrapped(napi_env env, napi_callback_info info) {
  return kFunction(Napi::CallbackInfo(env, info));
}

// Calls a function of JavaScript from the event loop. False if it threw (the exception is left for
// Node to report) or if the thread is being terminated.
inline bool CallFunction(napi_env env, napi_value function,
                         std::initializer_list<napi_value> arguments) {
  napi_value undefined, result;
  return napi_get_undefined(env, &undefined) == napi_ok &&
         napi_call_function(env, undefined, function, arguments.size(), arguments.begin(),
                            &result) == napi_ok;
}

inline int64_t ToInt64(const Napi::Value& value) { return value.As<Napi::Number>().Int64Value(); }
inline int32_t ToInt32(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }
inline std::string ToText(const Napi::Value& value) { return value.As<Napi::String>().Utf8Value(); }

template <typename T>
std::vector<T> ToIntegers(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<T> numbers(array.Length());
  for (uint32_t i = 0; i < numbers.size(); i++) numbers[i] = static_cast<T>(ToInt64(array.Get(i)));
  return numbers;
}

inline std::vector<std::string> ToTexts(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> texts(array.Length());
  for (uint32_t i = 0; i < texts.size(); i++) texts[i] = ToText(array.Get(i));
  return texts;
}

inline Napi::Array FromTexts(Napi::Env env, const std::vector<std::string>& texts) {
  const auto array = Napi::Array::New(env, texts.size());
  for (uint32_t i = 0; i < texts.size(); i++) array.Set(i, texts[i]);
  return array;
}

}  // namespace tutti
