#include "persistence/digest.h"

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "inference/model.h"
#include "keyspace/hash.h"
#include "keyspace/keyspace.h"
#include "keyspace/list.h"
#include "keyspace/set.h"
#include "keyspace/sorted_set.h"
#include "keyspace/stream.h"
#include "tensor/tensor.h"

namespace tutti {

namespace {

std::string_view BytesOf(const Sha1Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// What is joined so has no order.
void Join(Sha1Digest& digest, std::string_view bytes) {
  const Sha1Digest more = Sha1(bytes);
  for (size_t i = 0; i < digest.size(); ++i) digest[i] ^= more[i];
}

// What is chained so has one.
void Chain(Sha1Digest& digest, std::string_view bytes) {
  Join(digest, bytes);
  digest = Sha1(BytesOf(digest));
}

// As Redis' file format has it on the wire: the highest byte first.
void ChainNumber(Sha1Digest& digest, uint32_t number) {
  const char bytes[] = {static_cast<char>(number >> 24), static_cast<char>(number >> 16),
                        static_cast<char>(number >> 8), static_cast<char>(number)};
  Chain(digest, {bytes, sizeof bytes});
}

// Types as redis:src/server.h numbers them.
uint32_t TypeOf(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kString:
      return 0;
    case ObjectKind::kList:
      return 1;
    case ObjectKind::kSet:
      return 2;
    case ObjectKind::kSortedSet:
      return 3;
    case ObjectKind::kHash:
      return 4;
    case ObjectKind::kStream:
      return 6;
    default:
      return 5;  // a module's
  }
}

void AddSortedSet(Sha1Digest& digest, const StoredSortedSet& set) {
  set.ForEach([&](const ScoredMember& each) {
    char score[128];
    const int bytes = std::snprintf(score, sizeof score, "%.17g", each.score);
    Sha1Digest member{};
    Chain(member, each.member.bytes);
    Chain(member, {score, static_cast<size_t>(bytes)});
    Join(digest, BytesOf(member));
    return true;
  });
}

void AddHash(Sha1Digest& digest, const StoredHash& hash) {
  hash.ForEachPart(0, [&](const PackedPart& field, const PackedPart& value) {
    Sha1Digest pair{};
    Chain(pair, field.bytes);
    Chain(pair, value.bytes);
    Join(digest, BytesOf(pair));
    return true;
  });
}

void AddStream(Sha1Digest& digest, const StoredStream& stream) {
  stream.ForRange({}, kStreamIdMax, false, [&](const StreamEntry& entry) {
    Chain(digest, std::to_string(entry.id.ms) + "." + std::to_string(entry.id.sequence));
    entry.ForEachPart([&](std::string_view part) { Chain(digest, part); });
    return true;
  });
}

void AddTensor(Sha1Digest& digest, const Tensor& tensor) {
  ChainNumber(digest, static_cast<uint32_t>(tensor.dtype()));
  const auto dims = tensor.dims();
  Chain(digest, {reinterpret_cast<const char*>(dims.data()), dims.size_bytes()});
  Chain(digest, {reinterpret_cast<const char*>(tensor.data()), tensor.bytes()});
}

void AddModel(Sha1Digest& digest, const Model& model) {
  const ModelSpec& spec = model.spec();
  Chain(digest, backend_name(spec.backend));
  Chain(digest, spec.device.name);
  Chain(digest, spec.tag);
  for (const auto* names : {&spec.inputs, &spec.outputs}) {
    for (const std::string& name : *names) Chain(digest, name);
  }
  std::string blob(model.blob_bytes(), '\0');
  model.CopyBlob(0, blob.size(), reinterpret_cast<uint8_t*>(blob.data()));
  Chain(digest, blob);
}

void AddScript(Sha1Digest& digest, const Script& script) {
  const ScriptSpec& spec = script.spec();
  Chain(digest, spec.device.name);
  Chain(digest, spec.tag);
  for (const std::string& name : spec.entry_points) Chain(digest, name);
  Chain(digest, spec.source);
}

void AddValue(Sha1Digest& digest, const Object& value, bool expires) {
  ChainNumber(digest, TypeOf(value.kind()));
  switch (value.kind()) {
    case ObjectKind::kString:
      Chain(digest, static_cast<const String&>(value).view());
      break;
    case ObjectKind::kList:
      static_cast<const StoredList&>(value).ForEachFrom(
          0, false,
          [&](int64_t, const PackedPart& part) { return Chain(digest, part.bytes), true; });
      break;
    case ObjectKind::kSet:
      static_cast<const StoredSet&>(value).ForEach(
          0, [&](const PackedPart& part) { return Join(digest, part.bytes), true; });
      break;
    case ObjectKind::kSortedSet:
      AddSortedSet(digest, static_cast<const StoredSortedSet&>(value));
      break;
    case ObjectKind::kHash:
      AddHash(digest, static_cast<const StoredHash&>(value));
      break;
    case ObjectKind::kStream:
      AddStream(digest, static_cast<const StoredStream&>(value));
      break;
    case ObjectKind::kTensor:
      AddTensor(digest, static_cast<const Tensor&>(value));
      break;
    case ObjectKind::kModel:
      AddModel(digest, static_cast<const Model&>(value));
      break;
    case ObjectKind::kScript:
      AddScript(digest, static_cast<const Script&>(value));
      break;
    default:
      break;
  }
  if (expires) Join(digest, "!!expire!!");
}

}  // namespace

Sha1Digest DigestOfValue(const Object* value, bool expires) {
  Sha1Digest digest{};
  if (value) AddValue(digest, *value, expires);
  return digest;
}

Sha1Digest DigestOfAll() {
  Keyspace& keyspace = Keyspace::Get();
  Sha1Digest all{};
  for (int db = 0; db < kDatabaseCountMax; ++db) {
    if (keyspace.Size(db) == 0) continue;
    ChainNumber(all, static_cast<uint32_t>(db));
    keyspace.ForEachWithExpiry(
        db, [&](std::string_view key, const Ref<Object>& value, int64_t expire_at_ms) {
          Sha1Digest digest{};
          Chain(digest, key);
          AddValue(digest, *value, expire_at_ms >= 0);
          Join(all, BytesOf(digest));
        });
  }
  return all;
}

}  // namespace tutti
