#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace nodeboot {

/// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104) by OpenSSL's EVP. Digests are 32 raw bytes or 64 lower-case hex
/// digits, as the names say. Memory use does not depend on how much is hashed.

class Sha256 {
   public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    void update(std::string_view bytes);
    std::string finish_hex();  ///< once; the object is of no use afterwards

   private:
    struct Context;
    std::unique_ptr<Context> context_;
};

std::string sha256_hex(std::string_view bytes);
std::string sha256_raw(std::string_view bytes);
/// `not_found` when there is no such file, `io` when it cannot be read.
Result<std::string> sha256_file(const std::string& path);
/// The digest under a key, raw.
Secret hmac_sha256(std::string_view key, std::string_view message);

/// `count` bytes of OpenSSL's random generator.
Result<Secret> random_bytes(std::size_t count);

}  // namespace nodeboot
