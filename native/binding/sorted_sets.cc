// The exports about sorted sets.
#include "keyspace/sorted_sets.h"

#include "binding/call.h"
#include "binding/data_exports.h"
#include "core/numbers.h"

namespace tutti {

namespace {

using Answer = Result<int64_t>;
using sorted_sets::Range;

// Arguments: key, flags, first, count: words score, member, score, ...
Answer SortedSetAdd(Call& call) {
  const std::vector<std::string_view> texts = call.EverySecond(3, 0);
  std::vector<double> scores;
  for (const std::string_view text : texts) {
    const auto score = ParseDouble(text);
    if (!score) return Code::kNotFloat;
    scores.push_back(*score);
  }
  return sorted_sets::Add(call.db(), call.Word(1), call.Int(2), scores, call.EverySecond(3, 1));
}

// 1 if so many words are floats: WEIGHTS are complained of before what follows them.
Answer AreFloats(Call& call) {
  for (const std::string_view text : call.Words(0)) {
    if (!ParseDouble(text)) return int64_t{0};
  }
  return int64_t{1};
}

Answer SortedSetIncrement(Call& call) {
  const auto by = ParseDouble(call.Word(3));
  if (!by) return Code::kNotFloat;
  return call.Rows(sorted_sets::Increment(call.db(), call.Word(1), call.Int(2), *by, call.Word(4),
                                          call.reply()));
}

Answer SortedSetRemove(Call& call) {
  return sorted_sets::Remove(call.db(), call.Word(1), call.Words(2));
}

Answer SortedSetLength(Call& call) {
  return ReadNumber<StoredSortedSet>(call, 1,
                                     [](const StoredSortedSet& set) { return set.length(); });
}

Answer SortedSetScores(Call& call) {
  const auto found = FindContainer<StoredSortedSet>(call.db(), call.Word(1));
  if (!found.ok()) return found.status();
  Reply& reply = call.reply();
  for (const std::string_view member : call.Words(2)) {
    const auto score = found.value() ? found.value()->Score(member) : std::nullopt;
    if (score) {
      reply.Double(*score);
    } else {
      reply.Nil();
    }
  }
  return call.Rows(Status::Ok());
}

// Arguments from `i` on: by, min, max, reversed, offset, count.
Result<Range> RangeOf(const Call& call, size_t i) {
  Range range;
  const int by = call.Int(i);
  TUTTI_CHECK(by >= 0 && by <= 2);
  range.by = static_cast<sorted_sets::RangeBy>(by);
  const Status status = range.Parse(call.Word(i + 1), call.Word(i + 2));
  if (!status.ok()) return status;
  range.is_reversed = call.Flag(i + 3);
  range.offset = call.Int64(i + 4);
  range.count = call.Int64(i + 5);
  return range;
}

Answer SortedSetRange(Call& call) {
  const Result<Range> range = RangeOf(call, 2);
  if (!range.ok()) return range.status();
  return call.Rows(
      sorted_sets::ReplyRange(call.db(), call.Word(1), range.value(), call.Flag(8), call.reply()));
}

Answer SortedSetRangeStore(Call& call) {
  const Result<Range> range = RangeOf(call, 3);
  if (!range.ok()) return range.status();
  return sorted_sets::StoreRange(call.db(), call.Word(1), call.Word(2), range.value());
}

Answer SortedSetRangeRemove(Call& call) {
  const Result<Range> range = RangeOf(call, 2);
  if (!range.ok()) return range.status();
  return sorted_sets::RemoveRange(call.db(), call.Word(1), range.value());
}

Answer SortedSetRangeCount(Call& call) {
  const Result<Range> range = RangeOf(call, 2);
  if (!range.ok()) return range.status();
  return sorted_sets::CountRange(call.db(), call.Word(1), range.value());
}

Answer SortedSetRank(Call& call) {
  return call.Rows(sorted_sets::Rank(call.db(), call.Word(1), call.Word(2), call.Flag(3),
                                     call.Flag(4), call.reply()));
}

Answer SortedSetPop(Call& call) {
  return call.Rows(sorted_sets::Pop(call.db(), call.Word(1), call.Flag(2), call.Flag(3),
                                    call.Int64(4), call.reply()));
}

Answer SortedSetPopFirst(Call& call) {
  return call.Rows(
      sorted_sets::PopFirst(call.db(), call.Words(1), call.Flag(3), call.Int64(4), call.reply()));
}

Answer SortedSetRandom(Call& call) {
  return call.Rows(sorted_sets::Random(call.db(), call.Word(1), call.Flag(2), call.Int64(3),
                                       call.Flag(4), call.reply()));
}

// Arguments from `i` on: operation, aggregate, first weight (-1: none), weights.
Result<sorted_sets::Combination> CombinationOf(const Call& call, size_t i) {
  sorted_sets::Combination combination;
  const int operation = call.Int(i);
  const int aggregate = call.Int(i + 1);
  TUTTI_CHECK(operation >= 0 && operation <= 2 && aggregate >= 0 && aggregate <= 2);
  combination.operation = static_cast<sorted_sets::Operation>(operation);
  combination.aggregate = static_cast<sorted_sets::Aggregate>(aggregate);
  if (call.Int(i + 2) < 0) return combination;
  for (const std::string_view text : call.Words(i + 2)) {
    const auto weight = ParseDouble(text);
    if (!weight) return Code::kNotFloat;  // `areFloats` was not asked
    combination.weights.push_back(*weight);
  }
  return combination;
}

Answer SortedSetCombine(Call& call) {
  const auto combination = CombinationOf(call, 3);
  if (!combination.ok()) return combination.status();
  return call.Rows(sorted_sets::Combine(call.db(), combination.value(), call.Words(1), call.Flag(7),
                                        call.reply()));
}

// The destination stands before the number of keys, which the words leave out.
Answer SortedSetCombineStore(Call& call) {
  const auto combination = CombinationOf(call, 4);
  if (!combination.ok()) return combination.status();
  const auto sources = call.Words(2);
  std::vector<std::string_view> keys{call.Word(1)};
  keys.insert(keys.end(), sources.begin(), sources.end());
  return sorted_sets::CombineAndStore(call.db(), combination.value(), keys);
}

Answer SortedSetIntersectionLength(Call& call) {
  return sorted_sets::IntersectionLength(call.db(), call.Words(1), call.Int64(3));
}

}  // namespace

std::span<const Export> SortedSetExports() {
  static constexpr Export exports[] = {
      {"sortedSetAdd", DataCommand<SortedSetAdd>},
      {"areFloats", DataCommand<AreFloats>},
      {"sortedSetIncrement", DataCommand<SortedSetIncrement>},
      {"sortedSetRemove", DataCommand<SortedSetRemove>},
      {"sortedSetLength", DataCommand<SortedSetLength>},
      {"sortedSetScores", DataCommand<SortedSetScores>},
      {"sortedSetRange", DataCommand<SortedSetRange>},
      {"sortedSetRangeStore", DataCommand<SortedSetRangeStore>},
      {"sortedSetRangeRemove", DataCommand<SortedSetRangeRemove>},
      {"sortedSetRangeCount", DataCommand<SortedSetRangeCount>},
      {"sortedSetRank", DataCommand<SortedSetRank>},
      {"sortedSetPop", DataCommand<SortedSetPop>},
      {"sortedSetPopFirst", DataCommand<SortedSetPopFirst>},
      {"sortedSetRandom", DataCommand<SortedSetRandom>},
      {"sortedSetCombine", DataCommand<SortedSetCombine>},
      {"sortedSetCombineStore", DataCommand<SortedSetCombineStore>},
      {"sortedSetIntersectionLength", DataCommand<SortedSetIntersectionLength>},
  };
  return exports;
}

}  // namespace tutti
