// Scalars as JSON has them: byte for byte what the reference engine's library writes.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "bytes.hpp"
#include "number.hpp"
#include "render.hpp"

namespace gateway {

inline bool has_escape(Byte byte) { return byte < 0x20 || byte == '"' || byte == '\\'; }

// Eight bytes at once, exactly.
inline bool any_escape(std::uint64_t word) {
    const std::uint64_t control = (word - every(0x20)) & ~word & every(0x80);
    return (control | zero_bytes(word ^ every('"')) | zero_bytes(word ^ every('\\'))) != 0;
}

inline char* write_escape(char* out, Byte byte) {
    constexpr const char* digits = "0123456789abcdef";
    *out++ = '\\';
    switch (byte) {
        case '\b': *out++ = 'b'; return out;
        case '\t': *out++ = 't'; return out;
        case '\n': *out++ = 'n'; return out;
        case '\f': *out++ = 'f'; return out;
        case '\r': *out++ = 'r'; return out;
        case '"':
        case '\\': *out++ = static_cast<char>(byte); return out;
        default:
            std::memcpy(out, "u00", 3);
            out[3] = digits[byte >> 4];
            out[4] = digits[byte & 15];
            return out + 5;
    }
}

// Takes up to six bytes for one.
inline char* write_json_text(char* out, const Byte* at, const Byte* end) {
    const std::size_t size = distance(at, end);
    if (size >= 8) {
        // As long as all is plain, the last bytes can be copied with some of those before them.
        std::size_t done = 0;
        for (; done + 8 <= size && !any_escape(load64(at + done)); done += 8) std::memcpy(out + done, at + done, 8);
        if (done + 8 > size && !any_escape(load64(end - 8))) {
            std::memcpy(out + size - 8, end - 8, 8);
            return out + size;
        }
        at += done;
        out += done;
    }
    while (at < end) {
        if (distance(at, end) >= 8 && !any_escape(load64(at))) {
            std::memcpy(out, at, 8);
            at += 8;
            out += 8;
        } else if (has_escape(*at)) {
            out = write_escape(out, *at++);
        } else {
            *out++ = static_cast<char>(*at++);
        }
    }
    return out;
}

// A text in quotes.  A long one goes piece by piece: the room for what it might take is many times what it does.
inline void put_text(Buffer& out, const Byte* at, std::size_t size) {
    constexpr std::size_t most = 4096;
    const Byte* const end = at + size;
    for (; distance(at, end) > most; at += most) {
        char* to = out.room(6 * most + 1);
        if (distance(at, end) == size) *to++ = '"';
        out.end_at(write_json_text(to, at, at + most));
    }
    char* to = out.room(6 * distance(at, end) + 2);
    if (size <= most) *to++ = '"';
    to = write_json_text(to, at, end);
    *to++ = '"';
    out.end_at(to);
}

inline void put_text(Buffer& out, std::string_view text) { put_text(out, bytes_of(text), text.size()); }

// As Python prints it, but for exponents of one digit: 1e-5.
inline char* write_json_double(char* out, double value) {
    char* end = write_double(out, value);
    if (distance(bytes_of({out, 0}), bytes_of({end, 0})) > 4 && end[-4] == 'e' && end[-2] == '0') {
        end[-2] = end[-1];
        --end;
    }
    return end;
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

// ISO 8601, with milliseconds if there are any.
inline char* write_date(char* out, std::int64_t milliseconds) {
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
    out = write_digits(out, rest / 1'000 % 60, 2);
    if (rest % 1'000) {
        *out++ = '.';
        out = write_digits(out, rest % 1'000, 3);
    }
    *out++ = 'Z';
    return out;
}

}  // namespace gateway
