// A line of MONITOR: time, database and address, and the words of a command, quoted as Redis quotes
// them (redis:src/replication.c `replicationFeedMonitors`, src/sds.c `sdscatrepr`).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tutti {

class MonitorLine {
 public:
  // Stamped now. `address` may be longer than Redis' are: a Unix socket's path.
  MonitorLine(int db, std::string_view address);
  void Add(std::string_view word);
  // A word that nobody may see: a password.
  void AddHidden();
  std::string Finish();

 private:
  std::string line_;
};

}  // namespace tutti
