#include "keyspace/reply.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/memory_account.h"
#include "core/numbers.h"
#include "tensor/incoming_blob.h"

namespace tutti {

namespace {

uint8_t* NewBlock() {
  void* block = AccountedAlloc(kRowsBytes, MemoryKind::kReplies);
  if (!block) {
    std::fprintf(stderr, "out of memory: %zu bytes for rows of a reply\n", kRowsBytes);
    std::abort();
  }
  return static_cast<uint8_t*>(block);
}

}  // namespace

void Reply::FreeBlock::operator()(uint8_t* block) const {
  AccountedFree(block, MemoryKind::kReplies);
}

void Reply::Begin(uint8_t* first_block) {
  blocks_.clear();
  pieces_.clear();
  pieces_.push_back({first_block});
}

uint8_t* Reply::Row(size_t bytes) {
  if (pieces_.back().bytes + bytes > kRowsBytes) {
    blocks_.emplace_back(NewBlock());
    pieces_.push_back({blocks_.back().get()});
  }
  Piece& piece = pieces_.back();
  uint8_t* row = piece.block + piece.bytes;
  piece.bytes += bytes;
  ++piece.count;
  return row;
}

uint8_t* Reply::Header(RowHeader kind, int64_t count) {
  uint8_t* row = Row(12);
  std::memcpy(row, &kRowHeader, 4);
  std::memcpy(row + 4, &kind, 4);
  SetCount(row, count);
  return row;
}

void Reply::SetCount(uint8_t* header, int64_t count) {
  const auto word = static_cast<uint32_t>(count);
  std::memcpy(header + 8, &word, 4);
}

void Reply::Bulk(std::string_view bytes, Object* owner) {
  if (bytes.size() >= kBlobBytesMin) {
    Ref<Object> kept = Ref<Object>::Share(owner);
    if (!kept) {
      Ref<String> copy = String::Copy(bytes);
      if (!copy) {
        std::fprintf(stderr, "out of memory: %zu bytes for a reply\n", bytes.size());
        std::abort();
      }
      bytes = copy->view();
      kept = std::move(copy);
    }
    const double size = static_cast<double>(bytes.size());
    const uint32_t id = Keep(std::move(kept), bytes);
    uint8_t* row = Row(16);
    std::memcpy(row, &kRowReference, 4);
    std::memcpy(row + 4, &id, 4);
    std::memcpy(row + 8, &size, 8);
    return;
  }
  uint8_t* row = Row(4 + bytes.size());
  const auto size = static_cast<uint32_t>(bytes.size());
  std::memcpy(row, &size, 4);
  if (size > 0) std::memcpy(row + 4, bytes.data(), size);
}

void Reply::Text(uint32_t kind, const char* text, size_t bytes) {
  uint8_t* row = Row(8 + bytes);
  const auto size = static_cast<uint32_t>(bytes);
  std::memcpy(row, &kind, 4);
  std::memcpy(row + 4, &size, 4);
  std::memcpy(row + 8, text, bytes);
}

void Reply::Integer(int64_t value) {
  char text[kNumberBytesMax];
  Text(kRowInteger, text, FormatInteger(value, text));
}

void Reply::Double(double value) {
  char text[kNumberBytesMax];
  Text(kRowDouble, text, FormatDouble(value, text));
}

void Reply::Nil() { std::memcpy(Row(4), &kRowNil, 4); }

}  // namespace tutti
