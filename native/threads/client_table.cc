#include "threads/client_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

namespace tutti {

namespace {

// Where each text begins: its length in two bytes, then its bytes, padded to whole words.
constexpr size_t TextWords(size_t which) { return (kClientTextBytesMax[which] + 2 + 7) / 8; }
constexpr std::array<size_t, kClientTextCount + 1> MakeTextBegins() {
  std::array<size_t, kClientTextCount + 1> begins{};
  for (size_t i = 0; i < kClientTextCount; i++) begins[i + 1] = begins[i] + TextWords(i);
  return begins;
}
constexpr auto kTextBegins = MakeTextBegins();
constexpr size_t kTextWordCount = kTextBegins[kClientTextCount];
constexpr size_t kTextBytesMax = 256;

// A record that changes under the reader this often is left out of one listing.
constexpr int kReadAttemptsMax = 1000;

// Of a client that is on its way out: what it takes is as good as free.
constexpr int64_t kNotCounted = -1;

template <typename T>
void Store(std::atomic<T>& to, T value) {
  to.store(value, std::memory_order_relaxed);
}
template <typename T>
T Load(const std::atomic<T>& from) {
  return from.load(std::memory_order_relaxed);
}

}  // namespace

// Mapped memory is zero: a record never used has id 0.
struct alignas(64) ClientTable::Record {
  std::atomic<uint32_t> guard;  // odd while texts or identity change
  std::atomic<uint64_t> id;     // 0: free
  std::atomic<uint32_t> thread_index, connection;
  std::atomic<int32_t> fd;
  std::atomic<bool> is_killed;  // on its way out: not listed
  std::atomic<int64_t> created_ms, last_seen_ms;
  std::atomic<int32_t> db, resp, multi_count, watch_count;
  std::atomic<int32_t> channel_count, pattern_count, shard_channel_count;
  std::atomic<int64_t> query_bytes, query_unused_bytes, argument_bytes, multi_bytes;
  std::atomic<int64_t> reply_block_bytes, reply_peak_bytes, output_bytes;
  std::atomic<int32_t> output_count;
  std::atomic<int64_t> memory_bytes;
  std::atomic<bool> is_evictable;
  std::atomic<int64_t> counted_bytes;  // what of evictable_bytes() is this client's
  std::array<std::atomic<uint64_t>, kTextWordCount> texts;

  ClientOwner owner() const { return {Load(thread_index), Load(connection)}; }

  // The guard: an odd store before, an even one after. Stores in between release and loads in
  // between acquire, which orders them against the guard without fences (TSan knows none).
  void BeginChange() { Store(guard, Load(guard) + 1); }
  void EndChange() { guard.store(Load(guard) + 1, std::memory_order_release); }

  void WriteText(size_t which, std::string_view text) {
    char bytes[kTextBytesMax] = {};
    const uint16_t count = std::min<size_t>(text.size(), kClientTextBytesMax[which]);
    std::memcpy(bytes, &count, 2);
    if (count > 0) std::memcpy(bytes + 2, text.data(), count);
    for (size_t i = 0; i < TextWords(which); i++) {
      uint64_t word;
      std::memcpy(&word, bytes + i * 8, 8);
      texts[kTextBegins[which] + i].store(word, std::memory_order_release);
      if ((i + 1) * 8 >= size_t{2} + count) break;  // the rest is not read
    }
  }

  std::string ReadText(size_t which) const {
    char bytes[kTextBytesMax];
    uint16_t count = 0;
    for (size_t i = 0; i < TextWords(which); i++) {
      const uint64_t word = texts[kTextBegins[which] + i].load(std::memory_order_acquire);
      std::memcpy(bytes + i * 8, &word, 8);
      if (i == 0) std::memcpy(&count, bytes, 2);
      if ((i + 1) * 8 >= size_t{2} + count) break;
    }
    // A torn read can hold any length; the guard will discard it.
    return {bytes + 2, std::min<size_t>(count, kClientTextBytesMax[which])};
  }

  ClientProgress ReadProgress() const {
    ClientProgress progress;
    progress.last_seen_ms = Load(last_seen_ms);
    progress.db = Load(db);
    progress.resp = Load(resp);
    progress.multi_count = Load(multi_count);
    progress.watch_count = Load(watch_count);
    progress.channel_count = Load(channel_count);
    progress.pattern_count = Load(pattern_count);
    progress.shard_channel_count = Load(shard_channel_count);
    progress.query_bytes = Load(query_bytes);
    progress.query_unused_bytes = Load(query_unused_bytes);
    progress.argument_bytes = Load(argument_bytes);
    progress.multi_bytes = Load(multi_bytes);
    progress.reply_block_bytes = Load(reply_block_bytes);
    progress.reply_peak_bytes = Load(reply_peak_bytes);
    progress.output_bytes = Load(output_bytes);
    progress.output_count = Load(output_count);
    progress.memory_bytes = Load(memory_bytes);
    progress.is_evictable = Load(is_evictable);
    return progress;
  }

  bool Read(ClientSnapshot* into) const {
    for (int attempt = 0; attempt < kReadAttemptsMax; attempt++) {
      const uint32_t before = guard.load(std::memory_order_acquire);
      if (before % 2 == 1) continue;
      into->id = id.load(std::memory_order_acquire);
      if (into->id == 0) return false;
      into->owner = {thread_index.load(std::memory_order_acquire),
                     connection.load(std::memory_order_acquire)};
      into->fd = fd.load(std::memory_order_acquire);
      into->created_ms = created_ms.load(std::memory_order_acquire);
      into->progress = ReadProgress();
      for (size_t i = 0; i < kClientTextCount; i++) into->texts[i] = ReadText(i);
      if (Load(guard) == before) return true;
    }
    return false;
  }
};

ClientTable& ClientTable::Get() {
  static ClientTable* const table = new ClientTable(kClientsMax);
  return *table;
}

ClientTable::ClientTable(size_t capacity) : capacity_(capacity) {
  void* const memory = mmap(nullptr, capacity * sizeof(Record), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("tutti: cannot reserve the client table");
    std::abort();
  }
  records_ = static_cast<Record*>(memory);
}

ClientTable::~ClientTable() { munmap(static_cast<void*>(records_), capacity_ * sizeof(Record)); }

ClientTable::Record& ClientTable::record(uint32_t slot) const {
  if (slot >= capacity_) {
    std::fprintf(stderr, "tutti: client slot %u of %zu\n", slot, capacity_);
    std::abort();
  }
  return records_[slot];
}

std::optional<ClientTable::Opened> ClientTable::Open(const ClientIdentity& identity, int64_t now_ms,
                                                     size_t clients_max) {
  const std::lock_guard lock(mutex_);
  if (slot_by_id_.size() >= std::min(clients_max, capacity_)) return std::nullopt;
  uint32_t slot;
  if (free_.empty()) {
    slot = Load(used_end_);
    used_end_.store(slot + 1, std::memory_order_release);
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  const uint64_t id = ++last_id_;
  slot_by_id_.emplace(id, slot);
  Store(count_, slot_by_id_.size());

  Record& record = this->record(slot);
  record.BeginChange();
  record.is_killed.store(false, std::memory_order_release);
  Store(record.counted_bytes, int64_t{0});
  record.id.store(id, std::memory_order_release);
  record.thread_index.store(identity.owner.thread_index, std::memory_order_release);
  record.connection.store(identity.owner.connection, std::memory_order_release);
  record.fd.store(identity.fd, std::memory_order_release);
  record.created_ms.store(now_ms, std::memory_order_release);
  ClientProgress progress;
  progress.last_seen_ms = now_ms;
  Update(slot, progress);
  for (size_t i = 0; i < kClientTextCount; i++) record.WriteText(i, {});
  record.WriteText(static_cast<size_t>(ClientText::kAddress), identity.address);
  record.WriteText(static_cast<size_t>(ClientText::kLocalAddress), identity.local_address);
  record.WriteText(static_cast<size_t>(ClientText::kFlags), identity.flags);
  record.WriteText(static_cast<size_t>(ClientText::kUser), "default");
  record.EndChange();
  return Opened{id, slot};
}

void ClientTable::Close(uint32_t slot) {
  const std::lock_guard lock(mutex_);
  Record& record = this->record(slot);
  slot_by_id_.erase(Load(record.id));
  Count(record, kNotCounted);
  record.BeginChange();
  record.id.store(0, std::memory_order_release);
  record.EndChange();
  free_.push_back(slot);
  Store(count_, slot_by_id_.size());
}

void ClientTable::Update(uint32_t slot, const ClientProgress& progress) {
  Record& record = this->record(slot);
  record.last_seen_ms.store(progress.last_seen_ms, std::memory_order_release);
  record.db.store(progress.db, std::memory_order_release);
  record.resp.store(progress.resp, std::memory_order_release);
  record.multi_count.store(progress.multi_count, std::memory_order_release);
  record.watch_count.store(progress.watch_count, std::memory_order_release);
  record.channel_count.store(progress.channel_count, std::memory_order_release);
  record.pattern_count.store(progress.pattern_count, std::memory_order_release);
  record.shard_channel_count.store(progress.shard_channel_count, std::memory_order_release);
  record.query_bytes.store(progress.query_bytes, std::memory_order_release);
  record.query_unused_bytes.store(progress.query_unused_bytes, std::memory_order_release);
  record.argument_bytes.store(progress.argument_bytes, std::memory_order_release);
  record.multi_bytes.store(progress.multi_bytes, std::memory_order_release);
  record.reply_block_bytes.store(progress.reply_block_bytes, std::memory_order_release);
  record.reply_peak_bytes.store(progress.reply_peak_bytes, std::memory_order_release);
  record.output_bytes.store(progress.output_bytes, std::memory_order_release);
  record.output_count.store(progress.output_count, std::memory_order_release);
  record.memory_bytes.store(progress.memory_bytes, std::memory_order_release);
  record.is_evictable.store(progress.is_evictable, std::memory_order_release);
  Count(record, progress.is_evictable ? progress.memory_bytes : 0);
}

void ClientTable::Count(Record& record, int64_t bytes) {
  // The owner counts what changes; whoever kills the client takes it out, once and for all.
  int64_t before = Load(record.counted_bytes);
  while (before != kNotCounted &&
         !record.counted_bytes.compare_exchange_weak(before, bytes, std::memory_order_relaxed)) {
  }
  if (before == kNotCounted) return;
  evictable_bytes_.fetch_add(std::max<int64_t>(bytes, 0) - before, std::memory_order_relaxed);
}

void ClientTable::SetText(uint32_t slot, ClientText which, std::string_view text) {
  Record& record = this->record(slot);
  record.BeginChange();
  record.WriteText(static_cast<size_t>(which), text);
  record.EndChange();
}

ClientSnapshot ClientTable::Snapshot(uint32_t slot) const {
  ClientSnapshot client;
  this->record(slot).Read(&client);
  return client;
}

std::vector<ClientSnapshot> ClientTable::List() const {
  std::vector<ClientSnapshot> clients;
  clients.reserve(count());
  const uint32_t used_end = used_end_.load(std::memory_order_acquire);
  for (uint32_t slot = 0; slot < used_end; slot++) {
    ClientSnapshot client;
    if (records_[slot].is_killed.load(std::memory_order_acquire)) continue;
    if (records_[slot].Read(&client)) clients.push_back(std::move(client));
  }
  std::sort(clients.begin(), clients.end(),
            [](const ClientSnapshot& a, const ClientSnapshot& b) { return a.id < b.id; });
  return clients;
}

ClientTable::Record* ClientTable::FindRecord(uint64_t id) const {
  const auto found = slot_by_id_.find(id);
  return found == slot_by_id_.end() ? nullptr : &this->record(found->second);
}

ClientOwner ClientTable::KillRecord(Record& record) {
  record.is_killed.store(true, std::memory_order_release);
  Count(record, kNotCounted);
  return record.owner();
}

std::optional<ClientOwner> ClientTable::Kill(uint64_t id) {
  const std::lock_guard lock(mutex_);
  Record* const record = FindRecord(id);
  if (!record) return std::nullopt;
  return KillRecord(*record);
}

std::vector<ClientTable::Evicted> ClientTable::EvictLargest(int64_t max_bytes) {
  const std::lock_guard lock(mutex_);
  std::vector<Evicted> evicted;
  if (evictable_bytes() <= max_bytes) return evicted;
  std::vector<std::pair<int64_t, uint64_t>> by_size;
  for (const auto& [id, slot] : slot_by_id_) {
    const int64_t bytes = Load(this->record(slot).counted_bytes);
    if (bytes > 0) by_size.emplace_back(bytes, id);
  }
  std::sort(by_size.begin(), by_size.end(), std::greater<>());
  for (const auto& [bytes, id] : by_size) {
    if (evictable_bytes() <= max_bytes) break;
    evicted.push_back({id, KillRecord(*FindRecord(id))});
  }
  evicted_count_.fetch_add(static_cast<int64_t>(evicted.size()), std::memory_order_relaxed);
  return evicted;
}

std::optional<ClientOwner> ClientTable::Find(uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const Record* const record = FindRecord(id);
  if (!record) return std::nullopt;
  return record->owner();
}

}  // namespace tutti
