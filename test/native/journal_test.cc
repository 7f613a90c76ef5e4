// The journal under threads: what they append is in the files once and in order, whatever goes on
// beside it: syncs, rewrites, a disk that is full.
#include "persistence/journal.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "core/units.h"
#include "inbox.h"
#include "keyspace/keyspace.h"
#include "keyspace/snapshot.h"

namespace {

using namespace tutti;
using tutti::test::Inbox;

Journal& journal_of_all() { return Journal::Get(); }

// What the journal tells, kept for the thread that waits for it.
class Events {
 public:
  static Events& Get() {
    static auto* const events = new Events;
    return *events;
  }

  // The next event, which must be `wanted`.
  Status Next(Journal::Event wanted) {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [this] { return !events_.empty(); });
    auto [event, status] = events_.front();
    events_.erase(events_.begin());
    CHECK_EQUAL(static_cast<int>(event), static_cast<int>(wanted));
    return status;
  }

 private:
  Events() {
    Journal::Get().Listen([this](Journal::Event event, const Status& status) {
      const std::lock_guard lock(mutex_);
      events_.emplace_back(event, status);
      told_.notify_all();
    });
  }

  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<std::pair<Journal::Event, Status>> events_;
};

std::string Path(const std::string& name) {
  static const std::string folder = [] {
    char path[] = "/tmp/tutti-journal-test-XXXXXX";
    CHECK(mkdtemp(path) != nullptr);
    static const std::string kept = path;
    std::atexit([] { std::filesystem::remove_all(kept); });
    return kept;
  }();
  return folder + "/" + name;
}

std::string BytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

using Store = std::map<std::pair<int, std::string>, std::string>;

// Reads a file of commands to its end, which must be that of a command and of no transaction.
class Replay {
 public:
  Replay(const std::string& path, Store& store) : bytes_(BytesOf(path)), store_(store) {
    while (at_ < bytes_.size()) {
      if (bytes_[at_] == '#') {
        CHECK(bytes_.compare(at_, 4, "#TS:") == 0);
        ++stamp_count;
        Line();
      } else {
        Take();
      }
    }
    CHECK(!is_in_transaction_);
  }

  int stamp_count = 0;
  int transaction_count = 0;

 private:
  std::string Line() {
    const size_t end = bytes_.find("\r\n", at_);
    CHECK(end != std::string::npos);
    std::string line = bytes_.substr(at_, end - at_);
    at_ = end + 2;
    return line;
  }

  void Take() {
    const std::string head = Line();
    CHECK(head[0] == '*');
    std::vector<std::string> words;
    for (int left = std::atoi(head.c_str() + 1); left > 0; --left) {
      const std::string length = Line();
      CHECK(length[0] == '$');
      const auto bytes = static_cast<size_t>(std::atoll(length.c_str() + 1));
      CHECK(at_ + bytes + 2 <= bytes_.size());
      words.push_back(bytes_.substr(at_, bytes));
      at_ += bytes + 2;
    }
    if (words[0] == "SELECT") {
      db_ = std::atoi(words[1].c_str());
    } else if (words[0] == "MULTI" || words[0] == "EXEC") {
      CHECK(is_in_transaction_ == (words[0] == "EXEC"));
      is_in_transaction_ = !is_in_transaction_;
      transaction_count += is_in_transaction_;
    } else if (words[0] == "DEL") {
      store_.erase({db_, words[1]});
    } else {
      CHECK_EQUAL(words[0], "SET");
      store_[{db_, words[1]}] = words[2];
    }
  }

  const std::string bytes_;
  Store& store_;
  size_t at_ = 0;
  int db_ = 0;
  bool is_in_transaction_ = false;
};

Store StoreNow() {
  Store store;
  KeyspaceSnapshot snapshot = KeyspaceSnapshot::Take();
  for (int db = 0; db < kDatabaseCountMax; ++db) {
    snapshot.TakeEach(db, [&](const Entry& entry) {
      store[{db, std::string(entry.key())}] = static_cast<const String&>(*entry.value).view();
      return true;
    });
  }
  return store;
}

void Set(int db, const std::string& key, const std::string& value) {
  CHECK(Keyspace::Get().Set(db, key, String::Copy(value), {}, nullptr).ok());
}

Journal::Rewrite RewriteTo(const std::string& base, const std::string& next, bool as_rdb = false) {
  Journal::Rewrite rewrite;
  rewrite.base_path = Path(base);
  rewrite.next_path = Path(next);
  rewrite.as_rdb = as_rdb;
  return rewrite;
}

// What is appended so far is on the disk.
void WaitForTheDisk() {
  Inbox inbox;
  const Completion completion = inbox.Next();
  if (journal_of_all().Await(completion, true)) CHECK(inbox.Wait(completion).code == Code::kOk);
}

constexpr int kThreads = 4;
constexpr int kRounds = 2500;

// One thread's changes: alone, two at once, large ones, and a key that all share.
void Append(int id) {
  const std::string name = std::to_string(id);
  for (int i = 0; i < kRounds; ++i) {
    const std::string value = std::to_string(i);
    Set(id % 2, "t" + name + ":" + std::to_string(i % 50), value);
    if (i % 7 == 0) Set(0, "shared", name + ":" + value);
    if (i % 100 == 0) Set(3, "large" + name, std::string(20 * kKiB, 'x') + value);
    if (i % 10 == 0) {
      const std::string a = "a" + name, b = "b" + name;
      const std::array<Change, 2> both = {Change{.db = 2, .key = a, .value = String::Copy(value)},
                                          Change{.db = 2, .key = b, .value = String::Copy(value)}};
      CHECK(Keyspace::Get().CommitAll(both).ok());
    }
    if (i % 13 == 0) {
      const std::string key = "t" + name + ":" + std::to_string((i + 1) % 50);
      const std::string_view keys[] = {key};
      Keyspace::Get().Delete(id % 2, keys);
    }
  }
}

TEST(WhatThreadsAppendIsInTheFilesInOrder) {
  Events::Get();
  journal_of_all().Set({});
  CHECK(journal_of_all().Start(Path("one"), 0).ok());
  std::vector<std::thread> threads;
  for (int id = 0; id < kThreads; ++id) threads.emplace_back(Append, id);
  std::atomic<bool> is_over{false};
  // What is told to be on the disk is in one of the files.
  threads.emplace_back([&is_over] {
    Inbox inbox;
    for (int i = 0; !is_over; ++i) {
      const std::string marker = "marker " + std::to_string(i) + ";";
      Set(0, "marker", marker);
      const Completion completion = inbox.Next();
      if (journal_of_all().Await(completion, true)) {
        CHECK(inbox.Wait(completion).code == Code::kOk);
      }
      const auto has_it = [&](const char* name) {
        return BytesOf(Path(name)).find(marker) != std::string::npos;
      };
      CHECK(has_it("one") || has_it("two") || has_it("three"));
      journal_of_all().facts();
    }
  });
  for (const auto& [base, next] : {std::pair("base2", "two"), std::pair("base3", "three")}) {
    Set(4, "begun", base);
    WaitForTheDisk();
    CHECK(journal_of_all().StartRewrite(RewriteTo(base, next)).ok());
    CHECK(Events::Get().Next(Journal::Event::kRewritten).ok());
  }
  for (int id = 0; id < kThreads; ++id) threads[static_cast<size_t>(id)].join();
  is_over = true;
  threads.back().join();
  CHECK(journal_of_all().Stop().ok());

  const Store wanted = StoreNow();
  Store from_start;
  const Replay first(Path("one"), from_start);
  CHECK(from_start.contains({4, "begun"}));
  const Replay second(Path("two"), from_start);
  const Replay third(Path("three"), from_start);
  CHECK_EQUAL(first.transaction_count + second.transaction_count + third.transaction_count,
              kThreads * kRounds / 10);
  CHECK(from_start == wanted);
  Store from_base;
  Replay(Path("base2"), from_base);
  Replay(Path("two"), from_base);
  Replay(Path("three"), from_base);
  CHECK(from_base == wanted);
  Store from_last;
  Replay(Path("base3"), from_last);
  Replay(Path("three"), from_last);
  CHECK(from_last == wanted);
}

TEST(NobodyIsToldBeforeTheDiskHasIt) {
  journal_of_all().Set({.policy = SyncPolicy::kAlways});
  CHECK(journal_of_all().Start(Path("always"), 0).ok());
  std::vector<std::thread> threads;
  for (int id = 0; id < kThreads; ++id) {
    threads.emplace_back([id] {
      Inbox inbox;
      for (int i = 0; i < 30; ++i) {
        const std::string marker = std::to_string(id) + " at " + std::to_string(i) + ";";
        Set(0, "of " + std::to_string(id), marker);
        const Completion completion = inbox.Next();
        if (journal_of_all().Await(completion, false)) inbox.Wait(completion);
        CHECK(BytesOf(Path("always")).find(marker) != std::string::npos);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(journal_of_all().Stop().ok());
  CHECK_EQUAL(journal_of_all().facts().waiting_bytes, 0);
}

TEST(ARewriteThatIsCancelledLeavesNothing) {
  journal_of_all().Set({});
  CHECK(journal_of_all().Start(Path("before"), 0).ok());
  Journal::Rewrite rewrite = RewriteTo("cancelled", "after", true);
  rewrite.options.key_delay_us = 1'000'000;
  CHECK(journal_of_all().StartRewrite(rewrite).ok());
  CHECK(journal_of_all().facts().is_rewriting);
  CHECK(journal_of_all().StartRewrite(RewriteTo("other", "other next")).code() == Code::kSaving);
  Set(0, "while it goes on", "1");
  journal_of_all().CancelRewrite();
  CHECK(Events::Get().Next(Journal::Event::kRewritten).code() == Code::kShuttingDown);
  CHECK(!journal_of_all().facts().is_rewriting);
  CHECK(!std::filesystem::exists(Path("cancelled")));
  CHECK(!std::filesystem::exists(Path("cancelled.tmp")));
  CHECK(journal_of_all().Stop().ok());
  Store store;
  Replay(Path("before"), store);
  CHECK(store.empty());
  Replay(Path("after"), store);
  CHECK_EQUAL(store.size(), 1u);
}

TEST(StampsSayWhenWhatFollowsWasDone) {
  journal_of_all().Set({.with_stamps = true});
  CHECK(journal_of_all().Start(Path("stamped"), 0).ok());
  Set(0, "k", "1");
  CHECK(journal_of_all().StartRewrite(RewriteTo("stamped base", "stamped next")).ok());
  CHECK(Events::Get().Next(Journal::Event::kRewritten).ok());
  Set(0, "k", "2");
  CHECK(journal_of_all().Stop().ok());
  for (const char* name : {"stamped", "stamped base", "stamped next"}) {
    CHECK(BytesOf(Path(name)).starts_with("#TS:"));
    Store store;
    // The clock may turn once while it goes on.
    CHECK(Replay(Path(name), store).stamp_count <= 2);
  }
}

class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit = {bytes, before_.rlim_max};
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_;
};

TEST(AFullDiskLosesNothingAndIsWrittenToAgain) {
  journal_of_all().Set({});
  CHECK(journal_of_all().Start(Path("full"), 0).ok());
  Set(0, "first", "1");
  constexpr size_t kLimit = 64 * kKiB;
  {
    const FileLimit limit(kLimit);
    std::vector<std::thread> threads;
    for (int id = 0; id < kThreads; ++id) {
      threads.emplace_back([id] {
        // More than there is room for, by reference and copied.
        for (int i = 0; i < 40; ++i) {
          Set(1, "big" + std::to_string(id), std::string(20 * kKiB, 'a') + std::to_string(i));
          Set(1, "small" + std::to_string(id), std::string(100, 'b') + std::to_string(i));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    const Status status = Events::Get().Next(Journal::Event::kFailed);
    CHECK_EQUAL(std::string(status.message()), "write: File too large");
    CHECK(!journal_of_all().facts().is_write_ok);
    CHECK(journal_of_all().facts().waiting_bytes > 0);
    CHECK(!journal_of_all().Stop().ok());
    journal_of_all().Resume();
  }
  CHECK(Events::Get().Next(Journal::Event::kRecovered).ok());
  CHECK(journal_of_all().Stop().ok());
  Store seen;
  Replay(Path("full"), seen);
  CHECK(seen.contains({0, "first"}));
  const Store wanted = StoreNow();
  for (const auto& [at, value] : seen) CHECK(wanted.at(at) == value);
  CHECK_EQUAL(seen.size(), 1u + 2 * kThreads);
}

TEST(ARewriteWithoutRoomLeavesTheFilesAsTheyWere) {
  CHECK(journal_of_all().Start(Path("kept"), 0).ok());
  Set(0, "kept", "1");
  for (const bool as_rdb : {false, true}) {
    const FileLimit limit(16 * kKiB);
    Journal::Rewrite rewrite = RewriteTo("no room", as_rdb ? "kept next 2" : "kept next", as_rdb);
    rewrite.options.compresses = false;
    CHECK(journal_of_all().StartRewrite(rewrite).ok());
    const Status status = Events::Get().Next(Journal::Event::kRewritten);
    CHECK(status.code() == Code::kCannotSave);
    CHECK(!std::filesystem::exists(Path("no room")));
    CHECK(!std::filesystem::exists(Path("no room.tmp")));
    CHECK(!journal_of_all().facts().is_rewrite_ok);
  }
  Set(0, "kept", "2");
  CHECK(journal_of_all().Stop().ok());
  Store store;
  Replay(Path("kept"), store);
  Replay(Path("kept next"), store);
  Replay(Path("kept next 2"), store);
  CHECK((store == Store{{{0, "kept"}, "2"}}));
}

// The last: the journal tries again as long as the process lives.
TEST(WhatIsPromisedAndCannotBeKeptIsTold) {
  journal_of_all().Set({.policy = SyncPolicy::kAlways});
  CHECK(journal_of_all().Start("/dev/full", 0).ok());
  Set(0, "lost", "1");
  const Status status = Events::Get().Next(Journal::Event::kLost);
  CHECK_EQUAL(std::string(status.message()), "write: No space left on device");
  CHECK(!journal_of_all().Stop().ok());
}

}  // namespace

RUN_TESTS()
