// The exports about sockets: what comes in goes to the scratch block or straight into a blob, what
// goes out is read where it lies.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "binding/thread_state.h"

namespace tutti {

namespace {

// Of one value, in or out, before the other clients of the thread have their turn.
constexpr size_t kTurnBytesMax = kMiB;

SocketSet& sockets() {
  SocketSet* const set = this_thread().sockets;
  TUTTI_CHECK(set != nullptr);  // attachThread was given a second function
  return *set;
}

// --- one socket ---

bool SetKeepAlive(int fd, int seconds) {
  const int is_on = seconds > 0 ? 1 : 0;
  if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &is_on, sizeof is_on) != 0) return false;
  if (!is_on) return true;
  // Three probes, a third of the time apart, as Redis sends them.
  const int interval = std::max(seconds / 3, 1), count = 3;
  return setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds) == 0 &&
         setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval) == 0 &&
         setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count) == 0;
}

napi_value SocketOpen(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  const int fd = in.Int(0), keep_alive_seconds = in.Int(1);
  // A client that has gone already is found by the first read; a Unix socket has neither option.
  const int is_on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &is_on, sizeof is_on);
  if (keep_alive_seconds > 0) SetKeepAlive(fd, keep_alive_seconds);
  return ToJs(env, sockets().Add(fd));
}

napi_value SocketKeepAlive(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  SetKeepAlive(sockets().At(in.Int(0)).fd, in.Int(1));
  return kUndefined;
}

napi_value SocketWatch(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  sockets().Watch(in.Int(0), in.Int(1));
  return kUndefined;
}

napi_value SocketClose(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  sockets().Close(in.Int(0));
  return kUndefined;
}

// --- in ---

int64_t Receive(int fd, void* to, size_t bytes_max) {
  ssize_t received;
  do {
    received = recv(fd, to, bytes_max, MSG_DONTWAIT);
  } while (received < 0 && errno == EINTR);
  return received >= 0 ? received : -errno;
}

napi_value SocketRead(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env,
              Receive(sockets().At(in.Int(0)).fd, this_thread().blocks->scratch, kScratchBytes));
}

napi_value SocketReadBlob(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  ThreadState& thread = this_thread();
  const int fd = sockets().At(in.Int(0)).fd;
  IncomingBlob& blob = thread.blobs.At(in.Int(1));
  IncomingBlob::Target target = blob.NextTarget(kTurnBytesMax);
  if (target.bytes == 0) {  // refused: read and thrown away
    target = {thread.blocks->scratch, std::min(kScratchBytes, blob.announced() - blob.received())};
  }
  const int64_t received = Receive(fd, target.data, target.bytes);
  if (received > 0) blob.Received(static_cast<size_t>(received));
  return ToJs(env, received);
}

// --- out ---

// What `send_with` answers with these flags: bytes, 0 if it would wait, -errno.
template <typename SendWith>
int64_t SendNow(bool more, SendWith send_with) {
  const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
  ssize_t sent;
  do {
    sent = send_with(flags);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return sent;
  return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
}

int64_t SendParts(int fd, iovec* parts, size_t part_count, bool more) {
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = part_count;
  return SendNow(more, [&](int flags) { return sendmsg(fd, &message, flags); });
}

// One part, without what sendmsg() does for several.
int64_t SendBytes(int fd, const uint8_t* bytes, size_t count, bool more) {
  return SendNow(more, [&](int flags) { return send(fd, bytes, count, flags); });
}

const uint8_t* OutBytes(int64_t start, int64_t end) {
  TUTTI_CHECK(start >= 0 && start <= end && end <= static_cast<int64_t>(kOutBytes));
  return this_thread().blocks->out + start;
}

napi_value SocketSend(napi_env env, napi_callback_info info) {
  const Arguments<4> in(env, info);
  const int64_t start = in.Int(1), end = in.Int(2);
  return ToJs(env, SendBytes(sockets().ToSend(in.Int(0)).fd, OutBytes(start, end),
                             static_cast<size_t>(end - start), in.Int(3) != 0));
}

napi_value SocketSendBlob(napi_env env, napi_callback_info info) {
  const Arguments<5> in(env, info);
  const int64_t start = in.Int(1), end = in.Int(2), offset = in.Int64(4);
  const Held& blob = this_thread().replies.At(in.Int(3));
  TUTTI_CHECK(offset >= 0 && static_cast<size_t>(offset) <= blob.bytes);
  iovec parts[2] = {{const_cast<uint8_t*>(OutBytes(start, end)), static_cast<size_t>(end - start)},
                    {const_cast<uint8_t*>(blob.data) + offset,
                     std::min(kTurnBytesMax, blob.bytes - static_cast<size_t>(offset))}};
  // The end of the bulk string follows, or the rest of the blob.
  return ToJs(env, SendParts(sockets().ToSend(in.Int(0)).fd, parts, 2, true));
}

napi_value SocketSendBlock(napi_env env, napi_callback_info info) {
  const Arguments<4> in(env, info);
  void* block = nullptr;
  size_t block_bytes = 0;
  napi_typedarray_type type;
  TUTTI_CHECK(napi_get_typedarray_info(env, in[1], &type, &block_bytes, &block, nullptr, nullptr) ==
              napi_ok);
  const int64_t start = in.Int64(2), end = in.Int64(3);
  TUTTI_CHECK(start >= 0 && start <= end && static_cast<size_t>(end) <= block_bytes);
  return ToJs(env, SendBytes(sockets().ToSend(in.Int(0)).fd, static_cast<uint8_t*>(block) + start,
                             static_cast<size_t>(end - start), false));
}

napi_value SocketSendMany(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  SocketSet& set = sockets();
  const auto count = static_cast<size_t>(in.Int(0));
  TUTTI_CHECK(count <= kSendsMax);
  int32_t* const sends = this_thread().blocks->sends;
  int64_t unsent_count = 0;
  for (size_t i = 0; i < count; i++) {
    auto& [slot, start, end] = *reinterpret_cast<int32_t (*)[3]>(sends + 3 * i);
    SocketSet::Socket& socket = set.ToSend(slot);
    const int64_t sent = socket.is_blocked ? 0
                                           : SendBytes(socket.fd, OutBytes(start, end),
                                                       static_cast<size_t>(end - start), false);
    if (sent == end - start) {
      start = end;
      continue;
    }
    socket.is_blocked = true;
    unsent_count++;
    start = static_cast<int32_t>(sent < 0 ? sent : start + sent);
  }
  if (unsent_count > 0) {
    for (size_t i = 0; i < count; i++) set.At(sends[3 * i]).is_blocked = false;
  }
  return ToJs(env, unsent_count);
}

}  // namespace

std::span<const Export> SocketExports() {
  static constexpr Export exports[] = {
      {"socketOpen", SocketOpen},           {"socketKeepAlive", SocketKeepAlive},
      {"socketWatch", SocketWatch},         {"socketClose", SocketClose},
      {"socketRead", SocketRead},           {"socketReadBlob", SocketReadBlob},
      {"socketSend", SocketSend},           {"socketSendBlob", SocketSendBlob},
      {"socketSendBlock", SocketSendBlock}, {"socketSendMany", SocketSendMany},
  };
  return exports;
}

}  // namespace tutti
