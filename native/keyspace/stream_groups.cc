#include "keyspace/stream_groups.h"

#include <algorithm>

#include "keyspace/change.h"
#include "keyspace/clock.h"
#include "keyspace/streams.h"

namespace tutti::streams {
namespace {

const std::vector<StreamGroup>& GroupsOf(const StoredStream& stream) {
  static const std::vector<StreamGroup> kNone;
  return stream.groups ? *stream.groups : kNone;
}

// How many entries have been added up to `id`, as Redis 7 tells it: only where no deletion may lie
// between.
std::optional<uint64_t> EntriesUpTo(const StoredStream& stream, const StreamId& id) {
  if (id == stream.last_id || (stream.length() == 0 && id < stream.last_id)) {
    return stream.entries_added;
  }
  const StreamId first = stream.first_id().value_or(StreamId{});
  const bool is_whole = stream.max_deleted_id < first;
  if (id > first || !is_whole) return std::nullopt;
  const uint64_t before = stream.entries_added - static_cast<uint64_t>(stream.length());
  return id == first ? before + 1 : before;
}

// How many entries the group has not been given.
std::optional<uint64_t> LagOf(const StoredStream& stream, const StreamGroup& group) {
  if (stream.entries_added == 0) return 0;
  const bool may_lack_some = stream.length() > 0 && stream.max_deleted_id != StreamId{} &&
                             group.last_id <= stream.max_deleted_id;
  std::optional<uint64_t> read;
  if (group.entries_read != kEntriesReadUnknown && !may_lack_some) {
    read = group.entries_read;
  } else {
    read = EntriesUpTo(stream, group.last_id);
  }
  if (!read) return std::nullopt;
  return stream.entries_added - *read;
}

// Names and values of one map.
class Fields {
 public:
  Fields(Reply& reply, int64_t count) : reply_(reply) { reply.Header(RowHeader::kMap, count); }

  void Text(std::string_view name, std::string_view value) {
    reply_.Bulk(name);
    reply_.Bulk(value);
  }
  void Number(std::string_view name, int64_t value) {
    reply_.Bulk(name);
    reply_.Integer(value);
  }
  void NumberOrNil(std::string_view name, std::optional<uint64_t> value) {
    reply_.Bulk(name);
    if (value) {
      reply_.Integer(static_cast<int64_t>(*value));
    } else {
      reply_.Nil();
    }
  }

 private:
  Reply& reply_;
};

}  // namespace

Status DescribeGroups(int db, std::string_view key, Reply& reply) {
  const auto found = FindContainer<StoredStream>(db, key);
  if (!found.ok()) return found.status();
  if (!found.value()) return Code::kNotFound;
  const std::vector<StreamGroup>& groups = GroupsOf(*found.value());
  reply.Array(static_cast<int64_t>(groups.size()));
  for (const StreamGroup& group : groups) {
    Fields fields(reply, 6);
    fields.Text("name", group.name);
    fields.Number("consumers", static_cast<int64_t>(group.consumers.size()));
    fields.Number("pending", static_cast<int64_t>(group.pending.size()));
    fields.Text("last-delivered-id", group.last_id.Text());
    const bool is_known = group.entries_read != kEntriesReadUnknown;
    fields.NumberOrNil("entries-read", is_known ? std::optional(group.entries_read) : std::nullopt);
    fields.NumberOrNil("lag", LagOf(*found.value(), group));
  }
  return Status::Ok();
}

Status DescribeConsumers(int db, std::string_view key, std::string_view name, Reply& reply) {
  const auto found = FindContainer<StoredStream>(db, key);
  if (!found.ok()) return found.status();
  if (!found.value()) return Code::kNotFound;
  const std::vector<StreamGroup>& groups = GroupsOf(*found.value());
  const auto group = std::find_if(groups.begin(), groups.end(),
                                  [&](const StreamGroup& each) { return each.name == name; });
  if (group == groups.end()) return Code::kNoSuchGroup;
  reply.Array(static_cast<int64_t>(group->consumers.size()));
  for (const StreamGroup::Consumer& consumer : group->consumers) {
    const int64_t idle_ms = std::max<int64_t>(UnixTimeMs() - consumer.seen_at_ms, 0);
    Fields fields(reply, 4);
    fields.Text("name", consumer.name);
    fields.Number("pending", static_cast<int64_t>(consumer.pending.size()));
    fields.Number("idle", idle_ms);
    fields.Number("inactive", idle_ms);  // what is stored does not tell the two times apart
  }
  return Status::Ok();
}

}  // namespace tutti::streams
