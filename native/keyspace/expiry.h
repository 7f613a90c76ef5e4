// The thread that deletes what has expired, evicts what others have left over, and gives back
// memory that lies idle.
#pragma once

#include <cstdint>

namespace tutti::expiry {

void StartThread();
void StopThread();
// It begins its next round at once.
void Wake();
// Whether it deletes what has expired, as it does at first (DEBUG SET-ACTIVE-EXPIRE). Commands do
// in any case.
void SetActive(bool is_active);
// It deletes nothing until that Unix time, as long as CLIENT PAUSE lasts; 0: it goes on. Neither
// does who reads.
void RestUntil(int64_t unix_ms);
bool IsResting();

// One round over all stripes, each for at most 1 ms at a time, until nothing expired is left.
void RunOnce();

}  // namespace tutti::expiry
