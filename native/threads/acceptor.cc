#include "threads/acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>

namespace tutti {

namespace {

constexpr int kAcceptsMax = 128;  // of one listener before the others have their turn
// After accept() found no descriptors or memory.
constexpr std::chrono::milliseconds kPause{100};
constexpr int kEventsMax = 16;

std::string FormatAddress(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.ss_family == AF_INET6) {
    const auto& ip = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &ip.sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(ip.sin6_port));
  }
  const auto& ip = reinterpret_cast<const sockaddr_in&>(address);
  inet_ntop(AF_INET, &ip.sin_addr, text, sizeof text);
  return std::string(text) + ":" + std::to_string(ntohs(ip.sin_port));
}

// Owns a descriptor until it is known that the whole of Listen() succeeds.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int Leave() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

int OpenTcp(const ListenOptions& options, std::string* reason) {
  const bool is_any = options.host.empty() || options.host == "*";
  addrinfo hints{};
  hints.ai_family = is_any ? AF_INET : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(options.port);
  const int lookup =
      getaddrinfo(is_any ? nullptr : options.host.c_str(), port.c_str(), &hints, &found);
  if (lookup != 0) {
    *reason = gai_strerror(lookup);
    // No address at all is another thing than one that this machine does not have.
    return -(lookup == EAI_SYSTEM ? errno : EHOSTUNREACH);
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);

  int error = EADDRNOTAVAIL;
  for (const addrinfo* address = found; address; address = address->ai_next) {
    Descriptor fd(socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    if (fd.get() < 0) {
      error = errno;
      continue;
    }
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // As Redis: `*` and `::*` are two listeners.
    if (address->ai_family == AF_INET6) {
      setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (bind(fd.get(), address->ai_addr, address->ai_addrlen) == 0 &&
        listen(fd.get(), options.backlog) == 0) {
      return fd.Leave();
    }
    error = errno;
  }
  return -error;
}

// Whether a process accepts on this socket file.
bool IsServed(const sockaddr_un& address) {
  const Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return fd.get() >= 0 &&
         (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
          errno == EAGAIN);
}

int OpenUnix(const ListenOptions& options) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (options.path.size() >= sizeof address.sun_path) return -ENAMETOOLONG;
  std::memcpy(address.sun_path, options.path.data(), options.path.size());

  struct stat file{};
  if (lstat(options.path.c_str(), &file) == 0 && S_ISSOCK(file.st_mode) && !IsServed(address)) {
    unlink(options.path.c_str());
  }
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return -errno;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return -errno;
  }
  if ((options.mode != 0 && chmod(options.path.c_str(), options.mode) != 0) ||
      listen(fd.get(), options.backlog) != 0) {
    const int error = errno;
    unlink(options.path.c_str());
    return -error;
  }
  return fd.Leave();
}

}  // namespace

Acceptor& Acceptor::Get() {
  static Acceptor* const acceptor = new Acceptor;
  return *acceptor;
}

Acceptor::Acceptor() : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_fd_ < 0) {
    std::perror("tutti: cannot make the acceptor's epoll descriptor");
    std::abort();
  }
  std::thread([this] { Run(); }).detach();
}

Acceptor::Listening Acceptor::Listen(const ListenOptions& options, std::function<void()> wake) {
  Listening answer;
  const bool is_unix = !options.path.empty();
  answer.address =
      is_unix ? options.path
              : (options.host.empty() ? "*" : options.host) + ":" + std::to_string(options.port);
  const int fd = is_unix ? OpenUnix(options) : OpenTcp(options, &answer.reason);
  if (fd < 0) {
    answer.error = -fd;
    if (answer.reason.empty()) answer.reason = std::strerror(-fd);
    return answer;
  }

  Listener listener;
  listener.fd = fd;
  listener.is_unix = is_unix;
  listener.path = options.path;
  listener.wake = std::move(wake);
  struct stat file{};
  if (is_unix && stat(options.path.c_str(), &file) == 0) {
    listener.device = file.st_dev;
    listener.inode = file.st_ino;
  }
  const std::lock_guard lock(mutex_);
  answer.id = ++last_id_;
  const auto entry = listeners_.emplace(answer.id, std::move(listener)).first;
  Poll(answer.id, entry->second, true);
  return answer;
}

int Acceptor::Port(int id) const {
  const std::lock_guard lock(mutex_);
  const auto found = listeners_.find(id);
  if (found == listeners_.end() || found->second.is_unix) return 0;
  sockaddr_storage address{};
  socklen_t address_bytes = sizeof address;
  getsockname(found->second.fd, reinterpret_cast<sockaddr*>(&address), &address_bytes);
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

void Acceptor::Take(int id, std::vector<Accepted>* into) {
  into->clear();
  const std::lock_guard lock(mutex_);
  const auto found = listeners_.find(id);
  if (found != listeners_.end()) into->swap(found->second.accepted);
}

void Acceptor::Close(int id) {
  const std::lock_guard lock(mutex_);
  const auto found = listeners_.find(id);
  if (found == listeners_.end()) return;
  Listener& listener = found->second;
  if (!listener.is_paused) Poll(id, listener, false);
  close(listener.fd);
  for (const Accepted& accepted : listener.accepted) {
    if (accepted.fd >= 0) close(accepted.fd);
  }
  struct stat file{};
  if (listener.is_unix && stat(listener.path.c_str(), &file) == 0 &&
      file.st_dev == listener.device && file.st_ino == listener.inode) {
    unlink(listener.path.c_str());
  }
  listeners_.erase(found);
}

void Acceptor::Poll(int id, const Listener& listener, bool is_on) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = static_cast<uint64_t>(id);
  epoll_ctl(epoll_fd_, is_on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener.fd, &event);
}

bool Acceptor::AcceptSome(Listener& listener) {
  const bool was_empty = listener.accepted.empty();
  for (int i = 0; i < kAcceptsMax; i++) {
    sockaddr_storage address{};
    socklen_t address_bytes = sizeof address;
    const int fd = accept4(listener.fd, reinterpret_cast<sockaddr*>(&address), &address_bytes,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      // What is wrong with one connection is no reason to stop (accept(2), "Error handling").
      if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO || errno == EPERM) continue;
      if (errno == EAGAIN) break;
      if (!listener.is_failing) listener.accepted.push_back({-errno, {}, {}, listener.is_unix});
      listener.is_failing = true;
      listener.is_paused = true;
      break;
    }
    listener.is_failing = false;
    Accepted accepted{fd, {}, {}, listener.is_unix};
    if (listener.is_unix) {
      accepted.address = accepted.local_address = listener.path + ":0";
    } else {
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      accepted.address = FormatAddress(address);
      address_bytes = sizeof address;
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &address_bytes);
      accepted.local_address = FormatAddress(address);
    }
    listener.accepted.push_back(std::move(accepted));
  }
  return was_empty && !listener.accepted.empty();
}

void Acceptor::Run() {
  using Clock = std::chrono::steady_clock;
  epoll_event events[kEventsMax];
  bool is_any_paused = false;
  Clock::time_point resume_at;
  std::vector<std::function<void()>> wakes;
  for (;;) {
    const int wait_ms = is_any_paused ? static_cast<int>(kPause.count()) : -1;
    const int count = epoll_wait(epoll_fd_, events, kEventsMax, wait_ms);
    {
      const std::lock_guard lock(mutex_);
      for (int i = 0; i < count; i++) {
        const int id = static_cast<int>(events[i].data.u64);
        const auto found = listeners_.find(id);
        if (found == listeners_.end()) continue;
        Listener& listener = found->second;
        if (AcceptSome(listener)) wakes.push_back(listener.wake);
        if (listener.is_paused) {
          Poll(id, listener, false);
          if (!is_any_paused) resume_at = Clock::now() + kPause;
          is_any_paused = true;
        }
      }
      if (is_any_paused && Clock::now() >= resume_at) {
        for (auto& [id, listener] : listeners_) {
          if (listener.is_paused) Poll(id, listener, true);
          listener.is_paused = false;
        }
        is_any_paused = false;
      }
    }
    for (const auto& wake : wakes) wake();
    wakes.clear();
  }
}

}  // namespace tutti
