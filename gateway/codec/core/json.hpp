// Documents to JSON records, as a record plan says: what `_json.py` writes, or nothing where the case is rare.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "json_text.hpp"
#include "names.hpp"
#include "record.hpp"
#include "rows.hpp"

namespace gateway {

// A value of a document that the walk has found sound; its size is not asked again.
struct Found {
    Byte type = type_never;
    const Byte* at = nullptr;
    std::uint32_t name = nothing;
};

inline std::size_t sound_size(Byte type, const Byte* at) {
    switch (type) {
        case type_string:
            return 4 + std::size_t{load32(at)};
        case type_document:
        case type_array:
            return load32(at);
        case type_binary:
            return 5 + std::size_t{load32(at)};
        default:
            return static_cast<std::size_t>(fixed_size(type));
    }
}

// Up to here doubles are exact as integers.
constexpr double exact_limit = 9007199254740992.0;

enum class Says : std::uint8_t { no, yes, unsure };

inline Says says(bool truth) { return truth ? Says::yes : Says::no; }

// Whether a value, as JSON has it, is true in Python's sense.
inline Says truth(const Found& found) {
    switch (found.type) {
        case type_never:
        case type_null:
        case type_undefined:
            return Says::no;
        case type_string:
            return says(load32(found.at) > 1);
        case type_int32:
            return says(load_int32(found.at) != 0);
        case type_int64:
            return says(load_int64(found.at) != 0);
        case type_double:
            return says(std::isfinite(load_double(found.at)) && load_double(found.at) != 0);
        case type_bool:
            return says(*found.at != 0);
        case type_object_id:
        case type_date:
            return Says::yes;
        default:
            return Says::unsure;
    }
}

// Whether a text is a code with a prefix: a word character, more, a colon, more.
inline Says code(const Byte* at, std::size_t size) {
    if (size == 0) return Says::no;
    if (at[0] >= 0x80) return Says::unsure;  // a letter of another alphabet, or none
    if (!letter_or_digit(static_cast<char>(at[0])) && at[0] != '_') return Says::no;
    std::size_t colon = 1;
    while (colon < size && at[colon] != ':') ++colon;
    return says(colon >= 2 && colon + 1 < size);
}

// Whether an object is a term without a code, `{}` included.
inline Says empty_object(const Byte* at) {
    const Byte* const end = at + load32(at) - 1;
    bool has_id = false;
    Says coded = Says::no;
    for (at += 4; at < end;) {
        const Byte type = *at++;
        const std::size_t left = distance(at, end);
        const bool id = left >= 3 && same(at, bytes_of("id"), 3);
        if (!id && !(left >= 6 && same(at, bytes_of("label"), 6))) return Says::no;
        if (id && has_id) return Says::unsure;
        at += id ? 3 : 6;
        if (id && type == type_date) return Says::unsure;  // has a colon where it is printed
        if (id) coded = type == type_string ? code(at + 4, load32(at) - 1) : Says::no;
        has_id = has_id || id;
        at += sound_size(type, at);
    }
    if (coded == Says::unsure) return coded;
    return says(has_id ? coded == Says::no : false);
}

// Whether a value, as JSON has it, is left out of what has only what is filled.
inline Says empty(const Found& found) {
    switch (found.type) {
        case type_never:
        case type_null:
        case type_undefined:
            return Says::yes;
        case type_string:
            return says(load32(found.at) == 1);
        case type_double:
            return says(!std::isfinite(load_double(found.at)));
        case type_array:
            return says(load32(found.at) == min_document);
        case type_document:
            return load32(found.at) == min_document ? Says::yes : empty_object(found.at);
        default:
            return Says::no;
    }
}

class Writer {
  public:
    Writer(const RecordPlan& plan, Buffer& out) : plan_(plan), out_(out), names_(plan), found_(plan.fields().size()) {}

    // The record of the document that was walked last; false: unsure.
    bool line(const Walk& walk) {
        const Value& whole = walk.whole();
        if (!look(whole.at + 4, whole.at + whole.size - 1)) return false;
        for (const Piece& piece : plan_.pieces())
            if (!write(piece)) return false;
        return true;
    }

  private:
    // Notes where the fields of a document are.
    bool look(const Byte* at, const Byte* end) {
        names_.refresh();
        found_.assign(found_.size(), Found{});
        rest_.clear();
        std::uint64_t seen = 0;
        std::uint32_t last = nothing;
        Byte marks = 0;
        while (at < end) {
            const Byte type = *at++;
            last = names_.find(at, end, Names::top, last);
            if (last == nothing) return false;
            const Name& name = names_[last];
            at += name.raw.size();
            marks = static_cast<Byte>(marks | name.marks);
            if (name.field != nothing) found_[name.field] = Found{type, at, last};
            if (!(name.marks & mark_left_out)) {
                if (seen & name.bit) return false;
                seen |= name.bit;
                rest_.push_back(Found{type, at, last});
            }
            at += sound_size(type, at);
        }
        return !(marks & mark_old) || (marks & mark_new);
    }

    bool write(const Piece& piece) {
        switch (piece.make) {
            case Make::literal:
                out_.put(piece.text);
                return true;
            case Make::value: {
                const Found* const value = first(piece.members[0]);
                return value != nullptr && scalar(*value);
            }
            case Make::camel:
                return camelled(found_[piece.members[0].fields[0]]);
            case Make::known:
                return known(piece.members);
            case Make::rest:
                return rest();
        }
        return false;
    }

    // The value that stands for a member; nullptr: unsure.
    const Found* first(const Member& member) const {
        static const Found never;
        const Found* found = &never;
        for (const std::uint32_t field : member.fields) {
            found = &found_[field];
            const Says said = truth(*found);
            if (said == Says::unsure) return nullptr;
            if (said == Says::yes) break;
        }
        return found;
    }

    bool known(const std::vector<Member>& members) {
        out_.put('{');
        for (const Member& member : members) {
            const Found* const value = first(member);
            if (value == nullptr) return false;
            if (empty(*value) == Says::yes) continue;  // a scalar: never unsure
            out_.put(member.key);
            if (!scalar(*value)) return false;
            out_.put(',');
        }
        close('}');
        return true;
    }

    bool rest() {
        out_.put('{');
        for (const Found& found : rest_) {
            const Says said = empty(found);
            if (said == Says::unsure) return false;
            if (said == Says::yes) continue;
            out_.put(names_[found.name].key);
            if (!value(found.type, found.at, found.name)) return false;
            out_.put(',');
        }
        close('}');
        return true;
    }

    bool camelled(const Found& found) {
        const bool container = found.type == type_document || found.type == type_array;
        const Says said = container ? says(load32(found.at) != min_document) : truth(found);
        if (said == Says::yes) return value(found.type, found.at, found.name);
        out_.put("{}", 2);
        return said == Says::no;
    }

    bool object(const Byte* at, std::uint32_t place) {
        const Byte* const end = at + load32(at) - 1;
        std::uint64_t seen = 0;
        std::uint32_t last = nothing;
        out_.put('{');
        for (at += 4; at < end;) {
            const Byte type = *at++;
            last = names_.find(at, end, place, last);
            if (last == nothing) return false;
            const Name& name = names_[last];
            if (seen & name.bit) return false;
            seen |= name.bit;
            at += name.raw.size();
            out_.put(name.key);
            if (!value(type, at, last)) return false;
            out_.put(',');
            at += sound_size(type, at);
        }
        close('}');
        return true;
    }

    // What is in an array's objects has its place, wherever in the array.
    bool array(const Byte* at, std::uint32_t place) {
        const Byte* const end = at + load32(at) - 1;
        out_.put('[');
        for (at += 4; at < end;) {
            const Byte type = *at++;
            at = name_end(at, end) + 1;  // the walk has seen it
            if (!value(type, at, place)) return false;
            out_.put(',');
            at += sound_size(type, at);
        }
        close(']');
        return true;
    }

    GATEWAY_HOT bool value(Byte type, const Byte* at, std::uint32_t place) {
        if (type == type_string) {
            put_text(out_, at + 4, load32(at) - 1);
            return true;
        }
        if (type == type_document) return object(at, place);
        if (type == type_array) return array(at, place);
        return scalar(Found{type, at, place});
    }

    // Anything but objects and arrays.
    bool scalar(const Found& found) {
        switch (found.type) {
            case type_never:
            case type_null:
            case type_undefined:
                out_.put("null", 4);
                return true;
            case type_string:
                put_text(out_, found.at + 4, load32(found.at) - 1);
                return true;
            case type_int32:
                out_.end_at(write_integer(out_.room(number_space), load_int32(found.at)));
                return true;
            case type_int64:
                out_.end_at(write_integer(out_.room(number_space), load_int64(found.at)));
                return true;
            case type_double:
                number(load_double(found.at), names_[found.name].position);
                return true;
            case type_bool:
                *found.at ? out_.put("true", 4) : out_.put("false", 5);
                return true;
            case type_object_id:
                out_.put('"');
                out_.end_at(write_object_id(out_.room(24), found.at));
                out_.put('"');
                return true;
            case type_date:
                return date(load_int64(found.at));
            default:
                return false;
        }
    }

    void number(double value, bool position) {
        if (!std::isfinite(value))
            out_.put("null", 4);
        else if (position && std::fabs(value) <= exact_limit && std::trunc(value) == value)
            out_.end_at(write_integer(out_.room(number_space), static_cast<std::int64_t>(value)));
        else
            out_.end_at(write_json_double(out_.room(number_space), value));
    }

    bool date(std::int64_t milliseconds) {
        if (milliseconds < first_date || milliseconds > last_date) return false;
        out_.put('"');
        out_.end_at(write_date(out_.room(date_space), milliseconds));
        out_.put('"');
        return true;
    }

    // Each member or element was written with a comma behind it: the last one's is replaced.
    void close(char bracket) {
        if (out_.data()[out_.size() - 1] == ',') out_.end_at(out_.data() + out_.size() - 1);
        out_.put(bracket);
    }

    const RecordPlan& plan_;
    Buffer& out_;
    Names names_;
    std::vector<Found> found_;  // by the plan's fields
    std::vector<Found> rest_;   // in their order
};

using RecordEncoder = Encoder<RecordPlan, Writer>;

}  // namespace gateway
