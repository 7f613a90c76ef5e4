// The exports about values on their way into replies.
#include <cstring>
#include <utility>

#include "binding/thread_state.h"
#include "keyspace/freeing.h"

namespace tutti {

namespace {

// --- the value found ---

napi_value HeldCopy(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ThreadState& thread = this_thread();
  const int64_t offset = in.Int(0);
  TUTTI_CHECK(thread.held.owner);
  TUTTI_CHECK(offset >= 0 && static_cast<size_t>(offset) + thread.held.bytes <= kOutBytes);
  if (thread.held.bytes > 0) {
    std::memcpy(thread.blocks->out + offset, thread.held.data, thread.held.bytes);
  }
  thread.held = {};
  return kUndefined;
}

napi_value HeldKeep(napi_env env, napi_callback_info) {
  ThreadState& thread = this_thread();
  TUTTI_CHECK(thread.held.owner);
  return ToJs(env, thread.replies.Add(std::exchange(thread.held, {})));
}

napi_value BlobHold(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ThreadState& thread = this_thread();
  const IncomingBlob* const blob = thread.FindBlob(in.Int(0));
  TUTTI_CHECK(blob && blob->is_complete() && !blob->is_refused());
  return ToJs(env, thread.Hold(blob->Share(), blob->data(), blob->announced()));
}

napi_value HeldDrop(napi_env, napi_callback_info) {
  freeing::Free(std::exchange(this_thread().held, {}).owner);
  return kUndefined;
}

Napi::Value ReplyBlobView(const Napi::CallbackInfo& info) {
  const Held& blob = this_thread().replies.At(ToInt64(info[0]));
  const int64_t offset = ToInt64(info[1]), count = ToInt64(info[2]);
  TUTTI_CHECK(offset >= 0 && count >= 0 && static_cast<size_t>(offset + count) <= blob.bytes);
  return MakeView(info.Env(), blob.data + offset, static_cast<size_t>(count));
}

napi_value ReplyBlobBytes(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env, static_cast<int64_t>(this_thread().replies.At(in.Int(0)).bytes));
}

napi_value ReplyBlobRelease(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ThreadState& thread = this_thread();
  // The reply may have been the last to hold it, as of a tensor of a DAG.
  freeing::Free(std::move(thread.replies.At(in.Int(0)).owner));
  thread.replies.Remove(in.Int(0));
  return kUndefined;
}

napi_value RowsNext(napi_env env, napi_callback_info) {
  return ToJs(env, this_thread().NextRows());
}

napi_value RowsEnd(napi_env, napi_callback_info) {
  this_thread().rows = nullptr;
  return kUndefined;
}

}  // namespace

std::span<const Export> ReplyExports() {
  static constexpr Export exports[] = {
      {"heldCopy", HeldCopy},
      {"heldKeep", HeldKeep},
      {"blobHold", BlobHold},
      {"heldDrop", HeldDrop},
      {"replyBlobView", Wrapped<ReplyBlobView>},
      {"replyBlobBytes", ReplyBlobBytes},
      {"replyBlobRelease", ReplyBlobRelease},
      {"rowsNext", RowsNext},
      {"rowsEnd", RowsEnd},
  };
  return exports;
}

}  // namespace tutti
