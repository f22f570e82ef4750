#include "cli/console.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "system/fd.hpp"

namespace nodeboot::cli {
namespace {

constexpr Duration pause = std::chrono::milliseconds(2);  // others' writes take microseconds

class Console {
   public:
    Console(std::string path, Clock& clock) : path_(std::move(path)), clock_(clock) {}

    Fd open() const { return Fd(::open(path_.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)); }

    void write(std::string_view line) {
        const auto deadline = Deadline::after(clock_, stuck_ ? Duration::zero() : console_patience);
        for (Fd console; !line.empty();) {
            if (!console) console = open();
            const auto count = ::write(console.get(), line.data(), line.size());
            if (count > 0) {
                line.remove_prefix(static_cast<std::size_t>(count));
                continue;
            }
            if (errno != EAGAIN) console.reset();  // EIO: hung up since it was opened
            stuck_ = deadline.passed(clock_) || !clock_.sleep(pause);
            if (stuck_) return;
        }
        stuck_ = false;
    }

   private:
    std::string path_;
    Clock& clock_;
    bool stuck_ = false;
};

}  // namespace

ConsoleRecords::Writer console_writer(const std::string& path, int terminal_fd, Clock& clock) {
    auto console = std::make_shared<Console>(path, clock);
    const Fd probe = console->open();
    struct stat ours {
    }, theirs{};
    if (!probe || ::fstat(probe.get(), &theirs) != 0) return {};
    if (::fstat(terminal_fd, &ours) == 0 && S_ISCHR(ours.st_mode) && ours.st_rdev == theirs.st_rdev) return {};
    return [console](std::string_view line) { console->write(line); };
}

}  // namespace nodeboot::cli
