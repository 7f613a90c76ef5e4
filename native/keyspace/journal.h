// What changes of keys leave for the journal (the append-only file), in the order of the store.
//
// Commit() notes each change while the stripe is locked; what a thread has noted is appended to the
// queue before it unlocks, as one transaction: a command that changes several keys, or an EXEC, is
// whole in the file or not there. A change is told in one of three ways: in the words of the
// command that this thread carries out, once however many keys it changes; in other words, by
// Say() before the Commit(), where the command's own would do something else the next time; or by
// what the key holds from then on, where there is no command (runs, expiry) or its words depend on
// the time.
//
// Threads: any, under the locks of the stripes that change. Without a journal it costs the load of
// a flag.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "keyspace/events.h"
#include "keyspace/journal_queue.h"

namespace tutti::journal {

// Changed under all locks only.
extern std::atomic<bool> is_on;
inline bool IsOn() { return is_on.load(std::memory_order_relaxed); }
void SwitchOn(bool is_on);

// How a command is told. Part of the binding's interface (lib/engine/journal-commands.ts).
enum class Form : int32_t {
  kNone = 0,   // it has been told
  kWords = 1,  // in its words
  kState = 2,  // by what its keys hold from then on
};

// The command that a thread carries out: the shared block that says what it is, and its words.
class CommandWords {
 public:
  // As lib/engine/addon.ts, `commandBlock`: how many words (0: no command), Form, database, and
  // whether the client has to wait for the journal, which is written here.
  struct Block {
    int32_t word_count, form, db, is_held;
  };
  explicit CommandWords(Block* block) : block_(block) {}
  // Sets `owner` for bytes that stay where they are as long as it is held.
  virtual std::string_view Word(int32_t index, Ref<Object>* owner) const = 0;
  Block& block() const { return *block_; }

 protected:
  ~CommandWords() = default;

 private:
  Block* const block_;
};
// Of the calling thread, until it ends or gives another; null: none.
void SetCommandWords(const CommandWords* words);

// As long as this lives, what is committed belongs to no command of this thread: a waiter that is
// served, say.
class Apart {
 public:
  Apart();
  ~Apart();
  Apart(const Apart&) = delete;
  Apart& operator=(const Apart&) = delete;

 private:
  const bool was_apart_, was_told_;
};

// The command is told in these words and no others; may be called several times before its
// Commit(). To be asked for with IsOn().
void Say(int db, std::span<const std::string_view> words);
inline void Say(int db, std::initializer_list<std::string_view> words) {
  Say(db, std::span(words.begin(), words.size()));
}

// By Commit(): the key holds `value` from now on, null: nothing, until `expire_at_ms`.
void Note(int db, std::string_view key, const Object* value, int64_t expire_at_ms,
          const Effect& effect);
// The key was found expired: deleted before the command that this thread carries out.
void NoteExpired(int db, std::string_view key);
// The same of a key that is only read, and stays: a command told in its words, which is carried out
// again where nothing expires, must not find it there.
void NoteSeenExpired(int db, std::string_view key);

// Appends what was noted. Before the thread's locks are released.
void AppendNoted();
bool HasNoted();

// The key as records that make it, appended to `records`.
void Describe(int db, std::string_view key, const Object& value, int64_t expire_at_ms,
              std::vector<JournalRecord>& records);

}  // namespace tutti::journal
