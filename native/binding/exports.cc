// What tutti.node exports: one to one with the interface `Addon` of lib/engine/addon.ts.
#include "binding/convert.h"

namespace {

// Changes with any change of the exports that an already compiled caller would notice.
constexpr int kAbiVersion = 1;

// As INFO of Redis names it, whatever the compiler.
#define TUTTI_TEXT_OF(number) #number
#define TUTTI_TEXT(number) TUTTI_TEXT_OF(number)
constexpr char kCompilerVersion[] =
    TUTTI_TEXT(__GNUC__) "." TUTTI_TEXT(__GNUC_MINOR__) "." TUTTI_TEXT(__GNUC_PATCHLEVEL__);

// False in a worker that is terminated while it loads.
bool AddExports(napi_env env, napi_value exports, std::span<const tutti::Export> list) {
  for (const tutti::Export& row : list) {
    napi_value function = nullptr;
    const bool is_set = napi_create_function(env, row.name, NAPI_AUTO_LENGTH, row.function, nullptr,
                                             &function) == napi_ok &&
                        napi_set_named_property(env, exports, row.name, function) == napi_ok;
    if (!is_set) return false;
  }
  return true;
}

napi_value Init(napi_env env, napi_value exports) {
  Napi::Object(env, exports).Set("abiVersion", kAbiVersion);
  Napi::Object(env, exports).Set("compilerVersion", kCompilerVersion);
  const std::span<const tutti::Export> lists[] = {
      tutti::RequestExports(),     tutti::SocketExports(),      tutti::ReplyExports(),
      tutti::KeyExports(),         tutti::TensorExports(),      tutti::StoredModelExports(),
      tutti::ModelExports(),       tutti::ScriptExports(),      tutti::DagExports(),
      tutti::ClientExports(),      tutti::EventExports(),       tutti::ProcessExports(),
      tutti::PersistenceExports(), tutti::ObservationExports(), tutti::BlockingExports(),
      tutti::JournalExports(),     tutti::DebugExports(),
  };
  for (const auto& list : lists) {
    if (!AddExports(env, exports, list)) return exports;
  }
  for (const auto& list : tutti::DataExports()) {
    if (!AddExports(env, exports, list)) return exports;
  }
  return exports;
}

}  // namespace

NAPI_MODULE_INIT() { return Init(env, exports); }
