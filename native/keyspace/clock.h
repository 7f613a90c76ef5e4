// The time that expiry goes by.
#pragma once

#include <cstdint>

namespace tutti {

// Unix time in milliseconds.
int64_t UnixTimeMs();

// While the journal is read at the start: keys go when it says so, whatever the time.
void SetNothingExpires(bool nothing_expires);
bool NothingExpires();
// Whether a key that expires then is to be deleted now.
bool IsPast(int64_t expire_at_ms);

// Turns the clock by hand; -1 goes back to the system's. For tests.
void SetUnixTimeMsForTest(int64_t now_ms);

}  // namespace tutti
