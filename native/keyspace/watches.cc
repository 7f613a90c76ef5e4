#include "keyspace/watches.h"

#include "keyspace/commit.h"
#include "keyspace/stripe.h"

namespace tutti {

void StripeWatches::Remove(int db, uint64_t order) {
  const auto found = watches_.find({db, order});
  if (found != watches_.end() && --found->second.watcher_count == 0) watches_.erase(found);
}

void StripeWatches::NoteNew(int db, uint64_t order) {
  const auto found = watches_.find({db, order});
  if (found != watches_.end()) found->second.absent_version = NextVersion();
}

uint64_t StripeWatches::AbsentVersion(int db, uint64_t order) const {
  const auto found = watches_.find({db, order});
  return found == watches_.end() ? 0 : found->second.absent_version;
}

uint64_t VersionUnderLock(int db, const KeyAddress& address, std::string_view key) {
  // Whoever looks at a key to watch it does not read it: an expired one stays.
  const KeyState state = LookAt(db, address, key);
  if (state.exists()) return state.entry().version;
  return state.stripe.watches ? state.stripe.watches->AbsentVersion(db, address.order) : 0;
}

void WatchedKeys::Add(int db, std::string_view key) {
  const auto [place, is_new] = keys_.try_emplace({db, std::string(key)}, 0);
  if (!is_new) return;
  const KeyAddress address = AddressOf(key);
  const StripeLock lock(address.stripe);
  StripeWatches*& watches = StripeAt(address.stripe).watches;
  if (!watches) watches = new StripeWatches;
  watches->Add(db, address.order);
  place->second = VersionUnderLock(db, address, key);
}

void WatchedKeys::Clear() {
  for (const auto& [key, version] : keys_) {
    const KeyAddress address = AddressOf(key.second);
    const StripeLock lock(address.stripe);
    StripeWatches*& watches = StripeAt(address.stripe).watches;
    watches->Remove(key.first, address.order);
    if (!watches->empty()) continue;
    delete watches;
    watches = nullptr;
  }
  keys_.clear();
}

bool WatchedKeys::IsAnyChanged() const {
  for (const auto& [key, version] : keys_) {
    const KeyAddress address = AddressOf(key.second);
    const StripeLock lock(address.stripe);
    if (VersionUnderLock(key.first, address, key.second) != version) return true;
  }
  return false;
}

std::vector<uint16_t> WatchedKeys::Slots() const {
  std::vector<uint16_t> slots;
  slots.reserve(keys_.size());
  for (const auto& [key, version] : keys_) slots.push_back(AddressOf(key.second).slot);
  return slots;
}

}  // namespace tutti
