// What the addon keeps for one JavaScript thread: the blocks it shares with TypeScript, the current
// request, bodies on their way in, and values on their way out.
//
// Threads: each its own, made by attachThread and ended with the thread's environment. Nothing here
// is seen by another thread but `context` and the wakers.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "binding/convert.h"
#include "binding/rows.h"
#include "binding/socket_set.h"
#include "binding/tensor_elements.h"
#include "core/object.h"
#include "core/units.h"
#include "inference/script_command.h"
#include "keyspace/journal.h"
#include "keyspace/watches.h"
#include "tensor/incoming_blob.h"
#include "threads/thread_context.h"

namespace tutti {

// A request's own block. Large ones are mappings of their own: malloc would keep what one client's
// 5 million arguments took.
class RequestBlock {
 public:
  // Null if there is no memory.
  static std::shared_ptr<RequestBlock> New(size_t bytes);
  // Of `bytes`, no fewer, with what is in it; the old one is gone unless there is no memory: then
  // null. A mapping is not copied, but moved.
  static std::shared_ptr<RequestBlock> Grow(const std::shared_ptr<RequestBlock>& block,
                                            size_t bytes);
  ~RequestBlock();
  RequestBlock(const RequestBlock&) = delete;
  RequestBlock& operator=(const RequestBlock&) = delete;

  uint8_t* data() const { return data_; }

 private:
  RequestBlock(uint8_t* data, size_t bytes) : data_(data), bytes_(bytes) {}

  uint8_t* data_;
  size_t bytes_;
};

// As in lib/engine/addon.ts, `ThreadBlocks`.
inline constexpr size_t kScratchBytes = 64 * kKiB;
inline constexpr size_t kRowWordsMax = 16384;
inline constexpr size_t kOutBytes = 256 * kKiB;
inline constexpr size_t kNumberCount = 512;
// A word whose offset has this bit is a blob; the other bits are its id.
inline constexpr uint32_t kBlobWordBit = 0x8000'0000;
// Node 20 refuses views above 4 GiB; smaller windows keep what is pinned small.
inline constexpr size_t kViewBytesMax = 256 * kMiB;

// One mapping for all blocks of a thread. A thread that ends leaves it to the next one: sockets
// that are being closed may still point into it.
struct ThreadBlocks {
  uint8_t scratch[kScratchBytes];
  uint32_t row[2 * kRowWordsMax];
  uint8_t out[kOutBytes];
  uint8_t rows[kRowsBytes];
  double numbers[kNumberCount];
  int32_t ready[2 * kReadyMax];
  int32_t sends[3 * kSendsMax];
  journal::CommandWords::Block command;
};

// Bytes within an object that the reference keeps alive.
struct Held {
  Ref<Object> owner;
  const uint8_t* data = nullptr;
  size_t bytes = 0;
};

// Things by small ids that are used again.
template <typename T>
class SlotTable {
 public:
  template <typename... Parts>
  uint32_t Add(Parts&&... parts) {
    if (free_.empty()) {
      free_.push_back(static_cast<uint32_t>(slots_.size()));
      slots_.emplace_back();
    }
    const uint32_t id = free_.back();
    free_.pop_back();
    slots_[id].emplace(std::forward<Parts>(parts)...);
    return id;
  }
  T& At(int64_t id) {
    TUTTI_CHECK(id >= 0 && static_cast<size_t>(id) < slots_.size() && slots_[id]);
    return *slots_[id];
  }
  void Remove(int64_t id) {
    At(id);
    slots_[id].reset();
    free_.push_back(static_cast<uint32_t>(id));
  }

 private:
  std::deque<std::optional<T>> slots_;
  std::vector<uint32_t> free_;
};

struct OpenClient {
  uint32_t slot;  // of the client table
  uint32_t connection;
  WatchedKeys watched = {};
};

// Calls a JavaScript function in its thread, asked for from any. Calls of Wake() must have ended,
// and no more may begin, before Close().
class Waker {
 public:
  // `call` runs in the JavaScript thread, with a handle scope.
  Waker(Napi::Env env, Napi::Function function, const char* name,
        std::function<void(napi_env, napi_value function)> call);
  ~Waker();
  void Wake() const;
  void Close();
  // Does not keep the event loop going.
  void Unref(Napi::Env env) const;

 private:
  static void Run(napi_env env, napi_value function, void* context, void* data);

  napi_threadsafe_function function_ = nullptr;
  // Calls may come after Close(): it goes with the threadsafe function.
  std::function<void(napi_env, napi_value)>* call_;
};

// A waker that other threads may use until its owner closes it, and also after.
class GuardedWaker {
 public:
  void Start(std::unique_ptr<Waker> waker) {
    const std::lock_guard lock(mutex_);
    waker_ = std::move(waker);
  }
  void Wake() {
    const std::lock_guard lock(mutex_);
    if (waker_) waker_->Wake();
  }
  void Close() {
    const std::lock_guard lock(mutex_);
    waker_ = nullptr;
  }

 private:
  std::mutex mutex_;  // guards waker_
  std::unique_ptr<Waker> waker_;
};

// Whether it is worth staying awake for a run that this thread has queued: only for one at a time,
// and while runs are as short as it takes to fall asleep and to be woken.
class RunWatch {
 public:
  void Begin();
  void End(size_t run_count);
  // Until when to stay awake; nothing if it is not worth it.
  std::optional<std::chrono::steady_clock::time_point> Deadline();
  // It was not over by then.
  void Fail() { skipped_ = kSkippedAfterFailure; }

 private:
  // From the queuing of a run to its message. Being woken takes 20 to 50 us of it.
  static constexpr std::chrono::microseconds kAwaitedMax{150};
  static constexpr int kSkippedAfterFailure = 16;

  size_t in_flight_ = 0;
  int skipped_ = 0;  // runs to come that nobody stays awake for
  std::chrono::steady_clock::time_point queued_at_;
  std::chrono::steady_clock::duration last_ = {};
};

// Whether an event loop stays awake after a short run that it has made itself: a client that sends
// its runs in turns sends the next one before a thread that sleeps would be woken.
class ShortRunWatch {
 public:
  using Clock = std::chrono::steady_clock;

  // A run was made just now.
  void Note();
  // Until when to stay awake; nothing if it is not worth it, or another thread does. To be followed
  // by Leave() if there is a time.
  std::optional<Clock::time_point> Enter();
  void Leave();

 private:
  static constexpr std::chrono::microseconds kAwakeMax{150};

  Clock::time_point last_{};
  int noted_count_ = 0;    // since the last Enter()
  bool was_soon_ = false;  // the last one came within kAwakeMax of the one before
};

class ThreadState;

// The words of the request that a thread carries out, for the journal.
class RequestWords final : public journal::CommandWords {
 public:
  RequestWords(const ThreadState& thread, Block* block) : CommandWords(block), thread_(thread) {}
  std::string_view Word(int32_t index, Ref<Object>* owner) const override;

 private:
  const ThreadState& thread_;
};

class ThreadState {
 public:
  explicit ThreadState(napi_env env);
  ~ThreadState();

  // --- the request ---
  // Bytes of a word. A refused blob answers a view with a null pointer.
  std::string_view Word(int32_t index) const {
    TUTTI_CHECK(static_cast<uint32_t>(index) < row_word_count);
    const uint32_t offset = row[2 * index], bytes = row[2 * index + 1];
    if (offset & kBlobWordBit) [[unlikely]]
      return BlobWord(offset);
    TUTTI_CHECK(size_t{offset} + bytes <= block_bytes);
    return {reinterpret_cast<const char*>(block) + offset, bytes};
  }
  static bool IsRefused(std::string_view word) { return word.data() == nullptr; }
  // The blob of a word; null if it lies in the block.
  const IncomingBlob* FindBlob(int32_t index) const;
  // `count` words, valid until the next call of this. A refused one empties the answer, unless
  // `refused` is null: then it is left out.
  std::span<const std::string_view> Words(int32_t first, int32_t count, bool* refused);

  void UseScratch() {
    if (words.capacity() > kRowWordsMax) [[unlikely]]
      words = std::vector<std::string_view>();
    block = blocks->scratch;
    block_bytes = kScratchBytes;
    row = blocks->row;
    row_word_count = kRowWordsMax;
  }

  // --- a value found ---
  // Holds it for heldCopy() and heldKeep(). @returns Its bytes.
  int64_t Hold(Ref<Object> owner, const void* data, size_t bytes) {
    held = {std::move(owner), static_cast<const uint8_t*>(data), bytes};
    return static_cast<int64_t>(bytes);
  }
  uint32_t KeepReply(Ref<Object> owner, const void* data, size_t bytes) {
    return replies.Add(Held{std::move(owner), static_cast<const uint8_t*>(data), bytes});
  }

  // --- messages ---
  // The result of a completion among those drained last, which may be taken once. Null: it came
  // with none.
  Ref<Object> TakeResult(uint32_t connection, uint32_t sequence);

  // --- rows ---
  // Starts a result of rows and writes its first piece. @returns Rows in the piece.
  int64_t BeginRows(std::unique_ptr<RowSource> source);
  int64_t NextRows();

  const napi_env env;
  ThreadBlocks* const blocks;

  const uint8_t* block;
  size_t block_bytes;
  const uint32_t* row;
  size_t row_word_count;

  const RequestWords request_words{*this, &blocks->command};

  SlotTable<IncomingBlob> blobs;
  SlotTable<Held> replies;
  SlotTable<ElementFramer> elements;  // of replies that are framed as the client takes them
  SlotTable<Ref<Object>> prepared;    // models and scripts that an EXEC is going to store
  Held held;
  std::unique_ptr<RowSource> rows;
  ThreadReply reply{*this};
  // Made by allocateBlock and not freed yet.
  std::unordered_map<const void*, std::shared_ptr<RequestBlock>> request_blocks;

  std::shared_ptr<ThreadContext> context;  // null once detached
  std::unique_ptr<Waker> waker;
  RunWatch run_watch;
  ShortRunWatch short_run_watch;
  SocketSet* sockets = nullptr;   // null: this thread serves no clients
  std::vector<Message> messages;  // drained, from `message_next` on not handed over
  size_t message_next = 0;
  size_t result_next = 0;    // where TakeResult() begins to look: results are taken in order
  size_t delivery_next = 0;  // where the next message for listeners is looked for
  Ref<Object> delivery;      // the Delivery that is handed out
  Ref<Object> dag;           // the DagResult that is being answered
  std::unordered_map<int64_t, OpenClient> clients;   // by client id
  std::unordered_map<uint32_t, int64_t> client_ids;  // by connection

  // Of clients that were closed within another's EXEC, whose locks are others: until it ends.
  std::vector<WatchedKeys> ended_watches;

  SlotTable<std::vector<std::string>> kept_words;  // of commands that wait, for the slow log

  // Of the script host: the command that it carries out, and its reply so far.
  std::shared_ptr<ScriptCommand> script_command;
  ScriptReply script_reply;
  std::string script_user;  // of the last command

  std::vector<std::string_view> words;  // what Words() answers; a long one goes with its request

 private:
  std::string_view BlobWord(uint32_t word) const;
};

// Words of a request that are read later, by any thread: what they lie in is kept. It is written no
// more, since a request of more than a few words leaves its blocks behind.
class KeptWords {
 public:
  // Words `first` ... `first` + `count` of the current request. Nothing: they lie in the thread's
  // own blocks. Costs a look at each.
  static std::optional<KeptWords> Of(const ThreadState& thread, int32_t first, int32_t count);

  // The i-th of them; a refused one has a null pointer.
  std::string_view At(int32_t i) const;

 private:
  struct Blob {
    int32_t index;
    Ref<Buffer> owner;
    std::string_view bytes;
  };

  std::shared_ptr<RequestBlock> block_, row_owner_;
  const uint32_t* row_ = nullptr;  // of the first of them
  std::vector<Blob> blobs_;        // by index
};

// Initial-exec: a thread-local load, no call; the addon is opened with dlopen, which has room left
// for one pointer.
extern constinit thread_local ThreadState* current_thread_state
    __attribute__((tls_model("initial-exec")));

inline ThreadState& this_thread() {
  TUTTI_CHECK(current_thread_state != nullptr);  // attachThread comes first
  return *current_thread_state;
}

// A Buffer over memory that it neither owns nor keeps alive; to be ended by `detach`.
Napi::Value MakeView(Napi::Env env, const void* data, size_t bytes);

}  // namespace tutti
