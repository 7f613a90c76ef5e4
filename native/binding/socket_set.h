// The sockets of one thread's clients, watched by its event loop.
//
// Node's own sockets call into JavaScript once for each that is readable, and again for each write;
// that costs more than a small command. Here all that one turn of the loop finds ready is told in
// one call, and the replies of the turn go out in another.
//
// Threads: the one that made it.
#pragma once

#include <memory>
#include <vector>

#include "binding/convert.h"
#include "binding/uv_loop.h"
#include "threads/direct_reply.h"

namespace tutti {

// As in lib/engine/addon.ts, `socketEvents`.
inline constexpr int kSocketReadable = 1, kSocketWritable = 2;
// How many sockets one call tells of, and how many replies one call sends.
inline constexpr size_t kReadyMax = 1024;
inline constexpr size_t kSendsMax = 1024;

class SocketSet {
 public:
  // `on_ready` is called with the number of pairs (slot, events) in `ready`, after the loop has
  // looked at all its descriptors; `on_message` if a run that they have queued is over at once. It
  // lives until the environment has ended.
  static SocketSet* Open(napi_env env, napi_value on_message, napi_value on_ready, int32_t* ready);

  // Takes over a connected socket and watches it for reading. @returns Its slot, or -errno: then
  // the descriptor is closed.
  int64_t Add(int fd);
  // What is looked for from now on: bits of kSocketReadable and kSocketWritable.
  void Watch(int64_t slot, int events);
  // Until something else is sent there, another thread may.
  std::shared_ptr<DirectReply> GrantReply(int64_t slot);
  // Closes the descriptor at once. The slot is used again only after this turn of the loop.
  void Close(int64_t slot);

  struct Socket {
    SocketSet* set = nullptr;
    tutti_uv_handle* poll = nullptr;
    int fd = -1;  // also once closed
    int32_t slot = -1;
    int watched_events = 0;                     // of libuv
    int ready_events = 0;                       // told by the loop, not handed over yet
    bool is_blocked = false;                    // while replies are sent together: it takes no more
    std::shared_ptr<DirectReply> direct_reply;  // null: no other thread sends there

    void RevokeReply() {
      if (!direct_reply) return;
      direct_reply->Revoke();
      direct_reply = nullptr;
    }
  };
  // For sending: nobody else does from here on.
  Socket& ToSend(int64_t slot) {
    Socket& socket = At(slot);
    socket.RevokeReply();
    return socket;
  }
  Socket& At(int64_t slot) {
    TUTTI_CHECK(slot >= 0 && static_cast<size_t>(slot) < sockets_.size());
    Socket* const socket = sockets_[static_cast<size_t>(slot)].get();
    TUTTI_CHECK(socket != nullptr && socket->fd >= 0);
    return *socket;
  }

 private:
  SocketSet(napi_env env, int32_t* ready) : env_(env), ready_(ready) {}
  ~SocketSet() = default;
  static void OnEvents(tutti_uv_handle* poll, int status, int events);
  static void OnSocketClosed(tutti_uv_handle* poll);
  static void OnEnvironmentEnds(napi_async_cleanup_hook_handle hook, void* set);
  void Deliver();
  void AwaitRun();
  void AwaitEvents();
  void Call(napi_ref function, size_t count);
  void OnHandleClosed();

  const napi_env env_;
  int32_t* const ready_;  // kReadyMax pairs
  uv_loop_s* loop_ = nullptr;
  tutti_uv_handle* check_ = nullptr;
  napi_ref on_message_ = nullptr, on_ready_ = nullptr;
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;

  std::vector<std::unique_ptr<Socket>> sockets_;  // by slot; null where none is
  std::vector<int32_t> free_slots_;
  std::vector<int32_t> listed_;  // slots with ready_events
  size_t handle_count_ = 0;      // not closed yet
  bool is_ending_ = false;
};

}  // namespace tutti
