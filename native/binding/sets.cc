// The exports about sets.
#include "keyspace/sets.h"

#include "binding/call.h"
#include "binding/data_exports.h"

namespace tutti {

namespace {

using Answer = Result<int64_t>;

Answer SetAdd(Call& call) { return sets::Add(call.db(), call.Word(1), call.Words(2)); }
Answer SetRemove(Call& call) { return sets::Remove(call.db(), call.Word(1), call.Words(2)); }

Answer SetMove(Call& call) {
  return sets::Move(call.db(), call.Word(1), call.Word(2), call.Word(3));
}

Answer SetLength(Call& call) {
  return ReadNumber<StoredSet>(call, 1, [](const StoredSet& set) { return set.length(); });
}

Answer SetContains(Call& call) {
  return ReadNumber<StoredSet>(
      call, 1, [&](const StoredSet& set) { return set.Contains(call.Word(2)) ? 1 : 0; });
}

Answer SetContainsEach(Call& call) {
  return call.Rows(sets::ContainsEach(call.db(), call.Word(1), call.Words(2), call.reply()));
}

class Members final : public RowSource {
 public:
  explicit Members(Ref<StoredSet> set) : set_(std::move(set)) {}
  int64_t total() const override { return set_->length(); }
  void Write(int64_t first, RowWriter& writer) override {
    set_->ForEach(first, [&](const PackedPart& member) { return writer.Put(member.bytes, set_); });
  }

 private:
  const Ref<StoredSet> set_;
};

Answer SetMembers(Call& call) {
  auto found = FindContainer<StoredSet>(call.db(), call.Word(1));
  if (!found.ok()) return found.status();
  if (!found.value()) found.value() = StoredSet::New();
  return call.thread().BeginRows(std::make_unique<Members>(std::move(found.value())));
}

Answer SetPop(Call& call) {
  return call.Rows(sets::Pop(call.db(), call.Word(1), call.Int64(2), call.reply()));
}

Answer SetRandom(Call& call) {
  return call.Rows(
      sets::Random(call.db(), call.Word(1), call.Flag(2), call.Int64(3), call.reply()));
}

sets::Operation OperationOf(const Call& call) {
  const int operation = call.Int(1);
  TUTTI_CHECK(operation >= 0 && operation <= 2);
  return static_cast<sets::Operation>(operation);
}

Answer SetCombine(Call& call) {
  return call.Rows(sets::Combine(call.db(), OperationOf(call), call.Words(2), call.reply()));
}

Answer SetCombineStore(Call& call) {
  return sets::CombineAndStore(call.db(), OperationOf(call), call.Words(2));
}

Answer SetIntersectionLength(Call& call) {
  return sets::IntersectionLength(call.db(), call.Words(1), call.Int64(3));
}

}  // namespace

std::span<const Export> SetExports() {
  static constexpr Export exports[] = {
      {"setAdd", DataCommand<SetAdd>},
      {"setRemove", DataCommand<SetRemove>},
      {"setMove", DataCommand<SetMove>},
      {"setLength", DataCommand<SetLength>},
      {"setContains", DataCommand<SetContains>},
      {"setContainsEach", DataCommand<SetContainsEach>},
      {"setMembers", DataCommand<SetMembers>},
      {"setPop", DataCommand<SetPop>},
      {"setRandom", DataCommand<SetRandom>},
      {"setCombine", DataCommand<SetCombine>},
      {"setCombineStore", DataCommand<SetCombineStore>},
      {"setIntersectionLength", DataCommand<SetIntersectionLength>},
  };
  return exports;
}

}  // namespace tutti
