#include "binding/data_exports.h"

namespace tutti {

std::span<const std::span<const Export>> DataExports() {
  static const std::span<const Export> lists[] = {
      AnyKeyExports(), StringExports(),    HashExports(),   ListExports(),
      SetExports(),    SortedSetExports(), StreamExports(),
  };
  return lists;
}

}  // namespace tutti
