#include "binding/thread_state.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <utility>

#include "core/memory_account.h"
#include "threads/client_table.h"

namespace tutti {

constinit thread_local ThreadState* current_thread_state = nullptr;

namespace {

std::mutex idle_blocks_mutex;
// Blocks of threads that have ended. Never destroyed.
std::vector<ThreadBlocks*>& idle_blocks() {
  static auto* const blocks = new std::vector<ThreadBlocks*>;
  return *blocks;
}

ThreadBlocks* TakeBlocks() {
  {
    const std::lock_guard lock(idle_blocks_mutex);
    if (!idle_blocks().empty()) {
      ThreadBlocks* const blocks = idle_blocks().back();
      idle_blocks().pop_back();
      return blocks;
    }
  }
  void* const memory = mmap(nullptr, sizeof(ThreadBlocks), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TUTTI_CHECK(memory != MAP_FAILED);
  return static_cast<ThreadBlocks*>(memory);
}

void GiveBlocksBack(ThreadBlocks* blocks) {
  const std::lock_guard lock(idle_blocks_mutex);
  idle_blocks().push_back(blocks);
}

}  // namespace

std::shared_ptr<RequestBlock> RequestBlock::New(size_t bytes) {
  void* block = nullptr;
  if (bytes < kMappedBytesMin) {
    block = AccountedAlloc(bytes, MemoryKind::kRequests);
  } else {
    block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) return nullptr;
    memory_account::Add(MemoryKind::kRequests, static_cast<int64_t>(bytes));
  }
  if (!block) return nullptr;
  return std::shared_ptr<RequestBlock>(new RequestBlock(static_cast<uint8_t*>(block), bytes));
}

std::shared_ptr<RequestBlock> RequestBlock::Grow(const std::shared_ptr<RequestBlock>& block,
                                                 size_t bytes) {
  TUTTI_CHECK(bytes >= block->bytes_);
  const size_t old_bytes = block->bytes_;
  if (old_bytes < kMappedBytesMin) {
    std::shared_ptr<RequestBlock> grown = New(bytes);
    if (grown) std::memcpy(grown->data_, block->data_, old_bytes);
    return grown;
  }
  void* const moved = mremap(block->data_, old_bytes, bytes, MREMAP_MAYMOVE);
  if (moved == MAP_FAILED) return nullptr;
  memory_account::Add(MemoryKind::kRequests, static_cast<int64_t>(bytes - old_bytes));
  block->data_ = static_cast<uint8_t*>(moved);
  block->bytes_ = bytes;
  return block;
}

RequestBlock::~RequestBlock() {
  if (bytes_ < kMappedBytesMin) {
    AccountedFree(data_, MemoryKind::kRequests);
    return;
  }
  munmap(data_, bytes_);
  memory_account::Add(MemoryKind::kRequests, -static_cast<int64_t>(bytes_));
}

Waker::Waker(Napi::Env env, Napi::Function function, const char* name,
             std::function<void(napi_env, napi_value function)> call)
    : call_(new std::function<void(napi_env, napi_value)>(std::move(call))) {
  const napi_status status = napi_create_threadsafe_function(
      env, function, nullptr, Napi::String::New(env, name), 0, 1, call_,
      [](napi_env, void* call, void*) {
        delete static_cast<std::function<void(napi_env, napi_value)>*>(call);
      },
      call_, &Waker::Run, &function_);
  TUTTI_CHECK(status == napi_ok);
}

Waker::~Waker() { Close(); }

void Waker::Wake() const {
  napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
}

void Waker::Close() {
  if (function_) napi_release_threadsafe_function(function_, napi_tsfn_abort);
  function_ = nullptr;
}

void Waker::Unref(Napi::Env env) const { napi_unref_threadsafe_function(env, function_); }

void Waker::Run(napi_env env, napi_value function, void* context, void*) {
  // Without an environment the thread is ending: nobody is there to be told.
  if (!env || !function) return;
  (*static_cast<std::function<void(napi_env, napi_value)>*>(context))(env, function);
}

void RunWatch::Begin() {
  in_flight_++;
  queued_at_ = std::chrono::steady_clock::now();
}

void RunWatch::End(size_t run_count) {
  if (in_flight_ == 1) last_ = std::chrono::steady_clock::now() - queued_at_;
  in_flight_ -= std::min(in_flight_, run_count);
}

std::optional<std::chrono::steady_clock::time_point> RunWatch::Deadline() {
  if (in_flight_ != 1 || last_ > kAwaitedMax) return std::nullopt;
  if (skipped_ > 0) {
    skipped_--;
    return std::nullopt;
  }
  return queued_at_ + kAwaitedMax;
}

namespace {

// One thread that stays awake is enough to keep a machine of few CPUs from its sleep.
std::atomic<bool> is_a_thread_awake{false};

}  // namespace

void ShortRunWatch::Note() {
  const Clock::time_point now = Clock::now();
  was_soon_ = now - last_ <= kAwakeMax;
  last_ = now;
  noted_count_++;
}

std::optional<ShortRunWatch::Clock::time_point> ShortRunWatch::Enter() {
  // With several there is always one that has sent the next.
  if (std::exchange(noted_count_, 0) != 1 || !was_soon_) return std::nullopt;
  if (is_a_thread_awake.exchange(true)) return std::nullopt;
  return Clock::now() + kAwakeMax;
}

void ShortRunWatch::Leave() { is_a_thread_awake = false; }

ThreadState::ThreadState(napi_env environment) : env(environment), blocks(TakeBlocks()) {
  memory_account::Add(MemoryKind::kRequests, sizeof(ThreadBlocks));
  UseScratch();
  blocks->command = {};
  journal::SetCommandWords(&request_words);
}

ThreadState::~ThreadState() {
  journal::SetCommandWords(nullptr);
  for (const auto& [id, client] : clients) ClientTable::Get().Close(client.slot);
  if (context) ThreadRegistry::Get().Detach(context);
  GiveBlocksBack(blocks);
  memory_account::Add(MemoryKind::kRequests, -static_cast<int64_t>(sizeof(ThreadBlocks)));
}

std::string_view RequestWords::Word(int32_t index, Ref<Object>* owner) const {
  const IncomingBlob* const blob = thread_.FindBlob(index);
  if (blob) *owner = blob->Share();
  return thread_.Word(index);
}

std::string_view ThreadState::BlobWord(uint32_t word) const {
  const IncomingBlob& blob = const_cast<ThreadState*>(this)->blobs.At(word & ~kBlobWordBit);
  if (blob.is_refused()) return {};
  TUTTI_CHECK(blob.is_complete());
  return {reinterpret_cast<const char*>(blob.data()), blob.announced()};
}

const IncomingBlob* ThreadState::FindBlob(int32_t index) const {
  TUTTI_CHECK(static_cast<uint32_t>(index) < row_word_count);
  const uint32_t offset = row[2 * index];
  if (!(offset & kBlobWordBit)) return nullptr;
  return &const_cast<ThreadState*>(this)->blobs.At(offset & ~kBlobWordBit);
}

std::span<const std::string_view> ThreadState::Words(int32_t first, int32_t count, bool* refused) {
  words.clear();
  words.reserve(static_cast<size_t>(count));
  if (refused) *refused = false;
  for (int32_t i = 0; i < count; i++) {
    const std::string_view word = Word(first + i);
    if (!IsRefused(word)) {
      words.push_back(word);
    } else if (refused) {
      *refused = true;
      return {};
    }
  }
  return words;
}

Ref<Object> ThreadState::TakeResult(uint32_t connection, uint32_t sequence) {
  for (size_t i = 0; i < messages.size(); i++) {
    if (result_next >= messages.size()) result_next = 0;
    Message& message = messages[result_next++];
    if (message.result && message.connection == connection && message.sequence == sequence) {
      return std::move(message.result);
    }
  }
  return nullptr;
}

int64_t ThreadState::BeginRows(std::unique_ptr<RowSource> source) {
  rows = std::move(source);
  blocks->numbers[0] = static_cast<double>(rows->total());
  return NextRows();
}

int64_t ThreadState::NextRows() {
  blocks->numbers[1] = 0;
  if (!rows) return 0;
  RowWriter writer(*this);
  rows->Write(rows->written, writer);
  rows->written += writer.count();
  const bool has_more = rows->written < rows->total();
  TUTTI_CHECK(!has_more || writer.count() > 0);
  if (!has_more) rows = nullptr;
  blocks->numbers[1] = has_more ? 1 : 0;
  return writer.count();
}

std::optional<KeptWords> KeptWords::Of(const ThreadState& thread, int32_t first, int32_t count) {
  TUTTI_CHECK(first >= 0 && count >= 0 &&
              static_cast<size_t>(first) + static_cast<size_t>(count) <= thread.row_word_count);
  const auto block = thread.request_blocks.find(thread.block);
  const auto row = thread.request_blocks.find(thread.row);
  if (block == thread.request_blocks.end() || row == thread.request_blocks.end()) return {};
  KeptWords kept;
  kept.block_ = block->second;
  kept.row_owner_ = row->second;
  kept.row_ = thread.row + 2 * static_cast<size_t>(first);
  for (int32_t i = 0; i < count; i++) {
    const uint32_t offset = kept.row_[2 * i], bytes = kept.row_[2 * i + 1];
    if (offset & kBlobWordBit) {
      const IncomingBlob* const blob = thread.FindBlob(first + i);
      kept.blobs_.push_back({i, blob->Share(), thread.Word(first + i)});
    } else {
      TUTTI_CHECK(size_t{offset} + bytes <= thread.block_bytes);
    }
  }
  return kept;
}

std::string_view KeptWords::At(int32_t i) const {
  const uint32_t offset = row_[2 * i];
  if (offset & kBlobWordBit) [[unlikely]] {
    return std::ranges::lower_bound(blobs_, i, {}, &Blob::index)->bytes;
  }
  return {reinterpret_cast<const char*>(block_->data()) + offset, row_[2 * i + 1]};
}

bool RowWriter::Put(std::string_view element, const Ref<Object>& owner) {
  uint8_t* const to = thread_.blocks->rows + bytes_;
  const size_t room = kRowsBytes - bytes_;
  if (element.size() >= kBlobBytesMin) {
    if (room < 16) return false;
    const uint32_t id = thread_.KeepReply(owner, element.data(), element.size());
    const double element_bytes = static_cast<double>(element.size());
    std::memcpy(to, &kRowReference, 4);
    std::memcpy(to + 4, &id, 4);
    std::memcpy(to + 8, &element_bytes, 8);
    bytes_ += 16;
  } else {
    if (room < 4 + element.size()) return false;
    const auto element_bytes = static_cast<uint32_t>(element.size());
    std::memcpy(to, &element_bytes, 4);
    std::memcpy(to + 4, element.data(), element.size());
    bytes_ += 4 + element.size();
  }
  count_++;
  return true;
}

void RowWriter::PutPiece(const uint8_t* bytes, size_t byte_count, int64_t count) {
  TUTTI_CHECK(count_ == 0 && byte_count <= kRowsBytes);
  std::memcpy(thread_.blocks->rows, bytes, byte_count);
  count_ = count;
}

void ThreadReply::Begin() { Reply::Begin(thread_.blocks->rows); }

int64_t ThreadReply::Finish() {
  // The pieces behind the first.
  class Pieces final : public RowSource {
   public:
    Pieces(std::vector<Piece> pieces, std::vector<std::unique_ptr<uint8_t, FreeBlock>> blocks)
        : pieces_(std::move(pieces)), blocks_(std::move(blocks)) {
      for (const Piece& piece : pieces_) total_ += piece.count;
      written = pieces_[0].count;
    }
    int64_t total() const override { return total_; }
    void Write(int64_t, RowWriter& writer) override {
      const Piece& piece = pieces_[++at_];
      writer.PutPiece(piece.block, piece.bytes, piece.count);
      blocks_[at_ - 1].reset();
    }

   private:
    const std::vector<Piece> pieces_;
    std::vector<std::unique_ptr<uint8_t, FreeBlock>> blocks_;
    int64_t total_ = 0;
    size_t at_ = 0;
  };
  const int64_t count = pieces_[0].count;
  thread_.rows = nullptr;
  thread_.blocks->numbers[1] = blocks_.empty() ? 0 : 1;
  if (!blocks_.empty()) {
    thread_.rows = std::make_unique<Pieces>(std::move(pieces_), std::move(blocks_));
  }
  return count;
}

uint32_t ThreadReply::Keep(Ref<Object> owner, std::string_view bytes) {
  return thread_.KeepReply(std::move(owner), bytes.data(), bytes.size());
}

Napi::Value MakeView(Napi::Env env, const void* data, size_t bytes) {
  TUTTI_CHECK(bytes <= kViewBytesMax);
  napi_value view = nullptr;
  const napi_status status =
      napi_create_external_buffer(env, bytes, const_cast<void*>(data), nullptr, nullptr, &view);
  // A worker that is being terminated gets none, and will not miss it.
  TUTTI_CHECK(status == napi_ok || status == napi_pending_exception ||
              status == napi_cannot_run_js);
  return status == napi_ok ? Napi::Value(env, view) : env.Undefined();
}

}  // namespace tutti
