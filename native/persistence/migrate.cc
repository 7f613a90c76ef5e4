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
#include <chrono>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
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
  Peer() = default;
  ~Peer() {
    if (fd_ >= 0) close(fd_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void set_timeout(int64_t timeout_ms) {
    timeout_ms_ = static_cast<int>(std::min<int64_t>(timeout_ms, INT32_MAX));
  }

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

  // Whether an address that Connect() tried has answered that nobody listens there.
  bool is_refused() const { return is_refused_; }

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

  bool ConnectTo(const addrinfo& address) {
    if (connect(fd_, address.ai_addr, address.ai_addrlen) == 0) return true;
    if (errno != EINPROGRESS || !Wait(POLLOUT)) return false;
    int error = 0;
    socklen_t bytes = sizeof error;
    if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 && error == 0) return true;
    is_refused_ = true;
    return false;
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

  int timeout_ms_ = 0;
  int fd_ = -1;
  bool is_refused_ = false;  // see is_refused()
  std::string received_;
};

// A key as it is sent: the target has it when it has acknowledged it.
// Connections that are kept for the next migration to the same peer (redis:src/cluster.c has as
// many of them, and for as long).
class KeptPeers {
 public:
  static KeptPeers& Get() {
    static KeptPeers* const peers = new KeptPeers;
    return *peers;
  }

  // Null if there is none.
  std::unique_ptr<Peer> Take(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto found = peers_.find(name);
    if (found == peers_.end()) return nullptr;
    std::unique_ptr<Peer> peer = std::move(found->second.peer);
    peers_.erase(found);
    return peer;
  }

  void Put(const std::string& name, std::unique_ptr<Peer> peer) {
    const std::lock_guard lock(mutex_);
    if (peers_.size() >= kKeptPeersMax) {
      peers_.erase(std::min_element(peers_.begin(), peers_.end(), [](const auto& a, const auto& b) {
        return a.second.since < b.second.since;
      }));
    }
    peers_.emplace(name, Kept{std::move(peer), Clock::now()});
  }

  int64_t CloseIdle() {
    const std::lock_guard lock(mutex_);
    const auto idle_since = Clock::now() - kKeptPeerTime;
    std::erase_if(peers_, [&](const auto& kept) { return kept.second.since < idle_since; });
    return static_cast<int64_t>(peers_.size());
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Kept {
    std::unique_ptr<Peer> peer;
    Clock::time_point since;
  };

  std::mutex mutex_;  // guards everything below
  // Two migrations at a time may leave two to one peer.
  std::multimap<std::string, Kept> peers_;
};

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
  explicit Mover(const Migration& migration) : migration_(migration) {}

  Status Move() {
    std::vector<std::string_view> keys;
    for (const std::string& key : migration_.keys) {
      if (Find(migration_.db, key)) keys.push_back(key);
    }
    if (keys.empty()) return Code::kNotFound;
    Status status = Begin();
    bool replaces = migration_.replaces;
    for (int tries = 0; status.ok() && !keys.empty(); ++tries) {
      if (tries == kMigrationTriesMax) {
        return Failed("ERR a key changes too often to be migrated; it is on both sides");
      }
      status = MoveOnce(std::exchange(keys, {}), replaces, &keys);
      // What is sent again is there already, and ours.
      replaces = true;
    }
    // Nothing that it has answered is left unread.
    if (status.ok()) KeptPeers::Get().Put(PeerName(), std::move(peer_));
    return status;
  }

 private:
  // Who has said who it is there is to be met by nobody else.
  std::string PeerName() const {
    std::string name = migration_.host + '\n' + migration_.port;
    for (const auto* word : {&migration_.user, &migration_.password}) {
      name += '\n';
      if (*word) name += "+" + **word;
    }
    return name;
  }

  static bool IsLost(const Status& status) { return status.message().starts_with("IOERR"); }

  // A connection that was kept may be of no use any more: what is said first on it changes nothing.
  Status Begin() {
    peer_ = KeptPeers::Get().Take(PeerName());
    if (peer_) {
      peer_->set_timeout(migration_.timeout_ms);
      Status status = Greet();
      if (!IsLost(status)) return status;
    }
    peer_ = std::make_unique<Peer>();
    peer_->set_timeout(migration_.timeout_ms);
    if (!peer_->Connect(migration_.host, migration_.port)) {
      // Redis takes a refused connection for one, and notices when it writes (7.0,
      // `migrateCommand`).
      if (peer_->is_refused()) return NotWritten();
      return Failed("IOERR error or timeout connecting to the client");
    }
    return Greet();
  }

  static Status NotWritten() { return Failed("IOERR error or timeout writing to target instance"); }
  static Status NotRead() { return Failed("IOERR error or timeout reading to target instance"); }

  Status ReadReply() {
    const auto line = peer_->ReadLine();
    if (!line) return NotRead();
    if (line->empty() || line->front() != '-') return Status::Ok();
    return Failed("ERR Target instance replied with error: " + line->substr(1));
  }

  Status Greet() {
    bool is_sent = true;
    if (migration_.password && migration_.user) {
      is_sent = peer_->Send({"AUTH", *migration_.user, *migration_.password});
    } else if (migration_.password) {
      is_sent = peer_->Send({"AUTH", *migration_.password});
    }
    if (!is_sent || !peer_->Send({"SELECT", std::to_string(migration_.target_db)})) {
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
        const bool is_lost = IsLost(reply);
        if (status.ok()) status = std::move(reply);
        if (is_lost) break;
      } else if (!migration_.copies && !each.is_gone && !DeleteIfSame(migration_.db, each)) {
        changed->push_back(each.key);
      }
    }
    return status;
  }

  Status SendKey(std::string_view key, const std::optional<Found>& found, bool replaces) {
    if (!found) return peer_->Send({"DEL", key}) ? Status::Ok() : NotWritten();
    const Ref<String> payload = Dump(*found->value, migration_.compresses);
    if (!payload) return Failed("OOM command not allowed when used memory > 'maxmemory'.");
    int64_t ttl = 0;
    if (found->expire_at_ms >= 0) {
      ttl = std::max<int64_t>(found->expire_at_ms - UnixTimeMs(), 1);
    }
    const std::string ttl_text = std::to_string(ttl);
    const bool is_sent = replaces
                             ? peer_->Send({"RESTORE", key, ttl_text, payload->view(), "REPLACE"})
                             : peer_->Send({"RESTORE", key, ttl_text, payload->view()});
    return is_sent ? Status::Ok() : NotWritten();
  }

  const Migration& migration_;
  std::unique_ptr<Peer> peer_;
};

}  // namespace

Status Migrate(const Migration& migration) { return Mover(migration).Move(); }

int64_t CloseIdlePeers() { return KeptPeers::Get().CloseIdle(); }

}  // namespace tutti
