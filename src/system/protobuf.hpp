#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nodeboot {

/// The wire format of protocol buffers (protobuf.dev, "Encoding"), as much of it as CRI messages take: strings,
/// messages, numbers and booleans. No schema: callers know the field numbers. Pure; malformed bytes make ok() false.

class ProtoWriter {
   public:
    /// A string, bytes, or a message that another writer made. As in proto3, nothing is written for an empty one.
    ProtoWriter& add(unsigned field, std::string_view bytes);
    ProtoWriter& add_flag(unsigned field, bool value);
    std::string take() { return std::move(bytes_); }

   private:
    void varint(std::uint64_t value);
    std::string bytes_;
};

/// Goes through the fields of one message, in the order in which they come:
/// `while (reader.next()) if (reader.field() == 2) name = reader.bytes();`
class ProtoReader {
   public:
    explicit ProtoReader(std::string_view message) : rest_(message) {}
    bool next();  ///< false at the end, and at the first malformed byte
    bool ok() const { return ok_; }
    unsigned field() const { return field_; }
    std::string_view bytes() const { return bytes_; }  ///< empty unless the field is a string, bytes or message
    std::uint64_t number() const { return number_; }   ///< 0 unless the field is a number

   private:
    bool varint(std::uint64_t& value);
    bool skip(std::size_t count);
    std::string_view rest_, bytes_;
    std::uint64_t number_ = 0;
    unsigned field_ = 0;
    bool ok_ = true;
};

}  // namespace nodeboot
