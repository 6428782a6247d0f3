// An aligned array that the driver allocates before a parallel region.
#pragma once

#include <cstddef>
#include <cstring>
#include <utility>

#include "views.h"

namespace softmargin {

// Memory for buffers of a MB and more: the last blocks that were given back are kept for those that ask for their size.
// A pass over sparse text needs 9 MB, the same at every pass; taken from the system each time, their pages take 4 to 8
// ms where the pass itself takes 3.
void* take_memory(std::size_t bytes);
void give_back(void* memory, std::size_t bytes);

// Smaller blocks are kept by the allocator itself, and the smallest by each thread.
inline constexpr std::size_t kLeastKept = std::size_t{1} << 20;

// Elements are uninitialised unless zeros are asked for. T is a plain type.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t size) : size_(size) {
    if (size > 0) data_ = static_cast<T*>(take_memory(bytes()));
  }
  static Buffer zeros(int64_t size) {
    Buffer buffer(size);
    if (size > 0) std::memset(buffer.data_, 0, static_cast<std::size_t>(size) * sizeof(T));
    return buffer;
  }
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Buffer() {
    if (data_) give_back(data_, bytes());
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * sizeof(T); }

  T* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace softmargin
