// MODEL_EXECUTION_TIMEOUT: ends runs that take longer.
#ifndef TUTTI_BACKENDS_ONNX_TIMED_RUN_H_
#define TUTTI_BACKENDS_ONNX_TIMED_RUN_H_

#include "runtime.h"

namespace tutti::onnx {

struct Watch;

// Lives as long as a run. Without a timeout it costs nothing.
class TimedRun {
 public:
  TimedRun();
  TimedRun(const TimedRun&) = delete;
  TimedRun& operator=(const TimedRun&) = delete;
  ~TimedRun();

  const ort::RunOptions* options() const;

 private:
  Watch* watch_ = nullptr;
};

// The thread that ends runs; it never ends itself.
[[noreturn]] void WatchRuns();

}  // namespace tutti::onnx

#endif  // TUTTI_BACKENDS_ONNX_TIMED_RUN_H_
