#include "inference/script_reply.h"

#include <cassert>
#include <charconv>
#include <string_view>
#include <utility>

namespace tutti {
namespace {

// Reads what the server's own reply encoder has framed (lib/resp/reply-encoder.ts), in RESP2.
class Reader {
 public:
  explicit Reader(const ScriptReply& reply) : reply_(reply) {}

  bool at_end() const { return at_ == reply_.framed().size(); }

  // The next value; an array's elements are those that follow.
  tutti_value Next(bool* is_error) {
    const char type = Take();
    const std::string_view line = Line();
    *is_error = type == '-';
    switch (type) {
      case ':':
        return {TUTTI_INTEGER, ToInteger(line), {}};
      case '*':
        if (line == "-1") return {TUTTI_NIL, 0, {}};
        return {TUTTI_ARRAY, ToInteger(line), {}};
      case '$':
        if (line == "-1") return {TUTTI_NIL, 0, {}};
        return Text(Body(static_cast<size_t>(ToInteger(line))));
      default:
        assert(type == '+' || type == '-');
        return Text(line);
    }
  }

 private:
  static tutti_value Text(std::string_view text) {
    return {TUTTI_TEXT, 0, {text.data(), text.size()}};
  }

  static int64_t ToInteger(std::string_view digits) {
    int64_t number = 0;
    const auto [end, failure] = std::from_chars(digits.begin(), digits.end(), number);
    assert(failure == std::errc() && end == digits.end());
    return number;
  }

  char Take() {
    assert(!at_end());
    return reply_.framed()[at_++];
  }

  std::string_view Line() {
    const size_t end = reply_.framed().find("\r\n", at_);
    assert(end != std::string::npos);
    const std::string_view line = std::string_view(reply_.framed()).substr(at_, end - at_);
    at_ = end + 2;
    return line;
  }

  std::string_view Body(size_t bytes) {
    std::string_view body;
    if (next_blob_ < reply_.blobs().size() && reply_.blobs()[next_blob_].at == at_) {
      const ScriptReply::Blob& blob = reply_.blobs()[next_blob_++];
      body = {reinterpret_cast<const char*>(blob.data), blob.bytes};
    } else {
      body = std::string_view(reply_.framed()).substr(at_, bytes);
      at_ += bytes;
    }
    const std::string_view rest = Line();
    assert(body.size() == bytes && rest.empty());
    return body;
  }

  const ScriptReply& reply_;
  size_t at_ = 0;
  size_t next_blob_ = 0;
};

}  // namespace

Result<std::unique_ptr<ScriptValues>> ScriptValues::Read(ScriptReply reply) {
  std::unique_ptr<ScriptValues> read(new ScriptValues(std::move(reply)));
  Reader reader(read->reply_);
  bool is_error = false;
  read->values_.push_back(reader.Next(&is_error));
  if (is_error) {
    const tutti_bytes& text = read->values_[0].text;
    return Status(Code::kFailed, std::string(text.data, text.bytes));
  }
  while (!reader.at_end()) read->values_.push_back(reader.Next(&is_error));
  return read;
}

}  // namespace tutti
