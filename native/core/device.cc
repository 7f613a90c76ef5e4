#include "core/device.h"

#include <cctype>
#include <charconv>

namespace tutti {

namespace {

constexpr size_t kDeviceNameBytesMax = 9;

char ToUpper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

std::string Device::QueueName() const {
  std::string capitals = name;
  for (char& c : capitals) c = ToUpper(c);
  return capitals;
}

std::optional<Device> ParseDevice(std::string_view name) {
  if (name.size() < 3 || name.size() > kDeviceNameBytesMax) return std::nullopt;
  Device device;
  device.name = name;
  const std::string capitals = device.QueueName();
  if (capitals.starts_with("CPU")) {
    device.type = DeviceType::kCpu;
  } else if (capitals.starts_with("GPU")) {
    device.type = DeviceType::kCuda;
  } else {
    return std::nullopt;
  }
  std::string_view rest = std::string_view(capitals).substr(3);
  if (rest.empty()) return device;
  if (rest.front() != ':') return std::nullopt;
  rest.remove_prefix(1);
  if (rest.empty()) return device;  // RedisAI takes `GPU:`
  for (char c : rest) {
    if (c < '0' || c > '9') return std::nullopt;
  }
  std::from_chars(rest.data(), rest.data() + rest.size(), device.index);
  return device;
}

}  // namespace tutti
