// LCS: the longest common subsequence of two strings (redis:src/t_string.c, lcsCommand).
#include <algorithm>
#include <new>

#include "keyspace/strings.h"

namespace tutti::strings {

namespace {

struct Match {
  int64_t a_first, a_last, b_first, b_last;
};

// What a walk back through the table finds, the last match first.
struct Common {
  std::string text;
  std::vector<Match> matches;
};

class Table {
 public:
  Table(std::string_view a, std::string_view b)
      : a_(a), b_(b), lengths_(new (std::nothrow) uint32_t[(a.size() + 1) * (b.size() + 1)]) {}

  bool is_there() const { return lengths_ != nullptr; }

  uint32_t& At(size_t i, size_t j) { return lengths_[i * (b_.size() + 1) + j]; }

  void Fill() {
    for (size_t i = 0; i <= a_.size(); ++i) {
      for (size_t j = 0; j <= b_.size(); ++j) {
        if (i == 0 || j == 0) {
          At(i, j) = 0;
        } else if (a_[i - 1] == b_[j - 1]) {
          At(i, j) = At(i - 1, j - 1) + 1;
        } else {
          At(i, j) = std::max(At(i - 1, j), At(i, j - 1));
        }
      }
    }
  }

  Common WalkBack() {
    Common common;
    common.text.resize(At(a_.size(), b_.size()));
    size_t left = common.text.size();
    auto i = static_cast<int64_t>(a_.size());
    auto j = static_cast<int64_t>(b_.size());
    Match open{-1, -1, -1, -1};
    const auto close = [&] {
      if (open.a_first >= 0) common.matches.push_back(open);
      open.a_first = -1;
    };
    while (i > 0 && j > 0) {
      const auto at_i = static_cast<size_t>(i);
      const auto at_j = static_cast<size_t>(j);
      if (a_[at_i - 1] == b_[at_j - 1]) {
        common.text[--left] = a_[at_i - 1];
        if (open.a_first == i && open.b_first == j) {
          open.a_first = i - 1;
          open.b_first = j - 1;
        } else {
          close();
          open = {i - 1, i - 1, j - 1, j - 1};
        }
        --i;
        --j;
      } else {
        if (At(at_i - 1, at_j) > At(at_i, at_j - 1)) {
          --i;
        } else {
          --j;
        }
      }
    }
    close();
    return common;
  }

 private:
  const std::string_view a_, b_;
  const std::unique_ptr<uint32_t[]> lengths_;
};

void ReplyMatches(const Common& common, int64_t match_min, bool with_lengths, Reply& reply) {
  const auto length_of = [](const Match& match) { return match.a_last - match.a_first + 1; };
  reply.Header(RowHeader::kMap, 2);
  reply.Bulk("matches");
  reply.Array(std::count_if(common.matches.begin(), common.matches.end(),
                            [&](const Match& match) { return length_of(match) >= match_min; }));
  for (const Match& match : common.matches) {
    if (length_of(match) < match_min) continue;
    reply.Array(with_lengths ? 3 : 2);
    reply.Array(2);
    reply.Integer(match.a_first);
    reply.Integer(match.a_last);
    reply.Array(2);
    reply.Integer(match.b_first);
    reply.Integer(match.b_last);
    if (with_lengths) reply.Integer(length_of(match));
  }
  reply.Bulk("len");
  reply.Integer(static_cast<int64_t>(common.text.size()));
}

}  // namespace

Status LongestCommon(int db, std::string_view first, std::string_view second, LcsWanted wanted,
                     int64_t match_min, bool with_lengths, int64_t bytes_max, Reply& reply) {
  std::vector<Ref<Object>> values;
  {
    const std::string_view keys[] = {first, second};
    LockedKeys locked(keys);
    for (size_t i = 0; i < 2; ++i) {
      const KeyState state = locked.ForRead(db, i);
      if (!state.HoldsOrAbsent(ObjectKind::kString)) return Code::kWrongType;
      values.push_back(state.exists() ? state.value() : nullptr);
    }
  }
  const auto text = [&](size_t i) {
    return values[i] ? static_cast<const String&>(*values[i]).view() : std::string_view();
  };
  const auto cells = static_cast<unsigned __int128>(text(0).size() + 1) * (text(1).size() + 1);
  if (cells * sizeof(uint32_t) > static_cast<uint64_t>(bytes_max)) return Code::kStringTooLong;
  Table table(text(0), text(1));
  if (!table.is_there()) return Code::kOutOfMemory;
  table.Fill();
  if (wanted == LcsWanted::kLength) {
    reply.Integer(table.At(text(0).size(), text(1).size()));
    return Status::Ok();
  }
  const Common common = table.WalkBack();
  if (wanted == LcsWanted::kText) {
    reply.Bulk(common.text);
  } else {
    ReplyMatches(common, match_min, with_lengths, reply);
  }
  return Status::Ok();
}

}  // namespace tutti::strings
