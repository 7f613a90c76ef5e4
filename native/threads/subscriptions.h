// Who listens to which channel, over all threads, and the messages on their way there.
//
// A message is framed once and posted once to each thread that has receivers, with the connections
// that are to get it: who subscribes later gets nothing of it. All messages have one order, the
// same for all receivers.
//
// Threads: Subscribe() and Unsubscribe() of a client from the thread that serves it; everything
// else from any thread, also one that holds stripes.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/object.h"
#include "core/units.h"
#include "threads/mailbox.h"

namespace tutti {

// Values are part of the binding's interface (lib/engine/event-exports.ts, `subscriptionKinds`).
enum class SubscriptionKind : int { kChannel = 0, kPattern = 1, kShardChannel = 2, kMonitor = 3 };
inline constexpr int kSubscriptionKindCount = 4;

// Messages that a thread has not delivered yet. Beyond it, its listeners are closed, as clients
// are that do not read.
inline constexpr int64_t kUndeliveredBytesMax = 256 * int64_t{kMiB};

// What listeners are sent.
class Published final : public Object {
 public:
  Published() : Object(ObjectKind::kNone) {}

  SubscriptionKind kind = SubscriptionKind::kChannel;
  std::string name;  // what its receivers have subscribed to
  // All of it behind its first byte, which is that of an array in RESP2 and of a push in RESP3;
  // a monitor's line has its first byte too. Up to the payload's bytes if that is `body`.
  std::string head;
  // A large payload, sent from its own memory; CR and LF follow.
  Ref<Object> body_owner;
  std::string_view body;

  int64_t bytes() const { return static_cast<int64_t>(head.size() + body.size()); }
};

struct Payload {
  std::string_view bytes;
  Ref<Object> owner;  // if not null, it keeps `bytes` alive, and they are not copied
};

// A thread as publishers see it.
struct ReceiverThread {
  std::shared_ptr<Mailbox> mailbox;
  std::atomic<int64_t> undelivered_bytes{0};
  std::atomic<bool> is_overrun{false};  // its listeners are being closed, and get nothing
};

// One thread's part of a message, as the result of MessageKind::kPublished. It counts as
// undelivered as long as it lives.
class Delivery final : public Object {
 public:
  Delivery(Ref<Published> what, std::vector<uint32_t> to, std::shared_ptr<ReceiverThread> where)
      : Object(ObjectKind::kNone),
        message(std::move(what)),
        connections(std::move(to)),
        thread_(std::move(where)) {
    thread_->undelivered_bytes.fetch_add(message->bytes(), std::memory_order_relaxed);
  }

  const Ref<Published> message;
  const std::vector<uint32_t> connections;

 private:
  ~Delivery() override {
    thread_->undelivered_bytes.fetch_sub(message->bytes(), std::memory_order_relaxed);
  }
  const std::shared_ptr<ReceiverThread> thread_;
};

// A connection of a thread.
struct Listener {
  uint32_t thread_index = 0;
  uint32_t connection = 0;
  auto operator<=>(const Listener&) const = default;
};

struct SubscriptionCounts {
  int64_t channels = 0, patterns = 0, shard_channels = 0;
};

class Subscriptions {
 public:
  static Subscriptions& Get();  // the process', never destroyed

  // False if it was so already. `mailbox` is that of the listener's thread.
  bool Subscribe(SubscriptionKind kind, Listener listener, const std::shared_ptr<Mailbox>& mailbox,
                 std::string_view name);
  bool Unsubscribe(SubscriptionKind kind, Listener listener, std::string_view name);
  // The client has gone, or begins anew.
  void Forget(Listener listener);
  SubscriptionCounts CountsOf(Listener listener) const;
  std::vector<std::string> NamesOf(SubscriptionKind kind, Listener listener) const;
  bool Contains(SubscriptionKind kind, Listener listener, std::string_view name) const;
  // The thread has closed the listeners that kUndeliveredBytesMax has cost.
  void EndOverrun(uint32_t thread_index);

  // How many are sent it: who listens to the channel, and, unless it is one of a shard, once more
  // for each of its patterns that match.
  int64_t Publish(std::string_view channel, const Payload& payload, bool is_shard);
  void PublishToMonitors(std::string line);

  // Channels or patterns that have listeners; numbers of listeners.
  int64_t NameCount(SubscriptionKind kind) const;
  void ForEachName(SubscriptionKind kind,
                   const std::function<void(std::string_view name)>& visit) const;
  // Clients that listen to anything but as monitors.
  int64_t ListenerTotal() const;
  int64_t ListenerCount(SubscriptionKind kind, std::string_view name) const;

 private:
  struct ThreadPart {
    std::shared_ptr<ReceiverThread> thread;
    std::vector<uint32_t> connections;
  };
  // By thread; the others are empty.
  using Audience = std::map<uint32_t, ThreadPart>;
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Names = std::unordered_map<std::string, Audience, Hash, std::equal_to<>>;
  struct Client {
    std::set<std::string, std::less<>> names[kSubscriptionKindCount];
    bool is_empty() const;
  };

  Names& names(SubscriptionKind kind) { return names_[static_cast<size_t>(kind)]; }
  const Names& names(SubscriptionKind kind) const { return names_[static_cast<size_t>(kind)]; }
  const Audience* FindAudience(SubscriptionKind kind, std::string_view name) const;
  const std::shared_ptr<ReceiverThread>& ThreadAt(uint32_t index,
                                                  const std::shared_ptr<Mailbox>& mailbox);
  void Leave(SubscriptionKind kind, Listener listener, std::string_view name);
  int64_t Send(const Ref<Published>& message, const Audience& audience);

  mutable std::shared_mutex mutex_;  // guards everything below
  Names names_[kSubscriptionKindCount];
  std::vector<std::string> patterns_;  // in the order of their coming
  std::map<Listener, Client> clients_;
  std::vector<std::shared_ptr<ReceiverThread>> threads_;

  std::mutex order_;  // one message at a time; taken after mutex_
};

}  // namespace tutti
