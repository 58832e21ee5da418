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

// ISO 8601, with milliseconds if there are any.
inline char* write_date(char* out, std::int64_t milliseconds) {
    out = write_seconds(out, milliseconds);
    if (const std::int64_t rest = (milliseconds - first_date) % 1'000) {
        *out++ = '.';
        out = write_digits(out, rest, 3);
    }
    *out++ = 'Z';
    return out;
}

}  // namespace gateway
