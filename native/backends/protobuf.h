// Reads the wire format of protobuf where a whole parser for one field would be too much.
#ifndef TUTTI_BACKENDS_PROTOBUF_H_
#define TUTTI_BACKENDS_PROTOBUF_H_

#include <cstdint>
#include <string_view>

namespace tutti {

// Takes a varint off the front of `bytes`; false if it has no end.
inline bool ReadVarint(std::string_view* bytes, uint64_t* value) {
  *value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes->front());
    bytes->remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 127) << shift;
    if (byte < 128) return true;
  }
  return false;
}

// One field of a message: `value` of a varint, `content` of what has a length.
struct ProtobufField {
  uint64_t number = 0;
  uint32_t wire_type = 0;
  uint64_t value = 0;
  std::string_view content;
};

constexpr uint32_t kVarintField = 0;
constexpr uint32_t kLengthField = 2;

// Takes a field off the front of `message`; false at its end, or where it is not well-formed.
inline bool ReadField(std::string_view* message, ProtobufField* field) {
  uint64_t tag = 0;
  if (!ReadVarint(message, &tag)) return false;
  *field = {tag >> 3, static_cast<uint32_t>(tag & 7), 0, {}};
  switch (field->wire_type) {
    case kVarintField:
      return ReadVarint(message, &field->value);
    case 1:
    case 5: {
      const size_t fixed_bytes = field->wire_type == 1 ? 8 : 4;
      if (message->size() < fixed_bytes) return false;
      message->remove_prefix(fixed_bytes);
      return true;
    }
    case kLengthField:
      if (!ReadVarint(message, &field->value) || field->value > message->size()) return false;
      field->content = message->substr(0, field->value);
      message->remove_prefix(field->value);
      return true;
    default:
      return false;
  }
}

}  // namespace tutti

#endif  // TUTTI_BACKENDS_PROTOBUF_H_
