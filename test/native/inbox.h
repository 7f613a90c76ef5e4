// A mailbox that a test waits on, in the place of an I/O thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "check.h"
#include "threads/mailbox.h"

namespace tutti::test {

class Inbox {
 public:
  Inbox() : state_(std::make_shared<State>()) {
    mailbox_ = std::make_shared<Mailbox>([state = state_] {
      std::lock_guard lock(state->mutex);
      state->is_woken = true;
      state->woken.notify_all();
    });
  }

  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }

  // For a command to come, with a sequence of its own.
  Completion Next() { return {mailbox_, 1, ++sequence_}; }

  // Waits for the command that `completion` was made for; others are kept for their turn.
  Message Wait(const Completion& completion) {
    while (true) {
      if (const auto found = arrived_.find(completion.sequence); found != arrived_.end()) {
        Message message = std::move(found->second);
        arrived_.erase(found);
        return message;
      }
      Receive();
    }
  }
  Message Wait() { return Wait(Completion{mailbox_, 1, sequence_}); }

  // The sequences of all answers received so far, in order of arrival.
  const std::vector<uint32_t>& order() const { return order_; }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable woken;
    bool is_woken = false;
  };

  void Receive() {
    {
      std::unique_lock lock(state_->mutex);
      state_->woken.wait(lock, [this] { return state_->is_woken; });
      state_->is_woken = false;
    }
    std::vector<Message> messages;
    while (mailbox_->Drain(&messages)) {
    }
    for (Message& message : messages) {
      order_.push_back(message.sequence);
      CHECK(arrived_.emplace(message.sequence, std::move(message)).second);  // answered once
    }
  }

  std::shared_ptr<State> state_;
  std::shared_ptr<Mailbox> mailbox_;
  uint32_t sequence_ = 0;
  std::map<uint32_t, Message> arrived_;
  std::vector<uint32_t> order_;
};

// A completion that keeps the thread which tells it until Open(): how a test stops a run thread
// without a clock.
class Gate {
 public:
  Gate() : state_(std::make_shared<State>()) {
    mailbox_ = std::make_shared<Mailbox>([state = state_] {
      std::unique_lock lock(state->mutex);
      state->is_reached = true;
      state->changed.notify_all();
      state->changed.wait(lock, [&] { return state->is_open; });
    });
  }

  Completion completion() const { return {mailbox_, 0, 0}; }

  void WaitUntilReached() {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [this] { return state_->is_reached; });
  }

  void Open() {
    std::lock_guard lock(state_->mutex);
    state_->is_open = true;
    state_->changed.notify_all();
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_reached = false;
    bool is_open = false;
  };

  std::shared_ptr<State> state_;
  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace tutti::test
