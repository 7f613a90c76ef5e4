#include "api.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

namespace tutti {
namespace {

// While it lives, standard error goes to memory; then TensorFlow's lines go to the log, and what
// other threads wrote meanwhile to standard error.
class CapturedStderr {
 public:
  explicit CapturedStderr(const tutti_options& options) : options_(options) {
    std::fflush(stderr);
    capture_ = memfd_create("tensorflow-stderr", MFD_CLOEXEC);
    original_ = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    if (capture_ >= 0 && original_ >= 0) is_captured_ = dup2(capture_, STDERR_FILENO) >= 0;
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;
  ~CapturedStderr() {
    if (is_captured_) {
      std::fflush(stderr);
      dup2(original_, STDERR_FILENO);
      PassOn();
    }
    if (capture_ >= 0) close(capture_);
    if (original_ >= 0) close(original_);
  }

 private:
  void PassOn() const {
    std::string text;
    char block[4096];
    ssize_t block_bytes = 0;
    for (off_t at = 0; (block_bytes = pread(capture_, block, sizeof(block), at)) > 0;) {
      text.append(block, static_cast<size_t>(block_bytes));
      at += block_bytes;
    }
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      PassOnLine(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }

  void PassOnLine(const std::string& line) const {
    // What it logs before its own settings hold (port.cc: that oneDNN is used).
    const bool is_ours = line.starts_with("WARNING: All log messages before absl") ||
                         (line.starts_with("I0000 ") && line.find(".cc:") != std::string::npos);
    if (!is_ours) {
      std::fprintf(stderr, "%s\n", line.c_str());
    } else if (options_.log != nullptr) {
      options_.log(options_.log_context, TUTTI_LOG_DEBUG, line.c_str());
    }
  }

  const tutti_options& options_;
  int capture_ = -1;
  int original_ = -1;
  bool is_captured_ = false;
};

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
    CapturedStderr captured(options);
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
