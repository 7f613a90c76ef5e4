// The TORCH backend refuses a LibTorch of another version than the one whose headers it was built
// with.
#include "backend_models.h"

using namespace backend_test;

// LibTorch's own says which version it is; one in the program comes before it.
extern "C" __attribute__((visibility("default"))) uint64_t aoti_torch_abi_version() {
  return (uint64_t{2} << 56) | (uint64_t{3} << 48);
}

int main() {
  const char* runtime = FromEnvironment("TUTTI_TEST_TORCH");
  if (runtime == nullptr) return 0;
  const tutti_options options{};
  const std::vector<std::string> libraries = Libraries(runtime);
  const std::string folder = FolderOf(libraries.front());
  tutti::BackendLoader loader(TUTTI_BACKEND_FOLDER, {{"torch", folder, libraries}}, options);
  std::string error;
  Ok(loader.Open("torch", &error) == nullptr, "refuses it");
  Ok(error.find("the backend is built for LibTorch ") != std::string::npos &&
         error.find(", the library is 2.3.0; run: tutti runtimes install torch") !=
             std::string::npos,
     error);
  return Finish();
}
