// Where buffers have their memory from.
#include "buffer.h"

#include <array>
#include <mutex>
#include <new>

namespace softmargin {

namespace {

constexpr std::align_val_t kAlignment{64};

// Smaller blocks are kept by the allocator itself.
constexpr std::size_t kLeastKept = std::size_t{1} << 20;

// What is kept at most in all.
constexpr std::size_t kMostKept = std::size_t{64} << 20;

struct Block {
  void* memory = nullptr;
  std::size_t bytes = 0;
};

// The blocks, the one given back last in front. The lock is only tried: in a forked child it may stay taken for ever.
struct Kept {
  std::mutex lock;
  std::array<Block, 8> blocks;
};

Kept& kept() {
  static Kept* const blocks = new Kept;  // never destroyed: buffers may outlive every static
  return *blocks;
}

}  // namespace

void* take_memory(std::size_t bytes) {
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
  return ::operator new(bytes, kAlignment);
}

void give_back(void* memory, std::size_t bytes) {
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
          ::operator delete(last.memory, kAlignment);
          total -= last.bytes;
          last = {};
        }
        block = last;
        last = moved;
        if (!last.memory) return;
      }
    }
  }
  ::operator delete(last.memory, kAlignment);
}

}  // namespace softmargin
