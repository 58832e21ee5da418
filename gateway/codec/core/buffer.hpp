// Text that grows, and what is written to it the same way everywhere.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>

#include "bytes.hpp"
#include "plan.hpp"

namespace gateway {

// Bytes that grow.  Room is asked for first and then written to without further checks.
class Buffer {
  public:
    explicit Buffer(std::size_t capacity) : bytes_(new char[capacity]), capacity_(capacity) {}

    char* room(std::size_t size) {
        if (capacity_ - used_ < size) grow(size);
        return bytes_.get() + used_;
    }

    void end_at(const char* end) { used_ = static_cast<std::size_t>(end - bytes_.get()); }

    void put(char byte) {
        *room(1) = byte;
        ++used_;
    }

    void put(const char* data, std::size_t size) {
        if (size == 0) return;
        std::memcpy(room(size), data, size);
        used_ += size;
    }

    void put(const Text& text) {
        char* out = room(Text::padded(text.size()));
        for (std::size_t i = 0; i < text.size(); i += 8) std::memcpy(out + i, text.data() + i, 8);
        used_ += text.size();
    }

    const char* data() const { return bytes_.get(); }
    std::size_t size() const { return used_; }
    std::string_view since(std::size_t from) const { return {bytes_.get() + from, used_ - from}; }

  private:
    void grow(std::size_t size) {
        std::size_t capacity = capacity_ * 2;
        while (capacity - used_ < size) capacity *= 2;
        std::unique_ptr<char[]> larger(new char[capacity]);
        std::memcpy(larger.get(), bytes_.get(), used_);
        bytes_ = std::move(larger);
        capacity_ = capacity;
    }

    std::unique_ptr<char[]> bytes_;
    std::size_t capacity_;
    std::size_t used_ = 0;
};

inline char* write_object_id(char* out, const Byte* at) {
    constexpr const char* digits = "0123456789abcdef";
    for (int i = 0; i < 12; ++i) {
        *out++ = digits[at[i] >> 4];
        *out++ = digits[at[i] & 15];
    }
    return out;
}

}  // namespace gateway
