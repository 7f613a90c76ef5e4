// Whether a TorchScript graph may write through its inputs. Stored tensors never change and are
// handed to the graph without a copy, so an input that an in-place operator may reach is copied.
#ifndef TUTTI_BACKENDS_TORCH_GRAPH_WRITES_H_
#define TUTTI_BACKENDS_TORCH_GRAPH_WRITES_H_

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <memory>
#include <string_view>
#include <vector>

namespace tutti {

struct GraphWrites {
  bool any = false;          // some operator writes some tensor, be it a temporary one
  std::vector<bool> inputs;  // by parameter, `self` included: it may be written
};

// `append` and the like write containers, not elements: they do not count here.
// An input that they keep past the run is found after it, see BorrowedInputs.
inline bool WritesTensor(const c10::Argument& argument) {
  const c10::AliasInfo* alias = argument.alias_info();
  if (alias == nullptr) return false;
  for (const c10::AliasInfo& contained : alias->containedTypes()) {
    if (contained.isWrite()) return true;  // Tensor(a!)[]
  }
  if (!alias->isWrite()) return false;
  const c10::TypeKind kind = argument.type()->kind();
  return kind != c10::TypeKind::ListType && kind != c10::TypeKind::DictType;
}

// redis.execute and redisAI.model_execute, which only read what they are given.
inline bool AsksServer(const torch::jit::Node* node) {
  const std::string_view space = node->kind().ns().toUnqualString();
  return space == "redis" || space == "redisAI";
}

// Errs to the safe side: what it cannot see into counts as a write.
inline bool MayWrite(const torch::jit::Block* block) {
  for (const torch::jit::Node* node : block->nodes()) {
    for (const torch::jit::Block* inner : node->blocks()) {
      if (MayWrite(inner)) return true;
    }
    if (node->hasAttribute(c10::attr::Subgraph)) return true;
    if (const c10::FunctionSchema* schema = node->maybeSchema()) {
      for (const c10::Argument& argument : schema->arguments()) {
        if (WritesTensor(argument)) return true;
      }
      const torch::jit::Operator* op = node->maybeOperator();
      if (op != nullptr && !AsksServer(node) &&
          op->aliasAnalysisKind() == c10::AliasAnalysisKind::CONSERVATIVE) {
        return true;
      }
      continue;
    }
    // Inlining leaves calls through interfaces, and calls of what is no TorchScript.
    if (node->kind() == c10::prim::CallMethod || node->kind() == c10::prim::CallFunction ||
        node->kind() == c10::prim::PythonOp) {
      return true;
    }
  }
  return false;
}

inline GraphWrites FindGraphWrites(torch::jit::Graph& original) {
  std::shared_ptr<torch::jit::Graph> graph = original.copy();
  torch::jit::Inline(*graph);
  GraphWrites writes;
  writes.inputs.assign(graph->inputs().size(), false);
  writes.any = MayWrite(graph->block());
  if (!writes.any) return writes;
  const torch::jit::AliasDb aliases(graph);
  for (size_t i = 0; i < writes.inputs.size(); i++) {
    const torch::jit::Value* input = graph->inputs()[i];
    // The analysis answers for a tensor itself, not for the elements of a list.
    const bool is_tensor = input->type()->kind() == c10::TypeKind::TensorType;
    writes.inputs[i] = !is_tensor || aliases.hasWriters(input);
  }
  // A subgraph (torch.jit.fork) or an uninlined call is opaque to the analysis: copy all.
  for (const torch::jit::Node* node : graph->nodes()) {
    if (node->maybeSchema() == nullptr && node->hasAttribute(c10::attr::Subgraph)) {
      writes.inputs.assign(writes.inputs.size(), true);
    }
  }
  return writes;
}

}  // namespace tutti

#endif  // TUTTI_BACKENDS_TORCH_GRAPH_WRITES_H_
