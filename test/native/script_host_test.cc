// Commands and model runs of scripts, with a thread in the place of the script host's worker, and
// the echo backend.
#include "inference/script_host.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "check.h"
#include "core/memory_account.h"
#include "echo_engine.h"
#include "inbox.h"
#include "inference/engine.h"
#include "inference/run_queue.h"
#include "inference/script_reply.h"
#include "keyspace/keyspace.h"

namespace tutti {
namespace {

using test::EchoModel;
using test::Inbox;
using test::NewEngine;

tutti_bytes Word(std::string_view text) { return {text.data(), text.size()}; }

// The script host's worker: answers each command with what it was given.
class Worker {
 public:
  explicit Worker(ScriptHost& host) : host_(host) {
    mailbox_ = std::make_shared<Mailbox>([this] {
      is_woken_ = true;
      is_woken_.notify_one();
    });
    host_.Open(mailbox_);
    thread_ = std::thread([this] { Work(); });
  }
  ~Worker() {
    is_ended_ = true;
    is_woken_ = true;
    is_woken_.notify_one();
    thread_.join();
    mailbox_->Close();
  }

  std::atomic<int> done{0};

 private:
  void Work() {
    while (!is_ended_) {
      is_woken_.wait(false);
      is_woken_ = false;
      std::vector<Message> messages;
      while (mailbox_->Drain(&messages)) {
      }
      while (auto command = host_.Take()) {
        ScriptReply reply;
        const std::string text(command->words.block());
        reply.Append("$" + std::to_string(text.size()) + "\r\n" + text + "\r\n");
        done++;
        host_.Finish(std::move(command), std::move(reply));
      }
    }
  }

  ScriptHost& host_;
  std::shared_ptr<Mailbox> mailbox_;
  std::atomic<bool> is_woken_{false}, is_ended_{false};
  std::thread thread_;
};

Result<ScriptReply> Execute(ScriptHost& host, std::string_view word) {
  const tutti_bytes words[] = {Word(word)};
  return host.Execute(0, "default", words);
}

// Hosts as in production live as long as the process.
ScriptHost& NewHost() {
  static auto& hosts = *new std::vector<ScriptHost*>;
  hosts.push_back(new ScriptHost);
  return *hosts.back();
}

std::string FramedOf(Result<ScriptReply> reply) {
  CHECK(reply.ok());
  return reply.value().framed();
}

TEST(KeepsLargeWordsInMemoryOfTheirOwn) {
  const size_t before = memory_account::Used(MemoryKind::kRequests);
  {
    const std::string large(kBlobBytesMin, 'x'), small("a\0b", 3);
    const tutti_bytes given[] = {Word("SET"), Word(small), Word(large), Word("")};
    ScriptWords words(given);
    CHECK_EQUAL(words.words().size(), 4u);
    CHECK_EQUAL(words.block(), std::string("SETa\0b", 6));
    CHECK_EQUAL(words.longest_bytes(), kBlobBytesMin);
    CHECK_EQUAL(words.words()[1].at, 3u);
    CHECK(words.words()[2].is_blob);
    CHECK_EQUAL(words.blobs().size(), 1u);
    CHECK(words.blobs()[0].is_complete());
    CHECK(std::memcmp(words.blobs()[0].data(), large.data(), large.size()) == 0);
    CHECK(memory_account::Used(MemoryKind::kRequests) >= before + large.size());
  }
  CHECK_EQUAL(memory_account::Used(MemoryKind::kRequests), before);
}

struct Shown {
  std::string_view framed;
  std::string_view shown;
};

std::string Show(const tutti_value*& next) {
  const tutti_value& value = *next++;
  switch (value.type) {
    case TUTTI_NIL:
      return "nil";
    case TUTTI_INTEGER:
      return std::to_string(value.integer);
    case TUTTI_TEXT:
      return "'" + std::string(value.text.data, value.text.bytes) + "'";
    default: {
      std::string elements = "[";
      for (int64_t i = 0; i < value.integer; i++) elements += Show(next) + ",";
      return elements + "]";
    }
  }
}

TEST(ReadsRepliesOfEveryKind) {
  constexpr Shown kReplies[] = {
      {"+OK\r\n", "'OK'"},
      {"$-1\r\n", "nil"},
      {"*-1\r\n", "nil"},
      {"*0\r\n", "[]"},
      {"$0\r\n\r\n", "''"},
      {"$4\r\n\r\n\r\n\r\n", "'\r\n\r\n'"},
      {":9223372036854775807\r\n", "9223372036854775807"},
      {":-9223372036854775808\r\n", "-9223372036854775808"},
      {"*3\r\n:1\r\n*2\r\n$1\r\na\r\n*1\r\n$-1\r\n+x y\r\n", "[1,['a',[nil,],],'x y',]"},
      {"*2\r\n-ERR inside\r\n:2\r\n", "['ERR inside',2,]"},
  };
  for (const Shown& wanted : kReplies) {
    ScriptReply reply;
    reply.Append(wanted.framed);
    auto read = ScriptValues::Read(std::move(reply));
    CHECK(read.ok());
    const tutti_value* next = read.value()->values().data();
    CHECK_EQUAL(Show(next), wanted.shown);
    CHECK(next == read.value()->values().data() + read.value()->values().size());
  }
  ScriptReply error;
  error.Append("-WRONGTYPE no\r\n");
  auto refused = ScriptValues::Read(std::move(error));
  CHECK(refused.status().code() == Code::kFailed);
  CHECK_EQUAL(refused.status().message(), "WRONGTYPE no");
}

TEST(ReadsLargeValuesWhereTheyLie) {
  Ref<Buffer> buffer = Buffer::Allocate(3, MemoryKind::kTensors);
  std::memcpy(buffer->data(), "abc", 3);
  ScriptReply reply;
  reply.Append("*3\r\n$3\r\n");
  reply.AppendBlob(buffer, buffer->data(), 3);
  reply.Append("\r\n$3\r\n");
  reply.AppendBlob(buffer, buffer->data(), 3);
  reply.Append("\r\n:5\r\n");
  auto read = ScriptValues::Read(std::move(reply));
  CHECK(read.ok());
  const tutti_value* next = read.value()->values().data();
  CHECK_EQUAL(Show(next), "['abc','abc',5,]");
}

TEST(StartsTheHostWithTheFirstCommand) {
  ScriptHost& host = NewHost();
  CHECK_EQUAL(Execute(host, "early").status().message(), "ERR scripts cannot run commands here");
  std::unique_ptr<Worker> worker;
  std::atomic<int> starts{0};
  std::thread starting;
  host.SetStarter([&] {
    starts++;
    starting = std::thread([&] { worker = std::make_unique<Worker>(host); });
  });
  CHECK_EQUAL(FramedOf(Execute(host, "one")), "$3\r\none\r\n");
  CHECK_EQUAL(FramedOf(Execute(host, "two")), "$3\r\ntwo\r\n");
  CHECK_EQUAL(starts.load(), 1);
  starting.join();
  host.Close();
}

TEST(FailsWhenNoHostCanBeStartedAndTriesAgain) {
  ScriptHost& host = NewHost();
  int starts = 0;
  host.SetStarter([&] {
    starts++;
    host.Abandon("no threads left");
  });
  for (int i = 1; i <= 2; i++) {
    CHECK_EQUAL(Execute(host, "x").status().message(),
                "ERR no thread for the commands of scripts: no threads left");
    CHECK_EQUAL(starts, i);
  }
}

TEST(ClosingEndsWhatWaitsAndWhatComes) {
  ScriptHost& host = NewHost();
  host.SetStarter([] {});  // and none ever comes
  std::vector<std::thread> scripts;
  std::atomic<int> ended{0};
  for (int i = 0; i < 4; i++) {
    scripts.emplace_back([&] {
      CHECK(Execute(host, "x").status().code() == Code::kShuttingDown);
      ended++;
    });
  }
  std::shared_ptr<ScriptCommand> taken;
  while (!(taken = host.Take())) std::this_thread::yield();
  host.Close();
  for (std::thread& script : scripts) script.join();
  CHECK_EQUAL(ended.load(), 4);
  host.Finish(taken, {});  // too late, and harmless
  CHECK(Execute(host, "x").status().code() == Code::kShuttingDown);
  host.Reopen();
  Worker worker(host);
  CHECK_EQUAL(FramedOf(Execute(host, "again")), "$5\r\nagain\r\n");
  host.Close();
}

TEST(AnswersEachOfManyScriptsItsOwn) {
  ScriptHost& host = NewHost();
  Worker worker(host);
  std::vector<std::thread> scripts;
  for (int t = 0; t < 8; t++) {
    scripts.emplace_back([&, t] {
      for (int i = 0; i < 500; i++) {
        const std::string word = std::to_string(1000 * t + i + 10000);
        CHECK_EQUAL(FramedOf(Execute(host, word)), "$5\r\n" + word + "\r\n");
      }
    });
  }
  for (std::thread& script : scripts) script.join();
  CHECK_EQUAL(worker.done.load(), 4000);
  host.Close();
}

// ---- the engine, with scripts of the echo backend

void StoreModel(Engine& engine, const std::string& key, std::string_view blob) {
  Inbox inbox;
  engine.StoreModel(0, key, EchoModel(blob), inbox.Next());
  CHECK(inbox.Wait().code == Code::kOk);
}

template <typename T>
Ref<T> FindAs(std::string_view key) {
  Ref<Object> found = Keyspace::Get().Find(0, key);
  CHECK(found);
  return Ref<T>::Adopt(static_cast<T*>(found.Leave()));
}

Ref<Script> StoreScript(Engine& engine, const std::string& key, std::string source) {
  ScriptSpec spec;
  spec.device.name = "CPU";
  spec.source = std::move(source);
  Inbox inbox;
  engine.StoreScript(0, key, std::move(spec), inbox.Next());
  CHECK(inbox.Wait().code == Code::kOk);
  return FindAs<Script>(key);
}

Ref<Tensor> Rows(int64_t row_count) {
  const int64_t dims[] = {row_count, 2};
  const std::vector<float> elements(static_cast<size_t>(row_count) * 2, 1.0f);
  return Tensor::Copy(DType::kFloat, dims, elements.data(), elements.size() * sizeof(float));
}

ScriptRun RunOf(const Ref<Script>& script, Completion completion, std::string output = "out") {
  ScriptRun run;
  run.script = script;
  run.function = "f";
  run.inputs = {Rows(3)};
  run.user = "default";
  run.target.output_keys = {std::move(output)};
  run.target.completion = std::move(completion);
  return run;
}

Message Run(Engine& engine, const Ref<Script>& script) {
  Inbox inbox;
  engine.Enqueue(RunOf(script, inbox.Next()));
  return inbox.Wait();
}

TEST(RunsModelsInPlaceAndCountsThem) {
  Engine& engine = NewEngine(1);
  StoreModel(engine, "good", "good");
  StoreModel(engine, "bad", "fail-run");
  const Ref<Script> script = StoreScript(engine, "s", "model good");
  CHECK(Run(engine, script).code == Code::kOk);
  CHECK_EQUAL(FindAs<Tensor>("out")->dims()[0], 3);
  const Ref<Model> good = FindAs<Model>("good");
  CHECK_EQUAL(good->statistics.calls.load(), 1);
  CHECK_EQUAL(good->statistics.samples.load(), 3);

  const Message failed = Run(engine, StoreScript(engine, "s", "model bad"));
  CHECK_EQUAL(failed.text, "this run  fails");
  const Ref<Model> bad = FindAs<Model>("bad");
  CHECK_EQUAL(bad->statistics.errors.load(), 1);
  CHECK_EQUAL(bad->statistics.samples.load(), 0);

  CHECK_EQUAL(Run(engine, StoreScript(engine, "s", "model none")).text, "ERR model key is empty");
  CHECK_EQUAL(Run(engine, StoreScript(engine, "s", "model out")).text,
              "WRONGTYPE Operation against a key holding the wrong kind of value");
}

TEST(ManyMoreScriptsThanRunThreadsCallCommandsAndALimitedModel) {
  constexpr int kThreads = 3, kScripts = kThreads + 8, kRounds = 20;
  Engine& engine = NewEngine(kThreads);
  Worker worker(ScriptHost::Get());
  StoreModel(engine, "one", "good");
  const Ref<Model> model = FindAs<Model>("one");
  model->gate.SetMax(1);  // as TFLITE's
  const Ref<Script> script = StoreScript(engine, "s", "model one");
  Inbox inbox;
  for (int i = 0; i < kRounds; i++) {
    for (int k = 0; k < kScripts; k++) {
      ScriptRun run = RunOf(script, inbox.Next(), "out" + std::to_string(k));
      run.args = {"PING", "PING"};
      engine.Enqueue(std::move(run));
      ModelRun plain;
      plain.model = model;
      plain.inputs = {Rows(1)};
      plain.target.output_keys = {"plain"};
      plain.target.completion = inbox.Next();
      engine.Enqueue(std::move(plain));
    }
  }
  for (uint32_t i = 1; i <= 2 * kRounds * kScripts; i++) {
    CHECK(inbox.Wait({inbox.mailbox(), 1, i}).code == Code::kOk);
  }
  CHECK_EQUAL(worker.done.load(), 2 * kRounds * kScripts);
  CHECK_EQUAL(model->statistics.calls.load(), 2 * kRounds * kScripts);
  ScriptHost::Get().Close();
  ScriptHost::Get().Reopen();
}

TEST(LetsAtMostOneAtATimeThroughAGateAndWaitersFirst) {
  RunGate gate;  // one at a time
  std::atomic<int> inside{0}, through{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; i++) {
        gate.Begin();
        CHECK_EQUAL(++inside, 1);
        through++;
        inside--;
        gate.End();
      }
    });
  }
  while (through < 8000) {
    if (!gate.TryBegin()) continue;
    CHECK_EQUAL(++inside, 1);
    inside--;
    gate.End();
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(gate.TryBegin());
  std::thread waiter([&] {
    gate.Begin();
    gate.End();
  });
  gate.End();
  waiter.join();
  CHECK(gate.TryBegin());
}

}  // namespace
}  // namespace tutti

RUN_TESTS()
