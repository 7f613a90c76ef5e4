// Random choices that clients see (RANDOMKEY, SPOP ...): quick, not secret.
#pragma once

#include <cstdint>
#include <vector>

namespace tutti {

// 0 to below - 1; `below` is positive.
uint64_t RandomBelow(uint64_t below);

// `count` different numbers of 0 to below - 1, count <= below, in no order that means anything.
std::vector<int64_t> RandomSample(int64_t count, int64_t below);

}  // namespace tutti
