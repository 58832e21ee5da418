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
    Renderer(const Plan& plan, Buffer& out)
        : plan_(plan), out_(out), space_(plan.space()), numbers_(plan.columns().size(), nothing) {}

    // The line of the document that was walked last, if its columns do not say that it has none.  Always sure: an odd
    // document has the line that was given for it, or none yet.
    bool line(const Walk& walk) {
        const std::uint32_t outline = walk.outline();
        const bool sure = outline == Outlines::none ? columns(walk) : follow(program(outline, walk), walk);
        if (!sure) odd(view(walk.whole().at, walk.whole().size));
        return true;
    }

    // What a column without rules says of the document that was walked last.
    void cell(const Column& column, const Walk& walk) {
        char* const out = out_.room(space_);
        char* const next = any(column, walk, out);
        out_.end_at(next != nullptr ? next : put(out, column.missing));
    }

    // The odd documents so far, in the order of arrival.
    const std::vector<std::string_view>& odd() const { return odd_; }

    // The lines of odd documents, in the order of arrival; they must outlive the renderer.
    void give(const std::vector<std::string>& lines) { given_ = &lines; }

  private:
    // A column that has no number; all that have one have a larger one.
    static constexpr std::int64_t nothing = -1;

    // What the cells of a column come to where the types of their values are known.
    enum class Make : std::uint8_t { any, text, lookup, int32, int64, real };

    struct Source {
        Make make;
        Byte type;
        std::uint32_t node;
        const Cell* cell;
        const Table* table;  // of a lookup
    };

    // A column of documents of an outline: what stands before it, and the cells that may have something to say.
    struct Piece {
        Text before;
        const Column* column;
        std::size_t number;  // of the column
        bool ruled;
        std::vector<Source> sources;
    };

    // How documents of an outline are written.
    struct Program {
        bool made = false;
        bool fits = false;  // there is a form for them
        std::vector<Piece> pieces;
        Text behind;
    };

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

    const Form* form_of(const Walk& walk) const {
        for (const Form& form : plan_.forms())
            if (fits(form, walk)) return &form;
        return nullptr;
    }

    // --- documents of an outline that was met before ---

    const Program& program(std::uint32_t outline, const Walk& walk) {
        if (outline >= programs_.size()) programs_.resize(outline + 1);
        if (!programs_[outline].made) make(programs_[outline], walk);
        return programs_[outline];
    }

    GATEWAY_COLD void make(Program& program, const Walk& walk) const {
        program.made = true;
        const Form* const form = form_of(walk);
        if (form == nullptr) return;
        program.fits = true;
        std::string before;
        for (std::size_t i = form->first; i < form->last; ++i) {
            const Column& column = plan_.columns()[i];
            if (i > form->first) before.push_back('\t');
            std::vector<Source> sources;
            for (const Cell& cell : column.cells) {
                const Byte type = walk.type(cell.node);
                if (type == type_never || type == type_null || type == type_undefined) continue;
                const Table* const table = cell.kind == Kind::lookup ? &plan_.table(cell) : nullptr;
                sources.push_back(Source{make_of(cell, type), type, cell.node, &cell, table});
            }
            if (sources.empty() && !column.rules) {
                before.append(column.missing.data(), column.missing.size());
                continue;
            }
            const bool ruled = column.rules != nullptr;
            program.pieces.push_back(Piece{Text(std::move(before)), &column, i, ruled, std::move(sources)});
            before.clear();
        }
        program.behind = Text(before + '\n');
    }

    static Make make_of(const Cell& cell, Byte type) {
        const bool integer = cell.kind == Kind::integer || cell.kind == Kind::position;
        switch (type) {
            case type_string:
                if (cell.kind == Kind::lookup) return Make::lookup;
                return integer || cell.kind == Kind::number ? Make::any : Make::text;
            case type_int32:
                return of_text(cell) || cell.kind == Kind::position ? Make::any : Make::int32;
            case type_int64:
                return of_text(cell) || cell.kind == Kind::position ? Make::any : Make::int64;
            case type_double:
                return of_text(cell) || integer || cell.kind == Kind::whole ? Make::any : Make::real;
            default:
                return Make::any;
        }
    }

    // False: the document is odd.
    bool follow(const Program& program, const Walk& walk) {
        if (!program.fits) return false;
        const std::size_t begin = out_.size();
        const Value* const values = walk.values();
        char* out = out_.room(space_);
        refused_ = false;
        for (const Piece& piece : program.pieces) {
            out = put(out, piece.before);
            const Column& column = *piece.column;
            if (piece.ruled) {
                out = ruled(column, *column.rules, walk, numbers_[piece.number], out);
                if (out == nullptr) break;
                continue;
            }
            char* next = nullptr;
            for (const Source& source : piece.sources) {
                next = made(source, values[source.node], out);
                if (next != nullptr) break;
            }
            out = next != nullptr ? next : put(out, column.missing);
        }
        if (out == nullptr || refused_) {
            out_.end_at(out_.data() + begin);
            return !refused_;
        }
        out_.end_at(put(out, program.behind));
        return true;
    }

    GATEWAY_HOT char* made(const Source& source, const Value& value, char* out) {
        switch (source.make) {
            case Make::text:
                return value.size == 0 ? nullptr : write_text(value, out);
            case Make::lookup:
                return write_found(*source.cell, *source.table, value, out);
            case Make::int32:
                return write_integer(out, load_int32(value.at));
            case Make::int64:
                return write_integer(out, load_int64(value.at));
            case Make::real: {
                const double number = load_double(value.at);
                if (std::isfinite(number)) return write_double(out, number);
                break;
            }
            case Make::any:
                break;
        }
        return write(*source.cell, source.type, value, out);
    }

    // --- all others ---

    // False: the document is odd.
    bool columns(const Walk& walk) {
        const Form* const form = form_of(walk);
        if (form == nullptr) return false;
        const std::size_t begin = out_.size();
        char* out = out_.room(space_);
        refused_ = false;
        for (std::size_t i = form->first; out != nullptr && i < form->last; ++i) {
            if (i > form->first) *out++ = '\t';
            const Column& column = plan_.columns()[i];
            if (column.last != 0 && walk.type(column.field) == type_never) {
                std::memcpy(out, column.together.data(), column.together.size());
                out += column.together.size() - 1;  // the next column begins with a tab
                i = column.last - 1;
            } else if (column.rules) {
                out = ruled(column, *column.rules, walk, numbers_[i], out);
            } else {
                char* const next = any(column, walk, out);
                out = next != nullptr ? next : put(out, column.missing);
            }
        }
        if (out == nullptr || refused_) {
            out_.end_at(out_.data() + begin);
            return !refused_;
        }
        *out++ = '\n';
        out_.end_at(out);
        return true;
    }

    // Writes what the column says and notes its number; nullptr if the document is to have no row.
    char* ruled(const Column& column, const Rules& rules, const Walk& walk, std::int64_t& number, char* out) {
        if (rules.ranged && !into(rules.range, whole(column, walk, number), number)) return nullptr;
        const std::size_t from = distance_to(out);
        if (rules.ranged) {
            out = write_integer(out, number);
        } else {
            char* const next = any(column, walk, out);
            if (next == nullptr && rules.required) return nullptr;
            out = next != nullptr ? next : put(out, column.missing);
        }
        const std::string_view said{out_.data() + from, distance_to(out) - from};
        if (rules.sized) {
            const Text& size = rules.sizes.find(said);
            number = size.size() ? spelled_integer({size.data(), size.size()}) : nothing;
        }
        return rules.checked && said != rules.only ? nullptr : out;
    }

    std::size_t distance_to(const char* out) const { return static_cast<std::size_t>(out - out_.data()); }

    GATEWAY_HOT static char* put(char* out, const Text& text) {
        const std::size_t size = text.size();
        const char* const from = text.data();
        std::memcpy(out, from, 8);
        for (std::size_t i = 8; i < size; i += 8) std::memcpy(out + i, from + i, 8);
        return out + size;
    }

    // Room for so much more than every line has anyway.
    char* room(char* out, std::size_t size) {
        out_.end_at(out);
        return out_.room(size + space_);
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

    char* any(const Column& column, const Walk& walk, char* out) {
        for (const Cell& cell : column.cells) {
            const Byte type = walk.type(cell.node);
            if (type == type_never) continue;
            char* const next = write(cell, type, walk[cell.node], out);
            if (next != nullptr) return next;
        }
        return nullptr;
    }

    // Nothing can be made of the value.
    char* refuse(const Cell& cell) {
        refused_ = refused_ || cell.strict;
        return nullptr;
    }

    // Whether any plain value is shown.
    static bool shows(const Cell& cell) { return cell.kind == Kind::value || cell.kind == Kind::whole; }

    static bool of_text(const Cell& cell) { return cell.kind == Kind::lookup || cell.kind == Kind::only_string; }

    // Writes the text that the value yields for the cell, and returns where it ends; nullptr: it yields none.
    GATEWAY_COLD char* write(const Cell& cell, Byte type, const Value& value, char* out) {
        switch (type) {
            case type_string:
                return write_string(cell, value, out);
            case type_int32:
                return of_text(cell) ? refuse(cell) : write_whole(cell, load_int32(value.at), out);
            case type_int64:
                return of_text(cell) ? refuse(cell) : write_whole(cell, load_int64(value.at), out);
            case type_double:
                return of_text(cell) ? refuse(cell) : write_real(cell, load_double(value.at), out);
            case type_object_id:
                if (cell.kind != Kind::text && !shows(cell)) return refuse(cell);
                return write_object_id(out, value.at);
            case type_null:
            case type_undefined:
                return nullptr;
            default:
                return shows(cell) ? write_other(cell, type, value, out) : refuse(cell);
        }
    }

    GATEWAY_COLD char* write_other(const Cell& cell, Byte type, const Value& value, char* out) {
        switch (type) {
            case type_bool:
                std::memcpy(out, *value.at ? "True\0" : "False", 5);
                return out + (*value.at ? 4 : 5);
            case type_document:
                return nullptr;
            case type_array:
                return write_texts(cell, value, out);
            case type_date: {
                const std::int64_t date = load_int64(value.at);
                if (date < first_date || date > last_date) return refuse(cell);
                return write_local_date(out, date);
            }
            default:
                return refuse(cell);
        }
    }

    // The string at `at` of a list, which was walked and is known to be sound; its end is where the next one begins.
    static Value next_text(const Byte*& at) {
        while (*++at != 0) {
        }
        const Value text{at + 5, load32(at + 1) - 1};
        at = text.at + text.size + 1;
        return text;
    }

    char* write_texts(const Cell& cell, const Value& value, char* out) {
        const Byte* const end = value.at + value.size - 1;
        std::size_t most = 0;
        bool says = false;
        for (const Byte* at = value.at + 4; at < end;) {
            if (*at != type_string) return refuse(cell);
            const Value text = next_text(at);
            most += 3 * std::size_t{text.size} + 2;
            says = says || text.size != 0;
        }
        if (!says) return nullptr;
        out = room(out, most);
        bool first = true;
        for (const Byte* at = value.at + 4; at < end;) {
            const Value text = next_text(at);
            if (text.size == 0) continue;
            if (!first) {
                *out++ = '&';
                *out++ = '&';
            }
            first = false;
            out = write_escaped(out, text.at, text.at + text.size);
        }
        return out;
    }

    // Three bytes for each that is written as a code.
    GATEWAY_HOT char* write_text(const Value& value, char* out) {
        const std::size_t size = value.size;
        out = room(out, 3 * size);
        // Ids and codes, which hold nothing that is.
        if (size >= 8 && size <= 16 && !any_suspicious(load64(value.at)) && !any_suspicious(load64(value.at + size - 8))) {
            std::memcpy(out, value.at, 8);
            std::memcpy(out + size - 8, value.at + size - 8, 8);
            return out + size;
        }
        return write_escaped(out, value.at, value.at + size);
    }

    char* write_found(const Cell& cell, const Table& table, const Value& value, char* out) {
        const Text& found = table.find(view(value.at, value.size));
        if (found.size() == 0) return value.size != 0 ? refuse(cell) : nullptr;
        return put(out, found);
    }

    char* write_string(const Cell& cell, const Value& value, char* out) {
        if (value.size == 0 && cell.kind != Kind::lookup) return nullptr;
        const std::string_view text = view(value.at, value.size);
        switch (cell.kind) {
            case Kind::text:
            case Kind::only_string:
            case Kind::value:
            case Kind::whole:
                return write_text(value, out);
            case Kind::lookup:
                return write_found(cell, plan_.table(cell), value, out);
            case Kind::integer:
                if (!spells_integer(text)) return refuse(cell);
                break;
            case Kind::position:
                return spells_integer(text) ? write_whole(cell, spelled_integer(text), out) : refuse(cell);
            case Kind::number:
                if (!spells_number(text)) return refuse(cell);
                break;
        }
        out = room(out, text.size());
        std::memcpy(out, text.data(), text.size());
        return out + text.size();
    }

    char* write_whole(const Cell& cell, std::int64_t value, char* out) {
        return shifted(cell, value) ? write_integer(out, value) : refuse(cell);
    }

    char* write_real(const Cell& cell, double value, char* out) {
        const bool finite = std::isfinite(value);
        if (cell.kind == Kind::integer || cell.kind == Kind::position ||
            (cell.kind == Kind::whole && finite && value == std::trunc(value))) {
            std::int64_t number = 0;
            return truncated(value, number) ? write_whole(cell, number, out) : refuse(cell);
        }
        if (!finite) return shows(cell) ? nullptr : refuse(cell);
        return write_double(out, value);
    }

    const Plan& plan_;
    Buffer& out_;
    const std::size_t space_;            // of a line beside its texts
    std::vector<Program> programs_;      // by outline
    std::vector<std::int64_t> numbers_;  // of the columns, in this line
    bool refused_ = false;               // a strict cell has refused a value of this line
    std::vector<std::string_view> odd_;
    const std::vector<std::string>* given_ = nullptr;
};

}  // namespace gateway
