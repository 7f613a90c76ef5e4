// Snapshots of the keyspace, and the files they are written to.
#include "keyspace/snapshot.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/memory_account.h"
#include "keyspace/keyspace.h"
#include "keyspace/slot.h"
#include "keyspace/value.h"
#include "persistence/rdb_file.h"
#include "persistence/saver.h"
#include "random.h"

namespace {

using namespace tutti;
using tutti::test::Random;
using tutti::test::TestSeed;

Keyspace& keyspace() { return Keyspace::Get(); }

void Set(int db, const std::string& key, const std::string& value, int64_t expire_at_ms = -1) {
  SetOptions options;
  options.expire_at_ms = expire_at_ms;
  CHECK(keyspace().Set(db, key, String::Copy(value), options, nullptr).ok());
}

using Content = std::map<std::pair<int, std::string>, std::pair<std::string, int64_t>>;

// What a snapshot holds of strings.
Content ContentOf(KeyspaceSnapshot snapshot) {
  Content content;
  for (int db = 0; db < kDatabaseCountMax; ++db) {
    snapshot.TakeEach(db, [&](const Entry& entry) {
      const auto& string = static_cast<const String&>(*entry.value);
      const auto at = std::pair(db, std::string(entry.key()));
      CHECK(content.emplace(at, std::pair(std::string(string.view()), entry.expire_at_ms)).second);
      return true;
    });
  }
  return content;
}

std::string Folder() {
  static const std::string folder = [] {
    char name[] = "/tmp/tutti-snapshot-XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    return std::string(name);
  }();
  return folder;
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void WriteAll(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

Status Save(const std::string& path, const RdbSaveOptions& options = {}) {
  RdbSaveProgress progress;
  return SaveRdbFile(KeyspaceSnapshot::Take(), path, path + ".new", options, progress);
}

Status Load(const std::string& path) {
  RdbLoadProgress progress;
  return LoadRdbFile(path, {}, progress);
}

void Fill(Random& random, int count) {
  keyspace().Flush(-1);
  for (int i = 0; i < count; ++i) {
    const int64_t expire_at_ms = random.Below(4) ? kNoExpiry : 4'000'000'000'000 + i;
    Set(static_cast<int>(random.Below(3) * 7), "key " + std::to_string(i),
        random.Below(3) ? std::string(random.Below(200), 'v') : random.Bytes(random.Below(70'000)),
        expire_at_ms);
  }
}

}  // namespace

TEST(ASnapshotLiesBetweenTransactions) {
  keyspace().Flush(-1);
  std::vector<std::string> keys;
  std::vector<uint16_t> slots;
  for (int i = 0; i < 8; ++i) {
    keys.push_back("counter " + std::to_string(i));
    slots.push_back(KeySlot(keys.back()));
  }
  std::sort(slots.begin(), slots.end());
  std::atomic<bool> is_over{false};
  std::atomic<int> done{0};
  const auto write = [&] {
    while (!is_over) {
      keyspace().LockStripes(slots);
      const std::string next = std::to_string(done + 1);
      for (const std::string& key : keys) Set(0, key, next);
      ++done;
      keyspace().UnlockStripes();
    }
  };
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i) writers.emplace_back(write);
  std::vector<Content> contents;
  for (int round = 0; round < 200; ++round) {
    const int before = done;
    Content content = ContentOf(KeyspaceSnapshot::Take());
    const int after = done;
    if (content.empty()) continue;
    CHECK_EQUAL(content.size(), keys.size());
    const std::string& first = content.begin()->second.first;
    for (const auto& [at, value] : content) CHECK(value.first == first);
    CHECK(std::stoi(first) >= before && std::stoi(first) <= after + 1);
  }
  is_over = true;
  for (std::thread& writer : writers) writer.join();
}

TEST(ASnapshotStaysWhateverChanges) {
  Random random(TestSeed());
  Fill(random, 3000);
  const size_t used = memory_account::Used();
  {
    KeyspaceSnapshot held = KeyspaceSnapshot::Take();
    const Content before = ContentOf(KeyspaceSnapshot::Take());
    CHECK_EQUAL(held.key_count(), 3000);
    for (int i = 0; i < 3000; ++i) {
      const std::string key = "key " + std::to_string(i);
      const std::string_view name = key;
      for (const int db : {0, 7, 14}) {
        if (i % 3 == 0) keyspace().Delete(db, {&name, 1});
        if (i % 3 == 1) keyspace().Expire(db, key, 4'100'000'000'000, 0);
      }
      if (i % 3 == 2) Set(3, key, "new");
    }
    CHECK(ContentOf(std::move(held)) == before);
  }
  keyspace().Flush(-1);
  CHECK(memory_account::Used() < used);
}

TEST(WhatIsSavedIsLoadedAgain) {
  Random random(TestSeed());
  const std::string path = Folder() + "/whole.rdb";
  for (int round = 0; round < 6; ++round) {
    Fill(random, 1500);
    const Content before = ContentOf(KeyspaceSnapshot::Take());
    RdbSaveOptions options;
    options.compresses = round % 2;
    options.with_checksum = round % 3;
    options.with_idle = round > 3;
    options.syncs_often = round % 2;
    CHECK(Save(path, options).ok());
    CHECK(access((path + ".new").c_str(), F_OK) != 0);
    keyspace().Flush(-1);
    RdbLoadProgress progress;
    CHECK(LoadRdbFile(path, {}, progress).ok());
    CHECK_EQUAL(progress.key_count.load(), 1500);
    CHECK(ContentOf(KeyspaceSnapshot::Take()) == before);
    // What is there already is not overwritten.
    CHECK(Load(path).code() == Code::kBadFormat);
  }
  CHECK(Load(Folder() + "/none.rdb").code() == Code::kNotFound);
  CHECK(Load(Folder()).code() == Code::kFailed);
}

TEST(ADamagedFileIsAlwaysRefused) {
  Random random(TestSeed());
  Fill(random, 40);
  const std::string path = Folder() + "/damaged.rdb";
  CHECK(Save(path).ok());
  const std::string whole = ReadAll(path);
  const auto refused = [&](const std::string& bytes) {
    keyspace().Flush(-1);
    WriteAll(path, bytes);
    const Status status = Load(path);
    return status.code() == Code::kBadFormat &&
           status.message().find("(at offset ") != std::string::npos;
  };
  for (int round = 0; round < 400; ++round) {
    CHECK(refused(whole.substr(0, random.Below(whole.size()))));
    std::string flipped = whole;
    flipped[random.Below(flipped.size())] ^= static_cast<char>(1 << random.Below(8));
    CHECK(refused(flipped));
  }
}

TEST(ASaveThatFailsLeavesTheFileBefore) {
  Random random(TestSeed());
  Fill(random, 500);
  const std::string path = Folder() + "/kept.rdb";
  CHECK(Save(path).ok());
  const std::string before = ReadAll(path);

  // Cancelled at once, and after some keys.
  RdbSaveProgress progress;
  progress.is_cancelled = true;
  CHECK(SaveRdbFile(KeyspaceSnapshot::Take(), path, path + ".new", {}, progress).code() ==
        Code::kShuttingDown);
  CHECK(access((path + ".new").c_str(), F_OK) != 0);
  CHECK(ReadAll(path) == before);

  // Into a folder that is none, and over one.
  const Status nowhere = Save(Folder() + "/none/dump.rdb");
  CHECK(nowhere.code() == Code::kCannotSave && nowhere.message().starts_with("open: "));
  const Status over = Save(Folder());
  CHECK(over.code() == Code::kCannotSave && over.message().starts_with("rename: "));

  // A disk that is full after ever more bytes.
  class FullSink final : public ByteSink {
   public:
    explicit FullSink(size_t room) : room_(room) {}
    void Write(const void*, size_t bytes) override {
      if (status_.ok() && bytes > room_)
        status_ = {Code::kCannotSave, "write: No space left on device"};
      room_ -= std::min(bytes, room_);
    }

   private:
    size_t room_;
  };
  for (size_t room = 0;; room += 300'000) {
    FullSink sink(room);
    RdbSaveProgress each;
    const Status status = WriteRdb(KeyspaceSnapshot::Take(), {}, each, sink);
    if (status.ok()) break;
    CHECK(status.code() == Code::kCannotSave);
  }
}

TEST(TheSaverDoesOneThingAtATime) {
  Random random(TestSeed());
  Fill(random, 300);
  Saver& saver = Saver::Get();
  const std::string path = Folder() + "/saver.rdb";
  Saver::Request request{path, path + ".new", {}, true};
  std::atomic<int> ended{0};
  std::atomic<Code> code{Code::kOk};
  const auto note = [&](const Status& status) {
    code = status.code();
    ++ended;
  };
  CHECK(saver.facts().changes > 0);
  CHECK(saver.Start(request, note).ok());
  const Status second = saver.Start(request, note);
  CHECK(second.ok() || second.code() == Code::kSaving);
  saver.Wait();
  while (ended == 0) std::this_thread::yield();
  CHECK(code == Code::kOk && saver.facts().is_last_ok);
  CHECK_EQUAL(saver.facts().changes, 0);
  const std::string before = ReadAll(path);

  request.options.key_delay_us = 10'000;
  Set(0, "more", "x");
  CHECK(saver.Start(request, note).ok());
  CHECK(saver.Start(request, note).code() == Code::kSaving);
  saver.Cancel();
  while (ended == 1) std::this_thread::yield();
  CHECK(code == Code::kShuttingDown);
  CHECK(saver.facts().is_last_ok && saver.facts().changes == 1);
  CHECK(ReadAll(path) == before);

  request.options.key_delay_us = 0;
  request.temporary_path = Folder() + "/none/dump.rdb";
  CHECK(saver.Start(request, note).ok());
  saver.Wait();
  while (ended == 2) std::this_thread::yield();
  CHECK(code == Code::kCannotSave && !saver.facts().is_last_ok);
  CHECK(ReadAll(path) == before);
}

TEST(TakingASnapshotOfManyKeysIsQuick) {
  keyspace().Flush(-1);
  for (int i = 0; i < 300'000; ++i) Set(i % 2, "key " + std::to_string(i), "v");
  double best_us = 1e9;
  for (int round = 0; round < 20; ++round) {
    const auto began = std::chrono::steady_clock::now();
    const KeyspaceSnapshot snapshot = KeyspaceSnapshot::Take();
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
    best_us = std::min(best_us, took.count());
    CHECK_EQUAL(snapshot.key_count(), 300'000);
  }
  std::printf("# %.0f us for 300,000 keys in two databases\n", best_us);
  // Not by the key: copying these takes tens of milliseconds.
  CHECK(best_us < 20'000);
  keyspace().Flush(-1);
  CHECK_EQUAL(std::system(("rm -r " + Folder()).c_str()), 0);
}

RUN_TESTS()
