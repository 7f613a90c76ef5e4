#include "inference/script_host.h"

#include <string_view>
#include <utility>
#include <vector>

#include "inference/model_in_place.h"
#include "inference/script_reply.h"

namespace tutti {
namespace {

// As lib/engine/failure.ts has it.
std::string TextOf(const Status& status) {
  switch (status.code()) {
    case Code::kShuttingDown:
      return "ERR the server is shutting down";
    case Code::kOutOfMemory:
      return "OOM command not allowed when used memory > 'maxmemory'.";
    default:
      return status.message();
  }
}

Message CommandsWait() {
  Message message;
  message.kind = MessageKind::kScriptCommand;
  return message;
}

int Fail(char* error, size_t error_bytes, const std::string& text) {
  if (error_bytes > 0) error[text.copy(error, error_bytes - 1)] = '\0';
  return 1;
}

int Execute(void* caller, const tutti_bytes* words, size_t word_count, tutti_reply* reply,
            char* error, size_t error_bytes) {
  const auto& script = *static_cast<const ScriptCaller*>(caller);
  auto framed = ScriptHost::Get().Execute(script.db, script.user, {words, word_count});
  if (!framed.ok()) return Fail(error, error_bytes, TextOf(framed.status()));
  auto read = ScriptValues::Read(std::move(framed.value()));
  if (!read.ok()) return Fail(error, error_bytes, read.status().message());
  ScriptValues* const values = read.value().release();
  *reply = {values->values().data(), values->values().size(), values,
            [](void* owner) { delete static_cast<ScriptValues*>(owner); }};
  return 0;
}

int RunModel(void* caller, tutti_bytes key, const tutti_tensor* inputs, size_t input_count,
             tutti_tensor* outputs, size_t output_count, char* error, size_t error_bytes) {
  const auto& script = *static_cast<const ScriptCaller*>(caller);
  const std::string_view name(key.data, key.bytes);
  Status status = ScriptHost::Get().CheckModelAccess(script.db, script.user, name);
  if (!status.ok()) return Fail(error, error_bytes, TextOf(status));
  status = RunModelInPlace(script.compiler, script.db, name, {inputs, input_count},
                           {outputs, output_count});
  return status.ok() ? 0 : Fail(error, error_bytes, TextOf(status));
}

}  // namespace

const tutti_host* script_host_table() {
  static constexpr tutti_host kHost = {.execute = Execute, .run_model = RunModel};
  return &kHost;
}

ScriptHost& ScriptHost::Get() {
  static auto* const host = new ScriptHost;
  return *host;
}

void ScriptHost::SetStarter(std::function<void()> start) {
  std::lock_guard lock(mutex_);
  start_ = std::move(start);
}

Result<ScriptReply> ScriptHost::Execute(int db, std::string user,
                                        std::span<const tutti_bytes> words) {
  const auto command = std::make_shared<ScriptCommand>(db, std::move(user), words);
  std::shared_ptr<Mailbox> mailbox;
  std::function<void()> start;
  {
    std::lock_guard lock(mutex_);
    if (is_closed_) return Code::kShuttingDown;
    if (!mailbox_ && !start_) return Status(Code::kFailed, "ERR scripts cannot run commands here");
    if (waiting_.empty()) mailbox = mailbox_;
    if (!mailbox_ && !is_starting_) start = start_;
    is_starting_ = !mailbox_;
    waiting_.push_back(command);
  }
  if (mailbox) mailbox->Post(CommandsWait());
  if (start) start();
  return command->Wait();
}

void ScriptHost::SetChecksAccess(bool checks) {
  checks_access_.store(checks, std::memory_order_relaxed);
}

Status ScriptHost::CheckModelAccess(int db, const std::string& user, std::string_view key) {
  if (!checks_access_.load(std::memory_order_relaxed)) return Status::Ok();
  // The host carries out no runs, but looks first whether the user may have one.
  const std::string_view words[] = {"AI.MODELEXECUTE", key, "INPUTS", "0", "OUTPUTS", "0"};
  std::vector<tutti_bytes> run;
  for (const std::string_view word : words) run.push_back({word.data(), word.size()});
  const auto reply = Execute(db, user, run);
  if (!reply.ok()) return reply.status();
  const std::string_view line = reply.value().framed();
  constexpr std::string_view kRefusal = "-NOPERM";
  if (!line.starts_with(kRefusal)) return Status::Ok();
  return {Code::kFailed, std::string(line.substr(1, line.find('\r') - 1))};
}

void ScriptHost::Open(std::shared_ptr<Mailbox> mailbox) {
  {
    std::lock_guard lock(mutex_);
    if (is_closed_) return;
    is_starting_ = false;
    mailbox_ = mailbox;
    if (waiting_.empty()) return;
  }
  mailbox->Post(CommandsWait());
}

std::shared_ptr<ScriptCommand> ScriptHost::Take() {
  std::lock_guard lock(mutex_);
  if (waiting_.empty()) return nullptr;
  taken_ = std::move(waiting_.front());
  waiting_.pop_front();
  return taken_;
}

void ScriptHost::Finish(std::shared_ptr<ScriptCommand> command, ScriptReply reply) {
  {
    std::lock_guard lock(mutex_);
    taken_ = nullptr;  // `command` keeps it
  }
  command->Finish(std::move(reply));
}

void ScriptHost::Abandon(const std::string& reason) {
  std::deque<std::shared_ptr<ScriptCommand>> dropped;
  {
    std::lock_guard lock(mutex_);
    is_starting_ = false;
    dropped.swap(waiting_);
  }
  for (const auto& command : dropped) {
    command->Fail(Status(Code::kFailed, "ERR no thread for the commands of scripts: " + reason));
  }
}

void ScriptHost::Close() {
  std::deque<std::shared_ptr<ScriptCommand>> dropped;
  {
    std::lock_guard lock(mutex_);
    is_closed_ = true;
    is_starting_ = false;
    mailbox_ = nullptr;
    dropped.swap(waiting_);
    if (taken_) dropped.push_back(std::move(taken_));
    taken_ = nullptr;
  }
  for (const auto& command : dropped) command->Fail(Code::kShuttingDown);
}

void ScriptHost::Reopen() {
  std::lock_guard lock(mutex_);
  is_closed_ = false;
}

}  // namespace tutti
