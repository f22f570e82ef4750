#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"

namespace nodeboot::testing {

/// Certificates made for one test: a CA and what it signed, in PEM.
struct KeyPair {
    std::string certificate;
    std::string key;
};

struct CertificateWish {
    std::string common_name;
    std::vector<std::string> names;  ///< subjectAltName in OpenSSL's notation: "DNS:localhost", "IP:127.0.0.1"
    std::chrono::seconds valid_from = std::chrono::hours(-1);  ///< from now
    std::chrono::seconds valid_until = std::chrono::hours(24);
    bool is_authority = false;  ///< may sign others: an intermediate CA
};

KeyPair make_ca(const std::string& common_name);
KeyPair make_certificate(const KeyPair& ca, const CertificateWish& wish);

}  // namespace nodeboot::testing
