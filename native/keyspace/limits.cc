#include "keyspace/limits.h"

namespace tutti {

constinit ValueLimits value_limits;

}  // namespace tutti
