#include "keyspace/strings.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/numbers.h"
#include "core/units.h"
#include "keyspace/clock.h"

namespace tutti::strings {

namespace {

// What a string that grows gets beyond what it needs, so that appending is linear in the end.
constexpr size_t kSlackBytesMax = kMiB;

std::string_view ViewOf(const KeyState& state) {
  return static_cast<const String&>(*state.value()).view();
}

// In place if there is room, else as a new string.
Status Store(KeyState& state, std::string_view text, StringForm form, const Event& event,
             Graveyard& graveyard) {
  if (state.exists()) {
    Ref<Object> taken = TakeValue(state);
    auto* string = static_cast<String*>(taken.get());
    if (taken->is_unique() && string->capacity() >= text.size() &&
        string->capacity() < 2 * text.size() + 64) {
      std::memcpy(string->data(), text.data(), text.size());
      string->Resize(text.size());
      string->set_form(form);
      Commit(state, std::move(taken), kKeepExpiry, {event}, graveyard);
      return Status::Ok();
    }
    ReturnValue(state, std::move(taken));
  }
  Ref<String> string = String::Copy(text);
  if (!string) return Code::kOutOfMemory;
  string->set_form(form);
  Commit(state, std::move(string), kKeepExpiry, {event}, graveyard);
  return Status::Ok();
}

}  // namespace

Ref<String> TakeString(KeyState& state, size_t bytes, Graveyard& graveyard) {
  std::string_view before;
  if (state.exists()) {
    before = ViewOf(state);
    bytes = std::max(bytes, before.size());
    Ref<Object> taken = TakeValue(state);
    auto* string = static_cast<String*>(taken.get());
    if (taken->is_unique() && string->capacity() >= bytes) {
      std::memset(string->data() + before.size(), 0, bytes - before.size());
      string->Resize(bytes);
      string->set_form(StringForm::kRaw);
      taken.Leave();
      return Ref<String>::Adopt(string);
    }
    ReturnValue(state, std::move(taken));
  }
  const size_t slack = before.empty() ? 0 : std::min(bytes, kSlackBytesMax);
  Ref<String> grown = String::Make(bytes, bytes + slack);
  if (!grown) return nullptr;
  if (!before.empty()) std::memcpy(grown->data(), before.data(), before.size());
  if (bytes > before.size()) std::memset(grown->data() + before.size(), 0, bytes - before.size());
  grown->set_form(StringForm::kRaw);
  if (state.exists()) graveyard.Add(TakeValue(state));
  return grown;
}

Result<int64_t> Increment(int db, std::string_view key, int64_t by, int64_t* value) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kString)) return Code::kWrongType;
  int64_t before = 0;
  if (locked.state.exists()) {
    const auto number = ParseInteger(ViewOf(locked.state));
    if (!number) return Code::kNotInteger;
    before = *number;
  }
  if (__builtin_add_overflow(before, by, value)) return Code::kWouldOverflow;
  char text[kNumberBytesMax];
  const std::string_view shown(text, FormatInteger(*value, text));
  const Status status = Store(locked.state, shown, StringForm::kByContent, events::kStringIncrement,
                              locked.graveyard);
  if (!status.ok()) return status;
  return int64_t{0};
}

Status IncrementFloat(int db, std::string_view key, long double by, Reply& reply) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kString)) return Code::kWrongType;
  long double before = 0;
  if (locked.state.exists()) {
    const auto number = ParseLongDouble(ViewOf(locked.state));
    if (!number) return Code::kNotFloat;
    before = *number;
  }
  const long double value = before + by;
  if (std::isnan(value) || std::isinf(value)) return Code::kIncrementNotFinite;
  const std::string text = FormatLongDouble(value);
  const Status status =
      Store(locked.state, text, StringForm::kText, events::kStringIncrementFloat, locked.graveyard);
  if (status.ok()) reply.Bulk(text);
  return status;
}

Result<int64_t> Append(int db, std::string_view key, std::string_view more, int64_t bytes_max) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kString)) return Code::kWrongType;
  if (!locked.state.exists()) {
    Ref<String> string = String::Copy(more);
    if (!string) return Code::kOutOfMemory;
    Commit(locked.state, std::move(string), kNoExpiry, {events::kStringAppend}, locked.graveyard);
    return static_cast<int64_t>(more.size());
  }
  const size_t before = ViewOf(locked.state).size();
  if (before + more.size() > static_cast<size_t>(bytes_max)) return Code::kStringTooLong;
  Ref<String> string = TakeString(locked.state, before + more.size(), locked.graveyard);
  if (!string) return Code::kOutOfMemory;
  if (!more.empty()) std::memcpy(string->data() + before, more.data(), more.size());
  Commit(locked.state, std::move(string), kKeepExpiry, {events::kStringAppend}, locked.graveyard);
  return static_cast<int64_t>(before + more.size());
}

Result<int64_t> SetRange(int db, std::string_view key, int64_t offset, std::string_view bytes,
                         int64_t bytes_max) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kString)) return Code::kWrongType;
  const size_t before = locked.state.exists() ? ViewOf(locked.state).size() : 0;
  if (bytes.empty()) return static_cast<int64_t>(before);
  const auto size = static_cast<int64_t>(bytes.size());
  if (size > bytes_max || offset > bytes_max - size) return Code::kStringTooLong;
  const size_t end = static_cast<size_t>(offset) + bytes.size();
  Ref<String> string = TakeString(locked.state, end, locked.graveyard);
  if (!string) return Code::kOutOfMemory;
  std::memcpy(string->data() + offset, bytes.data(), bytes.size());
  const auto length = static_cast<int64_t>(string->view().size());
  Commit(locked.state, std::move(string), kKeepExpiry, {events::kStringSetRange}, locked.graveyard);
  return length;
}

Result<Ref<String>> GetAnd(int db, std::string_view key, After after, int64_t expire_at_ms) {
  LockedKey locked(db, key);
  KeyState& state = locked.state;
  StripeCounters& counters = state.stripe.counters;
  AddUnderLock(state.exists() ? counters.hits : counters.misses, 1);
  if (!state.HoldsOrAbsent(ObjectKind::kString)) return Code::kWrongType;
  if (!state.exists()) {
    Tell(db, key, events::kMiss);
    return Ref<String>();
  }
  Ref<String> string = Ref<String>::Share(static_cast<String*>(state.value().get()));
  const bool is_past = after == After::kExpire && IsPast(expire_at_ms);
  if (after == After::kDelete || is_past) {
    Commit(state, nullptr, kNoExpiry, {events::kDelete}, locked.graveyard);
  } else if (after == After::kExpire) {
    Commit(state, string, expire_at_ms, {events::kExpire}, locked.graveyard);
  } else if (after == After::kPersist && state.entry().expire_at_ms >= 0) {
    Commit(state, string, kNoExpiry, {events::kPersist}, locked.graveyard);
  }
  return string;
}

void GetAll(int db, Words keys, Reply& reply) {
  std::vector<Ref<Object>> found;
  found.reserve(keys.size());
  {
    LockedKeys locked(keys);
    for (size_t i = 0; i < keys.size(); ++i) {
      const KeyState state = locked.ForRead(db, i);
      found.push_back(state.exists() ? state.value() : nullptr);
    }
  }
  reply.Array(static_cast<int64_t>(keys.size()));
  for (const Ref<Object>& value : found) {
    if (value && value->kind() == ObjectKind::kString) {
      reply.Bulk(static_cast<const String&>(*value).view(), value.get());
    } else {
      reply.Nil();
    }
  }
}

bool SetAll(int db, Words keys, std::vector<Ref<String>> values, bool only_if_none) {
  LockedKeys locked(keys);
  for (size_t i = 0; only_if_none && i < keys.size(); ++i) {
    if (locked.ForWrite(db, i).exists()) return false;
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    KeyState state = locked.ForWrite(db, i);
    Commit(state, std::move(values[i]), kNoExpiry, {events::kStringSet}, locked.graveyard);
  }
  return true;
}

}  // namespace tutti::strings
