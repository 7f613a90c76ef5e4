#include "api.h"

#include <dlfcn.h>

#include <string>

#include "../captured_stderr.h"

namespace tutti {
namespace {

void* Open(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    throw Failure{"could not open library " + path + ": " + (why != nullptr ? why : "") +
                  "; run: tutti runtimes install tensorflow"};
  }
  return library;
}

}  // namespace

void OpenLibraries(const tutti_options& options) {
  if (options.runtime_folder == nullptr) throw Failure{"the folder of TensorFlow is not known"};
  const std::string folder = options.runtime_folder;
  void* library = nullptr;
  {
    // What it logs before its own settings hold (port.cc: that oneDNN is used).
    CapturedStderr captured(options.log, options.log_context, [](const std::string& line) {
      return line.starts_with("WARNING: All log messages before absl") ||
             (line.starts_with("I0000 ") && line.find(".cc:") != std::string::npos);
    });
    // By full path: then the second finds the first, whatever LD_LIBRARY_PATH names.
    Open(folder + "/libtensorflow_framework.so.2");
    library = Open(folder + "/libtensorflow_cc.so.2");
  }
#define TUTTI_TENSORFLOW_FIND(name)                                           \
  tf.name = reinterpret_cast<decltype(tf.name)>(dlsym(library, "TF_" #name)); \
  if (tf.name == nullptr) throw Failure{folder + " has no TensorFlow with TF_" #name "()"};
  TUTTI_TENSORFLOW_FUNCTIONS(TUTTI_TENSORFLOW_FIND)
#undef TUTTI_TENSORFLOW_FIND
}

}  // namespace tutti
