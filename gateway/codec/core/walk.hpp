// One pass over a document: everything in it is checked, and what a plan asks for is remembered where it lies.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "bytes.hpp"
#include "outline.hpp"
#include "plan.hpp"

namespace gateway {

class Walk {
  public:
    explicit Walk(const Plan& plan) : nodes_(plan.nodes()), values_(nodes_.size()), types_(nodes_.size()) {
        for (const Node& node : nodes_) steps_.push_back(Step{bytes_of(node.name), node.name.size(), Plan::root, Plan::root});
    }

    // Reads the document at [at, at + size), whose size was checked and which must stay where it is; false: unsure.
    bool document(const Byte* at, std::size_t size) {
        document_ = Value{at, static_cast<std::uint32_t>(size)};
        const std::uint32_t found = outlines_.follow(at + 4, at + size - 1, values_.data());
        if (found != Outlines::none) {
            if (found != outline_) std::memcpy(types_.data(), known_types_.data() + found * types_.size(), types_.size());
            outline_ = found;
            return true;
        }
        outlines_.begin();
        std::memset(types_.data(), type_never, types_.size());
        if (!fields(at + 4, at + size - 1, Plan::root, 1)) return false;
        outline_ = outlines_.keep();
        if (outline_ != Outlines::none && outline_ * types_.size() == known_types_.size())
            known_types_.insert(known_types_.end(), types_.begin(), types_.end());
        return true;
    }

    // What is the same for all documents with the same names and types in the same order: a number from 0, or
    // `Outlines::none`.
    std::uint32_t outline() const { return outline_; }

    // The BSON type of a path's value: `type_never` if the document does not have the path.  Where values are `kept`, those
    // that are shown as nothing are of `type_null`.
    Byte type(std::uint32_t node) const { return types_[node]; }

    // Valid only where there is a type.
    const Value& operator[](std::uint32_t node) const { return values_[node]; }

    const Value* values() const { return values_.data(); }

    // The document that was walked last.
    const Value& whole() const { return document_; }

  private:
    // No node: the walk is in a part of the document that no cell asks for, and only checks.
    static constexpr std::uint32_t nowhere = 0xFFFFFFFF;

    // What is read of a node for each field of each document, close together.
    struct Step {
        const Byte* name;
        std::size_t size;
        std::uint32_t first;  // the field that came first inside, last time; `root`: not known
        std::uint32_t next;   // the field that followed, last time
    };

    bool fields(const Byte* at, const Byte* end, std::uint32_t node, int depth) {
        // Documents of a collection mostly have the same fields in the same order: that order is tried first.
        std::uint32_t unknown = Plan::root;
        std::uint32_t* guess = node == nowhere ? &unknown : &steps_[node].first;
        while (at < end) {
            const Byte* const head = at;
            const Byte type = *at++;
            // `$ref` and its kin make a reference of a document.
            if (at == end || *at == '$') return false;
            std::uint32_t found = node == nowhere ? nowhere : find(at, end, node, *guess);
            if (found != nowhere) {
                at += steps_[found].size;
                guess = &steps_[found].next;
            } else {
                at = name_end(at, end);
                if (at == nullptr) return false;
                ++at;
            }
            outlines_.note(type, head, distance(head, at), found);
            at = value(type, at, end, found, depth);
            if (at == nullptr) return false;
        }
        return at == end;
    }

    // Elements of an array count by their position; their names are not looked at, as the driver does.
    bool elements(const Byte* at, const Byte* end, std::uint32_t node, int depth) {
        for (std::int64_t index = 0; at < end; ++index) {
            const Byte* const head = at;
            const Byte type = *at++;
            at = name_end(at, end);
            if (at == nullptr) return false;
            std::uint32_t found = nowhere;
            if (node != nowhere)
                for (const std::uint32_t child : nodes_[node].children)
                    if (nodes_[child].index == index) found = child;
            ++at;
            outlines_.note(type, head, distance(head, at), found);
            at = value(type, at, end, found, depth);
            if (at == nullptr) return false;
        }
        return at == end;
    }

    // The child of `node` whose name stands at `at`; the guess becomes what is true.
    GATEWAY_HOT std::uint32_t find(const Byte* at, const Byte* end, std::uint32_t node, std::uint32_t& guess) {
        if (guess != Plan::root && stands(at, end, guess)) return guess;
        return search(at, end, node, guess);
    }

    GATEWAY_COLD std::uint32_t search(const Byte* at, const Byte* end, std::uint32_t node, std::uint32_t& guess) {
        for (const std::uint32_t child : nodes_[node].children)
            if (stands(at, end, child)) return guess = child;
        return nowhere;
    }

    GATEWAY_HOT bool stands(const Byte* at, const Byte* end, std::uint32_t node) const {
        const Step& step = steps_[node];
        return step.size <= distance(at, end) && same(at, step.name, step.size);
    }

    // Checks the value at `at` and remembers it; returns where it ends, nullptr if unsure.
    GATEWAY_HOT const Byte* value(Byte type, const Byte* at, const Byte* end, std::uint32_t node, int depth) {
        switch (type) {
            case type_string: {
                const std::size_t size = string_size(at, end);
                if (size == 0) return nullptr;
                if (node != nowhere) set(node, type, at + 4, size - 5);
                return at + size;
            }
            case type_document:
            case type_array:
                return nested(type, at, end, node, depth);
            case type_double:
            case type_int32:
            case type_int64:
            case type_object_id: {
                const auto size = static_cast<std::size_t>(fixed_size(type));
                if (distance(at, end) < size) return nullptr;
                if (node != nowhere) set(node, type, at, size);
                return at + size;
            }
            default:
                return other(type, at, end, node);
        }
    }

    GATEWAY_COLD const Byte* nested(Byte type, const Byte* at, const Byte* end, std::uint32_t node, int depth) {
        const std::size_t size = document_size(at, end);
        if (size == 0 || depth == max_depth) return nullptr;
        if (node != nowhere) {
            set(node, type, at, size);
            if (nodes_[node].children.empty()) node = nowhere;
        }
        const bool sure = type == type_document ? fields(at + 4, at + size - 1, node, depth + 1)
                                                : elements(at + 4, at + size - 1, node, depth + 1);
        outlines_.note_end();
        return sure ? at + size : nullptr;
    }

    // Values that no cell shows.  A Decimal128 that a cell asks for is left to the reference engine.
    GATEWAY_COLD const Byte* other(Byte type, const Byte* at, const Byte* end, std::uint32_t node) {
        std::size_t size = 0;
        if (type == type_binary) {
            size = binary_size(at, end);
            if (size == 0) return nullptr;
        } else {
            const int fixed = fixed_size(type);
            if (fixed < 0) return nullptr;
            size = static_cast<std::size_t>(fixed);
            if (distance(at, end) < size) return nullptr;
            if (type == type_bool && *at > 1) return nullptr;
        }
        if (node != nowhere) {
            if (type == type_decimal && nodes_[node].asked) return nullptr;
            const bool kept = nodes_[node].kept;
            if (kept && type != type_null && type != type_bool && type != type_binary) return nullptr;
            set(node, kept ? static_cast<Byte>(type_null) : type, at, size);
        }
        return at + size;
    }

    // The last of several fields of the same name counts, with all that is in it and nothing that was in the others.
    GATEWAY_HOT void set(std::uint32_t node, Byte type, const Byte* at, std::size_t size) {
        if (types_[node] != type_never) forget_below(node);
        types_[node] = type;
        values_[node] = Value{at, static_cast<std::uint32_t>(size)};
    }

    GATEWAY_COLD void forget_below(std::uint32_t node) {
        for (const std::uint32_t child : nodes_[node].children) {
            types_[child] = type_never;
            forget_below(child);
        }
    }

    const std::vector<Node>& nodes_;
    std::vector<Value> values_;
    std::vector<Byte> types_;
    std::vector<Step> steps_;
    Value document_;
    Outlines outlines_;
    std::vector<Byte> known_types_;  // of each outline, one behind the other
    std::uint32_t outline_ = Outlines::none;
};

}  // namespace gateway
