// What cannot be opened is refused with a sentence, each time it is asked for, and nothing ends.
#include "inference/backend_loader.h"

#include <fstream>
#include <string>
#include <vector>

#include "check.h"

namespace {

using namespace tutti;

// Made by CMake of refused/refused.cc.
const std::string kRefused = TUTTI_REFUSED_FOLDER;

std::string Refusal(const std::string& folder, const BackendSource& source) {
  const tutti_options options{};
  BackendLoader loader(folder, {source}, options);
  std::string error;
  CHECK(loader.Open(source.name, &error) == nullptr);
  CHECK(loader.Opened(source.name) == nullptr);
  std::string again;
  CHECK(loader.Open(source.name, &again) == nullptr);
  CHECK_EQUAL(again, error);
  CHECK_EQUAL(error.find('\n'), std::string::npos);
  return error;
}

void CheckHas(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    if (text.find(part) == std::string::npos) CHECK_EQUAL(text, "... " + part + " ...");
  }
}

std::string TextFile(const std::string& name) {
  const std::string path = kRefused + "/" + name;
  std::ofstream(path) << "no library\n";
  return path;
}

}  // namespace

TEST(RefusesBackendsThatAreNone) {
  const std::string path = kRefused + "/tutti_backend_";
  CHECK_EQUAL(Refusal(kRefused, {"other_abi", "", {}}),
              path + "other_abi.so has ABI " + std::to_string(TUTTI_BACKEND_ABI + 1) +
                  ", this server takes " + std::to_string(TUTTI_BACKEND_ABI) +
                  ": build both again");
  CHECK_EQUAL(Refusal(kRefused, {"no_table", "", {}}),
              path + "no_table.so gave no table of functions");
  CHECK_EQUAL(Refusal(kRefused, {"other_symbol", "", {}}),
              path + "other_symbol.so is no Tutti backend: it exports no tutti_backend_open");
  CHECK_EQUAL(Refusal(kRefused, {"unwilling", "", {}}),
              "the unwilling runtime did not start: this processor is too old");
  CHECK_EQUAL(
      Refusal(kRefused, {"absent", "", {}}),
      "backend library " + path + "absent.so is missing; run: tutti runtimes install absent");
  CheckHas(Refusal(kRefused, {"unresolved", "", {}}),
           {"could not open backend library " + path + "unresolved.so", "undefined symbol",
            "tutti_backend_of_nowhere"});
  const std::string text = TextFile("tutti_backend_text.so");
  CheckHas(Refusal(kRefused, {"text", "", {}}), {"could not open backend library " + text});
}

TEST(RefusesRuntimesThatAreNotThere) {
  const std::string absent = kRefused + "/libabsent.so.1";
  CHECK_EQUAL(
      Refusal(TUTTI_BACKEND_FOLDER, {"echo", "", {absent}}),
      "library " + absent + " of the echo runtime is missing; run: tutti runtimes install echo");
  const std::string text = TextFile("libtext.so.1");
  CheckHas(Refusal(TUTTI_BACKEND_FOLDER, {"echo", "", {text}}),
           {"could not open library " + text + " of the echo runtime: ",
            "; run: tutti runtimes install echo"});
  // What is there is opened, however often others were refused.
  const tutti_options options{};
  BackendLoader loader(TUTTI_BACKEND_FOLDER, {{"echo", "", {}}}, options);
  std::string error;
  CHECK(loader.Open("echo", &error) != nullptr);
  CHECK_EQUAL(error, "");
  CHECK(loader.Open("nosuch", &error) == nullptr);
  CHECK_EQUAL(error, "there is no backend named nosuch");
}

TEST(RefusesWhatIsNoOnnxRuntime) {
  const std::string folder = TUTTI_BACKEND_FOLDER;
  const std::string start = "the onnx runtime did not start: ";
  CheckHas(Refusal(folder, {"onnx", kRefused + "/nowhere", {}}),
           {start, "could not open library " + kRefused + "/nowhere/libonnxruntime.so.1"});
  CheckHas(Refusal(folder, {"onnx", kRefused + "/no_onnx", {}}),
           {start, kRefused + "/no_onnx/libonnxruntime.so.1 is no ONNX Runtime"});
  CHECK_EQUAL(Refusal(folder, {"onnx", kRefused + "/old_onnx", {}}),
              start + "ONNX Runtime 1.10.0 is older than 1.11");
}

RUN_TESTS()
