#include "keyspace/tree.h"

#include <algorithm>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/memory_account.h"
#include "keyspace/hash.h"
#include "keyspace/key_index.h"
#include "keyspace/list.h"
#include "random.h"

namespace {

using namespace tutti;
using tutti::test::Random;
using tutti::test::TestSeed;

ListLeaf::Item ItemOf(const std::string& bytes) {
  PackedItem<1> item;
  CHECK(item.Prepare({bytes}));
  return {0, item.Parts()};
}

std::vector<std::string> ElementsOf(const Tree<ListLeaf>& tree) {
  std::vector<std::string> elements;
  auto path = tree.SeekIndex(0);
  for (bool more = tree.Settle(path); more; more = tree.Next(path)) {
    elements.emplace_back(path.leaf->PartAt(path.position, 0));
  }
  return elements;
}

size_t RandomLength(Random& random) {
  switch (random.Below(10)) {
    case 0:
      return 0;
    case 1:
      return 900 + random.Below(300);  // about the longest that lies in a leaf
    case 2:
      return 1000 + random.Below(5000);
    default:
      return random.Below(60);
  }
}

}  // namespace

TEST(ActsAsAVectorByIndexAndKeepsWhatIsShared) {
  const size_t used = memory_account::Used();
  for (int round = 0; round < 20; ++round) {
    Random random(TestSeed() + static_cast<uint64_t>(round));
    Tree<ListLeaf> tree;
    std::vector<std::string> model;
    struct Shared {
      Tree<ListLeaf> tree;
      std::vector<std::string> model;
    };
    std::vector<Shared> shared;
    const int growing = round % 2 == 0 ? 7 : 4;
    for (int step = 0; step < 2000; ++step) {
      const uint64_t at = model.empty() ? 0 : random.Below(model.size() + 1);
      const uint64_t choice = random.Below(10);
      if (choice < static_cast<uint64_t>(growing) || model.empty()) {
        const std::string bytes = random.Bytes(RandomLength(random));
        auto path = tree.SeekIndex(static_cast<int64_t>(at));
        tree.Insert(path, ItemOf(bytes));
        model.insert(model.begin() + static_cast<int64_t>(at), bytes);
      } else if (at < model.size()) {
        auto path = tree.SeekIndex(static_cast<int64_t>(at));
        CHECK(path.leaf->PartAt(path.position, 0) == model[at]);
        if (choice == 9) {
          const std::string bytes = random.Bytes(RandomLength(random));
          tree.Replace(path, ItemOf(bytes));
          model[at] = bytes;
        } else {
          tree.Erase(path);
          model.erase(model.begin() + static_cast<int64_t>(at));
        }
      }
      CHECK_EQUAL(tree.size(), static_cast<int64_t>(model.size()));
      if (step % 400 == 100) shared.push_back({tree.Share(), model});
      if (step % 400 == 399) CHECK(ElementsOf(tree) == model);
    }
    for (const Shared& old : shared) CHECK(ElementsOf(old.tree) == old.model);
    // To nothing again, so that merging and the collapse of the root are seen.
    while (!model.empty()) {
      const uint64_t at = random.Below(model.size());
      auto path = tree.SeekIndex(static_cast<int64_t>(at));
      tree.Erase(path);
      model.erase(model.begin() + static_cast<int64_t>(at));
      if (model.size() % 100 == 0) CHECK(ElementsOf(tree) == model);
    }
    for (const Shared& old : shared) CHECK(ElementsOf(old.tree) == old.model);
  }
  CHECK_EQUAL(memory_account::Used(), used);
}

TEST(GrowsDeepAtEitherEnd) {
  const size_t used = memory_account::Used();
  for (const bool at_tail : {false, true}) {
    Ref<StoredList> list = StoredList::New();
    constexpr int kCount = 300'000;
    for (int i = 0; i < kCount; ++i) {
      PackedItem<1> item;
      const std::string bytes = std::to_string(i) + std::string(20, '.');
      CHECK(item.Prepare({bytes}));
      list->Push(item, at_tail);
    }
    CHECK_EQUAL(list->length(), kCount);
    int next = at_tail ? 0 : kCount - 1;
    list->ForRange(0, kCount - 1, [&](std::string_view element) {
      CHECK(element == std::to_string(next) + std::string(20, '.'));
      next += at_tail ? 1 : -1;
      return true;
    });
    std::string seen;
    list->ForRange(123'456, 123'456, [&](std::string_view element) {
      seen = element;
      return true;
    });
    CHECK_EQUAL(seen,
                std::to_string(at_tail ? 123'456 : kCount - 1 - 123'456) + std::string(20, '.'));
    // Full leaves: 30 bytes and 4 of overhead an element.
    CHECK(memory_account::Used() - used < size_t{kCount} * 36);
  }
  CHECK_EQUAL(memory_account::Used(), used);
}

TEST(KeepsKeysWithEqualOrderApart) {
  const size_t used = memory_account::Used();
  {
    Random random(TestSeed());
    KeyIndex index;
    std::multimap<uint64_t, std::string> model;
    for (int i = 0; i < 20'000; ++i) {
      // Few orders, so that keys of one order fill many leaves.
      const uint64_t order = random.Below(i % 3 == 0 ? 5 : 4000);
      const std::string key = std::to_string(random.Below(30));
      KeyPlace place = FindKey(index, order, key);
      const auto [first, last] = model.equal_range(order);
      const auto known =
          std::find_if(first, last, [&](const auto& each) { return each.second == key; });
      CHECK_EQUAL(place.entry != nullptr, known != last);
      if (place.entry && random.Below(2) == 0) {
        index.Erase(place.path);
        model.erase(known);
      } else if (!place.entry) {
        index.Insert(place.path, {order, Entry::New(key, nullptr, -1, 1)});
        model.emplace(order, key);
      }
    }
    CHECK_EQUAL(index.size(), static_cast<int64_t>(model.size()));
    uint64_t last = 0;
    KeyIndex::Path path = index.SeekIndex(0);
    for (bool more = index.Settle(path); more; more = index.Next(path)) {
      CHECK(path.leaf->OrderOf(path.position) >= last);
      last = path.leaf->OrderOf(path.position);
    }
    for (const auto& [order, key] : model) CHECK(FindKey(index, order, key).entry);
  }
  CHECK_EQUAL(memory_account::Used(), used);
}

TEST(HashActsAsAMapAndKeepsWhatIsShared) {
  const size_t used = memory_account::Used();
  for (const uint64_t field_count : {20u, 128u, 129u, 5000u}) {
    Random random(TestSeed() + field_count);
    Ref<StoredHash> hash = StoredHash::New();
    std::map<std::string, std::string> model;
    Ref<StoredHash> old;
    std::map<std::string, std::string> old_model;
    for (int step = 0; step < 10'000; ++step) {
      const std::string field = "field" + std::to_string(random.Below(field_count));
      const std::string value =
          field_count < 129 ? random.Bytes(random.Below(65)) : random.Bytes(RandomLength(random));
      PackedItem<2> pair;
      CHECK(pair.Prepare({field, value}));
      Graveyard graveyard;
      CHECK_EQUAL(hash->Set(pair, graveyard), !model.contains(field));
      model[field] = value;
      if (step == 3000) {
        old = hash;
        hash = hash->Share();
        old_model = model;
      }
    }
    for (const auto& [seen, wanted] : {std::pair(hash, &model), std::pair(old, &old_model)}) {
      CHECK_EQUAL(seen->length(), static_cast<int64_t>(wanted->size()));
      int64_t count = 0;
      seen->ForEach(0, [&](std::string_view field, std::string_view value) {
        CHECK(wanted->at(std::string(field)) == value);
        return ++count > 0;
      });
      CHECK_EQUAL(count, seen->length());
      for (const auto& [field, value] : *wanted) {
        std::string_view found;
        CHECK(seen->Find(field, &found) && found == value);
      }
      CHECK(!seen->Contains("absent"));
    }
  }
  CHECK_EQUAL(memory_account::Used(), used);
}

TEST(SmallHashKeepsTheOrderOfInsertion) {
  Ref<StoredHash> hash = StoredHash::New();
  Graveyard graveyard;
  for (const int i : {3, 1, 2, 1, 0}) {
    PackedItem<2> pair;
    const std::string field = std::to_string(i);
    CHECK(pair.Prepare({field, "value"}));
    hash->Set(pair, graveyard);
  }
  std::string fields;
  hash->ForEach(1, [&](std::string_view field, std::string_view) {
    fields += field;
    return true;
  });
  CHECK_EQUAL(fields, "120");
}

TEST(SharedTreesAreReadAndDroppedByOtherThreadsWhileOneWrites) {
  const size_t used = memory_account::Used();
  {
    Tree<ListLeaf> tree;
    for (int i = 0; i < 2000; ++i) {
      auto path = tree.SeekIndex(tree.size());
      tree.Insert(path, ItemOf(std::to_string(i)));
    }
    Random random(TestSeed());
    std::vector<std::thread> readers;
    for (int i = 0; i < 20; ++i) {
      std::vector<std::string> wanted = ElementsOf(tree);
      readers.emplace_back([snapshot = tree.Share(), wanted = std::move(wanted)] {
        CHECK(ElementsOf(snapshot) == wanted);
      });
      for (int step = 0; step < 200; ++step) {
        const auto at = static_cast<int64_t>(random.Below(static_cast<uint64_t>(tree.size())));
        auto path = tree.SeekIndex(at);
        if (step % 3 == 0) {
          tree.Erase(path);
        } else {
          tree.Insert(path, ItemOf(random.Bytes(RandomLength(random))));
        }
      }
    }
    for (std::thread& reader : readers) reader.join();
  }
  CHECK_EQUAL(memory_account::Used(), used);
}

RUN_TESTS()
