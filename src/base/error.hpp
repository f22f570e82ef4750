#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nodeboot {

/// What a caller can do about a failure. Chosen by the code that saw it; nobody parses messages.
enum class ErrorKind {
    invalid_input,  ///< the user's config or arguments; a rerun without a change cannot help
    not_found,      ///< the thing asked for does not exist (only where existence was required)
    permission,     ///< refused by permissions or policy
    unavailable,    ///< passing: network, throttling, a service that is still starting; worth a retry
    timeout,        ///< a deadline ran out
    conflict,       ///< somebody else holds it, or the state contradicts what was asked
    refused,        ///< nodeboot refuses: going on would be unsafe
    corrupted,      ///< content that does not match its checksum or cannot be parsed
    cancelled,      ///< Ctrl-C or SIGTERM
    io,             ///< the operating system said no
    internal,       ///< a bug in nodeboot
};

std::string_view to_string(ErrorKind kind);

/// A recoverable failure. `message` says what was tried, on what, and what came back; every caller that knows more
/// adds a line of context; `hint` says what the person reading the log should do next. Never holds a secret.
struct Error {
    ErrorKind kind = ErrorKind::internal;
    std::string message;
    std::string hint;
    std::vector<std::string> context;  ///< innermost first
    bool throttled = false;            ///< `unavailable` because it was asked too often: slow down
    /// `unavailable` or `timeout` before anything of a request had left: no name, no connection. Asking again is safe,
    /// whatever was asked.
    bool unsent = false;

    Error&& with_context(std::string line) &&;
    Error&& with_hint(std::string text) &&;

    /// One line: "outer: inner: message". The hint is not part of it.
    std::string text() const;
};

}  // namespace nodeboot
