// Where the lines of a sorted BGZF file are, by bins and windows: what `_places.py` does, line by line.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gateway {

constexpr int place_window = 14;
constexpr int place_depth = 5;
constexpr std::int64_t place_longest = std::int64_t{1} << 29;
constexpr std::uint64_t place_unset = ~std::uint64_t{0};
constexpr std::uint64_t place_small = 65'536;
constexpr std::uint32_t place_bins = 37'449;
constexpr std::size_t place_fields = 8;

struct PlaceColumns {
    bool vcf;
    std::size_t sequence, begin, end;
    bool zero_based;
    char meta;
    bool named;
};

using PlaceChunk = std::pair<std::uint64_t, std::uint64_t>;
using PlaceChunks = std::vector<PlaceChunk>;

inline std::uint32_t first_bin(int level) { return ((std::uint32_t{1} << 3 * level) - 1) / 7; }

inline std::uint32_t bin_of(std::int64_t first, std::int64_t last) {
    --last;
    int shift = place_window;
    for (int level = place_depth; level > 0; --level, shift += 3) {
        if (first >> shift == last >> shift) return first_bin(level) + static_cast<std::uint32_t>(first >> shift);
    }
    return 0;
}

// To the last of them if it begins in the block where that ends.
inline void join(PlaceChunks& chunks, const PlaceChunk& chunk) {
    if (!chunks.empty() && chunks.back().second >> 16 >= chunk.first >> 16) {
        chunks.back().second = std::max(chunks.back().second, chunk.second);
    } else {
        chunks.push_back(chunk);
    }
}

inline void join_all(PlaceChunks& chunks) {
    std::sort(chunks.begin(), chunks.end());
    PlaceChunks found;
    for (const auto& chunk : chunks) join(found, chunk);
    chunks.swap(found);
}

// A number without sign or blanks; -1 if it is none.  What is beyond all positions need not be exact.
inline std::int64_t place_number(std::string_view digits) {
    if (digits.empty()) return -1;
    std::int64_t value = 0;
    for (char digit : digits) {
        if (digit < '0' || digit > '9') return -1;
        if (value <= place_longest) value = 10 * value + (digit - '0');
    }
    return digits.size() > 9 ? place_longest + 1 : value;
}

// What is known of the lines of a sequence.
class PlacedSequence {
public:
    PlacedSequence(std::string_view name, std::uint64_t begin)
        : name(name), begin(begin), end(begin), bins_(place_bins) {}

    std::string name;
    std::uint64_t begin, end;
    std::uint64_t records = 0;
    std::vector<std::uint64_t> windows;
    std::vector<std::pair<std::uint32_t, PlaceChunks>> bins;

    bool add(std::int64_t first, std::int64_t last, std::uint64_t from, std::uint64_t to) {
        if (first < last_) return false;
        last_ = first;
        end = to;
        ++records;
        join(bins_[bin_of(first, last)], {from, to});
        // Those from the first to the last that has an offset have one: lines before this one began no later.
        const auto reached = static_cast<std::size_t>(((last - 1) >> place_window) + 1);
        if (reached > windows.size()) {
            const auto start = static_cast<std::size_t>(first >> place_window);
            if (start > windows.size()) windows.resize(start, place_unset);
            windows.resize(reached, from);
        }
        return true;
    }

    // Small bins become parts of those around them, where there are such; windows without lines have the offset of the next that has some.
    void finish() {
        for (int level = place_depth; level > 0; --level) {
            for (std::uint32_t number = first_bin(level); number < first_bin(level + 1); ++number) {
                auto& chunks = bins_[number];
                if (chunks.empty()) continue;
                join_all(chunks);
                if ((chunks.back().second >> 16) - (chunks.front().first >> 16) >= place_small) continue;
                auto& parent = bins_[(number - 1) >> 3];
                if (parent.empty()) continue;
                parent.insert(parent.end(), chunks.begin(), chunks.end());
                chunks.clear();
            }
        }
        join_all(bins_[0]);
        for (std::uint32_t number = 0; number < place_bins; ++number) {
            if (!bins_[number].empty()) bins.emplace_back(number, std::move(bins_[number]));
        }
        std::vector<PlaceChunks>().swap(bins_);
        for (std::size_t at = windows.size(); at-- > 1;) {
            if (windows[at - 1] == place_unset) windows[at - 1] = windows[at];
        }
    }

private:
    std::int64_t last_ = 0;
    std::vector<PlaceChunks> bins_;
};

class PlaceIndexer {
public:
    explicit PlaceIndexer(const PlaceColumns& columns) : columns_(columns), names_due_(columns.named) {
        cells_.resize(std::max({columns.sequence, columns.begin, columns.end, columns.vcf ? place_fields : 0}));
    }

    std::uint64_t heading = 0;
    std::vector<PlacedSequence> done;
    // Why there can be no index.
    std::string wrong;

    // A block: its text, and the bytes that it has in the file.
    void block(const char* text, std::size_t size, std::uint64_t packed) {
        const std::uint64_t here = address_ << 16, behind = (address_ + packed) << 16;
        std::size_t at = 0;
        while (wrong.empty() && at < size) {
            const void* found = std::memchr(text + at, '\n', size - at);
            if (found == nullptr) {
                if (rest_.empty()) rest_at_ = here | at;
                rest_.append(text + at, size - at);
                break;
            }
            const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - text);
            const std::uint64_t after = end + 1 < size ? here | (end + 1) : behind;
            if (rest_.empty()) {
                line({text + at, end - at}, here | at, after);
            } else {
                rest_.append(text + at, end - at);
                line(rest_, rest_at_, after);
                rest_.clear();
            }
            at = end + 1;
        }
        address_ += packed;
    }

    void finish() {
        if (wrong.empty() && !rest_.empty()) wrong = "the last line has no end";
        end();
    }

private:
    void line(std::string_view text, std::uint64_t begin, std::uint64_t end_of_line) {
        const bool comment = text.empty() || text.front() == columns_.meta;
        if (!open_ && done.empty() && (comment || names_due_)) {
            ++heading;
            if (!comment) names_due_ = false;
            return;
        }
        if (comment) return;
        std::string_view name;
        std::int64_t first = 0, last = 0;
        if (!place(text, name, first, last)) {
            wrong = "a line has no place";
        } else if (first < 0 || last > place_longest) {
            wrong = "a line lies at " + std::to_string(first) + " to " + std::to_string(last);
        } else {
            if (!open_ || done.back().name != name) start(name, begin);
            if (wrong.empty() && !done.back().add(first, last, begin, end_of_line)) {
                wrong = "a line begins at " + std::to_string(first) + ", behind one that begins later";
            }
        }
    }

    void start(std::string_view name, std::uint64_t begin) {
        end();
        if (!seen_.emplace(name).second) {
            wrong = "lines of " + std::string(name) + " are in several places";
            return;
        }
        done.emplace_back(name, begin);
        open_ = true;
    }

    void end() {
        if (open_) done.back().finish();
        open_ = false;
    }

    bool place(std::string_view text, std::string_view& name, std::int64_t& first, std::int64_t& last) {
        const char* at = text.data();
        const char* const behind = at + text.size();
        for (std::string_view& cell : cells_) {
            if (at > behind) return false;
            const char* const stop = stop_of(at, behind, '\t');
            cell = {at, static_cast<std::size_t>(stop - at)};
            at = stop + 1;
        }
        name = cells_[columns_.sequence - 1];
        first = place_number(cells_[columns_.begin - 1]);
        const std::int64_t said = columns_.end ? place_number(cells_[columns_.end - 1]) : 0;
        if (name.empty() || first < 0 || said < 0) return false;
        if (!columns_.zero_based) --first;
        last = columns_.vcf ? vcf_end(first) : std::max(said, first + 1);
        return last > first;
    }

    std::int64_t vcf_end(std::int64_t begin) const {
        std::int64_t end = begin + static_cast<std::int64_t>(cells_[3].size());
        const bool symbolic = cells_[4].find('<') != std::string_view::npos;
        each(cells_[7], ';', [&](std::string_view word) {
            if (begins(word, "END=")) {
                end = std::max(end, place_number(word.substr(4)));
            } else if (symbolic && begins(word, "SVLEN=")) {
                each(word.substr(6), ',', [&](std::string_view length) {
                    if (!length.empty() && length.front() == '-') length.remove_prefix(1);
                    end = std::max(end, begin + 1 + place_number(length));
                });
            }
        });
        return end;
    }

    template <typename Take>
    static void each(std::string_view text, char mark, Take take) {
        const char* at = text.data();
        const char* const behind = at + text.size();
        while (true) {
            const char* const stop = stop_of(at, behind, mark);
            take(std::string_view(at, static_cast<std::size_t>(stop - at)));
            if (stop == behind) return;
            at = stop + 1;
        }
    }

    template <std::size_t size>
    static bool begins(std::string_view word, const char (&text)[size]) {
        return word.size() >= size - 1 && std::memcmp(word.data(), text, size - 1) == 0;
    }

    // Where the mark is, or the end.  Most cells and words are too short for a call.
    static const char* stop_of(const char* at, const char* behind, char mark) {
        constexpr std::ptrdiff_t near = 16;
        const char* const soon = behind - at < near ? behind : at + near;
        for (; at != soon; ++at)
            if (*at == mark) return at;
        const void* const found = at == behind ? nullptr : std::memchr(at, mark, static_cast<std::size_t>(behind - at));
        return found != nullptr ? static_cast<const char*>(found) : behind;
    }

    PlaceColumns columns_;
    bool names_due_;
    std::uint64_t address_ = 0;
    std::string rest_;
    std::uint64_t rest_at_ = 0;
    bool open_ = false;
    std::set<std::string, std::less<>> seen_;
    std::vector<std::string_view> cells_;  // those that say where a line is, and those before them
};

}  // namespace gateway
