// Header lines, `#sample=>name=value;…`: what the reference (`formats/sample_lines.py`) says of a document, byte for byte.
#pragma once

#include <cmath>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "number.hpp"
#include "plan.hpp"
#include "render.hpp"
#include "walk.hpp"

namespace gateway {

struct Label {
    std::string name;  // with its `=`
    std::uint32_t node;
    std::string settled;  // ids of a list of terms must begin so: others may be rewritten; empty: any
};

// What a line says, in order.  Built once, then only read.
class Labels : public Plan {
  public:
    void start_with(std::string words) { start_ = std::move(words); }

    bool add_label(std::string name, std::string_view path, std::string settled) {
        const std::uint32_t node = keep(path);
        if (node == root) return false;
        labels_.push_back(Label{std::move(name) + "=", node, std::move(settled)});
        return true;
    }

    // The next labels are the two of the group.
    void group_here(std::string id, std::string label) {
        group_at_ = labels_.size();
        group_[0] = std::move(id) + "=";
        group_[1] = std::move(label) + "=";
    }

    // Where a group may be found; the first place with an id counts, else the last.
    bool add_group(std::string_view id, std::string_view label) {
        const std::uint32_t first = keep(id);
        const std::uint32_t second = label.empty() ? first : keep(label);
        places_.push_back(Place{first, second, !label.empty()});
        return first != root && second != root;
    }

    // The group of all, escaped already.
    void group_is(std::string id, std::string label) {
        chosen_[0] = std::move(id);
        chosen_[1] = std::move(label);
    }

    // A document with this path is left to the reference.
    bool add_refused(std::string_view path) {
        refused_.push_back(keep(path));
        return refused_.back() != root;
    }

  private:
    friend class Labeller;

    struct Place {
        std::uint32_t id;
        std::uint32_t label;
        bool labelled;
    };

    std::string start_;
    std::vector<Label> labels_;
    std::size_t group_at_ = 0;
    std::string group_[2];
    std::string chosen_[2];
    std::vector<Place> places_;
    std::vector<std::uint32_t> refused_;
};

class Labeller {
  public:
    Labeller(const Labels& plan, Buffer& out) : plan_(plan), out_(out) {}

    // The line of the document that was walked last; false: unsure.
    bool line(const Walk& walk) {
        for (const std::uint32_t node : plan_.refused_)
            if (walk.type(node) != type_never) return false;
        out_.put(plan_.start_.data(), plan_.start_.size());
        first_ = true;
        for (std::size_t i = 0; i <= plan_.labels_.size(); ++i) {
            if (i == plan_.group_at_ && !group(walk)) return false;
            if (i == plan_.labels_.size()) break;
            const Label& label = plan_.labels_[i];
            if (!pair(label.name, walk, label.node, label.settled)) return false;
        }
        out_.put('\n');
        return true;
    }

  private:
    // `name=value`, if there is a value; false: unsure.
    bool pair(const std::string& name, const Walk& walk, std::uint32_t node, const std::string& settled = {}) {
        const std::size_t before = begin(name), from = out_.size();
        if (!shown(walk.type(node), walk[node], settled)) return false;
        end(before, from);
        return true;
    }

    void constant(const std::string& name, const std::string& text) {
        const std::size_t before = begin(name), from = out_.size();
        out_.put(text.data(), text.size());
        end(before, from);
    }

    std::size_t begin(const std::string& name) {
        const std::size_t before = out_.size();
        if (!first_) out_.put(';');
        out_.put(name.data(), name.size());
        return before;
    }

    // Takes back what stands before a value that says nothing.
    void end(std::size_t before, std::size_t from) {
        if (out_.size() == from) {
            out_.end_at(out_.data() + before);
        } else {
            first_ = false;
        }
    }

    bool group(const Walk& walk) {
        if (plan_.places_.empty()) {
            constant(plan_.group_[0], plan_.chosen_[0]);
            constant(plan_.group_[1], plan_.chosen_[1]);
            return true;
        }
        const Labels::Place* place = &plan_.places_.back();
        for (const Labels::Place& each : plan_.places_) {
            const std::size_t from = out_.size();
            if (!shown(walk.type(each.id), walk[each.id], {})) return false;
            const bool found = out_.size() > from;
            out_.end_at(out_.data() + from);
            if (!found) continue;
            place = &each;
            break;
        }
        return pair(plan_.group_[0], walk, place->id) &&
               (!place->labelled || pair(plan_.group_[1], walk, place->label));
    }

    // Writes the value as the reference shows it, maybe nothing; false: unsure.
    bool shown(Byte type, const Value& value, const std::string& settled) {
        switch (type) {
            case type_array:
                return list(value.at + 4, value.at + value.size - 1, settled);
            case type_document:
            case type_never:
            case type_null:
                return true;
            default:
                return scalar(type, value.at, value.size);
        }
    }

    bool scalar(Byte type, const Byte* at, std::size_t size) {
        switch (type) {
            case type_string:
                text(at, size);
                return true;
            case type_int32:
                out_.end_at(write_integer(out_.room(number_space), load_int32(at)));
                return true;
            case type_int64:
                out_.end_at(write_integer(out_.room(number_space), load_int64(at)));
                return true;
            case type_double:
                if (std::isfinite(load_double(at)))
                    out_.end_at(write_double(out_.room(number_space), load_double(at)));
                return true;
            case type_object_id:
                out_.end_at(write_object_id(out_.room(24), at));
                return true;
            default:
                return false;
        }
    }

    // As a cell is escaped; a `;` as well, and a quote that comes first.
    void text(const Byte* at, std::size_t size) {
        const Byte* const end = at + size;
        if (size && *at == '"') {
            out_.put("%22", 3);
            ++at;
        }
        while (at < end) {
            const auto* mark = static_cast<const Byte*>(std::memchr(at, ';', distance(at, end)));
            const Byte* stop = mark ? mark : end;
            out_.end_at(write_escaped(out_.room(3 * distance(at, stop)), at, stop));
            if (mark) out_.put("%3B", 3);
            at = mark ? mark + 1 : end;
        }
    }

    // Terms, texts or numbers; the walk has checked that all lies where it should, other lists are left alone.
    bool list(const Byte* at, const Byte* end, const std::string& settled) {
        bool terms = false, texts = false, numbers = false;
        const bool sure = each_element(at, end, [&](Byte type, std::string_view, const Byte*, std::size_t) {
            terms = terms || type == type_document;
            texts = texts || type == type_string;
            numbers = numbers || type == type_int32 || type == type_int64 || type == type_double;
            return terms || texts || numbers;
        });
        if (!sure || (terms && (texts || numbers)) || (!settled.empty() && (texts || numbers))) return false;
        const std::string_view separator = terms || texts ? "&&" : "::";
        const std::size_t from = out_.size();
        return each_element(at, end, [&](Byte type, std::string_view, const Byte* value, std::size_t size) {
            const std::size_t before = out_.size();
            if (before > from) out_.put(separator.data(), separator.size());
            const std::size_t start = out_.size();
            // What is written by itself elsewhere says nothing beside terms; the reference knows.
            if (terms && type != type_document) return false;
            if (type == type_document) {
                if (!term(value + 4, value + size - 1, settled)) return false;
            } else if (!scalar(type, type == type_string ? value + 4 : value, type == type_string ? size - 5 : size)) {
                return false;
            }
            if (out_.size() == start) out_.end_at(out_.data() + before);
            return true;
        });
    }

    // `id::label`.
    bool term(const Byte* at, const Byte* end, const std::string& settled) {
        std::string_view parts[2];
        const bool sure = each_element(at, end, [&](Byte type, std::string_view name, const Byte* value, std::size_t size) {
            if (name != "id" && name != "label") return true;
            parts[name == "id" ? 0 : 1] = type == type_string ? view(value + 4, size - 5) : std::string_view();
            return type == type_string || type == type_null;
        });
        if (!sure || parts[0].substr(0, settled.size()) != settled) return false;
        const std::size_t from = out_.size();
        for (const std::string_view part : parts) {
            if (part.empty()) continue;
            if (out_.size() > from) out_.put("::", 2);
            text(bytes_of(part), part.size());
        }
        return true;
    }

    // Calls `each(type, name, value, size)` for what is in a document or array; false: unsure.
    template <typename Each>
    static bool each_element(const Byte* at, const Byte* end, Each each) {
        while (at < end) {
            const Byte type = *at++;
            const Byte* stop = name_end(at, end);
            if (stop == nullptr) return false;
            const std::string_view name = view(at, distance(at, stop));
            at = stop + 1;
            std::size_t size = 0;
            switch (type) {
                case type_string:
                    size = string_size(at, end);
                    if (size == 0) return false;
                    break;
                case type_document:
                case type_array:
                    size = document_size(at, end);
                    if (size == 0) return false;
                    break;
                case type_binary:
                    size = binary_size(at, end);
                    if (size == 0) return false;
                    break;
                default:
                    if (fixed_size(type) < 0) return false;
                    size = static_cast<std::size_t>(fixed_size(type));
                    if (distance(at, end) < size) return false;
            }
            if (!each(type, name, at, size)) return false;
            at += size;
        }
        return at == end;
    }

    const Labels& plan_;
    Buffer& out_;
    bool first_ = true;
};

}  // namespace gateway
