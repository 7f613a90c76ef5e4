// SHA-1 (FIPS 180-4): for digests that are compared with redis-server's, not for secrets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tutti {

using Sha1Digest = std::array<uint8_t, 20>;

Sha1Digest Sha1(std::string_view bytes);

}  // namespace tutti
