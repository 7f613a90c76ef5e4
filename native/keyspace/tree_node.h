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

struct TreeNode {
  explicit TreeNode(uint8_t node_level) : level(node_level) {}

  bool is_unique() const { return refs.load(std::memory_order_acquire) == 1; }
  void AddRef() const { refs.fetch_add(1, std::memory_order_relaxed); }
  // True if it was the last one: the caller frees the node.
  bool DropRef() const { return refs.fetch_sub(1, std::memory_order_acq_rel) == 1; }

  mutable std::atomic<uint32_t> refs{1};
  uint16_t count = 0;  // children of an inner node, items of a leaf
  const uint8_t level; // 0 is a leaf
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
  int ChildBefore(uint64_t order) const;
  int64_t ItemCount() const;

  TreeNode* children[kChildrenMax];
  int64_t item_counts[kChildrenMax];
  // Lower bounds of the orders in each child, and upper bounds of those in the one before it. That
  // of child 0 says nothing. All 0 in a tree without order.
  uint64_t lows[kChildrenMax];
};
static_assert(sizeof(InnerNode) <= 4096);

}  // namespace tutti
