#include "keyspace/journal.h"

#include <algorithm>
#include <vector>

#include "core/units.h"
#include "keyspace/stripe.h"
#include "keyspace/value.h"
#include "tensor/tensor.h"

namespace tutti::journal {

std::atomic<bool> is_on{false};

namespace {

// What a thread keeps of the memory of records: after a command with many keys, say.
constexpr size_t kRecordsKept = 16;
constexpr size_t kTextKept = 4 * kKiB;

// What a thread has noted under its locks.
struct Noted {
  // The first `count` are in use.
  std::vector<JournalRecord> records;
  size_t count = 0;
  // Where the first of the command begins, in front of which its expired keys are deleted.
  size_t command_at = 0;

  const CommandWords* words = nullptr;
  bool is_apart = false;
  bool is_told = false;  // of what is apart

  JournalRecord& Add() {
    if (count == records.size()) records.emplace_back();
    return records[count++];
  }
};

Noted& This() {
  thread_local Noted noted;
  return noted;
}

Form CurrentForm(const Noted& noted) {
  if (noted.is_apart || !noted.words) return noted.is_told ? Form::kNone : Form::kState;
  const CommandWords::Block& block = noted.words->block();
  return block.word_count == 0 ? Form::kState : static_cast<Form>(block.form);
}

// The first record of a command is made now.
void Tell(Noted& noted) {
  noted.command_at = noted.count;
  if (noted.is_apart || !noted.words) {
    noted.is_told = true;
  } else {
    noted.words->block().form = static_cast<int32_t>(Form::kNone);
  }
}

void AddWords(Noted& noted) {
  Tell(noted);
  const CommandWords::Block& block = noted.words->block();
  JournalRecord& record = noted.Add();
  record.Begin(block.db, static_cast<size_t>(block.word_count));
  for (int32_t i = 0; i < block.word_count; ++i) {
    Ref<Object> owner;
    const std::string_view word = noted.words->Word(i, &owner);
    record.Word(word, owner);
  }
}

void AddKeyCommand(JournalRecord& record, int db, std::string_view name, std::string_view key) {
  record.Begin(db, 2);
  record.Word(name);
  record.Word(key);
}

void AddExpiry(JournalRecord& record, int db, std::string_view key, int64_t expire_at_ms) {
  record.Begin(db, 3);
  record.Word("PEXPIREAT");
  record.Word(key);
  record.Integer(expire_at_ms);
}

void AddTensor(JournalRecord& record, int db, std::string_view key, const Tensor& tensor) {
  record.Begin(db, 5 + tensor.dims().size());
  record.Word("AI.TENSORSET");
  record.Word(key);
  record.Word(dtype_row(tensor.dtype()).name);
  for (const int64_t dim : tensor.dims()) record.Integer(dim);
  record.Word("BLOB");
  record.Word({reinterpret_cast<const char*>(tensor.data()), tensor.bytes()},
              Ref<Object>::Share(const_cast<Tensor*>(&tensor)));
}

// In one record, or two for a tensor that expires.
template <typename Next>
void AddValue(Next next, int db, std::string_view key, const Object& value, int64_t expire_at_ms) {
  const Ref<Object> shared = Ref<Object>::Share(const_cast<Object*>(&value));
  JournalRecord& record = next();
  if (value.kind() == ObjectKind::kString) {
    record.Begin(db, expire_at_ms >= 0 ? 5 : 3);
    record.Word("SET");
    record.Word(key);
    record.Word(static_cast<const String&>(value).view(), shared);
    if (expire_at_ms < 0) return;
    record.Word("PXAT");
    record.Integer(expire_at_ms);
  } else if (value.kind() == ObjectKind::kTensor) {
    AddTensor(record, db, key, static_cast<const Tensor&>(value));
    if (expire_at_ms >= 0) AddExpiry(next(), db, key, expire_at_ms);
  } else {
    record.Begin(db, 6);
    record.Word("RESTORE");
    record.Word(key);
    record.Integer(std::max<int64_t>(expire_at_ms, 0));
    record.Payload(shared);
    record.Word("REPLACE");
    record.Word("ABSTTL");
  }
}

void AddState(Noted& noted, int db, std::string_view key, const Object* value, int64_t expire_at_ms,
              const Effect& effect) {
  // Each key of the command is told by itself; the first says where it begins.
  if (!noted.is_apart && !noted.words) noted.command_at = noted.count;
  if (!value) {
    AddKeyCommand(noted.Add(), db, "DEL", key);
  } else if (effect.event.name == events::kExpire.name) {
    AddExpiry(noted.Add(), db, key, expire_at_ms);
  } else if (effect.event.name == events::kPersist.name) {
    AddKeyCommand(noted.Add(), db, "PERSIST", key);
  } else {
    AddValue([&]() -> JournalRecord& { return noted.Add(); }, db, key, *value, expire_at_ms);
  }
}

}  // namespace

void SwitchOn(bool on) { is_on.store(on, std::memory_order_relaxed); }

void SetCommandWords(const CommandWords* words) { This().words = words; }

Apart::Apart() : was_apart_(This().is_apart), was_told_(This().is_told) {
  This().is_apart = true;
  This().is_told = false;
}

Apart::~Apart() {
  This().is_apart = was_apart_;
  This().is_told = was_told_;
}

void Say(int db, std::span<const std::string_view> words) {
  Noted& noted = This();
  if (CurrentForm(noted) != Form::kNone) Tell(noted);
  JournalRecord& record = noted.Add();
  record.Begin(db, words.size());
  for (const std::string_view word : words) record.Word(word);
}

void Note(int db, std::string_view key, const Object* value, int64_t expire_at_ms,
          const Effect& effect) {
  if (effect.event.event_class == EventClass::kExpired ||
      effect.event.event_class == EventClass::kEvicted) {
    NoteExpired(db, key);
    return;
  }
  Noted& noted = This();
  switch (CurrentForm(noted)) {
    case Form::kNone:
      return;
    case Form::kWords:
      AddWords(noted);
      return;
    case Form::kState:
      AddState(noted, db, key, value, expire_at_ms, effect);
      return;
  }
}

void NoteSeenExpired(int db, std::string_view key) {
  if (CurrentForm(This()) != Form::kState) NoteExpired(db, key);
}

void NoteExpired(int db, std::string_view key) {
  Noted& noted = This();
  AddKeyCommand(noted.Add(), db, "DEL", key);
  // A command that has told of itself already found the key expired all the same.
  const auto first = noted.records.begin();
  const auto command = first + static_cast<ptrdiff_t>(noted.command_at);
  const auto end = first + static_cast<ptrdiff_t>(noted.count);
  if (CurrentForm(noted) == Form::kNone && command < end) std::rotate(command, end - 1, end);
}

bool HasNoted() { return This().count > 0; }

void AppendNoted() {
  Noted& noted = This();
  if (noted.count == 0) return;
  const bool is_held = JournalQueue::Get().Append({noted.records.data(), noted.count});
  for (size_t i = 0; i < noted.count; ++i) {
    if (noted.records[i].text().capacity() > kTextKept) noted.records[i] = {};
  }
  if (noted.records.size() > kRecordsKept) noted.records.resize(kRecordsKept);
  noted.count = 0;
  noted.command_at = 0;
  if (!noted.is_apart) noted.is_told = false;
  if (is_held && noted.words) noted.words->block().is_held = 1;
}

void Describe(int db, std::string_view key, const Object& value, int64_t expire_at_ms,
              std::vector<JournalRecord>& records) {
  AddValue([&]() -> JournalRecord& { return records.emplace_back(); }, db, key, value,
           expire_at_ms);
}

}  // namespace tutti::journal
