// Values in RDB: written and read again, and damaged in every way.
#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "check.h"
#include "core/numbers.h"
#include "inference/model.h"
#include "keyspace/hash.h"
#include "keyspace/list.h"
#include "keyspace/set.h"
#include "keyspace/sorted_set.h"
#include "keyspace/stream.h"
#include "persistence/crc64.h"
#include "persistence/dump.h"
#include "persistence/lzf.h"
#include "persistence/packed_encodings.h"
#include "persistence/values.h"
#include "random.h"
#include "tensor/tensor.h"

namespace {

using namespace tutti;
using tutti::test::Random;
using tutti::test::TestSeed;

// --- values of each kind, small and large ---

std::string RandomText(Random& random) {
  switch (random.Below(5)) {
    case 0:
      return std::to_string(static_cast<int64_t>(random.Below(1u << 20)) - (1 << 19));
    case 1:
      return std::to_string(static_cast<int64_t>(random.Below(UINT64_MAX)));
    case 2:
      return std::string(random.Below(300), 'a');
    default:
      return random.Bytes(random.Below(random.Below(20) == 0 ? 6000 : 40));
  }
}

template <int kParts>
PackedItem<kParts> ItemOf(const std::array<std::string_view, kParts>& parts) {
  PackedItem<kParts> item;
  CHECK(item.Prepare(parts));
  return item;
}

Ref<Object> RandomList(Random& random, size_t count) {
  Ref<StoredList> list = StoredList::New();
  for (size_t i = 0; i < count; ++i) {
    const std::string element = RandomText(random);
    list->Push(ItemOf<1>({element}), true);
  }
  return list;
}

Ref<Object> RandomSet(Random& random, size_t count, bool of_integers) {
  Ref<StoredSet> set = StoredSet::New();
  for (size_t i = 0; i < count; ++i) {
    const int64_t integer = static_cast<int64_t>(random.Below(UINT64_MAX)) >> random.Below(60);
    const std::string member = of_integers ? std::to_string(integer) : RandomText(random);
    set->Add(ItemOf<1>({member}).Borrowed(0));
  }
  return set;
}

Ref<Object> RandomHash(Random& random, size_t count) {
  Graveyard graveyard;
  Ref<StoredHash> hash = StoredHash::New();
  for (size_t i = 0; i < count; ++i) {
    const std::string field = RandomText(random), value = RandomText(random);
    hash->Set(ItemOf<2>({field, value}), graveyard);
  }
  return hash;
}

Ref<Object> RandomSortedSet(Random& random, size_t count) {
  Ref<StoredSortedSet> set = StoredSortedSet::New();
  const double kScores[] = {0, -0.0, 1, -1, 0.1, 1e300, -1e-300, HUGE_VAL, -HUGE_VAL, 3.5e15};
  for (size_t i = 0; i < count; ++i) {
    const std::string member = RandomText(random);
    if (set->Score(member)) continue;
    set->Insert(ItemOf<1>({member}).Borrowed(0), kScores[random.Below(std::size(kScores))]);
  }
  return set;
}

Ref<Object> RandomStream(Random& random, size_t count) {
  Ref<StoredStream> stream = StoredStream::New();
  StreamId id{random.Below(2) ? 1'700'000'000'000u : 0, 1};
  for (size_t i = 0; i < count; ++i) {
    std::vector<std::string> parts;
    const size_t field_count = 1 + random.Below(3);
    for (size_t field = 0; field < field_count; ++field) {
      parts.push_back(random.Below(4) ? "field" + std::to_string(field) : RandomText(random));
      parts.push_back(RandomText(random));
    }
    const std::vector<std::string_view> views(parts.begin(), parts.end());
    const std::string body = StreamEntry::BodyOf(views), sequence = StoredStream::SequenceBytes(id);
    stream->Append(id, ItemOf<2>({sequence, body}));
    if (random.Below(2)) {
      id.ms += random.Below(10'000);
      id.sequence = random.Below(5) ? 0 : UINT64_MAX - 5;
    }
    CHECK(id.Increment());
    if (id <= stream->last_id) id = {stream->last_id.ms + 1, 0};
  }
  stream->max_deleted_id = {7, 8};
  stream->entries_added += random.Below(100);
  if (random.Below(2) && count > 0) {
    std::vector<StreamGroup> groups(2);
    groups[0].name = "empty";
    groups[1].name = "readers";
    groups[1].last_id = stream->last_id;
    groups[1].entries_read = UINT64_MAX;
    groups[1].pending = {{{1, 2}, 1'700'000'000'000, 3}, {{1, 3}, 5, 1}};
    groups[1].consumers = {{"idle", 17, {}}, {"busy", 18, {{1, 2}, {1, 3}}}};
    stream->groups = std::make_shared<const std::vector<StreamGroup>>(std::move(groups));
  }
  return stream;
}

Ref<Object> RandomTensor(Random& random) {
  const auto dtype = static_cast<DType>(random.Below(kDTypeCount));
  std::vector<int64_t> dims(random.Below(4));
  for (int64_t& dim : dims) dim = 1 + static_cast<int64_t>(random.Below(random.Below(9) ? 8 : 40));
  const int64_t count = ElementCount(dims, dtype_row(dtype).element_bytes).value();
  std::string elements;
  for (int64_t i = 0; i < count; ++i) {
    if (dtype == DType::kString) {
      elements += std::string(random.Below(6), 'x') + '\0';
    } else if (dtype == DType::kBool) {
      elements += static_cast<char>(random.Below(2));
    } else {
      elements += random.Bytes(dtype_row(dtype).element_bytes);
    }
  }
  return Tensor::Copy(dtype, dims, elements.data(), elements.size());
}

Ref<Object> RandomModel(Random& random) {
  ModelSpec spec;
  spec.backend = static_cast<BackendKind>(random.Below(kBackendCount));
  spec.device = *ParseDevice(random.Below(2) ? "CPU" : "gpu:1");
  spec.tag = random.Below(2) ? "" : "v1";
  spec.batch_size = static_cast<int64_t>(random.Below(100));
  spec.min_batch_timeout_ms = static_cast<int64_t>(random.Below(100'000));
  spec.inputs = {"a", "b"};
  spec.outputs = {""};
  for (size_t part = random.Below(3); part > 0; --part) {
    const std::string bytes = random.Bytes(1 + random.Below(50'000));
    BlobPart blob{Buffer::Allocate(bytes.size(), MemoryKind::kModels), bytes.size()};
    std::memcpy(blob.buffer->data(), bytes.data(), bytes.size());
    spec.blob.push_back(std::move(blob));
  }
  return Ref<Model>::Adopt(new Model(std::move(spec)));
}

Ref<Object> RandomScript(Random& random) {
  ScriptSpec spec;
  spec.device = *ParseDevice("CPU");
  spec.tag = "t";
  spec.source = "def f(a):\n  return a\n";
  if (random.Below(2)) spec.entry_points = {"f", "g"};
  return Ref<Script>::Adopt(new Script(std::move(spec)));
}

constexpr size_t kKindCount = 9;

Ref<Object> RandomValue(Random& random, size_t kind, size_t count) {
  switch (kind) {
    case 0:
      return RandomList(random, count);
    case 1:
      return RandomSet(random, count, true);
    case 2:
      return RandomSet(random, count, false);
    case 3:
      return RandomHash(random, count);
    case 4:
      return RandomSortedSet(random, count);
    case 5:
      return RandomStream(random, count);
    case 6:
      return RandomTensor(random);
    case 7:
      return RandomModel(random);
    default:
      return RandomScript(random);
  }
}

// The same value is written the same.
std::string DumpOf(const Object& value, bool compresses = true) {
  const Ref<String> payload = Dump(value, compresses);
  CHECK(payload);
  return std::string(payload->view());
}

// A payload of its own, with its checksum.
std::string Sealed(std::string body) {
  body += std::string("\x0b\0", 2);
  const uint64_t checksum = Crc64(0, body.data(), body.size());
  body.append(reinterpret_cast<const char*>(&checksum), sizeof checksum);
  return body;
}

Ref<Object> Restored(const std::string& body) {
  auto value = Undump(Sealed(body));
  if (!value.ok()) std::printf("# %s\n", value.status().message().c_str());
  CHECK(value.ok());
  return std::move(value.value());
}

std::string_view BodyOf(const std::string& payload) {
  return std::string_view(payload).substr(0, payload.size() - 10);
}

}  // namespace

TEST(TheChecksumIsThatOfRedis) {
  // The check value of the Jones CRC-64.
  CHECK_EQUAL(Crc64(0, "123456789", 9), 0xe9c6d914c4b8d9caull);
  CHECK_EQUAL(Crc64(Crc64(0, "1234", 4), "56789", 5), 0xe9c6d914c4b8d9caull);
}

TEST(WhatIsCompressedIsUnpackedAgain) {
  lzf::Compressor compressor;
  Random random(TestSeed());
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    while (bytes.size() < random.Below(20'000)) {
      bytes += random.Below(2) ? random.Bytes(random.Below(40))
                               : std::string(random.Below(600), static_cast<char>(random.Below(3)));
    }
    std::string packed(bytes.size() + bytes.size() / 16 + 64, '\0');
    const auto* in = reinterpret_cast<const uint8_t*>(bytes.data());
    auto* out = reinterpret_cast<uint8_t*>(packed.data());
    const size_t packed_bytes = compressor.Compress(in, bytes.size(), out, packed.size());
    CHECK(packed_bytes > 0 || bytes.empty());
    std::string unpacked(bytes.size(), '\0');
    auto* to = reinterpret_cast<uint8_t*>(unpacked.data());
    CHECK(lzf::Decompress(out, packed_bytes, to, unpacked.size()));
    CHECK(unpacked == bytes);
    if (bytes.empty()) continue;
    // No length but its own.
    CHECK(!lzf::Decompress(out, packed_bytes, to, unpacked.size() - 1));
    CHECK(!lzf::Decompress(out, packed_bytes - 1, to, unpacked.size()));
    CHECK_EQUAL(compressor.Compress(in, bytes.size(), out, packed_bytes - 1), 0u);
  }
}

TEST(EveryValueIsReadAsItWasWritten) {
  Random random(TestSeed());
  for (int round = 0; round < 120; ++round) {
    for (size_t kind = 0; kind < kKindCount; ++kind) {
      const size_t count = 1 + random.Below(round % 10 == 0 ? 2000 : 200);
      const Ref<Object> value = RandomValue(random, kind, count);
      for (const bool compresses : {false, true}) {
        const std::string payload = DumpOf(*value, compresses);
        auto read = Undump(payload);
        if (!read.ok()) std::printf("# kind %zu: %s\n", kind, read.status().message().c_str());
        CHECK(read.ok());
        CHECK(read.value()->kind() == value->kind());
        CHECK(DumpOf(*read.value(), compresses) == payload);
      }
    }
  }
  for (const char* text : {"", "0", "-1", "127", "-128", "128", "32768", "2147483647", "2147483648",
                           "-2147483649", "007", "a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    const Ref<String> string = String::Copy(text);
    auto read = Undump(DumpOf(*string));
    CHECK(read.ok());
    CHECK(static_cast<const String&>(*read.value()).view() == text);
  }
}

TEST(LongStringsAreNotCompressed) {
  // A string that is would take as much memory again while it is written.
  constexpr size_t kCompressedMax = 16 << 20;
  CHECK(DumpOf(*String::Copy(std::string(kCompressedMax, 'a'))).size() < kCompressedMax / 50);
  CHECK(DumpOf(*String::Copy(std::string(kCompressedMax + 1, 'a'))).size() > kCompressedMax);
  CHECK(DumpOf(*String::Copy(std::string(1000, 'a')), false).size() > 1000);
}

TEST(ADamagedValueIsRefusedAndNeverCrashes) {
  Random random(TestSeed());
  size_t refused = 0, accepted = 0;
  for (int round = 0; round < 40; ++round) {
    for (size_t kind = 0; kind < kKindCount; ++kind) {
      const Ref<Object> value = RandomValue(random, kind, 1 + random.Below(60));
      const std::string payload = DumpOf(*value, round % 2 == 0);
      const std::string_view body = BodyOf(payload);
      for (int damage = 0; damage < 60; ++damage) {
        std::string damaged(body);
        switch (random.Below(4)) {
          case 0:
            damaged.resize(random.Below(damaged.size()));
            break;
          case 1:
            damaged[random.Below(damaged.size())] = static_cast<char>(random.Below(256));
            break;
          case 2:
            damaged[random.Below(damaged.size())] ^= static_cast<char>(1 << random.Below(8));
            break;
          default:
            damaged.insert(random.Below(damaged.size()), random.Bytes(1 + random.Below(9)));
        }
        // Without its checksum it is refused at once; with one that fits, by looking at it.
        auto read = Undump(Sealed(damaged));
        ++(read.ok() ? accepted : refused);
        if (!read.ok()) {
          CHECK(read.status().code() == Code::kBadFormat);
          continue;
        }
        // What was only changed is a value like any other: it can be written.
        DumpOf(*read.value());
      }
      std::string unsealed(payload);
      unsealed[random.Below(unsealed.size())] ^= 4;
      CHECK(Undump(unsealed).status().code() == Code::kBadChecksum);
      CHECK(Undump(payload.substr(0, random.Below(payload.size()))).status().code() ==
            Code::kBadChecksum);
    }
  }
  std::printf("# %zu refused, %zu accepted\n", refused, accepted);
  CHECK(refused > accepted);
}

TEST(LengthsAreNotBelieved) {
  const auto refused = [](std::string body) {
    const auto read = Undump(Sealed(std::move(body)));
    return read.status().code() == Code::kBadFormat;
  };
  // A string, a list, a set, a hash, a sorted set and a stream of 2^63 bytes or elements.
  for (const char type : {0, 1, 2, 4, 5, 15, 18, 19, 21}) {
    CHECK(refused(std::string(1, type) + "\x81\x7f\xff\xff\xff\xff\xff\xff\xff"));
    CHECK(refused(std::string(1, type) + std::string("\x80\xff\xff\xff\xff", 5) + "abc"));
  }
  // Compressed, of which one byte would make 2^40.
  CHECK(refused(std::string("\0\xc3\x01\x81\0\0\x01\0\0\0\0\0z", 13)));
  // A listpack that says that it is longer than it is; a tensor of 2^62 elements.
  CHECK(refused(std::string("\x10\x08\xff\xff\0\0\x02\0\x01\xff", 10)));
  CHECK(refused("\x09\x01"));
  CHECK(Undump("").status().code() == Code::kBadChecksum);
}

TEST(TheFormsOfOldVersionsAreRead) {
  const auto list_of = [](const Object& value) {
    std::string all;
    static_cast<const StoredList&>(value).ForEachFrom(0, false, [&](int64_t, const PackedPart& e) {
      all += std::string(e.bytes) + ',';
      return true;
    });
    return all;
  };
  // As Redis 2.4 to 3.0 wrote them. A ziplist of "a", 12, 1000, -1000000, 2^40, -5, 70 times b.
  std::string ziplist(10, '\0');
  size_t previous = 0;
  const auto add = [&](std::string entry) {
    const std::string front = previous < 254 ? std::string(1, static_cast<char>(previous))
                                             : std::string("\xfe") + std::string(4, '\0');
    entry = front + entry;
    previous = entry.size();
    ziplist += entry;
  };
  add(std::string("\x01") + "a");
  add("\xfd");                                             // 12
  add(std::string("\xc0\xe8\x03", 3));                     // int16
  add(std::string("\xf0\xc0\xbd\xf0", 4));                 // int24
  add(std::string("\xe0\0\0\0\0\0\x01\0\0", 9));           // int64
  add(std::string("\xfe\xfb", 2));                         // int8
  add(std::string("\x40\x46", 2) + std::string(70, 'b'));  // 14 bits of length
  ziplist += '\xff';
  const auto bytes = static_cast<uint32_t>(ziplist.size());
  std::memcpy(ziplist.data(), &bytes, 4);
  ziplist[8] = 7;
  const std::string stored = std::string(1, static_cast<char>(0x40 | bytes >> 8)) +
                             std::string(1, static_cast<char>(bytes)) + ziplist;
  const std::string wanted = "a,12,1000,-1000000,1099511627776,-5," + std::string(70, 'b') + ",";
  CHECK(list_of(*Restored("\x0a" + stored)) == wanted);
  CHECK(list_of(*Restored(std::string("\x0e\x02", 2) + stored + stored)) == wanted + wanted);

  // A zipmap of two fields, one with free bytes.
  const Ref<Object> hash = Restored(std::string("\x09\x12\x02\x02k1\x03\x02v1___", 13) +
                                    std::string("\x01k\x02\0vv\xff", 7));
  std::string_view value;
  CHECK(static_cast<const StoredHash&>(*hash).Find("k1", &value) && value == "v1_");
  CHECK(static_cast<const StoredHash&>(*hash).length() == 2);

  // Scores as texts, with infinity in one byte.
  const Ref<Object> scores =
      Restored(std::string("\x03\x02\x01x\x03"
                           "1.5\x01y\xfe",
                           11));
  CHECK(static_cast<const StoredSortedSet&>(*scores).Score("x") == 1.5);
  CHECK(*static_cast<const StoredSortedSet&>(*scores).Score("y") > 1e308);

  // What cannot be: integers of a set that do not ascend, a member twice, a score that is none.
  const auto refused = [](const std::string& body) {
    return Undump(Sealed(body)).status().code() == Code::kBadFormat;
  };
  CHECK(refused(std::string("\x0b\x0c\x02\0\0\0\x02\0\0\0\x05\0\x04\0", 14)));
  CHECK(refused(std::string("\x02\x02\x01x\x01x", 6)));
  CHECK(refused(std::string("\x03\x01\x01x\xfd", 5)));
  CHECK(refused(std::string("\x02\0", 2)));  // nothing in it
}

RUN_TESTS()
