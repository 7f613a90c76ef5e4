#include "keyspace/tree_node.h"

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <numeric>

#include "core/memory_account.h"

namespace tutti {

void* AllocateNode(size_t bytes) {
  void* node = AccountedAlloc(bytes, MemoryKind::kKeys);
  if (!node) {
    std::fprintf(stderr, "out of memory: %zu bytes for a node of the keyspace\n", bytes);
    std::abort();
  }
  return node;
}

void FreeNode(void* node) { AccountedFree(node, MemoryKind::kKeys); }

InnerNode* InnerNode::New(uint8_t level) {
  return new (AllocateNode(sizeof(InnerNode))) InnerNode(level);
}

InnerNode* InnerNode::Copy() const {
  InnerNode* copy = New(level);
  copy->Append(*this, lows[0]);
  return copy;
}

void InnerNode::InsertChild(int at, TreeNode* child, uint64_t low, int64_t item_count) {
  assert(count < kChildrenMax && at <= count);
  std::copy_backward(children + at, children + count, children + count + 1);
  std::copy_backward(item_counts + at, item_counts + count, item_counts + count + 1);
  std::copy_backward(lows + at, lows + count, lows + count + 1);
  children[at] = child;
  item_counts[at] = item_count;
  lows[at] = low;
  ++count;
}

void InnerNode::RemoveChild(int at) {
  assert(at < count);
  std::copy(children + at + 1, children + count, children + at);
  std::copy(item_counts + at + 1, item_counts + count, item_counts + at);
  std::copy(lows + at + 1, lows + count, lows + at);
  --count;
}

InnerNode* InnerNode::SplitOff(int at) {
  InnerNode* right = New(level);
  std::copy(children + at, children + count, right->children);
  std::copy(item_counts + at, item_counts + count, right->item_counts);
  std::copy(lows + at, lows + count, right->lows);
  right->count = static_cast<uint16_t>(count - at);
  count = static_cast<uint16_t>(at);
  return right;
}

void InnerNode::Append(const InnerNode& right, uint64_t low) {
  assert(count + right.count <= kChildrenMax);
  std::copy(right.children, right.children + right.count, children + count);
  std::copy(right.item_counts, right.item_counts + right.count, item_counts + count);
  std::copy(right.lows, right.lows + right.count, lows + count);
  lows[count] = low;
  for (int i = 0; i < right.count; ++i) right.children[i]->AddRef();
  count = static_cast<uint16_t>(count + right.count);
}

int64_t InnerNode::ItemCount() const {
  return std::accumulate(item_counts, item_counts + count, int64_t{0});
}

}  // namespace tutti
