// The trees of sets and sorted sets against containers of the standard library.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "check.h"
#include "core/memory_account.h"
#include "keyspace/set.h"
#include "keyspace/sorted_set.h"
#include "random.h"

namespace {

using namespace tutti;
using tutti::test::Random;
using tutti::test::TestSeed;

std::string RandomMember(Random& random, int kind) {
  const std::string number = std::to_string(static_cast<int>(random.Below(700)) - 300);
  if (kind == 0) return number;
  if (random.Below(40) == 0) return std::string(1000 + random.Below(3000), 'x') + number;
  return "member" + number;
}

std::set<std::string> MembersOf(const StoredSet& set) {
  std::set<std::string> members;
  set.ForEach(0, [&](const PackedPart& member) {
    CHECK(members.emplace(member.bytes).second);
    return true;
  });
  return members;
}

using Scored = std::pair<double, std::string>;

std::vector<Scored> MembersOf(const StoredSortedSet& set) {
  std::vector<Scored> members;
  set.ForEach([&](const ScoredMember& each) {
    members.emplace_back(each.score, each.member.bytes);
    return true;
  });
  return members;
}

}  // namespace

TEST(SetActsAsASetAndKeepsWhatIsShared) {
  const size_t used = memory_account::Used();
  for (int round = 0; round < 12; ++round) {
    Random random(TestSeed() + static_cast<uint64_t>(round));
    Ref<StoredSet> set = StoredSet::New();
    std::set<std::string> model;
    Ref<StoredSet> old;
    std::set<std::string> old_model;
    Graveyard graveyard;
    for (int step = 0; step < 6000; ++step) {
      const std::string member = RandomMember(random, round % 3);
      if (random.Below(step < 4000 ? 5 : 2) > 0) {
        PackedItem<1> item;
        CHECK(item.Prepare({member}));
        CHECK_EQUAL(set->Add(item.Borrowed(0)), model.insert(member).second);
      } else if (random.Below(4) == 0 && !model.empty()) {
        const auto index = static_cast<int64_t>(random.Below(model.size()));
        CHECK_EQUAL(model.erase(std::string(set->At(index).bytes)), size_t{1});
        set->RemoveAt(index, graveyard);
      } else {
        CHECK_EQUAL(set->Remove(member, graveyard), model.erase(member) > 0);
      }
      CHECK_EQUAL(set->length(), static_cast<int64_t>(model.size()));
      CHECK_EQUAL(set->Contains(member), model.contains(member));
      if (step == 3000) {
        old = set;
        set = set->Share();
        old_model = model;
      }
    }
    CHECK(MembersOf(*set) == model);
    CHECK(MembersOf(*old) == old_model);
  }
  CHECK_EQUAL(memory_account::Used(), used);
}

TEST(SetOfIntegersAscends) {
  Ref<StoredSet> set = StoredSet::New();
  for (const char* member : {"5", "-9223372036854775808", "0", "9223372036854775807", "-3"}) {
    PackedItem<1> item;
    CHECK(item.Prepare({member}));
    CHECK(set->Add(item.Borrowed(0)));
  }
  CHECK(set->form() == StoredSet::Form::kIntegers);
  std::string all;
  set->ForEach(0, [&](const PackedPart& member) {
    all += std::string(member.bytes) + " ";
    return true;
  });
  CHECK_EQUAL(all, "-9223372036854775808 -3 0 5 9223372036854775807 ");
}

TEST(ScanVisitsEveryMemberThatStays) {
  Random random(TestSeed());
  Ref<StoredSet> set = StoredSet::New();
  Graveyard graveyard;
  const auto add = [&](const std::string& member) {
    PackedItem<1> item;
    CHECK(item.Prepare({member}));
    return set->Add(item.Borrowed(0));
  };
  std::set<std::string> staying;
  for (int i = 0; i < 3000; ++i) {
    staying.insert("stays" + std::to_string(i));
    add("stays" + std::to_string(i));
  }
  std::set<std::string> seen;
  uint64_t cursor = 0;
  int calls = 0;
  do {
    cursor = set->Scan(cursor, 10,
                       [&](const PackedPart& member) { seen.insert(std::string(member.bytes)); });
    CHECK(cursor < uint64_t{1} << 53);
    for (int i = 0; i < 20; ++i) {
      const std::string other = "other" + std::to_string(random.Below(3000));
      if (!add(other)) set->Remove(other, graveyard);
    }
    ++calls;
  } while (cursor != 0);
  CHECK(calls > 300);
  CHECK(std::includes(seen.begin(), seen.end(), staying.begin(), staying.end()));
}

TEST(SortedSetActsAsAnOrderedSetOfPairs) {
  const size_t used = memory_account::Used();
  for (int round = 0; round < 12; ++round) {
    Random random(TestSeed() + static_cast<uint64_t>(round));
    // Few scores, so that members of one score fill many leaves.
    const uint64_t score_count = round % 3 == 0 ? 1 : round % 3 == 1 ? 7 : 100'000;
    Ref<StoredSortedSet> set = StoredSortedSet::New();
    std::map<std::string, double> model;
    Ref<StoredSortedSet> old;
    std::vector<Scored> old_members;
    Graveyard graveyard;
    for (int step = 0; step < 5000; ++step) {
      const std::string member = RandomMember(random, 1);
      const double score = (static_cast<double>(random.Below(score_count)) - 3) / 2;
      const auto known = model.find(member);
      const std::optional<double> found = set->Score(member);
      CHECK_EQUAL(found.has_value(), known != model.end());
      if (found) CHECK_EQUAL(*found, known->second);
      if (random.Below(4) > 0) {
        if (found) {
          set->Update(member, *found, score, graveyard);
        } else {
          PackedItem<1> item;
          CHECK(item.Prepare({member}));
          set->Insert(item.Borrowed(0), score);
        }
        model[member] = score;
      } else if (random.Below(3) == 0 && !model.empty()) {
        const auto index = static_cast<int64_t>(random.Below(model.size()));
        model.erase(std::string(set->At(index).member.bytes));
        set->RemoveAt(index, graveyard);
      } else {
        CHECK_EQUAL(set->Remove(member, graveyard), model.erase(member) > 0);
      }
      CHECK_EQUAL(set->length(), static_cast<int64_t>(model.size()));
      if (step == 2500) {
        old = set;
        set = set->Share();
        old_members = MembersOf(*old);
      }
      if (step % 500 != 499) continue;
      std::vector<Scored> wanted;
      for (const auto& [name, value] : model) wanted.emplace_back(value, name);
      std::sort(wanted.begin(), wanted.end());
      CHECK(MembersOf(*set) == wanted);
      for (size_t i = 0; i < wanted.size(); i += 17) {
        CHECK_EQUAL(set->Rank(wanted[i].second, wanted[i].first), static_cast<int64_t>(i));
        const auto below = std::count_if(wanted.begin(), wanted.end(), [&](const Scored& each) {
          return each.first < wanted[i].first;
        });
        CHECK_EQUAL(set->CountBefore(wanted[i].first, false), static_cast<int64_t>(below));
      }
      std::vector<Scored> reversed;
      if (!wanted.empty()) {
        set->ForRange(0, set->length() - 1, true, [&](const ScoredMember& each) {
          reversed.emplace_back(each.score, each.member.bytes);
          return true;
        });
      }
      std::reverse(reversed.begin(), reversed.end());
      CHECK(reversed == wanted);
    }
    CHECK(MembersOf(*old) == old_members);
  }
  CHECK_EQUAL(memory_account::Used(), used);
}

RUN_TESTS()
