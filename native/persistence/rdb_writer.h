// Writes RDB: its numbers and strings, and the frame of a file around values.
//
// Threads: one at a time. What it is given must not change meanwhile; nobody's lock is needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/status.h"
#include "persistence/bytes.h"
#include "persistence/lzf.h"
#include "persistence/rdb.h"

namespace tutti {

class RdbWriter {
 public:
  // `compresses`: strings are compressed where it makes them shorter (rdbcompression).
  RdbWriter(ByteSink& sink, bool compresses);

  // --- numbers and strings ---
  void Byte(uint8_t byte) { Raw(&byte, 1); }
  void Length(uint64_t length);
  void Int64(int64_t value) { Raw(&value, sizeof value); }  // 8 bytes, the lowest first
  void Double(double value) { Raw(&value, sizeof value); }
  // As an integer if it is one, compressed if that makes it shorter, else as it is.
  void String(std::string_view bytes);
  // Never compressed: for blobs, of which compression makes little.
  void Blob(std::string_view bytes);
  void Raw(const void* data, size_t bytes);

  // --- a file ---
  void Header();
  void Aux(std::string_view name, std::string_view value);
  void Function(std::string_view code);
  void SelectDatabase(int db, int64_t key_count, int64_t expiring_count);
  // Unix time; none if negative.
  void Expiry(int64_t expire_at_ms);
  void Idle(int64_t seconds);
  void Frequency(uint8_t frequency);
  // The end, with the checksum, or 0 in its place without `with_checksum`. Flushes.
  void End(bool with_checksum);

  // Gives the sink what is not written yet.
  void Flush();
  // Of all that was written. Flushes.
  uint64_t Checksum();
  const Status& status() const { return sink_.status(); }

 private:
  bool TryInteger(std::string_view bytes);
  bool TryCompressed(std::string_view bytes);

  ByteSink& sink_;
  const bool compresses_;
  lzf::Compressor compressor_;
  uint64_t checksum_ = 0;
  const std::unique_ptr<uint8_t[]> buffer_;
  size_t buffered_bytes_ = 0;
};

}  // namespace tutti
