// Record plans as data for the writer of JSON: the pieces of a record, one after the other, and the names of a
// document's fields as records write them.  What `shapes.py` says; a plan is built once, then only read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bytes.hpp"
#include "plan.hpp"

namespace gateway {

constexpr std::uint32_t nothing = 0xFFFFFFFF;

// What a field of a document's top level is to a plan.
enum Mark : Byte { mark_left_out = 1, mark_old = 2, mark_new = 4 };

struct Field {
    std::string name;
    Byte marks = 0;
};

// The first of these fields that is true, and the key it is written under, with its colon.
struct Member {
    Text key;
    std::vector<std::uint32_t> fields;
};

enum class Make : std::uint8_t { literal, value, camel, rest, known };

struct Piece {
    Make make;
    Text text;                    // of a literal
    std::vector<Member> members;  // of what is known; one, without a key, of a value or a sub-document
};

class RecordPlan : public Plan {
  public:
    void add_literal(std::string text) { pieces_.push_back(Piece{Make::literal, Text(std::move(text)), {}}); }

    void add(Make make) { pieces_.push_back(Piece{make, {}, {}}); }

    void add_member(std::string key) { pieces_.back().members.push_back(Member{Text(std::move(key)), {}}); }

    // One more place to look for the last member's value.
    void add_field(std::string name) { pieces_.back().members.back().fields.push_back(field(std::move(name))); }

    void mark(std::string name, Mark mark) {
        Byte& marks = fields_[field(std::move(name))].marks;
        marks = static_cast<Byte>(marks | mark);
    }

    const std::vector<Piece>& pieces() const { return pieces_; }
    const std::vector<Field>& fields() const { return fields_; }

    // The field of that name; `nothing` if the plan does not speak of it.
    std::uint32_t find(std::string_view name) const {
        for (std::uint32_t i = 0; i < fields_.size(); ++i)
            if (fields_[i].name == name) return i;
        return nothing;
    }

  private:
    std::uint32_t field(std::string name) {
        const std::uint32_t found = find(name);
        if (found != nothing) return found;
        fields_.push_back(Field{std::move(name)});
        return static_cast<std::uint32_t>(fields_.size() - 1);
    }

    std::vector<Piece> pieces_;
    std::vector<Field> fields_;
};

}  // namespace gateway
