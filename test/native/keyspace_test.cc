#include "keyspace/keyspace.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/memory_account.h"
#include "keyspace/clock.h"
#include "keyspace/expiry.h"
#include "keyspace/hashes.h"
#include "keyspace/keys.h"
#include "keyspace/lists.h"
#include "keyspace/value.h"
#include "keyspace/watches.h"
#include "random.h"
#include "tensor/tensor.h"

namespace {

using namespace tutti;
using tutti::test::Random;
using tutti::test::TestSeed;

Keyspace& keyspace() { return Keyspace::Get(); }

Code SetString(std::string_view key, std::string_view bytes, SetOptions options = {}) {
  return keyspace().Set(0, key, String::Copy(bytes), options, nullptr).code();
}

std::optional<std::string> GetString(std::string_view key, int db = 0) {
  const Ref<Object> value = keyspace().Find(db, key);
  if (!value) return std::nullopt;
  CHECK(value->kind() == ObjectKind::kString);
  return std::string(static_cast<const String&>(*value).view());
}

bool Erase(std::string_view key) { return keyspace().Delete(0, {&key, 1}) == 1; }

int64_t Push(std::string_view key, std::vector<std::string_view> elements, bool at_tail = true) {
  const Result<int64_t> length = lists::Push(0, key, elements, at_tail, false);
  CHECK(length.ok());
  return length.value();
}

int64_t SetFields(std::string_view key, std::vector<std::string_view> fields_and_values) {
  const Result<int64_t> added = hashes::Set(0, key, fields_and_values, false);
  CHECK(added.ok());
  return added.value();
}

std::vector<std::string> ElementsOf(const Ref<Object>& value) {
  CHECK(value && value->kind() == ObjectKind::kList);
  const auto& list = static_cast<const List&>(*value);
  std::vector<std::string> elements;
  list.ForRange(0, list.length() - 1, [&](std::string_view element) {
    elements.emplace_back(element);
    return true;
  });
  return elements;
}

std::map<std::string, std::string> PairsOf(const Ref<Object>& value) {
  CHECK(value && value->kind() == ObjectKind::kHash);
  std::map<std::string, std::string> pairs;
  static_cast<const Hash&>(*value).ForEach(0, [&](std::string_view field, std::string_view each) {
    pairs.emplace(field, each);
    return true;
  });
  return pairs;
}

// A test begins with an empty keyspace, turns the clock by hand if it wants, and must leave no
// byte behind.
class CleanKeyspace {
 public:
  CleanKeyspace() {
    keyspace().Flush(-1);
    buffer_pool::Trim(0);
    used_ = memory_account::Used();
  }
  ~CleanKeyspace() {
    SetUnixTimeMsForTest(-1);
    keyspace().Flush(-1);
    keyspace().StopBackground();
    CHECK_EQUAL(memory_account::Used(), used_);
    CHECK_EQUAL(keyspace().Size(0), 0);
    CHECK_EQUAL(keyspace().ExpiringCount(0), 0);
  }

 private:
  size_t used_;
};

}  // namespace

TEST(HashesSlotsAsRedisClusterDoes) {
  const struct {
    std::string_view key;
    uint16_t slot;
  } rows[] = {{"123456789", 12739}, {"foo", 12182},         {"", 0},
              {"{foo}bar", 12182},  {"x{foo}{bar}", 12182}, {"{}foo", KeySlot("{}foo")}};
  for (const auto& row : rows) CHECK_EQUAL(KeySlot(row.key), row.slot);
  CHECK(KeySlot("{}foo") != KeySlot("foo"));
  CHECK(KeySlot("{foo") != KeySlot("foo"));
  // Against the definition, bit by bit.
  Random random(TestSeed());
  for (size_t bytes = 0; bytes < 40; ++bytes) {
    std::string key = random.Bytes(bytes);
    std::replace(key.begin(), key.end(), '{', '(');
    uint32_t crc = 0;
    for (const char c : key) {
      crc ^= static_cast<uint32_t>(static_cast<uint8_t>(c)) << 8;
      for (int bit = 0; bit < 8; ++bit)
        crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
    }
    CHECK_EQUAL(KeySlot(key), crc % 16384);
  }
}

TEST(SetsUnderConditions) {
  CleanKeyspace clean;
  CHECK(SetString("k", "1", {.only_if_present = true}) == Code::kNotPerformed);
  CHECK(SetString("k", "1", {.only_if_absent = true}) == Code::kOk);
  CHECK(SetString("k", "2", {.only_if_absent = true}) == Code::kNotPerformed);
  CHECK_EQUAL(*GetString("k"), "1");
  Ref<Object> previous;
  CHECK(keyspace().Set(0, "k", String::Copy("3"), {.want_previous = true}, &previous).ok());
  CHECK(static_cast<const String&>(*previous).view() == "1");
  const Status refused = keyspace().Set(0, "k", String::Copy("4"),
                                        {.only_if_absent = true, .want_previous = true}, &previous);
  CHECK(refused.code() == Code::kNotPerformed);
  CHECK(static_cast<const String&>(*previous).view() == "3");
  CHECK(SetString("k", "5", {.required_kind = ObjectKind::kTensor}) == Code::kWrongType);
  CHECK_EQUAL(*GetString("k"), "3");

  Push("l", {"a"});
  CHECK(SetString("l", "x", {.want_previous = true}) == Code::kWrongType);
  CHECK(SetString("l", "x") == Code::kOk);
  CHECK(hashes::Set(0, "l", std::array<std::string_view, 2>{"f", "v"}, false).status().code() ==
        Code::kWrongType);
  CHECK(lists::Push(0, "l", {}, true, false).status().code() == Code::kWrongType);
}

TEST(KeepsDatabasesApart) {
  CleanKeyspace clean;
  for (int db = 0; db < kDatabaseCountMax; ++db) {
    CHECK(keyspace().Set(db, "k", String::Copy(std::to_string(db)), {}, nullptr).ok());
  }
  keyspace().Flush(3);
  CHECK(!GetString("k", 3));
  CHECK_EQUAL(keyspace().Size(3), 0);
  CHECK_EQUAL(*GetString("k", 4), "4");
}

TEST(AReaderKeepsWhatItFound) {
  CleanKeyspace clean;
  SetString("s", "before");
  Push("l", {"a", "b"});
  SetFields("h", {"f", "1", "g", std::string_view("2")});
  const Ref<Object> string = keyspace().Find(0, "s");
  const Ref<Object> list = keyspace().Find(0, "l");
  const Ref<Object> hash = keyspace().Find(0, "h");
  std::map<std::string, std::string> all;
  keyspace().ForEach(0, ObjectKind::kNone, [&](std::string_view key, const Ref<Object>&) {
    all.emplace(key, "");
    // No lock is held: the visitor may change what it is shown.
    SetString("s", "within");
    Push("l", {"c"});
    SetFields("h", {"f", "within", "new", "1"});
    Erase("absent");
  });
  CHECK_EQUAL(all.size(), 3u);
  CHECK(static_cast<const String&>(*string).view() == "before");
  CHECK(ElementsOf(list) == (std::vector<std::string>{"a", "b"}));
  CHECK(PairsOf(hash) == (std::map<std::string, std::string>{{"f", "1"}, {"g", "2"}}));
  CHECK(ElementsOf(keyspace().Find(0, "l")) == (std::vector<std::string>{"a", "b", "c", "c", "c"}));
  keyspace().Flush(0);
  CHECK(ElementsOf(list).size() == 2);
}

TEST(ASnapshotSeesNoContainerChangeInPlace) {
  CleanKeyspace clean;
  // The value's own count is 1 while a snapshot shares its entry: that must not count as unique.
  Push("l", {"a"});
  SetFields("h", {"f", "v"});
  int visits = 0;
  keyspace().ForEach(0, ObjectKind::kNone, [&](std::string_view, const Ref<Object>& value) {
    ++visits;
    Push("l", {"later"});
    SetFields("h", {"f", "later"});
    if (value->kind() == ObjectKind::kList)
      CHECK_EQUAL(ElementsOf(value).back(), visits == 1 ? "a" : "later");
    if (value->kind() == ObjectKind::kHash)
      CHECK_EQUAL(PairsOf(value)["f"], visits == 1 ? "v" : "later");
  });
  CHECK_EQUAL(visits, 2);
}

TEST(CommitsAllOrNothing) {
  CleanKeyspace clean;
  SetString("string", "x");
  const int64_t dims[] = {1};
  const Ref<Object> tensor = Tensor::Zeros(DType::kInt8, dims, 1);
  std::vector<Change> changes = {{0, "t1", tensor, kNoExpiry, ObjectKind::kTensor},
                                 {0, "string", tensor, kNoExpiry, ObjectKind::kTensor}};
  CHECK(keyspace().CommitAll(changes).code() == Code::kWrongType);
  CHECK(!keyspace().Find(0, "t1"));
  changes[1].key = "t2";
  changes.push_back({0, "string", nullptr});
  CHECK(keyspace().CommitAll(changes).ok());
  CHECK(keyspace().Find(0, "t1").get() == tensor.get());
  CHECK(keyspace().Find(0, "t2").get() == tensor.get());
  CHECK(!GetString("string"));
  CHECK_EQUAL(keyspace().Size(0), 2);
}

TEST(CountsKeysAndChanges) {
  CleanKeyspace clean;
  const KeyspaceCounters before = keyspace().Counters();
  SetString("a", "1");
  SetString("b", "1");
  const std::string_view keys[] = {"a", "b", "a", "absent"};
  CHECK_EQUAL(keyspace().CountExisting(0, keys), 3);
  CHECK_EQUAL(keyspace().Delete(0, keys), 2);
  GetString("a");
  const KeyspaceCounters after = keyspace().Counters();
  CHECK_EQUAL(after.dirty - before.dirty, 4);
  CHECK_EQUAL(after.hits - before.hits, 3);
  CHECK_EQUAL(after.misses - before.misses, 2);
}

TEST(RenamesWithTheExpiryAndOverTheTarget) {
  CleanKeyspace clean;
  SetUnixTimeMsForTest(1000);
  CHECK(keyspace().Rename(0, "absent", "b", false).code() == Code::kNotFound);
  CHECK(keyspace().Rename(0, "absent", "absent", false).code() == Code::kNotFound);
  // Keys of the same stripe and of others.
  for (const char* to : {"{a}2", "b", "other"}) {
    SetString("a", "value", {.expire_at_ms = 5000});
    SetString(to, "old", {.expire_at_ms = 9000});
    CHECK(keyspace().Rename(0, "a", to, true).code() == Code::kNotPerformed);
    CHECK(keyspace().Rename(0, "a", "a", false).ok());
    CHECK(keyspace().Rename(0, "a", "a", true).code() == Code::kNotPerformed);
    const uint64_t version = keyspace().Version(0, to);
    CHECK(keyspace().Rename(0, "a", to, false).ok());
    CHECK(keyspace().Version(0, to) != version);
    CHECK_EQUAL(keyspace().Version(0, "a"), 0u);
    CHECK_EQUAL(*GetString(to), "value");
    CHECK_EQUAL(keyspace().ExpireTime(0, to), 5000);
    CHECK_EQUAL(keyspace().Size(0), 1);
    CHECK_EQUAL(keyspace().ExpiringCount(0), 1);
    CHECK(keyspace().Rename(0, to, "fresh", true).ok());
    CHECK(Erase("fresh"));
  }
}

TEST(VersionsDifferAfterEachChange) {
  CleanKeyspace clean;
  SetUnixTimeMsForTest(1000);
  std::set<uint64_t> seen;
  const auto changed = [&] {
    const uint64_t version = keyspace().Version(0, "k");
    CHECK(version != 0 && seen.insert(version).second);
    CHECK_EQUAL(keyspace().Version(0, "k"), version);
  };
  CHECK_EQUAL(keyspace().Version(0, "k"), 0u);
  SetString("k", "1");
  changed();
  SetString("k", "1");
  changed();
  keyspace().Expire(0, "k", 5000, 0);
  changed();
  keyspace().Persist(0, "k");
  changed();
  Erase("k");
  CHECK_EQUAL(keyspace().Version(0, "k"), 0u);
  Push("k", {"a"});
  changed();
  Push("k", {"a"});
  changed();
  keyspace().Expire(0, "k", 5000, 0);
  changed();
  SetUnixTimeMsForTest(5001);
  CHECK_EQUAL(keyspace().Version(0, "k"), 0u);
  SetFields("k", {"f", "v"});
  changed();
}

TEST(ExpiresUnderConditions) {
  CleanKeyspace clean;
  SetUnixTimeMsForTest(1000);
  const struct {
    int64_t before;
    int64_t at;
    uint32_t conditions;
    bool is_done;
  } rows[] = {
      {kNoExpiry, 5000, 0, true},  {kNoExpiry, 5000, 1, true}, {4000, 5000, 1, false},
      {kNoExpiry, 5000, 2, false}, {4000, 5000, 2, true},      {kNoExpiry, 5000, 4, false},
      {4000, 5000, 4, true},       {5000, 5000, 4, false},     {6000, 5000, 4, false},
      {kNoExpiry, 5000, 8, true},  {4000, 5000, 8, false},     {5000, 5000, 8, false},
      {6000, 5000, 8, true},       {6000, 5000, 2 | 8, true},  {kNoExpiry, 5000, 2 | 8, false},
      {4000, 5000, 2 | 4, true},
  };
  for (const auto& row : rows) {
    SetString("k", "v", {.expire_at_ms = row.before});
    CHECK_EQUAL(keyspace().Expire(0, "k", row.at, row.conditions), row.is_done);
    CHECK_EQUAL(keyspace().ExpireTime(0, "k"), row.is_done ? row.at : row.before);
    CHECK_EQUAL(*GetString("k"), "v");
  }
  CHECK(!keyspace().Expire(0, "absent", 5000, 0));
  CHECK_EQUAL(keyspace().ExpireTime(0, "absent"), -2);
  CHECK(keyspace().Persist(0, "k"));
  CHECK(!keyspace().Persist(0, "k"));
  CHECK_EQUAL(keyspace().ExpireTime(0, "k"), kNoExpiry);
  CHECK(keyspace().Expire(0, "k", 1000, 0));  // now is past
  CHECK(!GetString("k"));
  CHECK_EQUAL(keyspace().Size(0), 0);
}

TEST(KeepsOrDropsTheExpiryOnSet) {
  CleanKeyspace clean;
  SetUnixTimeMsForTest(1000);
  SetString("k", "1", {.expire_at_ms = 5000});
  SetString("k", "2", {.expire_at_ms = kKeepExpiry});
  CHECK_EQUAL(keyspace().ExpireTime(0, "k"), 5000);
  SetString("k", "3");
  CHECK_EQUAL(keyspace().ExpireTime(0, "k"), kNoExpiry);
  CHECK_EQUAL(keyspace().ExpiringCount(0), 0);
  SetString("new", "1", {.expire_at_ms = kKeepExpiry});
  CHECK_EQUAL(keyspace().ExpireTime(0, "new"), kNoExpiry);
  Push("l", {"a"});
  keyspace().Expire(0, "l", 5000, 0);
  Push("l", {"b"});
  CHECK_EQUAL(keyspace().ExpireTime(0, "l"), 5000);
}

TEST(WhoFindsAnExpiredKeyDeletesIt) {
  CleanKeyspace clean;
  SetUnixTimeMsForTest(1000);
  const KeyspaceCounters before = keyspace().Counters();
  Push("l", {"old"});
  keyspace().Expire(0, "l", 2000, 0);
  SetUnixTimeMsForTest(2000);
  CHECK(keyspace().Find(0, "l"));
  SetUnixTimeMsForTest(2001);
  keyspace().ForEach(0, ObjectKind::kNone,
                     [](std::string_view, const Ref<Object>&) { CHECK(false); });
  CHECK_EQUAL(keyspace().Version(0, "l"), uint64_t{0});
  CHECK_EQUAL(keyspace().Size(0), 1);  // nobody has read it
  expiry::RestUntil(3000);
  CHECK(!keyspace().Find(0, "l"));
  CHECK_EQUAL(keyspace().Size(0), 1);
  expiry::RestUntil(0);
  CHECK(!keyspace().Find(0, "l"));
  CHECK_EQUAL(keyspace().Size(0), 0);
  CHECK_EQUAL(keyspace().CountExisting(0, std::array<std::string_view, 1>{"l"}), 0);
  CHECK_EQUAL(Push("l", {"new"}), 1);
  CHECK_EQUAL(keyspace().ExpireTime(0, "l"), kNoExpiry);
  CHECK_EQUAL(keyspace().Counters().expired - before.expired, 1);
  SetString("gone", "x", {.expire_at_ms = 1});
  CHECK(!Erase("gone"));
  CHECK_EQUAL(keyspace().Size(0), 1);
}

TEST(WhoWatchesAnAbsentKeySeesItMadeAndDeleted) {
  CleanKeyspace clean;
  WatchedKeys first, second;
  first.Add(0, "k");
  second.Add(0, "k");
  second.Add(1, "k");
  CHECK_EQUAL(second.size(), size_t{2});
  CHECK_EQUAL(second.Slots().size(), size_t{2});
  SetString("other", "v");
  CHECK(!first.IsAnyChanged());
  SetString("k", "v");
  Erase("k");
  CHECK(first.IsAnyChanged() && second.IsAnyChanged());
  // Begun anew, while another still watches it.
  first.Clear();
  first.Add(0, "k");
  first.Add(0, "k");
  CHECK_EQUAL(first.size(), size_t{1});
  CHECK(!first.IsAnyChanged() && second.IsAnyChanged());
  second.Clear();
  CHECK(!first.IsAnyChanged());
  keys::SwapDatabases(0, 1);
  CHECK(!first.IsAnyChanged());
  SetString("k", "v");
  CHECK(first.IsAnyChanged());
  first.Clear();
  first.Add(0, "k");
  keys::SwapDatabases(0, 1);
  keys::SwapDatabases(0, 1);
  CHECK(first.IsAnyChanged());
  first.Clear();
  CHECK(StripeAt(AddressOf("k").stripe).watches == nullptr);
}

TEST(FindsExpiredKeysThatNobodyReads) {
  CleanKeyspace clean;
  SetUnixTimeMsForTest(1'000'000);
  Random random(TestSeed());
  std::map<std::string, int64_t> model;
  for (int step = 0; step < 30'000; ++step) {
    const std::string key = "k" + std::to_string(random.Below(3000));
    switch (random.Below(5)) {
      case 0:
        Erase(key);
        model.erase(key);
        break;
      case 1:
        SetString(key, "v");
        model[key] = kNoExpiry;
        break;
      default: {
        const auto at = static_cast<int64_t>(1'000'001 + random.Below(1000));
        SetString(key, "v", {.expire_at_ms = at});
        model[key] = at;
      }
    }
  }
  for (int64_t now = 1'000'000; now <= 1'001'100; now += 50) {
    SetUnixTimeMsForTest(now);
    expiry::RunOnce();
    std::erase_if(model, [&](const auto& each) { return each.second >= 0 && each.second < now; });
    CHECK_EQUAL(keyspace().Size(0), static_cast<int64_t>(model.size()));
  }
  CHECK_EQUAL(keyspace().ExpiringCount(0), 0);
  for (const auto& [key, at] : model) CHECK(GetString(key));
}

TEST(KeepsNoPastOfAKeyWhoseExpiryIsSetAgainAndAgain) {
  CleanKeyspace clean;
  SetUnixTimeMsForTest(1000);
  SetString("k", "v", {.expire_at_ms = 5000});
  const size_t used = memory_account::Used();
  for (int64_t i = 0; i < 100'000; ++i) keyspace().Expire(0, "k", 5000 + i, 0);
  CHECK(memory_account::Used() < used + 16 * kKiB);
}

TEST(TheBackgroundThreadExpiresPromptly) {
  CleanKeyspace clean;
  keyspace().StartBackground();
  keyspace().StartBackground();
  SetUnixTimeMsForTest(1000);
  for (int i = 0; i < 5000; ++i) SetString("k" + std::to_string(i), "v", {.expire_at_ms = 2000});
  const auto start = std::chrono::steady_clock::now();
  SetUnixTimeMsForTest(2001);
  while (keyspace().Size(0) > 0) std::this_thread::yield();
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
  keyspace().StopBackground();
  keyspace().StopBackground();
}

TEST(ActsAsMapsOfStringsListsAndHashes) {
  CleanKeyspace clean;
  SetUnixTimeMsForTest(1000);
  Random random(TestSeed());
  std::map<std::string, std::string> strings;
  std::map<std::string, std::vector<std::string>> lists;
  std::map<std::string, std::map<std::string, std::string>> hashes;
  for (int step = 0; step < 60'000; ++step) {
    const std::string id = std::to_string(random.Below(50));
    const std::string bytes =
        random.Bytes(random.Below(20) == 0 ? random.Below(50'000) : random.Below(80));
    switch (random.Below(8)) {
      case 0:
      case 1:
        SetString("s" + id, bytes);
        strings["s" + id] = bytes;
        break;
      case 2:
      case 3: {
        const bool at_tail = random.Below(2) == 0;
        auto& list = lists["l" + id];
        list.insert(at_tail ? list.end() : list.begin(), bytes);
        CHECK_EQUAL(Push("l" + id, {bytes}, at_tail), static_cast<int64_t>(list.size()));
        break;
      }
      case 4:
      case 5: {
        const std::string field = std::to_string(random.Below(200));
        auto& hash = hashes["h" + id];
        CHECK_EQUAL(SetFields("h" + id, {field, bytes}), hash.contains(field) ? 0 : 1);
        hash[field] = bytes;
        break;
      }
      case 6:
        if (random.Below(4) == 0) {
          CHECK_EQUAL(Erase("l" + id), lists.erase("l" + id) == 1);
          CHECK_EQUAL(Erase("h" + id), hashes.erase("h" + id) == 1);
        }
        break;
      default:
        CHECK(GetString("s" + id).value_or("") == strings["s" + id]);
        if (!GetString("s" + id)) strings.erase("s" + id);
    }
  }
  for (const auto& [key, list] : lists) CHECK(ElementsOf(keyspace().Find(0, key)) == list);
  for (const auto& [key, hash] : hashes) CHECK(PairsOf(keyspace().Find(0, key)) == hash);
  CHECK_EQUAL(keyspace().Size(0),
              static_cast<int64_t>(strings.size() + lists.size() + hashes.size()));
}

TEST(PushesOnlyIfPresentWhenAsked) {
  CleanKeyspace clean;
  const std::string_view elements[] = {"a", "b"};
  CHECK_EQUAL(lists::Push(0, "l", elements, false, true).value(), 0);
  CHECK(!keyspace().Find(0, "l"));
  CHECK_EQUAL(lists::Push(0, "l", elements, false, false).value(), 2);
  CHECK_EQUAL(lists::Push(0, "l", elements, true, true).value(), 4);
  CHECK(ElementsOf(keyspace().Find(0, "l")) == (std::vector<std::string>{"b", "a", "a", "b"}));
}

TEST(ChangesNothingWithoutMemory) {
  CleanKeyspace clean;
  Push("l", {"a"});
  const std::string large(2 * kMiB, 'x');
  memory_account::SetMax(memory_account::Used() + 1 * kMiB);
  CHECK(!String::Copy(large));
  const std::string_view elements[] = {"b", large};
  CHECK(lists::Push(0, "l", elements, true, false).status().code() == Code::kOutOfMemory);
  const std::string_view pair[] = {"f", large};
  CHECK(hashes::Set(0, "h", pair, false).status().code() == Code::kOutOfMemory);
  memory_account::SetMax(0);
  CHECK(ElementsOf(keyspace().Find(0, "l")) == std::vector<std::string>{"a"});
  CHECK(!keyspace().Find(0, "h"));
}

TEST(HeldStripesKeepOthersOutAndFreeAfterwards) {
  CleanKeyspace clean;
  SetString("a", "0");
  SetString("b", "0");
  // Two threads move between two keys inside EXECs: the sum is never seen torn.
  std::atomic<bool> is_done{false};
  const auto number = [](std::string_view key) { return std::stoi(*GetString(key)); };
  const std::array<uint16_t, 2> slots = {KeySlot("b"), KeySlot("a")};
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&, i] {
      for (int step = 0; step < 500; ++step) {
        keyspace().LockStripes(i == 0 ? std::span<const uint16_t>() : std::span(slots));
        SetString("a", std::to_string(number("a") + 1));
        SetString("b", std::to_string(number("b") - 1));
        keyspace().UnlockStripes();
      }
    });
  }
  std::thread reader([&] {
    while (!is_done) {
      keyspace().LockStripes(slots);
      CHECK_EQUAL(number("a") + number("b"), 0);
      keyspace().UnlockStripes();
      const std::string_view keys[] = {"a", "b"};
      CHECK_EQUAL(keyspace().CountExisting(0, keys), 2);
    }
  });
  for (std::thread& writer : writers) writer.join();
  is_done = true;
  reader.join();
  CHECK_EQUAL(number("a"), 1500);

  // A value's end may run long: never while stripes are held.
  static bool is_released = false;
  const int64_t dims[] = {1};
  CHECK(keyspace()
            .Set(0, "t",
                 Tensor::Adopt(DType::kInt8, dims, &is_released, 1, nullptr,
                               [](void*) { is_released = true; }),
                 {}, nullptr)
            .ok());
  keyspace().LockStripes({});
  CHECK(Erase("t"));
  CHECK(!is_released);
  keyspace().UnlockStripes();
  CHECK(is_released);
}

TEST(ManyThreadsHammerAFewKeys) {
  CleanKeyspace clean;
  keyspace().StartBackground();
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 6; ++i) {
    threads.emplace_back([i] {
      Random random(TestSeed() + i);
      std::vector<Ref<Object>> kept;
      for (int step = 0; step < 4000; ++step) {
        const std::string id = std::to_string(random.Below(12));
        const std::string other = std::to_string(random.Below(12));
        const std::string bytes(random.Below(10) == 0 ? random.Below(100'000) : random.Below(100),
                                static_cast<char>('a' + i));
        switch (random.Below(12)) {
          case 0:
            SetString("s" + id, bytes);
            break;
          case 1: {
            const int64_t now = UnixTimeMs();
            SetString("s" + id, bytes,
                      {.expire_at_ms = now + static_cast<int64_t>(random.Below(3))});
            break;
          }
          case 2:
            Push("l" + id, {bytes, "x"}, random.Below(2) == 0);
            break;
          case 3:
            SetFields("h" + id, {std::to_string(random.Below(300)), bytes});
            break;
          case 4:
            kept.push_back(keyspace().Find(0, "l" + id));
            break;
          case 5:
            kept.push_back(keyspace().Find(0, "h" + id));
            break;
          case 6:
            (void)keyspace().Rename(0, "s" + id, "s" + other, random.Below(2) == 0);
            break;
          case 7: {
            const std::string keys[] = {"s" + id, "l" + id, "h" + other};
            const std::string_view views[] = {keys[0], keys[1], keys[2]};
            if (random.Below(10) == 0) keyspace().Delete(0, views);
            keyspace().CountExisting(0, views);
            break;
          }
          case 8: {
            int64_t total = 0;
            if (step % 10 == 0) {
              keyspace().ForEach(0, ObjectKind::kNone,
                                 [&](std::string_view, const Ref<Object>& value) {
                                   if (value->kind() == ObjectKind::kList)
                                     total += static_cast<int64_t>(ElementsOf(value).size());
                                   if (value->kind() == ObjectKind::kHash)
                                     total += static_cast<int64_t>(PairsOf(value).size());
                                 });
            }
            CHECK(total >= 0);
            break;
          }
          case 9: {
            const uint16_t slots[] = {KeySlot("s" + id), KeySlot("l" + other)};
            keyspace().LockStripes(slots);
            SetString("s" + id, bytes);
            Push("l" + other, {bytes});
            Erase("s" + id);
            keyspace().UnlockStripes();
            break;
          }
          case 10: {
            const std::string keys[] = {"s" + id, "s" + other};
            const Ref<Object> value = String::Copy(bytes);
            const Change changes[] = {{0, keys[0], value}, {0, keys[1], value}};
            CHECK(keyspace().CommitAll(changes).ok());
            break;
          }
          default:
            if (random.Below(200) == 0) keyspace().Flush(-1);
            keyspace().Size(0);
            keyspace().Version(0, "s" + id);
            keyspace().Counters();
        }
        for (const Ref<Object>& value : kept) {
          if (!value || random.Below(20) > 0) continue;
          // What is held reads whole, whatever others do to its key.
          const auto count = value->kind() == ObjectKind::kList
                                 ? static_cast<const List&>(*value).length()
                                 : static_cast<const Hash&>(*value).length();
          const size_t seen =
              value->kind() == ObjectKind::kList ? ElementsOf(value).size() : PairsOf(value).size();
          CHECK_EQUAL(seen, static_cast<size_t>(count));
        }
        if (kept.size() > 10) kept.clear();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

RUN_TESTS()
