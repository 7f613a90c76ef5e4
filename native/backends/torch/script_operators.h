// What scripts may call beside torch: redis.execute, redis.asList and redisAI.model_execute
// (compat.md 1.8). The names are known to the compiler at once; the server is asked only when they
// are called.
#ifndef TUTTI_BACKENDS_TORCH_SCRIPT_OPERATORS_H_
#define TUTTI_BACKENDS_TORCH_SCRIPT_OPERATORS_H_

#include <c10/core/Device.h>
#include <torch/csrc/jit/api/compilation_unit.h>

#include <memory>
#include <string>

#include "../../inference/backend.h"

namespace tutti {

// Makes the operators known to TorchScript. To be called once, before anything is compiled.
// `host` may be null: then they fail when they are called.
void RegisterScriptOperators(const tutti_host* host);

// As torch::jit::compile(), with the namespaces `redis` and `redisAI` in any letter case.
std::shared_ptr<torch::jit::CompilationUnit> CompileScript(const std::string& source);

// On whose behalf the operators are called.
struct ScriptContext {
  void* caller;
  c10::Device device;  // where the script's tensors are
  bool may_write;      // it has operators that write tensors in place
};

// Sets the context of the calling thread for a while. Null, as in a model that a script runs, and
// in threads that no script runs on: the operators fail.
class ScriptScope {
 public:
  explicit ScriptScope(const ScriptContext* context);
  ~ScriptScope();
  ScriptScope(const ScriptScope&) = delete;
  ScriptScope& operator=(const ScriptScope&) = delete;

 private:
  const ScriptContext* const outer_;
};

}  // namespace tutti

#endif  // TUTTI_BACKENDS_TORCH_SCRIPT_OPERATORS_H_
