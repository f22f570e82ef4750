#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace nodeboot {

/// The part of the D-Bus wire format (dbus-specification, "Message Protocol") that asking systemd takes: calls with
/// string arguments, replies that hold a string, a variant of a string, a boolean or an unsigned number, or a list of
/// structures that begin with strings.
/// Pure functions; whatever bytes come in, the worst that happens is a `corrupted` error.

struct DbusCall {
    std::string path, interface, member;
    std::vector<std::string> arguments;  ///< each of type 's'
    bool one_list = false;               ///< they are one argument, of type 'as'
};

/// `destination` is needed on a bus, and ignored on systemd's own socket.
std::string marshal(const DbusCall& call, std::string_view destination, std::uint32_t serial);

struct DbusMessage {
    enum class Type : std::uint8_t { call = 1, reply = 2, error = 3, signal = 4 };
    Type type = Type::signal;
    std::uint32_t reply_serial = 0;  ///< 0: answers nothing
    std::string error_name;
    std::string signature;  ///< of the body
    std::string body;
};

/// Size of the message that starts with `bytes`, in bytes; empty while fewer than 16 bytes are there.
Result<std::optional<std::size_t>> message_size(std::string_view bytes);
/// `bytes` is one whole message.
Result<DbusMessage> parse_message(std::string_view bytes);

using DbusValue = std::variant<std::string, bool, std::uint64_t>;
/// The first value of a body, a variant unpacked.
Result<DbusValue> first_value(const DbusMessage& message);

/// The strings that begin the first structure of a body that is an array of structures: at most `count` of them. Empty
/// where the array is.
Result<std::vector<std::string>> first_strings(const DbusMessage& message, std::size_t count);

/// "kubelet.service" → "/org/freedesktop/systemd1/unit/kubelet_2eservice" (systemd's bus_path_escape).
std::string unit_path(std::string_view unit);

}  // namespace nodeboot
