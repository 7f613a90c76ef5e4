// Runs one model in process, through the same backend library that the server uses and without the
// server: the peer of the benchmark `model-run`.
//
//   backend_run NATIVE_FOLDER torch|onnx RUNTIME_FOLDER MODEL_FILE ROWS COLUMNS THREADS LIBRARY...
//       one FLOAT input [ROWS, COLUMNS]. For each count of runs on a line of its input it prints a
//       line: p50_ns p99_ns runs_per_second (of all THREADS). The model stays loaded in between, as
//       in a server. With one of THREADS the runtime may use all cores for a run, where that is
//       faster.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "inference/backend_loader.h"

namespace {

using Clock = std::chrono::steady_clock;

// How runs are made: of which form of the model, over how many threads as `run` takes them.
struct Way {
  tutti_model* model;
  uint32_t thread_count;
};

void RunMany(const tutti_backend* backend, Way way, int64_t rows, int64_t columns,
             std::vector<int64_t>* taken_ns) {
  if (backend->thread_init) backend->thread_init();
  std::vector<float> values(rows * columns, 0.5f);
  const int64_t dims[2] = {rows, columns};
  tutti_tensor input = {TUTTI_FLOAT, 2,      dims, values.data(), values.size() * sizeof(float),
                        nullptr,     nullptr};
  char error[TUTTI_ERROR_BYTES] = "";
  for (int64_t& taken : *taken_ns) {
    tutti_tensor output = {};
    size_t output_count = 0;
    const Clock::time_point begin = Clock::now();
    if (backend->run(way.model, way.thread_count, &input, 1, &output, 1, &output_count, error,
                     sizeof error) != 0) {
      std::fprintf(stderr, "backend_run: %s\n", error);
      std::exit(1);
    }
    if (output.release) output.release(output.owner);
    taken = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count();
  }
}

// Ends the process if it cannot be made.
tutti_model* LoadModel(const tutti_backend& backend, const tutti_bytes& chunk,
                       uint32_t thread_count = 0) {
  char error[TUTTI_ERROR_BYTES] = "";
  tutti_model* model = nullptr;
  if (backend.load_model(thread_count, &chunk, 1, {TUTTI_CPU, 0}, nullptr, 0, nullptr, 0, &model,
                         error, sizeof error) != 0) {
    std::fprintf(stderr, "backend_run: %s\n", error);
    std::exit(1);
  }
  return model;
}

int64_t Median(std::vector<int64_t>* values) {
  std::sort(values->begin(), values->end());
  return (*values)[values->size() / 2];
}

// The faster of the ways that a lone caller has; a few runs of each warm it up.
Way BestWay(const tutti_backend& backend, const tutti_bytes& blob, int threads, int64_t rows,
            int64_t columns) {
  constexpr int kWarmUpRuns = 50;
  std::vector<int64_t> taken_ns(kWarmUpRuns);
  Way whole = {LoadModel(backend, blob), 0};
  if (threads == 1 && backend.division == TUTTI_DIVIDED_BY_RUN) whole.thread_count = 1;
  RunMany(&backend, whole, rows, columns, &taken_ns);
  if (threads != 1 || backend.division == TUTTI_NOT_DIVIDED) return whole;
  const int64_t whole_ns = Median(&taken_ns);
  Way divided = {whole.model, 0};
  if (backend.division == TUTTI_DIVIDED_BY_LOAD) {
    divided.model = LoadModel(backend, blob, std::thread::hardware_concurrency());
  }
  RunMany(&backend, divided, rows, columns, &taken_ns);
  return Median(&taken_ns) < whole_ns ? divided : whole;
}

void MeasureAndPrint(const tutti_backend* backend, Way way, int threads, int64_t rows,
                     int64_t columns, size_t count) {
  std::vector<std::vector<int64_t>> taken(threads, std::vector<int64_t>(count));
  std::vector<std::thread> runners;
  const Clock::time_point begin = Clock::now();
  for (std::vector<int64_t>& each : taken) {
    runners.emplace_back([&] { RunMany(backend, way, rows, columns, &each); });
  }
  for (std::thread& runner : runners) runner.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::vector<int64_t> all;
  for (const std::vector<int64_t>& each : taken) all.insert(all.end(), each.begin(), each.end());
  std::sort(all.begin(), all.end());
  std::printf("%ld %ld %.3f\n", static_cast<long>(all[all.size() / 2]),
              static_cast<long>(all[all.size() * 99 / 100]),
              static_cast<double>(all.size()) / seconds);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 8) {
    std::fprintf(stderr,
                 "usage: backend_run NATIVE_FOLDER NAME RUNTIME_FOLDER MODEL ROWS COLUMNS THREADS "
                 "LIBRARY...\n");
    return 2;
  }
  const std::string name = argv[2];
  const int threads = std::atoi(argv[7]);
  tutti_options options = {};
  options.run_threads = static_cast<uint32_t>(threads);
  tutti::BackendLoader loader(
      argv[1], {{name, argv[3], std::vector<std::string>(argv + 8, argv + argc)}}, options);
  std::string why;
  const tutti_backend* backend = loader.Open(name, &why);
  if (!backend) {
    std::fprintf(stderr, "backend_run: %s\n", why.c_str());
    return 1;
  }
  std::ifstream file(argv[4], std::ios::binary);
  const std::string blob{std::istreambuf_iterator<char>(file), {}};
  const tutti_bytes chunk = {blob.data(), blob.size()};
  const int64_t rows = std::atoll(argv[5]), columns = std::atoll(argv[6]);
  const Way way = BestWay(*backend, chunk, threads, rows, columns);
  size_t count = 0;
  while (std::cin >> count && count > 0) {
    MeasureAndPrint(backend, way, threads, rows, columns, count);
  }
  std::_Exit(0);  // runtimes leave threads behind: nothing to tear down
}
