// Operators of TorchScript that reach the files of the machine they run on. Scripts and models come
// from clients, who are not to read or write what is the server's.
#ifndef TUTTI_BACKENDS_TORCH_FILE_OPERATORS_H_
#define TUTTI_BACKENDS_TORCH_FILE_OPERATORS_H_

#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>

#include <string>
#include <string_view>

namespace tutti {

// Those that take a path (aten/src/ATen/native/native_functions.yaml,
// torch/csrc/jit/runtime/register_special_ops.cpp; LibTorch 2.11).
inline std::string FindFileOperator(const torch::jit::Block* block) {
  for (const torch::jit::Node* node : block->nodes()) {
    const std::string name = node->kind().toQualString();
    if (name == "aten::save" || name == "aten::from_file") return name;
    for (const torch::jit::Block* inner : node->blocks()) {
      if (std::string found = FindFileOperator(inner); !found.empty()) return found;
    }
    if (node->hasAttribute(c10::attr::Subgraph)) {
      std::string found = FindFileOperator(node->g(c10::attr::Subgraph)->block());
      if (!found.empty()) return found;
    }
  }
  return {};
}

// In any function or method, whoever calls it; empty if there is none.
inline std::string FindFileOperator(const torch::jit::CompilationUnit& unit) {
  for (torch::jit::Function* function : unit.get_functions()) {
    function->ensure_defined();
    const auto& graph = torch::jit::toGraphFunction(*function).graph();
    if (std::string found = FindFileOperator(graph->block()); !found.empty()) return found;
  }
  return {};
}

}  // namespace tutti

#endif  // TUTTI_BACKENDS_TORCH_FILE_OPERATORS_H_
