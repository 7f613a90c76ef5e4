// The checksum of RDB files and DUMP payloads: CRC-64 with Jones' polynomial 0xad93d23594c935a9,
// reflected, from 0, without a final xor.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tutti {

// Of what `crc` is of, followed by these bytes.
uint64_t Crc64(uint64_t crc, const void* data, size_t bytes);

}  // namespace tutti
