// The exports about lists.
#include "keyspace/lists.h"

#include <algorithm>

#include "binding/call.h"
#include "binding/data_exports.h"
#include "core/numbers.h"

namespace tutti {

namespace {

using Answer = Result<int64_t>;

Answer ListPush(Call& call) {
  return lists::Push(call.db(), call.Word(1), call.Words(2), call.Flag(4), call.Flag(5));
}

Answer ListPop(Call& call) {
  return call.Rows(
      lists::Pop(call.db(), call.Word(1), call.Flag(2), call.Flag(3), call.Int64(4), call.reply()));
}

Answer ListPopFirst(Call& call) {
  return call.Rows(
      lists::PopFirst(call.db(), call.Words(1), call.Flag(3), call.Int64(4), call.reply()));
}

Answer ListLength(Call& call) {
  return ReadNumber<StoredList>(call, 1, [](const StoredList& list) { return list.length(); });
}

Answer ListIndex(Call& call) {
  const auto index = ParseInteger(call.Word(2));
  if (!index) return Code::kNotInteger;
  return call.Rows(lists::Index(call.db(), call.Word(1), *index, call.reply()));
}

Answer ListSet(Call& call) {
  const auto index = ParseInteger(call.Word(2));
  if (!index) return Code::kNotInteger;
  const Status status = lists::Set(call.db(), call.Word(1), *index, call.Word(3));
  return status.ok() ? Answer(int64_t{0}) : status;
}

Answer ListInsert(Call& call) {
  return call.Rows(lists::Insert(call.db(), call.Word(1), call.Flag(2), call.Word(3), call.Word(4),
                                 call.reply()));
}

Answer ListRemove(Call& call) {
  const auto count = ParseInteger(call.Word(2));
  if (!count) return Code::kNotInteger;
  return lists::Remove(call.db(), call.Word(1), std::max(*count, -INT64_MAX), call.Word(3));
}

Answer ListTrim(Call& call) {
  const auto start = ParseInteger(call.Word(2));
  const auto stop = ParseInteger(call.Word(3));
  if (!start || !stop) return Code::kNotInteger;
  const Status status = lists::Trim(call.db(), call.Word(1), *start, *stop);
  return status.ok() ? Answer(int64_t{0}) : status;
}

Answer ListMove(Call& call) {
  return call.Rows(
      lists::Move(call.db(), call.Word(1), call.Word(2), call.Flag(3), call.Flag(4), call.reply()));
}

Answer ListPosition(Call& call) {
  return call.Rows(lists::Position(call.db(), call.Word(1), call.Word(2), call.Int64(3),
                                   call.Int64(4), call.Int64(5), call.reply()));
}

class ListRows final : public RowSource {
 public:
  // Elements first..last, within bounds.
  ListRows(Ref<StoredList> list, int64_t first, int64_t last)
      : list_(std::move(list)), first_(first), last_(last) {}
  int64_t total() const override { return last_ - first_ + 1; }
  void Write(int64_t first, RowWriter& writer) override {
    list_->ForEachFrom(first_ + first, false, [&](int64_t index, const PackedPart& part) {
      return writer.Put(part.bytes, list_) && index < last_;
    });
  }

 private:
  const Ref<StoredList> list_;
  const int64_t first_, last_;
};

Answer ListRange(Call& call) {
  const auto start = ParseInteger(call.Word(2));
  const auto stop = ParseInteger(call.Word(3));
  if (!start || !stop) return Code::kNotInteger;
  auto found = FindContainer<StoredList>(call.db(), call.Word(1));
  if (!found.ok()) return found.status();
  const int64_t length = found.value() ? found.value()->length() : 0;
  const int64_t first = std::max<int64_t>(*start < 0 ? *start + length : *start, 0);
  const int64_t last = std::min(*stop < 0 ? *stop + length : *stop, length - 1);
  ThreadState& thread = call.thread();
  if (first <= last) {
    return thread.BeginRows(std::make_unique<ListRows>(std::move(found.value()), first, last));
  }
  thread.rows = nullptr;
  thread.blocks->numbers[0] = thread.blocks->numbers[1] = 0;
  return int64_t{0};
}

}  // namespace

std::span<const Export> ListExports() {
  static constexpr Export exports[] = {
      {"listPush", DataCommand<ListPush>},         {"listPop", DataCommand<ListPop>},
      {"listPopFirst", DataCommand<ListPopFirst>}, {"listLength", DataCommand<ListLength>},
      {"listIndex", DataCommand<ListIndex>},       {"listSet", DataCommand<ListSet>},
      {"listInsert", DataCommand<ListInsert>},     {"listRemove", DataCommand<ListRemove>},
      {"listTrim", DataCommand<ListTrim>},         {"listMove", DataCommand<ListMove>},
      {"listPosition", DataCommand<ListPosition>}, {"listRange", DataCommand<ListRange>},
  };
  return exports;
}

}  // namespace tutti
