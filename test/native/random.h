// Random numbers of a native test: the seed is printed, and TUTTI_TEST_SEED gives it again.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

namespace tutti::test {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  // 0 to below - 1.
  uint64_t Below(uint64_t below) { return engine_() % below; }
  std::string Bytes(size_t count) {
    std::string bytes(count, '\0');
    for (char& byte : bytes) byte = static_cast<char>(engine_());
    return bytes;
  }

 private:
  std::mt19937_64 engine_;
};

inline uint64_t TestSeed() {
  static const uint64_t seed = [] {
    const char* wanted = std::getenv("TUTTI_TEST_SEED");
    const uint64_t chosen = wanted ? std::strtoull(wanted, nullptr, 10) : std::random_device{}();
    std::printf("# TUTTI_TEST_SEED=%llu\n", static_cast<unsigned long long>(chosen));
    return chosen;
  }();
  return seed;
}

}  // namespace tutti::test
