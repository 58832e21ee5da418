// Column plans as data for the walk: all paths of a plan in one tree, so that one pass over a document finds the value
// of every cell.  A plan is built once, then only read, by any number of threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bytes.hpp"

namespace gateway {

enum class Kind : std::uint8_t { text, integer, position, number, lookup, only_string, value, whole };

// A text to be written often: padded with zeros, so that it can be copied eight bytes at a time, eight at least.
class Text {
  public:
    static constexpr std::uint32_t none = 0xFFFFFFFF;

    Text() : Text(std::string()) {}
    explicit Text(std::string text) : size_(text.size()), bytes_(std::move(text)) {
        bytes_.resize(padded(size_), '\0');
    }

    static constexpr std::size_t padded(std::size_t size) { return size > 8 ? (size + 7) / 8 * 8 : 8; }

    const char* data() const { return bytes_.data(); }
    std::size_t size() const { return size_; }

    // What may stand for it.
    std::uint32_t number() const { return number_; }
    void set_number(std::uint32_t number) { number_ = number; }

  private:
    std::size_t size_ = 0;
    std::uint32_t number_ = none;
    std::string bytes_;
};

// A translation of strings.  Open addressing in a table at most half full; strings are compared in full.
class Table {
  public:
    // The texts are escaped already.  A later entry for the same string does not replace the first; there is none.
    void fill(const std::vector<std::pair<std::string, std::string>>& entries) {
        std::size_t size = 8;
        while (size < 2 * entries.size()) size *= 2;
        slots_.assign(size, Slot{});
        for (const auto& [from, to] : entries) {
            std::size_t at = place(from);
            while (slots_[at].taken) at = (at + 1) & (size - 1);
            slots_[at] = Slot{true, from, Text(to)};
        }
    }

    void set_default(std::string text) { default_ = Text(std::move(text)); }

    // Room for any of its texts.
    std::size_t space() const {
        std::size_t most = Text::padded(default_.size());
        for (const Slot& slot : slots_) most = std::max(most, Text::padded(slot.to.size()));
        return most;
    }

    // Gives the texts that stand for others the numbers of their places in a list, where they are in it.
    void number(const std::vector<std::string>& texts) {
        for (Slot& slot : slots_) number(slot.to, texts);
        number(default_, texts);
    }

    // What stands for the string; empty if nothing does.
    const Text& find(std::string_view text) const {
        const Slot* const slots = slots_.data();
        for (std::size_t at = place(text); slots[at].taken; at = (at + 1) & (slots_.size() - 1))
            if (equal(slots[at].from, text)) return slots[at].to;
        return default_;
    }

  private:
    struct Slot {
        bool taken = false;
        std::string from;
        Text to;
    };

    static void number(Text& text, const std::vector<std::string>& texts) {
        const auto found = std::find(texts.begin(), texts.end(), std::string_view(text.data(), text.size()));
        if (text.size() != 0 && found != texts.end()) text.set_number(static_cast<std::uint32_t>(found - texts.begin()));
    }

    static bool equal(const std::string& a, std::string_view b) {
        return a.size() == b.size() && same(bytes_of(a), bytes_of(b), a.size());
    }

    std::size_t place(std::string_view text) const {
        constexpr std::uint64_t mix = 0x9E3779B97F4A7C15ULL;  // 2^64 over the golden ratio: spreads what differs little
        const Byte* const at = bytes_of(text);
        const std::size_t size = text.size();
        std::uint64_t hash = size * mix;
        if (size >= 8) {
            for (std::size_t i = 0; i + 8 < size; i += 8) hash = ((hash ^ load64(at + i)) * mix) ^ (hash >> 32);
            hash ^= load64(at + size - 8);
        } else if (size >= 4) {
            hash ^= static_cast<std::uint64_t>(load32(at)) << 32 | load32(at + size - 4);
        } else {
            for (std::size_t i = 0; i < size; ++i) hash ^= static_cast<std::uint64_t>(at[i]) << (8 * i);
        }
        hash *= mix;
        return static_cast<std::size_t>(hash >> 32) & (slots_.size() - 1);
    }

    std::vector<Slot> slots_{8};
    Text default_;
};

// A step of a path.  `name` includes its terminator, as in BSON; `index` is what it says of an array, or -1.
struct Node {
    std::string name;
    std::int64_t index = -1;
    bool asked = false;  // a cell ends here
    bool kept = false;   // values of every type are shown, or left to the reference engine
    std::vector<std::uint32_t> children;

};

struct Cell {
    std::uint32_t node;
    Kind kind;
    std::uint32_t table;  // of a lookup
    std::int64_t shift;   // of a position
    bool strict = false;  // what is not understood makes the document odd
};

// Where a column's integer has to lie; `after` and `within` are places of earlier columns, or -1.
struct Range {
    std::int64_t least = 0;
    std::int64_t room = 0;
    std::int32_t after = -1;
    std::int32_t within = -1;
    bool cut = false;
};

// What may keep a document from having a row, and what later columns need for that.
struct Rules {
    bool required = false;  // without a value there is no row
    bool checked = false;   // without just this text there is no row
    std::string only{};
    bool ranged = false;    // without an integer in the range there is no row
    Range range{};
    bool sized = false;     // texts have numbers
    Table sizes{};          // in decimal
};

struct Column {
    Text missing;
    std::vector<Cell> cells;
    std::unique_ptr<Rules> rules;  // most have none

    // Columns from this one to before `last` say `together`, each with a tab behind it, where there is no such field;
    // 0: only by themselves.
    std::size_t last = 0;
    std::uint32_t field = 0;
    std::string together{};
};

// Columns [first, last) for documents with one of some fields, and without others.
struct Form {
    std::size_t first = 0;
    std::size_t last = 0;
    std::vector<std::uint32_t> has{};
    std::vector<std::uint32_t> lacks{};
};

class Plan {
  public:
    static constexpr std::uint32_t root = 0;

    Plan() : nodes_(1), forms_(1) {}

    // Which field, with `_id`, orders the rows.  Like the rest of the building: false if this core cannot do it.
    bool order_by(std::string_view key) {
        id_ = child(root, "_id");
        return plain(key) && (key_ = child(root, key)) != root;
    }

    void add_column(std::string missing, bool required = false) {
        columns_.push_back(Column{Text(std::move(missing)), {}, nullptr});
        if (required) rules().required = true;
        forms_.back().last = columns_.size();
    }

    // The last column must say this, or there is no row.
    void check(std::string only) {
        rules().checked = true;
        rules().only = std::move(only);
    }

    // The integers of the last column must lie there; the columns named are earlier ones of the form.
    void bound(const Range& range) {
        const auto first = static_cast<std::int32_t>(forms_.back().first);
        rules().ranged = true;
        rules().range = range;
        if (range.after >= 0) rules().range.after += first;
        if (range.within >= 0) rules().range.within += first;
    }

    // The numbers of texts of the last column, to be filled in.
    Table& size_table() {
        rules().sized = true;
        return rules().sizes;
    }

    // Columns from now on are those of another form; the first form needs no words.
    void add_form() { forms_.push_back(Form{columns_.size(), columns_.size()}); }

    // The last form is for documents with this field, or for those without it.
    bool ask(std::string_view field, bool there) {
        const std::uint32_t node = plain(field) ? child(root, field) : root;
        if (node == root) return false;
        (there ? forms_.back().has : forms_.back().lacks).push_back(node);
        return true;
    }

    // What the last cell does not understand makes a document odd.
    void make_strict() { columns_.back().cells.back().strict = true; }

    // One more place to look for the last column's value.
    bool add_cell(std::string_view path, Kind kind, std::int64_t shift = 0) {
        const std::uint32_t node = at(path);
        if (node == root) return false;
        nodes_[node].asked = true;
        columns_.back().cells.push_back(Cell{node, kind, static_cast<std::uint32_t>(tables_.size()), shift});
        if (kind == Kind::lookup) tables_.emplace_back();
        return true;
    }

    // All columns are there: those that follow each other and look into one field are written together where it is not.
    void join() {
        for (const Form& form : forms_) {
            for (std::size_t first = form.first, last = first; first < form.last; first = std::max(last, first + 1)) {
                const std::uint32_t field = field_of(columns_[first]);
                std::string together;
                for (last = first; field != root && last < form.last && field_of(columns_[last]) == field; ++last) {
                    const Text& missing = columns_[last].missing;
                    together.append(missing.data(), missing.size()).push_back('\t');
                }
                if (last <= first + 1) continue;
                columns_[first].last = last;
                columns_[first].field = field;
                columns_[first].together = std::move(together);
            }
        }
    }

    // The texts that a column's tables say have the numbers of their places in a list.
    void number(std::size_t column, const std::vector<std::string>& texts) {
        for (const Cell& cell : columns_.at(column).cells)
            if (cell.kind == Kind::lookup) tables_[cell.table].number(texts);
    }

    // A path of which values of any type are remembered; `root` if this core cannot do it.
    std::uint32_t keep(std::string_view path) {
        const std::uint32_t node = at(path);
        if (node != root) nodes_[node].asked = nodes_[node].kept = true;
        return node;
    }

    // The table of the last cell, which must be a lookup.
    Table& last_table() { return tables_.back(); }

    // Room for a line, but for the texts of documents in it.
    std::size_t space() const {
        constexpr std::size_t number = 40;  // or a date, or an id
        std::size_t most = 8;
        for (const Column& column : columns_) {
            std::size_t widest = std::max(number, Text::padded(column.missing.size()));
            for (const Cell& cell : column.cells)
                if (cell.kind == Kind::lookup) widest = std::max(widest, tables_[cell.table].space());
            most += widest + 1;
        }
        return most;
    }

    const std::vector<Node>& nodes() const { return nodes_; }
    const std::vector<Column>& columns() const { return columns_; }
    const std::vector<Form>& forms() const { return forms_; }
    const Table& table(const Cell& cell) const { return tables_[cell.table]; }
    std::uint32_t key() const { return key_; }
    std::uint32_t id() const { return id_; }

  private:
    // Those of the last column.
    Rules& rules() {
        if (!columns_.back().rules) columns_.back().rules = std::make_unique<Rules>();
        return *columns_.back().rules;
    }

    // The field of a document in which all cells of a column lie; `root`: there is none, or it has rules.
    std::uint32_t field_of(const Column& column) const {
        if (column.rules) return root;
        for (const std::uint32_t field : nodes_[root].children) {
            const auto inside = [&](const Cell& cell) { return cell.node == field || is_below(field, cell.node); };
            if (!column.cells.empty() && std::all_of(column.cells.begin(), column.cells.end(), inside)) return field;
        }
        return root;
    }

    bool is_below(std::uint32_t node, std::uint32_t other) const {
        const std::vector<std::uint32_t>& children = nodes_[node].children;
        return std::any_of(children.begin(), children.end(),
                           [&](std::uint32_t child) { return child == other || is_below(child, other); });
    }

    // Names of documents end at a zero, and those that are not ASCII are left to the reference engine.
    static bool plain(std::string_view path) {
        for (const char byte : path)
            if (byte == 0 || static_cast<Byte>(byte) >= 0x80) return false;
        return true;
    }

    // The node at the end of a path; `root` if this core cannot do it.
    std::uint32_t at(std::string_view path) {
        if (!plain(path)) return root;
        std::uint32_t node = root;
        for (std::size_t from = 0, to = 0; to != std::string_view::npos; from = to + 1) {
            to = path.find('.', from);
            node = child(node, path.substr(from, to == std::string_view::npos ? to : to - from));
            if (node == root) break;
        }
        return node;
    }

    // The index that a name spells; -1 if none, -2 if too large to say.
    static std::int64_t index_of(std::string_view name) {
        if (name.empty()) return -1;
        std::int64_t index = 0;
        for (const char byte : name) {
            if (byte < '0' || byte > '9') return -1;
            index = index * 10 + (byte - '0');
        }
        return name.size() <= 9 ? index : -2;
    }

    // The node below `parent` of that name, made if need be; `root` where it would be ambiguous in an array.
    std::uint32_t child(std::uint32_t parent, std::string_view name) {
        std::string terminated(name);
        terminated.push_back('\0');
        const std::int64_t index = index_of(name);
        for (const std::uint32_t other : nodes_[parent].children) {
            if (nodes_[other].name == terminated) return other;
            if (index >= 0 && nodes_[other].index == index) return root;
        }
        if (index == -2) return root;
        const auto made = static_cast<std::uint32_t>(nodes_.size());
        Node node;
        node.name = std::move(terminated);
        node.index = index;
        nodes_.push_back(std::move(node));
        nodes_[parent].children.push_back(made);
        return made;
    }

    std::vector<Node> nodes_;
    std::vector<Column> columns_;
    std::vector<Form> forms_;
    std::vector<Table> tables_;
    std::uint32_t key_ = root;
    std::uint32_t id_ = root;
};

}  // namespace gateway
