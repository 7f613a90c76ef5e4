// Finds weights that an ONNX model wants from a file. A model comes from a client: the runtime
// would read the file, of any name, on the server's disk.
#ifndef TUTTI_BACKENDS_ONNX_EXTERNAL_DATA_H_
#define TUTTI_BACKENDS_ONNX_EXTERNAL_DATA_H_

#include <cstdint>
#include <string_view>

namespace tutti {

// The messages of onnx.proto3 (IR version 10) that lead to a TensorProto.
enum class OnnxMessage {
  kModel,
  kGraph,
  kNode,
  kAttribute,
  kTensor,
  kSparseTensor,
  kFunction,
  kTraining,
  kOther
};

inline OnnxMessage InnerMessage(OnnxMessage outer, uint64_t field) {
  using M = OnnxMessage;
  switch (outer) {
    case M::kModel:
      return field == 7    ? M::kGraph
             : field == 20 ? M::kTraining
             : field == 25 ? M::kFunction
                           : M::kOther;
    case M::kTraining:
      return field == 1 || field == 2 ? M::kGraph : M::kOther;
    case M::kGraph:
      return field == 1    ? M::kNode
             : field == 5  ? M::kTensor
             : field == 15 ? M::kSparseTensor
                           : M::kOther;
    case M::kFunction:
      return field == 7 ? M::kNode : field == 11 ? M::kAttribute : M::kOther;
    case M::kNode:
      return field == 5 ? M::kAttribute : M::kOther;
    case M::kAttribute:
      if (field == 5 || field == 10) return M::kTensor;
      if (field == 6 || field == 11) return M::kGraph;
      return field == 22 || field == 23 ? M::kSparseTensor : M::kOther;
    case M::kSparseTensor:
      return field == 1 || field == 2 ? M::kTensor : M::kOther;
    default:
      return M::kOther;
  }
}

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

// What is not well-formed is left for the runtime to refuse. Deeper nesting than `depth_left`
// counts as external data: no real model has it.
inline bool HasExternalData(std::string_view bytes, OnnxMessage message = OnnxMessage::kModel,
                            int depth_left = 100) {
  if (depth_left == 0) return true;
  while (!bytes.empty()) {
    uint64_t tag = 0;
    uint64_t value = 0;
    if (!ReadVarint(&bytes, &tag)) return false;
    const uint64_t field = tag >> 3;
    switch (tag & 7) {
      case 0:
        if (!ReadVarint(&bytes, &value)) return false;
        // TensorProto.data_location = EXTERNAL
        if (message == OnnxMessage::kTensor && field == 14 && value == 1) return true;
        break;
      case 1:
      case 5: {
        const size_t fixed_bytes = (tag & 7) == 1 ? 8 : 4;
        if (bytes.size() < fixed_bytes) return false;
        bytes.remove_prefix(fixed_bytes);
        break;
      }
      case 2: {
        if (!ReadVarint(&bytes, &value) || value > bytes.size()) return false;
        if (message == OnnxMessage::kTensor && field == 13) return true;  // external_data
        const OnnxMessage inner = InnerMessage(message, field);
        if (inner != OnnxMessage::kOther &&
            HasExternalData(bytes.substr(0, value), inner, depth_left - 1)) {
          return true;
        }
        bytes.remove_prefix(value);
        break;
      }
      default:
        return false;
    }
  }
  return false;
}

}  // namespace tutti

#endif  // TUTTI_BACKENDS_ONNX_EXTERNAL_DATA_H_
