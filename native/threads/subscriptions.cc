#include "threads/subscriptions.h"

#include <algorithm>

#include "core/glob.h"

namespace tutti {

namespace {

const char* const kMessageNames[] = {"message", "pmessage", "smessage"};

void AppendBulk(std::string& to, std::string_view bytes) {
  to += '$';
  to += std::to_string(bytes.size());
  to += "\r\n";
  to += bytes;
  to += "\r\n";
}

// `name` is a pattern, or the channel itself.
Ref<Published> MakeMessage(SubscriptionKind kind, std::string_view name, std::string_view channel,
                           const Payload& payload) {
  auto message = Ref<Published>::Adopt(new Published);
  message->kind = kind;
  message->name = name;
  std::string& head = message->head;
  const bool is_pattern = kind == SubscriptionKind::kPattern;
  head.reserve(64 + name.size() + channel.size() + (payload.owner ? 0 : payload.bytes.size()));
  head += is_pattern ? "4\r\n" : "3\r\n";
  AppendBulk(head, kMessageNames[static_cast<size_t>(kind)]);
  if (is_pattern) AppendBulk(head, name);
  AppendBulk(head, channel);
  if (payload.owner) {
    head += '$';
    head += std::to_string(payload.bytes.size());
    head += "\r\n";
    message->body_owner = payload.owner;
    message->body = payload.bytes;
  } else {
    AppendBulk(head, payload.bytes);
  }
  return message;
}

}  // namespace

Subscriptions& Subscriptions::Get() {
  static Subscriptions* const subscriptions = new Subscriptions;
  return *subscriptions;
}

bool Subscriptions::Client::is_empty() const {
  return std::all_of(std::begin(names), std::end(names),
                     [](const auto& of_kind) { return of_kind.empty(); });
}

const std::shared_ptr<ReceiverThread>& Subscriptions::ThreadAt(
    uint32_t index, const std::shared_ptr<Mailbox>& mailbox) {
  if (index >= threads_.size()) threads_.resize(index + 1);
  std::shared_ptr<ReceiverThread>& thread = threads_[index];
  // A thread that has ended may have left its index to another.
  if (!thread || thread->mailbox != mailbox) {
    thread = std::make_shared<ReceiverThread>();
    thread->mailbox = mailbox;
  }
  return thread;
}

bool Subscriptions::Subscribe(SubscriptionKind kind, Listener listener,
                              const std::shared_ptr<Mailbox>& mailbox, std::string_view name) {
  const std::unique_lock lock(mutex_);
  if (!clients_[listener].names[static_cast<size_t>(kind)].emplace(name).second) return false;
  const auto [entry, is_new] = names(kind).try_emplace(std::string(name));
  if (is_new && kind == SubscriptionKind::kPattern) patterns_.emplace_back(name);
  ThreadPart& part = entry->second[listener.thread_index];
  part.thread = ThreadAt(listener.thread_index, mailbox);
  part.connections.push_back(listener.connection);
  return true;
}

// Takes the listener out of the audience of a name that it has. The lock is held.
void Subscriptions::Leave(SubscriptionKind kind, Listener listener, std::string_view name) {
  const auto entry = names(kind).find(name);
  Audience& audience = entry->second;
  const auto part = audience.find(listener.thread_index);
  std::vector<uint32_t>& connections = part->second.connections;
  connections.erase(std::find(connections.begin(), connections.end(), listener.connection));
  if (!connections.empty()) return;
  audience.erase(part);
  if (!audience.empty()) return;
  if (kind == SubscriptionKind::kPattern) {
    patterns_.erase(std::find(patterns_.begin(), patterns_.end(), name));
  }
  names(kind).erase(entry);
}

bool Subscriptions::Unsubscribe(SubscriptionKind kind, Listener listener, std::string_view name) {
  const std::unique_lock lock(mutex_);
  const auto client = clients_.find(listener);
  if (client == clients_.end()) return false;
  auto& own = client->second.names[static_cast<size_t>(kind)];
  const auto found = own.find(name);
  if (found == own.end()) return false;
  Leave(kind, listener, name);
  own.erase(found);
  if (client->second.is_empty()) clients_.erase(client);
  return true;
}

void Subscriptions::Forget(Listener listener) {
  const std::unique_lock lock(mutex_);
  const auto client = clients_.find(listener);
  if (client == clients_.end()) return;
  for (int kind = 0; kind < kSubscriptionKindCount; ++kind) {
    for (const std::string& name : client->second.names[kind]) {
      Leave(static_cast<SubscriptionKind>(kind), listener, name);
    }
  }
  clients_.erase(client);
}

SubscriptionCounts Subscriptions::CountsOf(Listener listener) const {
  const std::shared_lock lock(mutex_);
  const auto client = clients_.find(listener);
  if (client == clients_.end()) return {};
  const auto count = [&](SubscriptionKind kind) {
    return static_cast<int64_t>(client->second.names[static_cast<size_t>(kind)].size());
  };
  return {count(SubscriptionKind::kChannel), count(SubscriptionKind::kPattern),
          count(SubscriptionKind::kShardChannel)};
}

std::vector<std::string> Subscriptions::NamesOf(SubscriptionKind kind, Listener listener) const {
  const std::shared_lock lock(mutex_);
  const auto client = clients_.find(listener);
  if (client == clients_.end()) return {};
  const auto& own = client->second.names[static_cast<size_t>(kind)];
  return {own.begin(), own.end()};
}

bool Subscriptions::Contains(SubscriptionKind kind, Listener listener,
                             std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto client = clients_.find(listener);
  return client != clients_.end() && client->second.names[static_cast<size_t>(kind)].contains(name);
}

void Subscriptions::EndOverrun(uint32_t thread_index) {
  const std::shared_lock lock(mutex_);
  if (thread_index < threads_.size() && threads_[thread_index]) {
    threads_[thread_index]->is_overrun.store(false, std::memory_order_relaxed);
  }
}

const Subscriptions::Audience* Subscriptions::FindAudience(SubscriptionKind kind,
                                                           std::string_view name) const {
  const auto entry = names(kind).find(name);
  return entry == names(kind).end() ? nullptr : &entry->second;
}

// The locks are held. How many it is sent to.
int64_t Subscriptions::Send(const Ref<Published>& message, const Audience& audience) {
  int64_t receivers = 0;
  for (const auto& [index, part] : audience) {
    receivers += static_cast<int64_t>(part.connections.size());
    ReceiverThread& thread = *part.thread;
    if (thread.is_overrun.load(std::memory_order_relaxed)) continue;
    Message post;
    if (thread.undelivered_bytes.load(std::memory_order_relaxed) > kUndeliveredBytesMax) {
      thread.is_overrun.store(true, std::memory_order_relaxed);
      post.kind = MessageKind::kOverrun;
    } else {
      post.kind = MessageKind::kPublished;
      post.result = Ref<Delivery>::Adopt(new Delivery(message, part.connections, part.thread));
    }
    thread.mailbox->Post(std::move(post));
  }
  return receivers;
}

int64_t Subscriptions::Publish(std::string_view channel, const Payload& payload, bool is_shard) {
  const auto kind = is_shard ? SubscriptionKind::kShardChannel : SubscriptionKind::kChannel;
  const std::shared_lock lock(mutex_);
  const Audience* const audience = FindAudience(kind, channel);
  int64_t receivers = 0;
  std::unique_lock order(order_, std::defer_lock);
  if (audience) {
    order.lock();
    receivers += Send(MakeMessage(kind, channel, channel, payload), *audience);
  }
  if (is_shard) return receivers;
  for (const std::string& pattern : patterns_) {
    if (!MatchesGlob(pattern, channel)) continue;
    if (!order.owns_lock()) order.lock();
    receivers += Send(MakeMessage(SubscriptionKind::kPattern, pattern, channel, payload),
                      *FindAudience(SubscriptionKind::kPattern, pattern));
  }
  return receivers;
}

void Subscriptions::PublishToMonitors(std::string line) {
  const std::shared_lock lock(mutex_);
  const Audience* const audience = FindAudience(SubscriptionKind::kMonitor, {});
  if (!audience) return;
  auto message = Ref<Published>::Adopt(new Published);
  message->kind = SubscriptionKind::kMonitor;
  message->head = std::move(line);
  const std::lock_guard order(order_);
  Send(message, *audience);
}

int64_t Subscriptions::NameCount(SubscriptionKind kind) const {
  const std::shared_lock lock(mutex_);
  return static_cast<int64_t>(names(kind).size());
}

void Subscriptions::ForEachName(SubscriptionKind kind,
                                const std::function<void(std::string_view name)>& visit) const {
  const std::shared_lock lock(mutex_);
  for (const auto& [name, audience] : names(kind)) visit(name);
}

int64_t Subscriptions::ListenerTotal() const {
  const std::shared_lock lock(mutex_);
  return std::count_if(clients_.begin(), clients_.end(), [](const auto& entry) {
    const auto& names = entry.second.names;
    return std::any_of(std::begin(names), std::begin(names) + 3,
                       [](const auto& of_kind) { return !of_kind.empty(); });
  });
}

int64_t Subscriptions::ListenerCount(SubscriptionKind kind, std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const Audience* const audience = FindAudience(kind, name);
  int64_t count = 0;
  if (!audience) return count;
  for (const auto& [index, part] : *audience) {
    count += static_cast<int64_t>(part.connections.size());
  }
  return count;
}

}  // namespace tutti
