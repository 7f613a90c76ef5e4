// Threads that work in the background must not slow those that serve.
#pragma once

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tutti {

// Nice 19 for the calling thread only: on Linux priorities belong to threads.
inline void LowerPriorityOfThisThread() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 19);
}

}  // namespace tutti
