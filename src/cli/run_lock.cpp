#include "cli/run_lock.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace nodeboot::cli {
namespace {

constexpr Duration poll_interval = std::chrono::milliseconds(200);

std::string holder_of(int file) {
    char buffer[256];
    const auto count = ::pread(file, buffer, sizeof buffer, 0);
    if (count <= 0) return "another nodeboot";
    std::string text(buffer, static_cast<std::size_t>(count));
    return text.substr(0, text.find('\n'));
}

}  // namespace

Result<RunLock> RunLock::take(const Options& options, Clock& clock) {
    Fd file(::open(options.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file)
        return fail(errno == EACCES ? ErrorKind::permission : ErrorKind::io,
                    fmt::format("cannot open {}: {}", options.path, std::strerror(errno)),
                    errno == EACCES ? fmt::format("run it as root: sudo nodeboot {}", options.command) : "");
    // flock(2) asks for no more than an open file: an older nodeboot's, which anybody may read, anybody may hold.
    if (::fchmod(file.get(), 0600) != 0)
        return fail(ErrorKind::io, fmt::format("cannot make {} 0600: {}", options.path, std::strerror(errno)));
    const Deadline deadline = Deadline::after(clock, options.timeout);
    for (bool told = false; ::flock(file.get(), LOCK_EX | LOCK_NB) != 0;) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail(ErrorKind::io, fmt::format("cannot lock {}: {}", options.path, std::strerror(errno)));
        if (deadline.passed(clock))
            return fail(ErrorKind::conflict,
                        fmt::format("{} still runs after {}", holder_of(file.get()), format_duration(options.timeout)),
                        "let it end, or stop it; --lock-timeout waits longer");
        if (!told && options.on_wait) options.on_wait(holder_of(file.get()));
        told = true;
        NB_CHECK(clock.sleep(poll_interval, options.stop));
    }
    const std::string holder =
        fmt::format("nodeboot {} (pid {}, since {})\n", options.command, ::getpid(), format_rfc3339(clock.wall()));
    // Only for people who wait: a lock without its holder's name is a lock all the same.
    if (::ftruncate(file.get(), 0) != 0 || ::pwrite(file.get(), holder.data(), holder.size(), 0) < 0) errno = 0;
    return RunLock(std::move(file));
}

RunLock::~RunLock() {
    if (file_ && ::ftruncate(file_.get(), 0) != 0) errno = 0;
}

}  // namespace nodeboot::cli
