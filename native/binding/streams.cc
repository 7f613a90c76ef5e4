// The exports about streams.
#include "keyspace/streams.h"

#include "binding/call.h"
#include "binding/data_exports.h"

namespace tutti {

namespace {

using Answer = Result<int64_t>;
using streams::Trim;

// Arguments from `i` on: by, approximate, length, word of the id (-1: none), limit.
Result<Trim> TrimOf(const Call& call, size_t i) {
  Trim trim;
  const int by = call.Int(i);
  TUTTI_CHECK(by >= 0 && by <= 2);
  trim.by = static_cast<Trim::By>(by);
  trim.is_approximate = call.Flag(i + 1);
  trim.length_max = call.Int64(i + 2);
  trim.limit = call.Int64(i + 4);
  if (call.Int(i + 3) < 0) return trim;
  const auto id = streams::ParseId(call.Word(i + 3), 0);
  if (!id.ok()) return id.status();
  trim.id_min = id.value();
  return trim;
}

Answer StreamAdd(Call& call) {
  const Result<Trim> trim = TrimOf(call, 6);
  if (!trim.ok()) return trim.status();
  const auto id = streams::ParseNewId(call.Word(2));
  if (!id.ok()) return id.status();
  return call.Rows(streams::Add(call.db(), call.Word(1), id.value(), trim.value(), call.Flag(5),
                                call.Words(3), call.reply()));
}

Answer StreamLength(Call& call) {
  return ReadNumber<StoredStream>(call, 1,
                                  [](const StoredStream& stream) { return stream.length(); });
}

Answer StreamIdsCheck(Call& call) {
  const auto first = streams::ParseBound(call.Word(0), false);
  if (!first.ok()) return first.status();
  const auto last = streams::ParseBound(call.Word(1), true);
  return last.ok() ? Answer(int64_t{0}) : Answer(last.status());
}

Answer StreamRange(Call& call) {
  const auto first = streams::ParseBound(call.Word(2), false);
  if (!first.ok()) return first.status();
  const auto last = streams::ParseBound(call.Word(3), true);
  if (!last.ok()) return last.status();
  return call.Rows(streams::Range(call.db(), call.Word(1), first.value(), last.value(),
                                  call.Flag(4), call.Int64(5), call.reply()));
}

Answer StreamsRead(Call& call) {
  const auto first = call.Words(1);
  const std::vector<std::string_view> keys(first.begin(), first.end());
  return call.Rows(streams::Read(call.db(), keys, call.Words(3), call.Int64(5), call.reply()));
}

Answer StreamRemove(Call& call) {
  std::vector<StreamId> ids;
  for (const std::string_view word : call.Words(2)) {
    const auto id = streams::ParseId(word, 0);
    if (!id.ok()) return id.status();
    ids.push_back(id.value());
  }
  return streams::Remove(call.db(), call.Word(1), ids);
}

Answer StreamTrim(Call& call) {
  const Result<Trim> trim = TrimOf(call, 2);
  if (!trim.ok()) return trim.status();
  return streams::TrimTo(call.db(), call.Word(1), trim.value());
}

Answer StreamSetId(Call& call) {
  const auto id = streams::ParseId(call.Word(2), 0);
  if (!id.ok()) return id.status();
  std::optional<StreamId> max_deleted;
  if (call.Int(4) >= 0) {
    const auto given = streams::ParseId(call.Word(4), 0);
    if (!given.ok()) return given.status();
    if (id.value() < given.value()) return Code::kSetIdBelowGiven;
    max_deleted = given.value();
  }
  const Status status =
      streams::SetId(call.db(), call.Word(1), id.value(), call.Int64(3), max_deleted);
  return status.ok() ? Answer(int64_t{0}) : status;
}

Answer StreamDescribe(Call& call) {
  return call.Rows(
      streams::Describe(call.db(), call.Word(1), call.Flag(2), call.Int64(3), call.reply()));
}

Answer StreamGroups(Call& call) {
  return call.Rows(streams::DescribeGroups(call.db(), call.Word(1), call.reply()));
}

Answer StreamConsumers(Call& call) {
  return call.Rows(streams::DescribeConsumers(call.db(), call.Word(1), call.Word(2), call.reply()));
}

}  // namespace

std::span<const Export> StreamExports() {
  static constexpr Export exports[] = {
      {"streamAdd", DataCommand<StreamAdd>},
      {"streamLength", DataCommand<StreamLength>},
      {"streamIdsCheck", DataCommand<StreamIdsCheck>},
      {"streamRange", DataCommand<StreamRange>},
      {"streamsRead", DataCommand<StreamsRead>},
      {"streamRemove", DataCommand<StreamRemove>},
      {"streamTrim", DataCommand<StreamTrim>},
      {"streamSetId", DataCommand<StreamSetId>},
      {"streamDescribe", DataCommand<StreamDescribe>},
      {"streamGroups", DataCommand<StreamGroups>},
      {"streamConsumers", DataCommand<StreamConsumers>},
  };
  return exports;
}

}  // namespace tutti
