#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/config_load.hpp"

namespace nodeboot {
namespace {

constexpr std::uint64_t largest = 1 << 20;  // a megabyte of settings is a wrong file

/// Whole file; an empty optional when there is none.
Result<std::optional<std::string>> read_text(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::string>();
        return fail(errno == EACCES ? ErrorKind::permission : ErrorKind::io,
                    fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    }
    struct stat info {};
    std::string text;
    Error error{ErrorKind::io, "", "", {}};
    if (::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        error = {ErrorKind::invalid_input, fmt::format("{} is a folder, not a file", path), "", {}};
    } else {
        char buffer[16384];
        ssize_t count = 0;
        while (text.size() <= largest && (count = ::read(fd, buffer, sizeof buffer)) > 0)
            text.append(buffer, static_cast<std::size_t>(count));
        if (count < 0) error.message = fmt::format("cannot read {}: {}", path, std::strerror(errno));
        if (text.size() > largest)
            error = {ErrorKind::invalid_input, fmt::format("{} is larger than 1 MiB", path), "", {}};
    }
    ::close(fd);
    if (!error.message.empty()) return fail(std::move(error));
    return std::optional(std::move(text));
}

/// The *.toml of a folder in the order of their names; nothing when the folder is not there.
std::vector<std::string> drop_ins(const std::filesystem::path& folder) {
    std::vector<std::string> paths;
    std::error_code ignored;
    for (std::filesystem::directory_iterator it(folder, ignored), end; !ignored && it != end; it.increment(ignored))
        if (it->path().extension() == ".toml" && !it->path().filename().string().starts_with('.'))
            paths.push_back(it->path().string());
    std::sort(paths.begin(), paths.end());
    return paths;
}

}  // namespace

Result<std::vector<ConfigLayer>> read_config_layers(const std::string& file, Presence presence) {
    std::vector<ConfigLayer> layers;
    auto text = NB_TRY(read_text(file));
    if (text)
        layers.push_back({file, *std::move(text)});
    else if (presence == Presence::required)
        return fail(ErrorKind::not_found, fmt::format("there is no {}", file), "--config names a file to read instead");
    for (const auto& path : drop_ins(std::filesystem::path(file).parent_path() / "config.d"))
        if (auto extra = NB_TRY(read_text(path))) layers.push_back({path, *std::move(extra)});
    return layers;
}

}  // namespace nodeboot
