// The exports about plain values, by file.
#pragma once

#include "binding/convert.h"

namespace tutti {

std::span<const Export> AnyKeyExports();
std::span<const Export> StringExports();
std::span<const Export> HashExports();
std::span<const Export> ListExports();
std::span<const Export> SetExports();
std::span<const Export> SortedSetExports();
std::span<const Export> StreamExports();

}  // namespace tutti
