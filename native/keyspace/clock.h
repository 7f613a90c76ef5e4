// The time that expiry goes by.
#pragma once

#include <cstdint>

namespace tutti {

// Unix time in milliseconds.
int64_t UnixTimeMs();

// Turns the clock by hand; -1 goes back to the system's. For tests.
void SetUnixTimeMsForTest(int64_t now_ms);

}  // namespace tutti
