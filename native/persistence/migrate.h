// MIGRATE: values sent to another server as payloads of RESTORE, and deleted here once it has them.
//
// Threads: any; blocks on the network for up to the timeout at each step, holding no lock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"

namespace tutti {

struct Migration {
  std::string host;
  std::string port;
  int db = 0;
  int64_t target_db = 0;
  int64_t timeout_ms = 1000;
  bool copies = false;    // keys stay
  bool replaces = false;  // what the target has under them
  bool compresses = true;
  std::optional<std::string> user, password;
  std::vector<std::string> keys;
};

// How often a key that changes while it is sent is sent again.
inline constexpr int kMigrationTriesMax = 100;

// A connection is kept for the next migration to the same peer by the same user: so many, so long.
inline constexpr size_t kKeptPeersMax = 64;
inline constexpr std::chrono::seconds kKeptPeerTime{10};

// kNotFound: none of the keys exists. kFailed with the line that the client reads: some keys may
// have gone over, and those only are deleted.
Status Migrate(const Migration& migration);

// Closes the connections that were not used for so long. Those that are left.
int64_t CloseIdlePeers();

}  // namespace tutti
