#include "keyspace/waiters.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/memory_account.h"
#include "keyspace/blocking.h"
#include "keyspace/keys.h"
#include "keyspace/lists.h"
#include "keyspace/sorted_sets.h"
#include "keyspace/streams.h"

namespace {

using namespace tutti;

// A reply as one text: elements with blanks between them.
class TextReply final : public Reply {
 public:
  TextReply() { Begin(block_); }
  std::string Text() {
    std::string text;
    const uint8_t* at = block_;
    const auto word = [&] {
      uint32_t value;
      std::memcpy(&value, at, 4);
      at += 4;
      return value;
    };
    for (int64_t i = 0; i < pieces_[0].count; ++i) {
      const uint32_t first = word();
      if (first == kRowHeader) {
        at += 8;
        continue;
      }
      if (!text.empty()) text += ' ';
      const uint32_t bytes = first == kRowInteger || first == kRowDouble ? word() : first;
      text.append(reinterpret_cast<const char*>(at), bytes);
      at += bytes;
    }
    return text;
  }

 private:
  uint32_t Keep(Ref<Object>, std::string_view) override { return 0; }
  uint8_t block_[kRowsBytes];
};

std::string TextOf(const Waiter& waiter) {
  const auto reply = std::make_unique<TextReply>();
  waiter.Write(*reply);
  return reply->Text();
}

// A client that waits, and its thread.
struct Client {
  explicit Client(uint64_t number)
      : id(number), mailbox(std::make_shared<Mailbox>([this] { is_told.store(true); })) {}

  // False: it has got something at once.
  bool Await(const Ref<Waiter>& waiter) {
    waiter->client_id = id;
    waiter->completion = {mailbox, 1, ++sequence};
    const Status status = blocking::Begin(waiter, true);
    CHECK(status.ok() || status.code() == Code::kNotFound);
    return status.code() == Code::kNotFound;
  }
  // What it is told; "" if nothing.
  std::string Told(Code* code = nullptr) {
    std::vector<Message> messages;
    mailbox->Drain(&messages);
    CHECK(messages.size() <= 1);
    if (messages.empty()) return "";
    CHECK_EQUAL(messages[0].sequence, sequence);
    if (code) *code = messages[0].code;
    return messages[0].result && messages[0].code == Code::kOk
               ? TextOf(static_cast<const Waiter&>(*messages[0].result))
               : "nothing";
  }

  const uint64_t id;
  std::atomic<bool> is_told{false};
  std::shared_ptr<Mailbox> mailbox;
  uint32_t sequence = 0;
};

void Push(std::string_view key, std::vector<std::string_view> elements, int db = 0) {
  CHECK(lists::Push(db, key, elements, true, false).ok());
}

Ref<Waiter> PopOf(std::vector<std::string_view> keys, int db = 0) {
  return blocking::PopList(db, keys, false, false, 1);
}

int64_t LengthOf(std::string_view key) {
  const auto list = FindContainer<StoredList>(0, key);
  return list.value() ? list.value()->length() : 0;
}

void Flush() { Keyspace::Get().Flush(-1); }

}  // namespace

TEST(TakesWhatIsThereWithoutWaiting) {
  Client client(1);
  Push("l", {"a", "b"});
  const auto waiter = PopOf({"none", "l"});
  CHECK(!client.Await(waiter));
  CHECK_EQUAL(TextOf(*waiter), "l a");
  CHECK_EQUAL(client.Told(), "");
  CHECK_EQUAL(Waiters::Get().KeyCount(), 0);
  Flush();
}

TEST(ServesWhoCameFirstBeforeThePushReturns) {
  Client first(1), second(2);
  CHECK(first.Await(PopOf({"x", "l"})));
  CHECK(second.Await(PopOf({"l", "l"})));
  CHECK_EQUAL(Waiters::Get().KeyCount(), 2);
  Push("l", {"a", "b", "c"});
  CHECK_EQUAL(first.Told(), "l a");
  CHECK_EQUAL(second.Told(), "l b");
  CHECK_EQUAL(LengthOf("l"), 1);
  CHECK_EQUAL(Waiters::Get().KeyCount(), 0);
  Flush();
}

TEST(EndsAWaitOnce) {
  Client client(1);
  CHECK(!Waiters::Get().End(1));
  CHECK(client.Await(PopOf({"l"})));
  CHECK(Waiters::Get().End(1));
  CHECK(!Waiters::Get().End(1));
  CHECK(client.Await(PopOf({"l"})));
  CHECK(Waiters::Get().Unblock(1, Code::kUnblocked));
  CHECK(!Waiters::Get().Unblock(1, Code::kUnblocked));
  Code code = Code::kOk;
  CHECK_EQUAL(client.Told(&code), "nothing");
  CHECK(code == Code::kUnblocked);
  CHECK(client.Await(blocking::WaitForNothing()));
  CHECK(Waiters::Get().End(1));
  Push("l", {"a"});
  CHECK_EQUAL(LengthOf("l"), 1);
  Flush();
}

TEST(MovesOnThroughOtherStripes) {
  // More than a chain of calls could bear.
  constexpr uint64_t kHops = 20'000;
  std::vector<std::unique_ptr<Client>> clients;
  for (uint64_t i = 0; i < kHops; ++i) {
    clients.push_back(std::make_unique<Client>(i + 1));
    const std::string from = "hop" + std::to_string(i), to = "hop" + std::to_string(i + 1);
    CHECK(clients.back()->Await(blocking::MoveList(0, from, to, false, true)));
  }
  Push("hop0", {"x"});
  for (const auto& client : clients) CHECK_EQUAL(client->Told(), "x");
  CHECK_EQUAL(LengthOf("hop" + std::to_string(kHops)), 1);
  CHECK_EQUAL(Keyspace::Get().Size(0), 1);
  Flush();
}

TEST(LeavesWhatIsOfAnotherType) {
  Client client(1), other(2);
  CHECK(client.Await(PopOf({"k"})));
  const std::string_view key = "k", member = "m";
  CHECK(other.Await(blocking::PopSortedSet(0, {&key, 1}, false, true, 5)));
  const double score = 1.5;
  CHECK(sorted_sets::Add(0, "k", 0, {&score, 1}, {&member, 1}).ok());
  CHECK_EQUAL(client.Told(), "");
  CHECK_EQUAL(other.Told(), "k m 1.5");
  Push("k", {"a"});
  CHECK_EQUAL(client.Told(), "k a");
  Flush();
}

TEST(TellsAMoverThatItsTargetIsNoList) {
  Client client(1);
  CHECK(client.Await(blocking::MoveList(0, "from", "to", false, true)));
  CHECK(Keyspace::Get().Set(0, "to", String::Copy("text"), {}, nullptr).ok());
  Push("from", {"a"});
  Code code = Code::kOk;
  CHECK_EQUAL(client.Told(&code), "nothing");
  CHECK(code == Code::kWrongType);
  CHECK_EQUAL(LengthOf("from"), 1);
  Flush();
}

TEST(ServesBySwappingRenamingAndCopying) {
  Client client(1);
  Push("m", {"a", "b"}, 1);
  CHECK(client.Await(PopOf({"m"})));
  keys::SwapDatabases(0, 1);
  CHECK_EQUAL(client.Told(), "m a");
  CHECK(client.Await(PopOf({"l"})));
  CHECK(Keyspace::Get().Rename(0, "m", "l", false).ok());
  CHECK_EQUAL(client.Told(), "l b");
  Push("m", {"c"});
  CHECK(client.Await(PopOf({"l"})));
  CHECK_EQUAL(keys::Copy(0, "m", 0, "l", false), 1);
  CHECK_EQUAL(client.Told(), "l c");
  Flush();
}

TEST(ServesAtTheEndOfATransaction) {
  Client client(1);
  CHECK(client.Await(PopOf({"a", "b"})));
  Keyspace::Get().LockStripes({});
  Push("b", {"1"});
  Push("a", {"2"});
  CHECK_EQUAL(LengthOf("b"), 1);
  CHECK_EQUAL(client.Told(), "");
  Keyspace::Get().UnlockStripes();
  CHECK_EQUAL(client.Told(), "a 2");
  CHECK_EQUAL(LengthOf("b"), 1);
  Flush();
}

TEST(EachElementGoesToExactlyOne) {
  constexpr int kPoppers = 3, kPushers = 2, kElements = 4000;
  std::atomic<int> left = kPushers * kElements;
  std::vector<std::vector<std::string>> got(kPoppers);
  std::vector<std::thread> threads;
  for (int p = 0; p < kPoppers; ++p) {
    threads.emplace_back([&, p] {
      Client client(static_cast<uint64_t>(p) + 1);
      const auto take = [&](std::string text) {
        got[static_cast<size_t>(p)].push_back(text.substr(text.find(' ') + 1));
        --left;
      };
      for (uint32_t turn = 0; left > 0; ++turn) {
        const auto waiter = PopOf({"q1", "q2"});
        if (!client.Await(waiter)) {
          take(TextOf(*waiter));
          continue;
        }
        // Some lose patience at once, in a race with who serves them.
        for (int looks = 0; !client.is_told && left > 0; ++looks) {
          if (turn % 3 == 0 && looks > 3) break;
          std::this_thread::yield();
        }
        if (Waiters::Get().End(client.id)) continue;
        while (!client.is_told) std::this_thread::yield();
        take(client.Told());
        client.is_told = false;
      }
    });
  }
  for (int p = 0; p < kPushers; ++p) {
    threads.emplace_back([p] {
      for (int i = 0; i < kElements; ++i) {
        Push(i % 2 ? "q1" : "q2", {std::to_string(p) + "." + std::to_string(i)});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::string> all;
  for (const auto& of_one : got) all.insert(all.end(), of_one.begin(), of_one.end());
  CHECK_EQUAL(all.size(), static_cast<size_t>(kPushers * kElements));
  std::sort(all.begin(), all.end());
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
  CHECK_EQUAL(Waiters::Get().KeyCount(), 0);
  CHECK_EQUAL(Keyspace::Get().Size(0), 0);
}

TEST(MoversOfManyStripesDoNotLockForEver) {
  constexpr int kMovers = 3, kElements = 2000;
  std::atomic<int> moved = 0;
  std::vector<std::thread> threads;
  for (int m = 0; m < kMovers; ++m) {
    threads.emplace_back([&, m] {
      Client client(static_cast<uint64_t>(m) + 1);
      for (int turn = 0; moved < kElements; ++turn) {
        const std::string to = "to" + std::to_string((turn + m) % 7);
        const auto waiter = blocking::MoveList(0, "from", to, false, true);
        if (client.Await(waiter)) {
          while (!client.is_told && moved < kElements) std::this_thread::yield();
          if (Waiters::Get().End(client.id)) continue;
          while (!client.is_told) std::this_thread::yield();
          client.Told();
          client.is_told = false;
        }
        ++moved;
      }
    });
  }
  for (int i = 0; i < kElements; i += 2) Push("from", {"x", "y"});
  for (std::thread& thread : threads) thread.join();
  int64_t total = 0;
  for (int i = 0; i < 7; ++i) total += LengthOf("to" + std::to_string(i));
  CHECK_EQUAL(total, kElements);
  Flush();
}

RUN_TESTS()
