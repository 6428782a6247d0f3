// Where buffers have their memory from.
#include "buffer.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <array>
#include <bit>
#include <mutex>
#include <new>

namespace softmargin {

namespace {

constexpr std::align_val_t kAlignment{64};

// What is kept at most in all.
constexpr std::size_t kMostKept = std::size_t{64} << 20;

// Blocks of up to 64 kB that a thread has given back, for its next call: a pass over 64 rows takes eight, and aligned
// ones cost the allocator some 100 ns each. At most kDepth of each power of two, 512 kB; freed when the thread ends.
struct SmallBlocks {
  static constexpr std::size_t kLeast = 64, kClasses = 11, kMost = kLeast << (kClasses - 1), kDepth = 4;

  void* blocks[kClasses][kDepth];
  std::size_t count[kClasses];
  bool ended;  // the thread is about to end: what is given back now is freed
};

// Without a destructor, so that it can be asked while others run.
thread_local constinit SmallBlocks small{};

struct FreesSmallBlocks {
  bool in_use = false;

  ~FreesSmallBlocks() {
    small.ended = true;
    for (std::size_t c = 0; c < SmallBlocks::kClasses; ++c)
      while (small.count[c] > 0) ::operator delete(small.blocks[c][--small.count[c]], kAlignment);
  }
};

thread_local FreesSmallBlocks frees_small;

std::size_t size_class(std::size_t bytes) {
  return bytes <= SmallBlocks::kLeast ? 0 : static_cast<std::size_t>(std::bit_width((bytes - 1) / SmallBlocks::kLeast));
}

void* take_small(std::size_t bytes) {
  const std::size_t c = size_class(bytes);
  if (small.count[c] > 0) return small.blocks[c][--small.count[c]];
  return ::operator new(SmallBlocks::kLeast << c, kAlignment);
}

void give_back_small(void* memory, std::size_t bytes) {
  const std::size_t c = size_class(bytes);
  if (small.ended || small.count[c] == SmallBlocks::kDepth) return ::operator delete(memory, kAlignment);
  frees_small.in_use = true;  // from now on its destructor is called
  small.blocks[c][small.count[c]++] = memory;
}

struct Block {
  void* memory = nullptr;
  std::size_t bytes = 0;
};

// The blocks, the one given back last in front. The lock is only tried: in a forked child it may stay taken for ever.
struct Kept {
  std::mutex lock;
  std::array<Block, 16> blocks;
};

Kept& kept() {
  static Kept* const blocks = new Kept;  // never destroyed: buffers may outlive every static
  return *blocks;
}

// From the system, in huge pages where it has them for those who ask: the sums of a pass over sparse rows are read and
// written at random, on ordinary pages with a miss of the TLB for each.
constexpr std::size_t kHugePage = std::size_t{2} << 20;

void* allocate(std::size_t bytes) {
  if (bytes < kHugePage) return ::operator new(bytes, kAlignment);
  void* memory = ::operator new(bytes, std::align_val_t{kHugePage});
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  madvise(memory, bytes, MADV_HUGEPAGE);  // a hint: what it answers does not matter
#endif
  return memory;
}

void release(void* memory, std::size_t bytes) {
  ::operator delete(memory, bytes < kHugePage ? kAlignment : std::align_val_t{kHugePage});
}

}  // namespace

void* take_memory(std::size_t bytes) {
  if (bytes <= SmallBlocks::kMost) return take_small(bytes);
  if (bytes >= kLeastKept) {
    Kept& own = kept();
    const std::unique_lock<std::mutex> locked(own.lock, std::try_to_lock);
    if (locked) {
      for (Block& block : own.blocks) {
        if (block.bytes != bytes) continue;
        void* memory = block.memory;
        block = {};
        return memory;
      }
    }
  }
  return allocate(bytes);
}

void give_back(void* memory, std::size_t bytes) {
  if (bytes <= SmallBlocks::kMost) return give_back_small(memory, bytes);
  Block last{memory, bytes};
  if (bytes >= kLeastKept && bytes <= kMostKept) {
    Kept& own = kept();
    const std::unique_lock<std::mutex> locked(own.lock, std::try_to_lock);
    if (locked) {
      // Move every block one place back; those that no longer fit are freed.
      std::size_t total = 0;
      for (Block& block : own.blocks) {
        const Block moved = block;
        total += last.bytes;
        if (total > kMostKept) {
          release(last.memory, last.bytes);
          total -= last.bytes;
          last = {};
        }
        block = last;
        last = moved;
        if (!last.memory) return;
      }
    }
  }
  release(last.memory, last.bytes);
}

}  // namespace softmargin
