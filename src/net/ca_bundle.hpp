#pragma once

#include <string>

#include "base/result.hpp"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace nodeboot {

/// Lets `context` trust the authorities in a file of certificates (PEM), those and no others, as
/// SSL_CTX_load_verify_file() does. But of the 140 authorities that a system's bundle has, a connection needs one or two:
/// here a certificate is parsed when a peer's chain names it, where OpenSSL would parse and keep all of them (0.9 MiB,
/// and a third of the processor time of a whole `node plan`). The file is open as long as `context` lives.
/// Errors: the file cannot be read, is damaged or has no certificate in it.
Result<void> trust_bundle(ssl_ctx_st* context, const std::string& path);

}  // namespace nodeboot
