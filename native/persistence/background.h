// Where DUMP and RESTORE of large values are done: a thread of its own, in the order of their
// coming. A connection waits for one at a time, which bounds the queue.
//
// Threads: any.
#pragma once

#include <functional>

namespace tutti::background {

// Calls `work` on that thread; on this one if there is none to be had.
void Run(std::function<void()> work);

}  // namespace tutti::background
