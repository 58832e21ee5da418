// One pass over a document: everything in it is checked, and what a plan asks for is remembered where it lies.
#pragma once

#include <cstdint>
#include <vector>

#include "bytes.hpp"
#include "plan.hpp"

namespace gateway {

// Where the value of a path lies.  `type` is the BSON type; `type_never` if the document does not have the path, and
// `type_null` for all values that yield nothing whatever the cell is.  A string lies behind its length.
struct Value {
    const Byte* at = nullptr;
    std::uint32_t size = 0;
    Byte type = type_never;
};

class Walk {
  public:
    explicit Walk(const Plan& plan) : nodes_(plan.nodes()), values_(nodes_.size()), after_(nodes_.size(), Plan::root) {}

    // Reads the document at [at, at + size), whose size was checked; false: unsure.
    bool document(const Byte* at, std::size_t size) {
        for (Value& value : values_) value.type = type_never;
        return fields(at + 4, at + size - 1, Plan::root, 1);
    }

    const Value& operator[](std::uint32_t node) const { return values_[node]; }

  private:
    // No node: the walk is in a part of the document that no cell asks for, and only checks.
    static constexpr std::uint32_t nowhere = 0xFFFFFFFF;

    bool fields(const Byte* at, const Byte* end, std::uint32_t node, int depth) {
        std::uint32_t before = node;
        while (at < end) {
            const Byte type = *at++;
            // `$ref` and its kin make a reference of a document.
            if (at == end || *at == '$') return false;
            std::uint32_t found = node == nowhere ? nowhere : find(at, end, node, before);
            if (found != nowhere) {
                at += nodes_[found].name.size();
                before = found;
            } else {
                at = name_end(at, end);
                if (at == nullptr) return false;
                ++at;
            }
            at = value(type, at, end, found, depth);
            if (at == nullptr) return false;
        }
        return at == end;
    }

    // Elements of an array count by their position; their names are not looked at, as the driver does.
    bool elements(const Byte* at, const Byte* end, std::uint32_t node, int depth) {
        for (std::int64_t index = 0; at < end; ++index) {
            const Byte type = *at++;
            at = name_end(at, end);
            if (at == nullptr) return false;
            std::uint32_t found = nowhere;
            if (node != nowhere)
                for (const std::uint32_t child : nodes_[node].children)
                    if (nodes_[child].index == index) found = child;
            at = value(type, at + 1, end, found, depth);
            if (at == nullptr) return false;
        }
        return at == end;
    }

    // The child of `node` whose name stands at `at`.  Documents of a collection mostly have the same fields in the same
    // order: the field that followed last time is tried first.
    std::uint32_t find(const Byte* at, const Byte* end, std::uint32_t node, std::uint32_t before) {
        const std::uint32_t guess = after_[before];
        if (guess != Plan::root && stands(at, end, guess)) return guess;
        for (const std::uint32_t child : nodes_[node].children)
            if (stands(at, end, child)) return after_[before] = child;
        return nowhere;
    }

    bool stands(const Byte* at, const Byte* end, std::uint32_t node) const {
        const std::string& name = nodes_[node].name;
        return name.size() <= distance(at, end) && same(at, nodes_[node].bytes(), name.size());
    }

    // Checks the value at `at` and remembers it; returns where it ends, nullptr if unsure.
    const Byte* value(Byte type, const Byte* at, const Byte* end, std::uint32_t node, int depth) {
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

    const Byte* nested(Byte type, const Byte* at, const Byte* end, std::uint32_t node, int depth) {
        const std::size_t size = document_size(at, end);
        if (size == 0 || depth == max_depth) return nullptr;
        if (node != nowhere) {
            set(node, type_null, nullptr, 0);
            if (nodes_[node].children.empty()) node = nowhere;
        }
        const bool sure = type == type_document ? fields(at + 4, at + size - 1, node, depth + 1)
                                                : elements(at + 4, at + size - 1, node, depth + 1);
        return sure ? at + size : nullptr;
    }

    // Values that no cell shows.  A Decimal128 that a cell asks for is left to the reference engine.
    const Byte* other(Byte type, const Byte* at, const Byte* end, std::uint32_t node) {
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
            set(node, type_null, nullptr, 0);
        }
        return at + size;
    }

    // The last of several fields of the same name counts, with all that is in it and nothing that was in the others.
    void set(std::uint32_t node, Byte type, const Byte* at, std::size_t size) {
        Value& value = values_[node];
        if (value.type != type_never) forget_below(node);
        value = Value{at, static_cast<std::uint32_t>(size), type};
    }

    void forget_below(std::uint32_t node) {
        for (const std::uint32_t child : nodes_[node].children) {
            values_[child].type = type_never;
            forget_below(child);
        }
    }

    const std::vector<Node>& nodes_;
    std::vector<Value> values_;
    std::vector<std::uint32_t> after_;
};

}  // namespace gateway
