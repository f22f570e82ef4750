#include "system/rooted.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>

#include "system/system_error.hpp"

namespace nodeboot {

Rooted::Rooted(Path root) : root_(std::move(root)) {
    if (root_ != "/") root_fd_ = Fd(::open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

Path Rooted::outside(const Path& path) const { return root_ == "/" ? path : root_ / path.relative_path(); }

Fd Rooted::open(const Path& path, int flags) const {
    if (!path.is_absolute()) {
        errno = EINVAL;
        return {};
    }
    if (root_ == "/") return Fd(::open(path.c_str(), flags | O_CLOEXEC));
    open_how how{};
    how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_IN_ROOT;
    return Fd(static_cast<int>(::syscall(SYS_openat2, root_fd_.get(), path.c_str(), &how, sizeof how)));
}

Fd Rooted::open_parent(const Path& path) const { return open(path.parent_path(), O_RDONLY | O_DIRECTORY); }

Result<Fd> Rooted::make_parent(const Path& path) const {
    const Path folder = path.parent_path();
    if (Fd fd = open_parent(path)) return fd;
    if (errno != ENOENT || folder == folder.parent_path())
        return fail(system_error(errno, fmt::format("cannot open folder {}", folder.string())));
    const Fd above = NB_TRY(make_parent(folder));
    if (::mkdirat(above.get(), folder.filename().c_str(), 0755) != 0 && errno != EEXIST)
        return fail(system_error(errno, fmt::format("cannot make folder {}", folder.string())));
    Fd made = open_parent(path);
    // Whatever our umask is. fsync of the folder above: a folder that a file was made in durably must survive, too.
    if (!made || ::fchmod(made.get(), 0755) != 0 || ::fsync(above.get()) != 0)
        return fail(system_error(errno, fmt::format("cannot make folder {}", folder.string())));
    return made;
}

}  // namespace nodeboot
