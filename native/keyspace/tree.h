// The one copy-on-write B+tree that every ordered or indexed collection is made of: keys of a
// stripe, lists (by index), hashes (by hash or by index).
//
// A Tree owns one reference to its root; Share() takes another one in O(1). A writer changes a
// node in place if no other tree reaches it, else it copies that node and the path to it, so a
// shared tree never changes. Items with equal order may repeat.
//
// Threads: a tree belongs to one thread at a time (its stripe's lock); trees that share nodes may
// be used and dropped by different threads.
//
// `Leaf` is a TreeNode of level 0 with:
//   Item                                what is inserted
//   static Leaf* New(const Item&)       an empty leaf with room for it
//   Leaf* Copy() const                  shares what the items refer to
//   static void Delete(Leaf*)           releases the items and frees the leaf
//   int LowerBound(uint64_t) const, uint64_t OrderOf(int) const     0 without order
//   bool HasRoom(const Item&) const, bool CanGrow(const Item&) const, Leaf* Grow(const Item&)
//                                       Grow frees or reuses the old leaf
//   void Insert(int, const Item&), void Erase(int)
//   int Middle() const, Leaf* SplitOff(int)     each part has room for any item at any place
//   bool is_sparse() const, static bool CanMerge(const Leaf&, const Leaf&)
//   Leaf* Append(const Leaf&)           adds shared copies of the items; may replace the leaf
//   size_t footprint() const            only if the tree's Footprint() is asked for
#pragma once

#include <cassert>
#include <cstdint>
#include <utility>

#include "keyspace/tree_node.h"

namespace tutti {

template <typename Leaf>
class Tree {
 public:
  using Item = typename Leaf::Item;
  static constexpr int kDepthMax = 8;  // sparse nodes are merged: over 10^9 leaves

  // A place in the tree: before item `position` of `leaf`, or behind its last. Valid until the
  // tree is changed other than through it; after Insert() and Erase() it is spent.
  struct Path {
    struct Step {
      InnerNode* node;
      int child;
    };
    Leaf* leaf = nullptr;
    int position = 0;
    int depth = 0;          // number of inner nodes above the leaf
    Step steps[kDepthMax];  // [0] is the leaf's parent

    bool is_at_item() const { return leaf && position < leaf->count; }
  };

  Tree() = default;
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  Tree(Tree&& other) noexcept
      : root_(std::exchange(other.root_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Tree& operator=(Tree&& other) noexcept {
    std::swap(root_, other.root_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Tree() { Clear(); }

  // Another tree with the same items, in O(1).
  Tree Share() const {
    Tree tree;
    tree.root_ = root_;
    tree.size_ = size_;
    if (root_) root_->AddRef();
    return tree;
  }

  // O(nodes) if nobody shares them.
  void Clear() {
    if (root_) Release(root_);
    root_ = nullptr;
    size_ = 0;
  }

  // Bytes of its nodes and of what its items keep outside of them: of all of them (0), or judged by
  // the first leaves that have `sample_count` items. `Leaf` has size_t footprint() const.
  size_t Footprint(int64_t sample_count) const {
    if (sample_count <= 0) sample_count = size_;
    size_t bytes = 0;
    int64_t seen = 0;
    Path path = SeekIndex(0);
    while (seen < sample_count && Settle(path)) {
      bytes += path.leaf->footprint();
      // A leaf's part of the node above it; higher ones are a hundredth of those.
      if (path.depth > 0) bytes += sizeof(InnerNode) / path.steps[0].node->count;
      seen += path.leaf->count;
      path.position = path.leaf->count;
    }
    if (seen == size_) return bytes;
    return static_cast<size_t>(static_cast<double>(bytes) / static_cast<double>(seen) *
                               static_cast<double>(size_));
  }

  int64_t size() const { return size_; }
  bool is_single_node() const { return !root_ || root_->level == 0; }

  // The place of item `index`; of the end for size().
  Path SeekIndex(int64_t index) const {
    Path path;
    if (!root_) return path;
    TreeNode* node = Descend(&path, [&](const InnerNode& inner) {
      int child = 0;
      while (child + 1 < inner.count && index >= inner.item_counts[child]) {
        index -= inner.item_counts[child++];
      }
      return child;
    });
    path.leaf = static_cast<Leaf*>(node);
    path.position = static_cast<int>(index);
    return path;
  }

  // The place before the first item whose order is not less. It may lie behind the last item of a
  // leaf: the right place to insert at; Settle() moves on to the item itself.
  Path SeekOrder(uint64_t order) const {
    Path path;
    if (!root_) return path;
    TreeNode* node =
        Descend(&path, [&](const InnerNode& inner) { return inner.ChildBefore(order); });
    path.leaf = static_cast<Leaf*>(node);
    path.position = path.leaf->LowerBound(order);
    return path;
  }

  // The place before the first item of this order that is not `before` (leaf, position), or behind
  // the last of them. Items of one order must lie with those that are `before` in front.
  template <typename Before>
  Path SeekWithin(uint64_t order, Before before) const {
    Path path;
    if (!root_) return path;
    TreeNode* node = Descend(&path, [&](const InnerNode& inner) {
      int child = inner.ChildBefore(order);
      int last = child;  // of those that may begin with this order
      while (last + 1 < inner.count && inner.lows[last + 1] == order) ++last;
      while (child < last) {
        const int middle = (child + last + 1) / 2;
        const Leaf* leaf = FirstLeaf(inner.children[middle]);
        // A lower bound may lie below the first order that is really there.
        if (leaf->OrderOf(0) == order && before(*leaf, 0)) {
          child = middle;
        } else {
          last = middle - 1;
        }
      }
      return child;
    });
    path.leaf = static_cast<Leaf*>(node);
    int first = path.leaf->LowerBound(order);
    int last = path.leaf->count;
    while (first < last) {
      const int middle = (first + last) / 2;
      if (path.leaf->OrderOf(middle) == order && before(*path.leaf, middle)) {
        first = middle + 1;
      } else {
        last = middle;
      }
    }
    path.position = first;
    return path;
  }

  // The index of the path's place.
  int64_t IndexOf(const Path& path) const {
    int64_t index = path.position;
    for (int level = 0; level < path.depth; ++level) {
      const InnerNode& inner = *path.steps[level].node;
      for (int child = 0; child < path.steps[level].child; ++child) {
        index += inner.item_counts[child];
      }
    }
    return index;
  }

  // Moves from behind a leaf's last item to the first of the next leaf. False at the end.
  bool Settle(Path& path) const {
    if (!path.leaf) return false;
    if (path.position < path.leaf->count) return true;
    int level = 0;
    while (level < path.depth && path.steps[level].child + 1 == path.steps[level].node->count) {
      ++level;
    }
    if (level == path.depth) return false;
    TreeNode* node = path.steps[level].node->children[++path.steps[level].child];
    while (node->level > 0) {
      auto* inner = static_cast<InnerNode*>(node);
      path.steps[--level] = {inner, 0};
      node = inner->children[0];
    }
    path.leaf = static_cast<Leaf*>(node);
    path.position = 0;
    return true;
  }

  // To the next item; false if there is none.
  bool Next(Path& path) const {
    ++path.position;
    return Settle(path);
  }

  // To the item before; false if there is none.
  bool Previous(Path& path) const {
    if (!path.leaf) return false;
    if (path.position > 0) {
      --path.position;
      return true;
    }
    int level = 0;
    while (level < path.depth && path.steps[level].child == 0) ++level;
    if (level == path.depth) return false;
    TreeNode* node = path.steps[level].node->children[--path.steps[level].child];
    while (node->level > 0) {
      auto* inner = static_cast<InnerNode*>(node);
      path.steps[--level] = {inner, inner->count - 1};
      node = inner->children[inner->count - 1];
    }
    path.leaf = static_cast<Leaf*>(node);
    path.position = path.leaf->count - 1;
    return true;
  }

  // Makes every node of the path this tree's own. The items then may be changed in place.
  Leaf* MakeWritable(Path& path) {
    TreeNode** link = &root_;
    for (int level = path.depth - 1; level >= 0; --level) {
      typename Path::Step& step = path.steps[level];
      if (!step.node->is_unique()) {
        InnerNode* copy = step.node->Copy();
        Release(step.node);
        *link = step.node = copy;
      }
      link = &step.node->children[step.child];
    }
    if (!path.leaf->is_unique()) {
      Leaf* copy = path.leaf->Copy();
      Release(path.leaf);
      *link = path.leaf = copy;
    }
    return path.leaf;
  }

  // Inserts before the path's place. Takes over what the item owns.
  void Insert(Path& path, const Item& item) {
    if (!root_) {
      path.leaf = Leaf::New(item);
      root_ = path.leaf;
    } else {
      MakeWritable(path);
    }
    if (!path.leaf->HasRoom(item)) MakeRoom(path, item);
    path.leaf->Insert(path.position, item);
    AddToCounts(path, 1);
  }

  // Removes the item at the path, and releases what it owns.
  void Erase(Path& path) {
    MakeWritable(path);
    path.leaf->Erase(path.position);
    AddToCounts(path, -1);
    if (path.leaf->count == 0) {
      Leaf::Delete(path.leaf);
      RemoveChild(path, 0);
    } else if (path.leaf->is_sparse()) {
      MergeLeaf(path);
    }
  }

  // Puts another item in the place of one. Equal order.
  void Replace(Path& path, const Item& item) {
    MakeWritable(path);
    path.leaf->Erase(path.position);
    AddToCounts(path, -1);
    if (!path.leaf->HasRoom(item)) MakeRoom(path, item);
    path.leaf->Insert(path.position, item);
    AddToCounts(path, 1);
  }

 private:
  static constexpr int kSparseChildren = InnerNode::kChildrenMax / 4;
  static constexpr int kMergedChildrenMax = InnerNode::kChildrenMax * 3 / 4;

  template <typename ChooseChild>
  TreeNode* Descend(Path* path, ChooseChild choose) const {
    TreeNode* node = root_;
    path->depth = node->level;
    assert(path->depth <= kDepthMax);
    while (node->level > 0) {
      auto* inner = static_cast<InnerNode*>(node);
      const int child = choose(*inner);
      path->steps[node->level - 1] = {inner, child};
      node = inner->children[child];
    }
    return node;
  }

  static const Leaf* FirstLeaf(const TreeNode* node) {
    while (node->level > 0) node = static_cast<const InnerNode*>(node)->children[0];
    return static_cast<const Leaf*>(node);
  }

  static void Release(TreeNode* node) {
    if (!node->DropRef()) return;
    if (node->level == 0) {
      Leaf::Delete(static_cast<Leaf*>(node));
      return;
    }
    auto* inner = static_cast<InnerNode*>(node);
    for (int i = 0; i < inner->count; ++i) Release(inner->children[i]);
    FreeNode(inner);
  }

  void AddToCounts(Path& path, int64_t more) {
    for (int level = 0; level < path.depth; ++level) {
      path.steps[level].node->item_counts[path.steps[level].child] += more;
    }
    size_ += more;
  }

  // Where the node of `level` on the path is linked from. The nodes above it are this tree's own.
  TreeNode*& Link(Path& path, int level) {
    if (level == path.depth) return root_;
    return path.steps[level].node->children[path.steps[level].child];
  }

  bool IsFirstLeaf(const Path& path) const {
    for (int level = 0; level < path.depth; ++level) {
      if (path.steps[level].child > 0) return false;
    }
    return true;
  }

  bool IsLastLeaf(const Path& path) const {
    for (int level = 0; level < path.depth; ++level) {
      if (path.steps[level].child + 1 < path.steps[level].node->count) return false;
    }
    return true;
  }

  void MakeRoom(Path& path, const Item& item) {
    if (path.leaf->CanGrow(item)) {
      path.leaf = path.leaf->Grow(item);
      Link(path, 0) = path.leaf;
      return;
    }
    // Pushing at either end of the tree leaves full leaves behind.
    int at = path.leaf->Middle();
    if (path.position == path.leaf->count && IsLastLeaf(path)) at = path.leaf->count;
    if (path.position == 0 && IsFirstLeaf(path)) at = 0;
    Leaf* left = path.leaf;
    Leaf* right = left->SplitOff(at);
    const uint64_t low = right->count > 0 ? right->OrderOf(0) : left->OrderOf(at - 1);
    AddSibling(path, 0, right, low, left->count, right->count);
    if (path.position < at || (path.position == at && left->HasRoom(item))) return;
    ++path.steps[0].child;
    path.leaf = right;
    path.position -= at;
    if (!right->HasRoom(item) && right->CanGrow(item)) {
      path.leaf = right->Grow(item);
      Link(path, 0) = path.leaf;
    }
  }

  // Links `right` behind the node of `level` on the path, which has been split; the path goes on
  // pointing at the left part.
  void AddSibling(Path& path, int level, TreeNode* right, uint64_t low, int64_t left_items,
                  int64_t right_items) {
    if (level == path.depth) {
      assert(path.depth < kDepthMax);
      InnerNode* root = InnerNode::New(static_cast<uint8_t>(level + 1));
      root->InsertChild(0, root_, 0, left_items);
      root->InsertChild(1, right, low, right_items);
      root_ = root;
      path.steps[path.depth++] = {root, 0};
      return;
    }
    if (path.steps[level].node->count == InnerNode::kChildrenMax) SplitInner(path, level + 1);
    typename Path::Step& step = path.steps[level];
    step.node->item_counts[step.child] = left_items;
    step.node->InsertChild(step.child + 1, right, low, right_items);
  }

  void SplitInner(Path& path, int level) {
    typename Path::Step& step = path.steps[level - 1];
    InnerNode* left = step.node;
    constexpr int kHalf = InnerNode::kChildrenMax / 2;
    InnerNode* right = left->SplitOff(kHalf);
    AddSibling(path, level, right, right->lows[0], left->ItemCount(), right->ItemCount());
    if (step.child >= kHalf) {
      step = {right, step.child - kHalf};
      ++path.steps[level].child;
    }
  }

  // Unlinks the node of `level` on the path, which its caller has freed, and nodes left empty by
  // it.
  void RemoveChild(Path& path, int level) {
    for (; level < path.depth; ++level) {
      assert(level < kDepthMax);
      InnerNode* parent = path.steps[level].node;
      parent->RemoveChild(path.steps[level].child);
      if (parent->count > 0) {
        MendInner(path, level + 1);
        return;
      }
      FreeNode(parent);
    }
    root_ = nullptr;
  }

  // The inner node of `level` has lost a child.
  void MendInner(Path& path, int level) {
    InnerNode* node = path.steps[level - 1].node;
    if (level == path.depth) {
      if (node->count > 1) return;
      root_ = node->children[0];
      FreeNode(node);
      return;
    }
    if (node->count > kSparseChildren) return;
    InnerNode* parent = path.steps[level].node;
    const int child = path.steps[level].child;
    if (parent->count < 2) return;
    const int left_index = child + 1 < parent->count ? child : child - 1;
    auto* left = static_cast<InnerNode*>(parent->children[left_index]);
    auto* right = static_cast<InnerNode*>(parent->children[left_index + 1]);
    if (left->count + right->count > kMergedChildrenMax) return;
    if (!left->is_unique()) {
      InnerNode* copy = left->Copy();
      Release(left);
      parent->children[left_index] = left = copy;
    }
    left->Append(*right, parent->lows[left_index + 1]);
    FinishMerge(path, level, left_index);
  }

  void MergeLeaf(Path& path) {
    if (path.depth == 0) return;
    InnerNode* parent = path.steps[0].node;
    const int child = path.steps[0].child;
    if (parent->count < 2) return;
    const int left_index = child + 1 < parent->count ? child : child - 1;
    auto* left = static_cast<Leaf*>(parent->children[left_index]);
    auto* right = static_cast<Leaf*>(parent->children[left_index + 1]);
    if (!Leaf::CanMerge(*left, *right)) return;
    if (!left->is_unique()) {
      Leaf* copy = left->Copy();
      Release(left);
      left = copy;
    }
    parent->children[left_index] = left->Append(*right);
    FinishMerge(path, 0, left_index);
  }

  void FinishMerge(Path& path, int level, int left_index) {
    InnerNode* parent = path.steps[level].node;
    Release(parent->children[left_index + 1]);
    parent->item_counts[left_index] += parent->item_counts[left_index + 1];
    parent->RemoveChild(left_index + 1);
    MendInner(path, level + 1);
  }

  TreeNode* root_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace tutti
