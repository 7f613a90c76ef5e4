// The exports about what is watched: the slow log, latencies, and how much memory things take.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "binding/thread_state.h"
#include "core/latency_monitor.h"
#include "keyspace/expiry.h"
#include "keyspace/keyspace.h"
#include "tensor/buffer_pool.h"
#include "threads/slow_log.h"

namespace tutti {

namespace {

// --- the slow log ---

// The first `count` words of the request as the log keeps them, without those whose bit is set.
std::vector<std::string> LoggedWords(int32_t count, int64_t hidden_bits) {
  constexpr std::string_view kHidden = "(redacted)";
  std::vector<std::string_view> words;
  for (int32_t i = 0; i < std::min(count, static_cast<int32_t>(kSlowWordsMax)); i++) {
    const std::string_view word = this_thread().Word(i);
    const bool is_hidden = i < 53 && (hidden_bits >> i & 1) != 0;
    words.push_back(is_hidden ? kHidden : word);
  }
  return SlowWords(words, static_cast<size_t>(count));
}

void Log(std::vector<std::string> words, const Napi::CallbackInfo& info, size_t at) {
  SlowLog::Get().Add({.microseconds = ToInt64(info[at]),
                      .words = std::move(words),
                      .address = ToText(info[at + 1]),
                      .name = ToText(info[at + 2])});
}

Napi::Value SlowLogAdd(const Napi::CallbackInfo& info) {
  Log(LoggedWords(ToInt32(info[0]), ToInt64(info[1])), info, 2);
  return info.Env().Undefined();
}

napi_value SlowLogKeep(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  return ToJs(env, this_thread().kept_words.Add(LoggedWords(in.Int(0), in.Int64(1))));
}

Napi::Value SlowLogAddKept(const Napi::CallbackInfo& info) {
  const int64_t id = ToInt64(info[0]);
  auto& kept = this_thread().kept_words;
  Log(std::move(kept.At(id)), info, 1);
  kept.Remove(id);
  return info.Env().Undefined();
}

napi_value SlowLogDropKept(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  this_thread().kept_words.Remove(in.Int(0));
  return kUndefined;
}

Napi::Value SlowLogRead(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int64_t count = ToInt64(info[0]);
  const auto commands = SlowLog::Get().Read(static_cast<size_t>(count));
  const auto answer = Napi::Array::New(env, commands.size());
  for (uint32_t i = 0; i < commands.size(); i++) {
    const SlowCommand& command = commands[i];
    const auto words = Napi::Array::New(env, command.words.size());
    for (uint32_t k = 0; k < command.words.size(); k++) {
      const std::string& word = command.words[k];
      words.Set(k, Napi::Buffer<char>::Copy(env, word.data(), word.size()));
    }
    const auto record = Napi::Object::New(env);
    record.Set("id", static_cast<double>(command.id));
    record.Set("unixSeconds", static_cast<double>(command.unix_seconds));
    record.Set("microseconds", static_cast<double>(command.microseconds));
    record.Set("words", words);
    record.Set("address", command.address);
    record.Set("name", command.name);
    answer.Set(i, record);
  }
  return answer;
}

napi_value SlowLogLength(napi_env env, napi_callback_info) {
  return ToJs(env, static_cast<int64_t>(SlowLog::Get().Length()));
}

napi_value SlowLogReset(napi_env, napi_callback_info) {
  SlowLog::Get().Reset();
  return kUndefined;
}

napi_value SetMonitoring(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  SlowLog::Get().SetLengthMax(static_cast<size_t>(in.Int64(0)));
  latency_monitor::SetThreshold(in.Int64(1));
  return kUndefined;
}

// --- latencies ---

Napi::Value LatencyNote(const Napi::CallbackInfo& info) {
  latency_monitor::Note(ToText(info[0]), ToInt64(info[1]));
  return info.Env().Undefined();
}

Napi::Value LatencyEvents(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto events = latency_monitor::Events();
  const auto answer = Napi::Array::New(env, events.size());
  for (uint32_t i = 0; i < events.size(); i++) {
    const latency_monitor::Event& event = events[i];
    const auto samples = Napi::Array::New(env, event.samples.size());
    for (uint32_t k = 0; k < event.samples.size(); k++) {
      const auto sample = Napi::Object::New(env);
      sample.Set("unixSeconds", static_cast<double>(event.samples[k].unix_seconds));
      sample.Set("milliseconds", static_cast<double>(event.samples[k].milliseconds));
      samples.Set(k, sample);
    }
    const auto record = Napi::Object::New(env);
    record.Set("name", event.name);
    record.Set("millisecondsMax", static_cast<double>(event.milliseconds_max));
    record.Set("samples", samples);
    answer.Set(i, record);
  }
  return answer;
}

Napi::Value LatencyReset(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(),
                           static_cast<double>(latency_monitor::Reset(ToTexts(info[0]))));
}

// --- memory ---

napi_value KeyFootprint(napi_env env, napi_callback_info info) {
  const Arguments<3> in(env, info);
  const std::string_view key = this_thread().Word(in.Int(1));
  if (ThreadState::IsRefused(key)) return ToJs(env, Code::kOutOfMemory);
  const int64_t bytes = Keyspace::Get().Footprint(in.Int(0), key, in.Int64(2));
  return bytes < 0 ? ToJs(env, Code::kNotFound) : ToJs(env, bytes);
}

napi_value DatabaseIndexBytes(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env, Keyspace::Get().IndexBytes(in.Int(0)));
}

napi_value DatabaseAverageTtlMs(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env, Keyspace::Get().AverageTtlMs(in.Int(0)));
}

napi_value MemoryPurge(napi_env, napi_callback_info) {
  buffer_pool::Trim(0);
  malloc_trim(0);
  return kUndefined;
}

// What the C library tells about its arenas, as XML.
Napi::Value MallocStatistics(const Napi::CallbackInfo& info) {
  char* text = nullptr;
  size_t bytes = 0;
  std::string answer;
  if (FILE* const stream = open_memstream(&text, &bytes)) {
    malloc_info(0, stream);
    std::fclose(stream);
    answer.assign(text, bytes);
    std::free(text);
  }
  return Napi::String::New(info.Env(), answer);
}

napi_value SetActiveExpiry(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  expiry::SetActive(in.Int(0) != 0);
  return kUndefined;
}

napi_value RestExpiry(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  expiry::RestUntil(in.Int64(0));
  return kUndefined;
}

}  // namespace

std::span<const Export> ObservationExports() {
  static constexpr Export exports[] = {
      {"slowLogAdd", Wrapped<SlowLogAdd>},
      {"slowLogKeep", SlowLogKeep},
      {"slowLogAddKept", Wrapped<SlowLogAddKept>},
      {"slowLogDropKept", SlowLogDropKept},
      {"slowLogRead", Wrapped<SlowLogRead>},
      {"slowLogLength", SlowLogLength},
      {"slowLogReset", SlowLogReset},
      {"setMonitoring", SetMonitoring},
      {"latencyNote", Wrapped<LatencyNote>},
      {"latencyEvents", Wrapped<LatencyEvents>},
      {"latencyReset", Wrapped<LatencyReset>},
      {"keyFootprint", KeyFootprint},
      {"databaseIndexBytes", DatabaseIndexBytes},
      {"databaseAverageTtlMs", DatabaseAverageTtlMs},
      {"memoryPurge", MemoryPurge},
      {"mallocStatistics", Wrapped<MallocStatistics>},
      {"setActiveExpiry", SetActiveExpiry},
      {"restExpiry", RestExpiry},
  };
  return exports;
}

}  // namespace tutti
