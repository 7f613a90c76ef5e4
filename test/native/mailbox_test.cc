#include "threads/mailbox.h"

#include <atomic>
#include <chrono>
#include <semaphore>
#include <thread>
#include <vector>

#include "check.h"

namespace {

using namespace tutti;

Message Numbered(uint32_t sequence) {
  return {MessageKind::kCompletion, 1, sequence, Code::kOk, "text", nullptr};
}

}  // namespace

TEST(WakesOnlyWhenItTurnsFromEmpty) {
  int wakes = 0;
  Mailbox mailbox([&] { ++wakes; });
  for (uint32_t i = 0; i < 10; ++i) mailbox.Post(Numbered(i));
  CHECK_EQUAL(wakes, 1);
  std::vector<Message> messages;
  CHECK(!mailbox.Drain(&messages));
  CHECK_EQUAL(messages.size(), 10u);
  for (uint32_t i = 0; i < 10; ++i) CHECK_EQUAL(messages[i].sequence, i);
  mailbox.Post(Numbered(0));
  CHECK_EQUAL(wakes, 2);
}

TEST(IsNotWokenWhileItAwaits) {
  std::atomic<int> wakes = 0;
  Mailbox mailbox([&] { ++wakes; });
  std::vector<Message> messages;
  const auto soon = [] { return std::chrono::steady_clock::now() + std::chrono::milliseconds(5); };
  CHECK(!mailbox.Await(soon()));  // nobody posts

  std::binary_semaphore begun(0);
  std::thread poster([&] {
    begun.acquire();
    mailbox.Post(Numbered(7));
  });
  begun.release();
  CHECK(mailbox.Await(std::chrono::steady_clock::now() + std::chrono::seconds(10)));
  poster.join();
  CHECK(wakes <= 1);  // posted before it awaited
  mailbox.Drain(&messages);
  CHECK_EQUAL(messages.size(), 1u);
  CHECK_EQUAL(messages[0].sequence, 7u);

  const int wakes_before = wakes;
  mailbox.Post(Numbered(8));
  CHECK_EQUAL(wakes, wakes_before + 1);
  CHECK(mailbox.Await(soon()));  // what is there already
}

TEST(NoMessageIsLostBetweenAwaitingAndSleeping) {
  std::counting_semaphore<> woken(0);
  Mailbox mailbox([&] { woken.release(); });
  constexpr uint32_t kCount = 20000;
  std::thread poster([&] {
    for (uint32_t i = 0; i < kCount; ++i) mailbox.Post(Numbered(i));
  });
  std::vector<Message> messages;
  while (messages.size() < kCount) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(2);
    if (!mailbox.Await(deadline)) woken.acquire();
    mailbox.Drain(&messages);
  }
  poster.join();
  for (uint32_t i = 0; i < kCount; ++i) CHECK_EQUAL(messages[i].sequence, i);
}

TEST(DrainsABoundedNumberAndWakesForTheRest) {
  int wakes = 0;
  Mailbox mailbox([&] { ++wakes; });
  for (uint32_t i = 0; i < 2 * kDrainMax + 1; ++i) mailbox.Post(Numbered(i));
  std::vector<Message> messages;
  CHECK(mailbox.Drain(&messages));
  CHECK_EQUAL(messages.size(), kDrainMax);
  CHECK_EQUAL(wakes, 2);
  CHECK(mailbox.Drain(&messages));
  CHECK(!mailbox.Drain(&messages));
  CHECK_EQUAL(messages.size(), 2 * kDrainMax + 1);
  CHECK_EQUAL(wakes, 3);
}

TEST(CompletionsTellTheirMailboxOrNobody) {
  auto mailbox = std::make_shared<Mailbox>([] {});
  Completion{mailbox, 7, 9}.Done(Code::kFailed, "why");
  Completion{}.Done(Code::kOk);
  std::vector<Message> messages;
  mailbox->Drain(&messages);
  CHECK_EQUAL(messages.size(), 1u);
  CHECK_EQUAL(messages[0].connection, 7u);
  CHECK_EQUAL(messages[0].sequence, 9u);
  CHECK(messages[0].code == Code::kFailed);
  CHECK_EQUAL(messages[0].text, std::string("why"));
}

TEST(LosesNothingBetweenThreads) {
  constexpr uint32_t kThreads = 6;
  constexpr uint32_t kEach = 5000;
  std::counting_semaphore<> woken(0);
  Mailbox mailbox([&] { woken.release(); });
  std::vector<std::thread> posters;
  for (uint32_t i = 0; i < kThreads; ++i) {
    posters.emplace_back([&, i] {
      for (uint32_t n = 0; n < kEach; ++n) {
        mailbox.Post({MessageKind::kCompletion, i, n, Code::kOk, {}, nullptr});
      }
    });
  }
  std::vector<uint32_t> next(kThreads, 0);
  uint32_t received = 0;
  while (received < kThreads * kEach) {
    woken.acquire();
    std::vector<Message> messages;
    mailbox.Drain(&messages);
    CHECK(messages.size() <= kDrainMax);
    for (const Message& message : messages) {
      CHECK_EQUAL(message.sequence, next[message.connection]++);
      ++received;
    }
  }
  for (std::thread& poster : posters) poster.join();
}

TEST(WakesNobodyOnceClosed) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<bool> is_closed{false};
    Mailbox mailbox([&] { CHECK(!is_closed.load()); });
    std::vector<std::thread> posters;
    for (int i = 0; i < 4; ++i) {
      posters.emplace_back([&] {
        std::vector<Message> messages;
        for (uint32_t n = 0; n < 200; ++n) {
          mailbox.Post(Numbered(n));
          mailbox.Drain(&messages);
        }
      });
    }
    mailbox.Close();
    is_closed = true;
    for (std::thread& poster : posters) poster.join();
    std::vector<Message> messages;
    CHECK(!mailbox.Drain(&messages));
    CHECK(messages.empty());
  }
}

RUN_TESTS()
