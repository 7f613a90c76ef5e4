// Runs a stored model on the calling thread: what redisAI.model_execute does in a script.
#pragma once

#include <span>
#include <string_view>

#include "core/status.h"
#include "inference/backend.h"
#include "inference/compiler.h"

namespace tutti {

// The run goes past the queue and into no batch. It waits for its turn where the backend limits how
// often a model runs at once, and is counted as any other. Fills all of `outputs`, to be released
// by the caller, or none. kFailed with the text that a client reads.
Status RunModelInPlace(Compiler& compiler, int db, std::string_view key,
                       std::span<const tutti_tensor> inputs, std::span<tutti_tensor> outputs);

}  // namespace tutti
