// Operators of TorchScript that reach the files of the machine they run on. Scripts and models come
// from clients, who are not to read or write what is the server's.
#ifndef TUTTI_BACKENDS_TORCH_FILE_OPERATORS_H_
#define TUTTI_BACKENDS_TORCH_FILE_OPERATORS_H_

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>

#include <memory>
#include <regex>
#include <string>
#include <utility>

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

// In the source of an archive that is not loaded yet: a module's __setstate__ runs while it is.
inline std::string FindFileOperator(
    const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& archive) {
  static const std::regex kCall(R"(\b(?:torch|ops\.aten)\.(save|from_file)\()");
  caffe2::serialize::PyTorchStreamReader reader(archive);
  for (const std::string& name : reader.getAllRecords()) {
    if (!name.starts_with("code/")) continue;
    const auto [source, bytes] = reader.getRecord(name);
    const char* const begin = static_cast<const char*>(source.get());
    std::cmatch found;
    if (std::regex_search(begin, begin + bytes, found, kCall)) return "aten::" + found[1].str();
  }
  return {};
}

}  // namespace tutti

#endif  // TUTTI_BACKENDS_TORCH_FILE_OPERATORS_H_
