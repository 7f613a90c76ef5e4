// The exports about what is kept on disk, and DUMP and RESTORE.
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "binding/call.h"
#include "binding/command_words.h"
#include "binding/save_options.h"
#include "keyspace/hash.h"
#include "keyspace/list.h"
#include "keyspace/set.h"
#include "keyspace/sorted_set.h"
#include "keyspace/stream.h"
#include "persistence/background.h"
#include "persistence/dump.h"
#include "persistence/migrate.h"
#include "persistence/restore.h"
#include "persistence/saver.h"

namespace tutti {

namespace {

// What takes longer than an event loop may be kept: bytes of a value, or its elements.
constexpr size_t kQuickBytesMax = 64 * kKiB;
constexpr int64_t kQuickElementsMax = 500;

bool IsQuick(const Object& value) {
  switch (value.kind()) {
    case ObjectKind::kString:
      return static_cast<const String&>(value).view().size() <= kQuickBytesMax;
    case ObjectKind::kTensor:
      return static_cast<const Tensor&>(value).bytes() <= kQuickBytesMax;
    case ObjectKind::kList:
      return static_cast<const StoredList&>(value).is_small();
    case ObjectKind::kSet:
      return static_cast<const StoredSet&>(value).form() != StoredSet::Form::kLarge;
    case ObjectKind::kHash:
      return static_cast<const StoredHash&>(value).is_small();
    case ObjectKind::kSortedSet:
      return static_cast<const StoredSortedSet&>(value).is_small();
    case ObjectKind::kStream:
      return static_cast<const StoredStream&>(value).length() <= kQuickElementsMax;
    default:
      return false;
  }
}

// --- DUMP and RESTORE ---

// keyDump(db, key, compresses, connection, sequence). A connection below 0 cannot wait.
napi_value KeyDump(napi_env env, napi_callback_info info) {
  const Arguments<5> in(env, info);
  ThreadState& thread = this_thread();
  const std::string_view key = thread.Word(in.Int(1));
  if (ThreadState::IsRefused(key)) return ToJs(env, Code::kOutOfMemory);
  const Ref<Object> value = Keyspace::Get().Find(in.Int(0), key);
  if (!value) return ToJs(env, Code::kNotFound);
  const bool compresses = in.Int(2) != 0;
  if (in.Int(3) >= 0 && !IsQuick(*value)) {
    background::Run(background::Queue::kValues,
                    [value, compresses, completion = ToCompletion(thread, in.Int(3), in.Int(4))] {
                      Ref<String> payload = Dump(*value, compresses);
                      const Code code = payload ? Code::kOk : Code::kOutOfMemory;
                      completion.Done(code, {}, std::move(payload));
                    });
    return ToJs(env, kPending);
  }
  Ref<String> payload = Dump(*value, compresses);
  if (!payload) return ToJs(env, Code::kOutOfMemory);
  const std::string_view bytes = payload->view();
  return ToJs(env, thread.Hold(std::move(payload), bytes.data(), bytes.size()));
}

// Holds what a keyDump that was pending has made.
napi_value KeyDumped(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  ThreadState& thread = this_thread();
  Ref<Object> result =
      thread.TakeResult(static_cast<uint32_t>(in.Int(0)), static_cast<uint32_t>(in.Int(1)));
  TUTTI_CHECK(result && result->kind() == ObjectKind::kString);
  const std::string_view bytes = static_cast<const String&>(*result).view();
  return ToJs(env, thread.Hold(std::move(result), bytes.data(), bytes.size()));
}

Status Restore(int db, std::string_view key, std::string_view payload, const KeyFacts& facts,
               bool replaces) {
  auto value = Undump(payload);
  if (!value.ok()) return value.status();
  return RestoreKey(db, key, std::move(value.value()), facts, replaces);
}

// keyRestore(db, key, payload, atMs, idleSeconds, frequency, replaces, connection, sequence):
// below 0, idleSeconds and frequency are not given.
napi_value KeyRestore(napi_env env, napi_callback_info info) {
  const Arguments<9> in(env, info);
  ThreadState& thread = this_thread();
  const int db = in.Int(0);
  const std::string_view key = thread.Word(in.Int(1)), payload = thread.Word(in.Int(2));
  if (ThreadState::IsRefused(key) || ThreadState::IsRefused(payload)) {
    return ToJs(env, Code::kOutOfMemory);
  }
  KeyFacts facts;
  facts.expire_at_ms = in.Int64Exact(3);
  if (in.Int64(4) >= 0) facts.idle_seconds = in.Int64(4);
  if (in.Int(5) >= 0) facts.frequency = in.Int(5);
  const bool replaces = in.Int(6) != 0;
  const IncomingBlob* const blob = thread.FindBlob(in.Int(2));
  if (in.Int(7) < 0 || payload.size() <= kQuickBytesMax || !blob) {
    return ToJs(env, Restore(db, key, payload, facts, replaces));
  }
  background::Run(background::Queue::kValues,
                  [db, key = std::string(key), buffer = blob->Share(), payload, facts, replaces,
                   completion = ToCompletion(thread, in.Int(7), in.Int(8))] {
                    const Status status = Restore(db, key, payload, facts, replaces);
                    completion.Done(status.code(), status.message());
                  });
  return ToJs(env, kPending);
}

napi_value MigrationPeers(napi_env env, napi_callback_info) { return ToJs(env, CloseIdlePeers()); }

// keyMigrate(host, port, db, targetDb, timeoutMs, copies, replaces, compresses, user, password,
// firstKey, keyCount, connection, sequence): user and password are words, or -1.
napi_value KeyMigrate(napi_env env, napi_callback_info info) {
  const Arguments<14> in(env, info);
  ThreadState& thread = this_thread();
  Migration migration;
  const auto text = [&](size_t i) { return std::string(thread.Word(in.Int(i))); };
  for (const size_t i : {0u, 1u, 8u, 9u}) {
    if (in.Int(i) >= 0 && ThreadState::IsRefused(thread.Word(in.Int(i)))) {
      return ToJs(env, Code::kOutOfMemory);
    }
  }
  migration.host = text(0);
  migration.port = text(1);
  migration.db = in.Int(2);
  migration.target_db = in.Int64(3);
  migration.timeout_ms = in.Int64(4);
  migration.copies = in.Int(5) != 0;
  migration.replaces = in.Int(6) != 0;
  migration.compresses = in.Int(7) != 0;
  if (in.Int(8) >= 0) migration.user = text(8);
  if (in.Int(9) >= 0) migration.password = text(9);
  if (!CopyWords(thread, in.Int(10), in.Int(11), &migration.keys)) {
    return ToJs(env, Code::kOutOfMemory);
  }
  background::Run(background::Queue::kMigrations,
                  [migration = std::move(migration),
                   completion = ToCompletion(thread, in.Int(12), in.Int(13))] {
                    const Status status = Migrate(migration);
                    completion.Done(status.code(), status.message());
                  });
  return ToJs(env, Code::kOk);
}

// --- the file ---

// What the main thread is told, from any. As `dataEvents` of lib/engine/addon.ts.
enum class DataEvent : int { kSaved = 0, kLoaded = 1, kNote = 2 };

class DataEvents {
 public:
  // Never destroyed: saving threads may outlive the end of main().
  static DataEvents& Get() {
    static auto* const events = new DataEvents;
    return *events;
  }

  void Listen(Napi::Env env, Napi::Function listener) {
    auto waker = std::make_unique<Waker>(
        env, listener, "tutti data",
        [this](napi_env env, napi_value function) { Deliver(env, function); });
    waker->Unref(env);
    waker_.Start(std::move(waker));
    napi_add_env_cleanup_hook(env, [](void*) { Get().waker_.Close(); }, nullptr);
  }
  void Tell(DataEvent event, const Status& status) {
    {
      const std::lock_guard lock(mutex_);
      untold_.emplace_back(event, status);
    }
    waker_.Wake();
  }

 private:
  void Deliver(napi_env env, napi_value function) {
    std::vector<std::pair<DataEvent, Status>> told;
    {
      const std::lock_guard lock(mutex_);
      told.swap(untold_);
    }
    for (const auto& [event, status] : told) {
      const Napi::HandleScope scope(env);
      CallFunction(env, function,
                   {Napi::Number::New(env, static_cast<int>(event)),
                    Napi::Number::New(env, static_cast<int>(status.code())),
                    Napi::String::New(env, status.message())});
    }
  }

  GuardedWaker waker_;
  std::mutex mutex_;  // guards untold_
  std::vector<std::pair<DataEvent, Status>> untold_;
};

Napi::Value DataListen(const Napi::CallbackInfo& info) {
  DataEvents::Get().Listen(info.Env(), info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

// rdbSave(options): the end is told as kSaved.
Napi::Value RdbSave(const Napi::CallbackInfo& info) {
  const auto given = info[0].As<Napi::Object>();
  Saver::Request request;
  request.path = ToText(given.Get("path"));
  request.temporary_path = ToText(given.Get("temporaryPath"));
  request.is_background = given.Get("isBackground").As<Napi::Boolean>().Value();
  request.options = ToSaveOptions(given);
  const Status status = Saver::Get().Start(std::move(request), [](const Status& status) {
    DataEvents::Get().Tell(DataEvent::kSaved, status);
  });
  return {info.Env(), ToJs(info.Env(), status)};
}

napi_value RdbCancel(napi_env, napi_callback_info) {
  Saver::Get().Cancel();
  return kUndefined;
}

// rdbLoad(path, databaseCount, keyDelayUs, replaces): the end is told as kLoaded, lines for the log
// as kNote.
Napi::Value RdbLoad(const Napi::CallbackInfo& info) {
  RdbLoadOptions options;
  options.database_count = ToInt32(info[1]);
  options.key_delay_us = ToInt64(info[2]);
  options.replaces = info[3].As<Napi::Boolean>().Value();
  options.note = [](std::string_view line) {
    DataEvents::Get().Tell(DataEvent::kNote, {Code::kOk, std::string(line)});
  };
  StartLoader::Get().Start(ToText(info[0]), std::move(options), [](const Status& status) {
    DataEvents::Get().Tell(DataEvent::kLoaded, status);
  });
  return info.Env().Undefined();
}

Napi::Value DataFacts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Saver::Facts save = Saver::Get().facts();
  const StartLoader::Facts load = StartLoader::Get().facts();
  const auto record = Napi::Object::New(env);
  const auto set = [&](const char* name, auto value) {
    record.Set(name, static_cast<double>(value));
  };
  record.Set("isSaving", save.is_saving);
  record.Set("isBackground", save.is_background);
  record.Set("isLastOk", save.is_last_ok);
  set("keyCount", save.key_count);
  set("keysSaved", save.keys_saved);
  set("startedAtSeconds", save.started_at_s);
  set("lastSaveAtSeconds", save.last_save_at_s);
  set("lastSeconds", save.last_seconds);
  set("saveCount", save.save_count);
  set("changes", save.changes);
  record.Set("isLoading", load.is_loading);
  set("loadStartedAtSeconds", load.started_at_s);
  set("loadBytesTotal", load.bytes_total);
  set("loadBytesLoaded", load.bytes_loaded);
  set("keysLoaded", load.key_count);
  set("keysExpired", load.expired_count);
  set("keysEmpty", load.empty_count);
  return record;
}

}  // namespace

std::span<const Export> PersistenceExports() {
  static constexpr Export exports[] = {
      {"keyDump", KeyDump},
      {"keyDumped", KeyDumped},
      {"keyRestore", KeyRestore},
      {"keyMigrate", KeyMigrate},
      {"migrationPeers", MigrationPeers},
      {"dataListen", Wrapped<DataListen>},
      {"rdbSave", Wrapped<RdbSave>},
      {"rdbCancel", RdbCancel},
      {"rdbLoad", Wrapped<RdbLoad>},
      {"dataFacts", Wrapped<DataFacts>},
  };
  return exports;
}

}  // namespace tutti
