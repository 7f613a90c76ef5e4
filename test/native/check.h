// What native tests are made of: TEST(Name) { CHECK(...); } and one main(), at the end RUN_TESTS().
//
// A failed CHECK prints where and ends the process: later tests would only add noise. Output is
// TAP.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

namespace tutti::test {

struct Case {
  const char* name;
  void (*body)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

struct Registration {
  Registration(const char* name, void (*body)()) { cases().push_back({name, body}); }
};

[[noreturn]] inline void Fail(const char* file, int line, const std::string& text) {
  std::printf("not ok - %s:%d: %s\n", file, line, text.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

template <typename Seen, typename Wanted>
void CheckEqual(const Seen& seen, const Wanted& wanted, const char* what, const char* file,
                int line) {
  if (seen == wanted) return;
  std::ostringstream text;
  text << what << " is " << seen << ", wanted " << wanted;
  Fail(file, line, text.str());
}

inline int RunAll() {
  int number = 0;
  for (const Case& test : cases()) {
    test.body();
    std::printf("ok %d - %s\n", ++number, test.name);
    std::fflush(stdout);
  }
  std::printf("1..%d\n", number);
  return 0;
}

}  // namespace tutti::test

#define TEST(name)                                                               \
  static void Test##name();                                                      \
  static const tutti::test::Registration registration_##name(#name, Test##name); \
  static void Test##name()
#define CHECK(condition) \
  ((condition) ? void() : tutti::test::Fail(__FILE__, __LINE__, "not so: " #condition))
#define CHECK_EQUAL(seen, wanted) \
  tutti::test::CheckEqual((seen), (wanted), #seen, __FILE__, __LINE__)
#define RUN_TESTS() \
  int main() { return tutti::test::RunAll(); }
