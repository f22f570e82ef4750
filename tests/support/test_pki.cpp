#include "support/test_pki.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

namespace nodeboot::testing {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

template <class Write>
std::string pem(Write write) {
    BIO* out = BIO_new(BIO_s_mem());
    write(out);
    char* data = nullptr;
    const auto length = BIO_get_mem_data(out, &data);
    std::string text(data, static_cast<std::size_t>(length));
    BIO_free(out);
    return text;
}

Key key_of(const std::string& text) {
    BIO* in = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
    Key key(PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr), EVP_PKEY_free);
    BIO_free(in);
    return key;
}

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

KeyPair sign(const CertificateWish& wish, const KeyPair* ca) {
    const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const Certificate certificate(X509_new(), X509_free);
    X509* raw = certificate.get();
    static long serial = 1;
    X509_set_version(raw, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(raw), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(raw), wish.valid_from.count());
    X509_gmtime_adj(X509_getm_notAfter(raw), wish.valid_until.count());
    X509_set_pubkey(raw, key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wish.common_name.c_str()), -1, -1, 0);
    Key signer(nullptr, EVP_PKEY_free);
    if (ca == nullptr) {
        X509_set_issuer_name(raw, X509_get_subject_name(raw));
        extend(raw, raw, NID_basic_constraints, "critical,CA:TRUE");
    } else {
        BIO* in = BIO_new_mem_buf(ca->certificate.data(), static_cast<int>(ca->certificate.size()));
        const Certificate issuer(PEM_read_bio_X509(in, nullptr, nullptr, nullptr), X509_free);
        BIO_free(in);
        X509_set_issuer_name(raw, X509_get_subject_name(issuer.get()));
        std::string names;
        for (const auto& name : wish.names) names += (names.empty() ? "" : ",") + name;
        if (!names.empty()) extend(raw, issuer.get(), NID_subject_alt_name, names);
        if (wish.is_authority) extend(raw, issuer.get(), NID_basic_constraints, "critical,CA:TRUE");
        signer = key_of(ca->key);
    }
    X509_sign(raw, ca == nullptr ? key.get() : signer.get(), EVP_sha256());
    return {pem([&](BIO* out) { PEM_write_bio_X509(out, raw); }),
            pem([&](BIO* out) { PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr); })};
}

}  // namespace

KeyPair make_ca(const std::string& common_name) { return sign({.common_name = common_name}, nullptr); }
KeyPair make_certificate(const KeyPair& ca, const CertificateWish& wish) { return sign(wish, &ca); }

}  // namespace nodeboot::testing
