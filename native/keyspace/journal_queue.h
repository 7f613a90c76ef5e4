// What waits to be written to the journal's file: records in RESP, with large values by reference.
//
// Threads: any.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/object.h"

namespace tutti {

// A line that says when what follows was done (aof-timestamp-enabled of redis:src/aof.c).
std::string TimeStamp(int64_t unix_seconds);

// Bytes that are not in the text of a record: they stay where they are, or are made when they are
// written.
struct JournalPiece {
  size_t at;  // in the text
  Ref<Object> owner;
  const uint8_t* data;  // null: the payload of RESTORE for `owner`, as a whole word with its frame
  size_t bytes;
};

// One command. Reused, so that it need not be allocated.
class JournalRecord {
 public:
  void Begin(int db, size_t word_count);
  // Bytes of an `owner` are not copied if they are many.
  void Word(std::string_view bytes, const Ref<Object>& owner = nullptr);
  void Integer(int64_t number);
  // What RESTORE makes `value` of.
  void Payload(Ref<Object> value);

  int db() const { return db_; }
  const std::string& text() const { return text_; }
  std::vector<JournalPiece>& pieces() { return pieces_; }

 private:
  int db_ = 0;
  std::string text_;
  std::vector<JournalPiece> pieces_;
};

class JournalQueue {
 public:
  // What one file gets next.
  struct Batch {
    std::string text;
    std::vector<JournalPiece> pieces;
    uint64_t end = 0;        // the position behind it
    size_t bytes = 0;        // those of the pieces counted too
    bool ends_file = false;  // what follows belongs to the next file
  };

  static JournalQueue& Get();  // never destroyed

  // Several records are one transaction. @returns Whether who made them has to wait.
  bool Append(std::span<JournalRecord> records);
  // What follows belongs to the next file.
  void EndFile();
  // The position behind all that has been appended.
  uint64_t position() const;

  // --- the writer's ---
  // Takes the first batch, of one file; waits for it until `timeout_ms` are over, or Wake().
  std::optional<Batch> Take(int64_t timeout_ms);
  void Wake();
  // It was written: its bytes wait no more.
  void Written(size_t bytes);
  size_t waiting_bytes() const;
  // Who appends while more bytes wait, or anyone if `holds_all`, has to wait.
  void SetHold(bool holds_all, size_t waiting_bytes_max);
  // Whether each second in which something is appended begins with its time, in a line of its own.
  void SetStamps(bool with_stamps);

 private:
  void Stamp(Batch& batch);
  void SelectDatabase(Batch& batch, int db);

  mutable std::mutex mutex_;  // guards everything below; taken after stripes
  std::condition_variable changed_;
  std::deque<Batch> batches_;
  bool is_woken_ = false;
  int selected_db_ = -1;
  bool with_stamps_ = false;
  int64_t stamped_at_s_ = 0;  // the last one in the file; 0: there is none
  uint64_t position_ = 0;
  size_t waiting_bytes_ = 0;
  bool holds_all_ = false;
  size_t waiting_bytes_max_ = SIZE_MAX;
};

}  // namespace tutti
