#include "cli/process.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "cli/console.hpp"

namespace nodeboot::cli {
namespace {

/// Whole, or as much as the other end takes before it goes away.
Writer writer_to(int fd) {
    return [fd](std::string_view text) {
        while (!text.empty()) {
            const auto count = ::write(fd, text.data(), text.size());
            if (count > 0) {
                text.remove_prefix(static_cast<std::size_t>(count));
            } else if (errno == EAGAIN) {  // somebody made the terminal non-blocking
                pollfd wait{fd, POLLOUT, 0};
                if (::poll(&wait, 1, 1000) <= 0) return;
            } else if (errno != EINTR) {
                return;
            }
        }
    };
}

std::optional<std::string> ask_on_terminal(const std::string& question) {
    writer_to(STDERR_FILENO)(question);
    std::string answer;
    for (char c = 0; ::read(STDIN_FILENO, &c, 1) == 1;) {
        if (c == '\n') return answer;
        answer += c;
    }
    return std::nullopt;
}

}  // namespace

Surroundings process_surroundings(Clock& clock, Host& host, NodeFactory make_node) {
    Surroundings out{.out = writer_to(STDOUT_FILENO),
                     .err = writer_to(STDERR_FILENO),
                     .out_terminal = detect_terminal(STDOUT_FILENO),
                     .err_terminal = detect_terminal(STDERR_FILENO),
                     .clock = clock,
                     .host = host,
                     .make_node = std::move(make_node),
                     .make_http = [](const Config& config) { return make_curl_http({.ca_file = config.aws.ca_file}); },
                     .ask = {}};
    if (::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1) out.ask = ask_on_terminal;
    if (::geteuid() == 0) out.open_console = [&clock] { return console_writer("/dev/console", STDERR_FILENO, clock); };
    out.catch_signals = true;
    out.pid = ::getpid();
    return out;
}

}  // namespace nodeboot::cli
