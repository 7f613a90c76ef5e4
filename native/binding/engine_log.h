// Lines that the engine and its backends log, from any thread, on their way to the JavaScript
// thread that writes the log.
#pragma once

#include <napi.h>

#include <functional>
#include <string_view>

namespace tutti {

// Lines that wait for that thread; of more only the number is told.
inline constexpr size_t kLogLinesMax = 1000;

// A function for EngineOptions::log. Each line is told to on_line(level, text) in the thread of
// `env`, until that ends; afterwards lines go to stderr.
std::function<void(int level, std::string_view line)> LogTo(Napi::Env env, Napi::Function on_line);

}  // namespace tutti
