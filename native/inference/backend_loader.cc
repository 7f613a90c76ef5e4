#include "backend_loader.h"

#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <utility>

namespace tutti {

struct BackendLoader::Entry {
  explicit Entry(BackendSource source_of) : source(std::move(source_of)) {}

  const BackendSource source;
  std::once_flag once;
  std::string error;  // written under `once`
  std::atomic<const tutti_backend*> table{nullptr};
};

namespace {

std::string LastLinkerError() {
  const char* text = dlerror();
  return text != nullptr ? text : "unknown error of the dynamic linker";
}

std::string InstallHint(const BackendSource& source) {
  return "; run: tutti runtimes install " + source.name;
}

// Returns a sentence, empty if all went well.
std::string PreloadLibraries(const BackendSource& source) {
  for (const std::string& path : source.libraries) {
    if (access(path.c_str(), R_OK) != 0) {
      return "library " + path + " of the " + source.name + " runtime is missing" +
             InstallHint(source);
    }
    if (dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
      return "could not open library " + path + " of the " + source.name +
             " runtime: " + LastLinkerError() + InstallHint(source);
    }
  }
  return {};
}

std::string OpenTable(const BackendSource& source, const std::string& native_folder,
                      tutti_options options, const tutti_backend** table) {
  if (std::string problem = PreloadLibraries(source); !problem.empty()) return problem;

  const std::string path = native_folder + "/tutti_backend_" + source.name + ".so";
  if (access(path.c_str(), R_OK) != 0) {
    return "backend library " + path + " is missing" + InstallHint(source);
  }
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return "could not open backend library " + path + ": " + LastLinkerError() +
           InstallHint(source);
  }
  auto open = reinterpret_cast<decltype(&tutti_backend_open)>(dlsym(library, TUTTI_BACKEND_SYMBOL));
  if (open == nullptr) return path + " is no Tutti backend: it exports no " TUTTI_BACKEND_SYMBOL;

  const tutti_backend* opened = open();
  if (opened == nullptr) return path + " gave no table of functions";
  // `abi` is the first field in every version, so it can be read before anything else is trusted.
  if (opened->abi != TUTTI_BACKEND_ABI) {
    return path + " has ABI " + std::to_string(opened->abi) + ", this server takes " +
           std::to_string(TUTTI_BACKEND_ABI) + ": build both again";
  }
  options.runtime_folder = source.runtime_folder.empty() ? nullptr : source.runtime_folder.c_str();
  char text[TUTTI_ERROR_BYTES];
  text[0] = '\0';
  if (opened->configure(&options, text, sizeof(text)) != 0) {
    return "the " + source.name + " runtime did not start: " + text;
  }
  *table = opened;
  return {};
}

}  // namespace

BackendLoader::BackendLoader(std::string native_folder, std::vector<BackendSource> sources,
                             const tutti_options& options)
    : native_folder_(std::move(native_folder)), options_(options) {
  for (BackendSource& source : sources) {
    std::string name = source.name;
    entries_.emplace(std::move(name), std::make_unique<Entry>(std::move(source)));
  }
}

BackendLoader::~BackendLoader() = default;

const tutti_backend* BackendLoader::Open(std::string_view name, std::string* error) {
  auto found = entries_.find(name);
  if (found == entries_.end()) {
    *error = "there is no backend named " + std::string(name);
    return nullptr;
  }
  Entry& entry = *found->second;
  std::call_once(entry.once, [&] {
    const tutti_backend* table = nullptr;
    entry.error = OpenTable(entry.source, native_folder_, options_, &table);
    entry.table.store(table, std::memory_order_release);
  });
  const tutti_backend* table = entry.table.load(std::memory_order_acquire);
  if (table == nullptr) *error = entry.error;
  return table;
}

const tutti_backend* BackendLoader::Opened(std::string_view name) const {
  auto found = entries_.find(name);
  if (found == entries_.end()) return nullptr;
  return found->second->table.load(std::memory_order_acquire);
}

}  // namespace tutti
