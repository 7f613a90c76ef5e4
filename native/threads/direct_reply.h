// The reply `OK` of a command that waits, sent by the thread that has done the work: the I/O thread
// would have to be woken for it, and its code to come back into the caches, which takes 0.1 to 0.2
// ms after a run of a few milliseconds. It still gets its message, and does the rest then.
//
// Threads: Send() from any; the others from the one that owns the socket.
#pragma once

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <string_view>
#include <thread>

namespace tutti {

// Of one wait of one connection.
class DirectReply {
 public:
  // `fd` is a connected socket to which the owner has nothing to send.
  explicit DirectReply(int fd) : fd_(fd) {}
  DirectReply(const DirectReply&) = delete;
  DirectReply& operator=(const DirectReply&) = delete;

  // From here on the socket is the owner's alone; waits for a call of send() that goes on.
  void Revoke() {
    State expected = State::kGranted;
    if (state_.compare_exchange_strong(expected, State::kRevoked)) return;
    while (state_.load(std::memory_order_acquire) == State::kSending) std::this_thread::yield();
  }

  // True if the reply is out. False if the owner is to send it: it has revoked the right, or the
  // kernel might not take the whole of it.
  bool Send(std::string_view reply) {
    State expected = State::kGranted;
    if (!state_.compare_exchange_strong(expected, State::kSending)) return false;
    int unsent_bytes = 0;
    const bool is_sent = ioctl(fd_, SIOCOUTQ, &unsent_bytes) == 0 && unsent_bytes == 0 &&
                         send(fd_, reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
                             static_cast<ssize_t>(reply.size());
    state_.store(State::kRevoked, std::memory_order_release);
    return is_sent;
  }

 private:
  enum class State : uint8_t { kGranted, kSending, kRevoked };
  const int fd_;
  std::atomic<State> state_{State::kGranted};
};

}  // namespace tutti
