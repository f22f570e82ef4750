#include "net/ca_bundle.hpp"

#include <fmt/core.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "net/openssl_owned.hpp"

namespace nodeboot {
namespace {

/// Certificate and TBSCertificate are sequences; before the subject stand version (if any), serial number, algorithm,
/// issuer and validity (RFC 5280, 4.1).
Owned<X509_NAME> subject_of(const unsigned char* at, long length) {
    const unsigned char* const end = at + length;
    long size = 0;
    int tag = 0, kind = 0;
    const auto enter = [&] { return (ASN1_get_object(&at, &size, &tag, &kind, end - at) & 0x80) == 0; };
    const auto skip = [&] {
        if (!enter()) return false;
        at += size;
        return true;
    };
    if (!enter() || !enter()) return nullptr;
    const bool versioned = at < end && *at == (V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED);
    for (int left = versioned ? 5 : 4; left > 0; --left)
        if (!skip()) return nullptr;
    return Owned<X509_NAME>(d2i_X509_NAME(nullptr, &at, end - at));
}

/// Of a name as it is compared: without regard to case, blanks and the kind of string. Empty: no memory.
std::optional<unsigned long> hash_of(const X509_NAME* name) {
    int hashed = 0;
    const unsigned long hash = X509_NAME_hash_ex(name, nullptr, nullptr, &hashed);
    return hashed == 1 ? std::optional(hash) : std::nullopt;
}

/// The open file, and where in it is whose certificate.
class Bundle {
   public:
    explicit Bundle(std::FILE* file) : file_(BIO_new_fp(file, BIO_CLOSE)) {}

    /// False: damaged.
    bool index() {
        ERR_set_mark();  // or the connection would take what is left over for its own errors
        const bool good = index_all();
        ERR_pop_to_mark();
        return good;
    }

    bool empty() const { return entries_.empty(); }

    /// All that have this name: after a change of keys an authority has two.
    std::vector<Owned<X509>> find(const X509_NAME* name) const {
        std::vector<Owned<X509>> found;
        const auto hash = hash_of(name);
        ERR_set_mark();  // what cannot be read is not trusted, and no error of the connection
        for (const auto& entry : entries_) {
            if (entry.subject_hash != hash || BIO_seek(file_.get(), entry.offset) < 0) continue;
            Owned<X509> certificate(PEM_read_bio_X509_AUX(file_.get(), nullptr, nullptr, nullptr));
            if (certificate && X509_NAME_cmp(X509_get_subject_name(certificate.get()), name) == 0)
                found.push_back(std::move(certificate));
        }
        ERR_pop_to_mark();
        return found;
    }

   private:
    bool index_all() {
        for (;;) {
            const long offset = BIO_tell(file_.get());
            char *name = nullptr, *header = nullptr;
            unsigned char* data = nullptr;
            long length = 0;
            const bool found = PEM_read_bio(file_.get(), &name, &header, &data, &length) == 1;
            const Owned<void> owned_name(name), owned_header(header), owned_data(data);
            if (!found) return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;  // the end
            if (!is_certificate(name)) continue;
            const auto subject = subject_of(data, length);
            const auto hash = subject ? hash_of(subject.get()) : std::nullopt;
            if (!hash) return false;
            entries_.push_back({*hash, offset});
        }
    }

    static bool is_certificate(std::string_view name) {
        return name == PEM_STRING_X509 || name == PEM_STRING_X509_OLD || name == PEM_STRING_X509_TRUSTED;
    }

    struct Entry {
        unsigned long subject_hash;
        long offset;
    };
    Owned<BIO> file_;
    std::vector<Entry> entries_;
};

/// Asked for whatever a chain wants to know of and the store does not have yet. What is found goes into the store, which
/// from then on holds what SSL_CTX_load_verify_file() would have put there under that name; the answer is lent from it.
int by_subject(X509_LOOKUP* lookup, X509_LOOKUP_TYPE type, const X509_NAME* name, X509_OBJECT* answer) {
    if (type != X509_LU_X509) return 0;
    X509_STORE* store = X509_LOOKUP_get_store(lookup);
    for (const auto& certificate : static_cast<const Bundle*>(X509_LOOKUP_get_method_data(lookup))->find(name))
        X509_STORE_add_cert(store, certificate.get());
    X509_STORE_lock(store);
    const X509_OBJECT* found = X509_OBJECT_retrieve_by_subject(X509_STORE_get0_objects(store), type, name);
    X509* certificate = found != nullptr ? X509_OBJECT_get0_X509(found) : nullptr;
    X509_STORE_unlock(store);
    if (certificate == nullptr || X509_OBJECT_set1_X509(answer, certificate) != 1) return 0;
    X509_free(certificate);  // who asked takes a reference of its own to the answer (X509_STORE_CTX_get_by_subject)
    return 1;
}

X509_LOOKUP_METHOD* lookup_method() {
    static X509_LOOKUP_METHOD* const method = [] {
        auto* made = X509_LOOKUP_meth_new("a bundle, certificate by certificate");
        X509_LOOKUP_meth_set_get_by_subject(made, by_subject);
        X509_LOOKUP_meth_set_free(
            made, [](X509_LOOKUP* lookup) { delete static_cast<Bundle*>(X509_LOOKUP_get_method_data(lookup)); });
        return made;
    }();
    return method;
}

}  // namespace

Result<void> trust_bundle(ssl_ctx_st* context, const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "rbe");
    if (file == nullptr)
        return fail(ErrorKind::invalid_input,
                    fmt::format("cannot read the CA bundle {}: {}", path, std::strerror(errno)));
    auto bundle = std::make_unique<Bundle>(file);
    if (!bundle->index()) return fail(ErrorKind::invalid_input, fmt::format("the CA bundle {} is damaged", path));
    if (bundle->empty())
        return fail(ErrorKind::invalid_input, fmt::format("the CA bundle {} has no certificate in it", path));
    auto* lookup = X509_STORE_add_lookup(SSL_CTX_get_cert_store(context), lookup_method());
    if (lookup == nullptr) return fail(ErrorKind::internal, "no memory for the CA bundle " + path);
    X509_LOOKUP_set_method_data(lookup, bundle.release());
    return {};
}

}  // namespace nodeboot
