// Reads the reply of a script's command: framed bytes to rows of the backend table.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "core/status.h"
#include "inference/backend.h"
#include "inference/script_command.h"

namespace tutti {

// Owns the reply and the rows that point into it.
class ScriptValues {
 public:
  // kFailed with the text after `-` if the reply is an error. An error within an array is a text.
  static Result<std::unique_ptr<ScriptValues>> Read(ScriptReply reply);

  const std::vector<tutti_value>& values() const { return values_; }

 private:
  explicit ScriptValues(ScriptReply reply) : reply_(std::move(reply)) {}
  ScriptReply reply_;
  std::vector<tutti_value> values_;
};

}  // namespace tutti
