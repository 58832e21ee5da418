// The names of fields as JSON writes them, learnt as they are met: a tree of those that were, place by place.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.hpp"
#include "json_text.hpp"
#include "record.hpp"

namespace gateway {

inline bool letter_or_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// A name in camelCase, as the reference engine has it.
inline std::string camel(std::string_view name) {
    std::string out;
    const bool as_it_is = name == "sequence_id" || name == "_id";
    for (std::size_t i = 0; i < name.size(); ++i) {
        const bool joint = !as_it_is && name[i] == '_' && i > 0 && i + 1 < name.size() && letter_or_digit(name[i - 1]) &&
                           letter_or_digit(name[i + 1]);
        if (joint) ++i;
        const bool small = name[i] >= 'a' && name[i] <= 'z';
        out.push_back(joint && small ? static_cast<char>(name[i] - 'a' + 'A') : name[i]);
    }
    return out;
}

inline std::string_view view_of(const Text& text) { return {text.data(), text.size()}; }

struct Name {
    std::string raw;  // with its terminator
    Text key;         // in camelCase, quoted, with a colon
    std::uint64_t bit = 0;  // which no other name of this place has, but those that are written alike
    std::uint32_t field = nothing;  // of the plan, at the top of documents
    Byte marks = 0;
    bool position = false;  // on a sequence: whole numbers are integers
    // Documents of a collection mostly have the same fields in the same order: that order is tried first.
    std::uint32_t first = nothing;  // the field that came first inside, last time
    std::uint32_t next = nothing;   // the field that followed, last time
    std::vector<std::uint32_t> inside;
};

class Names {
  public:
    static constexpr std::uint32_t top = 0;
    // What a place can tell apart in one document, and from where on it forgets what came in others.
    static constexpr std::size_t most = 64;
    static constexpr std::size_t many = 32;
    static constexpr std::size_t most_of_all = 10'000;

    explicit Names(const RecordPlan& plan) : plan_(plan) { forget(); }

    const Name& operator[](std::uint32_t name) const { return names_[name]; }

    // To be called between documents.
    void refresh() {
        if (crowded_) forget();
    }

    // The name that stands at `at`, inside `place` and behind `last`; `nothing` if there are too many.
    GATEWAY_HOT std::uint32_t find(const Byte* at, const Byte* end, std::uint32_t place, std::uint32_t last) {
        std::uint32_t& guess = last == nothing ? names_[place].first : names_[last].next;
        if (guess != nothing && stands(at, end, guess)) return guess;
        return search(at, end, place, last);
    }

  private:
    bool stands(const Byte* at, const Byte* end, std::uint32_t name) const {
        const std::string& raw = names_[name].raw;
        return raw.size() <= distance(at, end) && same(at, bytes_of(raw), raw.size());
    }

    GATEWAY_COLD std::uint32_t search(const Byte* at, const Byte* end, std::uint32_t place, std::uint32_t last) {
        std::uint32_t found = nothing;
        for (const std::uint32_t known : names_[place].inside)
            if (stands(at, end, known)) found = known;
        if (found == nothing) found = learn(at, end, place);
        if (found != nothing) (last == nothing ? names_[place].first : names_[last].next) = found;
        return found;
    }

    std::uint32_t learn(const Byte* at, const Byte* end, std::uint32_t place) {
        const Byte* const stop = name_end(at, end);
        const std::size_t known = names_[place].inside.size();
        if (stop == nullptr || known == most || names_.size() > most_of_all) return nothing;
        crowded_ = crowded_ || known >= many || names_.size() == most_of_all;
        const std::string_view raw = view(at, distance(at, stop));
        Buffer key(raw.size() + 16);
        put_text(key, camel(raw));
        key.put(':');
        Name name;
        name.raw = std::string(raw).append(1, '\0');
        name.key = Text(std::string(key.since(0)));
        name.position = raw == "start" || raw == "end";
        name.bit = std::uint64_t{1} << known;
        for (const std::uint32_t other : names_[place].inside)
            if (view_of(names_[other].key) == view_of(name.key)) name.bit = names_[other].bit;
        if (place == top) name.field = plan_.find(raw);
        if (name.field != nothing) name.marks = plan_.fields()[name.field].marks;
        const auto made = static_cast<std::uint32_t>(names_.size());
        names_.push_back(std::move(name));
        names_[place].inside.push_back(made);
        return made;
    }

    void forget() {
        names_.clear();
        names_.emplace_back();
        crowded_ = false;
    }

    const RecordPlan& plan_;
    std::vector<Name> names_;
    bool crowded_ = false;
};

}  // namespace gateway
