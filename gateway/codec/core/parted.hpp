// Lines that are told apart by their last cells.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gateway {

struct LinesOf {
    std::string ending;  // the last cell, with the tab before it and the line's end
    std::string lines;
    std::size_t count = 0;
};

class Parted {
  public:
    void add_cell(const std::string& text) { parts_.push_back(LinesOf{"\t" + text + "\n", {}, 0}); }

    // False: some line has another cell.
    bool add(std::string_view lines) {
        std::size_t last = 0;
        for (std::size_t at = 0; at < lines.size();) {
            const std::size_t end = lines.find('\n', at);
            if (end == lines.npos) return false;
            const std::string_view line = lines.substr(at, end + 1 - at);
            if (last >= parts_.size() || !ends(line, parts_[last].ending)) {
                for (last = 0; last < parts_.size() && !ends(line, parts_[last].ending);) ++last;
                if (last == parts_.size()) return false;
            }
            parts_[last].lines.append(line);
            ++parts_[last].count;
            at = end + 1;
        }
        return true;
    }

    const std::vector<LinesOf>& parts() const { return parts_; }

  private:
    static bool ends(std::string_view line, std::string_view ending) {
        return line.size() >= ending.size() && line.substr(line.size() - ending.size()) == ending;
    }

    std::vector<LinesOf> parts_;
};

}  // namespace gateway
