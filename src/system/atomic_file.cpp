#include "system/atomic_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <memory>

#include "system/system_error.hpp"

namespace nodeboot {
namespace {

// Hidden, and without the suffix that conf.d folders look for. Long names are cut: NAME_MAX is 255 bytes.
std::string temporary_prefix(std::string_view name) { return fmt::format(".{}.nodeboot-", name.substr(0, 200)); }

}  // namespace

std::string temporary_name(std::string_view name) {
    static std::atomic<unsigned> counter{0};
    return fmt::format("{}{}-{}", temporary_prefix(name), ::getpid(), ++counter);
}

AtomicFile::AtomicFile(Fd folder, std::string name, std::string shown)
    : folder_(std::move(folder)), name_(std::move(name)), shown_(std::move(shown)), temporary_(temporary_name(name_)) {}

AtomicFile::~AtomicFile() {
    if (named_ && folder_) ::unlinkat(folder_.get(), temporary_.c_str(), 0);
}

Error AtomicFile::error(int number) const { return system_error(number, fmt::format("cannot write {}", shown_)); }

Result<AtomicFile> AtomicFile::make(Fd folder, std::string name, std::string shown) {
    AtomicFile file(std::move(folder), std::move(name), std::move(shown));
    NB_CHECK(file.open());
    return file;
}

Result<void> AtomicFile::open() {
    file_ = Fd(::openat(folder_.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
    if (file_) return {};
    // EOPNOTSUPP, EISDIR, EINVAL, ENOENT: NFS and older overlayfs do not know O_TMPFILE. A real trouble comes back.
    remove_left_overs();
    file_ = Fd(::openat(folder_.get(), temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file_) return fail(error(errno));
    named_ = true;
    ::flock(file_.get(), LOCK_EX);  // says "in use" to remove_left_overs() of others, and ends with the process
    return {};
}

void AtomicFile::remove_left_overs() const {
    const std::string prefix = temporary_prefix(name_);
    const int copy = ::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(copy < 0 ? nullptr : ::fdopendir(copy), ::closedir);
    if (!folder) return;
    while (const dirent* entry = ::readdir(folder.get())) {
        if (!std::string_view(entry->d_name).starts_with(prefix)) continue;
        const Fd old(::openat(folder_.get(), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        if (old && ::flock(old.get(), LOCK_EX | LOCK_NB) == 0) ::unlinkat(folder_.get(), entry->d_name, 0);
    }
}

Result<void> AtomicFile::append(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(error(errno));
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

Result<void> AtomicFile::append_from(int source) {
    constexpr std::size_t piece = std::size_t{1} << 20;
    for (;;) {
        ssize_t count = ::copy_file_range(source, nullptr, file_.get(), nullptr, piece, 0);
        // Not between these file systems, or a file that does not know its size (/proc): sendfile copies those, too.
        if (count == 0 || (count < 0 && errno != ENOSPC && errno != EIO))
            count = ::sendfile(file_.get(), source, nullptr, piece);
        if (count == 0) return {};
        if (count < 0 && errno != EINTR) return fail(error(errno));
    }
}

bool AtomicFile::give_name() {
    if (named_) return true;
    // Linking the descriptor itself (AT_EMPTY_PATH) wants CAP_DAC_READ_SEARCH; /proc does not (open(2), O_TMPFILE).
    const std::string self = fmt::format("/proc/self/fd/{}", file_.get());
    named_ = ::linkat(file_.get(), "", folder_.get(), temporary_.c_str(), AT_EMPTY_PATH) == 0 ||
             ::linkat(AT_FDCWD, self.c_str(), folder_.get(), temporary_.c_str(), AT_SYMLINK_FOLLOW) == 0;
    return named_;
}

Result<void> AtomicFile::commit(const FileAttributes& attributes) {
    // chown before chmod: changing the owner clears set-user-ID.
    if (::fchown(file_.get(), attributes.uid, attributes.gid) != 0 || ::fchmod(file_.get(), attributes.mode) != 0 ||
        ::fsync(file_.get()) != 0 || !give_name() ||
        ::renameat(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str()) != 0)
        return fail(error(errno));
    named_ = false;
    if (::fsync(folder_.get()) != 0) return fail(error(errno));
    return {};
}

}  // namespace nodeboot
