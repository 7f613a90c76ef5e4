// Loads of models and scripts with the echo backend: their order, who joins whom, and what EXEC
// prepares.
#include "inference/model_loader.h"

#include <cstring>
#include <thread>

#include "check.h"
#include "inbox.h"
#include "keyspace/keyspace.h"
#include "keyspace/value.h"

namespace tutti {
namespace {

using test::Gate;
using test::Inbox;

constexpr auto kTorchIndex = static_cast<size_t>(BackendKind::kTorch);

// Loaders are never destroyed; kept here, they are no leak to a sanitizer.
ModelLoader& NewLoader(size_t queued_max = kQueuedLoadsMax) {
  static auto& kept = *new std::vector<void*>;
  EngineOptions options;
  options.backends[kTorchIndex].library = TUTTI_BACKEND_FOLDER "/tutti_backend_echo.so";
  options.log = [](int, std::string_view) {};
  auto* compiler = new Compiler(options);
  auto* loader = new ModelLoader(compiler, [](const Device&) { return Status::Ok(); }, queued_max);
  kept.push_back(compiler);
  kept.push_back(loader);
  return *loader;
}

BlobPart Part(std::string_view text) {
  BlobPart part{Buffer::Allocate(std::max<size_t>(text.size(), 1), MemoryKind::kRequests),
                text.size()};
  std::memcpy(part.buffer->data(), text.data(), text.size());
  return part;
}

ModelSpec Spec(std::initializer_list<std::string_view> parts, std::string tag = {}) {
  ModelSpec spec;
  spec.device.name = "CPU";
  spec.tag = std::move(tag);
  for (const std::string_view part : parts) spec.blob.push_back(Part(part));
  return spec;
}

ModelSpec LongSpec() {
  ModelSpec spec = Spec({});
  BlobPart part{Buffer::Reserve(kShortLoadBytesMax + 1, MemoryKind::kRequests),
                kShortLoadBytesMax + 1};
  std::memset(part.buffer->data(), 1, part.bytes);
  spec.blob.push_back(std::move(part));
  return spec;
}

ScriptSpec Source(std::string source) {
  ScriptSpec spec;
  spec.device.name = "CPU";
  spec.source = std::move(source);
  return spec;
}

Ref<Object> Find(std::string_view key) { return Keyspace::Get().Find(0, key); }
void Delete(std::string_view key) { Keyspace::Get().Delete(0, {&key, 1}); }

std::string TagAt(std::string_view key) {
  const Ref<Object> found = Find(key);
  CHECK(found && found->kind() == ObjectKind::kModel);
  return static_cast<const Model&>(*found).spec().tag;
}

// How often a key was changed since.
class ChangeCount {
 public:
  int64_t operator()() const { return Keyspace::Get().Counters().dirty - before_; }

 private:
  const int64_t before_ = Keyspace::Get().Counters().dirty;
};

// Keeps both threads of the loader, after their loads of `a` and `b`, until it is opened.
class Occupation {
 public:
  explicit Occupation(ModelLoader& loader) {
    loader.StoreModel(0, "a", LongSpec(), a_.completion());
    a_.WaitUntilReached();
    loader.StoreModel(0, "b", Spec({"b"}), b_.completion());
    b_.WaitUntilReached();
  }
  void Open() {
    a_.Open();
    b_.Open();
  }

 private:
  Gate a_, b_;
};

TEST(AShortLoadDoesNotWaitForALongOne) {
  ModelLoader& loader = NewLoader();
  Gate long_gate;
  Inbox inbox;
  loader.StoreModel(0, "long", LongSpec(), long_gate.completion());
  long_gate.WaitUntilReached();
  const Completion second_long = inbox.Next();
  loader.StoreModel(0, "long 2", LongSpec(), second_long);
  loader.StoreModel(0, "short", Spec({"good"}), inbox.Next());
  CHECK(inbox.Wait().code == Code::kOk);
  loader.StoreScript(0, "script", Source("good"), inbox.Next());
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK(!Find("long 2"));
  long_gate.Open();
  CHECK(inbox.Wait(second_long).code == Code::kOk);
  CHECK(Find("long 2"));
}

TEST(LoadsOfOneKeyKeepTheirOrderWhateverTheirLength) {
  ModelLoader& loader = NewLoader();
  Occupation occupation(loader);
  Inbox inbox;
  std::vector<Completion> completions;
  for (int i = 0; i < 30; i++) {
    ModelSpec spec = i % 3 == 0 ? LongSpec() : Spec({"good"});
    spec.tag = std::to_string(i);
    completions.push_back(inbox.Next());
    loader.StoreModel(0, "ordered", std::move(spec), completions.back());
  }
  occupation.Open();
  for (const Completion& completion : completions) {
    CHECK(inbox.Wait(completion).code == Code::kOk);
  }
  for (uint32_t i = 0; i < 30; i++) CHECK_EQUAL(inbox.order()[i], i + 1);
  CHECK_EQUAL(TagAt("ordered"), "29");
}

TEST(AnEqualStoreJoinsTheOneInFlight) {
  ModelLoader& loader = NewLoader();
  Occupation occupation(loader);
  Inbox inbox;
  const ChangeCount changes;
  std::vector<Completion> completions;
  for (const auto& parts : {std::initializer_list<std::string_view>{"good model"},
                            {"good model"},
                            {"good", " mod", "el"},
                            {"", "good mode", "l", ""}}) {
    completions.push_back(inbox.Next());
    loader.StoreModel(0, "joined", Spec(parts, "tag"), completions.back());
  }
  for (int i = 0; i < 2; i++) {
    completions.push_back(inbox.Next());
    loader.StoreScript(0, "joined script", Source("good"), completions.back());
  }
  occupation.Open();
  for (const Completion& completion : completions) {
    CHECK(inbox.Wait(completion).code == Code::kOk);
  }
  CHECK_EQUAL(changes(), 2);
}

TEST(AJoinedStoreIsAnsweredItsError) {
  ModelLoader& loader = NewLoader();
  Occupation occupation(loader);
  Inbox inbox;
  const Completion first = inbox.Next(), second = inbox.Next();
  loader.StoreModel(0, "failing", Spec({"fail"}), first);
  loader.StoreModel(0, "failing", Spec({"fail"}), second);
  occupation.Open();
  for (const Completion& completion : {first, second}) {
    const Message message = inbox.Wait(completion);
    CHECK(message.code == Code::kFailed);
    CHECK(message.text.find("fails to load") != std::string::npos);
  }
  CHECK(!Find("failing"));
}

TEST(AStoreThatDiffersInAWordDoesNotJoin) {
  ModelLoader& loader = NewLoader();
  Occupation occupation(loader);
  Inbox inbox;
  const ChangeCount changes;
  int count = 0;
  const auto store = [&](ModelSpec spec) {
    loader.StoreModel(0, "differing", std::move(spec), inbox.Next());
    count++;
  };
  store(Spec({"good"}));
  store(Spec({"goof"}));          // other bytes
  store(Spec({"goofy"}));         // more of them
  store(Spec({"goofy"}, "tag"));  // another tag
  ModelSpec spec = Spec({"goofy"}, "tag");
  spec.batch_size = 4;
  store(std::move(spec));
  spec = Spec({"goofy"}, "tag");
  spec.batch_size = 4;
  spec.min_batch_size = 2;
  store(std::move(spec));
  spec = Spec({"goofy"}, "tag");
  spec.batch_size = 4;
  spec.min_batch_size = 2;
  spec.min_batch_timeout_ms = 2;
  store(std::move(spec));
  spec = Spec({"goofy"}, "tag");
  spec.device.name = "cpu";
  store(std::move(spec));
  store(Spec({"good"}));  // as the first, but not right after it
  occupation.Open();
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK_EQUAL(changes(), count);
  const Ref<Object> last = Find("differing");
  CHECK_EQUAL(static_cast<const Model&>(*last).spec().blob[0].bytes, 4u);
}

TEST(AStoreOfAnotherKeyOrDatabaseDoesNotJoin) {
  ModelLoader& loader = NewLoader();
  Occupation occupation(loader);
  Inbox inbox;
  const ChangeCount changes;
  const Completion completions[] = {inbox.Next(), inbox.Next(), inbox.Next()};
  loader.StoreModel(0, "x", Spec({"good"}), completions[0]);
  loader.StoreModel(1, "x", Spec({"good"}), completions[1]);
  loader.StoreModel(0, "y", Spec({"good"}), completions[2]);
  occupation.Open();
  for (const Completion& completion : completions) inbox.Wait(completion);
  CHECK_EQUAL(changes(), 3);
}

TEST(AStoreAfterTheFirstOneIsInPlaceDoesNotJoinIt) {
  ModelLoader& loader = NewLoader();
  Gate gate;
  Inbox inbox;
  loader.StoreModel(0, "deleted", Spec({"good"}), gate.completion());
  gate.WaitUntilReached();  // the model is in place, its client about to be told
  Delete("deleted");
  loader.StoreModel(0, "deleted", Spec({"good"}), inbox.Next());
  gate.Open();
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK(Find("deleted"));
}

TEST(RefusesALoadAboveItsBound) {
  ModelLoader& loader = NewLoader(2);
  Occupation occupation(loader);
  Inbox inbox;
  const Completion first = inbox.Next(), second = inbox.Next(), third = inbox.Next();
  loader.StoreModel(0, "bound", Spec({"1"}), first);
  loader.StoreModel(0, "bound", Spec({"2"}), second);
  loader.StoreModel(0, "bound", Spec({"3"}), third);
  CHECK_EQUAL(inbox.Wait(third).text, "ERR the queue of models to load is full");
  occupation.Open();
  CHECK(inbox.Wait(first).code == Code::kOk);
  CHECK(inbox.Wait(second).code == Code::kOk);
  loader.StoreModel(0, "bound", Spec({"4"}), inbox.Next());
  CHECK(inbox.Wait().code == Code::kOk);
}

TEST(DropsWhatWaitsWhenClosedAndLoadsAgainWhenOpened) {
  ModelLoader& loader = NewLoader();
  Occupation occupation(loader);
  Inbox inbox;
  std::vector<Completion> dropped;
  for (const char* key : {"a", "c", "c", "d"}) {  // "a" waits for its first load
    dropped.push_back(inbox.Next());
    loader.StoreModel(0, key, Spec({key}), dropped.back());
  }
  loader.Close();
  for (const Completion& completion : dropped) {
    CHECK(inbox.Wait(completion).code == Code::kShuttingDown);
  }
  loader.StoreModel(0, "c", Spec({"good"}), inbox.Next());
  CHECK(inbox.Wait().code == Code::kShuttingDown);
  loader.Open();
  occupation.Open();
  for (const char* key : {"a", "b", "c", "d"}) {
    loader.StoreModel(0, key, Spec({"again"}), inbox.Next());
    CHECK(inbox.Wait().code == Code::kOk);
  }
}

TEST(APreparedModelIsStoredWhenItIsCommitted) {
  ModelLoader& loader = NewLoader();
  Inbox inbox;
  Delete("prepared");
  const Ref<Model> model = loader.PrepareModel(Spec({"good"}, "new"), inbox.Next());
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK(model->compiled());
  CHECK(!Find("prepared"));
  CHECK(CommitLoaded(0, "prepared", model).ok());
  CHECK_EQUAL(TagAt("prepared"), "new");

  const Ref<Script> script = loader.PrepareScript(Source("good"), inbox.Next());
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK(CommitLoaded(0, "prepared", script).code() == Code::kWrongType);
  loader.PrepareModel(Spec({"fail"}), inbox.Next());
  CHECK(inbox.Wait().code == Code::kFailed);
}

TEST(AnswersEachStoreOnceWhileClosedAndOpenedFromManyThreads) {
  ModelLoader& loader = NewLoader();
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; t++) {
    threads.emplace_back([&, t] {
      Inbox inbox;  // which checks that none is answered twice
      for (int i = 0; i < 500; i++) {
        loader.StoreModel(0, "shared " + std::to_string(i % 3), Spec({i % 5 ? "same" : "other"}),
                          inbox.Next());
        if (t == 0 && i % 50 == 0) {
          loader.Close();
          loader.Open();
        }
      }
      for (uint32_t i = 1; i <= 500; i++) {
        const Code code = inbox.Wait({nullptr, 1, i}).code;
        CHECK(code == Code::kOk || code == Code::kShuttingDown);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace tutti

RUN_TESTS()
