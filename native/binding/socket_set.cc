#include "binding/socket_set.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "binding/thread_state.h"

namespace tutti {

namespace {

tutti_uv_handle* NewHandle(int type, const char* name, void* owner) {
  TUTTI_CHECK(std::strcmp(uv_handle_type_name(type), name) == 0);
  auto* const handle = static_cast<tutti_uv_handle*>(std::malloc(uv_handle_size(type)));
  TUTTI_CHECK(handle != nullptr);
  uv_handle_set_data(handle, owner);
  return handle;
}

SocketSet::Socket& SocketOf(const tutti_uv_handle* poll) {
  return *static_cast<SocketSet::Socket*>(uv_handle_get_data(poll));
}

}  // namespace

SocketSet* SocketSet::Open(napi_env env, napi_value on_message, napi_value on_ready,
                           int32_t* ready) {
  auto* const set = new SocketSet(env, ready);
  TUTTI_CHECK(napi_get_uv_event_loop(env, &set->loop_) == napi_ok);
  napi_value name = nullptr;
  napi_create_string_utf8(env, "tutti sockets", NAPI_AUTO_LENGTH, &name);
  TUTTI_CHECK(napi_create_reference(env, on_message, 1, &set->on_message_) == napi_ok);
  TUTTI_CHECK(napi_create_reference(env, on_ready, 1, &set->on_ready_) == napi_ok);
  TUTTI_CHECK(napi_async_init(env, nullptr, name, &set->context_) == napi_ok);
  TUTTI_CHECK(napi_add_async_cleanup_hook(env, OnEnvironmentEnds, set, &set->hook_) == napi_ok);

  set->check_ = NewHandle(kUvCheck, "check", set);
  TUTTI_CHECK(uv_check_init(set->loop_, set->check_) == 0);
  set->handle_count_ = 1;
  uv_check_start(set->check_, [](tutti_uv_handle* check) {
    static_cast<SocketSet*>(uv_handle_get_data(check))->Deliver();
  });
  uv_unref(set->check_);
  return set;
}

int64_t SocketSet::Add(int fd) {
  auto socket = std::make_unique<Socket>();
  socket->set = this;
  socket->fd = fd;
  socket->poll = NewHandle(kUvPoll, "poll", socket.get());
  if (const int error = uv_poll_init(loop_, socket->poll, fd); error != 0) {
    std::free(socket->poll);
    close(fd);
    return error;
  }
  handle_count_++;
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<int32_t>(sockets_.size()));
    sockets_.emplace_back();
  }
  const int32_t slot = free_slots_.back();
  free_slots_.pop_back();
  socket->slot = slot;
  sockets_[static_cast<size_t>(slot)] = std::move(socket);
  Watch(slot, kSocketReadable);
  return slot;
}

void SocketSet::Watch(int64_t slot, int events) {
  Socket& socket = At(slot);
  socket.watched_events =
      (events & kSocketReadable ? kUvReadable : 0) | (events & kSocketWritable ? kUvWritable : 0);
  if (socket.watched_events == 0) {
    uv_poll_stop(socket.poll);
  } else {
    uv_poll_start(socket.poll, socket.watched_events, OnEvents);
  }
}

std::shared_ptr<DirectReply> SocketSet::GrantReply(int64_t slot) {
  Socket& socket = ToSend(slot);
  socket.direct_reply = std::make_shared<DirectReply>(socket.fd);
  return socket.direct_reply;
}

void SocketSet::Close(int64_t slot) {
  Socket& socket = ToSend(slot);
  uv_close(socket.poll, OnSocketClosed);
  // The loop has let go of it: uv_close() ends the watching at once.
  close(std::exchange(socket.fd, -1));
}

void SocketSet::OnSocketClosed(tutti_uv_handle* poll) {
  Socket& socket = SocketOf(poll);
  SocketSet* const set = socket.set;
  const int32_t slot = socket.slot;
  if (socket.ready_events != 0) std::erase(set->listed_, slot);
  set->sockets_[static_cast<size_t>(slot)] = nullptr;
  set->free_slots_.push_back(slot);
  std::free(poll);
  set->OnHandleClosed();
}

void SocketSet::OnEvents(tutti_uv_handle* poll, int status, int events) {
  Socket& socket = SocketOf(poll);
  // libuv has stopped watching. A read finds the error, but only after what came before it.
  if (status != 0) uv_poll_start(poll, socket.watched_events, OnEvents);
  if (socket.ready_events == 0) socket.set->listed_.push_back(socket.slot);
  if (status != 0 || (events & kUvReadable)) socket.ready_events |= kSocketReadable;
  if (events & kUvWritable) socket.ready_events |= kSocketWritable;
}

void SocketSet::Deliver() {
  if (listed_.empty() || is_ending_) return;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env_, &scope) != napi_ok) return;
  for (size_t next = 0; next < listed_.size();) {
    size_t count = 0;
    for (; next < listed_.size() && count < kReadyMax; next++) {
      Socket* const socket = sockets_[static_cast<size_t>(listed_[next])].get();
      const int events = std::exchange(socket->ready_events, 0);
      if (socket->fd < 0) continue;
      ready_[2 * count] = socket->slot;
      ready_[2 * count + 1] = events;
      count++;
    }
    Call(on_ready_, count);
  }
  listed_.clear();
  AwaitRun();
  AwaitEvents();
  napi_close_handle_scope(env_, scope);
}

void SocketSet::AwaitRun() {
  ThreadState* const thread = current_thread_state;
  if (thread == nullptr || !thread->context) return;
  const auto deadline = thread->run_watch.Deadline();
  if (!deadline) return;
  if (thread->context->mailbox->Await(*deadline)) {
    Call(on_message_, 0);
  } else {
    thread->run_watch.Fail();
  }
}

// Leaves them for the loop, which then does not sleep.
void SocketSet::AwaitEvents() {
  ThreadState* const thread = current_thread_state;
  if (thread == nullptr) return;
  const auto deadline = thread->short_run_watch.Enter();
  if (!deadline) return;
  pollfd loop = {uv_backend_fd(loop_), POLLIN, 0};
  while (poll(&loop, 1, 0) == 0 && std::chrono::steady_clock::now() < *deadline) {
    std::this_thread::yield();
  }
  thread->short_run_watch.Leave();
}

void SocketSet::Call(napi_ref function, size_t count) {
  napi_value callback = nullptr, global = nullptr;
  napi_get_reference_value(env_, function, &callback);
  napi_get_global(env_, &global);
  const napi_value argument = ToJs(env_, static_cast<int64_t>(count));
  if (napi_make_callback(env_, context_, global, callback, 1, &argument, nullptr) !=
      napi_pending_exception) {
    return;
  }
  napi_value error = nullptr;
  if (napi_get_and_clear_last_exception(env_, &error) == napi_ok) napi_fatal_exception(env_, error);
}

void SocketSet::OnEnvironmentEnds(napi_async_cleanup_hook_handle, void* data) {
  auto* const set = static_cast<SocketSet*>(data);
  set->is_ending_ = true;
  for (const auto& socket : set->sockets_) {
    if (socket && socket->fd >= 0) set->Close(socket->slot);
  }
  uv_close(set->check_, [](tutti_uv_handle* check) {
    auto* const owner = static_cast<SocketSet*>(uv_handle_get_data(check));
    std::free(check);
    owner->OnHandleClosed();
  });
}

void SocketSet::OnHandleClosed() {
  handle_count_--;
  if (!is_ending_ || handle_count_ > 0) return;
  napi_remove_async_cleanup_hook(hook_);
  delete this;
}

}  // namespace tutti
