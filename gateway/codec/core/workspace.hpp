// Memory that encoders work in, handed on from one to the next: to take it from the system anew each time would cost as
// much as to write what is written into it, and blocks of all sizes that come and go would leave holes between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "bytes.hpp"
#include "render.hpp"

namespace gateway {

// What orders a row, and where its text starts.
struct Row {
    const Byte* key;
    const Byte* id;
    std::uint32_t key_size;
    std::uint32_t id_size;
    std::int64_t number;  // an integer id
    Byte rank;            // of the id's type, in the database's order of types
    std::size_t text;
};

struct Workspace {
    Buffer text;
    Buffer picked;
    std::vector<Row> rows;

    std::size_t size() const { return text.capacity() + picked.capacity() + rows.capacity() * sizeof(Row); }
};

// A workspace for as long as it lives.
class Lease {
  public:
    Lease() : space_(kept().take()) {}
    ~Lease() { kept().give(std::move(space_)); }

    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    Workspace* operator->() const { return space_.get(); }

    // Keep none of those that nobody uses now.
    static void forget() { kept().forget(); }

  private:
    class Kept {
      public:
        Kept() { spaces_.reserve(most); }

        std::unique_ptr<Workspace> take() {
            const std::lock_guard<std::mutex> alone(mutex_);
            if (spaces_.empty()) return std::make_unique<Workspace>();
            std::unique_ptr<Workspace> found = std::move(spaces_.back());
            spaces_.pop_back();
            return found;
        }

        // What is large and rare is not kept.
        void give(std::unique_ptr<Workspace> space) {
            const std::lock_guard<std::mutex> alone(mutex_);
            if (spaces_.size() < most && space->size() <= largest) spaces_.push_back(std::move(space));
        }

        void forget() {
            const std::lock_guard<std::mutex> alone(mutex_);
            spaces_.clear();
        }

      private:
        static constexpr std::size_t most = 2;
        static constexpr std::size_t largest = 5 * 1024 * 1024;

        std::mutex mutex_;
        std::vector<std::unique_ptr<Workspace>> spaces_;
    };

    // Never destroyed: threads may still be at work when the process ends.
    static Kept& kept() {
        static Kept& one = *new Kept;
        return one;
    }

    std::unique_ptr<Workspace> space_;
};

}  // namespace gateway
