// The exports of commands about keys of any type: COPY, SCAN, SORT, OBJECT ...
#include "binding/call.h"
#include "binding/data_exports.h"
#include "core/numbers.h"
#include "keyspace/access.h"
#include "keyspace/keys.h"
#include "keyspace/limits.h"

namespace tutti {

namespace {

using Answer = Result<int64_t>;

Answer KeyCopy(Call& call) {
  return keys::Copy(call.db(), call.Word(1), call.Int(2), call.Word(3), call.Flag(4));
}

Answer DatabasesSwap(Call& call) {
  keys::SwapDatabases(call.Int(0), call.Int(1));
  return int64_t{0};
}

Answer KeysMatching(Call& call) {
  keys::All(call.db(), call.Word(1), call.reply());
  return call.Rows(Status::Ok());
}

Answer KeyRandom(Call& call) {
  keys::Random(call.db(), call.reply());
  return call.Rows(Status::Ok());
}

Answer KeyFact(Call& call) {
  const int fact = call.Int(2);
  TUTTI_CHECK(fact >= 0 && fact <= 3);
  return call.Rows(
      keys::ReplyFact(call.db(), call.Word(1), static_cast<keys::Fact>(fact), call.reply()));
}

// Arguments from `i` on: pattern (a word, or -1), count, kind (-1: none there is).
keys::ScanFilter FilterOf(const Call& call, size_t i) {
  keys::ScanFilter filter;
  if (call.Int(i) >= 0) filter.pattern = call.Word(i);
  if (filter.pattern == "*") filter.pattern.reset();
  filter.count = call.Int64(i + 1);
  filter.takes_nothing = call.Int(i + 2) < 0;
  if (!filter.takes_nothing) filter.kind = static_cast<ObjectKind>(call.Int(i + 2));
  return filter;
}

Answer KeysScan(Call& call) {
  keys::Scan(call.db(), static_cast<uint64_t>(call.Int64Exact(1)), FilterOf(call, 2), call.reply());
  return call.Rows(Status::Ok());
}

template <Status (*kScan)(int, std::string_view, uint64_t, const keys::ScanFilter&, Reply&)>
Answer ScanOf(Call& call) {
  return call.Rows(kScan(call.db(), call.Word(1), static_cast<uint64_t>(call.Int64Exact(2)),
                         FilterOf(call, 3), call.reply()));
}

// Arguments from `i` on: bits (1: not sorted, 2: by text, 4: descending), offset, count.
keys::SortOrder OrderOf(const Call& call, size_t i) {
  const int flags = call.Int(i);
  return {(flags & 1) == 0, (flags & 2) != 0, (flags & 4) != 0, call.Int64(i + 1),
          call.Int64(i + 2)};
}

Answer KeySort(Call& call) {
  return call.Rows(keys::Sort(call.db(), call.Word(1), OrderOf(call, 2), call.reply()));
}

Answer KeySortStore(Call& call) {
  return keys::SortInto(call.db(), call.Word(1), OrderOf(call, 3), call.Word(2));
}

// Of the process: asked by the main thread, which is none that keeps values.
Napi::Value SetValueLimits(const Napi::CallbackInfo& info) {
  std::atomic<int64_t>* const limits[] = {
      &value_limits.hash_listpack_entries, &value_limits.hash_listpack_value,
      &value_limits.list_listpack_size,    &value_limits.set_intset_entries,
      &value_limits.set_listpack_entries,  &value_limits.set_listpack_value,
      &value_limits.zset_listpack_entries, &value_limits.zset_listpack_value,
      &value_limits.stream_node_entries,   &access_settings.lfu_log_factor,
      &access_settings.lfu_decay_minutes,
  };
  const auto numbers = ToIntegers<int64_t>(info[0]);
  TUTTI_CHECK(numbers.size() == std::size(limits));
  for (size_t i = 0; i < numbers.size(); i++) limits[i]->store(numbers[i]);
  access_settings.counts_frequency.store(info[1].As<Napi::Boolean>().Value());
  return info.Env().Undefined();
}

}  // namespace

std::span<const Export> AnyKeyExports() {
  static constexpr Export exports[] = {
      {"setValueLimits", Wrapped<SetValueLimits>},
      {"keyCopy", DataCommand<KeyCopy>},
      {"databasesSwap", DataCommand<DatabasesSwap>},
      {"keysMatching", DataCommand<KeysMatching>},
      {"keyRandom", DataCommand<KeyRandom>},
      {"keyFact", DataCommand<KeyFact>},
      {"keysScan", DataCommand<KeysScan>},
      {"hashScan", DataCommand<ScanOf<keys::ScanHash>>},
      {"setScan", DataCommand<ScanOf<keys::ScanSet>>},
      {"sortedSetScan", DataCommand<ScanOf<keys::ScanSortedSet>>},
      {"keySort", DataCommand<KeySort>},
      {"keySortStore", DataCommand<KeySortStore>},
  };
  return exports;
}

}  // namespace tutti
