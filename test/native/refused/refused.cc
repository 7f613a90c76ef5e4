// Libraries that cannot be used, one for each TUTTI_REFUSED_<KIND>: what the loader must say no to.
#include <cstdio>

#include "inference/backend.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

#if defined(TUTTI_REFUSED_OTHER_ABI)

EXPORTED const tutti_backend* tutti_backend_open() {
  static tutti_backend table{};
  table.abi = TUTTI_BACKEND_ABI + 1;
  return &table;
}

#elif defined(TUTTI_REFUSED_NO_TABLE)

EXPORTED const tutti_backend* tutti_backend_open() { return nullptr; }

#elif defined(TUTTI_REFUSED_OTHER_SYMBOL)

EXPORTED const tutti_backend* tutti_backend_opened() { return nullptr; }

#elif defined(TUTTI_REFUSED_UNRESOLVED)

// In no library at all.
extern "C" const tutti_backend* tutti_backend_of_nowhere();
EXPORTED const tutti_backend* tutti_backend_open() { return tutti_backend_of_nowhere(); }

#elif defined(TUTTI_REFUSED_UNWILLING)

static int Configure(const tutti_options*, char* error, size_t error_bytes) {
  std::snprintf(error, error_bytes, "this processor is too old");
  return 1;
}

EXPORTED const tutti_backend* tutti_backend_open() {
  static tutti_backend table{};
  table.abi = TUTTI_BACKEND_ABI;
  table.configure = Configure;
  return &table;
}

#elif defined(TUTTI_REFUSED_OLD_ONNX)

namespace {
struct ApiBase {
  const void* const* (*get_api)(uint32_t version);
  const char* (*get_version)();
};
}  // namespace

EXPORTED const ApiBase* OrtGetApiBase() {
  static const ApiBase base = {[](uint32_t) -> const void* const* { return nullptr; },
                               []() -> const char* { return "1.10.0"; }};
  return &base;
}

#elif !defined(TUTTI_REFUSED_NO_ONNX)
#error "which one"
#endif
