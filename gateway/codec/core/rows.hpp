// Batches to rows of cells.
#pragma once

#include "order.hpp"
#include "render.hpp"

namespace gateway {

class Encoder : public Ordered {
  public:
    Encoder(const Plan& plan, std::size_t input) : Ordered(plan, input / 2 + 4096), renderer_(plan, out()) {
        expect(input / 256 + 16);  // projected documents have some 200 bytes and more
    }

    // Encodes the documents of a BSON array, which must stay where it is; false: unsure, and this encoder is done.
    bool add(const Byte* at, std::size_t size) {
        return for_each_document(at, size, [this](const Byte* document, std::size_t length) {
            if (!note(document, length)) return false;
            renderer_.line(walked());
            return true;
        });
    }

  private:
    Renderer renderer_;
};

}  // namespace gateway
