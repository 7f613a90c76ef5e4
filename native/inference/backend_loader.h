// Opens inference backends on first use.
//
// Threads: any method may be called from any thread; one that finds a backend being opened waits
// for it (0.2 to 1.2 s for torch, so not on an event loop). Nothing is ever closed: runtimes leave
// threads and thread-local state behind.
#ifndef TUTTI_INFERENCE_BACKEND_LOADER_H_
#define TUTTI_INFERENCE_BACKEND_LOADER_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "backend.h"

namespace tutti {

// What is needed to open one backend.
struct BackendSource {
  std::string name;            // "torch", "onnx", "tensorflow", "tflite": part of the file's name
  std::string runtime_folder;  // where the runtime's libraries lie; empty if none is needed
  // Full paths, opened in this order before the backend, so that it finds these and no others.
  std::vector<std::string> libraries;
};

class BackendLoader {
 public:
  // `options` is what every backend is configured with, but for its `runtime_folder`.
  BackendLoader(std::string native_folder, std::vector<BackendSource> sources,
                const tutti_options& options);
  ~BackendLoader();

  // Opens `<native folder>/tutti_backend_<name>.so` and configures it, the first time. What came of
  // it is remembered: a failure stays one until the process ends. Returns null and sets `error` to
  // a sentence (without a code) if it cannot be opened. The table lives as long as the process.
  const tutti_backend* Open(std::string_view name, std::string* error);

  // The table if it has been opened, else null; never waits and opens nothing.
  const tutti_backend* Opened(std::string_view name) const;

 private:
  struct Entry;
  const std::string native_folder_;
  const tutti_options options_;
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> entries_;  // fixed once constructed
};

}  // namespace tutti

#endif  // TUTTI_INFERENCE_BACKEND_LOADER_H_
