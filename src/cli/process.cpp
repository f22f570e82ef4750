#include "cli/process.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sstream>

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

/// Nothing at the end of input, or when a signal asks to stop: that one comes to another thread and ends no read().
std::optional<std::string> ask_on_terminal(const std::string& question, const std::stop_token& stop) {
    writer_to(STDERR_FILENO)(question);
    std::string answer;
    while (!stop.stop_requested()) {
        pollfd wait{STDIN_FILENO, POLLIN, 0};
        const int ready = ::poll(&wait, 1, 100);
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        char c = 0;
        if (ready < 0 || ::read(STDIN_FILENO, &c, 1) != 1) break;
        if (c == '\n') return answer;
        answer += c;
    }
    return std::nullopt;
}

std::string first_line(const HostView& host, const Path& path) {
    const auto text = host.read(path);
    return text && *text ? (*text)->substr(0, (*text)->find('\n')) : std::string();
}

std::string boot_of(const HostView& host) { return first_line(host, "/proc/sys/kernel/random/boot_id"); }

/// When the process started, in ticks since the boot; "" when there is no such process (proc(5), stat, field 22).
std::string start_of(const HostView& host, long pid) {
    const std::string stat = first_line(host, fmt::format("/proc/{}/stat", pid));
    std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
    std::string field;
    for (int n = 3; n <= 22; ++n) fields >> field;
    return fields ? field : std::string();
}

/// A process of this boot of this machine that is not there any more.
bool is_gone(const HostView& host, const std::string& machine, const std::string& mark) {
    std::istringstream parts(mark);
    std::string boot, start;
    long pid = 0;
    parts >> boot >> pid >> start;
    return parts && boot == machine && start_of(host, pid) != start;
}

std::string whoami(const HostView& host) {
    const char* user = std::getenv("USER");
    return fmt::format("{}@{}", user != nullptr ? user : "somebody", first_line(host, "/proc/sys/kernel/hostname"));
}

}  // namespace

Surroundings process_surroundings(Clock& clock, Host& host, NodeFactory make_node, AwsFactory make_aws) {
    Surroundings out{.out = writer_to(STDOUT_FILENO),
                     .err = writer_to(STDERR_FILENO),
                     .out_terminal = detect_terminal(STDOUT_FILENO),
                     .err_terminal = detect_terminal(STDERR_FILENO),
                     .clock = clock,
                     .host = host,
                     .make_node = std::move(make_node),
                     .make_aws = std::move(make_aws),
                     .make_http = [](const Config& config) { return make_curl_http({.ca_file = config.aws.ca_file}); },
                     .ask = {}};
    if (::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1)
        out.ask = [stop = out.stop.get_token()](const std::string& question) {
            return ask_on_terminal(question, stop);
        };
    if (::geteuid() == 0) out.open_console = [&clock] { return console_writer("/dev/console", STDERR_FILENO, clock); };
    out.catch_signals = true;
    out.pid = ::getpid();
    const char* home = std::getenv("HOME");
    out.key_files = {read_through(host), home != nullptr ? home : ""};
    out.own_program = "/proc/self/exe";
    out.whoami = [&host] { return whoami(host); };
    const std::string machine = boot_of(host);
    out.process_mark = fmt::format("{} {} {}", machine, out.pid, start_of(host, out.pid));
    out.process_is_gone = [&host, machine](const std::string& mark) { return is_gone(host, machine, mark); };
    return out;
}

}  // namespace nodeboot::cli
