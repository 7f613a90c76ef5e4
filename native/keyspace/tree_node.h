// What all nodes of the copy-on-write trees share, and the inner nodes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tutti {

// Memory for a node, counted as MemoryKind::kKeys. Ends the process if there is none: a tree half
// changed cannot be left behind.
void* AllocateNode(size_t bytes);
void FreeNode(void* node);

// The number of `orders`, which ascend, that are less than `order`. Looks at one of each cache line
// first, all independent loads: halving waits for each line in turn
// (test/native/keyspace_bench.cc).
inline int CountBelow(const uint64_t* orders, int count, uint64_t order) {
  constexpr int kStep = 8;
  int below = 0;
  for (int at = kStep - 1; at < count; at += kStep) below += orders[at] < order ? kStep : 0;
  const int end = below + kStep < count ? below + kStep : count;
  int nth = below;
  for (int at = below; at < end; ++at) nth += orders[at] < order;
  return nth;
}

struct TreeNode {
  explicit TreeNode(uint8_t node_level) : level(node_level) {}

  bool is_unique() const { return refs.load(std::memory_order_acquire) == 1; }
  void AddRef() const { refs.fetch_add(1, std::memory_order_relaxed); }
  // True if it was the last one: the caller frees the node.
  bool DropRef() const { return refs.fetch_sub(1, std::memory_order_acq_rel) == 1; }

  mutable std::atomic<uint32_t> refs{1};
  uint16_t count = 0;   // children of an inner node, items of a leaf
  const uint8_t level;  // 0 is a leaf
};

struct InnerNode : TreeNode {
  static constexpr int kChildrenMax = 64;

  explicit InnerNode(uint8_t node_level) : TreeNode(node_level) {}
  static InnerNode* New(uint8_t level);

  // Shares the children.
  InnerNode* Copy() const;
  void InsertChild(int at, TreeNode* child, uint64_t low, int64_t item_count);
  // Forgets the child, without releasing it.
  void RemoveChild(int at);
  // Moves the children from `at` on to a new node.
  InnerNode* SplitOff(int at);
  // Takes all children of `right`, whose first has `low` as its lower bound; adds references.
  void Append(const InnerNode& right, uint64_t low);
  // The last child whose items may begin before `order`; 0 if none does.
  int ChildBefore(uint64_t order) const { return CountBelow(lows + 1, count - 1, order); }
  int64_t ItemCount() const;

  TreeNode* children[kChildrenMax];
  int64_t item_counts[kChildrenMax];
  // Lower bounds of the orders in each child, and upper bounds of those in the one before it. That
  // of child 0 says nothing. All 0 in a tree without order.
  uint64_t lows[kChildrenMax];
};
static_assert(sizeof(InnerNode) <= 4096);

}  // namespace tutti
