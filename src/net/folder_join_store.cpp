#include "net/folder_join_store.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace nodeboot {
namespace {

tl::unexpected<Error> os_error(std::string_view what, const std::string& path) {
    const int code = errno;
    return fail(code == EACCES || code == EPERM ? ErrorKind::permission : ErrorKind::io,
                fmt::format("join store: cannot {} {}: {}", what, path, std::strerror(code)));
}

class File {
   public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    int get() const { return descriptor_; }
    bool open() const { return descriptor_ >= 0; }

   private:
    int descriptor_;
};

Result<std::optional<Secret>> read_all(const std::string& path) {
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.open()) {
        if (errno == ENOENT || errno == ENOTDIR) return std::optional<Secret>{};
        return os_error("open", path);
    }
    std::string content(std::size_t{1} << 16, '\0');  // the largest that SSM would take is 8 KiB
    const auto got = ::read(file.get(), content.data(), content.size());
    if (got < 0) return os_error("read", path);
    content.resize(static_cast<std::size_t>(got));
    return std::optional(Secret(std::move(content)));
}

Result<void> sync_folder(const std::string& folder) {
    const File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!file.open() || ::fsync(file.get()) != 0) return os_error("sync", folder);
    return {};
}

class FolderJoinStore final : public JoinStore {
   public:
    FolderJoinStore(const std::string& folder, const std::string& cluster) : folder_(folder + "/" + cluster) {}

    Result<std::optional<JoinSecret>> fetch(Look /*a file is there or not*/) const override {
        const auto document = NB_TRY(read_all(folder_ + "/join"));
        if (!document) return std::optional<JoinSecret>{};
        return std::optional(NB_TRY_CONTEXT(parse_join_secret(*document), folder_ + "/join"));
    }

    Result<void> publish(const JoinSecret& secret) override { return replace("join", serialise(secret)); }

    Result<std::optional<Secret>> fetch_kubeconfig() const override { return read_all(folder_ + "/kubeconfig"); }
    Result<void> publish_kubeconfig(const Secret& kubeconfig) override { return replace("kubeconfig", kubeconfig); }

    std::string describe() const override { return "file " + folder_ + "/join"; }

   private:
    Result<void> replace(const std::string& name, const Secret& content) {
        const std::string path = folder_ + "/" + name;
        const std::string temporary = NB_TRY(write_temporary(content.reveal(), fmt::format(".{}.new", name)));
        if (::rename(temporary.c_str(), path.c_str()) != 0) return os_error("rename to", path);
        return sync_folder(folder_);
    }

    Result<std::string> write_temporary(std::string_view content, const std::string& name) {
        std::error_code error;
        std::filesystem::create_directories(std::filesystem::path(folder_).parent_path(), error);
        if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) return os_error("make", folder_);
        if (::chmod(folder_.c_str(), 0700) != 0) return os_error("set mode 0700 of", folder_);
        const std::string path = folder_ + "/" + name;
        ::unlink(path.c_str());  // a crash may have left it, with whatever mode
        const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (!file.open()) return os_error("create", path);
        if (::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
            return os_error("write", path);
        if (::fsync(file.get()) != 0) return os_error("sync", path);
        return path;
    }

    std::string folder_;
};

}  // namespace

std::unique_ptr<JoinStore> make_folder_join_store(const std::string& folder, const std::string& cluster) {
    return std::make_unique<FolderJoinStore>(folder, cluster);
}

}  // namespace nodeboot
