// What other threads tell an I/O thread: finished runs, stored models, kills, settings.
//
// Threads: Post() from any thread; Drain() from the owner. The owner is woken only when the
// mailbox turns from empty to non-empty, and drains at most kDrainMax messages at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/object.h"
#include "core/status.h"
#include "threads/direct_reply.h"

namespace tutti {

inline constexpr size_t kDrainMax = 1000;

// Part of the binding's interface (lib/engine/addon.ts, `messageKinds`).
enum class MessageKind : uint32_t {
  kCompletion = 1,     // a pending command of `connection` is done: code and text
  kKill = 2,           // close `connection`
  kNotice = 3,         // text for the thread itself (settings changed, ...)
  kScriptCommand = 4,  // to the script host: commands of scripts wait
  kPublished = 5,      // the result is a Delivery (threads/subscriptions.h)
  kOverrun = 6,        // too much is undelivered: close the listeners
  kAnswered = 7,       // as kCompletion with kOk, and the reply `OK` has been sent
};

struct Message {
  MessageKind kind = MessageKind::kCompletion;
  uint32_t connection = 0;  // the owner's connection number
  uint32_t sequence = 0;    // of the pending command
  Code code = Code::kOk;
  std::string text;
  // What words cannot say; it stays with the owner until it drains again.
  Ref<Object> result;
};

class Mailbox {
 public:
  // `wake` is called without a lock held, from the posting thread.
  explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}
  void Post(Message message);
  // Moves up to kDrainMax messages to `into`; true if more are waiting (and the owner is woken
  // again).
  bool Drain(std::vector<Message>* into);
  // The owner stays awake until there is a message or `deadline` has come: a sleeping thread is
  // woken some 20 us late, and the one that posts pays for it too. True if there is one to drain;
  // the owner is not woken for it.
  bool Await(std::chrono::steady_clock::time_point deadline);
  // After this nothing wakes the owner any more; later posts are dropped. Waits for wakes under
  // way: not to be called from `wake`.
  void Close();

 private:
  // Calls wake_ with `lock` released meanwhile.
  void Wake(std::unique_lock<std::mutex>& lock);

  const std::function<void()> wake_;
  std::mutex mutex_;  // guards everything below
  std::deque<Message> messages_;
  bool closed_ = false;
  bool awaited_ = false;
  int waking_ = 0;  // calls of wake_ under way
  std::condition_variable woken_;
  std::atomic<bool> has_messages_{false};  // what Await() looks at, without the lock
};

// Whom to tell when a run, load or wait ends.
struct Completion {
  std::shared_ptr<Mailbox> mailbox;  // null: nobody
  uint32_t connection = 0;
  uint32_t sequence = 0;
  // By which a thread that has worked long may answer; null: the owner of the mailbox answers.
  std::shared_ptr<DirectReply> direct_reply = {};

  void Done(Code code, std::string text = {}, Ref<Object> result = {}) const {
    Post(MessageKind::kCompletion, code, std::move(text), std::move(result));
  }
  // Done(kOk) by a thread that has worked long.
  void DoneAfterLongWork() const {
    const bool is_sent = direct_reply && direct_reply->Send("+OK\r\n");
    Post(is_sent ? MessageKind::kAnswered : MessageKind::kCompletion, Code::kOk, {}, {});
  }

 private:
  void Post(MessageKind kind, Code code, std::string text, Ref<Object> result) const {
    if (!mailbox) return;
    mailbox->Post({kind, connection, sequence, code, std::move(text), std::move(result)});
  }
};

}  // namespace tutti
