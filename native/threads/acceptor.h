// Listens and accepts on one thread of its own, and hands connections over as raw descriptors.
//
// Threads: any method from any thread. `wake` is called from the accepting thread, no lock held,
// when a listener's queue turns from empty to non-empty; the owner then calls Take().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace tutti {

struct ListenOptions {
  std::string host;  // an address or a name; `*` or empty: all IPv4 addresses
  uint16_t port = 0;
  int backlog = 511;
  std::string path;   // of a Unix socket; if set, host and port mean nothing
  uint32_t mode = 0;  // of the socket file; 0 leaves what the umask gives
};

// `fd` is the receiver's to close. Negative: accepting failed with -errno, and is tried again
// after a pause; `address` is empty. Told once until it succeeds again.
struct Accepted {
  int fd = -1;
  std::string address, local_address;  // "ip:port", "[ip]:port", "path:0"
  bool is_unix = false;
};

class Acceptor {
 public:
  static Acceptor& Get();  // never destroyed

  struct Listening {
    int id = 0;           // from 1 on
    int error = 0;        // an errno, or 0; then there is no listener
    std::string address;  // what was to be listened on
    std::string reason;   // of the error, for people
  };
  // A socket file that nobody listens on is removed first; it goes with Close().
  Listening Listen(const ListenOptions& options, std::function<void()> wake);
  // 0 for a Unix socket.
  int Port(int id) const;
  // Moves what was accepted to `into`.
  void Take(int id, std::vector<Accepted>* into);
  // Descriptors that were not taken are closed.
  void Close(int id);

 private:
  struct Listener {
    int fd = -1;
    bool is_unix = false;
    std::string path;                // of the socket file
    uint64_t device = 0, inode = 0;  // of the socket file: another's is not removed
    bool is_paused = false;          // no descriptors left: not polled for a while
    bool is_failing = false;
    std::vector<Accepted> accepted;
    std::function<void()> wake;
  };

  Acceptor();
  void Run();
  bool AcceptSome(Listener& listener);  // whether its queue turned non-empty
  void Poll(int id, const Listener& listener, bool is_on);

  const int epoll_fd_;
  mutable std::mutex mutex_;  // guards everything below
  std::map<int, Listener> listeners_;
  int last_id_ = 0;
};

}  // namespace tutti
