// The exports about plain values, by file.
#pragma once

#include "binding/convert.h"

namespace tutti {

std::span<const Export> SetExports();
std::span<const Export> SortedSetExports();

}  // namespace tutti
