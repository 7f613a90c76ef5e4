// The exports about the process: limits, listeners, background threads and statistics.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "binding/engine_log.h"
#include "binding/thread_state.h"
#include "core/memory_account.h"
#include "inference/engine.h"
#include "keyspace/eviction.h"
#include "keyspace/freeing.h"
#include "keyspace/keyspace.h"
#include "persistence/journal.h"
#include "persistence/saver.h"
#include "tensor/buffer_pool.h"
#include "threads/acceptor.h"
#include "threads/acl_log.h"
#include "threads/client_table.h"

namespace tutti {

namespace {

int64_t GetInt64(const Napi::Object& object, const char* name) { return ToInt64(object.Get(name)); }

Napi::Value SetLimits(const Napi::CallbackInfo& info) {
  const auto limits = info[0].As<Napi::Object>();
  memory_account::SetMax(static_cast<size_t>(GetInt64(limits, "maxmemoryBytes")));
  buffer_pool::SetIdleMax(static_cast<size_t>(GetInt64(limits, "poolIdleMaxBytes")));
  const int64_t policy = GetInt64(limits, "evictionPolicy");
  TUTTI_CHECK(policy >= 0 && policy < eviction::kPolicyCount);
  eviction::Configure({.policy = static_cast<eviction::Policy>(policy),
                       .sample_count = GetInt64(limits, "evictionSampleCount"),
                       .tenacity = GetInt64(limits, "evictionTenacity")});
  return info.Env().Undefined();
}

Napi::Value ConfigureEngine(const Napi::CallbackInfo& info) {
  const auto given = info[0].As<Napi::Object>();
  EngineOptions options;
  options.threads_per_queue = static_cast<int>(GetInt64(given, "threadsPerQueue"));
  options.intra_op_threads = static_cast<int>(GetInt64(given, "intraOpThreads"));
  options.inter_op_threads = static_cast<int>(GetInt64(given, "interOpThreads"));
  options.core_count = static_cast<int>(GetInt64(given, "coreCount"));
  options.execution_timeout_ms = GetInt64(given, "executionTimeoutMs");
  options.memory_limit_bytes = GetInt64(given, "memoryLimitBytes");
  options.min_batch_wait_ms_max = GetInt64(given, "minBatchWaitMsMax");
  const auto places = given.Get("backends").As<Napi::Array>();
  for (uint32_t i = 0; i < places.Length() && i < options.backends.size(); i++) {
    const auto place = places.Get(i).As<Napi::Object>();
    options.backends[i] = {ToText(place.Get("library")), ToText(place.Get("runtimeFolder")),
                           ToTexts(place.Get("preload"))};
  }
  if (info[1].IsFunction()) options.log = LogTo(info.Env(), info[1].As<Napi::Function>());
  Engine::Get().Configure(std::move(options));
  return info.Env().Undefined();
}

napi_value StartBackground(napi_env, napi_callback_info) {
  Keyspace::Get().StartBackground();
  Engine::Get().Resume();
  return kUndefined;
}

napi_value StopBackground(napi_env, napi_callback_info) {
  Engine::Get().Shutdown();
  Keyspace::Get().StopBackground();
  return kUndefined;
}

// --- listeners ---

// Of this thread, which alone may close them.
std::map<int, std::shared_ptr<GuardedWaker>>& own_listeners() {
  static thread_local auto* const listeners = new std::map<int, std::shared_ptr<GuardedWaker>>;
  return *listeners;
}

void CloseListenerById(int id) {
  Acceptor::Get().Close(id);
  const auto found = own_listeners().find(id);
  if (found == own_listeners().end()) return;
  found->second->Close();
  own_listeners().erase(found);
}

void CloseOwnListeners(void*) {
  while (!own_listeners().empty()) CloseListenerById(own_listeners().begin()->first);
}

// As Node names them; a number that has no name here is told as it is.
std::string ErrorName(int error) {
  static const std::map<int, const char*> names = {
      {EACCES, "EACCES"},
      {EADDRINUSE, "EADDRINUSE"},
      {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
      {EAFNOSUPPORT, "EAFNOSUPPORT"},
      {EHOSTUNREACH, "EHOSTUNREACH"},
      {EINVAL, "EINVAL"},
      {EISDIR, "EISDIR"},
      {ELOOP, "ELOOP"},
      {EMFILE, "EMFILE"},
      {ENAMETOOLONG, "ENAMETOOLONG"},
      {ENFILE, "ENFILE"},
      {ENOBUFS, "ENOBUFS"},
      {ENOENT, "ENOENT"},
      {ENOMEM, "ENOMEM"},
      {ENOTDIR, "ENOTDIR"},
      {EPERM, "EPERM"},
      {EROFS, "EROFS"},
  };
  const auto found = names.find(error);
  return found == names.end() ? "E" + std::to_string(error) : found->second;
}

ListenOptions ToListenOptions(const Napi::Object& given) {
  ListenOptions options;
  if (given.Get("host").IsString()) options.host = ToText(given.Get("host"));
  if (given.Get("port").IsNumber()) options.port = static_cast<uint16_t>(GetInt64(given, "port"));
  if (given.Get("path").IsString()) options.path = ToText(given.Get("path"));
  if (given.Get("mode").IsNumber()) options.mode = static_cast<uint32_t>(GetInt64(given, "mode"));
  options.backlog = static_cast<int>(GetInt64(given, "backlog"));
  return options;
}

// Hands over what one listener accepted.
void Deliver(Napi::Env env, napi_value on_connection, int listener_id) {
  std::vector<Accepted> accepted;
  Acceptor::Get().Take(listener_id, &accepted);
  for (size_t i = 0; i < accepted.size(); i++) {
    const Napi::HandleScope scope(env);
    const Accepted& one = accepted[i];
    if (CallFunction(
            env, on_connection,
            {Napi::Number::New(env, one.fd), Napi::String::New(env, one.address),
             Napi::String::New(env, one.local_address), Napi::Boolean::New(env, one.is_unix)})) {
      continue;
    }
    // The others are nobody's any more.
    for (i++; i < accepted.size(); i++) {
      if (accepted[i].fd >= 0) close(accepted[i].fd);
    }
  }
}

Napi::Value Listen(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto waker = std::make_shared<GuardedWaker>();
  // A connection may come before its number is known here: the first wake is repeated below.
  const auto id = std::make_shared<int>(0);
  const auto listening = Acceptor::Get().Listen(ToListenOptions(info[0].As<Napi::Object>()),
                                                [waker] { waker->Wake(); });
  if (listening.error != 0) {
    auto error =
        Napi::Error::New(env, "cannot listen on " + listening.address + ": " + listening.reason);
    error.Set("code", Napi::String::New(env, ErrorName(listening.error)));
    error.Set("address", Napi::String::New(env, listening.address));
    error.Set("reason", Napi::String::New(env, listening.reason));
    error.ThrowAsJavaScriptException();
    return env.Undefined();
  }
  *id = listening.id;
  waker->Start(std::make_unique<Waker>(
      env, info[1].As<Napi::Function>(), "tutti listener",
      [id](napi_env env, napi_value on_connection) { Deliver(env, on_connection, *id); }));
  waker->Wake();
  own_listeners().emplace(listening.id, waker);
  // Before the threadsafe function's own hook: the accepting thread must not find it gone.
  napi_remove_env_cleanup_hook(env, CloseOwnListeners, nullptr);
  napi_add_env_cleanup_hook(env, CloseOwnListeners, nullptr);
  return Napi::Number::New(env, listening.id);
}

napi_value ListenerPort(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env, Acceptor::Get().Port(in.Int(0)));
}

napi_value CloseListener(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  CloseListenerById(in.Int(0));
  return kUndefined;
}

Napi::Value Refuse(const Napi::CallbackInfo& info) {
  const int fd = ToInt32(info[0]);
  const std::string text = ToText(info[1]);
  // A client that cannot take these few bytes at once does not read them at all.
  (void)!send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  close(fd);
  Traffic traffic;
  traffic.rejected_connections = 1;
  ThreadRegistry::Get().Add(traffic);  // by the main thread too, which need not be attached
  return info.Env().Undefined();
}

// --- statistics ---

// What the keyspace counted until the last reset; `dirty` is not reset.
std::mutex reset_mutex;
KeyspaceCounters reset_counters{};
std::atomic<int64_t> reset_evicted_clients{0};

double ResidentBytes() {
  long pages = 0;
  if (FILE* const file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%*s %ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

Napi::Object MemoryByKind(Napi::Env env) {
  const auto record = Napi::Object::New(env);
  const std::pair<const char*, MemoryKind> kinds[] = {
      {"keys", MemoryKind::kKeys},         {"tensors", MemoryKind::kTensors},
      {"models", MemoryKind::kModels},     {"runtimes", MemoryKind::kRuntimes},
      {"requests", MemoryKind::kRequests}, {"replies", MemoryKind::kReplies}};
  for (const auto& [name, kind] : kinds) {
    record.Set(name, static_cast<double>(memory_account::Used(kind)));
  }
  return record;
}

Napi::Value Statistics(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  KeyspaceCounters reset;
  {
    const std::lock_guard lock(reset_mutex);
    reset = reset_counters;
  }
  const KeyspaceCounters counters = Keyspace::Get().Counters();
  const Traffic traffic = ThreadRegistry::Get().Total();
  const auto record = Napi::Object::New(env);
  const auto set = [&](const char* name, auto value) {
    record.Set(name, static_cast<double>(value));
  };
  set("usedMemory", memory_account::Used());
  set("usedMemoryPeak", memory_account::Peak());
  record.Set("usedMemoryByKind", MemoryByKind(env));
  set("poolIdleBytes", buffer_pool::IdleBytes());
  set("notCountedBytes", memory_account::NotCounted());
  set("freeingCount", freeing::WaitingCount());
  set("freedCount", freeing::FreedCount());
  set("rss", ResidentBytes());
  set("totalSystemMemory",
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE)));
  set("hits", counters.hits - reset.hits);
  set("misses", counters.misses - reset.misses);
  set("expired", counters.expired - reset.expired);
  set("evicted", counters.evicted - reset.evicted);
  set("evictedClients",
      ClientTable::Get().evicted_count() - reset_evicted_clients.load(std::memory_order_relaxed));
  set("dirty", counters.dirty);
  set("connectedClients", ClientTable::Get().count());
  set("totalConnections", traffic.connections);
  set("rejectedConnections", traffic.rejected_connections);
  set("netInputBytes", traffic.input_bytes);
  set("netOutputBytes", traffic.output_bytes);
  return record;
}

napi_value UnixMicroseconds(napi_env env, napi_callback_info) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return ToJs(env, std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

napi_value ResetStatistics(napi_env, napi_callback_info) {
  ThreadRegistry::Get().Reset();
  AclLog::Get().ResetCounts();
  Saver::Get().ResetCount();
  Journal::Get().ResetCount();
  const std::lock_guard lock(reset_mutex);
  reset_counters = Keyspace::Get().Counters();
  reset_evicted_clients = ClientTable::Get().evicted_count();
  return kUndefined;
}

// sendDatagram(path, text): one datagram to a socket that takes such, as systemd's or the log's. A
// path that begins with '@' is a name in the abstract space. Returns 0 or an errno.
Napi::Value SendDatagram(const Napi::CallbackInfo& info) {
  const std::string path = ToText(info[0]);
  const std::string text = ToText(info[1]);
  const auto answer = [&info](int error) { return Napi::Number::New(info.Env(), error); };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return answer(ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return answer(errno);
  const auto address_bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const ssize_t sent = sendto(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                              reinterpret_cast<const sockaddr*>(&address), address_bytes);
  const int error = sent < 0 ? errno : 0;
  close(fd);
  return answer(error);
}

}  // namespace

std::span<const Export> ProcessExports() {
  static constexpr Export exports[] = {
      {"setLimits", Wrapped<SetLimits>},
      {"configureEngine", Wrapped<ConfigureEngine>},
      {"startBackground", StartBackground},
      {"stopBackground", StopBackground},
      {"listen", Wrapped<Listen>},
      {"listenerPort", ListenerPort},
      {"closeListener", CloseListener},
      {"refuse", Wrapped<Refuse>},
      {"sendDatagram", Wrapped<SendDatagram>},
      {"unixMicroseconds", UnixMicroseconds},
      {"statistics", Wrapped<Statistics>},
      {"resetStatistics", ResetStatistics},
  };
  return exports;
}

}  // namespace tutti
