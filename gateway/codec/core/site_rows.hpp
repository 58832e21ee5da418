// Variants as `Sites` takes them in, without the text of a row: numbers, for a copy number variant that is as plain as
// nearly all are; else its row of cells.
//
// Such a site is a mark that no row begins with (cells escape what is below a space), the chromosome's rank, the number
// of the form, the sizes of the sample's text and of what the cell says in a byte each, start and end in four, and the
// two texts.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "bytes.hpp"
#include "plan.hpp"
#include "render.hpp"
#include "rows.hpp"
#include "walk.hpp"

namespace gateway {

// Columns of `formats/vcf.py`.
enum SiteCell : std::size_t {
    cell_sample,
    cell_chromosome,
    cell_start,
    cell_end,
    cell_state,
    cell_reference,
    cell_sequence,
    cell_log2,
    cell_partner,
    site_cells = 18,
};

// A site as numbers; the texts are where it was read from.
struct PlainSite {
    static constexpr char mark = 1;
    static constexpr std::size_t head = 13;
    static constexpr std::size_t longest = 0xFF;

    Byte rank;
    Byte form;
    std::uint32_t start;
    std::uint32_t end;
    std::string_view sample;
    std::string_view cell;

    // Where it ends that begins at `at`; nullptr: it is cut.
    const char* read(const char* at, const char* last) {
        const auto left = static_cast<std::size_t>(last - at);
        if (left < head) return nullptr;
        const Byte* const bytes = bytes_of({at, head});
        const std::size_t sample_size = bytes[3], cell_size = bytes[4];
        if (left < head + sample_size + cell_size) return nullptr;
        rank = bytes[1];
        form = bytes[2];
        start = load32(bytes + 5);
        end = load32(bytes + 9);
        sample = {at + head, sample_size};
        cell = {at + head + sample_size, cell_size};
        return at + head + sample_size + cell_size;
    }
};

class SiteRenderer {
  public:
    SiteRenderer(const Plan& plan, Buffer& out) : plan_(plan), out_(out), renderer_(plan, out), able_(able(plan)) {}

    bool line(const Walk& walk) {
        const std::size_t before = out_.size();
        if (able_ && plain(walk)) return true;
        out_.end_at(out_.data() + before);
        return renderer_.line(walk);
    }

    Renderer& rows() { return renderer_; }

  private:
    static void store32(char* out, std::uint32_t value) {
        for (int i = 0; i < 4; ++i) out[i] = static_cast<char>(value >> (8 * i));
    }

    // Whether the columns are those of a site, and their texts have numbers.
    static bool able(const Plan& plan) {
        const auto& columns = plan.columns();
        return plan.forms().size() == 1 && columns.size() == site_cells && columns[cell_partner].last == site_cells &&
               columns[cell_sample].cells.size() == 1 && !columns[cell_start].rules && !columns[cell_end].rules &&
               !columns[cell_state].rules && !columns[cell_log2].rules;
    }

    bool plain(const Walk& walk) {
        const auto& columns = plan_.columns();
        if (walk.type(columns[cell_partner].field) != type_never) return false;
        const std::uint32_t name = columns[cell_sample].cells.front().node;
        const Value& sample = walk[name];
        if (walk.type(name) != type_string || sample.size == 0 || sample.size > PlainSite::longest / 3) return false;
        const std::uint32_t rank = number(columns[cell_chromosome], walk), form = number(columns[cell_state], walk);
        std::uint32_t start = 0, end = 0;
        if (rank > 0xFF || form > 0xFF || !position(columns[cell_start], walk, start) ||
            !position(columns[cell_end], walk, end))
            return false;
        const std::size_t before = out_.size();
        char* const at = out_.room(PlainSite::head + 3 * sample.size) + PlainSite::head;
        char* const behind = write_escaped(at, sample.at, sample.at + sample.size);
        out_.end_at(behind);
        const std::size_t size = static_cast<std::size_t>(behind - at);
        renderer_.cell(columns[cell_log2], walk);
        const std::size_t cell = out_.size() - before - PlainSite::head - size;
        if (cell > PlainSite::longest) return false;
        char* const head = out_.room(0) - (out_.size() - before);  // it may have been moved
        head[0] = PlainSite::mark;
        head[1] = static_cast<char>(rank);
        head[2] = static_cast<char>(form);
        head[3] = static_cast<char>(size);
        head[4] = static_cast<char>(cell);
        store32(head + 5, start);
        store32(head + 9, end);
        return true;
    }

    // The number of the text that a column of tables says; none where it is not the first field there is that says it.
    std::uint32_t number(const Column& column, const Walk& walk) const {
        for (const Cell& cell : column.cells) {
            const Byte type = walk.type(cell.node);
            if (type == type_never) continue;
            if (type != type_string || cell.kind != Kind::lookup) break;
            const Value& value = walk[cell.node];
            return plan_.table(cell).find(view(value.at, value.size)).number();
        }
        return Text::none;
    }

    // As above, of a position.
    static bool position(const Column& column, const Walk& walk, std::uint32_t& found) {
        for (const Cell& cell : column.cells) {
            const Byte type = walk.type(cell.node);
            if (type == type_never) continue;
            if ((type != type_int32 && type != type_int64) || cell.kind != Kind::position || cell.shift != 0) return false;
            const Byte* const at = walk[cell.node].at;
            const std::int64_t value = type == type_int32 ? load_int32(at) : load_int64(at);
            found = static_cast<std::uint32_t>(value);
            return value >= 0 && value < position_limit;
        }
        return false;
    }

    const Plan& plan_;
    Buffer& out_;
    Renderer renderer_;
    bool able_;
};

using SiteEncoder = Encoder<Plan, SiteRenderer>;

}  // namespace gateway
