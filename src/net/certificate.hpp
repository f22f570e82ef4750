#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace nodeboot {

/// What an X.509 certificate says of itself. Nothing is verified here: trust is TLS's business.
struct Certificate {
    std::string subject;  ///< "O = system:nodes, CN = system:node:ip-10-0-1-5"
    std::string issuer;
    WallTime not_before{};
    WallTime not_after{};
    std::vector<std::string> dns_names;     ///< subjectAltName
    std::vector<std::string> ip_addresses;  ///< subjectAltName
    bool is_ca = false;
};

/// All certificates of a PEM text, in order; keys and comments between them are skipped.
/// `corrupted` when there is none or one cannot be parsed.
Result<std::vector<Certificate>> parse_certificates(std::string_view pem);

/// "sha256:" + hex of SHA-256 over the DER SubjectPublicKeyInfo of the first certificate, which is what kubeadm's
/// --discovery-token-ca-cert-hash compares (RFC 7469 pins the same bytes). Not a hash of the certificate.
Result<std::string> ca_hash(std::string_view pem);

}  // namespace nodeboot
