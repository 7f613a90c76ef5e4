// The exports about the client table, what the access list refused, and the threads' traffic.
#include <ctime>
#include <string_view>

#include "binding/thread_state.h"
#include "keyspace/stripe.h"
#include "keyspace/waiters.h"
#include "threads/acl_log.h"
#include "threads/client_table.h"
#include "threads/subscriptions.h"

namespace tutti {

namespace {

int64_t NowMs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

OpenClient& ClientOf(ThreadState& thread, int64_t id) {
  const auto found = thread.clients.find(id);
  TUTTI_CHECK(found != thread.clients.end());
  return found->second;
}

uint32_t SlotOf(ThreadState& thread, int64_t id) { return ClientOf(thread, id).slot; }

Napi::Value ClientOpen(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ThreadState& thread = this_thread();
  TUTTI_CHECK(thread.context);
  const std::string address = ToText(info[2]), local_address = ToText(info[3]);
  ClientIdentity identity;
  identity.owner = {thread.context->index, static_cast<uint32_t>(ToInt64(info[0]))};
  identity.fd = ToInt32(info[1]);
  identity.address = address;
  identity.local_address = local_address;
  identity.flags = info[4].ToBoolean() ? "U" : "N";
  const int64_t clients_max = ToInt64(info[5]);
  const auto opened = ClientTable::Get().Open(
      identity, NowMs(), clients_max < 0 ? 0 : static_cast<size_t>(clients_max));
  if (!opened) return Napi::Number::New(env, -1);
  const auto id = static_cast<int64_t>(opened->id);
  thread.clients.emplace(id, OpenClient{opened->slot, identity.owner.connection});
  thread.client_ids.insert_or_assign(identity.owner.connection, id);
  Traffic traffic;
  traffic.connections = 1;
  thread.context->counters.Add(traffic);
  return {env, ToJs(env, id)};
}

napi_value ClientClose(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ThreadState& thread = this_thread();
  const int64_t id = in.Int64(0);
  ClientTable::Get().Close(SlotOf(thread, id));
  const auto found = thread.clients.find(id);
  if (ThisThreadHoldsStripes()) thread.ended_watches.push_back(std::move(found->second.watched));
  thread.client_ids.erase(found->second.connection);
  thread.clients.erase(found);
  return kUndefined;
}

// In the order of `Addon.clientUpdate`.
napi_value ClientUpdate(napi_env env, napi_callback_info info) {
  const Arguments<19> in(env, info);
  ClientProgress progress;
  progress.last_seen_ms = in.Int64(1);
  progress.db = in.Int(2);
  progress.resp = in.Int(3);
  progress.multi_count = in.Int(4);
  progress.watch_count = in.Int(5);
  progress.channel_count = in.Int(6);
  progress.pattern_count = in.Int(7);
  progress.shard_channel_count = in.Int(8);
  progress.query_bytes = in.Int64(9);
  progress.query_unused_bytes = in.Int64(10);
  progress.argument_bytes = in.Int64(11);
  progress.multi_bytes = in.Int64(12);
  progress.reply_block_bytes = in.Int64(13);
  progress.reply_peak_bytes = in.Int64(14);
  progress.output_bytes = in.Int64(15);
  progress.output_count = in.Int(16);
  progress.memory_bytes = in.Int64(17);
  progress.is_evictable = in.Int(18) != 0;
  ClientTable& table = ClientTable::Get();
  table.Update(SlotOf(this_thread(), in.Int64(0)), progress);
  return ToJs(env, table.evictable_bytes());
}

struct TextField {
  std::string_view name;
  ClientText which;
};
// Those that clientSetText takes; the addresses do not change.
constexpr TextField kTextFields[] = {
    {"lastCommand", ClientText::kLastCommand},
    {"flags", ClientText::kFlags},
    {"name", ClientText::kName},
    {"libName", ClientText::kLibName},
    {"libVersion", ClientText::kLibVersion},
    {"user", ClientText::kUser},
};

napi_value ClientSetText(napi_env env, napi_callback_info info) {
  const Arguments<3> in(env, info);
  char field[16], text[256];
  size_t field_bytes = 0, text_bytes = 0;
  napi_get_value_string_utf8(env, in[1], field, sizeof field, &field_bytes);
  napi_get_value_string_utf8(env, in[2], text, sizeof text, &text_bytes);
  const std::string_view name(field, field_bytes);
  for (const TextField& row : kTextFields) {
    if (row.name != name) continue;
    ClientTable::Get().SetText(SlotOf(this_thread(), in.Int64(0)), row.which, {text, text_bytes});
    return kUndefined;
  }
  TUTTI_CHECK(!"a field of ClientRecord");
  return kUndefined;
}

Napi::Object FromClient(Napi::Env env, const ClientSnapshot& client) {
  const auto text = [&](ClientText which) { return client.texts[static_cast<size_t>(which)]; };
  const auto record = Napi::Object::New(env);
  record.Set("id", static_cast<double>(client.id));
  record.Set("threadIndex", client.owner.thread_index);
  record.Set("connection", client.owner.connection);
  record.Set("fd", client.fd);
  record.Set("address", text(ClientText::kAddress));
  record.Set("localAddress", text(ClientText::kLocalAddress));
  for (const TextField& row : kTextFields) record.Set(std::string(row.name), text(row.which));
  record.Set("createdMs", static_cast<double>(client.created_ms));
  record.Set("lastSeenMs", static_cast<double>(client.progress.last_seen_ms));
  record.Set("db", client.progress.db);
  record.Set("resp", client.progress.resp);
  record.Set("multiCount", client.progress.multi_count);
  record.Set("watchCount", client.progress.watch_count);
  record.Set("channelCount", client.progress.channel_count);
  record.Set("patternCount", client.progress.pattern_count);
  record.Set("shardChannelCount", client.progress.shard_channel_count);
  const auto set_bytes = [&](const char* name, int64_t bytes) {
    record.Set(name, static_cast<double>(bytes));
  };
  set_bytes("queryBytes", client.progress.query_bytes);
  set_bytes("queryUnusedBytes", client.progress.query_unused_bytes);
  set_bytes("argumentBytes", client.progress.argument_bytes);
  set_bytes("multiBytes", client.progress.multi_bytes);
  set_bytes("replyBlockBytes", client.progress.reply_block_bytes);
  set_bytes("replyPeakBytes", client.progress.reply_peak_bytes);
  set_bytes("outputBytes", client.progress.output_bytes);
  set_bytes("outputCount", client.progress.output_count);
  set_bytes("memoryBytes", client.progress.memory_bytes);
  return record;
}

Napi::Value ClientList(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto clients = ClientTable::Get().List();
  const auto answer = Napi::Array::New(env, clients.size());
  for (uint32_t i = 0; i < clients.size(); i++) answer.Set(i, FromClient(env, clients[i]));
  return answer;
}

napi_value ClientCount(napi_env env, napi_callback_info) {
  return ToJs(env, static_cast<int64_t>(ClientTable::Get().count()));
}

// The client has been killed in the table: its thread is to close it. False if there is no such
// thread any more.
bool TellKilled(uint64_t id, const ClientOwner& owner) {
  // From here on it hears of nothing and gets no element, though its thread closes it later.
  Subscriptions::Get().Forget({owner.thread_index, owner.connection});
  Waiters::Get().End(id);
  const auto mailbox = ThreadRegistry::Get().FindMailbox(owner.thread_index);
  if (!mailbox) return false;
  Message message;
  message.kind = MessageKind::kKill;
  message.connection = owner.connection;
  mailbox->Post(std::move(message));
  return true;
}

Napi::Value ClientKill(const Napi::CallbackInfo& info) {
  int64_t killed = 0;
  for (const int64_t id : ToIntegers<int64_t>(info[0])) {
    const auto owner = ClientTable::Get().Kill(static_cast<uint64_t>(id));
    if (owner && TellKilled(static_cast<uint64_t>(id), *owner)) killed++;
  }
  return {info.Env(), ToJs(info.Env(), killed)};
}

Napi::Value ClientsEvict(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto evicted = ClientTable::Get().EvictLargest(ToInt64(info[0]));
  const auto answer = Napi::Array::New(env, evicted.size());
  for (uint32_t i = 0; i < evicted.size(); i++) {
    TellKilled(evicted[i].id, evicted[i].owner);
    answer.Set(i, static_cast<double>(evicted[i].id));
  }
  return answer;
}

// --- WATCH ---

// clientWatch(id, db, firstKey, count)
napi_value ClientWatch(napi_env env, napi_callback_info info) {
  const Arguments<4> in(env, info);
  ThreadState& thread = this_thread();
  WatchedKeys& watched = ClientOf(thread, in.Int64(0)).watched;
  for (const std::string_view key : thread.Words(in.Int(2), in.Int(3), nullptr)) {
    watched.Add(in.Int(1), key);
  }
  return ToJs(env, static_cast<int64_t>(watched.size()));
}

napi_value ClientUnwatch(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ClientOf(this_thread(), in.Int64(0)).watched.Clear();
  return kUndefined;
}

napi_value ClientWatchedHaveChanged(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env, ClientOf(this_thread(), in.Int64(0)).watched.IsAnyChanged() ? 1 : 0);
}

Napi::Value ClientWatchedSlots(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto slots = ClientOf(this_thread(), ToInt64(info[0])).watched.Slots();
  const auto answer = Napi::Array::New(env, slots.size());
  for (uint32_t i = 0; i < slots.size(); i++) answer.Set(i, slots[i]);
  return answer;
}

// --- what the access list refused ---

std::string ToBytes(const Napi::Value& value) {
  const auto bytes = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()};
}

Napi::Value FromBytes(Napi::Env env, const std::string& bytes) {
  return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
}

// aclLogAdd(reason, context, object, user, clientId, lengthMax)
Napi::Value AclLogAdd(const Napi::CallbackInfo& info) {
  ThreadState& thread = this_thread();
  Denial denial;
  denial.reason = static_cast<DenialReason>(ToInt32(info[0]));
  denial.context = static_cast<DenialContext>(ToInt32(info[1]));
  denial.object = ToBytes(info[2]);
  denial.user = ToBytes(info[3]);
  if (const int64_t id = ToInt64(info[4]); id != 0)
    denial.client = ClientTable::Get().Snapshot(SlotOf(thread, id));
  AclLog::Get().Add(std::move(denial), NowMs(), static_cast<size_t>(ToInt64(info[5])));
  return info.Env().Undefined();
}

Napi::Value AclLogList(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto entries = AclLog::Get().List(static_cast<size_t>(ToInt64(info[0])));
  const auto answer = Napi::Array::New(env, entries.size());
  for (uint32_t i = 0; i < entries.size(); i++) {
    const AclLog::Entry& entry = entries[i];
    const auto record = Napi::Object::New(env);
    record.Set("id", static_cast<double>(entry.id));
    record.Set("count", static_cast<double>(entry.count));
    record.Set("reason", static_cast<int>(entry.reason));
    record.Set("context", static_cast<int>(entry.context));
    record.Set("object", FromBytes(env, entry.object));
    record.Set("user", FromBytes(env, entry.user));
    record.Set("createdMs", static_cast<double>(entry.created_ms));
    record.Set("updatedMs", static_cast<double>(entry.updated_ms));
    record.Set("client", FromClient(env, entry.client));
    answer.Set(i, record);
  }
  return answer;
}

napi_value AclLogClear(napi_env, napi_callback_info) {
  AclLog::Get().Clear();
  return kUndefined;
}

Napi::Value AclLogCounts(const Napi::CallbackInfo& info) {
  const auto counts = AclLog::Get().Counts();
  const auto answer = Napi::Array::New(info.Env(), counts.size());
  for (uint32_t i = 0; i < counts.size(); i++) answer.Set(i, static_cast<double>(counts[i]));
  return answer;
}

napi_value Count(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  ThreadState& thread = this_thread();
  Traffic traffic;
  traffic.input_bytes = in.Int64(0);
  traffic.output_bytes = in.Int64(1);
  if (thread.context) {
    thread.context->counters.Add(traffic);
  } else {  // a connection that is closed after detachThread
    ThreadRegistry::Get().Add(traffic);
  }
  return kUndefined;
}

}  // namespace

std::span<const Export> ClientExports() {
  static constexpr Export exports[] = {
      {"clientOpen", Wrapped<ClientOpen>},
      {"clientClose", ClientClose},
      {"clientUpdate", ClientUpdate},
      {"clientSetText", ClientSetText},
      {"clientList", Wrapped<ClientList>},
      {"clientCount", ClientCount},
      {"clientKill", Wrapped<ClientKill>},
      {"clientsEvict", Wrapped<ClientsEvict>},
      {"clientWatch", ClientWatch},
      {"clientUnwatch", ClientUnwatch},
      {"clientWatchedHaveChanged", ClientWatchedHaveChanged},
      {"clientWatchedSlots", Wrapped<ClientWatchedSlots>},
      {"aclLogAdd", Wrapped<AclLogAdd>},
      {"aclLogList", Wrapped<AclLogList>},
      {"aclLogClear", AclLogClear},
      {"aclLogCounts", Wrapped<AclLogCounts>},
      {"count", Count},
  };
  return exports;
}

}  // namespace tutti
