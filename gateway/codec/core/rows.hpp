// Batches to rows: each document is walked and written once, in the order of arrival; rows are put in order afterwards,
// if they are not already.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.hpp"
#include "labels.hpp"
#include "plan.hpp"
#include "render.hpp"
#include "walk.hpp"
#include "workspace.hpp"

namespace gateway {

inline int compare_bytes(const Byte* a, std::size_t a_size, const Byte* b, std::size_t b_size) {
    const std::size_t size = std::min(a_size, b_size);
    const int found = size ? std::memcmp(a, b, size) : 0;
    return found ? found : (a_size > b_size) - (a_size < b_size);
}

// The rank of an ObjectId among ids.
constexpr Byte object_id = 7;

inline bool precedes_by_id(const Row& a, const Row& b) {
    if (a.rank != b.rank) return a.rank < b.rank;
    if (a.rank == object_id) {
        const std::uint64_t first = load64_big(a.id), second = load64_big(b.id);
        return first != second ? first < second : load32_big(a.id + 8) < load32_big(b.id + 8);
    }
    if (a.id) return compare_bytes(a.id, a.id_size, b.id, b.id_size) < 0;
    return a.number < b.number;
}

inline bool precedes(const Row& a, const Row& b) {
    if (a.key_size == b.key_size && same(a.key, b.key, a.key_size)) return precedes_by_id(a, b);
    return compare_bytes(a.key, a.key_size, b.key, b.key_size) < 0;
}

// Counts 0, 1, 2 … as the names of a batch's documents are written.
class Counter {
  public:
    bool stands(const Byte* at, const Byte* end) const {
        return size() + 1 <= distance(at, end) && same(at, first_, size()) && at[size()] == 0;
    }

    std::size_t size() const { return distance(first_, digits_ + width); }

    void step() {
        Byte* at = digits_ + width;
        while (at > first_ && at[-1] == '9') *--at = '0';
        if (at > first_) {
            ++at[-1];
        } else {
            *--first_ = '1';
        }
    }

  private:
    static constexpr int width = 20;  // digits of any number of 64 bits
    Byte digits_[width] = {'0', '0', '0', '0', '0', '0', '0', '0', '0', '0',
                           '0', '0', '0', '0', '0', '0', '0', '0', '0', '0'};
    Byte* first_ = digits_ + width - 1;
};

// Calls `each(document, size)` for the documents of a BSON array until it is false; false as well: unsure of the array.
template <typename Each>
bool for_each_document(const Byte* at, std::size_t size, Each each) {
    if (size < min_document || document_size(at, at + size) != size) return false;
    const Byte* const end = at + size - 1;
    Counter counter;
    for (at += 4; at < end; counter.step()) {
        // A name that is not the expected one may replace a document; the reference engine knows which.
        if (*at++ != type_document || !counter.stands(at, end)) return false;
        at += counter.size() + 1;
        const std::size_t length = document_size(at, end);
        if (length == 0 || !each(at, length)) return false;
        at += length;
    }
    return at == end;
}

// The documents of a BSON array, one behind the other, in groups of so many; false: unsure whether there is nothing in
// them but what the driver's decoder reads safely.
inline bool gather(const Byte* at, std::size_t size, std::size_t many, std::vector<std::string>& groups) {
    const Plan none;
    Walk walk(none);
    std::size_t found = 0;
    return for_each_document(at, size, [&](const Byte* document, std::size_t length) {
        if (!walk.document(document, length)) return false;
        if (found++ % many == 0) groups.emplace_back();
        groups.back().append(view(document, length));
        return true;
    });
}

// `Renderer` writes the line of the document that was walked last; false: unsure.
template <typename Layout, typename Renderer>
class Encoder {
  public:
    Encoder(const Layout& plan, std::size_t input)
        : plan_(plan), walk_(plan), out_(space_->text), renderer_(plan, out_), picked_(space_->picked), rows_(space_->rows) {
        out_.reset(input / 2 + 4096);
        rows_.clear();
        rows_.reserve(input / 256 + 16);  // projected documents have some 200 bytes and more
    }

    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;

    // Encodes the documents of a BSON array, which must stay where it is; false: unsure, and this encoder is done.
    bool add(const Byte* at, std::size_t size) {
        return for_each_document(at, size, [this](const Byte* document, std::size_t length) {
            return walk_.document(document, length) && note() && renderer_.line(walk_);
        });
    }

    Renderer& renderer() { return renderer_; }

    std::size_t count() const { return rows_.size(); }

    // The rows [begin, end) in their order; the bytes live as long as the encoder.
    std::string_view pick(std::size_t begin, std::size_t end) {
        if (begin >= end) return {};
        if (ordered_) {
            const std::size_t from = rows_[begin].text;
            return {out_.data() + from, text_end(end - 1) - from};
        }
        picked_.reset(out_.size() + 1);
        const std::vector<std::uint32_t> order = sorted();
        for (std::size_t i = begin; i < end; ++i) {
            const std::size_t from = rows_[order[i]].text;
            picked_.put(out_.data() + from, text_end(order[i]) - from);
        }
        return {picked_.data(), picked_.size()};
    }

  private:
    std::size_t text_end(std::size_t row) const { return row + 1 < rows_.size() ? rows_[row + 1].text : out_.size(); }

    // Remembers what orders the document that was walked; false if its key or id is of a rare type.
    bool note() {
        const Byte key_type = walk_.type(plan_.key());
        const Value& key = walk_[plan_.key()];
        const Value& id = walk_[plan_.id()];
        Row row{key.at, id.at, key.size, id.size, 0, 0, out_.size()};
        // Without a key: as if it were empty.
        if (key_type == type_never) row.key_size = 0;
        if ((key_type != type_never && key_type != type_string) || !rank(walk_.type(plan_.id()), id, row)) return false;
        ordered_ = ordered_ && (rows_.empty() || !precedes(row, rows_.back()));
        rows_.push_back(row);
        return true;
    }

    static bool rank(Byte type, const Value& id, Row& row) {
        switch (type) {
            case type_object_id:
                row.rank = object_id;
                return true;
            case type_string:
                row.rank = 3;
                return true;
            case type_int32:
            case type_int64:
                row.rank = 2;
                row.number = type == type_int32 ? load_int32(id.at) : load_int64(id.at);
                row.id = nullptr;
                return true;
            case type_never:
                row.rank = 9;
                row.id = nullptr;
                return true;
            default:
                return false;
        }
    }

    // Rows that compare equal keep their order, as in Python's sort.
    std::vector<std::uint32_t> sorted() const {
        struct Entry {
            std::uint64_t prefix;
            std::uint32_t row;
        };
        // Keys tend to start alike ("pgxbs-"): the eight bytes behind what all share decide most comparisons.
        const std::size_t shared = shared_prefix();
        std::vector<Entry> entries(rows_.size());
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            Byte bytes[8] = {};
            const std::size_t size = rows_[i].key_size - shared;
            if (size) std::memcpy(bytes, rows_[i].key + shared, std::min<std::size_t>(size, 8));
            entries[i] = Entry{load64_big(bytes), static_cast<std::uint32_t>(i)};
        }
        std::stable_sort(entries.begin(), entries.end(), [this](const Entry& a, const Entry& b) {
            return a.prefix != b.prefix ? a.prefix < b.prefix : precedes(rows_[a.row], rows_[b.row]);
        });
        std::vector<std::uint32_t> order(rows_.size());
        std::transform(entries.begin(), entries.end(), order.begin(), [](const Entry& entry) { return entry.row; });
        return order;
    }

    std::size_t shared_prefix() const {
        std::size_t shared = rows_[0].key_size;
        for (const Row& row : rows_) {
            shared = std::min<std::size_t>(shared, row.key_size);
            while (shared && std::memcmp(row.key, rows_[0].key, shared) != 0) --shared;
        }
        return shared;
    }

    Lease space_;
    const Layout& plan_;
    Walk walk_;
    Buffer& out_;
    Renderer renderer_;
    Buffer& picked_;
    std::vector<Row>& rows_;
    bool ordered_ = true;
};

using RowEncoder = Encoder<Plan, Renderer>;
using LineEncoder = Encoder<Labels, Labeller>;

}  // namespace gateway
