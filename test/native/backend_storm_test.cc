// An inference storm while two clients replace the model every 50 ms: no run fails, each is
// answered by one version, and 600 replacements leave no more memory in use than 10. With the echo
// backend, and with the real ones where they are installed. TUTTI_STORM_SECONDS lengthens it.
#include <atomic>
#include <cmath>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "backend_models.h"
#include "check.h"
#include "core/memory_account.h"
#include "inbox.h"
#include "inference/engine.h"
#include "keyspace/keyspace.h"

// The sanitizers' own count; null without one.
extern "C" __attribute__((weak)) size_t __sanitizer_get_current_allocated_bytes();

// ONNX Runtime keeps some 900 bytes from its start on. What a replacement would leave, the heap
// shows.
extern "C" __attribute__((visibility("default"))) const char* __lsan_default_suppressions() {
  return "leak:libonnxruntime.so\n";
}

namespace tutti {
namespace {

using backend_test::Sample;
using backend_test::TestModel;
using test::Inbox;
using Clock = std::chrono::steady_clock;

constexpr auto kSwapInterval = std::chrono::milliseconds(50);
constexpr int kReplacerCount = 2;
constexpr int kRunnerCount = 4;
constexpr int kFirstSwaps = 10;
// By then a runtime has all that it makes once for the process and for each thread.
constexpr int kWarmSwaps = 100;

std::chrono::milliseconds Duration() {
  const char* seconds = std::getenv("TUTTI_STORM_SECONDS");
  return std::chrono::milliseconds(seconds ? std::atoi(seconds) * 1000 : 2000);
}

// A model and what it answers. Versions differ by their tag, so that none joins another.
struct Storm {
  BackendKind kind;
  BackendPlace place;
  std::string blob;
  std::vector<Ref<Tensor>> inputs;
  std::vector<Sample> outputs;
};

Ref<Tensor> ToTensor(const Sample& sample) {
  return Tensor::Copy(static_cast<DType>(sample.dtype), sample.dims, sample.bytes.data(),
                      sample.bytes.size());
}

ModelSpec SpecOf(const Storm& storm, int version) {
  ModelSpec spec;
  spec.backend = storm.kind;
  spec.device.name = "CPU";
  spec.tag = std::to_string(version);
  // In two pieces, as a blob in chunks.
  const size_t half = storm.blob.size() / 2;
  for (const auto& [begin, bytes] :
       {std::pair{size_t{0}, half}, std::pair{half, storm.blob.size() - half}}) {
    BlobPart part{Buffer::Allocate(std::max<size_t>(bytes, 1), MemoryKind::kModels), bytes};
    std::memcpy(part.buffer->data(), storm.blob.data() + begin, bytes);
    spec.blob.push_back(std::move(part));
  }
  return spec;
}

void CheckOutput(const std::string& key, const Sample& wanted) {
  const Ref<Object> found = Keyspace::Get().Find(0, key);
  CHECK(found && found->kind() == ObjectKind::kTensor);
  const auto& tensor = static_cast<const Tensor&>(*found);
  CHECK_EQUAL(tensor.bytes(), wanted.bytes.size());
  for (size_t at = 0; at < tensor.bytes(); at += sizeof(float)) {
    float seen, expected;
    std::memcpy(&seen, tensor.data() + at, sizeof(seen));
    std::memcpy(&expected, wanted.bytes.data() + at, sizeof(expected));
    CHECK(std::fabs(seen - expected) <= 1e-4f + 1e-4f * std::fabs(expected));
  }
}

Engine& NewEngine(const Storm& storm) {
  static auto& engines = *new std::vector<Engine*>;  // never destroyed
  engines.push_back(new Engine);
  EngineOptions options;
  options.threads_per_queue = 2;
  options.backends[static_cast<size_t>(storm.kind)] = storm.place;
  options.log = [](int, std::string_view) {};
  engines.back()->Configure(std::move(options));
  return *engines.back();
}

// Of the process, the runtimes' own included; 0 where only malloc knows, which keeps freed blocks.
size_t HeapBytes() {
  if (!__sanitizer_get_current_allocated_bytes) return 0;
  return __sanitizer_get_current_allocated_bytes();
}

struct Use {
  size_t model_bytes, heap_bytes;
};

class Replacement {
 public:
  Replacement(Engine& engine, const Storm& storm) : engine_(engine), storm_(storm) { Store(); }

  // What is in use between two runs, when all that was replaced is freed: the freeing thread has
  // ended. A run thread lets go of its last run a moment after it was told, hence the least of a
  // few.
  Use Settle() {
    std::lock_guard no_replacement(mutex_);
    is_settling = true;  // a lock alone would wait for ever: somebody always runs
    std::lock_guard no_run(running);
    is_settling = false;
    Use least{SIZE_MAX, SIZE_MAX};
    for (int look = 0; look < 20; look++) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      Keyspace::Get().StopBackground();
      least.model_bytes = std::min(least.model_bytes, memory_account::Used(MemoryKind::kModels));
      least.heap_bytes = std::min(least.heap_bytes, HeapBytes());
      Keyspace::Get().StartBackground();
    }
    return least;
  }

  void Store() {
    Inbox inbox;
    std::lock_guard lock(mutex_);
    engine_.StoreModel(0, "storm", SpecOf(storm_, ++version_), inbox.Next());
    const Message message = inbox.Wait();
    if (message.code != Code::kOk) test::Fail(__FILE__, __LINE__, message.text);
  }

  void Work(const std::atomic<bool>& is_over) {
    for (auto next = Clock::now(); !is_over; next += kSwapInterval) {
      std::this_thread::sleep_until(next);
      Store();
      swap_count++;
    }
  }

  std::atomic<int> swap_count{0};
  std::shared_mutex running;  // shared by each run that is queued or goes on
  std::atomic<bool> is_settling{false};

 private:
  Engine& engine_;
  const Storm& storm_;
  std::mutex mutex_;  // guards version_
  int version_ = 0;
};

void RunAgain(Engine& engine, const Storm& storm, int runner, Replacement& replacement,
              const std::atomic<bool>& is_over, std::atomic<int>& run_count) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < storm.outputs.size(); i++) {
    keys.push_back("out " + std::to_string(runner) + " " + std::to_string(i));
  }
  while (!is_over) {
    Inbox inbox;  // anew: it remembers all that it was told
    while (replacement.is_settling) std::this_thread::yield();
    std::shared_lock lock(replacement.running);
    const Ref<Object> model = Keyspace::Get().Find(0, "storm");
    CHECK(model);
    ModelRun run;
    run.model = Ref<Model>::Share(static_cast<Model*>(model.get()));
    run.inputs = storm.inputs;
    run.target.output_keys = keys;
    run.target.output_count = keys.size();
    run.target.completion = inbox.Next();
    engine.Enqueue(std::move(run));
    const Message message = inbox.Wait();
    if (message.code != Code::kOk) test::Fail(__FILE__, __LINE__, message.text);
    for (size_t i = 0; i < keys.size(); i++) CheckOutput(keys[i], storm.outputs[i]);
    run_count++;
  }
}

void Rage(const Storm& storm) {
  Keyspace::Get().StartBackground();
  Engine& engine = NewEngine(storm);
  Replacement replacement(engine, storm);
  std::atomic<bool> is_over{false};
  std::atomic<int> run_count{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kReplacerCount; i++) {
    threads.emplace_back([&] { replacement.Work(is_over); });
  }
  for (int i = 0; i < kRunnerCount; i++) {
    threads.emplace_back([&, i] { RunAgain(engine, storm, i, replacement, is_over, run_count); });
  }
  const auto end = Clock::now() + Duration();
  while (replacement.swap_count < kFirstSwaps) std::this_thread::yield();
  Use first = replacement.Settle();
  while (replacement.swap_count < kWarmSwaps && Clock::now() < end) std::this_thread::yield();
  first.heap_bytes = replacement.Settle().heap_bytes;
  std::this_thread::sleep_until(end);
  const Use last = replacement.Settle();
  is_over = true;
  for (std::thread& thread : threads) thread.join();
  Keyspace::Get().StopBackground();
  std::printf("# %d runs, %d replacements, from %zu to %zu bytes of models, %zu to %zu in all\n",
              run_count.load(), replacement.swap_count.load(), first.model_bytes, last.model_bytes,
              first.heap_bytes, last.heap_bytes);
  CHECK(run_count > 0);
  CHECK(replacement.swap_count > kFirstSwaps);
  CHECK(last.model_bytes <= first.model_bytes + first.model_bytes / 20);
  // The sanitizer's count lags behind by what its threads hold: a few versions, not hundreds.
  const size_t slack_bytes = 16 * storm.blob.size();
  CHECK(last.heap_bytes <= first.heap_bytes + first.heap_bytes / 20 + slack_bytes);
}

// None if it is not installed, or no models are made.
std::vector<Storm> RealStorm(BackendKind kind, const char* name, const char* variable,
                             const char* manifest) {
  const char* const folder = std::getenv("TUTTI_MODEL_FOLDER");
  const char* const runtime = std::getenv(variable);
  if (!folder || !runtime) return {};
  Storm storm;
  storm.kind = kind;
  storm.place.library = std::string(TUTTI_BACKEND_FOLDER "/tutti_backend_") + name + ".so";
  std::stringstream paths(runtime);
  for (std::string path; std::getline(paths, path, ':');) storm.place.preload.push_back(path);
  const std::string& first = storm.place.preload.front();
  storm.place.runtime_folder = first.substr(0, first.rfind('/'));
  for (const TestModel& model : backend_test::ReadManifest(folder, manifest)) {
    if (model.name != "mlp-30-128-128-2") continue;
    storm.blob = model.blob;
    for (const Sample& input : model.inputs) storm.inputs.push_back(ToTensor(input));
    storm.outputs = model.outputs;
    return {storm};
  }
  return {};
}

TEST(ReplacesAnEchoThatIsRunning) {
  Storm storm;
  storm.kind = BackendKind::kTorch;
  storm.place.library = TUTTI_BACKEND_FOLDER "/tutti_backend_echo.so";
  storm.blob = std::string(100'000, 'x');
  Sample sample;
  sample.bytes = std::string(400, 'y');
  sample.dims = {10, 10};
  storm.inputs.push_back(ToTensor(sample));
  storm.outputs.push_back(sample);
  Rage(storm);
}

TEST(ReplacesAnOnnxModelThatIsRunning) {
  for (const Storm& storm :
       RealStorm(BackendKind::kOnnx, "onnx", "TUTTI_TEST_ONNX", "onnx-models.json")) {
    Rage(storm);
  }
}

TEST(ReplacesATorchScriptThatIsRunning) {
  for (const Storm& storm :
       RealStorm(BackendKind::kTorch, "torch", "TUTTI_TEST_TORCH", "torch-models.json")) {
    Rage(storm);
  }
}

}  // namespace
}  // namespace tutti

RUN_TESTS()
