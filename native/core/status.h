// How native/ says that something failed. Only binding/ turns a Status into words for a client,
// and only where the words are a runtime's own.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace tutti {

// The numbers are part of the binding's interface (lib/engine/addon.ts, `codes`): a native call
// answers the negative of one of these, or a value that is not negative.
enum class Code : int32_t {
  kOk = 0,
  kNotFound = 1,      // no such key
  kWrongType = 2,     // the key holds another type
  kOutOfMemory = 3,   // maxmemory would be passed, or nothing could be mapped
  kNotPerformed = 4,  // a condition (NX, XX) was not met; nothing changed
  kInvalidShape = 5,  // a dim is not a positive integer, or too many dims
  kWrongBlobLength = 6,
  kWrongValueCount = 7,
  kInvalidValue = 8,  // a number of VALUES cannot be parsed or is out of range
  kInvalidBool = 9,
  kWrongStringCount = 10,
  kNulInString = 11,
  kNotInteger = 12,
  kOverflow = 13,
  kFailed = 14,     // the message says what; a runtime's own text
  kTimedOut = 15,   // a run that never began
  kWrongKind = 16,  // inputs: key holds something that is not a tensor
  kShuttingDown = 17,

  // Of commands about plain values.
  kNotFloat = 40,
  kNotANumber = 41,       // a score that would be NaN
  kNotFloatRange = 42,    // a bound that is no score
  kNotMemberRange = 43,   // a bound that is no member
  kIndexOutOfRange = 44,  // of a list
  kWouldOverflow = 45,    // an increment
  kHashNotInteger = 46,
  kHashNotFloat = 47,
  kIncrementNotFinite = 48,
  kStringTooLong = 49,  // beyond proto-max-bulk-len
  kInvalidBitOffset = 50,
  kInvalidStreamId = 51,
  kStreamIdTooSmall = 52,
  kStreamIdZero = 53,
  kStreamExhausted = 54,
  kNotSortable = 55,  // an element that is no number
  kSyntax = 56,
  kInvalidBitfieldType = 57,
  kInvalidOverflow = 58,  // of BITFIELD
  kOnlyGet = 59,          // BITFIELD_RO
  kInvalidStartId = 60,
  kInvalidEndId = 61,
  kSetIdTooSmall = 62,      // XSETID
  kSetIdBelowDeleted = 63,  // below what has been deleted
  kSetIdEntriesTooFew = 64,
  kSetIdBelowGiven = 65,  // below what XSETID itself says has been deleted
  kInvalidBit = 66,
  kDecrementOverflow = 67,
  kOffsetOutOfRange = 68,  // SETRANGE
  kNotFinite = 69,         // what is to be added
  kUnblocked = 70,         // by CLIENT UNBLOCK ... ERROR
  kNotPermitted = 71,      // any more, to one who has waited
  kNoSuchGroup = 72,       // of a stream's consumers

  // Of what is kept on disk, and of DUMP.
  kBadChecksum = 90,  // or a version that is not known
  kBadFormat = 91,    // the message says what and where
  kEmptyValue = 92,   // a container without elements
  kBusyKey = 93,      // RESTORE without REPLACE
  kCannotSave = 94,   // the message says why
  kSaving = 95,       // already
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code) : code_(code) {}
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}
  static Status Ok() { return {}; }

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Status status) : status_(std::move(status)) {}
  Result(Code code) : status_(code) {}

  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  T& value() { return value_; }
  const T& value() const { return value_; }

 private:
  T value_{};
  Status status_;
};

}  // namespace tutti
