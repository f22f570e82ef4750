#include "net/certificate.hpp"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctime>

#include "base/cidr.hpp"
#include "base/encoding.hpp"
#include "net/openssl_owned.hpp"
#include "net/sha256.hpp"

namespace nodeboot {
namespace {

Owned<BIO> reader(std::string_view text) {
    return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string text_of(const X509_NAME* name) {
    const Owned<BIO> out(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    char* data = nullptr;
    const long length = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(length)};
}

WallTime time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return WallTime{};
    return WallTime(std::chrono::seconds(timegm(&parts)));
}

std::string ip_text(std::string_view bytes) {
    std::string out;
    if (bytes.size() == 4) {
        for (const char c : bytes) out += fmt::format("{}{}", out.empty() ? "" : ".", static_cast<unsigned char>(c));
        return out;
    }
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) out += (i == 0 ? "" : ":") + to_hex(bytes.substr(i, 2));
    return out;
}

void read_names(const X509* certificate, Certificate& into) {
    const Owned<GENERAL_NAMES> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        const ASN1_STRING* value = name->type == GEN_IPADD ? name->d.iPAddress : name->d.ia5;
        if (name->type != GEN_IPADD && name->type != GEN_DNS) continue;
        const std::string_view bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                                     static_cast<std::size_t>(ASN1_STRING_length(value)));
        if (name->type == GEN_DNS) into.dns_names.emplace_back(bytes);
        if (name->type == GEN_IPADD) into.ip_addresses.push_back(ip_text(bytes));
    }
}

Certificate describe(X509* raw) {
    Certificate certificate;
    certificate.subject = text_of(X509_get_subject_name(raw));
    certificate.issuer = text_of(X509_get_issuer_name(raw));
    certificate.not_before = time_of(X509_get0_notBefore(raw));
    certificate.not_after = time_of(X509_get0_notAfter(raw));
    certificate.is_ca = X509_check_ca(raw) != 0;
    read_names(raw, certificate);
    return certificate;
}

tl::unexpected<Error> no_certificate() {
    ERR_clear_error();
    return fail(ErrorKind::corrupted, "no readable PEM certificate in it");
}

}  // namespace

Result<std::vector<Certificate>> parse_certificates(std::string_view pem) {
    std::vector<Certificate> all;
    const auto in = reader(pem);
    while (const Owned<X509> raw{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)})
        all.push_back(describe(raw.get()));
    const bool clean_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (all.empty() || !clean_end) return no_certificate();
    ERR_clear_error();
    return all;
}

Result<std::string> ca_hash(std::string_view pem) {
    const auto in = reader(pem);
    const Owned<X509> raw{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)};
    if (!raw) return no_certificate();
    unsigned char* der = nullptr;
    const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(raw.get()), &der);
    const Owned<unsigned char> owner(der);
    if (length <= 0) return no_certificate();
    return "sha256:" + sha256_hex({reinterpret_cast<const char*>(der), static_cast<std::size_t>(length)});
}

}  // namespace nodeboot
