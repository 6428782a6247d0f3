// An aligned array that the driver allocates before a parallel region.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

#include "views.h"

namespace softmargin {

// Elements are uninitialised unless zeros are asked for. T is a plain type.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t size) : size_(size) {
    if (size > 0) data_ = static_cast<T*>(::operator new(static_cast<std::size_t>(size) * sizeof(T), kAlignment));
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
  ~Buffer() { ::operator delete(data_, kAlignment); }

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
  static constexpr std::align_val_t kAlignment{64};
  T* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace softmargin
