// What does a key cost? Nanoseconds of CPU per call of one thread, among 1,000,000 keys of 16 bytes
// with values of 64 bytes. "10 keys" stay in the cache; "random keys" wait for memory, as they do
// in the std::unordered_map beside them. `npm run bench -- keyspace-calls` runs it.
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/memory_account.h"
#include "keyspace/hashes.h"
#include "keyspace/keyspace.h"
#include "keyspace/lists.h"
#include "keyspace/slot.h"
#include "keyspace/value.h"

namespace {

using namespace tutti;

constexpr int kKeyCount = 1'000'000;

double CpuNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <typename Body>
void Measure(const char* name, Body body) {
  std::vector<double> rounds;
  for (int round = 0; round < 5; ++round) {
    const double start = CpuNs();
    for (int i = 0; i < kKeyCount; ++i) body(i);
    rounds.push_back((CpuNs() - start) / kKeyCount);
  }
  std::sort(rounds.begin(), rounds.end());
  std::printf("%-40s %6.0f ns (%.0f to %.0f)\n", name, rounds[2], rounds[0], rounds[4]);
}

}  // namespace

int main() {
  std::vector<std::string> keys;
  for (int64_t i = 0; i < kKeyCount; ++i)
    keys.push_back("key:" + std::to_string(100'000'000'000 + i * 7919));
  std::mt19937 random(1);
  std::vector<std::string> random_keys;
  for (int i = 0; i < kKeyCount; ++i) random_keys.push_back(keys[random() % kKeyCount]);
  const std::string bytes(64, 'v');
  Keyspace& keyspace = Keyspace::Get();
  const auto set = [&](const std::string& key) {
    if (!keyspace.Set(0, key, String::Copy(bytes), {}, nullptr).ok()) std::abort();
  };
  std::unordered_map<std::string, Ref<Object>> map;
  for (const std::string& key : keys) {
    map[key] = String::Copy(bytes);
    set(key);
  }
  uint64_t sum = 0;
  const auto at = [](const std::vector<std::string>& all, int i) -> const std::string& {
    return all[static_cast<size_t>(i)];
  };

  Measure("slot and hash of a key", [&](int i) { sum += AddressOf(at(random_keys, i)).order; });
  Measure("copy and free a string", [&](int) { sum += String::Copy(bytes)->view().size(); });
  Measure("Find, 10 keys",
          [&](int i) { sum += static_cast<bool>(keyspace.Find(0, at(keys, i % 10))); });
  Measure("Set, 10 keys", [&](int i) { set(at(keys, i % 10)); });
  Measure("unordered_map::find, random keys", [&](int i) {
    const Ref<Object> found = map.find(at(random_keys, i))->second;
    sum += static_cast<bool>(found);
  });
  Measure("Find, random keys",
          [&](int i) { sum += static_cast<bool>(keyspace.Find(0, at(random_keys, i))); });
  Measure("Set, random keys", [&](int i) { set(at(random_keys, i)); });
  Measure("RPUSH one element", [&](int) {
    const std::string_view element = "element";
    sum += lists::Push(0, "list", {&element, 1}, true, false).ok();
  });
  Measure("HSET among 20 fields", [&](int i) {
    const std::string_view pair[] = {at(keys, i % 20), "value"};
    sum += hashes::Set(0, "small hash", pair, false).ok();
  });
  Measure("HSET among 1,000,000 fields", [&](int i) {
    const std::string_view pair[] = {at(random_keys, i), "value"};
    sum += hashes::Set(0, "large hash", pair, false).ok();
  });
  std::printf("(%llu)\n", static_cast<unsigned long long>(sum % 10));
}
