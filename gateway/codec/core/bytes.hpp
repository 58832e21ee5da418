// Reading bytes that may lie: every function is given where its input ends and never looks beyond.
//
// The core knows two answers.  "Sure": this is valid BSON, and the reference engine would say the same of it.  "Unsure":
// anything else, be it malformed or merely rare; the caller then hands the whole batch to the reference engine, which
// decides.  So a check here may be too strict, never too lenient.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace gateway {

using Byte = unsigned char;

// Seen by callgrind: the compiler calls what runs for each field of each document, and inlines what hardly ever runs.
#define GATEWAY_HOT [[gnu::always_inline]] inline
#define GATEWAY_COLD [[gnu::noinline]]

// Documents and arrays inside one another; the same number as MAX_DEPTH of the reference engine, and MongoDB's own.
constexpr int max_depth = 200;

// The smallest document: a length and a terminator.
constexpr std::size_t min_document = 5;

enum Type : Byte {
    type_never = 0x00,  // no BSON type: a field that was not met
    type_double = 0x01,
    type_string = 0x02,
    type_document = 0x03,
    type_array = 0x04,
    type_binary = 0x05,
    type_undefined = 0x06,
    type_object_id = 0x07,
    type_bool = 0x08,
    type_date = 0x09,
    type_null = 0x0A,
    type_int32 = 0x10,
    type_timestamp = 0x11,
    type_int64 = 0x12,
    type_decimal = 0x13,
    type_max_key = 0x7F,
    type_min_key = 0xFF,
};

// Little-endian whatever the machine is; compilers make one instruction of it where they can.
GATEWAY_HOT std::uint32_t load32(const Byte* at) {
    return static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8 |
           static_cast<std::uint32_t>(at[2]) << 16 | static_cast<std::uint32_t>(at[3]) << 24;
}

GATEWAY_HOT std::uint64_t load64(const Byte* at) {
    return static_cast<std::uint64_t>(load32(at)) | static_cast<std::uint64_t>(load32(at + 4)) << 32;
}

// For ordering bytes four and eight at a time.
GATEWAY_HOT std::uint32_t load32_big(const Byte* at) {
    return static_cast<std::uint32_t>(at[0]) << 24 | static_cast<std::uint32_t>(at[1]) << 16 |
           static_cast<std::uint32_t>(at[2]) << 8 | static_cast<std::uint32_t>(at[3]);
}

GATEWAY_HOT std::uint64_t load64_big(const Byte* at) {
    return static_cast<std::uint64_t>(load32_big(at)) << 32 | load32_big(at + 4);
}

inline std::int64_t load_int64(const Byte* at) { return static_cast<std::int64_t>(load64(at)); }
inline std::int32_t load_int32(const Byte* at) { return static_cast<std::int32_t>(load32(at)); }

inline double load_double(const Byte* at) {
    const std::uint64_t bits = load64(at);
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline std::size_t distance(const Byte* at, const Byte* end) { return static_cast<std::size_t>(end - at); }

inline std::string_view view(const Byte* at, std::size_t size) {
    return {reinterpret_cast<const char*>(at), size};
}

inline const Byte* bytes_of(std::string_view text) { return reinterpret_cast<const Byte*>(text.data()); }

constexpr std::uint64_t every(Byte byte) { return 0x0101010101010101ULL * byte; }

// Non-zero where a byte of the word is zero; exact for the lowest such byte, which is the first in memory.
inline std::uint64_t zero_bytes(std::uint64_t word) { return (word - every(1)) & ~word & every(0x80); }

// The first of `size` bytes equal; no byte beyond them is touched.  Names are short: two overlapping loads do most.
GATEWAY_HOT bool same(const Byte* a, const Byte* b, std::size_t size) {
    if (size >= 8) {
        if (load64(a) != load64(b)) return false;
        for (std::size_t i = 8; i + 8 < size; i += 8)
            if (load64(a + i) != load64(b + i)) return false;
        return load64(a + size - 8) == load64(b + size - 8);
    }
    if (size >= 4) return load32(a) == load32(b) && load32(a + size - 4) == load32(b + size - 4);
    for (std::size_t i = 0; i < size; ++i)
        if (a[i] != b[i]) return false;
    return true;
}

// How many bytes a well-formed UTF-8 sequence of more than one byte has at `at` (RFC 3629, table 3-7 of the Unicode
// standard: no overlong forms, no surrogates, nothing above U+10FFFF); 0 if it is not well-formed.
inline std::size_t sequence(const Byte* at, const Byte* end) {
    const std::size_t left = distance(at, end);
    const Byte lead = at[0];
    const auto follows = [&](std::size_t i) { return (at[i] & 0xC0) == 0x80; };
    if (lead >= 0xC2 && lead <= 0xDF) return left >= 2 && follows(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (left < 3 || !follows(1) || !follows(2)) return 0;
        if ((lead == 0xE0 && at[1] < 0xA0) || (lead == 0xED && at[1] > 0x9F)) return 0;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (left < 4 || !follows(1) || !follows(2) || !follows(3)) return 0;
        if ((lead == 0xF0 && at[1] < 0x90) || (lead == 0xF4 && at[1] > 0x8F)) return 0;
        return 4;
    }
    return 0;
}

// Whether all bytes are ASCII.  Strings are short: overlapping loads spare a loop over the last bytes.
GATEWAY_HOT bool ascii(const Byte* at, std::size_t size) {
    if (size >= 8) {
        std::uint64_t all = load64(at) | load64(at + size - 8);
        for (std::size_t i = 8; i + 8 < size; i += 8) all |= load64(at + i);
        return !(all & every(0x80));
    }
    if (size >= 4) return !((load32(at) | load32(at + size - 4)) & 0x80808080U);
    Byte all = 0;
    for (std::size_t i = 0; i < size; ++i) all |= at[i];
    return all < 0x80;
}

GATEWAY_COLD inline bool valid_utf8(const Byte* at, const Byte* end) {
    while (true) {
        while (distance(at, end) >= 8 && !(load64(at) & every(0x80))) at += 8;
        while (at < end && *at < 0x80) ++at;
        if (at == end) return true;
        const std::size_t size = sequence(at, end);
        if (size == 0) return false;
        at += size;
    }
}

// The terminator of the name that starts at `at`; nullptr if there is none before `end` or the name is not ASCII: such
// names are valid in UTF-8, but rare enough to be left to the reference engine.
inline const Byte* name_end(const Byte* at, const Byte* end) {
    for (; distance(at, end) >= 8; at += 8) {
        const std::uint64_t word = load64(at);
        if ((zero_bytes(word) | word) & every(0x80)) break;
    }
    for (; at < end && *at < 0x80; ++at)
        if (*at == 0) return at;
    return nullptr;
}

// How many bytes a value of fixed size has; -1 for the other types.
inline int fixed_size(Byte type) {
    switch (type) {
        case type_undefined:
        case type_null:
        case type_min_key:
        case type_max_key:
            return 0;
        case type_bool:
            return 1;
        case type_int32:
            return 4;
        case type_double:
        case type_date:
        case type_timestamp:
        case type_int64:
            return 8;
        case type_object_id:
            return 12;
        case type_decimal:
            return 16;
        default:
            return -1;
    }
}

// The size of the document or array at `at`: within [at, end), at least the smallest, terminated; else 0.
GATEWAY_HOT std::size_t document_size(const Byte* at, const Byte* end) {
    const std::size_t left = distance(at, end);
    if (left < min_document) return 0;
    const std::size_t size = load32(at);
    return size >= min_document && size <= left && at[size - 1] == 0 ? size : 0;
}

// The size of the string at `at` with its length and terminator: within [at, end) and of valid UTF-8; else 0.
GATEWAY_HOT std::size_t string_size(const Byte* at, const Byte* end) {
    const std::size_t left = distance(at, end);
    if (left < 5) return 0;
    const std::size_t size = load32(at);
    if (size < 1 || size > left - 4 || at[4 + size - 1] != 0) return 0;
    return ascii(at + 4, size - 1) || valid_utf8(at + 4, at + 4 + size - 1) ? 4 + size : 0;
}

// The size of the plain binary value at `at`; else 0.  Other subtypes than 0 have laws of their own and are rare.
inline std::size_t binary_size(const Byte* at, const Byte* end) {
    const std::size_t left = distance(at, end);
    if (left < 5) return 0;
    const std::size_t size = load32(at);
    return size <= left - 5 && at[4] == 0 ? 5 + size : 0;
}

}  // namespace gateway
