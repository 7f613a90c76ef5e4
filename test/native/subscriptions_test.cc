#include "threads/subscriptions.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "threads/monitor_line.h"

namespace {

using namespace tutti;

constexpr auto kChannel = SubscriptionKind::kChannel;
constexpr auto kPattern = SubscriptionKind::kPattern;
constexpr auto kShard = SubscriptionKind::kShardChannel;
constexpr auto kMonitor = SubscriptionKind::kMonitor;

// Closed when its owner ends, as a thread does it: what nobody has taken holds the mailbox it is
// in.
class OwnedMailbox {
 public:
  OwnedMailbox() = default;
  ~OwnedMailbox() { mailbox_->Close(); }
  OwnedMailbox(const OwnedMailbox&) = delete;
  OwnedMailbox& operator=(const OwnedMailbox&) = delete;

  operator const std::shared_ptr<Mailbox>&() const { return mailbox_; }
  Mailbox& operator*() const { return *mailbox_; }

 private:
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>([] {});
};

OwnedMailbox NewMailbox() { return {}; }

std::vector<Message> DrainAll(Mailbox& mailbox) {
  std::vector<Message> messages;
  while (mailbox.Drain(&messages)) {
  }
  return messages;
}

const Delivery& DeliveryOf(const Message& message) {
  CHECK(message.kind == MessageKind::kPublished);
  return static_cast<const Delivery&>(*message.result);
}

int64_t Publish(Subscriptions& subscriptions, std::string_view channel, std::string_view payload,
                bool is_shard = false) {
  return subscriptions.Publish(channel, {payload, nullptr}, is_shard);
}

}  // namespace

TEST(FramesAMessageOnceForEachThread) {
  Subscriptions subscriptions;
  const auto first = NewMailbox(), second = NewMailbox();
  CHECK(subscriptions.Subscribe(kChannel, {0, 1}, first, "news"));
  CHECK(!subscriptions.Subscribe(kChannel, {0, 1}, first, "news"));
  CHECK(subscriptions.Subscribe(kChannel, {0, 2}, first, "news"));
  CHECK(subscriptions.Subscribe(kChannel, {1, 1}, second, "news"));
  CHECK_EQUAL(Publish(subscriptions, "news", "hello"), 3);
  CHECK_EQUAL(Publish(subscriptions, "other", "hello"), 0);

  const auto ours = DrainAll(*first), theirs = DrainAll(*second);
  CHECK_EQUAL(ours.size(), 1u);
  CHECK_EQUAL(theirs.size(), 1u);
  const Delivery& delivery = DeliveryOf(ours[0]);
  CHECK(delivery.connections == std::vector<uint32_t>({1, 2}));
  CHECK_EQUAL(delivery.message->head, "3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
  CHECK(delivery.message.get() == DeliveryOf(theirs[0]).message.get());
}

TEST(TellsPatternsBesides) {
  Subscriptions subscriptions;
  const auto mailbox = NewMailbox();
  subscriptions.Subscribe(kPattern, {0, 1}, mailbox, "n*");
  subscriptions.Subscribe(kPattern, {0, 1}, mailbox, "x*");
  subscriptions.Subscribe(kPattern, {0, 2}, mailbox, "*s");
  subscriptions.Subscribe(kChannel, {0, 1}, mailbox, "news");
  CHECK_EQUAL(Publish(subscriptions, "news", ""), 3);
  const auto messages = DrainAll(*mailbox);
  CHECK_EQUAL(messages.size(), 3u);
  CHECK_EQUAL(DeliveryOf(messages[1]).message->head,
              "4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$0\r\n\r\n");
  CHECK_EQUAL(subscriptions.NameCount(kPattern), 3);
}

TEST(KeepsShardsApart) {
  Subscriptions subscriptions;
  const auto mailbox = NewMailbox();
  subscriptions.Subscribe(kShard, {0, 1}, mailbox, "c");
  subscriptions.Subscribe(kPattern, {0, 1}, mailbox, "*");
  CHECK_EQUAL(Publish(subscriptions, "c", "x", true), 1);
  CHECK_EQUAL(Publish(subscriptions, "c", "x", false), 1);
  const SubscriptionCounts counts = subscriptions.CountsOf({0, 1});
  CHECK_EQUAL(counts.shard_channels, 1);
  CHECK_EQUAL(counts.patterns, 1);
  CHECK_EQUAL(counts.channels, 0);
}

TEST(ForgetsWhoLeaves) {
  Subscriptions subscriptions;
  const auto mailbox = NewMailbox();
  for (const char* name : {"a", "b", "c"}) {
    subscriptions.Subscribe(kChannel, {0, 1}, mailbox, name);
    subscriptions.Subscribe(kPattern, {0, 1}, mailbox, name);
    subscriptions.Subscribe(kChannel, {0, 2}, mailbox, name);
  }
  subscriptions.Subscribe(kMonitor, {0, 1}, mailbox, {});
  CHECK(subscriptions.Unsubscribe(kChannel, {0, 1}, "a"));
  CHECK(!subscriptions.Unsubscribe(kChannel, {0, 1}, "a"));
  CHECK(!subscriptions.Contains(kChannel, {0, 1}, "a"));
  CHECK(subscriptions.Contains(kChannel, {0, 2}, "a"));
  CHECK(subscriptions.NamesOf(kChannel, {0, 1}) == std::vector<std::string>({"b", "c"}));
  CHECK_EQUAL(subscriptions.ListenerCount(kChannel, "a"), 1);
  CHECK_EQUAL(subscriptions.ListenerTotal(), 2);
  subscriptions.Forget({0, 1});
  subscriptions.Forget({0, 1});
  CHECK_EQUAL(subscriptions.NameCount(kPattern), 0);
  CHECK_EQUAL(subscriptions.NameCount(kChannel), 3);
  subscriptions.PublishToMonitors("+line\r\n");
  CHECK(DrainAll(*mailbox).empty());
  subscriptions.Forget({0, 2});
  CHECK_EQUAL(subscriptions.NameCount(kChannel), 0);
  CHECK_EQUAL(Publish(subscriptions, "a", "x"), 0);
}

TEST(ClosesListenersOfAThreadThatFallsBehind) {
  Subscriptions subscriptions;
  const auto slow = NewMailbox(), fast = NewMailbox();
  subscriptions.Subscribe(kChannel, {0, 1}, slow, "c");
  subscriptions.Subscribe(kChannel, {1, 1}, fast, "c");
  const std::string payload(16 * kMiB, 'x');
  const int count_max = static_cast<int>(kUndeliveredBytesMax / static_cast<int64_t>(16 * kMiB));
  for (int i = 0; i < count_max + 5; ++i) {
    CHECK_EQUAL(Publish(subscriptions, "c", payload), 2);
    CHECK_EQUAL(DrainAll(*fast).size(), 1u);
  }
  auto messages = DrainAll(*slow);
  CHECK_EQUAL(messages.size(), static_cast<size_t>(count_max + 1));
  CHECK(messages.back().kind == MessageKind::kOverrun);
  CHECK(messages[messages.size() - 2].kind == MessageKind::kPublished);
  // Its thread has closed who listened, and others come.
  messages.clear();
  subscriptions.Forget({0, 1});
  subscriptions.EndOverrun(0);
  subscriptions.Subscribe(kChannel, {0, 2}, slow, "c");
  CHECK_EQUAL(Publish(subscriptions, "c", payload), 2);
  CHECK(DrainAll(*slow).front().kind == MessageKind::kPublished);
}

TEST(OrdersMessagesAlikeForAllWhileClientsComeAndGo) {
  Subscriptions subscriptions;
  constexpr int kPublishers = 3, kMessages = 2000;
  const auto first = NewMailbox(), second = NewMailbox();
  subscriptions.Subscribe(kChannel, {0, 1}, first, "c");
  subscriptions.Subscribe(kPattern, {1, 1}, second, "c*");
  std::atomic<bool> is_over = false;
  std::vector<std::thread> threads;
  for (int p = 0; p < kPublishers; ++p) {
    threads.emplace_back([&, p] {
      for (int i = 0; i < kMessages; ++i) {
        Publish(subscriptions, "c", std::to_string(p) + "." + std::to_string(i));
      }
    });
  }
  std::thread visitor([&] {
    const auto mailbox = NewMailbox();
    for (uint32_t i = 0; !is_over; ++i) {
      subscriptions.Subscribe(kChannel, {2, i}, mailbox, i % 2 ? "c" : "d");
      subscriptions.ForEachName(kChannel, [](std::string_view) {});
      subscriptions.Forget({2, i});
      DrainAll(*mailbox);
    }
  });
  for (std::thread& thread : threads) thread.join();
  is_over = true;
  visitor.join();
  const auto payloads = [](Mailbox& mailbox) {
    std::vector<std::string> all;
    for (const Message& message : DrainAll(mailbox)) {
      const std::string& head = DeliveryOf(message).message->head;
      all.push_back(head.substr(head.rfind("\r\n", head.size() - 3) + 2));
    }
    return all;
  };
  const auto seen = payloads(*first);
  CHECK_EQUAL(seen.size(), static_cast<size_t>(kPublishers * kMessages));
  CHECK(seen == payloads(*second));
}

TEST(QuotesTheWordsOfAMonitorsLine) {
  MonitorLine line(3, "127.0.0.1:5");
  line.Add("SET");
  line.Add(std::string_view("a\"\\\r\n\t\a\b\0\xff z", 12));
  line.AddHidden();
  const std::string text = line.Finish();
  CHECK(text[0] == '+');
  CHECK_EQUAL(
      text.substr(text.find(" [")),
      " [3 127.0.0.1:5] \"SET\" \"a\\\"\\\\\\r\\n\\t\\a\\b\\x00\\xff z\" \"(redacted)\"\r\n");
}

RUN_TESTS()
