// Values as the text of cells: what the kinds of `columns.py` say, byte for byte as the reference engine writes it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "number.hpp"
#include "plan.hpp"
#include "walk.hpp"

namespace gateway {

// Bytes that grow.  Room is asked for first and then written to without further checks.
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(std::size_t capacity) { take(nullptr, capacity); }

    std::size_t capacity() const { return capacity_; }

    // Makes it empty, with room for so much at least.
    void reset(std::size_t capacity) {
        used_ = 0;
        if (capacity_ >= capacity) return;
        bytes_.reset();  // first: not both at a time
        capacity_ = 0;
        take(nullptr, capacity);
    }

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
        while (capacity - used_ < size) capacity = capacity * 2 + 64;
        take(bytes_.release(), capacity);
    }

    // Large blocks grow where they are, or are moved without a copy.
    void take(char* old, std::size_t capacity) {
        char* const found = static_cast<char*>(std::realloc(old, capacity));
        bytes_.reset(found ? found : old);
        if (found == nullptr) throw std::bad_alloc();
        capacity_ = capacity;
    }

    struct Free {
        void operator()(char* bytes) const { std::free(bytes); }
    };

    std::unique_ptr<char[], Free> bytes_;
    std::size_t capacity_ = 0;
    std::size_t used_ = 0;
};

inline bool hexadecimal(Byte byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'F') || (byte >= 'a' && byte <= 'f');
}

// Whether `text.py` may write this byte as a code: a control character, `#`, or a percent sign.
inline bool suspicious(Byte byte) { return byte < 0x20 || byte == 0x7F || byte == '#' || byte == '%'; }

// Eight bytes at once; may say yes too often (bytes above 0x7F), never too seldom.
inline bool any_suspicious(std::uint64_t word) {
    const std::uint64_t control = (word - every(0x20)) & every(0x80);
    const std::uint64_t marks = zero_bytes(word ^ every('#')) | zero_bytes(word ^ every('%')) | zero_bytes(word ^ every(0x7F));
    return ((control | marks | word) & every(0x80)) != 0;
}

inline char* write_escaped(char* out, const Byte* at, const Byte* end) {
    constexpr const char* digits = "0123456789ABCDEF";
    const std::size_t size = distance(at, end);
    if (size >= 8) {
        // As long as all is plain, the last bytes can be copied with some of those before them.
        std::size_t done = 0;
        for (; done + 8 <= size && !any_suspicious(load64(at + done)); done += 8) std::memcpy(out + done, at + done, 8);
        if (done + 8 > size && !any_suspicious(load64(end - 8))) {
            std::memcpy(out + size - 8, end - 8, 8);
            return out + size;
        }
        at += done;
        out += done;
    }
    while (at < end) {
        if (distance(at, end) >= 8 && !any_suspicious(load64(at))) {
            std::memcpy(out, at, 8);
            at += 8;
            out += 8;
            continue;
        }
        const Byte byte = *at++;
        const bool plain = !suspicious(byte) ||
                           (byte == '%' && !(distance(at, end) >= 2 && hexadecimal(at[0]) && hexadecimal(at[1])));
        if (plain) {
            *out++ = static_cast<char>(byte);
        } else {
            *out++ = '%';
            *out++ = digits[byte >> 4];
            *out++ = digits[byte & 15];
        }
    }
    return out;
}

// The text as a cell holds it, for the texts of tables.
inline std::string escaped(std::string_view text) {
    std::string out(3 * text.size(), '\0');
    const Byte* at = bytes_of(text);
    out.resize(static_cast<std::size_t>(write_escaped(out.data(), at, at + text.size()) - out.data()));
    return out;
}

inline char* write_object_id(char* out, const Byte* at) {
    constexpr const char* digits = "0123456789abcdef";
    for (int i = 0; i < 12; ++i) {
        *out++ = digits[at[i] >> 4];
        *out++ = digits[at[i] & 15];
    }
    return out;
}

// Positions are below this, and shifts at most half of it: what BED, VCF and their indexes can hold.
constexpr std::int64_t position_limit = std::int64_t{1} << 31;

class Renderer {
  public:
    Renderer(const Plan& plan, Buffer& out) : plan_(plan), out_(out), numbers_(plan.columns().size(), nothing) {}

    // The line of the document that was walked last, if its columns do not say that it has none.  Always sure: an odd
    // document has the line that was given for it, or none yet.
    bool line(const Walk& walk) {
        for (const Form& form : plan_.forms()) {
            if (!fits(form, walk)) continue;
            if (columns(form, walk)) return true;
            break;
        }
        odd(view(walk.whole().at, walk.whole().size));
        return true;
    }

    // What a column without rules says of the document that was walked last.
    void cell(const Column& column, const Walk& walk) {
        if (!any(column, walk)) out_.put(column.missing);
    }

    // The odd documents so far, in the order of arrival.
    const std::vector<std::string_view>& odd() const { return odd_; }

    // The lines of odd documents, in the order of arrival; they must outlive the renderer.
    void give(const std::vector<std::string>& lines) { given_ = &lines; }

  private:
    // A column that has no number; all that have one have a larger one.
    static constexpr std::int64_t nothing = -1;

    GATEWAY_COLD void odd(std::string_view document) {
        if (given_ != nullptr && odd_.size() < given_->size()) {
            const std::string& line = (*given_)[odd_.size()];
            out_.put(line.data(), line.size());
        }
        odd_.push_back(document);
    }

    static bool fits(const Form& form, const Walk& walk) {
        for (const std::uint32_t node : form.lacks)
            if (walk.type(node) != type_never) return false;
        for (const std::uint32_t node : form.has)
            if (walk.type(node) != type_never) return true;
        return form.has.empty();
    }

    // False: the document is odd.
    bool columns(const Form& form, const Walk& walk) {
        const std::size_t before = out_.size();
        refused_ = false;
        bool row = true;
        for (std::size_t i = form.first; row && i < form.last; ++i) {
            const Column& column = plan_.columns()[i];
            if (column.last != 0 && walk.type(column.field) == type_never) {
                out_.put(column.together.data(), column.together.size());
                i = column.last - 1;
                continue;
            }
            if (column.rules) {
                row = ruled(column, *column.rules, walk, numbers_[i]);
            } else if (!any(column, walk)) {
                out_.put(column.missing);
            }
            out_.put('\t');
        }
        if (!row || refused_) {
            out_.end_at(out_.data() + before);
            return !refused_;
        }
        // The last tab; a form of no columns has lines all the same.
        if (out_.size() != before) out_.end_at(out_.data() + out_.size() - 1);
        out_.put('\n');
        return true;
    }

    // Writes what the column says and notes its number; false if the document is to have no row.
    bool ruled(const Column& column, const Rules& rules, const Walk& walk, std::int64_t& number) {
        if (rules.ranged && !into(rules.range, whole(column, walk, number), number)) return false;
        const std::size_t from = out_.size();
        if (rules.ranged) {
            out_.end_at(write_integer(out_.room(number_space), number));
        } else if (!any(column, walk)) {
            if (rules.required) return false;
            out_.put(column.missing);
        }
        if (rules.sized) {
            const Text& size = rules.sizes.find(out_.since(from));
            number = size.size() ? spelled_integer({size.data(), size.size()}) : nothing;
        }
        return !rules.checked || out_.since(from) == rules.only;
    }

    // What the number comes to in the range, if anything.
    bool into(const Range& range, bool found, std::int64_t& number) const {
        if (!found) return false;
        std::int64_t least = range.least;
        if (range.within >= 0) {
            const std::int64_t high = numbers_[static_cast<std::size_t>(range.within)];
            if (high == nothing || (number > high - range.room && !range.cut)) return false;
            number = std::min(number, high - range.room);
        }
        if (range.after >= 0) {
            const std::int64_t low = numbers_[static_cast<std::size_t>(range.after)];
            if (low == nothing) return false;
            least = std::max(least, low);
        }
        return number >= least;
    }

    // The integer that the column's cells find.
    bool whole(const Column& column, const Walk& walk, std::int64_t& number) const {
        for (const Cell& cell : column.cells) {
            const Byte type = walk.type(cell.node);
            if (type != type_never && understood(type, walk[cell.node], number) && shifted(cell, number)) return true;
        }
        return false;
    }

    static bool understood(Byte type, const Value& value, std::int64_t& number) {
        switch (type) {
            case type_int32:
                number = load_int32(value.at);
                return true;
            case type_int64:
                number = load_int64(value.at);
                return true;
            case type_double:
                return truncated(load_double(value.at), number);
            case type_string: {
                const std::string_view text = view(value.at, value.size);
                if (!spells_integer(text)) return false;
                number = spelled_integer(text);
                return true;
            }
            default:
                return false;
        }
    }

    static bool truncated(double value, std::int64_t& number) {
        // Infinities and NaN fail the comparison too.
        if (!(value >= -int64_limit && value < int64_limit)) return false;
        number = static_cast<std::int64_t>(value);
        return true;
    }

    // Of a position: whether it is one when it is shifted.
    static bool shifted(const Cell& cell, std::int64_t& value) {
        if (cell.kind != Kind::position) return true;
        // Compared first: a sum might overflow.
        if (value < -2 * position_limit || value > 2 * position_limit) return false;
        value += cell.shift;
        return value >= 0 && value < position_limit;
    }

    bool any(const Column& column, const Walk& walk) {
        for (const Cell& cell : column.cells) {
            const Byte type = walk.type(cell.node);
            if (type != type_never && write(cell, type, walk[cell.node])) return true;
        }
        return false;
    }

    // Nothing can be made of the value.
    bool refuse(const Cell& cell) {
        refused_ = refused_ || cell.strict;
        return false;
    }

    // Whether any plain value is shown.
    static bool shows(const Cell& cell) { return cell.kind == Kind::value || cell.kind == Kind::whole; }

    static bool of_text(const Cell& cell) { return cell.kind == Kind::lookup || cell.kind == Kind::only_string; }

    // Whether the value yields a text for the cell; then it is written.
    bool write(const Cell& cell, Byte type, const Value& value) {
        switch (type) {
            case type_string:
                return write_string(cell, value);
            case type_int32:
                return of_text(cell) ? refuse(cell) : write_whole(cell, load_int32(value.at));
            case type_int64:
                return of_text(cell) ? refuse(cell) : write_whole(cell, load_int64(value.at));
            case type_double:
                return of_text(cell) ? refuse(cell) : write_real(cell, load_double(value.at));
            case type_object_id:
                if (cell.kind != Kind::text && !shows(cell)) return refuse(cell);
                out_.end_at(write_object_id(out_.room(24), value.at));
                return true;
            case type_null:
            case type_undefined:
                return false;
            default:
                return shows(cell) ? write_other(cell, type, value) : refuse(cell);
        }
    }

    GATEWAY_COLD bool write_other(const Cell& cell, Byte type, const Value& value) {
        switch (type) {
            case type_bool:
                out_.put(*value.at ? "True" : "False", *value.at ? 4 : 5);
                return true;
            case type_document:
                return false;
            case type_array:
                return write_texts(cell, value);
            case type_date: {
                const std::int64_t date = load_int64(value.at);
                if (date < first_date || date > last_date) return refuse(cell);
                out_.end_at(write_local_date(out_.room(date_space), date));
                return true;
            }
            default:
                return refuse(cell);
        }
    }

    // A list of strings, which was walked: it is known to be sound.
    bool write_texts(const Cell& cell, const Value& value) {
        const std::size_t before = out_.size();
        const Byte* const end = value.at + value.size - 1;
        for (const Byte* at = value.at + 4; at < end;) {
            if (*at++ != type_string) {
                out_.end_at(out_.data() + before);
                return refuse(cell);
            }
            while (*at != 0) ++at;
            const std::size_t size = load32(++at) - 1;
            at += 4;
            if (size && out_.size() != before) out_.put("&&", 2);
            out_.end_at(write_escaped(out_.room(3 * size), at, at + size));
            at += size + 1;
        }
        return out_.size() != before;
    }

    bool write_string(const Cell& cell, const Value& value) {
        if (value.size == 0 && cell.kind != Kind::lookup) return false;
        const std::string_view text = view(value.at, value.size);
        switch (cell.kind) {
            case Kind::text:
            case Kind::only_string:
            case Kind::value:
            case Kind::whole:
                // Three bytes for each that is written as a code.
                out_.end_at(write_escaped(out_.room(3 * text.size()), value.at, value.at + value.size));
                return true;
            case Kind::lookup: {
                const Text& found = plan_.table(cell).find(text);
                if (found.size() == 0) return value.size != 0 && refuse(cell);
                out_.put(found);
                return true;
            }
            case Kind::integer:
                if (!spells_integer(text)) return refuse(cell);
                break;
            case Kind::position:
                return spells_integer(text) ? write_whole(cell, spelled_integer(text)) : refuse(cell);
            case Kind::number:
                if (!spells_number(text)) return refuse(cell);
                break;
        }
        out_.put(text.data(), text.size());
        return true;
    }

    bool write_whole(const Cell& cell, std::int64_t value) {
        if (!shifted(cell, value)) return refuse(cell);
        out_.end_at(write_integer(out_.room(number_space), value));
        return true;
    }

    bool write_real(const Cell& cell, double value) {
        const bool finite = std::isfinite(value);
        if (cell.kind == Kind::integer || cell.kind == Kind::position ||
            (cell.kind == Kind::whole && finite && value == std::trunc(value))) {
            std::int64_t number = 0;
            return truncated(value, number) ? write_whole(cell, number) : refuse(cell);
        }
        if (!finite) return !shows(cell) && refuse(cell);
        out_.end_at(write_double(out_.room(number_space), value));
        return true;
    }

    const Plan& plan_;
    Buffer& out_;
    std::vector<std::int64_t> numbers_;  // of the columns, in this line
    bool refused_ = false;               // a strict cell has refused a value of this line
    std::vector<std::string_view> odd_;
    const std::vector<std::string>* given_ = nullptr;
};

}  // namespace gateway
