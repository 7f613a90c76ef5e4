// Keeps from the user's terminal what a runtime writes to standard error and cannot be told not to.
#ifndef TUTTI_BACKENDS_CAPTURED_STDERR_H_
#define TUTTI_BACKENDS_CAPTURED_STDERR_H_

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "../inference/backend.h"

namespace tutti {

// While it lives, standard error of the process goes to memory; then the lines that `is_runtimes`
// knows go to the log, and what other threads wrote meanwhile to standard error. Another one waits,
// that of another library too, and so do threads that write by way of `stderr`.
class CapturedStderr {
 public:
  using Log = decltype(tutti_options::log);
  using Predicate = bool (*)(const std::string& line);

  CapturedStderr(Log log, void* log_context, Predicate is_runtimes)
      : log_(log), log_context_(log_context), is_runtimes_(is_runtimes) {
    flockfile(stderr);
    std::fflush(stderr);
    capture_ = memfd_create("captured-stderr", MFD_CLOEXEC);
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
    funlockfile(stderr);
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
      const std::string line = text.substr(begin, end - begin);
      if (!is_runtimes_(line)) {
        std::fprintf(stderr, "%s\n", line.c_str());
      } else if (log_ != nullptr) {
        log_(log_context_, TUTTI_LOG_DEBUG, line.c_str());
      }
      begin = end + 1;
    }
  }

  const Log log_;
  void* const log_context_;
  const Predicate is_runtimes_;
  int capture_ = -1;
  int original_ = -1;
  bool is_captured_ = false;
};

}  // namespace tutti

#endif  // TUTTI_BACKENDS_CAPTURED_STDERR_H_
