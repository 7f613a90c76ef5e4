#include "persistence/restore.h"

#include <utility>

#include "keyspace/change.h"
#include "keyspace/clock.h"

namespace tutti {

namespace {

void NoteUse(int db, const KeyAddress& address, std::string_view key, const KeyFacts& facts) {
  std::optional<uint32_t> access;
  if (facts.idle_seconds) access = AccessOfIdle(*facts.idle_seconds);
  if (facts.frequency) access = AccessOfFrequency(*facts.frequency);
  if (!access) return;
  const KeyState state = LookUp(db, address, key);
  if (state.exists()) state.entry().access.store(*access, std::memory_order_relaxed);
}

}  // namespace

Status RestoreKey(int db, std::string_view key, Ref<Object> value, const KeyFacts& facts,
                  bool replaces) {
  const KeyAddress address = AddressOf(key);
  Graveyard graveyard;
  const StripeLock lock(address.stripe);
  KeyState state = LookUpForWrite(db, address, key, graveyard);
  if (state.exists() && !replaces) return Code::kBusyKey;
  if (facts.expire_at_ms >= 0 && facts.expire_at_ms < UnixTimeMs() && !NothingExpires()) {
    if (state.exists()) Commit(state, nullptr, kNoExpiry, {events::kDelete}, graveyard);
    graveyard.Add(std::move(value));
    return Status::Ok();
  }
  Commit(state, std::move(value), facts.expire_at_ms, {events::kRestore}, graveyard);
  NoteUse(db, address, key, facts);
  return Status::Ok();
}

Status LoadKey(int db, std::string_view key, Ref<Object> value, const KeyFacts& facts,
               bool replaces) {
  const KeyAddress address = AddressOf(key);
  Graveyard graveyard;
  const StripeLock lock(address.stripe);
  KeyState state = LookUpForWrite(db, address, key, graveyard);
  if (state.exists() && !replaces) return Code::kBusyKey;
  Commit(state, std::move(value), facts.expire_at_ms, {events::kNone, 0}, graveyard);
  NoteUse(db, address, key, facts);
  return Status::Ok();
}

}  // namespace tutti
