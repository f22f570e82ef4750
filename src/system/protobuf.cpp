#include "system/protobuf.hpp"

namespace nodeboot {
namespace {

enum WireType : std::uint8_t { varint_type = 0, fixed64_type = 1, bytes_type = 2, fixed32_type = 5 };

}  // namespace

void ProtoWriter::varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>((value & 0x7f) | 0x80);
    bytes_ += static_cast<char>(value);
}

ProtoWriter& ProtoWriter::add(unsigned field, std::string_view bytes) {
    if (bytes.empty()) return *this;
    varint(field << 3 | bytes_type);
    varint(bytes.size());
    bytes_ += bytes;
    return *this;
}

ProtoWriter& ProtoWriter::add_flag(unsigned field, bool value) {
    if (!value) return *this;
    varint(field << 3 | varint_type);
    varint(1);
    return *this;
}

bool ProtoReader::varint(std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        value |= std::uint64_t{byte & 0x7fU} << shift;
        if ((byte & 0x80U) == 0) return true;
    }
    return false;
}

bool ProtoReader::skip(std::size_t count) {
    if (rest_.size() < count) return false;
    bytes_ = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return true;
}

bool ProtoReader::next() {
    bytes_ = {};
    number_ = 0;
    if (!ok_ || rest_.empty()) return false;
    std::uint64_t tag = 0, size = 0;
    ok_ = varint(tag);
    if (!ok_) return false;
    field_ = static_cast<unsigned>(tag >> 3);
    switch (tag & 7) {
        case varint_type: ok_ = varint(number_); break;
        case bytes_type: ok_ = varint(size) && skip(size); break;
        case fixed64_type: ok_ = skip(8), bytes_ = {}; break;
        case fixed32_type: ok_ = skip(4), bytes_ = {}; break;
        default: ok_ = false;
    }
    return ok_;
}

}  // namespace nodeboot
