#include "keyspace/journal_queue.h"

#include <chrono>
#include <utility>

#include "core/numbers.h"
#include "core/units.h"
#include "keyspace/clock.h"

namespace tutti {

namespace {

// Shorter words are copied: a reference costs about as much.
constexpr size_t kReferenceBytesMin = 16 * kKiB;

constexpr std::string_view kMulti = "*1\r\n$5\r\nMULTI\r\n";
constexpr std::string_view kExec = "*1\r\n$4\r\nEXEC\r\n";

void AppendHead(std::string& text, char mark, int64_t number) {
  char digits[kNumberBytesMax];
  text += mark;
  text.append(digits, FormatInteger(number, digits));
  text += "\r\n";
}

}  // namespace

std::string TimeStamp(int64_t unix_seconds) {
  return "#TS:" + std::to_string(unix_seconds) + "\r\n";
}

void JournalRecord::Begin(int db, size_t word_count) {
  db_ = db;
  text_.clear();
  pieces_.clear();
  AppendHead(text_, '*', static_cast<int64_t>(word_count));
}

void JournalRecord::Word(std::string_view bytes, const Ref<Object>& owner) {
  AppendHead(text_, '$', static_cast<int64_t>(bytes.size()));
  if (owner && bytes.size() >= kReferenceBytesMin) {
    pieces_.push_back(
        {text_.size(), owner, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  } else {
    text_ += bytes;
  }
  text_ += "\r\n";
}

void JournalRecord::Integer(int64_t number) {
  char digits[kNumberBytesMax];
  Word({digits, FormatInteger(number, digits)});
}

void JournalRecord::Payload(Ref<Object> value) {
  pieces_.push_back({text_.size(), std::move(value), nullptr, 0});
}

JournalQueue& JournalQueue::Get() {
  static auto* const queue = new JournalQueue;
  return *queue;
}

void JournalQueue::SelectDatabase(Batch& batch, int db) {
  if (db == selected_db_) return;
  selected_db_ = db;
  JournalRecord select;
  select.Begin(db, 2);
  select.Word("SELECT");
  select.Integer(db);
  batch.text += select.text();
}

void JournalQueue::Stamp(Batch& batch) {
  if (!with_stamps_) return;
  const int64_t now_s = UnixTimeMs() / 1000;
  if (now_s <= stamped_at_s_) return;
  stamped_at_s_ = now_s;
  batch.text += TimeStamp(now_s);
}

bool JournalQueue::Append(std::span<JournalRecord> records) {
  bool is_held, was_empty;
  {
    const std::lock_guard lock(mutex_);
    was_empty = batches_.empty();
    if (batches_.empty() || batches_.back().ends_file) batches_.emplace_back();
    Batch& batch = batches_.back();
    const size_t bytes_before = batch.text.size();
    size_t piece_bytes = 0;
    Stamp(batch);
    // As Redis: the database is chosen outside of the transaction where it can be.
    SelectDatabase(batch, records[0].db());
    if (records.size() > 1) batch.text += kMulti;
    for (JournalRecord& record : records) {
      SelectDatabase(batch, record.db());
      const size_t at = batch.text.size();
      batch.text += record.text();
      for (JournalPiece& piece : record.pieces()) {
        piece_bytes += piece.bytes;
        piece.at += at;
        batch.pieces.push_back(std::move(piece));
      }
    }
    if (records.size() > 1) batch.text += kExec;
    const size_t bytes = batch.text.size() - bytes_before + piece_bytes;
    batch.bytes += bytes;
    batch.end = ++position_;
    waiting_bytes_ += bytes;
    is_held = holds_all_ || waiting_bytes_ > waiting_bytes_max_;
  }
  if (was_empty) changed_.notify_one();
  return is_held;
}

void JournalQueue::EndFile() {
  {
    const std::lock_guard lock(mutex_);
    if (batches_.empty() || batches_.back().ends_file) batches_.emplace_back();
    batches_.back().ends_file = true;
    batches_.back().end = position_;
    selected_db_ = -1;
    stamped_at_s_ = 0;
  }
  changed_.notify_one();
}

uint64_t JournalQueue::position() const {
  const std::lock_guard lock(mutex_);
  return position_;
}

std::optional<JournalQueue::Batch> JournalQueue::Take(int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                    [this] { return !batches_.empty() || is_woken_; });
  is_woken_ = false;
  if (batches_.empty()) return std::nullopt;
  Batch batch = std::move(batches_.front());
  batches_.pop_front();
  return batch;
}

void JournalQueue::Wake() {
  {
    const std::lock_guard lock(mutex_);
    is_woken_ = true;
  }
  changed_.notify_one();
}

void JournalQueue::Written(size_t bytes) {
  const std::lock_guard lock(mutex_);
  waiting_bytes_ -= bytes;
}

size_t JournalQueue::waiting_bytes() const {
  const std::lock_guard lock(mutex_);
  return waiting_bytes_;
}

void JournalQueue::SetHold(bool holds_all, size_t waiting_bytes_max) {
  const std::lock_guard lock(mutex_);
  holds_all_ = holds_all;
  waiting_bytes_max_ = waiting_bytes_max;
}

void JournalQueue::SetStamps(bool with_stamps) {
  const std::lock_guard lock(mutex_);
  with_stamps_ = with_stamps;
}

}  // namespace tutti
