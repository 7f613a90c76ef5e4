#include "persistence/functions.h"

#include <mutex>
#include <utility>

namespace tutti::functions {

namespace {

std::mutex mutex;
std::vector<std::string>& libraries = *new std::vector<std::string>;  // guarded by it

}  // namespace

void Keep(std::string code) {
  const std::lock_guard lock(mutex);
  libraries.push_back(std::move(code));
}

std::vector<std::string> Kept() {
  const std::lock_guard lock(mutex);
  return libraries;
}

}  // namespace tutti::functions
