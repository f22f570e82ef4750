#include "net/sha256.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/encoding.hpp"

namespace nodeboot {

struct Sha256::Context {
    EVP_MD_CTX* raw = EVP_MD_CTX_new();
    Context() { EVP_DigestInit_ex(raw, EVP_sha256(), nullptr); }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context() { EVP_MD_CTX_free(raw); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) { EVP_DigestUpdate(context_->raw, bytes.data(), bytes.size()); }

std::string Sha256::finish_hex() {
    std::array<unsigned char, 32> digest{};
    EVP_DigestFinal_ex(context_->raw, digest.data(), nullptr);
    return to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string sha256_raw(std::string_view bytes) {
    std::string digest(32, '\0');
    EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
               nullptr);
    return digest;
}

std::string sha256_hex(std::string_view bytes) { return to_hex(sha256_raw(bytes)); }

Result<std::string> sha256_file(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fail(errno == ENOENT ? ErrorKind::not_found : ErrorKind::io,
                    fmt::format("cannot open {}: {}", path, std::strerror(errno)));
    Sha256 hash;
    std::vector<char> buffer(std::size_t{1} << 18);
    for (;;) {
        const auto got = ::read(file, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            const int error = errno;
            ::close(file);
            if (got < 0) return fail(ErrorKind::io, fmt::format("cannot read {}: {}", path, std::strerror(error)));
            return hash.finish_hex();
        }
        hash.update({buffer.data(), static_cast<std::size_t>(got)});
    }
}

Secret hmac_sha256(std::string_view key, std::string_view message) {
    std::string digest(32, '\0');
    unsigned length = 32;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(message.data()),
         message.size(), reinterpret_cast<unsigned char*>(digest.data()), &length);
    return Secret(std::move(digest));
}

Result<Secret> random_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1)
        return fail(ErrorKind::internal, "OpenSSL's random generator gave nothing");
    return Secret(std::move(bytes));
}

}  // namespace nodeboot
