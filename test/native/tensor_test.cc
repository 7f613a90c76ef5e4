#include "tensor/tensor.h"

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "core/memory_account.h"
#include "random.h"
#include "tensor/incoming_blob.h"

namespace {

using namespace tutti;
using tutti::test::Random;
using tutti::test::TestSeed;

Code CheckText(DType dtype, int64_t count, std::string_view blob) {
  return CheckBlob(dtype, count, reinterpret_cast<const uint8_t*>(blob.data()), blob.size()).code();
}

}  // namespace

TEST(KnowsTheDTypes) {
  const struct {
    const char* name;
    DType dtype;
    uint32_t bytes;
  } rows[] = {{"FLOAT", DType::kFloat, 4}, {"DOUBLE", DType::kDouble, 8},
              {"INT8", DType::kInt8, 1},   {"INT16", DType::kInt16, 2},
              {"INT32", DType::kInt32, 4}, {"INT64", DType::kInt64, 8},
              {"UINT8", DType::kUint8, 1}, {"UINT16", DType::kUint16, 2},
              {"BOOL", DType::kBool, 1},   {"STRING", DType::kString, 1}};
  for (const auto& row : rows) {
    CHECK(ParseDType(row.name) == row.dtype);
    CHECK(dtype_row(row.dtype).name == row.name);
    CHECK_EQUAL(dtype_row(row.dtype).element_bytes, row.bytes);
    CHECK_EQUAL(dtype_row(row.dtype).bits, 8 * row.bytes);
  }
  CHECK(ParseDType("fLoAt") == DType::kFloat);
  for (const char* name : {"", "FLOAT32", "UINT32", "FLOA", "FLOAT "}) CHECK(!ParseDType(name));
}

TEST(CountsElementsInCheckedArithmetic) {
  const int64_t most = std::numeric_limits<int64_t>::max();
  const struct {
    std::vector<int64_t> dims;
    uint32_t element_bytes;
    int64_t count;  // -1: refused
  } rows[] = {{{}, 4, 1},
              {{3}, 4, 3},
              {{2, 3, 4}, 8, 24},
              {{0}, 4, -1},
              {{2, 0}, 4, -1},
              {{-1}, 4, -1},
              {{most}, 1, most},
              {{most}, 2, -1},
              {{most, 2}, 1, -1},
              {{int64_t{1} << 32, int64_t{1} << 32}, 1, -1},
              {{int64_t{1} << 31, int64_t{1} << 31}, 1, int64_t{1} << 62},
              {{int64_t{1} << 31, int64_t{1} << 31}, 4, -1},
              {std::vector<int64_t>(255, 1), 4, 1},
              {std::vector<int64_t>(256, 1), 4, -1}};
  for (const auto& row : rows) {
    const Result<int64_t> count = ElementCount(row.dims, row.element_bytes);
    CHECK_EQUAL(count.ok(), row.count >= 0);
    if (count.ok()) {
      CHECK_EQUAL(count.value(), row.count);
    } else {
      CHECK(count.status().code() == Code::kInvalidShape);
    }
  }
}

TEST(RefusesBlobsThatDoNotFit) {
  using namespace std::string_view_literals;
  CHECK(CheckText(DType::kFloat, 2, "12345678") == Code::kOk);
  CHECK(CheckText(DType::kFloat, 2, "1234567") == Code::kWrongBlobLength);
  CHECK(CheckText(DType::kFloat, 2, "") == Code::kWrongBlobLength);
  CHECK(CheckText(DType::kBool, 3, "\0\1\1"sv) == Code::kOk);
  CHECK(CheckText(DType::kBool, 3, "\0\2\1"sv) == Code::kInvalidBool);
  CHECK(CheckText(DType::kBool, 3, "\0\1"sv) == Code::kWrongBlobLength);
  CHECK(CheckText(DType::kString, 2, "a\0b\0"sv) == Code::kOk);
  CHECK(CheckText(DType::kString, 2, "\0\0"sv) == Code::kOk);
  CHECK(CheckText(DType::kString, 2, "a\0b"sv) == Code::kWrongStringCount);
  CHECK(CheckText(DType::kString, 1, "a\0b\0"sv) == Code::kWrongStringCount);
  CHECK(CheckText(DType::kString, 1, "") == Code::kWrongStringCount);
}

TEST(HoldsWhatItWasGivenAndGivesItBack) {
  const size_t used = memory_account::Used();
  Random random(TestSeed());
  for (const size_t bytes :
       {size_t{0}, size_t{1}, size_t{100}, kBlobBytesMin - 1, kBlobBytesMin, 5 * kMiB}) {
    const std::string data = random.Bytes(bytes);
    for (const size_t rank : {0u, 1u, 5u, 255u}) {
      const std::vector<int64_t> dims(rank, 3);
      Ref<Tensor> copy = Tensor::Copy(DType::kInt8, dims, data.data(), bytes);
      CHECK(copy->dtype() == DType::kInt8 && copy->bytes() == bytes);
      CHECK(std::vector<int64_t>(copy->dims().begin(), copy->dims().end()) == dims);
      CHECK(bytes == 0 || std::memcmp(copy->data(), data.data(), bytes) == 0);
      CHECK_EQUAL(memory_account::Used() - used, copy->footprint());
      Ref<Tensor> zeros = Tensor::Zeros(DType::kString, dims, bytes);
      for (size_t i = 0; i < bytes; ++i) {
        if (zeros->data()[i] != 0) CHECK(false);
      }
    }
  }
  CHECK_EQUAL(memory_account::Used(), used);
}

TEST(TakesOverMemoryOfOthers) {
  const size_t used = memory_account::Used();
  static int released = 0;
  std::vector<float> output(1000, 1.5f);
  const int64_t dims[] = {10, 100};
  {
    Ref<Tensor> adopted = Tensor::Adopt(DType::kFloat, dims, output.data(), 4000, &released,
                                        [](void* owner) { ++*static_cast<int*>(owner); });
    CHECK(adopted->data() == reinterpret_cast<uint8_t*>(output.data()));
    CHECK_EQUAL(memory_account::Used() - used, adopted->footprint());
    Ref<Tensor> second = adopted;
    adopted = nullptr;
    CHECK_EQUAL(released, 0);
  }
  CHECK_EQUAL(released, 1);
  Ref<Buffer> buffer = Buffer::Allocate(64 * kKiB, MemoryKind::kRequests);
  uint8_t* data = buffer->data();
  Ref<Tensor> tensor = Tensor::FromBuffer(DType::kInt8, dims, std::move(buffer), 1000);
  CHECK(tensor->data() == data);
  CHECK_EQUAL(memory_account::Used(MemoryKind::kRequests), 0u);
  tensor = nullptr;
  CHECK_EQUAL(memory_account::Used(), used);
}

TEST(AnswersNullWithoutMemory) {
  memory_account::SetMax(memory_account::Used() + 1 * kMiB);
  const int64_t dims[] = {1};
  CHECK(!Tensor::Zeros(DType::kInt8, dims, 2 * kMiB));
  CHECK(!Tensor::Zeros(DType::kInt8, dims, size_t{1} << 60));
  const std::string data(2 * kMiB, 'x');
  CHECK(!Tensor::Copy(DType::kInt8, dims, data.data(), data.size()));
  memory_account::SetMax(0);
}

RUN_TESTS()
