// A blob that came in pieces, as LibTorch reads archives.
#ifndef TUTTI_BACKENDS_TORCH_CHUNK_READER_H_
#define TUTTI_BACKENDS_TORCH_CHUNK_READER_H_

#include <caffe2/serialize/read_adapter_interface.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "../../inference/backend.h"

namespace tutti {

// The pieces of a blob, read as one file.
class ChunkReader : public caffe2::serialize::ReadAdapterInterface {
 public:
  ChunkReader(const tutti_bytes* chunks, size_t chunk_count)
      : chunks_(chunks, chunks + chunk_count) {}

  size_t size() const override {
    size_t bytes = 0;
    for (const tutti_bytes& chunk : chunks_) bytes += chunk.bytes;
    return bytes;
  }

  size_t read(uint64_t position, void* buffer, size_t wanted_bytes,
              const char* /*what*/) const override {
    size_t read_bytes = 0;
    for (const tutti_bytes& chunk : chunks_) {
      if (position >= chunk.bytes) {
        position -= chunk.bytes;
        continue;
      }
      const size_t part_bytes = std::min<size_t>(chunk.bytes - position, wanted_bytes - read_bytes);
      std::memcpy(static_cast<char*>(buffer) + read_bytes, chunk.data + position, part_bytes);
      read_bytes += part_bytes;
      position = 0;
      if (read_bytes == wanted_bytes) break;
    }
    return read_bytes;
  }

 private:
  std::vector<tutti_bytes> chunks_;
};

}  // namespace tutti

#endif  // TUTTI_BACKENDS_TORCH_CHUNK_READER_H_
