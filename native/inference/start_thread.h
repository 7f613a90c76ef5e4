// Threads that live as long as the process and are never joined.
#pragma once

#include <pthread.h>

#include <functional>
#include <optional>
#include <string>

namespace tutti {

// Starts a detached thread that calls `work`. It takes no signal: they are the main thread's, and
// so it is for the threads that a runtime starts from it. The name is cut to the 15 bytes that
// Linux keeps. Nothing, if the system has no thread to give.
std::optional<pthread_t> StartThread(const std::string& name, std::function<void()> work);

}  // namespace tutti
