// A run whose loops OpenMP divides over as many threads as its model's ThreadChoice says.
#ifndef TUTTI_BACKENDS_TORCH_DIVIDED_RUN_H_
#define TUTTI_BACKENDS_TORCH_DIVIDED_RUN_H_

#include <omp.h>

#include <chrono>
#include <cstddef>

#include "../../inference/thread_choice.h"

namespace tutti {

// The time of one run, which goes the way that `choice` says; null: as the thread was. Runs may
// begin inside one another, as a script calls a model.
class DividedRun {
 public:
  DividedRun(ThreadChoice* choice, size_t input_bytes)
      : choice_(choice), input_bytes_(input_bytes) {
    if (!choice_) return;
    before_ = omp_get_max_threads();
    way_ = choice_->Choose(input_bytes_);
    omp_set_num_threads(way_ == ThreadChoice::Way::kOneThread ? 1 : AllThreads());
    begin_ = Clock::now();
  }
  ~DividedRun() {
    if (!choice_) return;
    choice_->Note(input_bytes_, way_, Clock::now() - begin_);
    omp_set_num_threads(before_);
  }
  DividedRun(const DividedRun&) = delete;
  DividedRun& operator=(const DividedRun&) = delete;

  // Notes how many threads the calling one divides a run over: once, before its first run.
  static void InitThread() { AllThreads() = omp_get_max_threads(); }

 private:
  using Clock = std::chrono::steady_clock;

  static int& AllThreads() {
    static thread_local int count = 1;
    return count;
  }

  ThreadChoice* const choice_;
  const size_t input_bytes_;
  int before_ = 1;
  ThreadChoice::Way way_ = ThreadChoice::Way::kAllThreads;
  Clock::time_point begin_;
};

}  // namespace tutti

#endif  // TUTTI_BACKENDS_TORCH_DIVIDED_RUN_H_
