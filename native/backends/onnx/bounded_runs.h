// Tells whether the time of an ONNX model's runs follows from the shapes of its inputs: whether the
// graph has no loops or branches, and no value decides how large a tensor becomes.
#ifndef TUTTI_BACKENDS_ONNX_BOUNDED_RUNS_H_
#define TUTTI_BACKENDS_ONNX_BOUNDED_RUNS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_set>

#include "../protobuf.h"

namespace tutti {

// An operator of the ONNX or ONNX-ML standard (docs/Operators.md, Operators-ml.md of onnx 1.17).
struct BoundedOperator {
  std::string_view name;
  // From this input on, values decide about shapes. They must not come from the caller.
  size_t first_shape_input = SIZE_MAX;
};

// In the order of their names. What is not here may take any time: Loop, Scan, If, NonZero,
// Compress, Unique, the random and the string operators, sequences.
inline constexpr BoundedOperator kBoundedOperators[] = {
    {"Abs"},
    {"Acos"},
    {"Acosh"},
    {"Add"},
    {"And"},
    {"ArgMax"},
    {"ArgMin"},
    {"Asin"},
    {"Asinh"},
    {"Atan"},
    {"Atanh"},
    {"AveragePool"},
    {"BatchNormalization"},
    {"Binarizer"},
    {"Cast"},
    {"Ceil"},
    {"Celu"},
    {"Clip"},
    {"Concat"},
    {"Constant"},
    {"ConstantOfShape", 0},
    {"Conv"},
    {"ConvInteger"},
    {"ConvTranspose"},
    {"Cos"},
    {"Cosh"},
    {"CumSum"},
    {"DepthToSpace"},
    {"DequantizeLinear"},
    {"Div"},
    {"Dropout"},
    {"DynamicQuantizeLinear"},
    {"Einsum"},
    {"Elu"},
    {"Equal"},
    {"Erf"},
    {"Exp"},
    {"Expand", 1},
    {"FeatureVectorizer"},
    {"Flatten"},
    {"Floor"},
    {"GRU"},
    {"Gather"},
    {"GatherElements"},
    {"Gelu"},
    {"Gemm"},
    {"GlobalAveragePool"},
    {"GlobalLpPool"},
    {"GlobalMaxPool"},
    {"Greater"},
    {"GreaterOrEqual"},
    {"GroupNormalization"},
    {"HardSigmoid"},
    {"HardSwish"},
    {"Hardmax"},
    {"Identity"},
    {"Imputer"},
    {"InstanceNormalization"},
    {"IsInf"},
    {"IsNaN"},
    {"LRN"},
    {"LSTM"},
    {"LayerNormalization"},
    {"LeakyRelu"},
    {"Less"},
    {"LessOrEqual"},
    {"LinearClassifier"},
    {"LinearRegressor"},
    {"Log"},
    {"LogSoftmax"},
    {"LpNormalization"},
    {"LpPool"},
    {"MatMul"},
    {"MatMulInteger"},
    {"Max"},
    {"MaxPool"},
    {"Mean"},
    {"MeanVarianceNormalization"},
    {"Min"},
    {"Mish"},
    {"Mod"},
    {"Mul"},
    {"Neg"},
    {"Normalizer"},
    {"Not"},
    {"Or"},
    {"PRelu"},
    {"Pad", 1},
    {"Pow"},
    {"QLinearConv"},
    {"QLinearMatMul"},
    {"QuantizeLinear"},
    {"RNN"},
    {"Range", 0},
    {"Reciprocal"},
    {"ReduceL1", 1},
    {"ReduceL2", 1},
    {"ReduceLogSum", 1},
    {"ReduceLogSumExp", 1},
    {"ReduceMax", 1},
    {"ReduceMean", 1},
    {"ReduceMin", 1},
    {"ReduceProd", 1},
    {"ReduceSum", 1},
    {"ReduceSumSquare", 1},
    {"Relu"},
    {"Reshape", 1},
    {"Resize", 1},
    {"Round"},
    {"SVMClassifier"},
    {"SVMRegressor"},
    {"Scaler"},
    {"Selu"},
    {"Shape"},
    {"Shrink"},
    {"Sigmoid"},
    {"Sign"},
    {"Sin"},
    {"Sinh"},
    {"Size"},
    {"Slice", 1},
    {"Softmax"},
    {"Softplus"},
    {"Softsign"},
    {"SpaceToDepth"},
    {"Split", 1},
    {"Sqrt"},
    {"Squeeze", 1},
    {"Sub"},
    {"Sum"},
    {"Tan"},
    {"Tanh"},
    {"ThresholdedRelu"},
    {"Tile", 1},
    {"TopK", 1},
    {"Transpose"},
    {"TreeEnsemble"},
    {"TreeEnsembleClassifier"},
    {"TreeEnsembleRegressor"},
    {"Unsqueeze", 1},
    {"Where"},
    {"Xor"},
};
static_assert(std::ranges::is_sorted(kBoundedOperators, {}, &BoundedOperator::name));

// Reads a model's bytes once. The views are into them.
class BoundedRuns {
 public:
  // False also for what is not well-formed.
  static bool Has(std::string_view model) { return BoundedRuns().HasModel(model); }

 private:
  // The numbers of fields are those of onnx.proto3.
  bool HasModel(std::string_view model) {
    std::string_view graph;
    ProtobufField field;
    while (ReadField(&model, &field)) {
      constexpr uint64_t kGraph = 7, kFunctions = 25;
      if (field.number == kFunctions) return false;
      if (field.number != kGraph) continue;
      if (!graph.empty()) return false;  // protobuf would make one of the two
      graph = field.content;
    }
    return model.empty() && !graph.empty() && HasGraph(graph);
  }

  bool HasGraph(std::string_view graph) {
    constexpr uint64_t kNode = 1, kInitializer = 5;
    constexpr uint64_t kNameOfTensor = 8;
    std::string_view rest = graph;
    ProtobufField field;
    while (ReadField(&rest, &field)) {
      if (field.number == kInitializer) fixed_.insert(TextOf(field.content, kNameOfTensor));
    }
    // Each after those whose outputs it reads.
    while (ReadField(&graph, &field)) {
      if (field.number == kNode && !HasNode(field.content)) return false;
    }
    return rest.empty() && graph.empty();
  }

  bool HasNode(std::string_view node) {
    constexpr uint64_t kInput = 1, kOutput = 2, kOperator = 4, kDomain = 7;
    const std::string_view domain = TextOf(node, kDomain);
    if (!domain.empty() && domain != "ai.onnx" && domain != "ai.onnx.ml") return false;
    const std::string_view name = TextOf(node, kOperator);
    const auto* const found =
        std::ranges::lower_bound(kBoundedOperators, name, {}, &BoundedOperator::name);
    if (found == std::end(kBoundedOperators) || found->name != name) return false;

    bool are_outputs_fixed = true;
    size_t input = 0;
    std::string_view rest = node;
    ProtobufField field;
    while (ReadField(&rest, &field)) {
      if (field.number != kInput) continue;
      const bool is_fixed = field.content.empty() || fixed_.contains(field.content);
      if (!is_fixed && input >= found->first_shape_input) return false;
      are_outputs_fixed = are_outputs_fixed && is_fixed;
      input++;
    }
    if (!are_outputs_fixed && name != "Shape" && name != "Size") return true;
    while (ReadField(&node, &field)) {
      if (field.number == kOutput) fixed_.insert(field.content);
    }
    return true;
  }

  // The last text of that number, as protobuf reads it; empty without one.
  static std::string_view TextOf(std::string_view message, uint64_t number) {
    std::string_view text;
    ProtobufField field;
    while (ReadField(&message, &field)) {
      if (field.number == number && field.wire_type == kLengthField) text = field.content;
    }
    return text;
  }

  // Names of values that are the same in each run, or follow from the inputs' shapes.
  std::unordered_set<std::string_view> fixed_;
};

}  // namespace tutti

#endif  // TUTTI_BACKENDS_ONNX_BOUNDED_RUNS_H_
