// Over how many threads OpenMP divides the loops of a run.
#ifndef TUTTI_BACKENDS_TORCH_DIVIDED_RUN_H_
#define TUTTI_BACKENDS_TORCH_DIVIDED_RUN_H_

#include <omp.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "../../inference/thread_choice.h"

namespace tutti {

// The time of one run that is divided over so many threads. Runs may begin inside one another, as a
// script calls a model.
class RunThreads {
 public:
  explicit RunThreads(int thread_count) : before_(omp_get_max_threads()) {
    omp_set_num_threads(thread_count);
  }
  ~RunThreads() { omp_set_num_threads(before_); }
  RunThreads(const RunThreads&) = delete;
  RunThreads& operator=(const RunThreads&) = delete;

  // Notes how many threads the calling one divides a run over: once, before its first run.
  static void InitThread() { OfThread() = omp_get_max_threads(); }
  // As many as the options say.
  static int AllThreads() { return OfThread(); }

 private:
  static int& OfThread() {
    static thread_local int count = 1;
    return count;
  }

  const int before_;
};

// The time of one call of a script's function, which goes the way that `choice` says; null: as the
// thread was.
class DividedCall {
 public:
  DividedCall(ThreadChoice* choice, size_t input_bytes)
      : choice_(choice),
        input_bytes_(input_bytes),
        way_(choice ? choice->Choose(input_bytes, static_cast<uint32_t>(RunThreads::AllThreads()))
                    : ThreadChoice::Way::kAllThreads),
        threads_(!choice                                 ? omp_get_max_threads()
                 : way_ == ThreadChoice::Way::kOneThread ? 1
                                                         : RunThreads::AllThreads()) {}
  ~DividedCall() {
    if (choice_) choice_->Note(input_bytes_, way_, Clock::now() - begin_);
  }
  DividedCall(const DividedCall&) = delete;
  DividedCall& operator=(const DividedCall&) = delete;

 private:
  using Clock = std::chrono::steady_clock;

  ThreadChoice* const choice_;
  const size_t input_bytes_;
  const ThreadChoice::Way way_;
  const RunThreads threads_;
  const Clock::time_point begin_ = Clock::now();
};

}  // namespace tutti

#endif  // TUTTI_BACKENDS_TORCH_DIVIDED_RUN_H_
