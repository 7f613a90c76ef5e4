// The exports about channels, keyspace events and monitors.
#include <algorithm>
#include <cstring>
#include <utility>

#include "binding/call.h"
#include "core/glob.h"
#include "keyspace/notify.h"
#include "threads/monitor_line.h"
#include "threads/subscriptions.h"

namespace tutti {

namespace {

using Answer = Result<int64_t>;

Subscriptions& subscriptions() { return Subscriptions::Get(); }

SubscriptionKind KindAt(const Call& call, size_t i) {
  const int kind = call.Int(i);
  TUTTI_CHECK(kind >= 0 && kind < kSubscriptionKindCount);
  return static_cast<SubscriptionKind>(kind);
}

Listener ListenerOf(const ThreadState& thread, int64_t client_id) {
  const auto found = thread.clients.find(client_id);
  TUTTI_CHECK(found != thread.clients.end() && thread.context);
  return {thread.context->index, found->second.connection};
}

// --- who listens ---

// The counts of CLIENT LIST.
void NoteCounts(ThreadState& thread, const SubscriptionCounts& counts) {
  thread.blocks->numbers[2] = static_cast<double>(counts.channels);
  thread.blocks->numbers[3] = static_cast<double>(counts.patterns);
  thread.blocks->numbers[4] = static_cast<double>(counts.shard_channels);
}

// What SUBSCRIBE and the like answer for each name.
void ReplyChange(Reply& reply, SubscriptionKind kind, bool adds, const std::string_view* name,
                 const SubscriptionCounts& counts) {
  static constexpr std::string_view kWords[2][3] = {{"unsubscribe", "punsubscribe", "sunsubscribe"},
                                                    {"subscribe", "psubscribe", "ssubscribe"}};
  reply.Header(RowHeader::kPush, 3);
  reply.Bulk(kWords[adds][static_cast<size_t>(kind)]);
  if (name) {
    reply.Bulk(*name);
  } else {
    reply.Nil();
  }
  const bool is_shard = kind == SubscriptionKind::kShardChannel;
  reply.Integer(is_shard ? counts.shard_channels : counts.channels + counts.patterns);
}

Answer Subscribe(Call& call) {
  ThreadState& thread = call.thread();
  const SubscriptionKind kind = KindAt(call, 0);
  const Listener listener = ListenerOf(thread, call.Int64(1));
  const auto names = call.Words(2);
  Reply& reply = call.reply();
  SubscriptionCounts counts;
  for (const std::string_view name : names) {
    subscriptions().Subscribe(kind, listener, thread.context->mailbox, name);
    counts = subscriptions().CountsOf(listener);
    ReplyChange(reply, kind, true, &name, counts);
  }
  NoteCounts(thread, counts);
  return call.Rows(Status::Ok());
}

Answer Unsubscribe(Call& call) {
  ThreadState& thread = call.thread();
  const SubscriptionKind kind = KindAt(call, 0);
  const Listener listener = ListenerOf(thread, call.Int64(1));
  Reply& reply = call.reply();
  const auto leave = [&](std::string_view name) {
    subscriptions().Unsubscribe(kind, listener, name);
    ReplyChange(reply, kind, false, &name, subscriptions().CountsOf(listener));
  };
  if (call.Int(3) > 0) {
    for (const std::string_view name : call.Words(2)) leave(name);
  } else {
    const auto names = subscriptions().NamesOf(kind, listener);
    for (const std::string& name : names) leave(name);
    if (names.empty()) {
      ReplyChange(reply, kind, false, nullptr, subscriptions().CountsOf(listener));
    }
  }
  NoteCounts(thread, subscriptions().CountsOf(listener));
  return call.Rows(Status::Ok());
}

// --- what is told ---

Answer Publish(Call& call) {
  Payload payload{call.Word(1), nullptr};
  if (const IncomingBlob* blob = call.thread().FindBlob(call.Int(1))) payload.owner = blob->Share();
  return subscriptions().Publish(call.Word(0), payload, call.Flag(2));
}

napi_value EventsTold(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  told_events.store(static_cast<uint32_t>(in.Int(0)), std::memory_order_relaxed);
  return kUndefined;
}

Napi::Value MonitorStart(const Napi::CallbackInfo& info) {
  ThreadState& thread = this_thread();
  subscriptions().Subscribe(SubscriptionKind::kMonitor, ListenerOf(thread, ToInt64(info[0])),
                            thread.context->mailbox, {});
  return info.Env().Undefined();
}

Napi::Value ListenerForget(const Napi::CallbackInfo& info) {
  subscriptions().Forget(ListenerOf(this_thread(), ToInt64(info[0])));
  return info.Env().Undefined();
}

Napi::Value MonitorTell(const Napi::CallbackInfo& info) {
  const ThreadState& thread = this_thread();
  MonitorLine line(ToInt32(info[0]), ToText(info[1]));
  const int32_t count = ToInt32(info[2]);
  const auto hidden = ToIntegers<int32_t>(info[3]);
  for (int32_t i = 0; i < count; i++) {
    if (std::find(hidden.begin(), hidden.end(), i) != hidden.end()) {
      line.AddHidden();
    } else {
      line.Add(thread.Word(i));
    }
  }
  subscriptions().PublishToMonitors(line.Finish());
  return info.Env().Undefined();
}

// --- PUBSUB ---

Answer ChannelNames(Call& call) {
  const std::string_view pattern = call.Int(1) < 0 ? std::string_view() : call.Word(1);
  Reply& reply = call.reply();
  uint8_t* const header = reply.Header(RowHeader::kArray, 0);
  int64_t count = 0;
  subscriptions().ForEachName(KindAt(call, 0), [&](std::string_view name) {
    if (call.Int(1) >= 0 && !MatchesGlob(pattern, name)) return;
    reply.Bulk(name);
    ++count;
  });
  Reply::SetCount(header, count);
  return call.Rows(Status::Ok());
}

Answer ChannelListeners(Call& call) {
  const SubscriptionKind kind = KindAt(call, 0);
  const auto names = call.Words(1);
  Reply& reply = call.reply();
  reply.Array(2 * static_cast<int64_t>(names.size()));
  for (const std::string_view name : names) {
    reply.Bulk(name);
    reply.Integer(subscriptions().ListenerCount(kind, name));
  }
  return call.Rows(Status::Ok());
}

napi_value ListenerCount(napi_env env, napi_callback_info) {
  return ToJs(env, subscriptions().ListenerTotal());
}

Answer ChannelCount(Call& call) { return subscriptions().NameCount(KindAt(call, 0)); }

// --- messages on their way to this thread's connections ---

const Delivery& CurrentDelivery(const ThreadState& thread) {
  TUTTI_CHECK(thread.delivery);
  return static_cast<const Delivery&>(*thread.delivery);
}

napi_value DeliveryNext(napi_env env, napi_callback_info) {
  ThreadState& thread = this_thread();
  thread.delivery = nullptr;
  while (!thread.delivery) {
    if (thread.delivery_next >= thread.messages.size()) return ToJs(env, -1);
    Message& message = thread.messages[thread.delivery_next++];
    if (message.kind == MessageKind::kPublished) thread.delivery = std::move(message.result);
  }
  const Delivery& delivery = CurrentDelivery(thread);
  const Published& message = *delivery.message;
  thread.blocks->numbers[2] = static_cast<double>(message.head.size());
  thread.blocks->numbers[3] = static_cast<double>(message.body.size());
  thread.blocks->numbers[4] = message.kind == SubscriptionKind::kMonitor ? 0 : 1;
  return ToJs(env, static_cast<int64_t>(delivery.connections.size()));
}

napi_value DeliveryConnections(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ThreadState& thread = this_thread();
  const auto& connections = CurrentDelivery(thread).connections;
  const auto first = static_cast<size_t>(in.Int(0));
  TUTTI_CHECK(first <= connections.size());
  const size_t count = std::min(connections.size() - first, kRowsBytes / sizeof(uint32_t));
  std::memcpy(thread.blocks->rows, connections.data() + first, count * sizeof(uint32_t));
  return ToJs(env, static_cast<int64_t>(count));
}

napi_value DeliveryIsWanted(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  const ThreadState& thread = this_thread();
  const Published& message = *CurrentDelivery(thread).message;
  const Listener listener = ListenerOf(thread, in.Int64(0));
  return ToJs(env, subscriptions().Contains(message.kind, listener, message.name) ? 1 : 0);
}

napi_value DeliveryCopy(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ThreadState& thread = this_thread();
  const std::string& head = CurrentDelivery(thread).message->head;
  const auto offset = static_cast<size_t>(in.Int(0));
  TUTTI_CHECK(offset + head.size() <= kOutBytes);
  std::memcpy(thread.blocks->out + offset, head.data(), head.size());
  return kUndefined;
}

napi_value DeliveryKeep(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ThreadState& thread = this_thread();
  const Ref<Published>& message = CurrentDelivery(thread).message;
  const std::string_view part = in.Int(0) == 0 ? std::string_view(message->head) : message->body;
  return ToJs(env, static_cast<int64_t>(thread.KeepReply(message, part.data(), part.size())));
}

napi_value DeliveryEnd(napi_env, napi_callback_info) {
  this_thread().delivery = nullptr;
  return kUndefined;
}

napi_value OverrunEnd(napi_env, napi_callback_info) {
  const ThreadState& thread = this_thread();
  if (thread.context) subscriptions().EndOverrun(thread.context->index);
  return kUndefined;
}

}  // namespace

std::span<const Export> EventExports() {
  static constexpr Export exports[] = {
      {"subscribe", DataCommand<Subscribe>},
      {"unsubscribe", DataCommand<Unsubscribe>},
      {"listenerForget", Wrapped<ListenerForget>},
      {"publish", DataCommand<Publish>},
      {"channelNames", DataCommand<ChannelNames>},
      {"channelListeners", DataCommand<ChannelListeners>},
      {"channelCount", DataCommand<ChannelCount>},
      {"listenerCount", ListenerCount},
      {"eventsTold", EventsTold},
      {"monitorStart", Wrapped<MonitorStart>},
      {"monitorTell", Wrapped<MonitorTell>},
      {"deliveryNext", DeliveryNext},
      {"deliveryConnections", DeliveryConnections},
      {"deliveryIsWanted", DeliveryIsWanted},
      {"deliveryCopy", DeliveryCopy},
      {"deliveryKeep", DeliveryKeep},
      {"deliveryEnd", DeliveryEnd},
      {"overrunEnd", OverrunEnd},
  };
  return exports;
}

}  // namespace tutti
