// The exports about commands that wait for keys.
#include "keyspace/blocking.h"

#include "binding/call.h"
#include "binding/command_words.h"

namespace tutti {

namespace {

using Answer = Result<int64_t>;

// Arguments from `i` on: client, connection and sequence; no client: it may not wait. Answers the
// rows of what there is, 0 if it waits, and kNotFound if there is nothing and it may not.
Answer Begin(Call& call, size_t i, const Ref<Waiter>& waiter) {
  const int64_t client_id = call.Int64(i);
  const bool may_wait = client_id >= 0;
  if (may_wait) {
    waiter->client_id = static_cast<uint64_t>(client_id);
    waiter->completion = ToCompletion(call.thread(), call.Int(i + 1), call.Int(i + 2));
  }
  const Status status = blocking::Begin(waiter, may_wait);
  if (status.code() == Code::kNotFound && may_wait) return int64_t{0};
  if (!status.ok()) return status;
  waiter->Write(call.reply());
  return call.Rows(Status::Ok());
}

Answer ListsAwait(Call& call) {
  return Begin(
      call, 6,
      blocking::PopList(call.db(), call.Words(1), call.Flag(3), call.Flag(4), call.Int64(5)));
}

Answer ListAwaitMove(Call& call) {
  return Begin(
      call, 5,
      blocking::MoveList(call.db(), call.Word(1), call.Word(2), call.Flag(3), call.Flag(4)));
}

Answer SortedSetsAwait(Call& call) {
  return Begin(
      call, 6,
      blocking::PopSortedSet(call.db(), call.Words(1), call.Flag(3), call.Flag(4), call.Int64(5)));
}

Answer StreamsAwait(Call& call) {
  const auto all = call.Words(1);
  const std::vector<std::string_view> keys(all.begin(), all.end());
  const auto waiter = blocking::ReadStreams(call.db(), keys, call.Words(3), call.Int64(5));
  if (!waiter.ok()) return waiter.status();
  return Begin(call, 6, waiter.value());
}

Answer NothingAwait(Call& call) { return Begin(call, 0, blocking::WaitForNothing()); }

Answer AwaitedReply(Call& call) {
  const Ref<Object> result = call.thread().TakeResult(static_cast<uint32_t>(call.Int(0)),
                                                      static_cast<uint32_t>(call.Int(1)));
  TUTTI_CHECK(result);
  static_cast<const Waiter&>(*result).Write(call.reply());
  return call.Rows(Status::Ok());
}

napi_value AwaitEnd(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env, Waiters::Get().End(static_cast<uint64_t>(in.Int64(0))) ? 1 : 0);
}

napi_value AwaitUnblock(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  const Code code = in.Int(1) != 0 ? Code::kUnblocked : Code::kTimedOut;
  return ToJs(env, Waiters::Get().Unblock(static_cast<uint64_t>(in.Int64(0)), code) ? 1 : 0);
}

napi_value AwaitPermit(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  Waiters::Get().Permit(static_cast<uint64_t>(in.Int64(0)), in.Int(1) != 0);
  return kUndefined;
}

napi_value AwaitedKeyCount(napi_env env, napi_callback_info) {
  return ToJs(env, Waiters::Get().KeyCount());
}

}  // namespace

std::span<const Export> BlockingExports() {
  static constexpr Export exports[] = {
      {"listsAwait", DataCommand<ListsAwait>},
      {"listAwaitMove", DataCommand<ListAwaitMove>},
      {"sortedSetsAwait", DataCommand<SortedSetsAwait>},
      {"streamsAwait", DataCommand<StreamsAwait>},
      {"nothingAwait", DataCommand<NothingAwait>},
      {"awaitedReply", DataCommand<AwaitedReply>},
      {"awaitEnd", AwaitEnd},
      {"awaitUnblock", AwaitUnblock},
      {"awaitPermit", AwaitPermit},
      {"awaitedKeyCount", AwaitedKeyCount},
  };
  return exports;
}

}  // namespace tutti
