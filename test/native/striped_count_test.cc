#include "core/striped_count.h"

#include <thread>
#include <vector>

#include "check.h"

namespace tutti {
namespace {

TEST(CountsWhatManyThreadsAdd) {
  StripedCount count;
  std::vector<std::thread> threads;
  for (int t = 0; t < 40; t++) {  // more than there are parts
    threads.emplace_back([&count] {
      for (int i = 0; i < 1000; i++) count.Add(3);
      for (int i = 0; i < 1000; i++) count.Add(-2);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQUAL(count.Sum(), 40'000u);
}

TEST(IsNeverNegative) {
  StripedCount count;
  count.Add(-1);
  CHECK_EQUAL(count.Sum(), 0u);
  std::thread([&count] { count.Add(3); }).join();
  CHECK_EQUAL(count.Sum(), 2u);
}

}  // namespace
}  // namespace tutti

RUN_TESTS()
