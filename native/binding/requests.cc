// The exports about one thread, and about requests on their way in.
#include <cstring>
#include <memory>
#include <utility>

#include "binding/thread_state.h"

namespace tutti {

namespace {

// --- the thread ---

// Runs before the environment tears down what wakes it: hooks go last in, first out.
void EndThread(void*) {
  delete current_thread_state;
  current_thread_state = nullptr;
}

template <typename Element>
Napi::TypedArrayOf<Element> BlockArray(Napi::Env env, Element* data, size_t count) {
  const auto memory = Napi::ArrayBuffer::New(env, data, count * sizeof(Element));
  return Napi::TypedArrayOf<Element>::New(env, count, memory, 0);
}

Napi::Value AttachThread(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  TUTTI_CHECK(current_thread_state == nullptr);
  auto* const thread = new ThreadState(env);
  current_thread_state = thread;
  thread->waker =
      std::make_unique<Waker>(env, info[0].As<Napi::Function>(), "tutti mailbox",
                              [](napi_env env, napi_value wake) { CallFunction(env, wake, {}); });
  thread->waker->Unref(env);
  napi_add_env_cleanup_hook(env, EndThread, nullptr);
  thread->context = ThreadRegistry::Get().Attach(
      std::make_shared<Mailbox>([waker = thread->waker.get()] { waker->Wake(); }));

  ThreadBlocks& blocks = *thread->blocks;
  if (info[1].IsFunction()) thread->sockets = SocketSet::Open(env, info[0], info[1], blocks.ready);
  const auto answer = Napi::Object::New(env);
  answer.Set("scratch", MakeView(env, blocks.scratch, kScratchBytes));
  answer.Set("row", BlockArray(env, blocks.row, 2 * kRowWordsMax));
  answer.Set("out", MakeView(env, blocks.out, kOutBytes));
  answer.Set("rows", MakeView(env, blocks.rows, kRowsBytes));
  answer.Set("numbers", BlockArray(env, blocks.numbers, kNumberCount));
  answer.Set("ready", BlockArray(env, blocks.ready, 2 * kReadyMax));
  answer.Set("command", BlockArray(env, &blocks.command.word_count, 4));
  answer.Set("sends", BlockArray(env, blocks.sends, 3 * kSendsMax));
  answer.Set("threadIndex", thread->context->index);
  return answer;
}

Napi::Value DetachThread(const Napi::CallbackInfo& info) {
  ThreadState& thread = this_thread();
  if (thread.context) {
    ThreadRegistry::Get().Detach(thread.context);
    thread.context = nullptr;
    thread.waker->Close();
  }
  return info.Env().Undefined();
}

Napi::Value PostNotice(const Napi::CallbackInfo& info) {
  Message message;
  message.kind = MessageKind::kNotice;
  message.text = ToText(info[0]);
  constexpr size_t kNoticeBytesMax = kRowsBytes - 20;
  TUTTI_CHECK(message.text.size() <= kNoticeBytesMax);
  ThreadRegistry::Get().PostToAll(message);
  return info.Env().Undefined();
}

napi_value DrainMailbox(napi_env env, napi_callback_info) {
  ThreadState& thread = this_thread();
  if (thread.message_next == thread.messages.size()) {
    thread.messages.clear();
    thread.message_next = 0;
    thread.delivery_next = 0;
    if (thread.context) thread.context->mailbox->Drain(&thread.messages);
    thread.run_watch.End(thread.messages.size());
  }
  uint8_t* to = thread.blocks->rows;
  const uint8_t* const end = to + kRowsBytes;
  int64_t count = 0;
  for (; thread.message_next < thread.messages.size(); thread.message_next++, count++) {
    Message& message = thread.messages[thread.message_next];
    constexpr size_t kTextBytesMax = kRowsBytes - 20;
    if (message.text.size() > kTextBytesMax) message.text.resize(kTextBytesMax);
    if (static_cast<size_t>(end - to) < 20 + message.text.size()) break;
    const uint32_t head[5] = {static_cast<uint32_t>(message.kind), message.connection,
                              message.sequence, static_cast<uint32_t>(message.code),
                              static_cast<uint32_t>(message.text.size())};
    std::memcpy(to, head, sizeof head);
    std::memcpy(to + sizeof head, message.text.data(), message.text.size());
    to += sizeof head + message.text.size();
  }
  return ToJs(env, count);
}

// --- where requests lie ---

napi_value UseRequest(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  ThreadState& thread = this_thread();
  void* block = nullptr;
  void* row = nullptr;
  size_t block_bytes = 0, row_length = 0;
  napi_typedarray_type block_type, row_type;
  TUTTI_CHECK(napi_get_typedarray_info(env, in[0], &block_type, &block_bytes, &block, nullptr,
                                       nullptr) == napi_ok);
  TUTTI_CHECK(napi_get_typedarray_info(env, in[1], &row_type, &row_length, &row, nullptr,
                                       nullptr) == napi_ok);
  TUTTI_CHECK(block_type == napi_uint8_array && row_type == napi_uint32_array);
  // An empty typed array has no memory, but its words are empty and not refused.
  thread.block = block ? static_cast<const uint8_t*>(block) : thread.blocks->scratch;
  thread.block_bytes = block_bytes;
  thread.row = static_cast<const uint32_t*>(row);
  thread.row_word_count = row_length / 2;
  return kUndefined;
}

napi_value UseScratch(napi_env, napi_callback_info) {
  this_thread().UseScratch();
  return kUndefined;
}

Napi::Value NoBlock(Napi::Env env, size_t bytes) {
  Napi::Error::New(env, "out of memory: a request block of " + std::to_string(bytes) + " bytes")
      .ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value GiveBlock(Napi::Env env, std::shared_ptr<RequestBlock> block, size_t bytes) {
  uint8_t* const data = block->data();
  this_thread().request_blocks.emplace(data, std::move(block));
  return Napi::ArrayBuffer::New(env, data, bytes);
}

Napi::Value AllocateBlock(const Napi::CallbackInfo& info) {
  const auto bytes = static_cast<size_t>(ToInt64(info[0]));
  std::shared_ptr<RequestBlock> block = RequestBlock::New(bytes);
  if (!block) return NoBlock(info.Env(), bytes);
  return GiveBlock(info.Env(), std::move(block), bytes);
}

// growBlock(block, bytes): what it answers takes the place of `block`.
Napi::Value GrowBlock(const Napi::CallbackInfo& info) {
  auto buffer = info[0].As<Napi::ArrayBuffer>();
  const auto bytes = static_cast<size_t>(ToInt64(info[1]));
  auto& blocks = this_thread().request_blocks;
  const auto made = blocks.find(buffer.Data());
  // Nobody keeps words of a request that is not whole.
  TUTTI_CHECK(made != blocks.end() && made->second.use_count() == 1);
  std::shared_ptr<RequestBlock> grown = RequestBlock::Grow(made->second, bytes);
  if (!grown) return NoBlock(info.Env(), bytes);
  buffer.Detach();
  blocks.erase(made);
  return GiveBlock(info.Env(), std::move(grown), bytes);
}

Napi::Value FreeBlock(const Napi::CallbackInfo& info) {
  auto buffer = info[0].As<Napi::ArrayBuffer>();
  // Until the end: the memory must be there when the view of it goes.
  const auto made = this_thread().request_blocks.extract(buffer.Data());
  TUTTI_CHECK(!made.empty());
  buffer.Detach();
  return info.Env().Undefined();
}

// --- bodies of BLOB_BYTES_MIN and more ---

napi_value BlobBegin(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env, this_thread().blobs.Add(static_cast<size_t>(in.Int64(0))));
}

napi_value BlobAppend(napi_env env, napi_callback_info info) {
  const Arguments<3> in(env, info);
  ThreadState& thread = this_thread();
  const int64_t offset = in.Int64(1), count = in.Int64(2);
  TUTTI_CHECK(offset >= 0 && count >= 0 && offset + count <= static_cast<int64_t>(kScratchBytes));
  IncomingBlob& blob = thread.blobs.At(in.Int(0));
  TUTTI_CHECK(blob.received() + static_cast<size_t>(count) <= blob.announced());
  blob.Append(thread.blocks->scratch + offset, static_cast<size_t>(count));
  return kUndefined;
}

napi_value BlobSkip(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  IncomingBlob& blob = this_thread().blobs.At(in.Int(0));
  TUTTI_CHECK(blob.is_refused());
  blob.Received(static_cast<size_t>(in.Int64(1)));
  return kUndefined;
}

napi_value BlobIsRefused(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env, this_thread().blobs.At(in.Int(0)).is_refused() ? 1 : 0);
}

napi_value BlobBytes(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env, static_cast<int64_t>(this_thread().blobs.At(in.Int(0)).announced()));
}

napi_value BlobRelease(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  this_thread().blobs.Remove(in.Int(0));
  return kUndefined;
}

napi_value Detach(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  TUTTI_CHECK(napi_detach_arraybuffer(env, in[0]) == napi_ok);
  return kUndefined;
}

}  // namespace

std::span<const Export> RequestExports() {
  static constexpr Export exports[] = {
      {"attachThread", Wrapped<AttachThread>},
      {"detachThread", Wrapped<DetachThread>},
      {"postNotice", Wrapped<PostNotice>},
      {"drainMailbox", DrainMailbox},
      {"useRequest", UseRequest},
      {"useScratch", UseScratch},
      {"allocateBlock", Wrapped<AllocateBlock>},
      {"growBlock", Wrapped<GrowBlock>},
      {"freeBlock", Wrapped<FreeBlock>},
      {"blobBegin", BlobBegin},
      {"blobAppend", BlobAppend},
      {"blobSkip", BlobSkip},
      {"blobIsRefused", BlobIsRefused},
      {"blobBytes", BlobBytes},
      {"blobRelease", BlobRelease},
      {"detach", Detach},
  };
  return exports;
}

}  // namespace tutti
