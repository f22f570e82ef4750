#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "launch/ssh_key.hpp"
#include "net/sha256.hpp"

namespace nodeboot {
namespace {

tl::unexpected<Error> os_error(std::string_view what, const std::string& path) {
    return fail(ErrorKind::io, fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

/// A new file, whole or not at all: nothing is ever written over, and a crash leaves only the .new file.
Result<void> write_new(const std::string& path, std::string_view content, mode_t mode) {
    const std::string half = path + ".new";
    ::unlink(half.c_str());
    const int file = ::open(half.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (file < 0) return os_error("create", half);
    auto written = [&]() -> Result<void> {
        if (::fchmod(file, mode) != 0) return os_error("set the mode of", half);
        while (!content.empty()) {
            const auto count = ::write(file, content.data(), content.size());
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return os_error("write", half);
            content.remove_prefix(static_cast<std::size_t>(count));
        }
        if (::fsync(file) != 0) return os_error("sync", half);
        if (::link(half.c_str(), path.c_str()) != 0) return os_error("create", path);
        return {};
    }();
    ::close(file);
    ::unlink(half.c_str());
    return written;
}

Result<SshPublicKey> read_public_key(const ReadFile& read, const std::string& path) {
    const auto text = NB_TRY(read(path));
    if (!text) return fail(ErrorKind::not_found, fmt::format("there is no file {}", path));
    return NB_TRY_CONTEXT(parse_ssh_public_key(*text), path);
}

}  // namespace

Result<std::optional<SshPublicKey>> chosen_ssh_key(const Config& config, const ReadFile& read,
                                                   const std::string& home) {
    const std::string& given = config.access.ssh_public_key;
    if (given.starts_with('/'))
        return std::optional(NB_TRY_CONTEXT(read_public_key(read, given), "access.ssh_public_key"));
    if (!given.empty()) return std::optional(NB_TRY_CONTEXT(parse_ssh_public_key(given), "access.ssh_public_key"));
    for (const auto* name : {"/.ssh/id_ed25519.pub", "/.ssh/id_rsa.pub"})
        if (const auto text = NB_TRY(read(home + name)))
            return std::optional(NB_TRY_CONTEXT(parse_ssh_public_key(*text), home + name));
    if (config.access.ssh_from.empty()) return std::optional<SshPublicKey>{};
    return fail(ErrorKind::invalid_input,
                fmt::format("access.ssh_from opens SSH, and there is no public key in {}/.ssh", home),
                "set access.ssh_public_key, or access.ssh_generated_key to have one made");
}

Result<std::optional<SshPublicKey>> kept_ssh_key(const ReadFile& read, const std::string& path) {
    auto text = NB_TRY(read(path));
    if (!text) return std::optional<SshPublicKey>{};
    return std::optional(NB_TRY_CONTEXT(public_half(Secret(*std::move(text))), path));
}

Result<SshPublicKey> generate_ssh_key(const std::string& path, const std::string& comment) {
    const auto made = NB_TRY(make_ssh_key(NB_TRY(random_bytes(32)), NB_TRY(random_bytes(4)), comment));
    NB_CHECK_CONTEXT(write_new(path, made.private_file.reveal(), 0600), "SSH key");
    // The private file alone is enough to go on with, so the public one may be there from another time.
    ::unlink((path + ".pub").c_str());
    NB_CHECK_CONTEXT(write_new(path + ".pub", fmt::format("{} {}\n", made.public_key.line(), comment), 0644),
                     "SSH key");
    return made.public_key;
}

}  // namespace nodeboot
