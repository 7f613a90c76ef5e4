#include "tensor/incoming_blob.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "core/memory_account.h"
#include "random.h"
#include "tensor/tensor.h"

namespace {

using namespace tutti;
using tutti::test::Random;
using tutti::test::TestSeed;

// As a socket would fill it, at most `chunk` bytes at a time.
void Receive(IncomingBlob& blob, const std::string& body, size_t from, size_t chunk) {
  while (from < body.size()) {
    const IncomingBlob::Target target = blob.NextTarget(std::min(chunk, body.size() - from));
    CHECK(target.bytes > 0 && target.bytes <= chunk);
    std::memcpy(target.data, body.data() + from, target.bytes);
    blob.Received(target.bytes);
    from += target.bytes;
  }
}

bool Holds(const IncomingBlob& blob, const std::string& body) {
  return blob.is_complete() && !blob.is_refused() &&
         std::memcmp(blob.data(), body.data(), body.size()) == 0;
}

size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t pages = 0;
  size_t resident = 0;
  statm >> pages >> resident;
  return resident * 4096;
}

}  // namespace

TEST(IsWholeHoweverItIsCut) {
  Random random(TestSeed());
  for (const size_t bytes :
       {kBlobBytesMin, kHeadBytes - 1, kHeadBytes, kHeadBytes + 1, 3 * kHeadBytes + 5}) {
    const std::string body = random.Bytes(bytes);
    std::vector<size_t> cuts = {0, 1, bytes - 1, bytes};
    for (size_t near = kHeadBytes - 2; near <= kHeadBytes + 2; ++near) {
      if (near < bytes) cuts.push_back(near);
    }
    for (int i = 0; i < 100; ++i) cuts.push_back(random.Below(bytes + 1));
    for (const bool has_idle : {false, true}) {
      for (const size_t cut : cuts) {
        if (has_idle) {
          Buffer::Allocate(bytes, MemoryKind::kTensors);
        } else {
          buffer_pool::Trim(0);
        }
        IncomingBlob blob(bytes);
        blob.Append(reinterpret_cast<const uint8_t*>(body.data()), cut);
        CHECK_EQUAL(blob.received(), cut);
        CHECK_EQUAL(blob.is_complete(), cut == bytes);
        Receive(blob, body, cut, 1 + random.Below(kHeadBytes * 2));
        CHECK(Holds(blob, body));
        CHECK_EQUAL(blob.NextTarget(1).bytes, 0u);
        CHECK_EQUAL(memory_account::Used(MemoryKind::kRequests), buffer_pool::CapacityOf(bytes));
      }
    }
  }
  buffer_pool::Trim(0);
  CHECK_EQUAL(memory_account::Used(), 0u);
}

TEST(HoldsMoreThanFourGiB) {
  // Nothing is written to most of it: what is only mapped needs no memory.
  constexpr size_t kBytes = 4096 * kMiB + 1;
  IncomingBlob blob(kBytes);
  while (!blob.is_complete()) {
    const IncomingBlob::Target target = blob.NextTarget(256 * kMiB);
    CHECK(target.bytes > 0);
    if (blob.received() == 0) std::memcpy(target.data, "first", 5);
    if (blob.received() + target.bytes == kBytes) target.data[target.bytes - 1] = 'z';
    blob.Received(target.bytes);
  }
  CHECK(!blob.is_refused());
  const int64_t dims[] = {static_cast<int64_t>(kBytes)};
  const auto tensor = Tensor::FromBuffer(DType::kUint8, dims, blob.Share(), kBytes);
  CHECK(tensor && tensor->bytes() == kBytes);
  CHECK(std::memcmp(tensor->data(), "first", 5) == 0 && tensor->data()[kBytes - 1] == 'z');
}

TEST(IsWholeWhenAppendedInTwoParts) {
  const std::string body = Random(TestSeed()).Bytes(kBlobBytesMin);
  for (size_t cut = 0; cut <= body.size(); cut += 7) {
    IncomingBlob blob(body.size());
    const auto* bytes = reinterpret_cast<const uint8_t*>(body.data());
    blob.Append(bytes, cut);
    blob.Append(bytes + cut, body.size() - cut);
    CHECK(Holds(blob, body));
  }
}

TEST(AClaimIsNotMemory) {
  buffer_pool::Trim(0);
  const size_t resident = ResidentBytes();
  std::vector<std::unique_ptr<IncomingBlob>> blobs;
  const std::string start(kHeadBytes + 1, 'x');
  for (int i = 0; i < 1000; ++i) {
    blobs.push_back(std::make_unique<IncomingBlob>(4 * kGiB));
    CHECK(blobs.back()->NextTarget(SIZE_MAX).bytes == kHeadBytes);
  }
  CHECK_EQUAL(memory_account::Used(), 0u);
  for (int i = 0; i < 10; ++i) Receive(*blobs[static_cast<size_t>(i)], start, 0, kHeadBytes);
  CHECK_EQUAL(memory_account::Used(), 10 * start.size());
  CHECK_EQUAL(buffer_pool::IdleBytes(), 0u);  // the heads are not left behind
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(ResidentBytes() - std::min(resident, ResidentBytes()) < 16 * kMiB);
#else
  (void)resident;
#endif
  blobs.clear();
  CHECK_EQUAL(memory_account::Used(), 0u);
}

TEST(ReadsAndThrowsAwayWhatIsRefused) {
  memory_account::SetMax(10 * kMiB);
  IncomingBlob at_once(11 * kMiB);
  CHECK(at_once.is_refused());
  CHECK_EQUAL(at_once.NextTarget(1).bytes, 0u);

  // Two that fit alone, not together: the one that passes the limit is refused while it arrives.
  IncomingBlob first(6 * kMiB);
  IncomingBlob second(6 * kMiB);
  CHECK(!first.is_refused() && !second.is_refused());
  const std::string body(6 * kMiB, 'b');
  Receive(first, body, 0, kHeadBytes);
  size_t sent = 0;
  while (!second.is_refused() && !second.is_complete()) {
    const IncomingBlob::Target target = second.NextTarget(kHeadBytes);
    std::memset(target.data, 'b', target.bytes);
    second.Received(target.bytes);
    sent += target.bytes;
  }
  CHECK(second.is_refused() && !second.Share() && sent > 3 * kMiB);
  second.Append(reinterpret_cast<const uint8_t*>(body.data()), body.size() - sent);
  CHECK(second.is_complete() && second.is_refused());
  CHECK(Holds(first, body));
  CHECK_EQUAL(memory_account::Used(), 6 * kMiB);
  memory_account::SetMax(0);

  CHECK(IncomingBlob(SIZE_MAX).is_refused() || IncomingBlob(SIZE_MAX).NextTarget(1).bytes > 0);
  IncomingBlob huge(size_t{1} << 46);  // its head comes, the whole cannot be mapped or is
  Receive(huge, std::string(kHeadBytes, 'h'), 0, kHeadBytes);
  CHECK_EQUAL(huge.received(), kHeadBytes);
}

TEST(OutlivesItsConnection) {
  Ref<Buffer> kept;
  const std::string body = Random(TestSeed()).Bytes(200 * kKiB);
  {
    IncomingBlob blob(body.size());
    Receive(blob, body, 0, 64 * kKiB);
    kept = blob.Share();
  }
  CHECK(std::memcmp(kept->data(), body.data(), body.size()) == 0);
}

RUN_TESTS()
