// The exports of the script host: the thread that carries out the commands of scripts.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "binding/thread_state.h"
#include "inference/script_host.h"

namespace tutti {

namespace {

// --- the main thread ---

// Never destroyed: run threads may hold it when the process ends.
GuardedWaker& starter() {
  static auto* const waker = new GuardedWaker;
  return *waker;
}

Napi::Value ScriptHostStarter(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto waker =
      std::make_unique<Waker>(env, info[0].As<Napi::Function>(), "tutti script host",
                              [](napi_env env, napi_value start) { CallFunction(env, start, {}); });
  waker->Unref(env);
  starter().Start(std::move(waker));
  napi_add_env_cleanup_hook(env, [](void*) { starter().Close(); }, nullptr);
  ScriptHost::Get().SetStarter([] { starter().Wake(); });
  return env.Undefined();
}

Napi::Value ScriptHostAbandon(const Napi::CallbackInfo& info) {
  ScriptHost::Get().Abandon(ToText(info[0]));
  return info.Env().Undefined();
}

napi_value ScriptsCheckAccess(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ScriptHost::Get().SetChecksAccess(in.Int(0) != 0);
  return kUndefined;
}

// --- the host ---

napi_value ScriptHostOpen(napi_env, napi_callback_info) {
  ThreadState& thread = this_thread();
  TUTTI_CHECK(thread.context);
  ScriptHost::Get().Open(thread.context->mailbox);
  return kUndefined;
}

napi_value ScriptHostClose(napi_env, napi_callback_info) {
  ScriptHost::Get().Close();
  return kUndefined;
}

// Enters the words of the command into a block and a row; blobs become this thread's.
void EnterWords(ThreadState& thread, uint8_t* block, size_t block_bytes, uint32_t* row,
                size_t row_length) {
  ScriptWords& words = thread.script_command->words;
  TUTTI_CHECK(words.block().size() <= block_bytes && 2 * words.words().size() <= row_length);
  if (!words.block().empty()) std::memcpy(block, words.block().data(), words.block().size());
  for (const ScriptWords::Word& word : words.words()) {
    constexpr size_t kShownBytesMax = 0xffff'ffff;  // as lib/resp/request.ts, `appendBlob`
    *row++ = word.is_blob ? kBlobWordBit | thread.blobs.Add(std::move(words.blobs()[word.at]))
                          : static_cast<uint32_t>(word.at);
    *row++ = static_cast<uint32_t>(std::min(word.bytes, kShownBytesMax));
  }
}

napi_value ScriptNext(napi_env env, napi_callback_info) {
  ThreadState& thread = this_thread();
  TUTTI_CHECK(!thread.script_command);
  thread.script_command = ScriptHost::Get().Take();
  if (!thread.script_command) return ToJs(env, int64_t{-1});
  const ScriptCommand& command = *thread.script_command;
  const size_t word_count = command.words.words().size();
  const size_t block_bytes = command.words.block().size();
  const bool is_small = word_count <= kRowWordsMax && block_bytes <= kScratchBytes;
  double* const numbers = thread.blocks->numbers;
  numbers[0] = is_small ? -1 : static_cast<double>(block_bytes);
  numbers[1] = static_cast<double>(thread.script_command->words.blobs().size());
  numbers[2] = static_cast<double>(command.words.longest_bytes());
  numbers[3] = command.db;
  numbers[4] = command.user == thread.script_user ? 0 : 1;
  thread.script_user = command.user;
  if (is_small) {
    EnterWords(thread, thread.blocks->scratch, kScratchBytes, thread.blocks->row, 2 * kRowWordsMax);
  }
  return ToJs(env, static_cast<int64_t>(word_count));
}

Napi::Value ScriptUser(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), this_thread().script_user);
}

Napi::Value ScriptWordsInto(const Napi::CallbackInfo& info) {
  ThreadState& thread = this_thread();
  TUTTI_CHECK(thread.script_command);
  auto block = info[0].As<Napi::Uint8Array>();
  auto row = info[1].As<Napi::Uint32Array>();
  EnterWords(thread, block.Data(), block.ByteLength(), row.Data(), row.ElementLength());
  return info.Env().Undefined();
}

napi_value ScriptReplyAppend(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  ThreadState& thread = this_thread();
  const int64_t start = in.Int(0), end = in.Int(1);
  TUTTI_CHECK(start >= 0 && start <= end && end <= static_cast<int64_t>(kOutBytes));
  thread.script_reply.Append({reinterpret_cast<const char*>(thread.blocks->out) + start,
                              static_cast<size_t>(end - start)});
  return kUndefined;
}

napi_value ScriptReplyBlob(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ThreadState& thread = this_thread();
  Held& blob = thread.replies.At(in.Int(0));
  thread.script_reply.AppendBlob(std::move(blob.owner), blob.data, blob.bytes);
  thread.replies.Remove(in.Int(0));
  return kUndefined;
}

napi_value ScriptReplyDrop(napi_env, napi_callback_info) {
  this_thread().script_reply = {};
  return kUndefined;
}

napi_value ScriptFinish(napi_env, napi_callback_info) {
  ThreadState& thread = this_thread();
  TUTTI_CHECK(thread.script_command);
  ScriptHost::Get().Finish(std::exchange(thread.script_command, nullptr),
                           std::exchange(thread.script_reply, {}));
  return kUndefined;
}

}  // namespace

std::span<const Export> ScriptExports() {
  static constexpr Export exports[] = {
      {"scriptHostStarter", Wrapped<ScriptHostStarter>},
      {"scriptHostAbandon", Wrapped<ScriptHostAbandon>},
      {"scriptsCheckAccess", ScriptsCheckAccess},
      {"scriptHostOpen", ScriptHostOpen},
      {"scriptHostClose", ScriptHostClose},
      {"scriptNext", ScriptNext},
      {"scriptUser", Wrapped<ScriptUser>},
      {"scriptWords", Wrapped<ScriptWordsInto>},
      {"scriptReply", ScriptReplyAppend},
      {"scriptReplyBlob", ScriptReplyBlob},
      {"scriptReplyDrop", ScriptReplyDrop},
      {"scriptFinish", ScriptFinish},
  };
  return exports;
}

}  // namespace tutti
