// The parts of the core by themselves.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include <algorithm>
#include <cstring>
#include <random>

#include <fcntl.h>
#include <unistd.h>

#include "parted.hpp"
#include "plan.hpp"
#include "sites.hpp"

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

std::string json(std::string_view text) {
    gateway::Buffer out(1);
    gateway::put_text(out, text);
    return std::string(out.since(0));
}

void records() {
    expect(json("a\"b\\c\n\x1f\x7f\xc3\xa9/") == "\"a\\\"b\\\\c\\n\\u001f\x7f\xc3\xa9/\"", "JSON", json("a\"b"));
    for (std::size_t size = 0; size < 40; ++size)
        for (std::size_t at = 0; at < size; ++at) {
            std::string text(size, 'x');
            text[at] = '"';
            std::string wanted = text;
            wanted.insert(at, 1, '\\');
            expect(json(text) == '"' + wanted + '"', "one quote", text);
        }
    const std::pair<const char*, const char*> names[] = {
        {"a_b", "aB"}, {"a_b_c", "aBC"}, {"_a_", "_a_"}, {"a__b", "a__b"}, {"a_1_B", "a1B"}, {"sequence_id", "sequence_id"},
        {"", ""}, {"_", "_"}, {"_id", "_id"}, {"a_\xc3", "a_\xc3"},
    };
    for (const auto& [name, wanted] : names) expect(gateway::camel(name) == wanted, wanted, gateway::camel(name));
    const std::pair<std::int64_t, const char*> dates[] = {
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951'782'400'000, "2000-02-29T00:00:00Z"},
        {gateway::first_date, "0001-01-01T00:00:00Z"},
        {gateway::last_date, "9999-12-31T23:59:59.999Z"},
    };
    for (const auto& [date, wanted] : dates) {
        char out[gateway::date_space];
        const std::string seen(out, gateway::write_date(out, date));
        expect(seen == wanted, wanted, seen);
    }
    const std::pair<double, const char*> doubles[] = {{1e-5, "1e-5"}, {-1.5e-9, "-1.5e-9"}, {1e-10, "1e-10"}, {1e16, "1e+16"}};
    for (const auto& [value, wanted] : doubles) {
        char out[gateway::number_space];
        const std::string seen(out, gateway::write_json_double(out, value));
        expect(seen == wanted, wanted, seen);
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

int opened() {
    char name[] = "/tmp/gateway-units-XXXXXX";
    const int descriptor = ::mkstemp(name);
    ::unlink(name);
    return descriptor;
}

// Strings of a few letters, zeros among them, alike for sixteen bytes or longer than a buffer.
std::vector<std::string> strings(std::mt19937& random, std::size_t count) {
    std::vector<std::string> found;
    for (std::size_t n = 0; n < count; ++n) {
        std::string text(random() % 3 * 8, 'x');
        for (auto left = random() % 6; left > 0; --left) text.push_back(static_cast<char>(random() % 3 * 127));
        if (random() % 50 == 0) text.append(40'000, 'y');
        found.push_back(text);
    }
    return found;
}

void sorting() {
    std::mt19937 random(20211127);
    for (const std::size_t run : {1, 100, 5'000, 1'000'000}) {
        auto texts = strings(random, 400);
        gateway::Sorter sorter(run, 3);
        for (const std::string& text : texts) {
            while (!sorter.add(text)) {
                expect(sorter.spill(opened()) == 0, "spills", "");
                while (sorter.crowded()) expect(sorter.merge(opened()) == 0, "merges", "");
            }
        }
        std::sort(texts.begin(), texts.end());
        std::string_view text;
        std::size_t at = 0;
        for (; sorter.next(text); ++at) expect(at < texts.size() && text == texts[at], "in order", text.substr(0, 40));
        expect(at == texts.size() && sorter.error() == 0, "all of them", std::to_string(at));
    }
    // What cannot be written or read is an error, and not a short file.
    gateway::Sorter broken(1, 3);
    expect(broken.add("a") && broken.spill(::open("/dev/full", O_WRONLY)) == ENOSPC, "a full disk", "");
    for (const char* damage : {"\x05" "ab", "\x81", "\xff\xff\xff\xff\xff\xff\xff"}) {
        const int file = opened();
        expect(::write(file, damage, std::strlen(damage)) > 0, "written", "");
        gateway::Source source(file, 16);
        expect(!source.next() && source.error() == EIO, "a damaged file", damage);
        ::close(file);
    }
}

void parted() {
    gateway::Parted parts;
    parts.add_cell("1");
    parts.add_cell("12");
    expect(parts.add("a\t12\nb\t1\nc\t12\n"), "known cells", "");
    expect(parts.parts()[0].lines == "b\t1\n" && parts.parts()[1].count == 2, "told apart", parts.parts()[1].lines);
    for (const char* other : {"a\t2\n", "\t1", "1\n", "\n"}) {
        const std::string exact(other);
        expect(!gateway::Parted(parts).add(exact), "no other", other);
    }
}

// How many are not as they should be.
int units() {
    doubles();
    utf8();
    spelling();
    counter();
    escapes();
    records();
    plans();
    sorting();
    parted();
    return failures;
}

}  // namespace
