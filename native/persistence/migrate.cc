#include "persistence/migrate.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "keyspace/change.h"
#include "keyspace/clock.h"
#include "persistence/dump.h"

namespace tutti {

namespace {

// No line of a status or error is longer; what is has no end that we would wait for.
constexpr size_t kLineBytesMax = 64 * 1024;

Status Failed(std::string line) { return {Code::kFailed, std::move(line)}; }

// A connection whose every step ends after the timeout.
class Peer {
 public:
  explicit Peer(int64_t timeout_ms)
      : timeout_ms_(static_cast<int>(std::min<int64_t>(timeout_ms, INT32_MAX))) {}
  ~Peer() {
    if (fd_ >= 0) close(fd_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  bool Connect(const std::string& host, const std::string& port) {
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), port.c_str(), &wanted, &found) != 0) return false;
    for (const addrinfo* each = found; each && fd_ < 0; each = each->ai_next) {
      fd_ = socket(each->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (fd_ >= 0 && !ConnectTo(*each)) {
        close(fd_);
        fd_ = -1;
      }
    }
    freeaddrinfo(found);
    if (fd_ < 0) return false;
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return true;
  }

  bool Send(std::initializer_list<std::string_view> words) {
    std::string head = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string_view word : words) {
      head += "$" + std::to_string(word.size()) + "\r\n";
      // A large word goes from where it is.
      if (word.size() > kLineBytesMax) {
        if (!SendBytes(head) || !SendBytes(word)) return false;
        head.clear();
      } else {
        head += word;
      }
      head += "\r\n";
    }
    return SendBytes(head);
  }

  // A line without its end; nothing if none comes. Status and error replies have no more.
  std::optional<std::string> ReadLine() {
    for (;;) {
      const size_t end = received_.find("\r\n");
      if (end != std::string::npos) {
        std::string line = received_.substr(0, end);
        received_.erase(0, end + 2);
        return line;
      }
      if (received_.size() > kLineBytesMax || !Wait(POLLIN)) return std::nullopt;
      char bytes[4096];
      const ssize_t count = recv(fd_, bytes, sizeof bytes, 0);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (count <= 0) return std::nullopt;
      received_.append(bytes, static_cast<size_t>(count));
    }
  }

 private:
  bool Wait(short events) const {
    pollfd watched{fd_, events, 0};
    int ready;
    do ready = poll(&watched, 1, timeout_ms_);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
  }

  bool ConnectTo(const addrinfo& address) const {
    if (connect(fd_, address.ai_addr, address.ai_addrlen) == 0) return true;
    if (errno != EINPROGRESS || !Wait(POLLOUT)) return false;
    int error = 0;
    socklen_t bytes = sizeof error;
    return getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 && error == 0;
  }

  bool SendBytes(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count > 0) {
        bytes.remove_prefix(static_cast<size_t>(count));
      } else if (errno != EINTR && (errno != EAGAIN || !Wait(POLLOUT))) {
        return false;
      }
    }
    return true;
  }

  const int timeout_ms_;
  int fd_ = -1;
  std::string received_;
};

// A key as it is sent: the target has it when it has acknowledged it.
struct Sent {
  std::string_view key;
  uint64_t version = 0;
  bool is_gone = false;  // deleted here since it was sent before: it is to be deleted there
};

struct Found {
  Ref<Object> value;
  int64_t expire_at_ms = kNoExpiry;
  uint64_t version = 0;
};

std::optional<Found> Find(int db, std::string_view key) {
  const KeyAddress address = AddressOf(key);
  const StripeLock lock(address.stripe);
  const KeyState state = LookUp(db, address, key);
  if (!state.exists()) return std::nullopt;
  return Found{state.value(), state.entry().expire_at_ms, state.entry().version};
}

// False if the key has changed since, or is gone.
bool DeleteIfSame(int db, const Sent& sent) {
  const KeyAddress address = AddressOf(sent.key);
  Graveyard graveyard;
  const StripeLock lock(address.stripe);
  KeyState state = LookUpForWrite(db, address, sent.key, graveyard);
  if (!state.exists() || state.entry().version != sent.version) return false;
  Commit(state, nullptr, kNoExpiry, {events::kDelete}, graveyard);
  return true;
}

class Mover {
 public:
  explicit Mover(const Migration& migration) : migration_(migration), peer_(migration.timeout_ms) {}

  Status Move() {
    std::vector<std::string_view> keys;
    for (const std::string& key : migration_.keys) {
      if (Find(migration_.db, key)) keys.push_back(key);
    }
    if (keys.empty()) return Code::kNotFound;
    if (!peer_.Connect(migration_.host, migration_.port)) {
      return Failed("IOERR error or timeout connecting to the client");
    }
    Status status = Greet();
    bool replaces = migration_.replaces;
    for (int tries = 0; status.ok() && !keys.empty(); ++tries) {
      if (tries == kMigrationTriesMax) {
        return Failed("ERR a key changes too often to be migrated; it is on both sides");
      }
      status = MoveOnce(std::exchange(keys, {}), replaces, &keys);
      // What is sent again is there already, and ours.
      replaces = true;
    }
    return status;
  }

 private:
  static Status NotWritten() { return Failed("IOERR error or timeout writing to target instance"); }
  static Status NotRead() { return Failed("IOERR error or timeout reading to target instance"); }

  Status ReadReply() {
    const auto line = peer_.ReadLine();
    if (!line) return NotRead();
    if (line->empty() || line->front() != '-') return Status::Ok();
    return Failed("ERR Target instance replied with error: " + line->substr(1));
  }

  Status Greet() {
    bool is_sent = true;
    if (migration_.password && migration_.user) {
      is_sent = peer_.Send({"AUTH", *migration_.user, *migration_.password});
    } else if (migration_.password) {
      is_sent = peer_.Send({"AUTH", *migration_.password});
    }
    if (!is_sent || !peer_.Send({"SELECT", std::to_string(migration_.target_db)})) {
      return NotWritten();
    }
    if (migration_.password) {
      if (Status status = ReadReply(); !status.ok()) return status;
    }
    return ReadReply();
  }

  // Sends all, then reads what became of each. Those that have changed meanwhile are to be sent
  // again.
  Status MoveOnce(const std::vector<std::string_view>& keys, bool replaces,
                  std::vector<std::string_view>* changed) {
    std::vector<Sent> sent;
    for (const std::string_view key : keys) {
      const auto found = Find(migration_.db, key);
      sent.push_back({key, found ? found->version : 0, !found});
      if (Status status = SendKey(key, found, replaces); !status.ok()) return status;
    }
    Status status;
    for (const Sent& each : sent) {
      Status reply = ReadReply();
      if (!reply.ok()) {
        const bool is_lost = reply.message().starts_with("IOERR");
        if (status.ok()) status = std::move(reply);
        if (is_lost) break;
      } else if (!migration_.copies && !each.is_gone && !DeleteIfSame(migration_.db, each)) {
        changed->push_back(each.key);
      }
    }
    return status;
  }

  Status SendKey(std::string_view key, const std::optional<Found>& found, bool replaces) {
    if (!found) return peer_.Send({"DEL", key}) ? Status::Ok() : NotWritten();
    const Ref<String> payload = Dump(*found->value, migration_.compresses);
    if (!payload) return Failed("OOM command not allowed when used memory > 'maxmemory'.");
    int64_t ttl = 0;
    if (found->expire_at_ms >= 0) {
      ttl = std::max<int64_t>(found->expire_at_ms - UnixTimeMs(), 1);
    }
    const std::string ttl_text = std::to_string(ttl);
    const bool is_sent = replaces
                             ? peer_.Send({"RESTORE", key, ttl_text, payload->view(), "REPLACE"})
                             : peer_.Send({"RESTORE", key, ttl_text, payload->view()});
    return is_sent ? Status::Ok() : NotWritten();
  }

  const Migration& migration_;
  Peer peer_;
};

}  // namespace

Status Migrate(const Migration& migration) { return Mover(migration).Move(); }

}  // namespace tutti
