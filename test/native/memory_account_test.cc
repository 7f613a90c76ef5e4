#include "core/memory_account.h"

#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/device.h"
#include "random.h"

namespace {

using namespace tutti;
using tutti::test::Random;
using tutti::test::TestSeed;

}  // namespace

TEST(CountsByKind) {
  memory_account::Add(MemoryKind::kModels, 100);
  memory_account::Add(MemoryKind::kReplies, 20);
  CHECK_EQUAL(memory_account::Used(), 120u);
  CHECK_EQUAL(memory_account::Used(MemoryKind::kModels), 100u);
  memory_account::Add(MemoryKind::kModels, -100);
  memory_account::Add(MemoryKind::kReplies, -20);
  CHECK_EQUAL(memory_account::Used(), 0u);
  CHECK(memory_account::Peak() == 0 || memory_account::Peak() >= 120);
}

TEST(KnowsTheLimit) {
  CHECK(!memory_account::WouldExceed(SIZE_MAX));
  memory_account::SetMax(1000);
  memory_account::Add(MemoryKind::kKeys, 900);
  CHECK(!memory_account::WouldExceed(0));
  CHECK(!memory_account::WouldExceed(100));
  CHECK(memory_account::WouldExceed(101));
  CHECK(memory_account::WouldExceed(SIZE_MAX));
  memory_account::Add(MemoryKind::kKeys, 200);
  CHECK(memory_account::WouldExceed(0));
  CHECK_EQUAL(memory_account::Peak(), 1100u);
  memory_account::Add(MemoryKind::kKeys, -1100);
  memory_account::SetMax(0);
}

TEST(ThreadsThatComeAndGoLoseNothing) {
  struct Block {
    void* memory;
    MemoryKind kind;
  };
  std::vector<Block> blocks;
  std::mutex mutex;
  for (int round = 0; round < 10; ++round) {
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 8; ++i) {
      threads.emplace_back([&, i, round] {
        Random random(TestSeed() + i + static_cast<uint64_t>(round) * 8);
        for (int step = 0; step < 500; ++step) {
          const auto kind = static_cast<MemoryKind>(random.Below(5));
          Block block{AccountedAlloc(random.Below(5000), kind), kind};
          std::lock_guard lock(mutex);
          blocks.push_back(block);
          if (random.Below(3) > 0) {
            const size_t at = random.Below(blocks.size());
            AccountedFree(blocks[at].memory, blocks[at].kind);
            blocks[at] = blocks.back();
            blocks.pop_back();
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(memory_account::Used() > 0);
  for (const Block& block : blocks) AccountedFree(block.memory, block.kind);
  for (int kind = 0; kind < 5; ++kind) {
    CHECK_EQUAL(memory_account::Used(static_cast<MemoryKind>(kind)), 0u);
  }
}

namespace {

struct FreesAtThreadEnd {
  void* block = nullptr;
  ~FreesAtThreadEnd() { AccountedFree(block, MemoryKind::kKeys); }
};
thread_local FreesAtThreadEnd frees_at_thread_end;

}  // namespace

TEST(CountsWhatAThreadFreesWhileItEnds) {
  for (int i = 0; i < 20; ++i) {
    // Made before the thread's first count, so destroyed after the counter is given back.
    std::thread([] {
      frees_at_thread_end.block = nullptr;
      frees_at_thread_end.block = AccountedAlloc(1000, MemoryKind::kKeys);
    }).join();
    CHECK_EQUAL(memory_account::Used(), 0u);
  }
}

TEST(ParsesDevices) {
  const struct {
    const char* name;
    DeviceType type;
    int32_t index;
    const char* queue;
  } good[] = {{"CPU", DeviceType::kCpu, 0, "CPU"},
              {"cpu", DeviceType::kCpu, 0, "CPU"},
              {"gpu:1", DeviceType::kCuda, 1, "GPU:1"},
              {"GPU:", DeviceType::kCuda, 0, "GPU:"},
              {"CPU:12345", DeviceType::kCpu, 12345, "CPU:12345"}};
  for (const auto& row : good) {
    const std::optional<Device> device = ParseDevice(row.name);
    CHECK(device.has_value());
    CHECK(device->type == row.type);
    CHECK_EQUAL(device->index, row.index);
    CHECK_EQUAL(device->name, std::string(row.name));
    CHECK_EQUAL(device->QueueName(), std::string(row.queue));
  }
  for (const char* name :
       {"", "CP", "CPUX", "TPU", "GPU:x", "GPU:-1", "GPU:1 ", "CPU:123456", "CPU1"}) {
    CHECK(!ParseDevice(name));
  }
}

RUN_TESTS()
