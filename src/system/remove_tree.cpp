#include "system/remove_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "system/fd.hpp"
#include "system/system_error.hpp"

namespace nodeboot {
namespace {

tl::unexpected<Error> mounted(const std::string& shown) {
    return fail(ErrorKind::conflict, fmt::format("cannot remove {}: something is mounted there", shown),
                fmt::format("`umount {}`, then run again", shown));
}

// st_dev would not notice a bind mount of the same file system; the kernel does (openat2(2), Linux 5.6).
Fd open_folder(int parent, const std::string& name) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH;
    return Fd(static_cast<int>(::syscall(SYS_openat2, parent, name.c_str(), &how, sizeof how)));
}

// All names first: removing while reading a folder may skip some.
Result<std::vector<std::string>> names_in(int folder, const std::string& shown) {
    const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(copy < 0 ? nullptr : ::fdopendir(copy), ::closedir);
    if (!stream) return fail(system_error(errno, fmt::format("cannot list {}", shown)));
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(stream.get()))
        if (const std::string_view name = entry->d_name; name != "." && name != "..") names.emplace_back(name);
    return names;
}

}  // namespace

Result<void> remove_tree(int parent, const std::string& name, const std::string& shown) {
    if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return {};
    if (errno == EBUSY) return mounted(shown);
    if (errno != EISDIR && errno != EPERM) return fail(system_error(errno, fmt::format("cannot remove {}", shown)));
    {
        const Fd folder = open_folder(parent, name);
        if (!folder && errno == EXDEV) return mounted(shown);
        if (!folder)
            return fail(system_error(errno == ENOTDIR ? EPERM : errno, fmt::format("cannot remove {}", shown)));
        for (const auto& child : NB_TRY(names_in(folder.get(), shown)))
            NB_CHECK(remove_tree(folder.get(), child, shown + "/" + child));
    }
    if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
    if (errno == EBUSY) return mounted(shown);
    return fail(system_error(errno, fmt::format("cannot remove {}", shown)));
}

}  // namespace nodeboot
