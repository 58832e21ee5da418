// Sites of a VCF: rows of cells in, sorted records with a column a sample out; what `formats/vcf_sites.py` says, byte for
// byte.  What is rare (fusions, rows that do not look as they should) is left to that.
//
// A sorted string is a site's key, the sample's column in four bytes, and what the cell says.  A key is the chromosome's
// rank, the position in four bytes, and what orders sites of one position as their text does: for a copy number variant
// a number of its alleles, its END (five bytes, a digit a half), the number of its form; for all others a zero or
// `behind`, the text of the record from its ID on, and a zero.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bytes.hpp"
#include "number.hpp"
#include "render.hpp"
#include "site_rows.hpp"
#include "sorting.hpp"

namespace gateway {

// Texts with numbers in the order in which they were added.
class Numbered {
  public:
    static constexpr std::uint32_t none = 0xFFFFFFFF;

    std::uint32_t add(std::string_view text) {
        const auto number = static_cast<std::uint32_t>(numbers_.size());
        return numbers_.try_emplace(std::string(text), number).first->second;
    }

    // Rows that follow one another mostly say the same.
    std::uint32_t find(std::string_view text) {
        if (last_ != nullptr && last_->size() == text.size() && same(bytes_of(*last_), bytes_of(text), text.size()))
            return found_;
        const auto there = numbers_.find(std::string(text));
        if (there == numbers_.end()) return none;
        last_ = &there->first;
        return found_ = there->second;
    }

    std::size_t size() const { return numbers_.size(); }

  private:
    std::unordered_map<std::string, std::uint32_t> numbers_;  // whose texts stay where they are
    const std::string* last_ = nullptr;
    std::uint32_t found_ = none;
};

// A copy number variant's record around its numbers: `before` END, `type` behind it, SVLEN if it is `long`, `behind`.
struct Symbolic {
    std::string before;
    std::string type;
    std::string behind;
    bool sized;
};

enum class StateKind : std::uint8_t { symbolic, breakend, insertion, deletion, other };

class SiteRules {
  public:
    void add_chromosome(const std::string& name, std::uint32_t size) {
        if (chromosomes_.add(name) == names_.size()) {
            names_.push_back(name);
            sizes_.push_back(size);
        }
    }

    // `text` is what a small variant's record says of the state; `form` the number of a symbolic one.
    void add_state(const std::string& id, StateKind kind, const std::string& text, std::uint32_t form) {
        if (states_.add(id) == known_.size()) known_.push_back(State{kind, text, form});
    }

    // Forms come in the order of their texts; `last` is that of a deletion whose bases are not known.
    void add_form(const Symbolic& form) {
        const bool alike = !forms_.empty() && forms_.back().before == form.before;
        alleles_.push_back(static_cast<Byte>(alike ? alleles_.back() : forms_.empty() ? 1 : alleles_.back() + 1));
        forms_.push_back(form);
    }

    void set_deletion(std::uint32_t form) { deletion_ = form; }

  private:
    friend class SiteRows;
    friend class SiteRecords;

    struct State {
        StateKind kind;
        std::string text;
        std::uint32_t form;
    };

    Numbered chromosomes_;
    std::vector<std::string> names_;
    std::vector<std::uint32_t> sizes_;
    Numbered states_;
    std::vector<State> known_;
    std::vector<Symbolic> forms_;
    std::vector<Byte> alleles_;  // by form: forms with the same alleles have the same number
    std::uint32_t deletion_ = 0;
};

constexpr std::size_t place_size = 5;
constexpr std::size_t symbolic_size = 12;
constexpr std::size_t column_size = 4;
constexpr Byte first_of_all = 0;
constexpr Byte behind_all = 0xFF;

inline void store32_big(char* out, std::uint32_t value) {
    for (int i = 0; i < 4; ++i) out[i] = static_cast<char>(value >> (24 - 8 * i));
}

inline std::uint32_t load32_big(const char* at) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<Byte>(at[i]);
    return value;
}

// From rows to strings that sort.
class SiteRows {
  public:
    SiteRows(SiteRules& rules, Numbered& samples, Sorter& sorter)
        : rules_(rules), samples_(samples), sorter_(sorter) {}

    // Takes in rows from place `at` on, and says where it came to: less than all if the sorter is full.  Rows that are
    // not for the core are added to `left`.
    std::size_t feed(std::string_view rows, std::size_t at, std::string& left) {
        while (at < rows.size()) {
            if (rows[at] == PlainSite::mark) {
                PlainSite site;
                const char* const end = site.read(rows.data() + at, rows.data() + rows.size());
                if (end == nullptr) throw std::invalid_argument("a site that is cut");
                if (take(site) == Done::full) break;
                at = static_cast<std::size_t>(end - rows.data());
                continue;
            }
            const std::size_t end = std::min(rows.find('\n', at), rows.size() - 1) + 1;
            const std::string_view row = rows.substr(at, end - at);
            const Done done = take(row);
            if (done == Done::full) break;
            if (done == Done::left) left.append(row);
            at = end;
        }
        return at;
    }

    enum class Done { taken, full, left };

    // A site that was made elsewhere: the record's text from its ID on.  Left: it says what it must not.
    Done add(std::string_view sample, std::string_view chromosome, std::uint32_t position, std::string_view text,
             std::string_view cell) {
        const std::uint32_t column = samples_.find(sample), rank = rules_.chromosomes_.find(chromosome);
        if (column == Numbered::none) return Done::taken;
        if (rank == Numbered::none || text.find('\0') != text.npos) return Done::left;
        made_ = text;
        return other(rank, position, column, cell);
    }

  private:
    static constexpr std::size_t cells = site_cells;
    static constexpr std::size_t of_partner = 5;
    static constexpr std::size_t longest = 100'000;  // bases

    struct Place {
        std::uint32_t rank;
        std::uint32_t column;
        std::uint64_t start;
        std::uint64_t end;
        std::uint64_t size;
    };

    static bool missing(std::string_view cell) { return cell == "."; }

    static bool number(std::string_view cell, std::uint64_t& value) {
        value = 0;
        for (const char digit : cell) {
            if (digit < '0' || digit > '9') return false;
            value = value * 10 + static_cast<std::uint64_t>(digit - '0');
        }
        return !cell.empty() && cell.size() <= 10 && value < static_cast<std::uint64_t>(position_limit);
    }

    bool split(std::string_view row) {
        // Most are of no fusion: what they end with needs no look at each byte.
        constexpr std::string_view nobody = "\t.\t.\t.\t.\t.\t.\t.\t.\t.\t.\n";
        const bool alone = row.size() > nobody.size() && row.substr(row.size() - nobody.size()) == nobody;
        if (!alone && (row.empty() || row.back() != '\n')) return false;
        const char* at = row.data();
        const char* const last = at + row.size() - (alone ? nobody.size() : 1);
        const std::size_t count = alone ? cell_partner : cells;
        for (std::size_t n = alone ? cell_partner : cells; n < cells; ++n) cells_[n] = nobody.substr(1, 1);
        for (std::size_t n = 0; n < count; ++n) {
            const auto left = static_cast<std::size_t>(last - at);
            const char* stop = at;
            // Cells are short.
            for (std::size_t i = 0; i < left && *stop != '\t'; ++i) ++stop;
            if ((stop == last) != (n == count - 1)) return false;
            cells_[n] = {at, static_cast<std::size_t>(stop - at)};
            at = stop + 1;
        }
        return true;
    }

    // A fusion whose partner has a place.
    bool placed(std::size_t first) const {
        return !missing(cells_[first]) && !(missing(cells_[first + 1]) && missing(cells_[first + 3]));
    }

    Done take(std::string_view row) {
        if (!split(row)) return Done::left;
        Place place{};
        place.column = samples_.find(cells_[cell_sample]);
        if (place.column == Numbered::none) return Done::taken;
        place.rank = rules_.chromosomes_.find(cells_[cell_chromosome]);
        if (place.rank == Numbered::none) return Done::left;
        if (!missing(cells_[cell_partner]) && (placed(cell_partner) || placed(cell_partner + of_partner))) return Done::left;
        if (missing(cells_[cell_start])) return Done::taken;
        if (!number(cells_[cell_start], place.start)) return Done::left;
        place.end = place.start + 1;
        if (!missing(cells_[cell_end]) && !number(cells_[cell_end], place.end)) return Done::left;
        place.size = rules_.sizes_[place.rank];
        if (place.start > place.size) return Done::taken;
        const std::uint32_t known = rules_.states_.find(cells_[cell_state]);
        if (known == Numbered::none) return small(place, StateKind::other, {});
        const SiteRules::State& found = rules_.known_[known];
        if (found.kind == StateKind::symbolic) return symbolic(place, found.form);
        return found.kind == StateKind::breakend ? Done::left : small(place, found.kind, found.text);
    }

    Done take(const PlainSite& site) {
        if (site.rank >= rules_.sizes_.size() || site.form >= rules_.forms_.size())
            throw std::invalid_argument("a site of no chromosome or form that there is");
        const Place place{site.rank, samples_.find(site.sample), site.start, site.end, rules_.sizes_[site.rank]};
        if (place.column == Numbered::none || place.start > place.size) return Done::taken;
        return symbolic(place, site.form, site.cell);
    }

    Done symbolic(const Place& place, std::uint32_t form) { return symbolic(place, form, cells_[cell_log2]); }

    Done symbolic(const Place& place, std::uint32_t form, std::string_view cell) {
        const std::uint64_t position = std::max<std::uint64_t>(place.start, 1);
        const std::uint64_t last = std::max(std::min(place.end, place.size), position);
        char* const out = room(symbolic_size + column_size + cell.size());
        put_place(out, place.rank, static_cast<std::uint32_t>(position));
        out[5] = static_cast<char>(rules_.alleles_[form]);
        put_digits(out + 6, last);
        out[11] = static_cast<char>(form);
        store32_big(out + symbolic_size, place.column);
        std::memcpy(out + symbolic_size + column_size, cell.data(), cell.size());
        return sorter_.add({out, symbolic_size + column_size + cell.size()}) ? Done::taken : Done::full;
    }

    // Digits as text orders them, where what follows is larger than any: ten halves of bytes, filled with tens.
    static void put_digits(char* out, std::uint64_t value) {
        std::uint64_t halves = 0;
        int left = 10;
        for (; value != 0; value /= 10, --left) halves = halves >> 4 | value % 10 << 36;
        constexpr std::uint64_t tens = 0xAAAAAAAAAA;
        halves |= tens >> (40 - 4 * left);
        for (int i = 0; i < 5; ++i) out[i] = static_cast<char>(halves >> (32 - 8 * i));
    }

    // A small variant, by its bases, as far as they are known.
    Done small(const Place& place, StateKind kind, std::string_view state) {
        bases(cells_[cell_reference], reference_);
        bases(cells_[cell_sequence], allele_);
        const std::uint64_t last = std::min(std::max(place.end, place.start), place.size);
        const bool length = last != place.start;
        const bool inserted = reference_.empty() && !allele_.empty() && (!length || kind == StateKind::insertion);
        const bool deleted = allele_.empty() && (!reference_.empty() || length) && kind == StateKind::deletion;
        if (deleted && reference_.empty()) return symbolic(place, rules_.deletion_);
        std::uint64_t position = place.start + 1;
        if (position > place.size && !inserted) return Done::taken;
        if (inserted || deleted) {
            position = std::max<std::uint64_t>(place.start, 1);
            const std::size_t at = place.start ? 0 : std::string::npos;
            for (std::string* text : {&reference_, &allele_}) text->insert(std::min(at, text->size()), 1, 'N');
        }
        if (reference_.empty()) reference_ = "N";
        const bool unknown = allele_.empty() || allele_ == reference_;
        made_.assign("\t.\t").append(reference_).append(1, '\t').append(unknown ? "<*>" : allele_).append("\t.\tPASS\t");
        if (unknown) made_.append("END=").append(std::to_string(std::max(last, position)));
        if (unknown && !state.empty()) made_.append(1, ';');
        made_.append(state.empty() && !unknown ? "." : state).append("\tGT");
        return other(place.rank, static_cast<std::uint32_t>(position), place.column, "0/1");
    }

    // The bases that VCF knows; ambiguous ones are `N`, and what is no sequence is empty.
    static void bases(std::string_view text, std::string& out) {
        out.clear();
        if (text.size() > longest) return;
        for (const char given : text) {
            const char base = given >= 'a' && given <= 'z' ? static_cast<char>(given - 'a' + 'A') : given;
            if (base == '\0' || std::strchr("ACGTUNRYSWKMBDHV", base) == nullptr) return out.clear();
            out.push_back(base == 'U' ? 'T' : std::strchr("ACGT", base) != nullptr ? base : 'N');
        }
    }

    // The site whose text was made.
    Done other(std::uint32_t rank, std::uint32_t position, std::uint32_t column, std::string_view cell) {
        const auto& forms = rules_.forms_;
        const bool first = forms.empty() || made_ < forms.front().before;
        if (!first && made_.compare(0, forms.back().before.size(), forms.back().before) <= 0) return Done::left;
        const std::size_t size = place_size + 2 + made_.size() + column_size + cell.size();
        char* out = room(size);
        put_place(out, rank, position);
        out[place_size] = static_cast<char>(first ? first_of_all : behind_all);
        std::memcpy(out + place_size + 1, made_.data(), made_.size());
        char* const behind = out + place_size + 1 + made_.size();
        *behind = '\0';
        store32_big(behind + 1, column);
        std::memcpy(behind + 1 + column_size, cell.data(), cell.size());
        return sorter_.add({out, size}) ? Done::taken : Done::full;
    }

    char* room(std::size_t size) {
        if (string_.size() < size) string_.resize(2 * size);
        return string_.data();
    }

    static void put_place(char* out, std::uint32_t rank, std::uint32_t position) {
        out[0] = static_cast<char>(rank);
        store32_big(out + 1, position);
    }

    SiteRules& rules_;
    Numbered& samples_;
    Sorter& sorter_;
    std::string_view cells_[cells];
    std::string reference_, allele_, made_, string_;
};

// From sorted strings to records.
class SiteRecords {
  public:
    SiteRecords(const SiteRules& rules, std::size_t samples, Sorter& sorter)
        : rules_(rules), samples_(samples), sorter_(sorter) {}

    // Writes records of so many bytes or a little more, and says how many; fewer bytes only at the end, or where the
    // sorter has an error.
    std::size_t write(Buffer& out, std::size_t most) {
        std::size_t records = 0;
        while (!ended_) {
            if (held_.empty() && !sorter_.next(held_)) {
                ended_ = true;
                return begun_ && sorter_.error() == 0 ? records + finish(out) : records;
            }
            const std::size_t key = key_size(held_);
            if (!begun_ || held_.substr(0, key) != key_) {
                if (begun_) records += finish(out);
                begun_ = false;
                if (out.size() >= most) return records;  // the string is there until the sorter is asked for another
                key_.assign(held_.data(), key);
                begin(out);
            }
            cell(out, load32_big(held_.data() + key), held_.substr(key + column_size));
            held_ = {};
        }
        return records;
    }

  private:
    static std::size_t key_size(std::string_view text) {
        const Byte kind = static_cast<Byte>(text[place_size]);
        return kind == first_of_all || kind == behind_all ? text.find('\0', place_size + 1) + 1 : symbolic_size;
    }

    bool is_symbolic() const {
        const Byte kind = static_cast<Byte>(key_[place_size]);
        return kind != first_of_all && kind != behind_all;
    }

    void begin(Buffer& out) {
        begun_ = true;
        next_ = 0;
        const auto rank = static_cast<Byte>(key_[0]);
        const std::uint32_t position = load32_big(key_.data() + 1);
        put(out, rules_.names_[rank]);
        char* at = out.room(1 + number_space);
        *at++ = '\t';
        out.end_at(write_integer(at, position));
        if (!is_symbolic()) {
            out.put(key_.data() + place_size + 1, key_.size() - place_size - 2);
            return;
        }
        const Symbolic& form = rules_.forms_[static_cast<Byte>(key_[11])];
        put(out, form.before);
        std::int64_t last = 0;
        for (int i = 0; i < 10; ++i) {
            const auto half = (static_cast<Byte>(key_[6 + static_cast<std::size_t>(i) / 2]) >> (i % 2 ? 0 : 4)) & 15;
            if (half < 10) last = last * 10 + half;
        }
        out.end_at(write_integer(out.room(number_space), last));
        put(out, form.type);
        if (form.sized) {
            put(out, ";SVLEN=");
            out.end_at(write_integer(out.room(number_space), last - position));
        }
        put(out, form.behind);
    }

    // Cells come by column, and those of a column in order.  A column's second value is one of another record.
    void cell(Buffer& out, std::uint32_t column, std::string_view text) {
        if (column >= next_) {
            gaps(out, column - next_);
            put(out, is_symbolic() ? "\t0/1:" : "\t");
            put(out, text);
            value_.assign(text);
            next_ = std::size_t{column} + 1;
        } else if (text != value_) {
            others_.emplace_back(column, text);
        }
    }

    // The end of the record; and those of further values.
    std::size_t finish(Buffer& out) {
        std::size_t records = 1;
        end(out);
        while (!others_.empty()) {
            const auto some = std::exchange(others_, {});
            begin(out);
            for (const auto& [column, text] : some) cell(out, column, text);
            end(out);
            ++records;
        }
        return records;
    }

    void end(Buffer& out) {
        gaps(out, samples_ - next_);
        out.put('\n');
    }

    static void gaps(Buffer& out, std::size_t count) {
        char* at = out.room(2 * count);
        for (; count >= 4; count -= 4, at += 8) std::memcpy(at, "\t.\t.\t.\t.", 8);
        for (; count > 0; --count, at += 2) std::memcpy(at, "\t.", 2);
        out.end_at(at);
    }

    static void put(Buffer& out, std::string_view text) { out.put(text.data(), text.size()); }

    const SiteRules& rules_;
    std::size_t samples_;
    Sorter& sorter_;
    std::string_view held_;  // the sorter's, not yet written
    std::string key_;
    std::string value_;
    std::size_t next_ = 0;  // the column behind the last that has a cell
    bool begun_ = false;
    bool ended_ = false;
    std::vector<std::pair<std::uint32_t, std::string>> others_;
};

// What is done with the sites of one download.
class Sites {
  public:
    Sites(std::size_t run_bytes, std::size_t most_files)
        : sorter_(run_bytes, most_files), rows_(rules_, samples_, sorter_) {}

    SiteRules& rules() { return rules_; }
    Sorter& sorter() { return sorter_; }

    void add_sample(const std::string& name) { samples_.add(name); }

    std::size_t feed(std::string_view rows, std::size_t at, std::string& left) { return rows_.feed(rows, at, left); }

    SiteRows::Done add(std::string_view sample, std::string_view chromosome, std::uint32_t position,
                       std::string_view text, std::string_view cell) {
        return rows_.add(sample, chromosome, position, text, cell);
    }

    // Nothing is added after the first call.
    std::size_t write(Buffer& out, std::size_t most) {
        if (!records_) records_ = std::make_unique<SiteRecords>(rules_, samples_.size(), sorter_);
        return records_->write(out, most);
    }

  private:
    SiteRules rules_;
    Numbered samples_;
    Sorter sorter_;
    SiteRows rows_;
    std::unique_ptr<SiteRecords> records_;
};

}  // namespace gateway
