#include "base/error.hpp"

#include <utility>

namespace nodeboot {

std::string_view to_string(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::invalid_input: return "invalid input";
        case ErrorKind::not_found: return "not found";
        case ErrorKind::permission: return "permission denied";
        case ErrorKind::unavailable: return "unavailable";
        case ErrorKind::timeout: return "timeout";
        case ErrorKind::conflict: return "conflict";
        case ErrorKind::refused: return "refused";
        case ErrorKind::corrupted: return "corrupted";
        case ErrorKind::cancelled: return "cancelled";
        case ErrorKind::io: return "i/o";
        case ErrorKind::internal: return "internal";
    }
    return "unknown";
}

Error&& Error::with_context(std::string line) && {
    context.push_back(std::move(line));
    return std::move(*this);
}

Error&& Error::with_hint(std::string text) && {
    if (hint.empty()) hint = std::move(text);  // the innermost knows best
    return std::move(*this);
}

std::string Error::text() const {
    std::string out;
    for (auto it = context.rbegin(); it != context.rend(); ++it) out += *it + ": ";
    return out + message;
}

}  // namespace nodeboot
