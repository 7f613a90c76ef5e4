// Where DUMP and RESTORE of large values are done, MIGRATE, and what takes long of AI.TENSORSET: a
// thread each, that does one after the other in the order of their coming. A connection waits for
// one at a time, which bounds the queues.
//
// Threads: any.
#pragma once

#include <functional>

namespace tutti::background {

enum class Queue : int {
  kValues,
  kMigrations,  // wait for the network
  kTensors,
};

// Calls `work` on the queue's thread; on this one if there is none to be had.
void Run(Queue queue, std::function<void()> work);

}  // namespace tutti::background
