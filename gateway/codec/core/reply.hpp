// The outside of a reply and of a batch: where the batch lies, how many documents it has, and where the last one is.
#pragma once

#include <cstdint>
#include <string_view>

#include "bytes.hpp"

namespace gateway {

// A stretch of the input; `size` 0 says that there is none.
struct Stretch {
    std::size_t start = 0;
    std::size_t size = 0;
};

struct Reply {
    std::int64_t cursor = 0;
    Stretch batch;
};

// The size of a value whose insides do not matter here; -1: unsure.
inline std::int64_t value_size(Byte type, const Byte* at, const Byte* end) {
    std::size_t size = 0;
    switch (type) {
        case type_document:
        case type_array:
            size = document_size(at, end);
            break;
        case type_string:
            size = string_size(at, end);
            break;
        case type_binary:
            size = binary_size(at, end);
            break;
        default: {
            const int fixed = fixed_size(type);
            return fixed >= 0 && static_cast<std::size_t>(fixed) <= distance(at, end) ? fixed : -1;
        }
    }
    return size ? static_cast<std::int64_t>(size) : -1;
}

// Calls `each(type, name, value, size)` for every field of the document; false: unsure.
template <typename Each>
bool for_each_field(const Byte* at, std::size_t size, Each each) {
    const Byte* const end = at + size - 1;
    at += 4;
    while (at < end) {
        const Byte type = *at++;
        const Byte* const name = at;
        at = name_end(at, end);
        if (at == nullptr) return false;
        const std::string_view text = view(name, distance(name, at));
        ++at;
        const std::int64_t length = value_size(type, at, end);
        if (length < 0) return false;
        each(type, text, at, static_cast<std::size_t>(length));
        at += length;
    }
    return true;
}

// Takes a raw `find` or `getMore` reply apart; keys may come in any order.  False: unsure.
inline bool split_reply(const Byte* raw, std::size_t size, Reply& reply) {
    if (size < min_document || document_size(raw, raw + size) != size) return false;
    const Byte* cursor = nullptr;
    std::size_t cursor_size = 0;
    const bool sure = for_each_field(raw, size, [&](Byte type, std::string_view name, const Byte* at, std::size_t length) {
        if (cursor == nullptr && type == type_document && name == "cursor") {
            cursor = at;
            cursor_size = length;
        }
    });
    if (!sure || cursor == nullptr) return false;
    return for_each_field(cursor, cursor_size,
                          [&](Byte type, std::string_view name, const Byte* at, std::size_t length) {
                              if (type == type_int64 && name == "id") reply.cursor = load_int64(at);
                              if (type == type_array && (name == "firstBatch" || name == "nextBatch"))
                                  reply.batch = Stretch{distance(raw, at), length};
                          }) &&
           reply.batch.size != 0;
}

// The number of documents of a BSON array, and where the last one lies; -1: unsure.
inline std::int64_t count(const Byte* raw, std::size_t size, Stretch& last) {
    if (size < min_document || document_size(raw, raw + size) != size) return -1;
    std::int64_t found = 0;
    bool documents = true;
    const bool sure = for_each_field(raw, size, [&](Byte type, std::string_view, const Byte* at, std::size_t length) {
        documents = documents && type == type_document;
        last = Stretch{distance(raw, at), length};
        ++found;
    });
    return sure && documents ? found : -1;
}

}  // namespace gateway
