#include "persistence/rdb_writer.h"

#include <cassert>
#include <cstdio>
#include <cstring>
#include <string>

#include "core/numbers.h"
#include "core/units.h"
#include "persistence/crc64.h"

namespace tutti {

namespace {

constexpr size_t kBufferBytes = 64 * kKiB;
// Shorter ones gain nothing.
constexpr size_t kCompressedBytesMin = 21;
// A longer one would take as much memory again.
constexpr size_t kCompressedBytesMax = 16 * kMiB;

bool Fits(int64_t value, int bits) {
  const int64_t bound = int64_t{1} << (bits - 1);
  return value >= -bound && value < bound;
}

}  // namespace

RdbWriter::RdbWriter(ByteSink& sink, bool compresses)
    : sink_(sink), compresses_(compresses), buffer_(new uint8_t[kBufferBytes]) {}

void RdbWriter::Raw(const void* data, size_t bytes) {
  if (bytes > kBufferBytes - buffered_bytes_) {
    Flush();
    if (bytes >= kBufferBytes) {
      checksum_ = Crc64(checksum_, data, bytes);
      sink_.Write(data, bytes);
      return;
    }
  }
  if (bytes > 0) std::memcpy(buffer_.get() + buffered_bytes_, data, bytes);
  buffered_bytes_ += bytes;
}

void RdbWriter::Flush() {
  if (buffered_bytes_ == 0) return;
  checksum_ = Crc64(checksum_, buffer_.get(), buffered_bytes_);
  sink_.Write(buffer_.get(), buffered_bytes_);
  buffered_bytes_ = 0;
}

uint64_t RdbWriter::Checksum() {
  Flush();
  return checksum_;
}

void RdbWriter::Length(uint64_t length) {
  if (length < 1 << 6) {
    Byte(static_cast<uint8_t>(length));
  } else if (length < 1 << 14) {
    Byte(static_cast<uint8_t>(rdb::kLength14 << 6 | length >> 8));
    Byte(static_cast<uint8_t>(length));
  } else if (length <= UINT32_MAX) {
    const uint32_t swapped = __builtin_bswap32(static_cast<uint32_t>(length));
    Byte(rdb::kLength32);
    Raw(&swapped, sizeof swapped);
  } else {
    const uint64_t swapped = __builtin_bswap64(length);
    Byte(rdb::kLength64);
    Raw(&swapped, sizeof swapped);
  }
}

bool RdbWriter::TryInteger(std::string_view bytes) {
  if (bytes.size() > 11) return false;
  const auto value = ParseInteger(bytes);
  if (!value || !Fits(*value, 32)) return false;
  const uint8_t encoding = Fits(*value, 8)    ? rdb::kInt8
                           : Fits(*value, 16) ? rdb::kInt16
                                              : rdb::kInt32;
  Byte(static_cast<uint8_t>(rdb::kEncoded << 6 | encoding));
  Raw(&*value, size_t{1} << encoding);
  return true;
}

bool RdbWriter::TryCompressed(std::string_view bytes) {
  if (!compresses_ || bytes.size() < kCompressedBytesMin || bytes.size() > kCompressedBytesMax) {
    return false;
  }
  // Four bytes less at least, or it is not worth it.
  const size_t packed_max = bytes.size() - 4;
  const std::unique_ptr<uint8_t[]> packed(new uint8_t[packed_max]);
  const size_t packed_bytes = compressor_.Compress(reinterpret_cast<const uint8_t*>(bytes.data()),
                                                   bytes.size(), packed.get(), packed_max);
  if (packed_bytes == 0) return false;
  Byte(rdb::kEncoded << 6 | rdb::kLzf);
  Length(packed_bytes);
  Length(bytes.size());
  Raw(packed.get(), packed_bytes);
  return true;
}

void RdbWriter::String(std::string_view bytes) {
  if (!TryInteger(bytes) && !TryCompressed(bytes)) Blob(bytes);
}

void RdbWriter::Blob(std::string_view bytes) {
  Length(bytes.size());
  Raw(bytes.data(), bytes.size());
}

void RdbWriter::Header() {
  char header[16];
  const int bytes = std::snprintf(header, sizeof header, "REDIS%04d", rdb::kVersionWritten);
  assert(bytes == rdb::kHeaderBytes);
  Raw(header, static_cast<size_t>(bytes));
}

void RdbWriter::Aux(std::string_view name, std::string_view value) {
  Byte(rdb::kAux);
  String(name);
  String(value);
}

void RdbWriter::Function(std::string_view code) {
  Byte(rdb::kFunction);
  String(code);
}

void RdbWriter::SelectDatabase(int db, int64_t key_count, int64_t expiring_count) {
  Byte(rdb::kSelect);
  Length(static_cast<uint64_t>(db));
  Byte(rdb::kResize);
  Length(static_cast<uint64_t>(key_count));
  Length(static_cast<uint64_t>(expiring_count));
}

void RdbWriter::Expiry(int64_t expire_at_ms) {
  if (expire_at_ms < 0) return;
  Byte(rdb::kExpireMs);
  Int64(expire_at_ms);
}

void RdbWriter::Idle(int64_t seconds) {
  Byte(rdb::kIdle);
  Length(static_cast<uint64_t>(seconds));
}

void RdbWriter::Frequency(uint8_t frequency) {
  Byte(rdb::kFrequency);
  Byte(frequency);
}

void RdbWriter::End(bool with_checksum) {
  Byte(rdb::kEnd);
  const uint64_t checksum = with_checksum ? Checksum() : 0;
  Raw(&checksum, sizeof checksum);
  Flush();
}

}  // namespace tutti
