// The exports about the journal: what the main thread does with its files, and who waits for it.
#include "persistence/journal.h"

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "binding/command_words.h"
#include "binding/save_options.h"
#include "binding/thread_state.h"
#include "keyspace/clock.h"
#include "persistence/saver.h"

namespace tutti {

namespace {

// What happens to the journal, on its way to the main thread.
class JournalEvents {
 public:
  static JournalEvents& Get() {
    static auto* const events = new JournalEvents;
    return *events;
  }

  void Listen(Napi::Env env, Napi::Function listener) {
    auto waker = std::make_unique<Waker>(
        env, listener, "tutti journal",
        [this](napi_env env, napi_value function) { Deliver(env, function); });
    waker->Unref(env);
    waker_.Start(std::move(waker));
    napi_add_env_cleanup_hook(env, [](void*) { Get().waker_.Close(); }, nullptr);
    Journal::Get().Listen([this](Journal::Event event, const Status& status) {
      {
        const std::lock_guard lock(mutex_);
        untold_.emplace_back(event, status);
      }
      waker_.Wake();
    });
  }

 private:
  void Deliver(napi_env env, napi_value function) {
    std::vector<std::pair<Journal::Event, Status>> told;
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
  std::vector<std::pair<Journal::Event, Status>> untold_;
};

// Undefined, or why not.
Napi::Value Complaint(Napi::Env env, const Status& status) {
  if (status.ok()) return env.Undefined();
  if (status.code() == Code::kSaving) return Napi::String::New(env, "a rewrite goes on already");
  return Napi::String::New(env, std::string(status.message()));
}

Napi::Value JournalListen(const Napi::CallbackInfo& info) {
  JournalEvents::Get().Listen(info.Env(), info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

// journalSettings(policy, syncsDuringRewrite, waitingBytesMax, withStamps)
Napi::Value JournalSettingsSet(const Napi::CallbackInfo& info) {
  JournalSettings settings;
  settings.policy = static_cast<SyncPolicy>(ToInt32(info[0]));
  settings.syncs_during_rewrite = info[1].As<Napi::Boolean>().Value();
  settings.waiting_bytes_max = static_cast<size_t>(ToInt64(info[2]));
  settings.with_stamps = info[3].As<Napi::Boolean>().Value();
  Journal::Get().Set(settings);
  return info.Env().Undefined();
}

// journalStart(path, bytes)
Napi::Value JournalStart(const Napi::CallbackInfo& info) {
  return Complaint(info.Env(), Journal::Get().Start(ToText(info[0]), ToInt64(info[1])));
}

// journalRewrite(options): the end is told as kRewritten.
Napi::Value JournalRewrite(const Napi::CallbackInfo& info) {
  const auto given = info[0].As<Napi::Object>();
  Journal::Rewrite rewrite;
  rewrite.base_path = ToText(given.Get("basePath"));
  rewrite.next_path = ToText(given.Get("nextPath"));
  rewrite.as_rdb = given.Get("asRdb").As<Napi::Boolean>().Value();
  rewrite.options = ToSaveOptions(given);
  return Complaint(info.Env(), Journal::Get().StartRewrite(std::move(rewrite)));
}

Napi::Value JournalNoteManifest(const Napi::CallbackInfo& info) {
  Journal::Get().NoteManifest(info[0].As<Napi::Boolean>().Value());
  return info.Env().Undefined();
}

Napi::Value JournalCancelRewrite(const Napi::CallbackInfo& info) {
  Journal::Get().CancelRewrite();
  return info.Env().Undefined();
}

Napi::Value JournalStop(const Napi::CallbackInfo& info) {
  return Complaint(info.Env(), Journal::Get().Stop());
}

napi_value JournalResume(napi_env, napi_callback_info) {
  Journal::Get().Resume();
  return kUndefined;
}

// journalAwait(connection, sequence, mustSync): 1, and a message will come, or 0.
napi_value JournalAwait(napi_env env, napi_callback_info info) {
  const Arguments<3> in(env, info);
  const Completion completion = ToCompletion(this_thread(), in.Int(0), in.Int(1));
  return ToJs(env, Journal::Get().Await(completion, in.Int(2) != 0) ? 1 : 0);
}

// keysExpire(expire): 0 while the journal is read; then what is there is as on disk.
napi_value KeysExpire(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  SetNothingExpires(in.Int(0) == 0);
  if (in.Int(0) != 0) Saver::Get().NoteLoaded();
  return kUndefined;
}

Napi::Value JournalFacts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Journal::Facts facts = Journal::Get().facts();
  const auto record = Napi::Object::New(env);
  const auto set = [&](const char* name, int64_t value) {
    record.Set(name, static_cast<double>(value));
  };
  record.Set("isOn", facts.is_on);
  record.Set("isRewriting", facts.is_rewriting);
  record.Set("isWriteOk", facts.is_write_ok);
  record.Set("isRewriteOk", facts.is_rewrite_ok);
  set("rewriteStartedAtSeconds", facts.rewrite_started_at_s);
  set("rewriteSeconds", facts.rewrite_seconds);
  set("rewriteCount", facts.rewrite_count);
  set("rewriteFailureCount", facts.rewrite_failure_count);
  set("bytes", facts.bytes);
  set("baseBytes", facts.base_bytes);
  set("waitingBytes", facts.waiting_bytes);
  set("delayedSyncCount", facts.delayed_sync_count);
  return record;
}

}  // namespace

std::span<const Export> JournalExports() {
  static constexpr Export exports[] = {
      {"journalListen", Wrapped<JournalListen>},
      {"journalSettings", Wrapped<JournalSettingsSet>},
      {"journalStart", Wrapped<JournalStart>},
      {"journalRewrite", Wrapped<JournalRewrite>},
      {"journalNoteManifest", Wrapped<JournalNoteManifest>},
      {"journalCancelRewrite", Wrapped<JournalCancelRewrite>},
      {"journalStop", Wrapped<JournalStop>},
      {"journalResume", JournalResume},
      {"journalAwait", JournalAwait},
      {"journalFacts", Wrapped<JournalFacts>},
      {"keysExpire", KeysExpire},
  };
  return exports;
}

}  // namespace tutti
