// The core under AddressSanitizer, fed with hostile bytes.  Two programs from one file:
//
// - with libFuzzer (clang++ -fsanitize=fuzzer,address,undefined -DLIBFUZZER), the long run;
// - without, a program that tries the parts of the core (units.hpp), then takes the corpus's files, their prefixes and
//   so many mutations of each: part of the suite, which compiles all of it once.
//
// Input lies in blocks of exactly its size, so that any read outside of it is seen.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "plan.hpp"
#include "reply.hpp"
#include "sites.hpp"

namespace {

void require(bool truth, const char* what) {
    if (truth) return;
    std::fprintf(stderr, "broken: %s\n", what);
    std::abort();
}

// `every`: the plan has a line for each document.
template <typename Encoder, typename Layout>
bool encode(const Layout& plan, bool every, const gateway::Byte* data, std::size_t size) {
    Encoder encoder(plan, size);
    const std::vector<std::string> given{"first\n", "second\n"};
    if constexpr (std::is_same_v<Encoder, gateway::RowEncoder>) encoder.renderer().give(given);
    if (!encoder.add(data, size) || !encoder.add(data, size)) return false;
    if constexpr (std::is_same_v<Encoder, gateway::RowEncoder>)
        for (const std::string_view odd : encoder.renderer().odd())
            require(odd.data() >= reinterpret_cast<const char*>(data) &&
                        odd.data() + odd.size() < reinterpret_cast<const char*>(data) + size,
                    "odd documents lie inside");
    const std::size_t rows = encoder.count();
    const std::string_view all = encoder.pick(0, rows);
    std::size_t lines = 0;
    for (const char byte : all) lines += byte == '\n';
    require(every ? lines == rows : lines <= rows, "a line a document");
    require(all.empty() || all.back() == '\n', "the last line ends");
    const std::size_t first = encoder.pick(0, rows / 2).size();
    require(first + encoder.pick(rows / 2, rows).size() == all.size(), "parts make the whole");
    return true;
}

unsigned long recorded = 0, placed = 0;

void add_rules(gateway::SiteRules& rules) {
    rules.add_chromosome("9", 1000);
    rules.add_chromosome("M", 16569);
    rules.add_form({"\t.\tN\t<DEL>\tEND=", ";T=DEL", ";D\tGT", true});
    rules.add_form({"\t.\tN\t<DUP>\tEND=", ";T=DUP", ";D\tGT", false});
    rules.set_deletion(0);
    rules.add_state("DEL", gateway::StateKind::symbolic, "", 0);
    rules.add_state("DUP", gateway::StateKind::symbolic, "", 1);
    rules.add_state("INS", gateway::StateKind::insertion, "STATE=INS", 0);
    rules.add_state("BND", gateway::StateKind::breakend, "STATE=BND", 0);
}

// What is made of a site's documents is taken in, and stands for as many rows.
void site_rows(const gateway::Plan& plan, const gateway::Byte* data, std::size_t size) {
    gateway::SiteEncoder encoder(plan, size);
    if (!encoder.add(data, size)) return;
    const std::string_view rows = encoder.pick(0, encoder.count());
    const std::vector<char> exact(rows.begin(), rows.end());
    gateway::Sites found(1 << 20, 2);
    add_rules(found.rules());
    std::string left;
    require(found.feed({exact.data(), exact.size()}, 0, left) == rows.size(), "all is taken in");
    placed += !rows.empty() && rows.front() == gateway::PlainSite::mark;
}

// The input as rows of sites.  Rows that look right come of it by the cells in it: `*` begins a row, the bytes behind it
// choose its cells, and what they do not choose is the input's own.
void sites(const gateway::Byte* data, std::size_t size) {
    if (std::find(data, data + size, '*') == data + size) return;
    static const std::vector<std::string> cells{".", "s", "t", "9", "M", "0", "1", "7", "16569", "16570", "99999999999",
                                                "DEL", "DUP", "INS", "BND", "A", "acgu", "-0.5", "0/1"};
    std::string rows;
    for (std::size_t at = 0; at < size; ++at) {
        if (data[at] != '*' || size - at < 19) {
            rows.push_back(static_cast<char>(data[at]));
            continue;
        }
        for (std::size_t n = 1; n <= 18; ++n) rows.append(n == 1 ? "" : "\t").append(cells[data[at + n] % cells.size()]);
        rows.push_back('\n');
        at += 18;
    }
    gateway::Sites found(1 << 16, 2);
    add_rules(found.rules());
    found.add_sample("s");
    found.add_sample("t");
    std::string left;
    const std::vector<char> exact(rows.begin(), rows.end());
    try {
        if (found.feed({exact.data(), exact.size()}, 0, left) < rows.size()) return;  // full
    } catch (const std::invalid_argument&) {  // not what an encoder makes
        return;
    }
    require(left.size() <= rows.size(), "no more is left than there was");
    found.add("t", "M", 7, "\tbnd_1\tN\t.N", "0/1");
    gateway::Buffer out;
    std::size_t records = 0, some = 0;
    while ((some = found.write(out, out.size() + 1)) != 0) records += some;
    const std::string_view text = out.since(0);
    std::size_t lines = 0, tabs = 0;
    for (const char byte : text) lines += byte == '\n', tabs += byte == '\t';
    require(records != 0 && lines == records && text.back() == '\n', "a line a record");
    require(tabs >= 2 * records, "records have cells");
}

bool one(const gateway::Byte* input, std::size_t size) {
    static const auto plan = test_plan();
    static const auto ranges = test_ranges();
    static const auto sheet = test_sheet();
    const std::vector<gateway::Byte> exact(input, input + size);
    const gateway::Byte* data = exact.data();
    sites(data, size);
    static const auto site_plan = test_sites();
    site_rows(*site_plan, data, size);
    static const auto labels = test_labels();
    const bool sure = encode<gateway::RowEncoder>(*plan, true, data, size);
    static const auto record_plan = test_record_plan();
    const bool records = encode<gateway::RecordEncoder>(*record_plan, true, data, size);
    encode<gateway::RowEncoder>(*ranges, false, data, size);
    encode<gateway::RowEncoder>(*sheet, false, data, size);
    encode<gateway::LineEncoder>(*labels, true, data, size);
    gateway::Stretch last;
    const std::int64_t count = gateway::count(data, size, last);
    require(!(sure || records) || count >= 0, "what is encoded can be counted");
    require(count <= 0 || last.start + last.size < size, "the last document lies inside");
    gateway::Reply reply;
    if (gateway::split_reply(data, size, reply))
        require(reply.batch.start + reply.batch.size < size, "the batch lies inside");
    recorded += records;
    return sure;
}

}  // namespace

#ifdef LIBFUZZER

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    one(data, size);
    return 0;
}

#else

#include "units.hpp"

namespace {

using Bytes = std::vector<gateway::Byte>;

void make_length_true(Bytes& data) {
    if (data.size() < 5) return;
    for (unsigned i = 0; i < 4; ++i) data[i] = static_cast<gateway::Byte>(data.size() >> (8 * i));
    data.back() = 0;
}

void mutate(Bytes& data, std::mt19937& random) {
    for (auto n = 1 + random() % 3; n > 0; --n) {
        const std::size_t at = random() % (data.size() + 1);
        const auto place = data.begin() + static_cast<std::ptrdiff_t>(at);
        const auto how = random() % 4;
        if (how == 0) data.insert(place, static_cast<gateway::Byte>(random()));
        if (at == data.size()) continue;
        if (how == 1) data.erase(place);
        if (how == 2) *place = static_cast<gateway::Byte>(random());
        if (how == 3) *place = static_cast<gateway::Byte>(*place + random() % 9 - 4);
        if (at < data.size() && random() % 16 == 0) data[at] = '*';
    }
    if (random() % 2) make_length_true(data);
}

}  // namespace

// The parts, then mutations of each file and the file.
int main(int count, char** arguments) {
    require(units() == 0, "the parts are as they should be");
    const long mutations = std::atol(arguments[1]);
    std::mt19937 random(20211127);
    unsigned long tried = 0, sure = 0;
    const auto run = [&](const Bytes& data) { ++tried, sure += one(data.data(), data.size()); };
    for (int i = 2; i < count; ++i) {
        std::ifstream file(arguments[i], std::ios::binary);
        const Bytes seed((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
        require(!seed.empty(), "the file is there");
        for (std::size_t size = 0; size <= seed.size(); ++size) {
            Bytes prefix(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(size));
            run(prefix);
            make_length_true(prefix);
            run(prefix);
        }
        for (long n = 0; n < mutations; ++n) {
            Bytes data = seed;
            mutate(data, random);
            run(data);
        }
    }
    std::printf("%lu inputs, %lu sure, %lu of them as records, %lu as sites\n", tried, sure, recorded, placed);
    return sure && recorded && placed ? 0 : 1;
}

#endif
