// The parts of the core by themselves.
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include "plan.hpp"

namespace {

int failures = 0;

void expect(bool truth, const char* what, std::string_view seen) {
    if (truth) return;
    std::fprintf(stderr, "failed: %s (%.*s)\n", what, static_cast<int>(seen.size()), seen.data());
    ++failures;
}

std::string number(double value) {
    char out[gateway::number_space];
    return {out, gateway::write_double(out, value)};
}

void doubles() {
    const std::pair<double, const char*> cases[] = {
        {0.0, "0.0"},         {-0.0, "-0.0"},       {1.0, "1.0"},         {-0.4123, "-0.4123"},    {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},      {1e-4, "0.0001"},     {1e-5, "1e-05"},      {0.00012345678, "0.00012345678"},
        {5e-324, "5e-324"},   {1.7976931348623157e308, "1.7976931348623157e+308"}, {0.1 + 0.2, "0.30000000000000004"},
        {123456.789, "123456.789"}, {1e22, "1e+22"}, {100.0, "100.0"},    {9007199254740993.0, "9007199254740992.0"},
    };
    for (const auto& [value, text] : cases) expect(number(value) == text, text, number(value));
    const double longest[] = {-std::numeric_limits<double>::max(), -2.2250738585072014e-308, -1.2345678901234567e-5};
    for (const double value : longest) expect(number(value).size() <= gateway::number_space, "fits", number(value));
}

void utf8() {
    const std::pair<std::string, bool> cases[] = {
        {"", true},
        {"plain text longer than a word", true},
        {"\xc3\xa9\xe6\xbc\xa2\xf0\x9f\xa7\xac", true},
        {"\xc0\x80", false},          // overlong
        {"\xe0\x9f\xbf", false},      // overlong
        {"\xed\xa0\x80", false},      // a surrogate
        {"\xf0\x8f\xbf\xbf", false},  // overlong
        {"\xf4\x90\x80\x80", false},  // above U+10FFFF
        {"\xf5\x80\x80\x80", false},
        {"eight by\xc3", false},
        {"\x80", false},
        {"\xe6\xbc", false},
        {"\xf0\x9f\xa7", false},
    };
    for (const auto& [text, valid] : cases) {
        // In a block of its own size: AddressSanitizer sees a look behind the end.
        const std::vector<char> exact(text.begin(), text.end());
        const auto* at = reinterpret_cast<const gateway::Byte*>(exact.data());
        expect(gateway::valid_utf8(at, at + exact.size()) == valid, valid ? "valid" : "invalid", text);
    }
}

void spelling() {
    expect(gateway::spells_integer("-123456789012345678"), "18 digits", "");
    expect(!gateway::spells_integer("1234567890123456789"), "19 digits", "");
    expect(!gateway::spells_integer("--1") && !gateway::spells_integer("-") && !gateway::spells_integer(""), "signs", "");
    expect(gateway::spells_number("-1.5e+10") && gateway::spells_number("7") && gateway::spells_number("7E9"), "numbers", "");
    expect(!gateway::spells_number("1.") && !gateway::spells_number("e5") && !gateway::spells_number("1e+"), "none", "");
}

void counter() {
    gateway::Counter counter;
    for (unsigned n = 0; n < 12'345; ++n, counter.step()) {
        const std::string text = std::to_string(n);
        const auto* at = gateway::bytes_of(text);
        expect(counter.size() == text.size() && counter.stands(at, at + text.size() + 1), "counts", text);
        expect(!counter.stands(at, at + text.size()), "needs its terminator", text);
    }
}

void escapes() {
    expect(gateway::escaped("a\tb#%41%4g%") == "a%09b%23%2541%4g%", "escapes", gateway::escaped("a\tb#%41%4g%"));
    for (std::size_t size = 0; size < 40; ++size)
        for (std::size_t at = 0; at < size; ++at) {
            std::string text(size, 'x');
            text[at] = '#';
            std::string wanted = text;
            wanted.replace(at, 1, "%23");
            expect(gateway::escaped(text) == wanted, "one mark", text);
        }
}

void plans() {
    gateway::Plan plan;
    plan.add_column(".");
    expect(plan.order_by("key") && !plan.order_by("k\xc3\xa9y"), "keys", "");
    expect(plan.add_cell("a.0", gateway::Kind::text), "an index", "");
    expect(!plan.add_cell("a.00", gateway::Kind::text), "the same index spelt otherwise", "");
    expect(!plan.add_cell("a.12345678901", gateway::Kind::text), "an index too large", "");
}

}  // namespace

int main() {
    doubles();
    utf8();
    spelling();
    counter();
    escapes();
    plans();
    return failures ? 1 : 0;
}
