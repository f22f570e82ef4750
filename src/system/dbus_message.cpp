#include "system/dbus_message.hpp"

#include <fmt/core.h>

namespace nodeboot {
namespace {

// Header field codes.
enum Field : std::uint8_t {
    path_field = 1,
    interface_field,
    member_field,
    error_name_field,
    reply_serial_field,
    destination_field,
    sender_field,
    signature_field
};

constexpr std::size_t largest_message = std::size_t{16}
                                        << 20;  // the format allows 128 MiB; systemd's answers are small
constexpr std::size_t fixed_header = 16;        // up to and with the length of the field array

class Writer {
   public:
    void pad(std::size_t to) { bytes_.resize((bytes_.size() + to - 1) / to * to, '\0'); }
    void byte(std::uint8_t value) { bytes_ += static_cast<char>(value); }
    void u32(std::uint32_t value) {
        pad(4);
        for (int shift = 0; shift < 32; shift += 8) byte(static_cast<std::uint8_t>(value >> shift));
    }
    void string(std::string_view text) {
        u32(static_cast<std::uint32_t>(text.size()));
        bytes_.append(text).push_back('\0');
    }
    void signature(std::string_view text) {
        byte(static_cast<std::uint8_t>(text.size()));
        bytes_.append(text).push_back('\0');
    }
    void field(Field code, char type, std::string_view text) {
        pad(8);
        byte(code);
        signature(std::string_view(&type, 1));
        if (type == 'g')
            signature(text);
        else
            string(text);
    }
    std::size_t size() const { return bytes_.size(); }
    void set_u32(std::size_t at, std::size_t value) {
        for (std::size_t i = 0; i < 4; ++i) bytes_[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
    }
    std::string take() { return std::move(bytes_); }

   private:
    std::string bytes_;
};

tl::unexpected<Error> malformed(std::string_view what) {
    return fail(ErrorKind::corrupted, fmt::format("malformed D-Bus message: {}", what));
}

// Reads little-endian values; alignment counts from the start of `bytes`. After the first mistake ok() is false and
// every read gives zero or nothing, so that callers check once.
class Reader {
   public:
    explicit Reader(std::string_view bytes, std::size_t at = 0) : bytes_(bytes), at_(at) {}
    bool ok() const { return ok_; }
    std::size_t at() const { return at_; }

    void align(std::size_t to) {
        const std::size_t next = (at_ + to - 1) / to * to;
        if (next > bytes_.size())
            ok_ = false;
        else
            at_ = next;
    }
    std::uint8_t byte() { return static_cast<std::uint8_t>(number(1)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() { return number(8); }
    std::string string() { return text(u32()); }
    std::string signature() { return text(byte()); }

    /// A value of one basic type; empty for a type that we do not read.
    std::optional<DbusValue> value(char type) {
        switch (type) {
            case 's':
            case 'o': return string();
            case 'g': return signature();
            case 'b': return u32() != 0;
            case 'y': return std::uint64_t{byte()};
            case 'q': return number(2);
            case 'u': return std::uint64_t{u32()};
            case 't': return u64();
            default: return std::nullopt;
        }
    }

   private:
    std::uint64_t number(std::size_t size) {
        align(size);
        if (!ok_ || bytes_.size() - at_ < size) return ok_ = false, 0;
        std::uint64_t value = 0;
        for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes_[at_ + i]);
        at_ += size;
        return value;
    }
    std::string text(std::size_t size) {
        if (!ok_ || bytes_.size() - at_ <= size || bytes_[at_ + size] != '\0') return ok_ = false, std::string();
        std::string out(bytes_.substr(at_, size));
        at_ += size + 1;
        return out;
    }
    std::string_view bytes_;
    std::size_t at_;
    bool ok_ = true;
};

struct Layout {
    std::size_t fields_end, body, end;
};

Result<Layout> layout_of(std::string_view bytes) {
    if (bytes[0] != 'l') return malformed("not little-endian");
    if (bytes[3] != 1) return malformed("unknown protocol version");
    Reader body_length(bytes, 4), fields_length(bytes, 12);
    const std::size_t body_size = body_length.u32(), fields_size = fields_length.u32();
    if (body_size > largest_message || fields_size > largest_message) return malformed("too long");
    const std::size_t fields_end = fixed_header + fields_size, body = (fields_end + 7) / 8 * 8;
    return Layout{fields_end, body, body + body_size};
}

}  // namespace

std::string marshal(const DbusCall& call, std::string_view destination, std::uint32_t serial) {
    Writer body;
    if (call.one_list) body.u32(0);  // its size in bytes, below
    for (const auto& argument : call.arguments) body.string(argument);
    if (call.one_list) body.set_u32(0, body.size() - sizeof(std::uint32_t));
    Writer out;
    out.byte('l');
    out.byte(static_cast<std::uint8_t>(DbusMessage::Type::call));
    out.byte(0);  // flags
    out.byte(1);  // protocol version
    out.u32(static_cast<std::uint32_t>(body.size()));
    out.u32(serial);
    out.u32(0);  // length of the fields, below
    out.field(path_field, 'o', call.path);
    out.field(interface_field, 's', call.interface);
    out.field(member_field, 's', call.member);
    if (!destination.empty()) out.field(destination_field, 's', destination);
    const auto signature = call.one_list ? "as" : std::string(call.arguments.size(), 's');
    if (!signature.empty()) out.field(signature_field, 'g', signature);
    out.set_u32(12, out.size() - fixed_header);
    out.pad(8);
    return out.take() + body.take();
}

Result<std::optional<std::size_t>> message_size(std::string_view bytes) {
    if (bytes.size() < fixed_header) return std::nullopt;
    return std::optional(NB_TRY(layout_of(bytes)).end);
}

Result<DbusMessage> parse_message(std::string_view bytes) {
    if (bytes.size() < fixed_header) return malformed("too short");
    const Layout layout = NB_TRY(layout_of(bytes));
    if (layout.end != bytes.size()) return malformed("not as long as it says");
    DbusMessage message;
    message.type = static_cast<DbusMessage::Type>(bytes[1]);
    Reader fields(bytes.substr(0, layout.fields_end), fixed_header);
    while (fields.ok() && fields.at() < layout.fields_end) {
        fields.align(8);
        const auto code = fields.byte();
        const auto type = fields.signature();
        const auto value = type.size() == 1 ? fields.value(type.front()) : std::nullopt;
        if (!value) return malformed("a header field of unexpected type");
        const auto* text = std::get_if<std::string>(&*value);
        const auto* number = std::get_if<std::uint64_t>(&*value);
        if (code == error_name_field && text != nullptr) message.error_name = *text;
        if (code == signature_field && text != nullptr) message.signature = *text;
        if (code == reply_serial_field && number != nullptr) message.reply_serial = static_cast<std::uint32_t>(*number);
    }
    if (!fields.ok()) return malformed("a header field ends too late");
    message.body = bytes.substr(layout.body);
    return message;
}

Result<DbusValue> first_value(const DbusMessage& message) {
    if (message.signature.empty()) return malformed("no value in it");
    Reader body(message.body);
    std::string type = message.signature.substr(0, 1);
    if (type == "v") type = body.signature();
    auto value = type.size() == 1 ? body.value(type.front()) : std::nullopt;
    if (!value) return malformed(fmt::format("a value of type '{}'", type));
    if (!body.ok()) return malformed("a value ends too late");
    return *std::move(value);
}

Result<std::vector<std::string>> first_strings(const DbusMessage& message, std::size_t count) {
    const std::string_view type = message.signature;
    if (!type.starts_with("a(s")) return malformed(fmt::format("a value of type '{}', not a list", type));
    Reader body(message.body);
    std::vector<std::string> out;
    if (body.u32() == 0 && body.ok()) return out;
    body.align(8);  // where a structure begins
    for (const char member : type.substr(2)) {
        if (out.size() == count || member != 's') break;
        out.push_back(body.string());
    }
    if (!body.ok()) return malformed("a list ends too late");
    return out;
}

std::string unit_path(std::string_view unit) {
    std::string path = "/org/freedesktop/systemd1/unit/";
    for (std::size_t i = 0; i < unit.size(); ++i) {
        const char c = unit[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (letter || (i > 0 && c >= '0' && c <= '9'))
            path += c;
        else
            path += fmt::format("_{:02x}", static_cast<unsigned char>(c));
    }
    return path;
}

}  // namespace nodeboot
