#include "keyspace/blocking.h"

#include "keyspace/journal.h"
#include "keyspace/lists.h"
#include "keyspace/sorted_sets.h"
#include "keyspace/streams.h"

namespace tutti::blocking {

namespace {

// Calls take(key, KeyState&) for the first key of a held stripe that holds what is wanted.
template <typename Take>
Status TakeFirst(const Waiter& waiter, const StripeSet& held, Graveyard& graveyard, Take take) {
  for (const Waiter::Key& key : waiter.keys()) {
    // What happens in other stripes is served there.
    if (!held.test(key.address.stripe)) continue;
    KeyState state = LookUpForWrite(waiter.db(), key.address, key.name, graveyard);
    if (!state.HoldsOrAbsent(waiter.wanted())) return Code::kWrongType;
    if (!state.exists()) continue;
    take(key, state);
    return Status::Ok();
  }
  return Code::kNotFound;
}

// A command of the journal does not wait.
void SayPop(int db, std::string_view name, std::string_view key, int64_t count) {
  if (journal::IsOn()) journal::Say(db, {name, key, std::to_string(count)});
}

class ListPop final : public Waiter {
 public:
  ListPop(int db, Words keys, bool from_tail, bool has_count, int64_t count)
      : Waiter(ObjectKind::kList, db, keys),
        from_tail_(from_tail),
        has_count_(has_count),
        count_(count) {}

  Status Take(const StripeSet& held, Graveyard& graveyard) override {
    return TakeFirst(*this, held, graveyard, [&](const Key& key, KeyState& state) {
      key_ = &key;
      SayPop(db(), from_tail_ ? "RPOP" : "LPOP", key.name, count_);
      lists::TakeLocked(state, from_tail_, count_, graveyard, taken_);
    });
  }
  void Write(Reply& reply) const override {
    reply.Array(2);
    reply.Bulk(key_->name);
    if (has_count_) reply.Array(static_cast<int64_t>(taken_.size()));
    for (const lists::TakenElement& element : taken_) element.Write(reply);
  }

 private:
  const bool from_tail_, has_count_;
  const int64_t count_;
  const Key* key_ = nullptr;
  std::vector<lists::TakenElement> taken_;
};

class ListMove final : public Waiter {
 public:
  ListMove(int db, std::string_view from, std::string_view to, bool from_tail, bool to_tail)
      : Waiter(ObjectKind::kList, db, {&from, 1}),
        to_(to),
        to_stripe_(AddressOf(to).stripe),
        from_tail_(from_tail),
        to_tail_(to_tail) {}

  bool grows_memory() const override { return true; }
  int other_stripe() const override { return to_stripe_; }
  Status Take(const StripeSet&, Graveyard& graveyard) override {
    return lists::MoveLocked(db(), keys()[0].name, to_, from_tail_, to_tail_, graveyard, moved_);
  }
  void Write(Reply& reply) const override { moved_.Write(reply); }

 private:
  const std::string to_;
  const int to_stripe_;
  const bool from_tail_, to_tail_;
  lists::TakenElement moved_;
};

class SortedSetPop final : public Waiter {
 public:
  SortedSetPop(int db, Words keys, bool from_max, bool has_count, int64_t count)
      : Waiter(ObjectKind::kSortedSet, db, keys),
        from_max_(from_max),
        has_count_(has_count),
        count_(count) {}

  Status Take(const StripeSet& held, Graveyard& graveyard) override {
    return TakeFirst(*this, held, graveyard, [&](const Key& key, KeyState& state) {
      key_ = &key;
      SayPop(db(), from_max_ ? "ZPOPMAX" : "ZPOPMIN", key.name, count_);
      sorted_sets::TakeLocked(state, from_max_, count_, graveyard, taken_);
    });
  }
  void Write(Reply& reply) const override {
    reply.Array(has_count_ ? 2 : 3);
    reply.Bulk(key_->name);
    if (has_count_) reply.Array(static_cast<int64_t>(taken_.size()));
    for (const sorted_sets::TakenMember& each : taken_) {
      if (has_count_) reply.Array(2);
      each.member.Write(reply);
      reply.Double(each.score);
    }
  }

 private:
  const bool from_max_, has_count_;
  const int64_t count_;
  const Key* key_ = nullptr;
  std::vector<sorted_sets::TakenMember> taken_;
};

class StreamRead final : public Waiter {
 public:
  StreamRead(int db, Words keys, std::vector<std::optional<StreamId>> behind, int64_t count)
      : Waiter(ObjectKind::kStream, db, keys), count_(count) {
    for (size_t i = 0; i < keys.size(); ++i) {
      wanted_.push_back({std::string(keys[i]), AddressOf(keys[i]), behind[i], nullptr});
    }
  }

  bool IsServedBy(std::string_view key, const Object& value) const override {
    const auto& stream = static_cast<const StoredStream&>(value);
    for (const Wanted& each : wanted_) {
      if (each.key == key && HasMore(stream, *each.behind)) return true;
    }
    return false;
  }
  Status Take(const StripeSet& held, Graveyard& graveyard) override {
    bool has_any = false;
    for (Wanted& each : wanted_) {
      if (!held.test(each.address.stripe)) continue;
      const KeyState state = LookUpForWrite(db(), each.address, each.key, graveyard);
      auto stream = Peek<StoredStream>(state);
      if (!stream.ok()) return stream.status();
      // Only at the beginning is anything behind the last entry.
      if (!each.behind) each.behind = stream.value() ? stream.value()->last_id : StreamId{};
      if (!stream.value() || !HasMore(*stream.value(), *each.behind)) continue;
      each.stream = std::move(stream.value());
      has_any = true;
    }
    return has_any ? Code::kOk : Code::kNotFound;
  }
  void Write(Reply& reply) const override {
    uint8_t* const header = reply.Header(RowHeader::kMapOrPairs, 0);
    int64_t stream_count = 0;
    for (const Wanted& each : wanted_) {
      if (!each.stream) continue;
      StreamId first = *each.behind;
      first.Increment();
      reply.Header(RowHeader::kMapEntry, 2);
      reply.Bulk(each.key);
      streams::ReplyEntries(*each.stream, first, kStreamIdMax, false, count_ > 0 ? count_ : -1,
                            reply);
      ++stream_count;
    }
    Reply::SetCount(header, stream_count);
  }

 private:
  struct Wanted {
    std::string key;
    KeyAddress address;
    std::optional<StreamId> behind;  // none: `$`, until it is looked at
    Ref<StoredStream> stream;
  };

  static bool HasMore(const StoredStream& stream, const StreamId& behind) {
    const auto top = stream.top_id();
    return top && *top > behind;
  }

  const int64_t count_;
  std::vector<Wanted> wanted_;
};

class NothingToCome final : public Waiter {
 public:
  NothingToCome() : Waiter(ObjectKind::kNone, 0, {}) {}
  Status Take(const StripeSet&, Graveyard&) override { return Code::kNotFound; }
  void Write(Reply&) const override {}
};

}  // namespace

Ref<Waiter> PopList(int db, Words keys, bool from_tail, bool has_count, int64_t count) {
  return Ref<Waiter>::Adopt(new ListPop(db, keys, from_tail, has_count, count));
}

Ref<Waiter> MoveList(int db, std::string_view from, std::string_view to, bool from_tail,
                     bool to_tail) {
  return Ref<Waiter>::Adopt(new ListMove(db, from, to, from_tail, to_tail));
}

Ref<Waiter> PopSortedSet(int db, Words keys, bool from_max, bool has_count, int64_t count) {
  return Ref<Waiter>::Adopt(new SortedSetPop(db, keys, from_max, has_count, count));
}

Result<Ref<Waiter>> ReadStreams(int db, Words keys, Words ids, int64_t count) {
  std::vector<std::optional<StreamId>> behind;
  for (const std::string_view id : ids) {
    if (id == "$") {
      behind.emplace_back();
      continue;
    }
    const auto parsed = streams::ParseId(id, 0);
    if (!parsed.ok()) return parsed.status();
    behind.push_back(parsed.value());
  }
  return Ref<Waiter>::Adopt(new StreamRead(db, keys, std::move(behind), count));
}

Ref<Waiter> WaitForNothing() { return Ref<Waiter>::Adopt(new NothingToCome); }

Status Begin(const Ref<Waiter>& waiter, bool may_wait) {
  const StripeSet stripes = waiter->stripes();
  Graveyard graveyard;
  StripesLock lock(stripes);
  const Status status = waiter->Take(stripes, graveyard);
  if (status.code() == Code::kNotFound && may_wait) Waiters::Get().Add(waiter);
  return status;
}

}  // namespace tutti::blocking
