// Strings sorted by their bytes, more of them than memory should hold: sorted runs in files, merged at the end.
//
// A file holds the strings of a run, each behind its length.  Many files become one of the next level, so that each
// string is written as often as there are levels.  Files are given by who calls, as descriptors, and closed here.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include "bytes.hpp"

namespace gateway {

// The first sixteen bytes of a string, zeros behind its end: they decide most comparisons.
struct Prefix {
    std::uint64_t high;
    std::uint64_t low;

    static Prefix of(std::string_view text) {
        Byte bytes[16] = {};
        std::memcpy(bytes, text.data(), std::min<std::size_t>(text.size(), 16));
        return Prefix{load64_big(bytes), load64_big(bytes + 8)};
    }

    bool operator==(const Prefix& other) const { return high == other.high && low == other.low; }
    bool operator<(const Prefix& other) const { return high != other.high ? high < other.high : low < other.low; }
};

// Whether `a` is less than `b`, where both have the same prefix.
inline bool less_behind(std::string_view a, std::string_view b) {
    const std::size_t both = std::min(a.size(), b.size());
    if (both > 16) {
        const int order = std::memcmp(a.data() + 16, b.data() + 16, both - 16);
        if (order != 0) return order < 0;
    }
    return a.size() < b.size();  // what is equal so far, or differs in zeros at the end
}

// A file without a name that was opened for us.
class File {
  public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    File& operator=(File&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }

    int descriptor() const { return descriptor_; }

  private:
    int descriptor_;
};

// Strings in memory: their bytes fill a block from its beginning, what is to be sorted of them from its end.
class Run {
  public:
    explicit Run(std::size_t capacity) { take(capacity); }

    // False: the run is full, and the string is not in it.
    bool add(std::string_view text) {
        if (text.size() > longest) throw std::length_error("a string is too long to be sorted");
        if (text.size() + sizeof(Item) > left()) {
            if (count_ != 0) return false;
            take(text.size() + 2 * sizeof(Item));
        }
        if (!text.empty()) std::memcpy(block_.get() + used_, text.data(), text.size());
        ++count_;
        new (begin()) Item{Prefix::of(text), static_cast<std::uint32_t>(used_), static_cast<std::uint32_t>(text.size())};
        used_ += text.size();
        return true;
    }

    void sort() {
        std::sort(begin(), begin() + count_, [this](const Item& a, const Item& b) {
            return a.prefix == b.prefix ? less_behind(text(a), text(b)) : a.prefix < b.prefix;
        });
    }

    void clear() { used_ = count_ = 0; }

    std::size_t count() const { return count_; }
    std::string_view operator[](std::size_t number) const { return text(begin()[number]); }
    Prefix prefix(std::size_t number) const { return begin()[number].prefix; }

  private:
    static constexpr std::size_t longest = std::size_t{1} << 30;

    struct Item {
        Prefix prefix;
        std::uint32_t at;
        std::uint32_t size;
    };

    struct Free {
        void operator()(char* bytes) const { std::free(bytes); }
    };

    void take(std::size_t capacity) {
        capacity = std::min((capacity + 7) / 8 * 8, 2 * longest);
        block_.reset();  // first: not both at a time
        block_.reset(static_cast<char*>(std::malloc(capacity)));
        if (!block_) throw std::bad_alloc();
        capacity_ = capacity;
    }

    std::size_t left() const { return capacity_ - used_ - count_ * sizeof(Item); }
    Item* begin() const { return reinterpret_cast<Item*>(block_.get() + capacity_) - count_; }
    std::string_view text(const Item& item) const { return {block_.get() + item.at, item.size}; }

    std::unique_ptr<char, Free> block_;
    std::size_t capacity_ = 0;
    std::size_t used_ = 0;
    std::size_t count_ = 0;
};

// Strings of a length that goes before them, seven bits a byte, the lowest first.
class RunWriter {
  public:
    explicit RunWriter(int descriptor) : descriptor_(descriptor) { buffer_.reserve(size); }

    void put(std::string_view text) {
        std::size_t rest = text.size();
        for (; rest >= 0x80; rest >>= 7) buffer_.push_back(static_cast<char>(rest | 0x80));
        buffer_.push_back(static_cast<char>(rest));
        buffer_.insert(buffer_.end(), text.begin(), text.end());
        if (buffer_.size() >= size - room) flush();
    }

    // The error of the system, 0 for none; all is written then.
    int finish() {
        flush();
        return error_;
    }

  private:
    static constexpr std::size_t size = 256 * 1024;
    static constexpr std::size_t room = 1024;

    void flush() {
        for (std::size_t done = 0; done < buffer_.size() && error_ == 0;) {
            const ssize_t written = ::write(descriptor_, buffer_.data() + done, buffer_.size() - done);
            if (written > 0)
                done += static_cast<std::size_t>(written);
            else if (written == 0 || errno != EINTR)
                error_ = written == 0 ? EIO : errno;
        }
        buffer_.clear();
    }

    int descriptor_;
    int error_ = 0;
    std::vector<char> buffer_;
};

// The strings of one sorted run, one after the other, from memory or from a file.
class Source {
  public:
    explicit Source(const Run& run) : run_(&run) {}
    Source(int descriptor, std::size_t size) : descriptor_(descriptor), buffer_(size) {}

    // The next one; false: there is none, or it cannot be read.
    bool next() {
        if (run_ != nullptr) {
            if (number_ == run_->count()) return false;
            text_ = (*run_)[number_];
            prefix_ = run_->prefix(number_++);
            return true;
        }
        std::size_t size = 0, head = 0;
        for (unsigned shift = 0;; shift += 7) {
            if (at_ + head == filled_ && !fill()) {
                if (head != 0 && error_ == 0) error_ = EIO;  // a file that ends within a string
                return false;
            }
            const auto byte = static_cast<Byte>(buffer_[at_ + head++]);
            size |= static_cast<std::size_t>(byte & 0x7F) << shift;
            if (byte < 0x80) break;
            if (shift > 28) return failed();
        }
        while (filled_ - at_ < head + size)
            if (!fill(head + size)) return failed();
        text_ = {buffer_.data() + at_ + head, size};
        prefix_ = Prefix::of(text_);
        at_ += head + size;
        return true;
    }

    // Of the string that `next` found; until it is called again.
    std::string_view text() const { return text_; }
    const Prefix& prefix() const { return prefix_; }

    int error() const { return error_; }

  private:
    bool failed() {
        if (error_ == 0) error_ = EIO;
        return false;
    }

    // Reads more behind what is there, which is moved to the front; room for `wanted` bytes in all.
    bool fill(std::size_t wanted = 0) {
        std::memmove(buffer_.data(), buffer_.data() + at_, filled_ - at_);
        filled_ -= at_;
        at_ = 0;
        if (buffer_.size() < std::max(wanted, filled_ + 1)) buffer_.resize(std::max(wanted, 2 * filled_));
        while (true) {
            const ssize_t got = ::pread(descriptor_, buffer_.data() + filled_, buffer_.size() - filled_, place_);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) error_ = errno;
            if (got <= 0) return false;
            filled_ += static_cast<std::size_t>(got);
            place_ += got;
            return true;
        }
    }

    const Run* run_ = nullptr;
    std::size_t number_ = 0;
    int descriptor_ = -1;
    off_t place_ = 0;
    std::vector<char> buffer_;
    std::size_t at_ = 0;
    std::size_t filled_ = 0;
    std::string_view text_;
    Prefix prefix_{};
    int error_ = 0;
};

// The strings of several sources in order.
class Merger {
  public:
    // Buffers of all files together have so many bytes, more or less.
    static constexpr std::size_t buffers = 2 * 1024 * 1024;
    static constexpr std::size_t smallest = 16 * 1024;
    static constexpr std::size_t largest = 256 * 1024;

    void add(const Run& run) { sources_.push_back(std::make_unique<Source>(run)); }

    void add(const std::vector<const File*>& files) {
        const std::size_t size = std::clamp(buffers / std::max<std::size_t>(files.size(), 1), smallest, largest);
        for (const File* file : files) sources_.push_back(std::make_unique<Source>(file->descriptor(), size));
    }

    // The next string, valid until the next call; false: that was all, or there is an error.
    bool next(std::string_view& text) {
        if (!begun_) begin();
        else if (!heap_.empty()) step();
        if (heap_.empty() || error_ != 0) return false;
        text = heap_[0]->text();
        return true;
    }

    int error() const { return error_; }

  private:
    static bool less(const Source& a, const Source& b) {
        return a.prefix() == b.prefix() ? less_behind(a.text(), b.text()) : a.prefix() < b.prefix();
    }

    bool advance(Source& source) {
        if (source.next()) return true;
        if (source.error() != 0) error_ = source.error();
        return false;
    }

    void begin() {
        begun_ = true;
        for (const auto& source : sources_)
            if (advance(*source)) heap_.push_back(source.get());
        for (std::size_t at = heap_.size() / 2; at-- > 0;) sink(at);
    }

    void step() {
        if (!advance(*heap_[0])) {
            heap_[0] = heap_.back();
            heap_.pop_back();
        }
        sink(0);
    }

    void sink(std::size_t at) {
        while (true) {
            std::size_t child = 2 * at + 1;
            if (child >= heap_.size()) return;
            if (child + 1 < heap_.size() && less(*heap_[child + 1], *heap_[child])) ++child;
            if (!less(*heap_[child], *heap_[at])) return;
            std::swap(heap_[at], heap_[child]);
            at = child;
        }
    }

    std::vector<std::unique_ptr<Source>> sources_;
    std::vector<Source*> heap_;  // the least is at the front
    bool begun_ = false;
    int error_ = 0;
};

// Strings in, of any number and order; the same strings out, in order.
class Sorter {
  public:
    Sorter(std::size_t run_bytes, std::size_t most_files) : run_bytes_(run_bytes), most_files_(most_files) {}

    // False: the run is full; it must be spilled first.
    bool add(std::string_view text) {
        if (!run_) run_ = std::make_unique<Run>(run_bytes_);
        return run_->add(text);
    }

    // Takes in lines with their ends from place `at` on, and says where it came to: less than all if the run is full.
    std::size_t add_lines(std::string_view lines, std::size_t at) {
        while (at < lines.size()) {
            const std::size_t end = std::min(lines.find('\n', at), lines.size() - 1) + 1;
            if (!add(lines.substr(at, end - at))) break;
            at = end;
        }
        return at;
    }

    // Writes what is in memory to a new file.  The system's error, 0 for none.
    int spill(int descriptor) {
        levels_.resize(std::max<std::size_t>(levels_.size(), 1));
        levels_[0].emplace_back(descriptor);
        run_->sort();
        RunWriter writer(descriptor);
        for (std::size_t number = 0; number < run_->count(); ++number) writer.put((*run_)[number]);
        run_->clear();
        return writer.finish();
    }

    // Whether files should be merged before more are spilled.
    bool crowded() const {
        return std::any_of(levels_.begin(), levels_.end(), [this](const Files& files) { return full(files); });
    }

    // Merges the files of the first level with too many to a new one.
    int merge(int descriptor) {
        std::size_t level = 0;
        while (!full(levels_[level])) ++level;
        if (level + 1 == levels_.size()) levels_.emplace_back();
        levels_[level + 1].emplace_back(descriptor);
        Merger merger;
        merger.add(pointers(levels_[level]));
        RunWriter writer(descriptor);
        for (std::string_view text; merger.next(text);) writer.put(text);
        levels_[level].clear();
        const int error = writer.finish();
        return error != 0 ? error : merger.error();
    }

    // The next string of all, valid until the next call; false: that was all, or there is an error.  Nothing is added
    // after the first call, and what is sorted is gone after the last.
    bool next(std::string_view& text) {
        if (!merger_) begin();
        if (merger_->next(text)) return true;
        error_ = merger_->error();
        merger_.reset();
        run_.reset();
        levels_.clear();
        return false;
    }

    int error() const { return error_; }

  private:
    using Files = std::vector<File>;

    bool full(const Files& files) const { return files.size() >= most_files_; }

    static std::vector<const File*> pointers(const Files& files) {
        std::vector<const File*> found;
        for (const File& file : files) found.push_back(&file);
        return found;
    }

    void begin() {
        merger_ = std::make_unique<Merger>();
        std::vector<const File*> files;
        for (const Files& level : levels_)
            for (const File* file : pointers(level)) files.push_back(file);
        merger_->add(files);
        if (run_) {
            run_->sort();
            merger_->add(*run_);
        }
    }

    std::size_t run_bytes_;
    std::size_t most_files_;
    std::unique_ptr<Run> run_;
    std::vector<Files> levels_;
    std::unique_ptr<Merger> merger_;
    int error_ = 0;
};

}  // namespace gateway
