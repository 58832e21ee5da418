// Numbers as text, and texts that spell numbers: the same as Python's `str(int)`, `repr(float)` and the two regular
// expressions of the reference engine.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace gateway {

// Enough for any integer of 64 bits, and for any double in either form.
constexpr std::size_t number_space = 32;

// What a double must stay below to be truncated to 64 bits.
constexpr double int64_limit = 9223372036854775808.0;

// The numbers from 00 to 99.
struct Pairs {
    char digits[200];
    constexpr Pairs() : digits() {
        for (int i = 0; i < 100; ++i) {
            digits[2 * i] = static_cast<char>('0' + i / 10);
            digits[2 * i + 1] = static_cast<char>('0' + i % 10);
        }
    }
};

inline constexpr Pairs pairs{};

// Four digits: 0 to 9,999.
inline void write_four(char* out, std::uint32_t value) {
    std::memcpy(out, pairs.digits + 2 * (value / 100), 2);
    std::memcpy(out + 2, pairs.digits + 2 * (value % 100), 2);
}

// The eight digits of a number below 10^8, the first one in the lowest byte: halves, quarters and eighths of it at once,
// each division a multiplication that is exact for the numbers that there are.
inline std::uint64_t eight_digits(std::uint32_t value) {
    std::uint64_t fours = value / 10'000 | static_cast<std::uint64_t>(value % 10'000) << 32;
    const std::uint64_t hundreds = ((fours * 10'486) >> 20) & 0x0000007F'0000007F;
    const std::uint64_t twos = hundreds | (fours - 100 * hundreds) << 16;
    const std::uint64_t tens = ((twos * 103) >> 10) & 0x000F000F'000F000F;
    return tens | (twos - 10 * tens) << 8;
}

// Positions on chromosomes have eight or nine digits: those of up to ten are written without a loop.
inline char* write_integer(char* out, std::int64_t value) {
    constexpr std::int64_t eight = 100'000'000;
    constexpr std::uint64_t zeros = 0x30303030'30303030;
    if (value < 0 || value >= eight * 100) return std::to_chars(out, out + number_space, value).ptr;
    int left_out = 0;
    if (value >= eight) {
        const auto first = static_cast<std::size_t>(value / eight);
        std::memcpy(out, pairs.digits + 2 * first + (first < 10), 2);
        out += first < 10 ? 1 : 2;
        value %= eight;
    } else {
        left_out = 7 - (value > 9) - (value > 99) - (value > 999) - (value > 9'999) - (value > 99'999) -
                   (value > 999'999) - (value > 9'999'999);
    }
    const std::uint64_t digits = (eight_digits(static_cast<std::uint32_t>(value)) | zeros) >> (8 * left_out);
    for (int at = 0; at < 8; ++at) out[at] = static_cast<char>(digits >> (8 * at));  // of which later bytes take some
    return out + 8 - left_out;
}

// A double that is an integer over 10^Digits, with at most 15 significant digits: two such decimals never read back as
// the same double, so this one is the shortest.  log2 values of segments are rounded to a few digits; for them this
// is several times faster than the general way.  Returns nullptr where it does not apply.
template <int Digits>
char* write_short_decimal(char* out, double size) {
    constexpr double scale = Digits == 4 ? 1e4 : 1e8;
    constexpr double limit = 1e15;
    const double scaled = size * scale;
    if (!(scaled < limit)) return nullptr;
    const auto whole = static_cast<std::int64_t>(scaled + 0.5);
    // Below 10^-4 Python writes an exponent.
    if (static_cast<double>(whole) / scale != size || size < 1e-4) return nullptr;
    constexpr std::int64_t divisor = Digits == 4 ? 10'000 : 100'000'000;
    out = write_integer(out, whole / divisor);
    *out++ = '.';
    const auto fraction = static_cast<std::uint32_t>(whole % divisor);
    if constexpr (Digits == 8) write_four(out, fraction / 10'000);
    write_four(out + Digits - 4, fraction % 10'000);
    int kept = Digits;
    while (kept > 1 && out[kept - 1] == '0') --kept;
    return out + kept;
}

// Python's rules for laying out the shortest digits: an exponent below 10^-4 and from 10^16, of two digits or more.
inline char* lay_out(char* out, const char* digits, int count, int exponent) {
    if (exponent >= -4 && exponent < 16) {
        if (exponent < 0) {
            *out++ = '0';
            *out++ = '.';
            for (int i = -1; i > exponent; --i) *out++ = '0';
            std::memcpy(out, digits, static_cast<std::size_t>(count));
            return out + count;
        }
        for (int i = 0; i <= exponent; ++i) *out++ = i < count ? digits[i] : '0';
        *out++ = '.';
        if (count <= exponent + 1) *out++ = '0';
        for (int i = exponent + 1; i < count; ++i) *out++ = digits[i];
        return out;
    }
    *out++ = digits[0];
    if (count > 1) {
        *out++ = '.';
        std::memcpy(out, digits + 1, static_cast<std::size_t>(count - 1));
        out += count - 1;
    }
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    const int size = exponent < 0 ? -exponent : exponent;
    if (size < 10) *out++ = '0';
    return write_integer(out, size);
}

// A finite double in the shortest form that reads back.
inline char* write_double(char* out, double value) {
    if (std::signbit(value)) *out++ = '-';
    const double size = std::fabs(value);
    if (size == 0) {
        std::memcpy(out, "0.0", 3);
        return out + 3;
    }
    if (char* end = write_short_decimal<4>(out, size)) return end;
    if (char* end = write_short_decimal<8>(out, size)) return end;
    // d.ddde[+-]dd: the digits are taken out of it and laid out anew.
    char text[number_space];
    const char* end = std::to_chars(text, text + number_space, size, std::chars_format::scientific).ptr;
    char digits[number_space];
    int count = 0;
    const char* at = text;
    for (; *at != 'e'; ++at)
        if (*at != '.') digits[count++] = *at;
    int exponent = 0;
    const bool negative = *++at == '-';
    std::from_chars(at + 1, end, exponent);
    return lay_out(out, digits, count, negative ? -exponent : exponent);
}

// --- dates -----------------------------------------------------------------------------------------------------------

// Milliseconds of the years 1 to 9999; the others are left to the reference engine.
constexpr std::int64_t first_date = -62'135'596'800'000;
constexpr std::int64_t last_date = 253'402'300'799'999;
constexpr std::size_t date_space = 32;

inline char* write_digits(char* out, std::int64_t value, int digits) {
    for (int i = digits - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
    return out + digits;
}

// Date and time in ISO 8601, to the second.
inline char* write_seconds(char* out, std::int64_t milliseconds) {
    constexpr std::int64_t day_size = 86'400'000;
    const std::int64_t since = milliseconds - first_date;  // 1 January of the year 1
    const std::int64_t days = since / day_size, rest = since % day_size;
    // Years that begin in March, so that a leap day is the last of its year; 306 days of the year 0 come first.
    const std::int64_t day = days + 306, era = day / 146'097, of_era = day % 146'097;
    const std::int64_t year_of_era = (of_era - of_era / 1'460 + of_era / 36'524 - of_era / 146'096) / 365;
    const std::int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::int64_t part = (5 * of_year + 2) / 153, month = part < 10 ? part + 3 : part - 9;
    out = write_digits(out, year_of_era + era * 400 + (month <= 2), 4);
    *out++ = '-';
    out = write_digits(out, month, 2);
    *out++ = '-';
    out = write_digits(out, of_year - (153 * part + 2) / 5 + 1, 2);
    *out++ = 'T';
    out = write_digits(out, rest / 3'600'000, 2);
    *out++ = ':';
    out = write_digits(out, rest / 60'000 % 60, 2);
    *out++ = ':';
    return write_digits(out, rest / 1'000 % 60, 2);
}

// As Python's `datetime.isoformat` writes a date without a zone: with microseconds if there are any.
inline char* write_local_date(char* out, std::int64_t milliseconds) {
    out = write_seconds(out, milliseconds);
    const std::int64_t rest = (milliseconds - first_date) % 1'000;
    if (rest == 0) return out;
    *out++ = '.';
    return write_digits(out, rest * 1'000, 6);
}

// --- texts that spell numbers: at most so many digits, as in the reference engine's patterns --------------------------

constexpr int most_digits = 18;
constexpr int most_exponent_digits = 3;

// Steps over 1 to `most` digits; false if there are none or more.
inline bool step_digits(std::string_view& text, int most) {
    std::size_t count = 0;
    while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
    text.remove_prefix(count);
    return count >= 1 && count <= static_cast<std::size_t>(most);
}

inline bool step_one_of(std::string_view& text, char a, char b) {
    if (text.empty() || (text[0] != a && text[0] != b)) return false;
    text.remove_prefix(1);
    return true;
}

inline bool spells_integer(std::string_view text) {
    step_one_of(text, '-', '-');
    return step_digits(text, most_digits) && text.empty();
}

// What a text says that spells an integer: eighteen digits fit 64 bits.
inline std::int64_t spelled_integer(std::string_view text) {
    const bool negative = step_one_of(text, '-', '-');
    std::int64_t value = 0;
    for (const char digit : text) value = value * 10 + (digit - '0');
    return negative ? -value : value;
}

inline bool spells_number(std::string_view text) {
    step_one_of(text, '-', '-');
    if (!step_digits(text, most_digits)) return false;
    if (step_one_of(text, '.', '.') && !step_digits(text, most_digits)) return false;
    if (step_one_of(text, 'e', 'E')) {
        step_one_of(text, '+', '-');
        if (!step_digits(text, most_exponent_digits)) return false;
    }
    return text.empty();
}

}  // namespace gateway
