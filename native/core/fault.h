// Lets a test make allocations fail, one after the other: only a test program defines the function,
// elsewhere its address is null.
#pragma once

extern "C" __attribute__((weak)) bool tutti_test_allocation_fails();

namespace tutti {

inline bool AllocationFails() {
  return tutti_test_allocation_fails && tutti_test_allocation_fails();
}

}  // namespace tutti
