// A device as commands name it: `CPU`, `GPU`, `CPU:1`, `GPU:0`, in any case.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tutti {

enum class DeviceType : uint8_t { kCpu = 0, kCuda = 1 };

struct Device {
  DeviceType type = DeviceType::kCpu;
  int32_t index = 0;
  std::string name;  // as the client wrote it, and as it is echoed

  // The queue a device's runs wait in: its name in capitals.
  std::string QueueName() const;
};

// `CPU|GPU`, optionally `:` and digits, under 10 characters (RedisAI 1.2.7). Nothing if it is none.
std::optional<Device> ParseDevice(std::string_view name);

}  // namespace tutti
