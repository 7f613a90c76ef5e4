// What scripts ask of the server while they run: commands (redis.execute), which a thread of their
// own carries out, and runs of stored models (redisAI.model_execute), done on the script's thread.
//
// No cycle can form: a script waits for the script host holding no lock, the host refuses every
// command that would wait, and a model that runs in place cannot call anything.
//
// Threads: any, where nothing else is said.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "inference/backend.h"
#include "inference/compiler.h"
#include "inference/script_command.h"
#include "threads/mailbox.h"

namespace tutti {

// What a thread of the server takes from scripts, and how it is started.
class ScriptHost {
 public:
  // The process' own. Never destroyed.
  static ScriptHost& Get();

  // `start` is called, without a lock held, when a command comes and there is no host: it sees to
  // it that Open() or Abandon() follows. Empty: commands are refused.
  void SetStarter(std::function<void()> start);

  // Carries out a command and waits for its reply. kFailed, kShuttingDown.
  Result<ScriptReply> Execute(int db, std::string user, std::span<const tutti_bytes> words);

  // Whether there are users that may not do everything: only then the host is asked whether a
  // script's may run a model.
  void SetChecksAccess(bool checks);
  // kFailed with the line of the refusal.
  Status CheckModelAccess(int db, const std::string& user, std::string_view key);

  // By the host: from now on its mailbox is told (kScriptCommand) when the first command waits.
  void Open(std::shared_ptr<Mailbox> mailbox);
  // By the host: the next command, null if none waits. It is to be finished before the next.
  std::shared_ptr<ScriptCommand> Take();
  void Finish(std::shared_ptr<ScriptCommand> command, ScriptReply reply);
  // No host could be started: what waits fails, the next command tries again.
  void Abandon(const std::string& reason);

  // Ends what waits and what comes (kShuttingDown), until Reopen().
  void Close();
  void Reopen();

 private:
  std::atomic<bool> checks_access_{false};
  std::mutex mutex_;  // guards everything below
  std::function<void()> start_;
  bool is_starting_ = false;
  bool is_closed_ = false;
  std::shared_ptr<Mailbox> mailbox_;  // the host's; null while there is none
  std::deque<std::shared_ptr<ScriptCommand>> waiting_;
  std::shared_ptr<ScriptCommand> taken_;  // not finished yet; the host has one at a time
};

// On whose behalf a script runs: the `caller` of tutti_script_call. Borrows its parts for a run.
struct ScriptCaller {
  Compiler& compiler;
  int db;
  const std::string& user;
};

// What backends get: its functions take a ScriptCaller.
const tutti_host* script_host_table();

}  // namespace tutti
