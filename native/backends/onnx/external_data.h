// Finds weights that an ONNX model wants from a file. A model comes from a client: the runtime
// would read the file, of any name, on the server's disk.
#ifndef TUTTI_BACKENDS_ONNX_EXTERNAL_DATA_H_
#define TUTTI_BACKENDS_ONNX_EXTERNAL_DATA_H_

#include <cstdint>
#include <string_view>

#include "../protobuf.h"

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

// What is not well-formed is left for the runtime to refuse. Deeper nesting than `depth_left`
// counts as external data: no real model has it.
inline bool HasExternalData(std::string_view bytes, OnnxMessage message = OnnxMessage::kModel,
                            int depth_left = 100) {
  if (depth_left == 0) return true;
  ProtobufField field;
  while (ReadField(&bytes, &field)) {
    // TensorProto.data_location = EXTERNAL, or external_data
    if (message == OnnxMessage::kTensor &&
        (field.wire_type == kVarintField ? field.number == 14 && field.value == 1
                                         : field.wire_type == kLengthField && field.number == 13)) {
      return true;
    }
    if (field.wire_type != kLengthField) continue;
    const OnnxMessage inner = InnerMessage(message, field.number);
    if (inner != OnnxMessage::kOther && HasExternalData(field.content, inner, depth_left - 1)) {
      return true;
    }
  }
  return false;
}

}  // namespace tutti

#endif  // TUTTI_BACKENDS_ONNX_EXTERNAL_DATA_H_
