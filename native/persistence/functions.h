// Libraries of functions as they come from a Redis. No command of ours runs them; they are kept and
// go into the files that are saved.
//
// Threads: any.
#pragma once

#include <string>
#include <vector>

namespace tutti::functions {

void Keep(std::string code);
std::vector<std::string> Kept();

}  // namespace tutti::functions
