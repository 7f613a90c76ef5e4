// The numbers of the RDB format (redis:src/rdb.h, versions 1 to 11).
#pragma once

#include <cstddef>
#include <cstdint>

namespace tutti::rdb {

// What we write: Redis 7.0 and 7.2 load it.
inline constexpr int kVersionWritten = 10;
// What we read: Redis 7.2's.
inline constexpr int kVersionMax = 11;
inline constexpr size_t kChecksumBytes = 8;
inline constexpr size_t kHeaderBytes = 9;  // REDIS and four digits

enum Type : uint8_t {
  kString = 0,
  kList = 1,
  kSet = 2,
  kSortedSetText = 3,
  kHash = 4,
  kSortedSet = 5,
  kModulePreRelease = 6,
  kModule = 7,
  kHashZipmap = 9,
  kListZiplist = 10,
  kSetIntset = 11,
  kSortedSetZiplist = 12,
  kHashZiplist = 13,
  kListQuicklist = 14,
  kStream1 = 15,
  kHashListpack = 16,
  kSortedSetListpack = 17,
  kListQuicklist2 = 18,
  kStream2 = 19,
  kSetListpack = 20,
  kStream3 = 21,
};

enum Opcode : uint8_t {
  kFunction = 245,
  kFunctionPreRelease = 246,
  kModuleAux = 247,
  kIdle = 248,
  kFrequency = 249,
  kAux = 250,
  kResize = 251,
  kExpireMs = 252,
  kExpireSeconds = 253,
  kSelect = 254,
  kEnd = 255,
};

// The two highest bits of a length's first byte, and what follows the third kind.
inline constexpr uint8_t kLength6 = 0, kLength14 = 1, kLengthLong = 2, kEncoded = 3;
inline constexpr uint8_t kLength32 = 0x80, kLength64 = 0x81;
// The other six of an encoded string.
inline constexpr uint8_t kInt8 = 0, kInt16 = 1, kInt32 = 2, kLzf = 3;

// How a node of kListQuicklist2 is kept.
inline constexpr uint64_t kPlainNode = 1, kPackedNode = 2;

// In front of each field of a module's value.
enum ModuleOpcode : uint8_t {
  kModuleEnd = 0,
  kModuleSigned = 1,
  kModuleUnsigned = 2,
  kModuleFloat = 3,
  kModuleDouble = 4,
  kModuleString = 5,
};

}  // namespace tutti::rdb
