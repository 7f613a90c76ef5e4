// The thread that deletes what has expired and gives back memory that lies idle. Nice 19.
#pragma once

namespace tutti::expiry {

void StartThread();
void StopThread();

// One round over all stripes, each for at most 1 ms at a time, until nothing expired is left.
void RunOnce();

}  // namespace tutti::expiry
