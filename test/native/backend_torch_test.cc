// The TORCH backend on the models of test/tools/torch_make_models.cc, and scripts.
#include "backend_models.h"

using namespace backend_test;

namespace {

constexpr char kSource[] =
    "def add(a, b):\n    return a + b\n"
    "def total(a, rest: List[Tensor]):\n    for t in rest:\n        a = a + t\n    return a\n"
    "def entry(tensors: List[Tensor], keys: List[str], args: List[str]):\n"
    "    return tensors[0] * len(keys) + len(args)\n"
    "def spoil(a):\n    a.zero_()\n    return a\n"
    "def number(n: int):\n    return n\n"
    "def text(a):\n    return 'x'\n";

struct ScriptCase {
  const char* function;
  bool is_entry_point;
  size_t input_count;
  float wanted;  // of the first element, if `error` is null
  const char* error;
};

// The inputs are 1, 2 and 4.
constexpr ScriptCase kCases[] = {
    {"add", false, 2, 3, nullptr},
    {"add", false, 3, 3, nullptr},
    {"total", false, 3, 7, nullptr},
    {"entry", true, 1, 3, nullptr},
    {"spoil", false, 1, 0, nullptr},
    {"none", false, 1, 0, "Function does not exist: none"},
    {"add", false, 1, 0, "Wrong number of inputs provided to function: add"},
    {"number", false, 1, 0, "Unsupported input type in function definition: number"},
    {"text", false, 1, 0, "Function returned non-tensor valuestext"},
};

void RefuseFiles(const tutti_backend* backend) {
  for (const std::string call : {"torch.save(x, 'file')", "x = torch.from_file('file')"}) {
    const std::string source = "def f(x):\n    " + call + "\n    return x\n";
    tutti_script* script = nullptr;
    char text[TUTTI_ERROR_BYTES] = "";
    const int failed = backend->load_script(source.data(), source.size(), {TUTTI_CPU, 0}, &script,
                                            text, sizeof(text));
    Ok(failed != 0 && std::strstr(text, "reaches the server's files") != nullptr,
       "a script cannot say " + call + ": " + text);
    backend->free_script(script);
  }
}

// `folder` holds the models.
void RefuseFilesWhileLoading(const tutti_backend* backend, const std::string& folder) {
  const std::string blob = ReadFile(folder + "/torch-saves-while-loaded.pt");
  std::string error;
  Ok(!blob.empty() && Load(backend, blob, &error) == nullptr &&
         error == "ERR operator aten::save reaches the server's files",
     "refuses to load a module that would write a file: " + error);
  Ok(ReadFile("saved-while-loaded").empty(), "it has written none");
}

void RunScripts(const tutti_backend* backend) {
  tutti_script* script = nullptr;
  char text[TUTTI_ERROR_BYTES] = "";
  Ok(backend->load_script("def f(:", 7, {TUTTI_CPU, 0}, &script, text, sizeof(text)) != 0 &&
         std::strchr(text, '\n') == nullptr && text[0] != ' ',
     "refuses a bad source on one line");
  Ok(backend->load_script(kSource, sizeof(kSource) - 1, {TUTTI_CPU, 0}, &script, text,
                          sizeof(text)) == 0,
     std::string("compiles ") + text);
  if (script == nullptr) return;
  Ok(backend->script_check_entry_point(script, "entry", text, sizeof(text)) == 0, "entry point");
  backend->script_check_entry_point(script, "add", text, sizeof(text));
  Ok(std::string(text) == "Wrong number of inputs in function add. Expected 3 but was 2", text);
  for (const ScriptCase& one : kCases) {
    float values[] = {1, 2, 4};
    const int64_t dims[] = {1};
    tutti_tensor inputs[3];
    for (int i = 0; i < 3; i++) inputs[i] = {TUTTI_FLOAT, 1, dims, &values[i], 4, nullptr, nullptr};
    const tutti_bytes words[] = {{"k", 1}, {"l", 1}};
    const tutti_script_call call = {
        one.function, one.is_entry_point, -1, inputs, one.input_count, words, 2, words, 1, nullptr};
    tutti_tensor output{};
    size_t count = 0;
    text[0] = '\0';
    const int failed = backend->run_script(script, &call, &output, 1, &count, text, sizeof(text));
    const bool passed = one.error != nullptr
                            ? failed != 0 && std::string(text) == one.error
                            : failed == 0 && *static_cast<float*>(output.data) == one.wanted;
    Ok(passed && values[0] == 1, std::string("script function ") + one.function + " " + text);
    if (failed == 0) output.release(output.owner);
  }
  backend->free_script(script);
}

}  // namespace

int main() {
  const char* models = FromEnvironment("TUTTI_MODEL_FOLDER");
  const char* runtime = models == nullptr ? nullptr : FromEnvironment("TUTTI_TEST_TORCH");
  if (runtime == nullptr) return 0;
  const std::vector<std::string> libraries = Libraries(runtime);
  const std::string folder = FolderOf(libraries.front());
  tutti_options options{};
  options.run_threads = 4;
  tutti::BackendLoader loader(TUTTI_BACKEND_FOLDER, {{"torch", folder, libraries}}, options);
  std::string error;
  const tutti_backend* backend = loader.Open("torch", &error);
  Ok(backend != nullptr, "opens " + error);
  if (backend == nullptr) return Finish();
  backend->thread_init();
  for (const TestModel& test : ReadManifest(models, "torch-models.json")) {
    RunAll(backend, test, test.name != "counter" && test.name != "keeps");
    if (test.name != "keeps") continue;
    // What it kept is its own copy: RunOnce() has overwritten the memory of the input.
    tutti_model* model = Load(backend, test.blob, &error);
    RunOnce(backend, model, test);
    TestModel again = test;
    again.outputs = test.inputs;
    error = RunOnce(backend, model, again);
    Ok(error.empty(), "a kept input outlives its run " + error);
    backend->free_model(model);
  }
  Ok(Load(backend, "no model", &error) == nullptr, "refuses a bad blob: " + error);
  Ok(Load(backend, "no model", &error, {TUTTI_CUDA, 0}) == nullptr &&
         error == "GPU requested but Torch couldn't find CUDA",
     error);
  RunScripts(backend);
  RefuseFiles(backend);
  RefuseFilesWhileLoading(backend, models);
  return Finish();
}
