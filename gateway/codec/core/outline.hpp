// Outlines of documents: names and types, in their order.  Documents of a collection mostly have one of a few, so that a
// document is compared with those that came before, field by field, and nothing of it needs to be looked up.
#pragma once

#include <cstdint>
#include <vector>

#include "bytes.hpp"

namespace gateway {

// Where the value of a path lies.  A string lies behind its length.
struct Value {
    const Byte* at = nullptr;
    std::uint32_t size = 0;
};

// A tree of outlines.  Names are not copied: the documents that they were met in must stay where they are.
class Outlines {
  public:
    static constexpr std::uint32_t none = 0xFFFFFFFF;

    // The outline of the document within [at, end), whose values are put down by their nodes; `none` if it is a new one, or
    // something is wrong: then what was put down is of no use.
    std::uint32_t follow(const Byte* at, const Byte* end, Value* values) {
        if (tired()) return none;
        ++tried_;
        const Byte* ends[most_inside];
        std::size_t inside = 0;
        const Step* const steps = steps_.data();
        std::uint32_t next = first_;
        while (next != none) {
            const Step& step = steps[next];
            next = step.other;
            if (step.kind == Kind::close) {
                if (at != end) continue;
                if (inside == 0) {
                    ++found_;
                    return step.outline;
                }
                ++at;  // the terminator, which was looked at when it was opened
                end = ends[--inside];
            } else {
                if (step.size > distance(at, end) || !same(at, step.head, step.size)) continue;
                at += step.size;
                std::size_t size = step.fixed;
                switch (step.kind) {
                    case Kind::text:
                        size = string_size(at, end);
                        if (size == 0) return none;
                        if (step.node != none) values[step.node] = Value{at + 4, static_cast<std::uint32_t>(size - 5)};
                        at += size;
                        break;
                    case Kind::open:
                        size = document_size(at, end);
                        if (size == 0) return none;
                        if (step.node != none) values[step.node] = Value{at, static_cast<std::uint32_t>(size)};
                        ends[inside++] = end;
                        end = at + size - 1;
                        at += 4;
                        break;
                    case Kind::boolean:
                    case Kind::fixed:
                        if (distance(at, end) < size || (step.kind == Kind::boolean && *at > 1)) return none;
                        if (step.node != none) values[step.node] = Value{at, step.fixed};
                        at += size;
                        break;
                    case Kind::close:
                        break;
                }
            }
            next = step.next;
        }
        return none;
    }

    // Begins to note an outline, if there is room for one more.
    void begin() {
        trail_.clear();
        inside_ = 0;
        noting_ = known_ < most_outlines && steps_.size() < most_steps && !tired();
    }

    // The next field: its type and name, which lie at `head`, and its node.
    GATEWAY_HOT void note(Byte type, const Byte* head, std::size_t size, std::uint32_t node) {
        if (noting_) note_field(type, head, size, node);
    }

    // The end of a document or array within the document.
    GATEWAY_HOT void note_end() {
        if (!noting_) return;
        --inside_;
        trail_.push_back(Step{});
    }

    // Keeps what was noted; the outline, which is a new one, or `none`.
    std::uint32_t keep() {
        if (!noting_ || trail_.size() >= most_steps) return none;
        trail_.push_back(Step{});
        std::uint32_t* place = &first_;
        std::uint32_t step = none;
        for (const Step& wanted : trail_) {
            step = *place;
            while (step != none && !alike(steps_[step], wanted)) step = *(place = &steps_[step].other);
            if (step == none) {
                step = *place = static_cast<std::uint32_t>(steps_.size());
                steps_.push_back(wanted);
            }
            place = &steps_[step].next;
        }
        // It was not found, though it is there: a value was not as it must be, or this one is there twice.
        if (steps_[step].outline == none) steps_[step].outline = known_++;
        return steps_[step].outline;
    }

    // How many there are: they are numbered from 0.
    std::uint32_t count() const { return known_; }

  private:
    enum class Kind : Byte { close, text, open, fixed, boolean };

    struct Step {
        const Byte* head = nullptr;
        std::uint32_t size = 0;
        std::uint32_t node = none;
        std::uint32_t next = none;   // what followed
        std::uint32_t other = none;  // what was here in other documents
        std::uint32_t outline = none;
        Kind kind = Kind::close;
        Byte fixed = 0;
    };

    static constexpr std::size_t most_inside = 16;
    static constexpr std::size_t most_steps = 512;
    static constexpr std::uint32_t most_outlines = 32;
    static constexpr std::uint32_t some = 256;

    // Documents are too different.
    bool tired() const { return tried_ > some && found_ < tried_ / 2; }

    static bool alike(const Step& a, const Step& b) {
        return a.kind == b.kind && a.size == b.size && (a.size == 0 || same(a.head, b.head, a.size));
    }

    GATEWAY_COLD void note_field(Byte type, const Byte* head, std::size_t size, std::uint32_t node) {
        Step step;
        step.head = head;
        step.size = static_cast<std::uint32_t>(size);
        step.node = node;
        const int fixed = fixed_size(type);
        if (type == type_string) {
            step.kind = Kind::text;
        } else if (type == type_document || type == type_array) {
            step.kind = Kind::open;
            noting_ = ++inside_ < most_inside;
        } else {
            step.kind = type == type_bool ? Kind::boolean : Kind::fixed;
            step.fixed = static_cast<Byte>(fixed);
            noting_ = fixed >= 0;
        }
        noting_ = noting_ && trail_.size() < most_steps;
        trail_.push_back(step);
    }

    std::vector<Step> steps_;
    std::vector<Step> trail_;  // of the document that is being noted
    std::size_t inside_ = 0;
    std::uint32_t first_ = none;
    std::uint32_t known_ = 0;
    std::uint32_t tried_ = 0;
    std::uint32_t found_ = 0;
    bool noting_ = false;
};

}  // namespace gateway
