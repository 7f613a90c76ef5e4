// The tree of streams against a map.
#include <map>
#include <string>

#include "check.h"
#include "core/memory_account.h"
#include "keyspace/stream.h"
#include "random.h"

namespace {

using namespace tutti;
using tutti::test::Random;
using tutti::test::TestSeed;

using Model = std::map<StreamId, std::string>;

void Append(StoredStream& stream, const StreamId& id, const std::string& value) {
  const std::string_view parts[] = {"field", value};
  const std::string body = StreamEntry::BodyOf(parts);
  const std::string sequence = StoredStream::SequenceBytes(id);
  PackedItem<2> item;
  CHECK(item.Prepare({sequence, body}));
  stream.Append(id, item);
}

Model EntriesOf(const StoredStream& stream, const StreamId& first, const StreamId& last,
                bool is_reversed) {
  Model entries;
  std::optional<StreamId> before;
  stream.ForRange(first, last, is_reversed, [&](const StreamEntry& entry) {
    if (before) CHECK(is_reversed ? entry.id < *before : entry.id > *before);
    before = entry.id;
    CHECK_EQUAL(entry.part_count(), 2);
    entry.ForEachPart([&](std::string_view part) { entries[entry.id] = part; });
    return true;
  });
  return entries;
}

Model Between(const Model& model, const StreamId& first, const StreamId& last) {
  if (first > last) return {};
  return {model.lower_bound(first), model.upper_bound(last)};
}

}  // namespace

TEST(StreamActsAsAMapAndKeepsWhatIsShared) {
  const size_t used = memory_account::Used();
  for (int round = 0; round < 6; ++round) {
    Random random(TestSeed() + static_cast<uint64_t>(round));
    // Many entries of one millisecond, or few.
    const uint64_t steps = round % 2 == 0 ? 3 : 2000;
    Ref<StoredStream> stream = StoredStream::New();
    Model model;
    Ref<StoredStream> old;
    Model old_model;
    Graveyard graveyard;
    StreamId last{1, 0};
    for (int step = 0; step < 4000; ++step) {
      const uint64_t choice = random.Below(10);
      if (choice < 7) {
        if (random.Below(steps) == 0) last = {last.ms + 1 + random.Below(3), 0};
        last.sequence += 1 + random.Below(3);
        const std::string value = random.Bytes(random.Below(40) == 0 ? 3000 : random.Below(50));
        Append(*stream, last, value);
        model[last] = value;
      } else if (choice < 9 && !model.empty()) {
        auto at = model.begin();
        std::advance(at, static_cast<int64_t>(random.Below(std::min<size_t>(model.size(), 50))));
        const StreamId id = at->first;
        CHECK(stream->Remove(id, graveyard));
        CHECK(!stream->Remove(id, graveyard));
        model.erase(at);
      } else if (random.Below(20) == 0) {
        const auto count = static_cast<int64_t>(random.Below(model.size() + 1));
        stream->RemoveFirst(count, graveyard);
        for (int64_t i = 0; i < count; ++i) model.erase(model.begin());
      }
      CHECK_EQUAL(stream->length(), static_cast<int64_t>(model.size()));
      if (step == 2000) {
        old = stream;
        stream = stream->Share();
        old_model = model;
      }
      if (step % 100 != 99) continue;
      const StreamId first{random.Below(last.ms + 2), random.Below(5)};
      const StreamId end{random.Below(last.ms + 2), random.Below(3000)};
      CHECK(EntriesOf(*stream, first, end, false) == Between(model, first, end));
      CHECK(EntriesOf(*stream, first, end, true) == Between(model, first, end));
      const auto below = std::distance(model.begin(), model.lower_bound(first));
      CHECK_EQUAL(stream->CountBefore(first), static_cast<int64_t>(below));
    }
    CHECK(EntriesOf(*stream, {}, kStreamIdMax, false) == model);
    CHECK(EntriesOf(*old, {}, kStreamIdMax, true) == old_model);
  }
  CHECK_EQUAL(memory_account::Used(), used);
}

RUN_TESTS()
